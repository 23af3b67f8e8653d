"""Options that several verbs share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")]
MppOption = Annotated[
    float | None,
    typer.Option(help="Pixel size in um/px, for slides that declare none: 0.25 (40x) and 0.5 (20x) are typical."),
]
CheckpointOption = Annotated[Path, typer.Option("--checkpoint", "-c", help="Checkpoint folder.")]
Slides = Annotated[list[Path] | None, typer.Option("--slide", help="Slide file; repeat for several.")]
FeatureFiles = Annotated[list[Path] | None, typer.Option("--features", help="Feature file instead of a slide.")]
ClinicalFile = Annotated[
    Path | None, typer.Option(help="Table with the clinical row (a column per field, or columns field and value).")
]
RnaFile = Annotated[Path | None, typer.Option(help="Table of expression: genes in rows or in columns.")]
CaseId = Annotated[str | None, typer.Option("--case", help="Case id; needed when a table holds several cases.")]
Weights = Annotated[str | None, typer.Option(help="Weights of a foundation encoder: a local folder, or hub:ORG/NAME.")]
Anyway = Annotated[bool, typer.Option("--anyway", help="Score a case that is unlike the training cohort.")]


def _cohort_folder(text: str) -> Path:
    """A cohort folder, or a copy of the tables of one behind an address."""
    from survviz.data.remote_cohort import local_folder

    return local_folder(text)


def _cohorts_root(text: str) -> Path | str:
    from survviz.remote import is_address

    return text if is_address(text) else Path(text)


COHORT = "Cohort folder, or the address of one: s3://bucket/cohort."
CohortFolder = Annotated[Path, typer.Option("--cohort", parser=_cohort_folder, metavar="DIR", help=COHORT)]
CohortOfCase = Annotated[
    Path | None,
    typer.Option(
        "--cohort", parser=_cohort_folder, metavar="DIR", help="Take the case from this cohort (with --case)."
    ),
]
CohortsRoot = Annotated[
    Path | None,
    typer.Option(
        parser=_cohorts_root, metavar="DIR", help="Where the suite's cohorts are, a folder or an address. Default: "
        "beside the suite file.",
    ),
]  # fmt: skip
On = Annotated[str, typer.Option("--on", help="local: this machine; ray: a Ray cluster (docs/scale.md).")]
RayAddress = Annotated[
    str | None, typer.Option(help="HOST:PORT of a running Ray cluster, or auto. Default: one on this machine.")
]
Workers = Annotated[
    int | None, typer.Option(min=0, help="Tasks at once. Local: processes of one thread, 0 = this one. Ray: at most.")
]
CpusPerTask = Annotated[
    float | None, typer.Option(min=0.01, help="Cores of a Ray task, and its torch threads. Default 1.")
]
GpusPerTask = Annotated[
    float | None, typer.Option(min=0, help="GPUs of a Ray task. Default 1 with --device cuda, else 0.")
]
