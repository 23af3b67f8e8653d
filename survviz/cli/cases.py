"""`predict` and `explain`: one case from raw files or from a cohort folder."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

from rich.console import Console

from survviz.cli.console import progress_bar, show_json, show_notices, to_json
from survviz.errors import InputError, OutOfDistributionError
from survviz.figures.overlay import RESEARCH_USE
from survviz.phi import exported_id, without_ids
from survviz.types import Case, MapKind, Notice, PatchScores, Prediction

if TYPE_CHECKING:
    from survviz.cli.exports import Exports
    from survviz.figures.patch_map import PatchMap
    from survviz.pipeline import Predictor

THUMBNAIL_SIDE = 1600

stdout = Console(highlight=False, soft_wrap=True)


@dataclass(frozen=True, slots=True)
class CaseFiles:
    """Where a case comes from: files of its own, or a row of a cohort folder."""

    slides: list[Path]
    features: list[Path]
    cohort: Path | None
    clinical: Path | None
    rna: Path | None
    case_id: str | None
    mpp: float | None
    weights: str | None


def read_case(files: CaseFiles, predictor: Predictor) -> tuple[Case, tuple[Notice, ...]]:
    """The case, and what was noticed while reading it."""
    if files.cohort is not None:
        from survviz.data.cohort import load_cohort

        if files.slides or files.features or files.clinical or files.rna:
            raise InputError("Give either --cohort with --case, or the files of the case, not both.")
        if files.case_id is None:
            raise InputError("--cohort was given without --case; say which case of the cohort is meant.")
        return load_cohort(files.cohort).case(files.case_id), ()
    from survviz.pipeline import case_from_files
    from survviz.wsi.encoders import create_encoder

    encoder = create_encoder(predictor.encoder, weights=files.weights) if files.slides else None
    with progress_bar("encoding patches") as progress:
        return case_from_files(
            case_id=files.case_id,
            slides=files.slides,
            features=files.features,
            clinical=files.clinical,
            rna=files.rna,
            encoder=encoder,
            mpp=files.mpp,
            progress=progress,
        )


def run_predict(checkpoint: Path, files: CaseFiles, out: Path, *, device: str, anyway: bool, as_json: bool) -> None:
    """Score a case and write everything that the models say about it."""
    from survviz.pipeline import Predictor

    predictor = Predictor.load(checkpoint, device)
    case, notices = read_case(files, predictor)
    show_notices(notices)
    show_notices(predictor.check(case))
    refuse_unlike(notices, anyway)
    prediction = predictor.predict(case, allow_unlike=anyway)
    out.mkdir(parents=True, exist_ok=True)
    document = {
        "use": RESEARCH_USE,
        **to_json(prediction),
        "case_notices": to_json(notices),
        "slides": [slide_record(case, index) for index in range(len(case.bags))],
    }
    write_export(out / "prediction.json", json.dumps(document, indent=2, ensure_ascii=False) + "\n", case)
    written = ["prediction.json", *write_maps(predictor, case, files, out)[0]]
    if as_json:
        show_json(document | {"written": [out / name for name in written]})
    else:
        show_prediction(prediction, out, written)


def refuse_unlike(notices: tuple[Notice, ...], anyway: bool) -> None:
    """Stop where the slide itself is of the wrong kind, unless a person insists.

    Raises:
        OutOfDistributionError: a notice says stop.
    """
    stops = [notice.text for notice in notices if notice.level == "stop"]
    if stops and not anyway:
        raise OutOfDistributionError(f"{' '.join(stops)} No score was given; --anyway gives one with this warning.")


def map_kinds(given: Sequence[str] | None) -> tuple[MapKind, ...]:
    """Kinds of map as given on the command line; attention where none is.

    Raises:
        UnknownNameError: there is no such kind.
    """
    from survviz.pipeline.explanation.maps import MapRequest

    return tuple(MapRequest.of(cast(MapKind, name), "", "").kind for name in given or ("attention",))


def run_explain(
    checkpoint: Path,
    files: CaseFiles,
    out: Path,
    *,
    kinds: Sequence[MapKind] = ("attention",),
    exports: Exports | None = None,
    device: str,
    as_json: bool,
) -> None:
    """Write maps of one case: every token of every direction.

    Raises:
        InputError: the model or the case has no map of a kind, or what is needed for the exports is missing; the
            reason is given.
    """
    from survviz.cli import exports as more
    from survviz.pipeline.predictor import Predictor

    predictor = Predictor.load(checkpoint, device)
    case, notices = read_case(files, predictor)
    for kind in kinds:
        if why := predictor.why_no_kind(case, kind):
            raise InputError(why)
    exports = exports or more.Exports()
    slides = more.slide_paths(files, case)
    exports.check(slides, case)
    known = (*notices, *predictor.check(case))
    show_notices(known)
    out.mkdir(parents=True, exist_ok=True)
    written, maps = [], []
    for kind in kinds:
        names, found = write_maps(predictor, case, files, out, kind)
        written += names
        maps += found
    written += more.write_exports(exports, predictor, case, known, maps, slides, out)
    if as_json:
        show_json({"case_id": case.case_id, "written": [out / name for name in written]})
    else:
        stdout.print(f"{case.case_id}: wrote {', '.join(written)} to {out}")


def slide_record(case: Case, index: int) -> dict[str, object]:
    """What was known of a slide: pixel size and who gave it, encoder, number of patches."""
    bag = case.bags[index]
    return {
        "slide_id": bag.slide_id,
        "n_patches": len(bag),
        "patch_size_level0": bag.patch_size_level0,
        "patch_mpp": bag.mpp,
        "mpp_source": bag.mpp_source,
        "encoder": bag.encoder,
        "encoder_revision": bag.encoder_revision,
        "slide_hash": bag.slide_hash,
    }


def write_maps(
    predictor: Predictor, case: Case, files: CaseFiles, out: Path, kind: MapKind = "attention"
) -> tuple[list[str], list[PatchMap]]:
    """KIND.csv with every map; per direction and slide a GeoJSON and, if the slide file is at hand, an overlay.

    Nothing is written where there is no map of this kind.

    Returns:
        Names of the files, and the maps.
    """
    from survviz.figures.geojson import geojson_bytes
    from survviz.figures.patch_map import PatchMap, Provenance
    from survviz.figures.table import attention_csv

    def mapped(scores: PatchScores) -> PatchMap:
        bag = next(bag for bag in case.bags if bag.slide_id == scores.slide_id)
        source = Provenance(exported_id(case.case_id, "case"), predictor.checkpoint.name, bag.encoder)
        return replace(PatchMap.of_scores(scores, source), slide_id=exported_id(scores.slide_id))

    maps: list[PatchMap] = []
    written: list[str] = []
    prefix = "" if kind == "attention" else f"{kind}."
    for query, key in predictor.directions_for(case, kind):
        with progress_bar(f"{kind} {query} to {key}") as progress:
            by_token = predictor.explain_kind(case, kind=kind, query=query, key=key, progress=progress)
        maps.extend(mapped(scores) for slides in by_token.values() for scores in slides)
        for patch_map in map(mapped, by_token.get("all", ())):
            name = f"{patch_map.slide_id}.{prefix}{query}_to_{key}"
            (out / f"{name}.geojson").write_bytes(geojson_bytes([patch_map]))
            written.append(f"{name}.geojson")
            written += write_figure(patch_map, files, out / name)
    if maps:
        (out / f"{kind}.csv").write_bytes(attention_csv(maps))
        written.insert(0, f"{kind}.csv")
    return written, maps


def write_figure(patch_map: PatchMap, files: CaseFiles, target: Path) -> list[str]:
    """The map over a thumbnail as PNG and SVG, if the slide's file was given."""
    from survviz.figures.figure import Panel, figure
    from survviz.figures.sheet import to_png, to_svg
    from survviz.wsi.slide import open_slide

    path = next((path for path in files.slides if exported_id(path.stem) == patch_map.slide_id), None)
    if path is None:
        return []
    with open_slide(path, files.mpp) as slide:
        source = replace(patch_map.provenance, mpp=slide.mpp, mpp_source=slide.mpp_source)
        panel = Panel(slide.thumbnail(THUMBNAIL_SIDE), slide.dimensions, replace(patch_map, provenance=source))
    sheet = figure([panel])
    names = [f"{target.name}.png", f"{target.name}.svg"]
    target.with_name(names[0]).write_bytes(to_png(sheet))
    target.with_name(names[1]).write_text(to_svg(sheet), encoding="utf-8")
    return names


