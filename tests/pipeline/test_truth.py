"""Attention against planted regions."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from survviz.data.cohort import Cohort
from survviz.errors import InputError
from survviz.pipeline import Predictor
from survviz.pipeline.explanation.truth import RegionMasks, localisation
from survviz.types import Bag
from survviz.units import Mpp


def write_mask(folder: Path) -> RegionMasks:
    """A slide of 64 x 32 level-0 pixels, left half tumour, one mask pixel per 4."""
    (folder / "truth").mkdir()
    mask = np.zeros((8, 16), np.uint8)
    mask[:, :8] = 2
    Image.fromarray(mask).save(folder / "truth" / "s.png")
    classes = {"background": {"value": 0}, "tumour": {"value": 2}}
    (folder / "truth" / "regions.json").write_text(json.dumps({"classes": classes}))
    return RegionMasks.read(folder)


def bag(coords: list[tuple[int, int]]) -> Bag:
    array = np.array(coords, dtype=np.int64)
    return Bag("s", np.zeros((len(array), 2), np.float32), array, 16, Mpp(0.5), "e", slide_size=(64, 32))


def test_share_of_a_region_is_its_area_in_the_patch(tmp_path: Path) -> None:
    shares = write_mask(tmp_path).shares(bag([(0, 0), (24, 0), (48, 16)]))
    assert shares is not None
    np.testing.assert_allclose(shares[:, 1], [1, 0.5, 0])


def test_patch_is_inside_when_half_of_it_is(tmp_path: Path) -> None:
    inside = write_mask(tmp_path).inside([bag([(0, 0), (24, 0), (28, 0)])], ["tumour"])
    assert inside is not None
    assert inside.tolist() == [True, True, False]


def test_slide_without_a_mask_is_left_out(tmp_path: Path) -> None:
    masks = write_mask(tmp_path)
    assert masks.inside([replace(bag([(0, 0)]), slide_id="other")], ["tumour"]) is None
    assert masks.inside([], ["tumour"]) is None


def test_cohort_without_masks_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no region masks"):
        RegionMasks.read(tmp_path)


def test_bundled_cohort_gives_an_auroc_per_direction_and_token(predictor: Predictor, cohort: Cohort) -> None:
    few = cohort.subset(
        [*sorted(cohort.holdout), *[name for name in cohort.case_ids if name not in cohort.holdout][:6]]
    )
    found = localisation(predictor, few, [("tumour",)])
    names = {(item.query, item.token) for item in found}
    assert names == {
        (query, token) for query, _ in predictor.directions() for token in ("all", *predictor.tokens(query))
    }
    assert all(0 <= item.score.interval.low <= item.score.mean <= item.score.interval.high <= 1 for item in found)


def test_tumour_patches_of_the_bundled_slides_look_like_tumour(cohort: Cohort) -> None:
    """The masks lie on the right patches: nuclei are denser inside tumour than in the rest of the tissue."""
    from survviz.wsi.encoders import create_encoder

    names = create_encoder().feature_names
    assert names is not None
    column = names.index("nuclear area fraction")
    masks = RegionMasks.read(cohort.folder)
    gaps = []
    for case_id in sorted(cohort.holdout):
        bags = cohort.bags(case_id)
        inside = masks.inside(bags, ["tumour"])
        assert inside is not None
        values = np.concatenate([bag.features[:, column] for bag in bags]).astype(float)
        gaps.append(values[inside].mean() - values[~inside].mean())
    assert min(gaps) > 0
