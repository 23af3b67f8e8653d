"""A piece of work, and how it can fail."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar

from survviz.errors import SurvvizError

A = TypeVar("A")
Tick: TypeAlias = Callable[[], None]
TICK_SECONDS = 0.4


@dataclass(frozen=True, slots=True)
class Task(Generic[A]):
    """One call of a function.

    Attributes:
        name: what a person calls it.
    """

    name: str
    argument: A


@dataclass(frozen=True, slots=True)
class Failed:
    """A task without a result.

    Attributes:
        died: no error was raised: its process ended, every time that it was tried.
    """

    reason: str
    died: bool = False


def in_words(error: BaseException) -> Failed:
    """What a task raised."""
    return Failed(str(error) if isinstance(error, SurvvizError) else f"{type(error).__name__}: {error}")
