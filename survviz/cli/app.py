"""The verbs of `survviz`. Each reads its arguments, makes one call into the package and shows the result."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from survviz import __version__
from survviz.cli.admin import admin
from survviz.cli.analysing import bundle, infer, reproduce
from survviz.cli.explaining import baselines, explain, regions
from survviz.cli.options import (
    Anyway,
    CaseId,
    CheckpointOption,
    ClinicalFile,
    CohortFolder,
    CohortOfCase,
    CohortsRoot,
    CpusPerTask,
    Device,
    FeatureFiles,
    GpusPerTask,
    Json,
    MppOption,
    On,
    RayAddress,
    RnaFile,
    Slides,
    Weights,
    Workers,
)
from survviz.cli.phi import phi
from survviz.cli.preparing import extract, pack
from survviz.cli.privacy import privacy
from survviz.cli.selfcheck import selfcheck
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
app.add_typer(privacy)
app.add_typer(admin)


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
def check(
    files: Annotated[list[Path], typer.Argument(help="Tables, folders or zip archives; also a cohort folder of ours.")],
    plan: Annotated[
        Path | None, typer.Option(help="A plan, or the cleaning.json of a cohort that was made by one: replay it.")
    ] = None,
    fix: Annotated[
        list[str] | None,
        typer.Option(help="Mend the findings of this code; all-recommended for all errors and warnings. Repeatable."),
    ] = None,
    name: Annotated[str | None, typer.Option(help="Name of the cohort.")] = None,
    out: Annotated[Path | None, typer.Option(help="Cohort folder to write when no error stands.")] = None,
    save_plan: Annotated[Path | None, typer.Option(help="Write the plan that was proposed, to change it.")] = None,
    checkpoint: Annotated[
        list[Path] | None, typer.Option(help="Say which patients this checkpoint was trained on. Repeatable.")
    ] = None,
    json: Json = False,
) -> None:
    """Check somebody's tables, say what is wrong, mend what is asked for, write a cohort folder."""
    from survviz.cli.check import run_check

    run_check(
        files, plan=plan, fixes=fix or [], name=name, out=out, save_plan=save_plan,
        checkpoints=checkpoint or [], as_json=json,
    )  # fmt: skip


for verb in (extract, pack):
    app.command()(verb)


@app.command()
def train(
    cohort: CohortFolder,
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
    cohorts: CohortsRoot = None,
    workers: Workers = None,
    on: On = "local",
    ray_address: RayAddress = None,
    cpus_per_task: CpusPerTask = None,
    gpus_per_task: GpusPerTask = None,
    only: Annotated[
        list[str] | None, typer.Option(help="Only this entry, beside the baselines; repeat for several.")
    ] = None,
    json: Json = False,
) -> None:
    """Compare models on cohorts over shared splits. Stop it at any time: finished cells are never made again."""
    from survviz.cli.benchmark import run_benchmark
    from survviz.cli.placing import place_of

    place, _ = place_of(
        on, workers=workers, ray_address=ray_address, cpus=cpus_per_task, gpus=gpus_per_task, workers_here=2
    )
    run_benchmark(suite, out, cohorts=cohorts, place=place, only=only or [], as_json=json)


@app.command()
def predict(
    checkpoint: CheckpointOption,
    out: Annotated[Path, typer.Option(help="Folder for prediction.json, attention.csv, GeoJSON and overlays.")],
    slide: Slides = None,
    features: FeatureFiles = None,
    cohort: CohortOfCase = None,
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
    cohort: CohortFolder,
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


for verb in (infer, bundle, reproduce, explain, regions, baselines, phi, selfcheck):
    app.command()(verb)


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
