"""`survviz privacy relevance`: on what a private network rests, released at a price of its own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from survviz.cli.console import progress_bar, show_json
from survviz.cli.options import CheckpointOption, Json

if TYPE_CHECKING:
    from survviz.privacy.relevance import Relevance

stdout = Console(highlight=False, soft_wrap=True)


def relevance(
    checkpoint: CheckpointOption,
    cohort: Annotated[Path, typer.Option(help="Folder of the training cohort.")],
    epsilon: Annotated[float, typer.Option(help="Of this release; it adds to what the training cost.")] = 0.25,
    split: Annotated[str, typer.Option(help="File in the cohort's folder; its train part is asked.")] = "",
    by_type: Annotated[bool, typer.Option("--by-type", help="Per cancer type, at the same price.")] = False,
    out: Annotated[Path | None, typer.Option(help="JSON for the `relevance` of a release plan.")] = None,
    cap: Annotated[float, typer.Option(help="Hard cap of the training ledger for this cohort.")] = 16.0,
    as_json: Json = False,
) -> None:
    """Layer-wise relevance of the training patients by field and modality, with noise; paid before it is shown."""
    from survviz.data.cohort import load_cohort
    from survviz.data.split_file import read_split_file
    from survviz.pipeline.predictor import Predictor
    from survviz.pipeline.private.relevance import (
        check_network,
        released,
        released_by_stratum,
        relevance_table,
    )
    from survviz.privacy.ledger import Ledger

    predictor, data = Predictor.load(checkpoint, "cpu"), load_cohort(cohort)
    config = predictor.checkpoint.config
    network = config.guarantee.spec if config.guarantee else None
    check_network(network)
    name = split or str(config.training.get("split", "splits/published.csv"))
    ids = read_split_file(cohort / name, case_ids=data.case_ids)[0].split.train
    with progress_bar("layer-wise relevance") as progress:
        table = relevance_table(predictor, data, ids, progress=progress)
    found = released_by_stratum(table, epsilon, network) if by_type else {"all": released(table, epsilon, network)}
    spec = next(iter(found.values())).spec
    assert spec is not None
    balance = Ledger("training", cap_epsilon=cap).spend(data.name, spec, session=config.name, act="release")
    if out:
        shown = found if by_type else found["all"]
        out.write_text(json.dumps(_plain(shown), indent=1) + "\n", encoding="utf-8")
    if as_json:
        show_json({"relevance": _plain(found), "spent": balance.spent_epsilon, "cap": balance.cap_epsilon})
        return
    stdout.print(_table(found))
    stdout.print(spec.words)
    stdout.print(f"training ledger of {data.name}: spent epsilon {balance.spent_epsilon:g} of {balance.cap_epsilon:g}")


def _plain(found: dict[str, Relevance] | Relevance) -> Any:
    if isinstance(found, dict):
        return {name: one.model_dump(mode="json") for name, one in found.items()}
    return found.model_dump(mode="json")


def _table(found: dict[str, Relevance]) -> Table:
    names = list(next(iter(found.values())).values)
    table = Table("patients", *names)
    for group, one in found.items():
        table.add_row(group, *(f"{one.values[name]:.3f}" for name in names))
    return table
