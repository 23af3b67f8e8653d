"""`survviz selfcheck`: whether this installation is whole, by itself and without any network."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from survviz.cli.console import show_json, stderr
from survviz.cli.options import Json


def selfcheck(
    url: Annotated[str | None, typer.Option(help="Address of the running app, whose headers are read too.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Leave out the golden answers of the checkpoints.")] = False,
    out: Annotated[Path | None, typer.Option(help="Write the report here, for whoever keeps the machine.")] = None,
    json: Json = False,
) -> None:
    """Check versions, device, disk, clock, sockets, formats, tiles and every checkpoint; exit 1 where one fails."""
    from survviz.selfcheck import as_json, as_text, run, worst

    rows = []
    for row in run(url=url, checkpoints=not quick):
        rows.append(row)
        stderr.print(f"{row.state:4}  {row.group}, {row.name}", markup=False)
    now = time.time()
    if out is not None:
        out.write_text(as_text(rows, now), encoding="utf-8")
    if json:
        show_json(as_json(rows, now))
    else:
        print(as_text(rows, now), end="")
    if worst(rows) == "fail":
        raise typer.Exit(1)
