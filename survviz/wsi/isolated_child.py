"""The processes that read strangers' files: `python -m survviz.wsi.isolated_child DESCRIPTOR`.

A template, which has the decoders loaded and opens nothing, forks one child per file: it starts in milliseconds, and
shares the template's memory. What the child and the server say to each other are frames: a kind, a length, bytes.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import socket
import struct
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from survviz.errors import InputError, MissingMppError, SlideError

FRAME = struct.Struct("!cQ")
PIXELS, BYTES, NOTHING, TEXT, RECORD = b"P", b"J", b"N", b"T", b"F"
BAD_SLIDE, BAD_INPUT, NO_MPP, UNEXPECTED, RESTING = b"e", b"i", b"m", b"x", b"b"
OPEN_FILES = 64
LONGEST_REQUEST = 1 << 16

Limits = Mapping[str, int]


def send_frame(connection: socket.socket, kind: bytes, *parts: bytes | memoryview) -> None:
    """Send one frame."""
    connection.sendall(FRAME.pack(kind, sum(len(part) for part in parts)))
    for part in parts:
        connection.sendall(part)


def receive_exactly(connection: socket.socket, buffer: memoryview) -> None:
    """Fill a buffer.

    Raises:
        EOFError: the other side is gone.
    """
    while buffer:
        count = connection.recv_into(buffer)
        if count == 0:
            raise EOFError("the other process is gone")
        buffer = buffer[count:]


def receive_line(connection: socket.socket) -> bytes:
    """One line of a conversation in which the other side waits for an answer; empty when it is gone."""
    line = b""
    while not line.endswith(b"\n"):
        part = connection.recv(LONGEST_REQUEST)
        if not part:
            return b""
        line += part
    return line


def confine(limits: Limits) -> None:
    """Cap memory and open files; no core files, no file can be made longer, where the platform can say so."""
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (limits["memory"], limits["memory"]))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (OPEN_FILES, OPEN_FILES))


def allow_seconds(seconds: int) -> None:
    """So much processor time from now on; the system ends the process after it."""
    import resource

    used = resource.getrusage(resource.RUSAGE_SELF)
    until = int(used.ru_utime + used.ru_stime) + seconds + 1
    resource.setrlimit(resource.RLIMIT_CPU, (until, resource.RLIM_INFINITY))


class Telling:
    """Says to the other side why this process ends, whatever the reason; then ends it without anything else."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        try:
            if kind is not None and not issubclass(kind, OSError | EOFError):
                send_frame(self._connection, UNEXPECTED, f"{kind.__name__}: {error}"[:500].encode())
        finally:
            os._exit(0)


def serve_slide(connection: socket.socket, asked: Mapping[str, Any]) -> None:
    """Answer reads of one slide until the other side is gone, or asks for nothing for a while."""
    from survviz.wsi.backend import open_backend

    limits: Limits = asked["limits"]
    allow_seconds(limits["seconds"])
    backend = None
    while True:
        connection.settimeout(limits["idle"])
        try:
            line = receive_line(connection)
        except TimeoutError:
            send_frame(connection, RESTING)
            return
        if not line:
            return
        connection.settimeout(None)
        allow_seconds(limits["seconds"])
        try:
            backend = backend or open_backend(Path(asked["path"]))
            answer_read(connection, backend, json.loads(line))
        except SlideError as error:
            send_frame(connection, BAD_SLIDE, str(error).encode())
        except MemoryError:
            words = (
                f"{Path(asked['path']).name} needs more than {limits['memory'] / 2**30:.0f} GB to read. It is damaged."
            )
            send_frame(connection, BAD_SLIDE, words.encode())


def answer_read(connection: socket.socket, backend: Any, request: Mapping[str, Any]) -> None:
    """One of `read`, `stored_jpeg`, `identity` of a `Backend`."""
    if request["do"] == "read":
        pixels: NDArray[np.uint8] = np.ascontiguousarray(backend.read(*request["at"]))
        send_frame(connection, PIXELS, pixels.data.cast("B"))
    elif request["do"] == "stored_jpeg":
        jpeg = backend.stored_jpeg(*request["at"])
        send_frame(connection, NOTHING) if jpeg is None else send_frame(connection, BYTES, jpeg)
    else:
        send_frame(connection, TEXT, backend.identity().encode())


