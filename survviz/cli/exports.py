"""`explain --dicom` and `explain --report`: the app's exports of the same maps, without the app."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from survviz.errors import InputError, OutOfDistributionError
from survviz.phi import exported_id, without_ids
from survviz.types import Case, Notice

if TYPE_CHECKING:
    from survviz.cli.cases import CaseFiles
    from survviz.figures.patch_map import PatchMap
    from survviz.figures.report import PatchPicture, Section
    from survviz.figures.scaling import Summary
    from survviz.pipeline.predictor import Predictor
    from survviz.wsi.slide import Slide

Dicom = Annotated[
    bool,
    typer.Option("--dicom", help="Also DICOM parametric maps and bulk annotations of a case; needs its slide files."),
]
Report = Annotated[bool, typer.Option("--report", help="Also a report of the case, report.html and report.pdf.")]

MOST_MEASURED = 24
"""Maps in one file of annotations, as in the app; those of all tokens come first."""
PICTURE_PX, DENSE = 1280, 2
PATCHES, PATCH_PX = 12, 256


@dataclass(frozen=True, slots=True)
class SlidePath:
    """Where a slide's file is; `mpp` is what a person or a cohort says of it."""

    path: Path
    mpp: float | None


@dataclass(frozen=True, slots=True)
class Exports:
    """What is wanted beside the maps."""

    dicom: bool = False
    report: bool = False

    def check(self, slides: Mapping[str, SlidePath], case: Case) -> None:
        """Say what is missing before anything is computed.

        Raises:
            InputError: DICOM is wanted without its extra, or without the file of a slide.
        """
        if not self.dicom:
            return
        from survviz.figures.dicom_source import require_highdicom

        require_highdicom()
        absent = [bag.slide_id for bag in case.bags if exported_id(bag.slide_id) not in slides]
        if absent:
            raise InputError(
                f"--dicom was given; DICOM places a map on its slide, and the file of {', '.join(absent)} is not at "
                "hand. Give it with --slide, or leave --dicom out."
            )


def slide_paths(files: CaseFiles, case: Case) -> dict[str, SlidePath]:
    """Slide id as it is exported -> its file, where there is one: as given, or as the cohort names it."""
    found = {path.stem: SlidePath(path, files.mpp) for path in files.slides}
    if files.cohort is not None:
        from survviz.data.cohort import load_cohort

        cohort = load_cohort(files.cohort)
        table = cohort.slides[cohort.slides["case_id"] == case.case_id]
        rows = zip(table["slide_id"], table["path"], strict=True)
        found = {name: SlidePath(Path(path), files.mpp or cohort.slide_mpp(name)) for name, path in rows if path}
    wanted = {bag.slide_id for bag in case.bags}
    return {exported_id(name): slide for name, slide in found.items() if name in wanted and slide.path.is_file()}


def write_exports(
    wanted: Exports,
    predictor: Predictor,
    case: Case,
    notices: Sequence[Notice],
    maps: Sequence[PatchMap],
    slides: Mapping[str, SlidePath],
    out: Path,
) -> list[str]:
    """Names of the files that were written.

    Args:
        maps: every map of every slide.
    """
    written = write_dicom(maps, slides, out) if wanted.dicom else []
    return written + (write_report(predictor, case, notices, maps, slides, out) if wanted.report else [])


def write_dicom(maps: Sequence[PatchMap], slides: Mapping[str, SlidePath], out: Path) -> list[str]:
    """Per slide a parametric map of each kind and direction, one file of annotations, and an overview if needed."""
    from survviz.figures.dicom import bulk_annotations, parametric_map
    from survviz.figures.dicom_slide import overview_image
    from survviz.figures.dicom_source import slide_grid

    written: list[str] = []

    def write(name: str, body: bytes) -> None:
        (out / name).write_bytes(body)
        written.append(name)

    for slide_id in dict.fromkeys(one.slide_id for one in maps):
        with _opened(slides[slide_id]) as slide:
            here = [_placed(one, slide) for one in maps if one.slide_id == slide_id]
            means = [one for one in here if one.token == "all"]
            grid = slide_grid(here[0], slide.path, slide.vendor, slide.dimensions, slide.mpp)
            for one in means:
                prefix = "" if one.kind == "attention" else f"{one.kind}."
                write(f"{slide_id}.{prefix}{one.query}_to_{one.key}.dcm", parametric_map(one, grid))
            ordered = [*means, *(one for one in here if one.token != "all")]
            write(f"{slide_id}.annotations.dcm", bulk_annotations(ordered[:MOST_MEASURED], grid))
            if not grid.is_source:
                extent = grid.width * grid.downsample, grid.height * grid.downsample
                pixels = slide.read_area(0, 0, *extent, grid.width, grid.height)
                write(f"{slide_id}.overview.dcm", overview_image(grid, pixels, slide.mpp))
    return written


