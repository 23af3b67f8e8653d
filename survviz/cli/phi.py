"""`survviz phi`: what in files could name a patient."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from survviz.cli.console import show_json
from survviz.cli.options import Json

stdout = Console(highlight=False, soft_wrap=True)


def phi(
    paths: Annotated[list[Path], typer.Argument(help="Slides, DICOM, features, tables, pictures, or folders of them.")],
    show_values: Annotated[
        bool, typer.Option("--show-values", help="Print values as they are; else only the first letters.")
    ] = False,
    json: Json = False,
) -> None:
    """Say what in files could name a patient, why it matters and what becomes of it here; exit 1 if there is any."""
    from survviz.phi import check_paths

    found = check_paths(paths, show=show_values)
    if json:
        show_json(
            {
                "found": len(found),
                "values": "shown" if show_values else "masked",
                "findings": [one.to_json() for one in found],
            }
        )
    elif not found:
        stdout.print("Nothing was found that could name a patient. Pixels were not looked at.")
    else:
        table = Table("file", "what", "where", "value", "times", box=None)
        for one in found:
            table.add_row(*map(_plain, (one.file, one.what, one.where, one.value)), f"{one.count:,}")
        stdout.print(table)
        stdout.print()
        for code in dict.fromkeys(one.code for one in found):
            first = next(one for one in found if one.code == code)
            stdout.print(f"{first.what}: {first.why} {first.handled}", markup=False)
        stdout.print("Pixels were not looked at: writing in the tissue image is only found where a file declares it.")
    if found:
        raise typer.Exit(1)


def _plain(text: str) -> str:
    return text.replace("[", r"\[")
