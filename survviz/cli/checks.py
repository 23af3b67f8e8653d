"""`doctor`, `models` and `encoders`."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.table import Table
from typer import Exit

from survviz.cli.console import show_json

stdout = Console(highlight=False, soft_wrap=True)


def run_doctor(folder: Path, *, as_json: bool) -> None:
    """Show each check of a checkpoint; exit 1 if one failed."""
    from survviz.checkpoint import doctor

    checks = doctor(folder)
    healthy = all(check.ok for check in checks)
    if as_json:
        show_json({"checkpoint": folder, "ok": healthy, "checks": checks})
    else:
        for check in checks:
            stdout.print(f"{'ok  ' if check.ok else 'FAIL'}  {check.name}: {check.detail}", markup=False)
        stdout.print(f"{folder}: {'healthy' if healthy else 'NOT usable'}")
    if not healthy:
        raise Exit(1)


def run_models(*, as_json: bool) -> None:
    """Show every model of the registry at its published sizes."""
    from survviz.models.describe import describe_all

    models = describe_all()
    if as_json:
        show_json(models)
        return
    table = Table("name", "year", "reads", "parameters", "attention maps", box=None)
    for model in models:
        reads = ", ".join(dict.fromkeys(read["modality"] for read in model["inputs"]))
        maps = ", ".join(f"{one['query']} → {one['key']}" for one in model["attention"]) or "none"
        table.add_row(model["name"], str(model["year"]), reads, f"{model['parameters']:,}", maps)
    stdout.print(table)
    stdout.print("At published sizes. `survviz models --json` adds paper, licence, and differences from the paper.")


def run_encoders(*, as_json: bool) -> None:
    """Show the patch and the text encoders."""
    from survviz.data.text import list_text_encoders
    from survviz.wsi.encoders import list_encoders

    registries = {"patch encoders": list_encoders(), "text encoders": list_text_encoders()}
    if as_json:
        show_json(registries)
        return
    table = Table("registry", "names", box=None)
    for name, entries in registries.items():
        table.add_row(name, ", ".join(entries))
    stdout.print(table)
