"""Verbs over many cases: `sample`, `extract`, `train`, and `explain` of a whole cohort."""

from __future__ import annotations

import csv
import io
import json
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError
from rich.console import Console
from rich.table import Table

from survviz.cli.console import progress_bar, show_json, show_notices, stderr
from survviz.errors import InputError, SurvvizError

if TYPE_CHECKING:
    from survviz.pipeline.truth import TokenLocalisation
    from survviz.training import TrainConfig

TARGETS = (("tumour",), ("normal",), ("lymphocytes",))
"""In the sample cohort all prognostic information lies in tumour; the others wear the same marks and mean nothing."""

stdout = Console(highlight=False, soft_wrap=True)


def run_sample(out: Path, *, cases: int, seed: int, slides: int | None, workers: int, as_json: bool) -> None:
    """Write a sample cohort."""
    from survviz.sample import write_sample

    with progress_bar("rendering and encoding") as progress:
        folder = write_sample(out, cases=cases, seed=seed, slides=slides, workers=workers, progress=progress)
    from survviz.data.cohort import load_cohort

    cohort = load_cohort(folder)
    document = {
        "folder": folder, "cases": len(cohort), "events": int(cohort.event.sum()), "slides": len(cohort.slides),
        "slide_files": sum(bool(path) for path in cohort.slides["path"]), "holdout": sorted(cohort.holdout),
        "seed": seed,
    }  # fmt: skip
    if as_json:
        show_json(document)
        return
    stdout.print(
        f"{folder}: {document['cases']} cases ({document['events']} deaths), {document['slides']} slides, "
        f"{document['slide_files']} slide files kept; held out: {', '.join(document['holdout']) or 'none'}"
    )


def run_extract(
    out: Path,
    *,
    slides: list[Path],
    cohort: Path | None,
    encoder: str,
    weights: str | None,
    mpp: float | None,
    device: str,
    as_json: bool,
) -> None:
    """Encode slides; a slide that fails does not stop the rest, but the exit code then is not 0."""
    from survviz.pipeline.device import choose_device
    from survviz.wsi.encoders import create_encoder
    from survviz.wsi.extract import extract_cached
    from survviz.wsi.features import write_features

    work = [(path, mpp) for path in slides] + (cohort_slides(cohort, mpp) if cohort else [])
    if not work:
        raise InputError("No slide was given. Use --slide FILE (repeat it for several), or --cohort DIR.")
    model = create_encoder(encoder, weights=weights, device=str(choose_device(device)))
    out.mkdir(parents=True, exist_ok=True)
    results, failures = [], []
    for path, size in work:
        try:
            with progress_bar(path.name) as progress:
                bag, notices = extract_cached(path, model, mpp=size, progress=progress)
        except SurvvizError as error:
            failures.append({"slide": path, "error": str(error)})
            stderr.print(str(error), markup=False)
            continue
        show_notices(notices)
        target = out / f"{bag.slide_id}.h5"
        write_features(target, bag, patch_px=model.patch_px)
        results.append({
            "slide": path, "features": target, "n_patches": len(bag), "mpp_source": bag.mpp_source, "notices": notices,
        })  # fmt: skip
        if not as_json:
            stdout.print(f"{target}: {len(bag)} patches, {bag.features.shape[1]} numbers each")
    if as_json:
        show_json({"encoder": model.name, "revision": model.revision, "slides": results, "failed": failures})
    if failures:
        raise InputError(f"{len(failures)} of {len(work)} slides could not be encoded; see above.")


def cohort_slides(folder: Path, mpp: float | None) -> list[tuple[Path, float | None]]:
    """Slide files of a cohort with the pixel size of its slide table, else the given one."""
    from survviz.data.cohort import load_cohort

    rows = load_cohort(folder).slides
    sizes = rows["mpp"].astype(object).where(rows["mpp"].notna(), mpp)
    return [(Path(path), size) for path, size in zip(rows["path"], sizes, strict=True) if path]


