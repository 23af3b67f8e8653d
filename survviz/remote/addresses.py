"""What is an address, and which kinds are read."""

from __future__ import annotations

import re

from survviz.errors import InputError

SCHEMES = ("s3", "file", "memory")
PATTERN = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]+):/")


def is_address(text: object) -> bool:
    """Whether this is an address and not a path; also one whose slashes a path has merged (`s3:/bucket`)."""
    return PATTERN.match(str(text)) is not None


def scheme_of(address: str) -> str:
    """The kind of an address.

    Raises:
        InputError: survviz reads none of this kind.
    """
    found = re.match(r"^([A-Za-z][A-Za-z0-9+.-]+)://", address)
    if found is None or found[1] not in SCHEMES:
        kinds = ", ".join(f"{one}://" for one in SCHEMES)
        raise InputError(f"{address} is no address that survviz reads. Expected {kinds}.")
    return found[1]


def joined(address: str, name: str) -> str:
    """The address of something below an address.

    Raises:
        InputError: the name leads out of it.
    """
    parts = name.split("/")
    if name.startswith("/") or "\\" in name or any(part in ("", ".", "..") for part in parts):
        raise InputError(f"{name!r} is no plain path below {address}.")
    return f"{address.rstrip('/')}/{name}"


def refuse_address(text: object) -> None:
    """Raise where an address stands in the place of a path.

    Raises:
        InputError: it is an address.
    """
    if is_address(text):
        raise InputError(
            f"{text} is an address. survviz reads addresses only from the command line (--cohort of train, infer, "
            "evaluate, predict and reproduce, the cohorts of benchmark): copy the files into a folder."
        )
