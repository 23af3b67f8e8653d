"""What lies behind an address, by fsspec."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from survviz.errors import InputError
from survviz.remote.addresses import scheme_of

ANONYMOUS_VARIABLE = "SURVVIZ_S3_ANONYMOUS"
MOST_BYTES = 2**24
STAMPS = ("ETag", "etag", "LastModified", "mtime", "created")


@dataclass(frozen=True, slots=True)
class Found:
    """A file behind an address.

    Attributes:
        stamp: changes with its content: the store's tag, else its date.
    """

    size: int
    stamp: str


def describe(address: str) -> Found:
    """Size and stamp of a file.

    Raises:
        InputError: there is none, or the store does not answer.
    """
    with _store(address) as (store, path):
        return _found(store.info(path))


def listing(address: str) -> dict[str, Found]:
    """Name -> file, of the files directly in a folder; empty where there is no such folder.

    Raises:
        InputError: the store does not answer.
    """
    with _store(address) as (store, path):
        try:
            found = store.ls(path, detail=True)
        except FileNotFoundError:
            return {}
        return {one["name"].rstrip("/").rsplit("/", 1)[-1]: _found(one) for one in found if one["type"] == "file"}


def read(address: str) -> bytes:
    """A small file.

    Raises:
        InputError: there is none, it is not small, or the store does not answer.
    """
    with _store(address) as (store, path):
        size = _found(store.info(path)).size
        if size > MOST_BYTES:
            raise InputError(f"{address} has {size:,} bytes; expected at most {MOST_BYTES:,}.")
        return store.cat_file(path)


def fetch(address: str, target: Path, expected: Found) -> None:
    """Write a file's bytes.

    Raises:
        InputError: it is another one than was listed, or the store does not answer.
    """
    with _store(address) as (store, path):
        store.get_file(path, str(target))
        now = _found(store.info(path))
    if now != expected or target.stat().st_size != expected.size:
        raise InputError(f"{address} was written again while it was read. Start the command again.")


def _found(info: dict[str, Any]) -> Found:
    stamp = next((info[name] for name in STAMPS if info.get(name) is not None), "")
    if isinstance(stamp, datetime):  # one store says in a listing a number, and of a file a date
        stamp = stamp.timestamp()
    text = f"{stamp:.6f}" if isinstance(stamp, float) else str(stamp)
    return Found(int(info["size"] or 0), text.strip('"'))


@contextmanager
def _store(address: str) -> Iterator[tuple[Any, str]]:
    """The file system of an address and the path in it; listings are never taken from memory."""
    scheme = scheme_of(address)
    try:
        import fsspec

        options: dict[str, Any] = {"use_listings_cache": False} if scheme == "s3" else {}
        if scheme == "s3" and os.environ.get(ANONYMOUS_VARIABLE) == "1":
            options["anon"] = True
        store, path = fsspec.core.url_to_fs(address, **options)
    except ImportError as error:
        raise InputError(f"{address} needs more than is installed: pip install 'survviz[cluster]'.") from error
    try:
        yield store, path
    except InputError:
        raise
    except FileNotFoundError as error:
        raise InputError(f"There is no {address}.") from error
    except (*_foreign(scheme), OSError, ValueError) as error:
        raise InputError(
            f"{address} cannot be read: {error or type(error).__name__}. Check the address, AWS_ENDPOINT_URL and the "
            f"credentials ({ANONYMOUS_VARIABLE}=1 for a public bucket)."
        ) from error


def _foreign(scheme: str) -> tuple[type[Exception], ...]:
    """What a store's own library raises."""
    if scheme != "s3":
        return ()
    from botocore.exceptions import BotoCoreError, ClientError

    return BotoCoreError, ClientError
