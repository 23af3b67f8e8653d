"""Maps as DICOM: a Parametric Map (pixels) and Microscopy Bulk Simple Annotations (one rectangle per patch).

Both hold values, not colours, carry the case's pseudonym and nothing else of a patient, and read "RESEARCH" as their
qualification. Nothing of it needs highdicom until a file is asked for.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from survviz import __version__
from survviz.errors import InputError
from survviz.figures.dicom_source import TILE, LevelGrid, derived_uid, require_highdicom
from survviz.figures.legend import GROUPS, UNITS
from survviz.figures.patch_map import RESEARCH_USE, PatchMap, same_patches

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

MAKER = "survviz"
LARGEST_MAP_BYTES = 96 * 2**20
MOST_GROUPS = 24
SHORT, LONG = 16, 64
"""Longest strings of DICOM's SH and LO."""


def rasterise(patch_map: PatchMap, grid: LevelGrid) -> NDArray[np.float32]:
    """(height, width) values on a level's pixels; 0 where there is no patch, or where it has no value.

    A pixel belongs to the patch that covers its centre, so that the picture has no gaps and no overlaps.

    Raises:
        InputError: the level is too large to be held.
    """
    if 4 * grid.width * grid.height > LARGEST_MAP_BYTES:
        raise InputError(
            f"The map would need {grid.width} x {grid.height} pixels, because the slide has no smaller level. "
            "Export the annotations instead, or make a pyramid of the slide."
        )
    canvas = np.zeros((grid.height, grid.width), dtype=np.float32)
    start = np.ceil(patch_map.coords / grid.downsample - 0.5).astype(int)
    stop = np.ceil((patch_map.coords.astype(np.int64) + patch_map.patch_size_level0) / grid.downsample - 0.5).astype(
        int
    )
    stop = np.maximum(stop, start + 1)
    values = np.nan_to_num(patch_map.values)
    for (x0, y0), (x1, y1), value in zip(np.maximum(start, 0).tolist(), stop.tolist(), values.tolist(), strict=True):
        canvas[y0:y1, x0:x1] = value
    return canvas


def parametric_map(patch_map: PatchMap, grid: LevelGrid) -> bytes:
    """The map as a float32 Parametric Map, tiled like the level that it lies on.

    Raises:
        InputError: highdicom is not installed, or the map is too large.
    """
    highdicom = require_highdicom()
    from pydicom.sr.codedict import codes

    pixels = rasterise(patch_map, grid)
    low, high = float(min(pixels.min(), 0.0)), float(max(pixels.max(), 0.0))
    if patch_map.nature == "signed":
        low, high = -max(-low, high), max(-low, high)
    width = high - low or 1.0
    window = highdicom.VOILUTTransformation(window_center=(low + high) / 2, window_width=width)
    found = highdicom.pm.ParametricMap(
        source_images=[grid.header],
        pixel_array=pixels,
        content_label="HEATMAP",
        content_description=_fit(_words(patch_map), LONG),
        contains_recognizable_visual_features=False,
        real_world_value_mappings=_mappings(highdicom, codes, patch_map, (low, high)),
        voi_lut_transformations=[window],
        tile_pixel_array=True,
        tile_size=(TILE, TILE),
        dimension_organization_type="TILED_FULL",
        **_series(patch_map, grid, "parametric map", number=901),
    )
    _describe(found, patch_map)
    return _saved(found)


def _mappings(highdicom: Any, codes: Any, patch_map: PatchMap, value_range: tuple[float, float]) -> list[Any]:
    """What a stored number is: itself in its unit; of attention, a second time as a share."""
    quantity = codes.DCM.ClassActivation
    label, words = ("times uniform", "Attention divided by what a uniform map would give")
    if patch_map.nature == "signed":
        label, words = patch_map.unit, UNITS.get(patch_map.unit, patch_map.unit)
    elif patch_map.nature == "spread":
        label, words = "SD over folds", "Standard deviation over the cross-validation models"
    shared = {"unit": codes.UCUM.NoUnits, "value_range": value_range, "quantity_definition": quantity, "intercept": 0.0}
    mapping = highdicom.pm.RealWorldValueMapping
    found = [mapping(lut_label=_fit(label, SHORT), lut_explanation=_fit(words, LONG), slope=1.0, **shared)]
    if patch_map.nature == "share":
        share = "Share of the attention over all patches of the case"
        found.append(mapping(lut_label="share", lut_explanation=share, slope=patch_map.uniform, **shared))
    return found


