"""What is fuzzed: a parser, what it starts from, and how its input is damaged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from starlette.responses import JSONResponse

from survviz.workspace import workspace

ROOT = Path(__file__).parents[2]
Form = Literal["bytes", "json", "text"]


@dataclass(frozen=True, slots=True)
class Parser:
    """A parser, imported.

    Attributes:
        run: takes the damaged bytes; may raise `SurvvizError` and nothing else.
        seeds: inputs to begin with.
        words: that mean something in its texts.
    """

    run: Callable[[bytes], object]
    seeds: list[bytes]
    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Target:
    """A parser that is not imported yet, so that it can be instrumented.

    Attributes:
        of: the modules that it stands for, for the reader of the results.
        form: "json" and "text" are damaged by nodes and by words too, not by bytes alone.
        runs: how many inputs of a full run.
        largest: bytes of an input.
    """

    of: str
    load: Callable[[], Parser]
    form: Form = "bytes"
    runs: int = 200_000
    largest: int = 4096


def scratch(name: str) -> Path:
    """A file of this process that is written again for every input; it goes with the workspace of the run."""
    return workspace("fuzz") / name


def written(name: str, data: bytes) -> Path:
    """The input as a file."""
    path = scratch(name)
    path.write_bytes(data)
    return path


def answered(content: object) -> bytes:
    """As the server would send it: what cannot be sent is an error too."""
    return bytes(JSONResponse(content).body)