def serve_description(connection: socket.socket, asked: Mapping[str, Any]) -> None:
    """Open one slide for the first time, describe it, end."""
    from survviz.wsi.first_look import describe

    allow_seconds(asked["limits"]["seconds"])
    path = Path(asked["path"])
    try:
        send_frame(connection, TEXT, json.dumps(describe(path).to_json()).encode())
    except SlideError as error:
        send_frame(connection, BAD_SLIDE, str(error).encode())
    except MemoryError:
        most = asked["limits"]["memory"] / 2**30
        words = f"{path.name} needs more than {most:.0f} GB of memory to open. It is damaged."
        send_frame(connection, BAD_SLIDE, words.encode())


def serve_features(connection: socket.socket, asked: Mapping[str, Any]) -> None:
    """Read one feature file, send it, end."""
    from dataclasses import asdict, replace

    from survviz.wsi.features import read_features

    allow_seconds(asked["limits"]["seconds"])
    try:
        bag = read_features(asked["path"], **asked["options"])
    except MissingMppError as error:
        send_frame(connection, NO_MPP, str(error).encode())
        return
    except InputError as error:
        send_frame(connection, BAD_INPUT, str(error).encode())
        return
    features, coords = np.ascontiguousarray(bag.features), np.ascontiguousarray(bag.coords, np.int64)
    empty = np.zeros(0)
    about = asdict(replace(bag, features=empty, coords=empty)) | {
        "features": {"dtype": features.dtype.str, "shape": features.shape},
        "coords": {"dtype": coords.dtype.str, "shape": coords.shape},
    }
    send_frame(connection, RECORD, json.dumps(about).encode())
    for values in (features, coords):
        connection.sendall(values.ravel().view(np.uint8).data)


SERVICES: dict[str, Callable[[socket.socket, Mapping[str, Any]], None]] = {
    "slide": serve_slide,
    "description": serve_description,
    "features": serve_features,
}


class Template:
    """Forks children on request and knows how each ended. Has one thread, so that forking is safe."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._living: set[int] = set()
        self._ended: dict[int, int] = {}

    def run(self) -> None:
        """Answer until the process that started this one is gone."""
        while True:
            line, descriptors, _, _ = socket.recv_fds(self._control, LONGEST_REQUEST, 1)
            if not line:
                return
            while not line.endswith(b"\n"):
                line += self._control.recv(LONGEST_REQUEST)
            self._reap()
            request = json.loads(line)
            if request["do"] == "end":
                answer = {"status": self._end(request["pid"])}
            else:
                answer = {"pid": self._fork(request, socket.socket(fileno=descriptors[0]))}
            self._control.sendall(json.dumps(answer).encode() + b"\n")

    def _fork(self, request: Mapping[str, Any], connection: socket.socket) -> int:
        pid = os.fork()
        if pid == 0:
            with Telling(connection):
                self._control.close()
                confine(request["limits"])
                SERVICES[request["do"]](connection, request)
        connection.close()
        self._living.add(pid)
        return pid

    def _end(self, pid: int) -> int | None:
        """Exit status of a child (negative: the signal that ended it), which is killed if it still runs."""
        if pid in self._living:
            os.kill(pid, signal.SIGKILL)  # its number cannot be another's: it was not waited for
            self._ended[pid] = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            self._living.remove(pid)
        return self._ended.pop(pid, None)

    def _reap(self) -> None:
        for pid in list(self._living):
            done, status = os.waitpid(pid, os.WNOHANG)
            if done:
                self._living.remove(pid)
                self._ended[pid] = os.waitstatus_to_exitcode(status)


def load_decoders() -> None:
    """Once for all children; no file is opened, no thread is started."""
    import survviz.wsi.direct_backend
    import survviz.wsi.features
    import survviz.wsi.first_look
    import survviz.wsi.openslide_backend
    import survviz.wsi.tiff_backend  # noqa: F401


def main() -> None:
    """Be a template at the other end of a socket that was inherited."""
    control = socket.socket(fileno=int(sys.argv[1]))
    load_decoders()
    gc.collect()
    gc.freeze()  # so that a collection in a child does not copy what it shares
    Template(control).run()


if __name__ == "__main__":
    main()