def bulk_annotations(maps: Sequence[PatchMap], grid: LevelGrid) -> bytes:
    """One group of rectangles per map, in millimetres on the slide, each with its value as a measurement.

    Raises:
        InputError: highdicom is not installed, there are too many maps, or they lie on different patches.
    """
    highdicom = require_highdicom()
    same_patches(list(maps))
    if len(maps) > MOST_GROUPS:
        raise InputError(f"{len(maps)} maps were given; one annotation file holds at most {MOST_GROUPS}.")
    first = maps[0]
    side = first.patch_size_level0
    ring = np.array([[0, 0], [side, 0], [side, side], [0, side]], dtype=np.float64)
    corners = (first.coords[:, None].astype(np.float64) + ring).reshape(-1, 2)
    rectangles = list(grid.to_slide_mm(corners).astype(np.float32).reshape(-1, 4, 3))
    found = highdicom.ann.MicroscopyBulkSimpleAnnotations(
        source_images=[grid.header],
        annotation_coordinate_type="3D",
        annotation_groups=[_group(highdicom, one, number, rectangles) for number, one in enumerate(maps, start=1)],
        content_label="PATCH_SCORES",
        content_description=_fit(f"{len(maps)} map(s) of {len(first)} patches. {RESEARCH_USE}", LONG),
        **_series(first, grid, "annotations " + "/".join(one.name for one in maps), number=902),
    )
    _describe(found, first)
    return _saved(found)


def _group(highdicom: Any, patch_map: PatchMap, number: int, rectangles: list[NDArray[np.float32]]) -> Any:
    from pydicom.sr.codedict import codes

    concept, unit = highdicom.sr.CodedConcept, codes.UCUM.NoUnits
    name = concept(f"{patch_map.kind}-{patch_map.nature}".upper()[:SHORT], "99SURVVIZ", _fit(_words(patch_map), LONG))
    measured = [highdicom.ann.Measurements(name=name, unit=unit, values=patch_map.values.astype(np.float32))]
    if patch_map.nature == "share":
        share = concept("ATTENTION-WEIGHT", "99SURVVIZ", "Share of the attention over all patches of the case")
        weights = (patch_map.values * patch_map.uniform).astype(np.float32)
        measured.append(highdicom.ann.Measurements(name=share, unit=unit, values=weights))
    source = patch_map.provenance
    algorithm = highdicom.AlgorithmIdentificationSequence(
        name=_fit(source.checkpoint or MAKER, LONG),
        version=__version__,
        family=codes.DCM.ArtificialIntelligence,
        source=MAKER,
        parameters={"map": patch_map.name, "encoder": source.encoder} if source.encoder else {"map": patch_map.name},
    )
    return highdicom.ann.AnnotationGroup(
        number=number,
        uid=derived_uid("group", source.case_id, patch_map.slide_id, source.checkpoint, patch_map.name),
        label=_fit(_words(patch_map), LONG),
        description=f"{patch_map.semantics} {RESEARCH_USE}"[:1024],
        annotated_property_category=codes.SCT.Tissue,
        annotated_property_type=codes.SCT.Tissue,
        algorithm_type="AUTOMATIC",
        algorithm_identification=algorithm,
        graphic_type="RECTANGLE",
        graphic_data=rectangles,
        measurements=measured,
    )


def _series(patch_map: PatchMap, grid: LevelGrid, what: str, *, number: int) -> dict[str, Any]:
    """Identification of a series and its one instance; the same map of the same slide gives the same."""
    content = (grid.header.SOPInstanceUID, patch_map.provenance.checkpoint, patch_map.name, what, __version__)
    values = hashlib.sha256(patch_map.values.tobytes()).hexdigest()
    return {
        "series_instance_uid": derived_uid("series", *content, values),
        "series_number": number,
        "sop_instance_uid": derived_uid("instance", *content, values),
        "instance_number": 1,
        "manufacturer": MAKER,
        "manufacturer_model_name": _fit(patch_map.provenance.checkpoint or MAKER, LONG),
        "software_versions": __version__,
        "device_serial_number": "none",
        "series_description": _fit(_words(patch_map), LONG),
    }


def _describe(found: Dataset, patch_map: PatchMap) -> None:
    found.PatientIdentityRemoved = "YES"
    found.DeidentificationMethod = "survviz: pseudonym only, no dates"
    found.ImageComments = f"{patch_map.semantics} {RESEARCH_USE}"[:10240]


def _words(patch_map: PatchMap) -> str:
    groups = " to ".join(GROUPS.get(group, group) for group in (patch_map.query, patch_map.key))
    parts = [patch_map.kind, groups, patch_map.token_words, patch_map.provenance.head, patch_map.provenance.fold]
    return ", ".join(part for part in parts if part)


def _fit(words: str, length: int) -> str:
    """Cut to a length, without characters that DICOM uses as separators."""
    clean = words.replace("\\", "/").strip()
    return clean if len(clean) <= length else clean[: length - 1].rstrip() + "…"


def _saved(found: Dataset) -> bytes:
    out = io.BytesIO()
    found.save_as(out, enforce_file_format=True)
    return out.getvalue()
