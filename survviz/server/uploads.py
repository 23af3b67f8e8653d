"""Uploads streamed to disk in resumable parts, so that a slide of several GB never lies in memory."""

from __future__ import annotations

import os
import re
import shutil
import time
import unicodedata
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse

from survviz.errors import InputError
from survviz.server.auth import owner_of_cookies
from survviz.server.folders import upload_folder
from survviz.workspace import workspace

SIZE_VARIABLE = "SURVVIZ_MAX_UPLOAD_GB"
DEFAULT_SIZE_GB = 20.0
KEEP_FREE = 1 << 30
KEEP_PARTS_DAYS = 2
UPLOAD_FORM = re.compile(r"[A-Za-z0-9_-]{8,64}")
SUFFIXES = [
    ".svs",
    ".tif",
    ".tiff",
    ".ndpi",
    ".mrxs",
    ".scn",
    ".bif",
    ".dcm",
    ".svslide",
    ".vms",
    ".vmu",
    ".h5",
    ".pt",
    ".csv",
    ".tsv",
    ".txt",
    ".gz",
    ".xlsx",
    ".parquet",
    ".json",
    ".toml",
]


def clean_name(name: str) -> str:
    """A file name without folders, control characters or leading dots.

    Raises:
        InputError: nothing is left, or the kind of file is not one that survviz reads.
    """
    base = unicodedata.normalize("NFC", name).replace("\\", "/").rsplit("/", 1)[-1]
    clean = re.sub(r"[^\w.\- ()]", "_", base).strip(" .")[-150:]
    if Path(clean).suffix.lower() not in SUFFIXES:
        raise InputError(f"A file named {base!r} was given; expected one of {' '.join(SUFFIXES)}.")
    return clean


def largest_upload() -> int:
    """Bytes; `$SURVVIZ_MAX_UPLOAD_GB`, by default 20."""
    return int(float(os.environ.get(SIZE_VARIABLE) or DEFAULT_SIZE_GB) * (1 << 30))


def uploaded_file(owner: str, name: str) -> Path:
    """The path of a finished upload.

    Raises:
        InputError: there is none of this name.
    """
    path = upload_folder(owner) / clean_name(name)
    if not path.is_file():
        raise InputError(f"No upload named {name!r} was found. Upload the file again.")
    return path


def list_uploads(owner: str) -> list[Path]:
    """Finished uploads, newest first."""
    files = [path for path in upload_folder(owner).iterdir() if not path.name.startswith(".")]
    return sorted(files, key=lambda path: path.stat().st_mtime, reverse=True)


def delete_upload(owner: str, name: str) -> None:
    """Remove a finished upload."""
    uploaded_file(owner, name).unlink()


def forget_unfinished(days: float = KEEP_PARTS_DAYS) -> int:
    """Remove parts of uploads that nobody has gone on with; returns how many."""
    oldest = time.time() - days * 86400
    stale = [part for part in workspace("uploads").glob("*/.*.part") if part.stat().st_mtime < oldest]
    for part in stale:
        part.unlink(missing_ok=True)
    return len(stale)


def same_origin(request: Request) -> bool:
    """Whether a page of this very server sent the request; browsers always say so on PUT."""
    origin = urlsplit(request.headers.get("origin", ""))
    return bool(origin.netloc) and origin.netloc == request.headers.get("host")


def _refuse(status: int, reason: str, **more: int) -> JSONResponse:
    return JSONResponse({"error": reason, **more}, status_code=status, headers={"cache-control": "no-store"})


async def receive_upload(request: Request) -> JSONResponse:
    """`PUT /sv/upload/{id}?name=&size=&offset=`: append a part; the last one makes the file.

    Answers `{"received": bytes}`, and with the last part `{"received", "name"}`. A part at the wrong place answers 409
    with `received`, from where to go on; so an interrupted upload is resumed by sending its id again.
    """
    owner = owner_of_cookies(request.cookies)
    if owner is None or not same_origin(request):
        return _refuse(403, "Uploads are taken from this app's own pages only. Reload the page and try again.")
    upload, query = request.path_params["upload"], request.query_params
    if not UPLOAD_FORM.fullmatch(upload) or not (
        query.get("size", "").isdecimal() and query.get("offset", "0").isdecimal()
    ):
        return _refuse(400, "The upload's id, size or offset is not understood.")
    size, offset = int(query["size"]), int(query.get("offset", "0"))
    try:
        name = clean_name(query.get("name", ""))
    except InputError as error:
        return _refuse(400, str(error))
    folder = upload_folder(owner)
    if size > largest_upload() or size + KEEP_FREE > shutil.disk_usage(folder).free:
        room = min(largest_upload(), shutil.disk_usage(folder).free - KEEP_FREE)
        return _refuse(413, f"The file has {size / 1e9:.1f} GB; at most {max(room, 0) / 1e9:.1f} GB fit here.")
    part = folder / f".{upload}.part"
    here = part.stat().st_size if part.exists() else 0
    if offset != here:
        return _refuse(409, "Another part was expected.", received=here)
    try:
        received = await _append(part, request.stream(), size)
    except ClientDisconnect:
        return _refuse(499, "The upload was interrupted.")
    if received > size:
        part.unlink()
        return _refuse(400, f"More than the announced {size} bytes arrived. Start the upload again.")
    if received < size:
        return JSONResponse({"received": received})
    final = await run_in_threadpool(_finish, part, folder / name)
    return JSONResponse({"received": received, "name": final.name})


async def _append(part: Path, stream: AsyncIterator[bytes], limit: int) -> int:
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "ab", buffering=1 << 20) as file:
        async for chunk in stream:
            if file.tell() + len(chunk) > limit:
                return limit + 1
            file.write(chunk)
        return file.tell()


def _finish(part: Path, target: Path) -> Path:
    """Rename, never over another file."""
    number = 1
    final = target
    while final.exists():
        number += 1
        final = target.with_name(f"{target.stem} ({number}){target.suffix}")
    part.replace(final)
    return final
