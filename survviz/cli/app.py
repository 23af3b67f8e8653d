"""The verbs of `survviz`. Each reads its arguments, makes one call into the package and shows the result."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from survviz import __version__
from survviz.cli.attribution import Attribution, BaselineOption, MethodOption, TargetOption
from survviz.cli.exports import Dicom, Exports, Report
from survviz.cli.faithfulness import Faithfulness
from survviz.cli.study import study

app = typer.Typer(
    name="survviz",
    help="A workbench for multimodal cancer survival models. For Research Use Only. Not for use in diagnostic "
    "procedures.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

app.add_typer(study)

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


def version(value: bool) -> None:
    """Print the version and leave."""
    if value:
        typer.echo(f"survviz {__version__}")
        raise typer.Exit


@app.callback()
def options(
    _: Annotated[bool, typer.Option("--version", callback=version, is_eager=True, help="Print the version.")] = False,
) -> None:
    """Options before the verb."""


@app.command()
def sample(
    out: Annotated[Path, typer.Option(help="Folder of the new cohort; it must not exist or be empty.")],
    cases: Annotated[int, typer.Option(min=1, help="Number of cases.")] = 200,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same cohort.")] = 0,
    slides: Annotated[int | None, typer.Option(min=0, help="Slide files to keep; all if not given.")] = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes that render.")] = 2,
    json: Json = False,
) -> None:
    """Write a synthetic cohort with planted truth: slides, features, RNA, miRNA, clinical data, survival."""
    from survviz.cli.cohorts import run_sample

    run_sample(out, cases=cases, seed=seed, slides=slides, workers=workers, as_json=json)


@app.command()
def tcga(
    project: Annotated[list[str], typer.Option(help="TCGA project, as TCGA-KIRC; repeat to put several together.")],
    out: Annotated[Path | None, typer.Option(help="Cohort folder to write; not needed with --list.")] = None,
    from_: Annotated[
        Path | None,
        typer.Option("--from", help="Folder of files from the GDC's portal or gdc-client; no network then."),
    ] = None,
    modalities: Annotated[
        str | None,
        typer.Option(
            help="Comma-separated: clinical, rna, mirna, slides. Default: all but slides, or what "
            "is in --from. The outcome is always read."
        ),
    ] = None,
    slides: Annotated[
        bool, typer.Option("--slides", help="Download diagnostic slides too: hundreds of GB per project.")
    ] = False,
    list_: Annotated[bool, typer.Option("--list", help="Say what there is and how large, and stop.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Download more than 1 GB without asking.")] = False,
    api: Annotated[str, typer.Option(help="Address of the GDC's interface.")] = "https://api.gdc.cancer.gov",
    json: Json = False,
) -> None:
    """Make a cohort folder of a TCGA project from the public GDC, or from files that were downloaded before."""
    from survviz.cli.tcga import Wanted, run_tcga

    run_tcga(Wanted(tuple(project), modalities, slides, list_, yes), out, source=from_, api=api, as_json=json)


@app.command()
def extract(
    out: Annotated[Path, typer.Option(help="Folder of the feature files (one .h5 per slide).")],
    slide: Slides = None,
    cohort: Annotated[Path | None, typer.Option(help="Cohort folder: extract every slide of its slides.csv.")] = None,
    encoder: Annotated[str, typer.Option(help="Encoder name; `survviz encoders` lists them.")] = "he-descriptor",
    weights: Weights = None,
    mpp: MppOption = None,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Cut slides into patches and encode them."""
    from survviz.cli.cohorts import run_extract

    run_extract(
        out, slides=slide or [], cohort=cohort, encoder=encoder, weights=weights, mpp=mpp, device=device, as_json=json
    )


@app.command()
def pack(
    cohort: Annotated[Path, typer.Option(help="Cohort folder.")],
    out: Annotated[Path | None, typer.Option(help="File to write; features.pack in the cohort if not given.")] = None,
    json: Json = False,
) -> None:
    """Pack a cohort's feature files into one memory-mapped float16 file, for fast training in little memory."""
    from survviz.cli.packing import run_pack

    run_pack(cohort, out, as_json=json)


@app.command()
def train(
    cohort: Annotated[Path, typer.Option(help="Cohort folder.")],
    out: Annotated[Path, typer.Option(help="Checkpoint folder to write.")],
    model: Annotated[
        str | None, typer.Option(help="Model name; `survviz models` lists them. Default: of --config, else survpgc.")
    ] = None,
    modalities: Annotated[
        str | None, typer.Option(help="Comma-separated: pathology, clinical, genomic. Default: all the model takes.")
    ] = None,
    config: Annotated[Path | None, typer.Option(help="Training settings, a JSON or TOML file.")] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="One setting, KEY=VALUE; repeat for several.")] = None,
    tune: Annotated[
        int | None, typer.Option(min=2, help="Try so many settings in each fold, without its test part.")
    ] = None,
    purpose: Annotated[str, typer.Option(help="What the checkpoint is for; printed on its card.")] = "research",
    device: Annotated[str, typer.Option(help="cpu, cuda, or auto.")] = "cpu",
    restart: Annotated[
        bool, typer.Option("--restart", help="Throw away an unfinished run into OUT instead of finishing it.")
    ] = False,
    tensorboard: Annotated[Path | None, typer.Option(help="Folder for TensorBoard's files.")] = None,
    json: Json = False,
) -> None:
    """Cross-validate a model on a cohort and write a checkpoint with all folds; a killed run goes on where it was."""
    from survviz.cli.training import Settings, run_train

    run_train(
        cohort, out, Settings(config, model, modalities, tune, tuple(set_ or ())), purpose=purpose, device=device,
        restart=restart, tensorboard=tensorboard, as_json=json,
    )  # fmt: skip