def run_train(
    cohort: Path,
    out: Path,
    *,
    model: str,
    modalities: str | None,
    config: Path | None,
    settings: list[str],
    purpose: str,
    as_json: bool,
) -> None:
    """Cross-validate and write a checkpoint."""
    from survviz.data.cohort import load_cohort
    from survviz.training import cross_validate

    values = read_settings(config) | {"model": model}
    if modalities is not None:
        values["modalities"] = tuple(name.strip() for name in modalities.split(",") if name.strip())
    for setting in settings:
        set_value(values, setting)
    run = train_config(values)
    data = load_cohort(cohort)
    show_notices(data.notices)
    with progress_bar(f"{model}: epochs of {run.n_folds} folds") as progress:
        report = cross_validate(data, run, out, purpose=purpose, progress=progress)
    metrics = report.reference.metrics
    if as_json:
        show_json({
            "checkpoint": out, "protocol": "nested", "n_cases": report.reference.n_cases,
            "n_events": report.reference.n_events, "metrics": metrics.model_dump(), "excluded": report.excluded,
            "seconds": report.seconds,
        })  # fmt: skip
        return
    for index, fold in enumerate(metrics.folds):
        value = f"{fold.c_index:.3f}" if fold.c_index is not None else f"undefined: {fold.reason}"
        stdout.print(
            f"fold {index + 1}: C {value} ({fold.n_test} cases, {fold.n_events_test} events; epoch {fold.epoch})"
        )
    if metrics.c_index is None:
        stdout.print(f"out-of-fold C-index undefined: {metrics.reason}")
    else:
        stdout.print(
            f"out-of-fold C-index {metrics.c_index:.3f} (95 % CI {metrics.low:.3f} to {metrics.high:.3f}); folds "
            f"{metrics.mean:.3f} ± {metrics.sd:.3f}; {report.reference.n_cases} cases, "
            f"{report.reference.n_events} events"
        )
    stdout.print(f"wrote {out} in {report.seconds:.0f} s (protocol: nested, epoch chosen on inner validation)")


def read_settings(path: Path | None) -> dict[str, Any]:
    """Training settings of a JSON or TOML file."""
    if path is None:
        return {}
    try:
        text = path.read_text(encoding="utf-8")
        values = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except (OSError, ValueError) as error:
        raise InputError(f"The settings {path} cannot be read as {path.suffix or 'TOML'}: {error}.") from error
    if not isinstance(values, dict):
        raise InputError(f"The settings {path} hold a {type(values).__name__}; expected names and values.")
    return values


def set_value(values: dict[str, Any], setting: str) -> None:
    """Apply one `a.b=c`; the value is read as JSON, else as text."""
    name, equals, text = setting.partition("=")
    if not equals or not name:
        raise InputError(f"--set {setting!r} was given; expected KEY=VALUE, for example --set epochs=30.")
    *path, last = name.split(".")
    for part in path:
        values = values.setdefault(part, {})
        if not isinstance(values, dict):
            raise InputError(f"--set {setting!r}: {part!r} is a single value, not a group of settings.")
    try:
        values[last] = json.loads(text)
    except json.JSONDecodeError:
        values[last] = text


def train_config(values: dict[str, Any]) -> TrainConfig:
    """Check the settings.

    Raises:
        InputError: a setting is unknown or out of range; every problem is listed.
    """
    from survviz.data.words import explain_validation
    from survviz.training import TrainConfig

    try:
        return TrainConfig(**values)
    except ValidationError as error:
        raise InputError(explain_validation(error, "The training configuration", TrainConfig)) from error


def run_explain_cohort(checkpoint: Path, cohort: Path, out: Path, *, device: str, as_json: bool) -> None:
    """AUROC of attention against the planted regions, per direction and token."""
    from survviz.data.cohort import load_cohort
    from survviz.pipeline import Predictor
    from survviz.pipeline.truth import localisation

    predictor, data = Predictor.load(checkpoint, device), load_cohort(cohort)
    with progress_bar("mapping cases") as progress:
        found = localisation(predictor, data, TARGETS, progress=progress)
    rows = [row_of(item) for item in found]
    out.mkdir(parents=True, exist_ok=True)
    (out / "localisation.csv").write_text(as_csv(rows), encoding="utf-8")
    if as_json:
        show_json({"checkpoint": checkpoint, "cohort": cohort, "rows": rows, "written": [out / "localisation.csv"]})
        return
    table = Table("query", "token", "regions", "AUROC", "95 % CI", "cases", box=None)
    for row in rows:
        interval = f"{row['low']:.3f} to {row['high']:.3f}"
        table.add_row(row["query"], row["token"], row["regions"], f"{row['auroc']:.3f}", interval, str(row["n_cases"]))
    stdout.print(table)
    stdout.print("0.5 = no better than chance; each case is mapped only by models that did not train on it.")


def row_of(item: TokenLocalisation) -> dict[str, Any]:
    """One line of the localisation table."""
    score = item.score
    return {
        "query": item.query, "token": item.token, "regions": "+".join(item.regions), "auroc": score.mean,
        "low": score.interval.low, "high": score.interval.high, "n_cases": len(score.per_case) - score.n_undefined,
        "n_undefined": score.n_undefined,
    }  # fmt: skip


def as_csv(rows: list[dict[str, Any]]) -> str:
    """Rows with a header."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue()