def write_text(path: Path, text: str) -> None:
    """Write under a temporary name, then rename."""
    fresh = path.with_name(path.name + ".tmp")
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(path)


def write_export(path: Path, text: str, case: Case) -> None:
    """The same, under ids that may leave."""
    write_text(path, without_ids(text, [bag.slide_id for bag in case.bags], (case.case_id,)))


def show_prediction(prediction: Prediction, out: Path, written: list[str]) -> None:
    """The prediction in a few lines."""
    stdout.print(f"case        {prediction.case_id}   ({', '.join(prediction.present)})")
    stdout.print(f"checkpoint  {prediction.checkpoint}, folds {', '.join(str(fold + 1) for fold in prediction.folds)}")
    stdout.print(
        f"risk        {prediction.risk:.3f}: higher than {prediction.percentile:.0f} % of the training cohort, "
        f"{prediction.group} group"
    )
    for at in prediction.horizons:
        spread = f" ± {at.spread:.2f} over folds" if at.spread is not None else ""
        value = f"{at.survival:.2f}{spread}" if at.survival is not None else f"undefined: {at.reason}"
        stdout.print(f"S({at.months:.0f} mo)    {value}")
    stdout.print(f"wrote       {', '.join(written)} to {out}")
    stdout.print(f"Model estimate, not a prognosis. {RESEARCH_USE}")
