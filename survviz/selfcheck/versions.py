"""Python and packages against the pins of this release."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, metadata, requires, version

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from survviz.selfcheck.row import Row

GROUP = "Versions"
EXTRAS = {"dicom": "DICOM maps and annotations", "encoders": "foundation encoders", "oidc": "sign-in by OIDC"}


def rows() -> Iterator[Row]:
    """Python, every pinned package, and what is optional."""
    wanted, found = metadata("survviz")["Requires-Python"], platform.python_version()
    if SpecifierSet(wanted).contains(found):
        yield Row(GROUP, "Python", "ok", found)
    else:
        yield Row(GROUP, "Python", "fail", found, f"Install Python {wanted} and survviz into it.")
    pins = [Requirement(text) for text in requires("survviz") or []]
    yield from _needed([pin for pin in pins if pin.marker is None])
    for extra, words in EXTRAS.items():
        yield _optional(extra, words, [pin for pin in pins if pin.marker and pin.marker.evaluate({"extra": extra})])


def _installed(pin: Requirement) -> str | None:
    try:
        return version(pin.name)
    except PackageNotFoundError:
        return None


def _needed(pins: list[Requirement]) -> Iterator[Row]:
    """One row for all that fit, one for each that does not."""
    fitting = 0
    for pin in pins:
        found = _installed(pin)
        if found is None:
            yield Row(GROUP, pin.name, "fail", "not installed", f"pip install '{pin.name}{pin.specifier}'")
        elif not pin.specifier.contains(found.partition("+")[0], prereleases=True):
            words = f"{found}; this release was tested with {pin.specifier}"
            yield Row(GROUP, pin.name, "warn", words, f"pip install '{pin.name}{pin.specifier}'")
        else:
            fitting += 1
    yield Row(GROUP, "Packages", "ok", f"{fitting} of {len(pins)} are as pinned")


def _optional(extra: str, words: str, pins: list[Requirement]) -> Row:
    missing = [pin.name for pin in pins if _installed(pin) is None]
    if missing:
        found = f"not installed ({', '.join(missing)}); without it: no {words}"
        return Row(GROUP, f"Extra {extra}", "ok", found)
    return Row(GROUP, f"Extra {extra}", "ok", f"installed: {words}")
