"""Who sees which case when, and with which map: balanced, random, and the same on every machine for ever.

Conditions are dealt in one balanced cycle over the cases (in a random order), and every reader's cycle starts one case
further. So every reader gets every condition in its share, and over the readers so does every case. Randomness is the
SHA-256 of the seed and the names, because the streams of random libraries may change between versions.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from survviz.errors import UnknownNameError
from survviz.study.design import CONDITIONS, Condition, Study


@dataclass(frozen=True, slots=True)
class Assignment:
    """One case as one reader sees it.

    Attributes:
        position: 0-based place in the reader's order; the only name of the case that the reader sees.
    """

    position: int
    case: str
    condition: Condition


def reader_plan(study: Study, reader: str) -> tuple[Assignment, ...]:
    """All cases in the order and with the maps of one reader; it does not depend on readers added later.

    Raises:
        UnknownNameError: the study has no such reader.
    """
    if reader not in study.readers:
        raise UnknownNameError("reader", reader, study.readers)
    names = [case.name for case in study.cases]
    number, n = study.readers.index(reader), len(names)
    block, turn = divmod(number, n)
    cycle = condition_cycle(study.conditions, n)
    dealt = shuffled(names, f"{study.seed}|deal|{block}")
    start = int(_key(f"{study.seed}|start|{block}"), 16) % n
    condition: dict[str, Condition] = {name: cycle[(place + start + turn) % n] for place, name in enumerate(dealt)}
    order = shuffled(names, f"{study.seed}|order|{reader}|{number}")
    return tuple(Assignment(position, name, condition[name]) for position, name in enumerate(order))


def condition_cycle(shares: Mapping[Condition, float], n: int) -> tuple[Condition, ...]:
    """Conditions of n cases, as close to their shares as whole numbers are, each spread evenly over the cycle.

    Numbers by largest remainder, order by smooth weighted round robin.
    """
    exact: dict[Condition, float] = {name: shares.get(name, 0.0) * n for name in CONDITIONS}
    counts: dict[Condition, int] = {name: int(exact[name] + 1e-9) for name in CONDITIONS}
    by_remainder = sorted(CONDITIONS, key=lambda name: (-(exact[name] - counts[name]), CONDITIONS.index(name)))
    for name in by_remainder[: n - sum(counts.values())]:
        counts[name] += 1
    credit: dict[Condition, int] = {name: 0 for name in CONDITIONS if counts[name]}
    cycle: list[Condition] = []
    for _ in range(n):
        for name in credit:
            credit[name] += counts[name]
        chosen = max(credit, key=lambda name: credit[name])
        credit[chosen] -= n
        cycle.append(chosen)
    return tuple(cycle)


def shuffled(names: Iterable[str], seed: str) -> list[str]:
    """The names in a random order that only the seed and the names decide."""
    return sorted(names, key=lambda name: _key(f"{seed}|{name}"))


def _key(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
