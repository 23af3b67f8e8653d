"""All checks in order, each row as soon as it is known."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping

from survviz.selfcheck import formats, machine, models, network, versions
from survviz.selfcheck.row import Row

GROUPS = ("Versions", "Machine", "Disk and clock", "Network", "Formats", "Tiles", "Checkpoints")


def run(*, url: str | None = None, checkpoints: bool = True, now: float | None = None) -> Iterator[Row]:
    """Everything that an installation can say of itself.

    Args:
        url: of the running app; see `network.rows`.
        checkpoints: golden answers of every checkpoint too, which takes a minute or two.
        now: seconds since the epoch; None = the clock's.
    """
    at = time.time() if now is None else now
    steps: Mapping[str, Callable[[], Iterator[Row]]] = {
        "Versions": versions.rows,
        "Machine": machine.device_rows,
        "Disk and clock": lambda: machine.disk_rows(at),
        "Network": lambda: network.rows(url),
        "Formats": formats.rows,
        "Tiles": models.tile_rows,
        "Checkpoints": models.golden_rows,
    }
    for group in GROUPS:
        if group != "Checkpoints" or checkpoints:
            yield from steps[group]()