def write_report(
    predictor: Predictor,
    case: Case,
    notices: Sequence[Notice],
    maps: Sequence[PatchMap],
    slides: Mapping[str, SlidePath],
    out: Path,
) -> list[str]:
    """report.html and report.pdf: the estimate, each kind and direction on each slide, the highest patches, source."""
    from survviz.figures.report import Report as CaseReport
    from survviz.figures.report_html import report_html
    from survviz.figures.report_pdf import report_pdf
    from survviz.figures.scaling import summarise

    try:
        prediction = predictor.predict(case)
    except OutOfDistributionError:
        prediction = None  # the notices say why it is not scored
    means = [one for one in maps if one.token == "all"]
    sections: list[Section] = []
    for one in means:
        alike = [other for other in means if (other.kind, other.query, other.key) == (one.kind, one.query, one.key)]
        sections += _sections(one, summarise(alike), slides.get(one.slide_id))
    encoders = sorted({f"Encoder {bag.encoder}, {bag.patch_size_level0} px patches." for bag in case.bags})
    ids = [bag.slide_id for bag in case.bags]
    report = CaseReport(
        case_id=exported_id(case.case_id, "case"),
        checkpoint=predictor.checkpoint.name,
        prediction=prediction,
        notices=tuple(replace(one, text=without_ids(one.text, ids, (case.case_id,))) for one in notices),
        sections=tuple(sections),
        provenance=tuple(encoders),
    )
    (out / "report.html").write_text(report_html(report), encoding="utf-8")
    (out / "report.pdf").write_bytes(report_pdf(report))
    return ["report.html", "report.pdf"]


def _sections(patch_map: PatchMap, summary: Summary, where: SlidePath | None) -> list[Section]:
    """A map over its slide, and its highest patches; without the file a blank canvas and no patches."""
    from survviz.figures.figure import Panel, figure
    from survviz.figures.legend import map_title
    from survviz.figures.overlay import blank_slide
    from survviz.figures.report import Section

    title = f"{map_title(patch_map)}, slide {patch_map.slide_id}"
    if where is None:
        pixels, size = blank_slide(patch_map, PICTURE_PX)
        return [Section(title, drawings=(figure([Panel(pixels, size, patch_map, summary=summary)], dense=DENSE),))]
    with _opened(where) as slide:
        placed = _placed(patch_map, slide)
        panel = Panel(slide.thumbnail(PICTURE_PX), slide.dimensions, placed, summary=summary)
        pictures = tuple(_highest(placed, slide))
    side = patch_map.patch_size_level0 * slide.mpp
    words = (f"The {len(pictures)} highest patches, each {side:.0f} × {side:.0f} µm.",)
    return [
        Section(title, drawings=(figure([panel], dense=DENSE),)),
        Section(f"Patches of “{map_title(patch_map)}”", words, patches=pictures),
    ]


def _highest(patch_map: PatchMap, slide: Slide) -> Iterator[PatchPicture]:
    import numpy as np

    from survviz.figures.legend import value_text
    from survviz.figures.report import PatchPicture
    from survviz.figures.table import ranks

    order, side = ranks(np.nan_to_num(patch_map.values, nan=-np.inf)), patch_map.patch_size_level0
    for rank, index in enumerate(np.argsort(order)[:PATCHES].tolist(), 1):
        x, y = patch_map.coords[index].tolist()
        value = value_text(patch_map, float(patch_map.values[index]))
        pixels = slide.read_area(x, y, side, side, PATCH_PX, PATCH_PX)
        yield PatchPicture(pixels, f"rank {rank} · {value} · x {x:,}, y {y:,}")


@contextmanager
def _opened(where: SlidePath) -> Iterator[Slide]:
    """The slide; what was said of its pixel size counts only where the file is silent."""
    from survviz.errors import MissingMppError
    from survviz.wsi.slide import open_slide

    try:
        slide = open_slide(where.path)
    except MissingMppError:
        slide = open_slide(where.path, where.mpp)
    with slide:
        yield slide


def _placed(patch_map: PatchMap, slide: Slide) -> PatchMap:
    """With the slide's pixel size."""
    source = replace(patch_map.provenance, mpp=slide.mpp, mpp_source=slide.mpp_source)
    return replace(patch_map, provenance=source)
