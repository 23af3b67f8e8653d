"""Routes of uploads: parts streamed to disk, so that a slide of several GB never lies in memory, and can be resumed."""

from __future__ import annotations

import errno
import os
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Route

from survviz.deployment import allow, record
from survviz.errors import AccessError, InputError, SurvvizError
from survviz.server.auth import owner_of_cookies
from survviz.server.uploads import (
    Unfinished,
    announce,
    clean_name,
    discard,
    finish,
    free_for_uploads,
    part_file,
    room_for_upload,
)
from survviz.units import bytes_in_words
from survviz.workspace import disk_words

WRITE_BYTES = 1 << 20
NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
NOTHING = "Nothing of this upload is here. Choose the file again."
FOREIGN = "Uploads are taken from this app's own pages only. Reload the page and try again."


def upload_routes(prefix: str) -> list[BaseRoute]:
    """For `routes`: PUT a part, ask how far an upload is (GET), give it up (DELETE)."""
    return [
        Route(prefix + "/upload/{upload}", partial(receive_upload, arriving=set()), methods=["PUT"]),
        Route(prefix + "/upload/{upload}", upload_state, methods=["GET"]),
        Route(prefix + "/upload/{upload}", discard_upload, methods=["DELETE"]),
    ]


def _owner(request: Request) -> str:
    owner = owner_of_cookies(request.cookies)
    if owner is None:
        raise InputError(FOREIGN)
    return owner


def same_origin(request: Request) -> bool:
    """Whether a page of this very server sent the request; browsers always say so on PUT and DELETE."""
    origin = urlsplit(request.headers.get("origin", ""))
    return bool(origin.netloc) and origin.netloc == request.headers.get("host")


def _refuse(status: int, reason: str, **more: int) -> JSONResponse:
    return JSONResponse({"error": reason, **more}, status_code=status, headers={"cache-control": "no-store"})


def _tell(**content: object) -> JSONResponse:
    return JSONResponse(content, headers={"cache-control": "no-store"})


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


async def upload_state(request: Request) -> JSONResponse:
    """`GET /sv/upload/{id}`: `{"received": bytes}`; 404 for an upload of which nothing is here."""
    try:
        part = part_file(_owner(request), request.path_params["upload"])
    except SurvvizError as error:
        return _refuse(404, str(error))
    return _tell(received=_size(part)) if part.exists() else _refuse(404, NOTHING)


async def discard_upload(request: Request) -> JSONResponse:
    """`DELETE /sv/upload/{id}`: remove the parts that have arrived."""
    if not same_origin(request):
        return _refuse(403, FOREIGN)
    try:
        discarded = discard(_owner(request), request.path_params["upload"])
    except SurvvizError as error:
        return _refuse(404, str(error))
    return _tell(discarded=True) if discarded else _refuse(404, NOTHING)


async def receive_upload(request: Request, arriving: set[Path]) -> JSONResponse:
    """`PUT /sv/upload/{id}?name=&size=&offset=`: append a part; the last one makes the file.

    Answers `{"received": bytes}`, and with the last part `{"received", "name"}`. A part at the wrong place answers 409
    with `received`, from where to go on; 423 while another tab sends the same file; 507 when the disk is full.

    Args:
        arriving: parts that a request is writing to; two writers would mix their bytes.
    """
    owner = owner_of_cookies(request.cookies)
    if owner is None or not same_origin(request):
        return _refuse(403, FOREIGN)
    try:
        allow(owner, "upload")
    except AccessError as error:
        return _refuse(403, str(error))
    query = request.query_params
    if not (query.get("size", "").isdecimal() and query.get("offset", "0").isdecimal()):
        return _refuse(400, "The upload's size or offset is not understood. Reload the page and choose the file again.")
    try:
        coming = Unfinished(request.path_params["upload"], clean_name(query.get("name", "")), int(query["size"]))
        part = part_file(owner, coming.id)
    except InputError as error:
        return _refuse(400, str(error))
    here = _size(part)
    room = here + room_for_upload(owner, coming.id)
    if coming.size > room:
        if here and coming.size - here > free_for_uploads(owner):
            return _full(part, coming)
        words = bytes_in_words(coming.size), bytes_in_words(max(0, room))
        return _refuse(413, f"{coming.name} has {words[0]}; at most {words[1]} fit here.")
    if part in arriving:
        return _refuse(423, f"{coming.name} is being sent from another tab.", received=here)
    if int(query.get("offset", "0")) != here:
        return _refuse(409, "Another part was expected.", received=here)
    arriving.add(part)
    try:
        return await _receive(request, owner, coming, part)
    finally:
        arriving.discard(part)


def _full(part: Path, coming: Unfinished) -> JSONResponse:
    when = "when there is room again, choose the same file to go on."
    return _refuse(507, f"The server's disk is full. {_kept(part, coming)}; {when}")


def _kept(part: Path, coming: Unfinished) -> str:
    return f"{bytes_in_words(_size(part))} of {bytes_in_words(coming.size)} are kept"


async def _receive(request: Request, owner: str, coming: Unfinished, part: Path) -> JSONResponse:
    try:
        announce(owner, coming)
        received = await _append(part, request.stream(), coming.size)
    except ClientDisconnect:
        return _refuse(499, "The upload was interrupted.")
    except OSError as error:
        if error.errno == errno.EROFS:
            return _refuse(507, f"{disk_words(error)} {_kept(part, coming)}.")
        if error.errno not in NO_SPACE:
            raise
        return _full(part, coming)
    if received > coming.size:
        discard(owner, coming.id)
        return _refuse(400, f"More than the announced {coming.size} bytes arrived. Start the upload again.")
    if received < coming.size:
        return _tell(received=received)
    try:
        record(owner, "uploaded", file=coming.name, bytes=received)
    except SurvvizError as error:
        return _refuse(503, str(error))
    final = await run_in_threadpool(finish, owner, coming.id, coming.name)
    return _tell(received=received, name=final.name)


async def _append(part: Path, stream: AsyncIterator[bytes], limit: int) -> int:
    """Bytes of the file afterwards; what arrives beyond `limit` is counted, not kept.

    Written a megabyte at a time and in a thread: a disk that is behind must not hold up the tiles.
    """
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    held, size = bytearray(), os.fstat(descriptor).st_size
    try:
        async for chunk in stream:
            if size + len(held) + len(chunk) > limit:
                return limit + 1
            held += chunk
            if len(held) >= WRITE_BYTES:
                size += await run_in_threadpool(_write, descriptor, held)
                held = bytearray()
        return size + await run_in_threadpool(_write, descriptor, held)
    except ClientDisconnect:
        _write(descriptor, held)  # what has arrived need not be sent again
        raise
    finally:
        os.close(descriptor)


def _write(descriptor: int, data: bytes | bytearray) -> int:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
    return len(data)
