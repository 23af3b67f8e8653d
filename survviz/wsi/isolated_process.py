"""A child process that reads one file of a stranger: started, asked, watched, ended."""

from __future__ import annotations

import atexit
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import weakref
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from survviz.wsi.isolated_child import FRAME, RESTING, receive_exactly, receive_line

ENDING_SECONDS = 10


class ChildLostError(Exception):
    """The child ended in the middle of its work, or had to be ended. Says how, in words."""


class ChildRestingError(Exception):
    """The child had nothing to do for a while and has gone."""


class Template:
    """The process from which children are forked; started when it is first needed, again when it was killed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None

    def fork(self, request: Mapping[str, Any]) -> tuple[int, socket.socket]:
        """A child for a request, and the socket to it.

        Raises:
            ChildLostError: no process can be started.
        """
        mine, its = socket.socketpair()
        try:
            with its, self._lock:
                return self._ask(request, its)["pid"], mine
        except OSError as error:
            mine.close()
            raise ChildLostError(f"no process can be started ({error})") from error

    def end(self, pid: int) -> int | None:
        """Kill a child if it runs; its exit status, negative for a signal; None where that is not known."""
        try:
            with self._lock:
                return self._ask({"do": "end", "pid": pid}, None)["status"] if self._runs() else None
        except OSError:
            return None

    def close(self) -> None:
        """End the template; its children end when nobody is at the other end of their sockets."""
        with self._lock:
            if self._control is not None:
                self._control.close()
            if self._process is not None:
                try:
                    self._process.wait(ENDING_SECONDS)
                except subprocess.TimeoutExpired:
                    self._process.kill()
                    self._process.wait()
            self._process = self._control = None

    def _runs(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def _ask(self, request: Mapping[str, Any], descriptor: socket.socket | None) -> dict[str, Any]:
        line = json.dumps(request).encode() + b"\n"
        for attempt in (1, 2):
            control = self._started()
            try:
                if descriptor is None:
                    control.sendall(line)
                else:
                    socket.send_fds(control, [line], [descriptor.fileno()])
                if answer := receive_line(control):
                    return json.loads(answer)
            except OSError:
                if attempt == 2:
                    raise
            self._forget()
        raise OSError("the process that starts them ends at once")

    def _started(self) -> socket.socket:
        if self._control is None or not self._runs():
            self._forget()
            self._control, other = socket.socketpair()
            with other:
                self._process = _start(other)
        return self._control

    def _forget(self) -> None:
        if self._control is not None:
            self._control.close()
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._process = self._control = None


def _start(control: socket.socket) -> subprocess.Popen[bytes]:
    root = str(Path(__file__).parents[2])
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH")))),
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }
    command = [sys.executable, "-P", "-m", "survviz.wsi.isolated_child", str(control.fileno())]
    nowhere = subprocess.DEVNULL
    return subprocess.Popen(
        command, stdin=nowhere, stdout=nowhere, stderr=nowhere, env=environment, pass_fds=(control.fileno(),),
        start_new_session=True,
    )  # fmt: skip


@lru_cache(maxsize=2)
def _template_of(process: int) -> Template:
    template = Template()
    atexit.register(template.close)
    return template


def template() -> Template:
    """The template of this process; one that was forked off has its own."""
    return _template_of(os.getpid())


class Child:
    """One child. Not thread-safe: its owner asks one thing at a time.

    Args:
        request: what it is for; `limits` holds `memory` (bytes), `seconds` (of processor time per request) and `idle`.
        seconds: without any answer for so long, it is taken to hang.
    """

    def __init__(self, request: Mapping[str, Any], seconds: float) -> None:
        self._template = template()
        self.pid, self._connection = self._template.fork(request)
        self._connection.settimeout(seconds)
        self._seconds = seconds
        weakref.finalize(self, self._connection.close)

    def ask(self, request: Mapping[str, Any]) -> tuple[bytes, int]:
        """Kind and length of the answer to a request, whose body is then to be received.

        Raises:
            ChildLostError: it crashed, or did not answer in time.
            ChildRestingError: it has gone for want of work; start another one.
        """
        try:
            self._connection.sendall(json.dumps(request).encode() + b"\n")
        except TimeoutError as error:
            raise self._lost(error) from error
        except OSError:
            pass  # it has gone; the answer says why
        return self.answer()

    def answer(self) -> tuple[bytes, int]:
        """Kind and length of what comes next; raises as `ask`."""
        header = bytearray(FRAME.size)
        self.receive(memoryview(header))
        kind, length = FRAME.unpack(header)
        if kind == RESTING:
            self.stop()
            raise ChildRestingError
        return kind, length

    def receive(self, buffer: memoryview) -> None:
        """Fill a buffer with what comes next; raises as `ask`."""
        try:
            receive_exactly(self._connection, buffer)
        except (OSError, EOFError) as error:
            raise self._lost(error) from error

    def stop(self) -> None:
        """End it; it may be in the middle of something."""
        self._connection.close()
        self._template.end(self.pid)

    def _lost(self, error: Exception) -> ChildLostError:
        self._connection.close()
        status = self._template.end(self.pid)
        if isinstance(error, TimeoutError):
            return ChildLostError(f"did not answer within {self._seconds:.0f} seconds")
        if status == -signal.SIGXCPU:
            return ChildLostError("computed for too long")
        if status is not None and status < 0:
            return ChildLostError(f"crashed ({signal.Signals(-status).name})")
        return ChildLostError("crashed")
