"""What is unlike the training cases is said, and how strongly."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from survviz.data.cohort import Cohort
from survviz.data.ood import OodReference
from survviz.data.patch_statistics import PatchStatistics
from survviz.types import Bag, Case
from survviz.units import Mpp


@pytest.fixture(scope="module")
def reference(cohort: Cohort) -> OodReference:
    return OodReference.fit(cohort, cohort.case_ids[:30])


def levels(reference: OodReference, case: Case) -> list[tuple[str, str]]:
    return [(notice.level, notice.code) for notice in reference.check(case)]


def test_a_case_like_the_training_cases_gives_no_warning(reference: OodReference, cohort: Cohort) -> None:
    for case in ("C031", "C033", "C037"):
        assert not levels(reference, cohort.case(case))


@pytest.mark.parametrize(
    ("shift", "expected"), [(0, []), (5, [("warning", "ood.patches")]), (12, [("stop", "ood.patches")])]
)
def test_a_shifted_slide_is_warned_about_and_a_far_one_stopped(
    reference: OodReference, make_bag: Callable[..., Bag], shift: float, expected: list[tuple[str, str]]
) -> None:
    assert levels(reference, Case("new", bags=(make_bag("s", 99, 200, shift),))) == expected


def test_a_partly_foreign_slide_is_warned_about(reference: OodReference, make_bag: Callable[..., Bag]) -> None:
    bag = make_bag("s", 99, 200)
    features = bag.features.copy()
    features[:80] += 8
    assert levels(reference, Case("new", bags=(replace(bag, features=features),))) == [("warning", "ood.patches")]


def test_a_feature_that_never_changed_in_training_counts_when_it_changes(
    reference: OodReference, make_bag: Callable[..., Bag]
) -> None:
    bag = make_bag("s", 99)
    features = bag.features.copy()
    features[:, 3] += 2
    assert levels(reference, Case("new", bags=(replace(bag, features=features),))) == [("stop", "ood.patches")]


def test_another_resolution_is_said(reference: OodReference, make_bag: Callable[..., Bag]) -> None:
    case = Case("new", bags=(replace(make_bag("s", 99), mpp=2.0),))
    assert levels(reference, case) == [("warning", "ood.mpp")]


def test_an_age_or_word_that_training_never_had_is_said(reference: OodReference) -> None:
    assert levels(reference, Case("new", clinical={"Age": 101.0, "Sex": "F", "Stage": None})) == [
        ("warning", "ood.clinical")
    ]
    case = Case("new", clinical={"Age": 60.0, "Sex": "F", "Stage": "0"})
    assert "which no training case had" in reference.check(case)[0].text


def test_another_spelling_of_a_known_stage_is_not_unusual(reference: OodReference) -> None:
    assert not levels(reference, Case("new", clinical={"Age": 60.0, "Sex": "woman", "Stage": "Stage IV"}))


def test_expression_in_another_unit_is_stopped(reference: OodReference, cohort: Cohort) -> None:
    rna = cohort.case("C033").rna
    assert rna is not None
    raw = {gene: 2.0**value * 1000 for gene, value in rna.items()}
    notices = reference.check(Case("new", rna=raw))
    assert [(notice.level, notice.code) for notice in notices] == [("stop", "ood.rna")]
    assert "log2(TPM+1)" in notices[0].text


def test_missing_genes_are_counted(reference: OodReference, cohort: Cohort) -> None:
    rna = cohort.case("C033").rna
    assert rna is not None
    genes = sorted(rna)
    for share, expected in (
        (0.97, ("info", "genes.coverage")),
        (0.6, ("warning", "ood.rna")),
        (0.1, ("stop", "ood.rna")),
    ):
        part = {gene: rna[gene] for gene in genes[: int(share * len(genes))]}
        assert levels(reference, Case("new", rna=part)) == [expected]


def test_the_reference_survives_json(reference: OodReference, cohort: Cohort) -> None:
    back = OodReference.from_dict(json.loads(json.dumps(reference.to_dict(), allow_nan=False)))
    case = replace(cohort.case("C033"), clinical={"Age": 101.0, "Sex": "F", "Stage": "0"})
    assert back.check(case) == reference.check(case)
    assert back.to_dict() == reference.to_dict()


def test_distance_is_mahalanobis_where_the_model_is_true(make_bag: Callable[..., Bag]) -> None:
    rng = np.random.default_rng(3)
    dim, n = 16, 6000
    features = (rng.normal(size=(n, dim)) + 2 * rng.normal(size=(n, 1))).astype(np.float32)
    bag = Bag("s", features, np.zeros((n, 2), dtype=np.int64), 256, make_bag("x", 0).mpp, "e")
    parts = [replace(bag, slide_id=f"s{i}", features=features[i::60], coords=bag.coords[i::60]) for i in range(60)]
    statistics = PatchStatistics.fit(parts, len(parts))
    assert (statistics.outlyingness(bag) > 1).mean() == pytest.approx(0.01, abs=0.005)
    flat = np.linalg.inv(np.cov(features, rowvar=False))
    against = rng.normal(size=(400, dim)) * 2
    exact = np.sqrt(np.einsum("ij,jk,ik->i", against, flat, against))
    ours = statistics.outlyingness(replace(bag, features=against)) * statistics.limit * np.sqrt(dim)
    assert np.corrcoef(exact, ours)[0, 1] > 0.995


def test_statistics_do_not_depend_on_the_order_of_slides(cohort: Cohort) -> None:
    bags = [bag for case in cohort.case_ids[:20] for bag in cohort.bags(case)]
    one, other = PatchStatistics.fit(bags, len(bags)), PatchStatistics.fit(bags[::-1], len(bags))
    np.testing.assert_allclose(one.mean, other.mean, rtol=1e-6)
    np.testing.assert_allclose(one.sd, other.sd, rtol=1e-6)
    assert one.limit == pytest.approx(other.limit, rel=1e-5)


def test_an_offset_does_not_cost_precision(make_bag: Callable[..., Bag]) -> None:
    bag = make_bag("s", 1, 500)
    far = replace(bag, features=bag.features.astype(np.float64) + 1e6)
    assert PatchStatistics.fit([far], 1).sd == pytest.approx(PatchStatistics.fit([bag], 1).sd, rel=1e-4)


@pytest.mark.real
def test_fluorescence_is_stopped_and_tissue_of_other_patients_is_not(shared_data: Path) -> None:
    from PIL import Image

    from survviz.wsi.encoders import create_encoder
    from survviz.wsi.extract import extract
    from survviz.wsi.slide import open_slide

    encoder = create_encoder()

    def regions(start: int, step: int) -> Bag:
        paths = sorted((shared_data / "gbmlgg" / "roi").glob("*.jpg"))[start::step]
        patches = np.stack([np.asarray(Image.open(path).convert("RGB").resize((256, 256))) for path in paths])
        coords = np.zeros((len(paths), 2), dtype=np.int64)
        return Bag(f"roi{start}", encoder.encode(patches), coords, 256, Mpp(0.5), encoder.name, encoder.revision)

    with open_slide(shared_data / "slides" / "test3-DAPI-2-387.ndpi") as slide:
        fluorescence = extract(slide, encoder)
    reference = OodReference(patches=PatchStatistics.fit([regions(0, 10)], 1))
    assert [notice.level for notice in reference.check_bag(fluorescence)][-1:] == ["stop"]
    assert not any(notice.level == "stop" for notice in reference.check_bag(regions(5, 30)))


def test_patches_for_the_model_are_clipped_and_unchanging_features_are_zero(
    reference: OodReference, make_bag: Callable[..., Bag]
) -> None:
    bag = make_bag("s", 99)
    features = bag.features.copy()
    features[:, 3] = 7
    features[0, 0] = 1e6
    assert reference.patches is not None
    patches = reference.patches.standardise(replace(bag, features=features))
    assert (patches.dtype, patches[0, 0], np.abs(patches).max()) == (np.float32, 10, 10)
    assert not patches[:, 3].any()


def test_half_precision_features_give_the_same_numbers(reference: OodReference, make_bag: Callable[..., Bag]) -> None:
    bag = make_bag("s", 99)
    half = replace(bag, features=bag.features.astype(np.float16))
    assert reference.patches is not None
    np.testing.assert_allclose(reference.patches.standardise(half), reference.patches.standardise(bag), atol=5e-3)
