"""The verbs that explain: maps and attributions of a case or a cohort, where maps lie, what cases are compared with."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from survviz.cli.attribution import Attribution, BaselineOption, MethodOption, ShuffledOption, TargetOption
from survviz.cli.exports import Dicom, Exports, Report
from survviz.cli.faithfulness import Faithfulness
from survviz.cli.options import (
    CaseId,
    CheckpointOption,
    ClinicalFile,
    Device,
    FeatureFiles,
    Json,
    MppOption,
    RnaFile,
    Slides,
    Weights,
)


def explain(
    checkpoint: CheckpointOption,
    out: Annotated[Path, typer.Option(help="Folder for the results.")],
    cohort: Annotated[
        Path | None,
        typer.Option(help="Cohort folder. Without --case: maps of every case against its region masks."),
    ] = None,
    kind: Annotated[
        list[str] | None,
        typer.Option(help="attention (default), contribution, perturbation or disagreement; repeat for several."),
    ] = None,
    slide: Slides = None,
    features: FeatureFiles = None,
    clinical: ClinicalFile = None,
    rna: RnaFile = None,
    case: CaseId = None,
    mpp: MppOption = None,
    weights: Weights = None,
    attribution: Attribution = False,
    faithfulness: Faithfulness = False,
    dicom: Dicom = False,
    report: Report = False,
    target: TargetOption = "risk",
    baseline: BaselineOption = "training mean",
    method: MethodOption = "integrated-gradients",
    shuffled: ShuffledOption = 0,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Maps of one case, or of a whole cohort against its region masks: attention per token, or what moves the risk."""
    from survviz.cli.attribution import Question, run_attribution
    from survviz.cli.cases import CaseFiles, map_kinds, run_explain
    from survviz.cli.cohort_attribution import run_cohort_attribution
    from survviz.cli.cohorts import run_explain_cohort
    from survviz.cli.faithfulness import run_faithfulness

    question = Question(target, baseline, method, shuffled)
    if cohort is not None and case is None:
        if attribution:
            run_cohort_attribution(checkpoint, cohort, question, out, device=device, as_json=json)
        else:
            run_explain_cohort(checkpoint, cohort, out, kinds=map_kinds(kind), device=device, as_json=json)
        return
    files = CaseFiles(slide or [], features or [], cohort, clinical, rna, case, mpp, weights)
    if attribution:
        run_attribution(checkpoint, files, question, out, device=device, as_json=json)
        return
    if faithfulness:
        run_faithfulness(checkpoint, files, map_kinds(kind), out, device=device, as_json=json)
        return
    wanted = Exports(dicom, report)
    run_explain(checkpoint, files, out, kinds=map_kinds(kind), exports=wanted, device=device, as_json=json)


def regions(
    checkpoint: CheckpointOption,
    cohort: Annotated[Path, typer.Option(help="Cohort folder.")],
    annotations: Annotated[
        Path | None, typer.Option(help="Folder with a QuPath GeoJSON per slide, named as the slide (SLIDE.geojson).")
    ] = None,
    truth: Annotated[bool, typer.Option("--truth", help="Take the cohort's own region masks.")] = False,
    out: Annotated[
        Path | None, typer.Option(help="Folder for regions.csv, regions_by_case.csv and regions.json.")
    ] = None,
    resamples: Annotated[int, typer.Option(min=1, help="Bootstrap resamples of patients.")] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Of the bootstrap.")] = 0,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Where the maps of a cohort lie: enrichment per class of region and token, with intervals over patients."""
    from survviz.cli.regions import run_regions

    run_regions(
        checkpoint, cohort, annotations=annotations, truth=truth, out=out, resamples=resamples, seed=seed,
        device=device, as_json=json,
    )  # fmt: skip


def baselines(
    checkpoint: Annotated[Path, typer.Argument(help="Checkpoint folder.")],
    cohort: Annotated[Path, typer.Argument(help="The cohort folder that it was trained on.")],
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Put into an older checkpoint what cases are compared with: training mean, median of the low-risk group."""
    from survviz.cli.attribution import run_baselines

    run_baselines(checkpoint, cohort, device=device, as_json=json)
