"""What is measured: cells in blocks, blocks in groups."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

Yardstick: TypeAlias = Literal["linear", "jpeg", "openslide"]
Fact: TypeAlias = float | int | str | bool | None


@dataclass(frozen=True, slots=True)
class Cell:
    """Work that is timed.

    Attributes:
        what: in words, for a person who reads the table.
        work: one call.
        items: how many a call does; times are per item.
        unit: what an item is.
        yardstick: what it is divided by, per item of both.
        against: names of cells of the same block that this one is compared with.
        rounds: fewer than the block's other cells, for slow peers.
        check: facts that stand beside the times (an accuracy, an equality); called once, after the rounds.
    """

    name: str
    what: str
    work: Callable[[], object]
    items: int = 1
    unit: str = "call"
    yardstick: Yardstick | None = "linear"
    against: tuple[str, ...] = ()
    rounds: int | None = None
    check: Callable[[], Mapping[str, Fact]] | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """A number that was measured by its own means, one value per round.

    Attributes:
        unit: of the values, such as "ms" or "MB".
        better: which way is an improvement.
        facts: what else is to be known.
    """

    name: str
    what: str
    values: Sequence[float]
    unit: str
    better: Literal["lower", "higher"] = "lower"
    facts: Mapping[str, Fact] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Skip:
    """A cell that cannot run here, and why."""

    name: str
    why: str


Block: TypeAlias = Sequence[Cell | Reading | Skip]


@dataclass(frozen=True, slots=True)
class Setting:
    """Of a run.

    Attributes:
        quick: smallest sizes, one round.
        device: "cpu" or "cuda".
        threads: of torch.
        folder: scratch of this group.
    """

    quick: bool
    device: str
    threads: int
    folder: Path


@dataclass(frozen=True, slots=True)
class Group:
    """Blocks that share a process.

    Attributes:
        name: "area/name"; `--only` takes any beginning of it.
        target: "module:function" that yields the blocks.
        argument: second argument of the function, after the setting.
        threads: of torch in the process.
        rounds: of every block.
        limit_s: the process is ended after so long, and the group has failed.
        devices: where it can run.
        quick: whether it takes part in `--quick`.
        when_named: too long for every run; only where `--only` names it in full.
    """

    name: str
    target: str
    argument: str | None = None
    threads: int = 1
    rounds: int = 5
    limit_s: float = 900.0
    devices: tuple[str, ...] = ("cpu",)
    quick: bool = True
    when_named: bool = False