@app.command()
def benchmark(
    suite: Annotated[Path, typer.Argument(help="Suite file (TOML): cohorts, splits, entries; see benchmarks/suites.")],
    out: Annotated[Path, typer.Option(help="Folder of the leaderboard and of the cached cells.")],
    cohorts: Annotated[
        Path | None, typer.Option(help="Where the suite's cohort folders are. Default: beside the suite file.")
    ] = None,
    workers: Annotated[int, typer.Option(min=0, help="Processes of one thread each; 0 = this one.")] = 2,
    only: Annotated[
        list[str] | None, typer.Option(help="Only this entry, beside the baselines; repeat for several.")
    ] = None,
    json: Json = False,
) -> None:
    """Compare models on cohorts over shared splits. Stop it at any time: finished cells are never made again."""
    from survviz.cli.benchmark import run_benchmark

    run_benchmark(suite, out, cohorts=cohorts, workers=workers, only=only or [], as_json=json)


@app.command()
def predict(
    checkpoint: CheckpointOption,
    out: Annotated[Path, typer.Option(help="Folder for prediction.json, attention.csv, GeoJSON and overlays.")],
    slide: Slides = None,
    features: FeatureFiles = None,
    cohort: Annotated[Path | None, typer.Option(help="Take the case from this cohort folder (with --case).")] = None,
    clinical: ClinicalFile = None,
    rna: RnaFile = None,
    case: CaseId = None,
    mpp: MppOption = None,
    weights: Weights = None,
    device: Device = "auto",
    anyway: Anyway = False,
    json: Json = False,
) -> None:
    """Score one case from raw files: risk, survival curve, attention maps."""
    from survviz.cli.cases import CaseFiles, run_predict

    files = CaseFiles(slide or [], features or [], cohort, clinical, rna, case, mpp, weights)
    run_predict(checkpoint, files, out, device=device, anyway=anyway, as_json=json)


@app.command()
def evaluate(
    checkpoint: CheckpointOption,
    cohort: Annotated[Path, typer.Option(help="Cohort folder with outcomes.")],
    out: Annotated[Path | None, typer.Option(help="Folder for evaluation.json, risks.csv and survival.csv.")] = None,
    endpoint: Annotated[
        str | None, typer.Option(help="Another outcome than cohort.toml names: columns NAME and NAME.time.")
    ] = None,
    training_cases: Annotated[
        bool, typer.Option("--training-cases", help="Score the training cohort instead, each case out of fold.")
    ] = False,
    censoring: Annotated[
        str,
        typer.Option(
            help="Weights from the follow-up of the training patients or of this cohort: training, cohort, auto."
        ),
    ] = "auto",
    resamples: Annotated[int, typer.Option(min=1, help="Bootstrap resamples of patients.")] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Of the bootstrap.")] = 0,
    device: Device = "auto",
    anyway: Annotated[bool, typer.Option("--anyway", help="Score cases unlike the training cohort too.")] = False,
    json: Json = False,
) -> None:
    """Validate a checkpoint on a cohort folder: C, AUC, Brier score, calibration, each with its interval."""
    from survviz.cli.evaluate import run_evaluate

    run_evaluate(
        checkpoint, cohort, out=out, endpoint=endpoint, training_cases=training_cases, anyway=anyway,
        censoring=censoring, resamples=resamples, seed=seed, device=device, as_json=json,
    )  # fmt: skip


@app.command()
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
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Maps of one case, or of a whole cohort against its region masks: attention per token, or what moves the risk."""
    from survviz.cli.attribution import Question, run_attribution
    from survviz.cli.cases import CaseFiles, map_kinds, run_explain
    from survviz.cli.cohort_attribution import run_cohort_attribution
    from survviz.cli.cohorts import run_explain_cohort
    from survviz.cli.faithfulness import run_faithfulness

    question = Question(target, baseline, method)
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


@app.command()
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


@app.command()
def baselines(
    checkpoint: Annotated[Path, typer.Argument(help="Checkpoint folder.")],
    cohort: Annotated[Path, typer.Argument(help="The cohort folder that it was trained on.")],
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Put into an older checkpoint what cases are compared with: training mean, median of the low-risk group."""
    from survviz.cli.attribution import run_baselines

    run_baselines(checkpoint, cohort, device=device, as_json=json)


@app.command()
def doctor(checkpoint: Annotated[Path, typer.Argument(help="Checkpoint folder.")], json: Json = False) -> None:
    """Verify a checkpoint: files, hashes, sizes, names, golden output."""
    from survviz.cli.checks import run_doctor

    run_doctor(checkpoint, as_json=json)


@app.command()
def models(json: Json = False) -> None:
    """List every model: where it comes from, what it reads, its size, its attention maps."""
    from survviz.cli.checks import run_models

    run_models(as_json=json)


@app.command()
def encoders(json: Json = False) -> None:
    """List the patch encoders and the text encoders."""
    from survviz.cli.checks import run_encoders

    run_encoders(as_json=json)
