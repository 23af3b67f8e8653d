"""Batches read from a store hold what the cases hold, training on them gives the same weights, in flat memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from survviz.data.batch import Sample
from survviz.data.cohort import Cohort, load_cohort
from survviz.data.packing import pack_cohort
from survviz.data.preprocess import Preprocess, PreprocessConfig
from survviz.data.stored_patches import StoredPatches
from survviz.training import TrainConfig, cross_validate
from survviz.training.batches import draw_patches, in_bf16
from survviz.training.memory import PatchMemory
from survviz.wsi.features import read_features, write_features


@pytest.fixture(scope="module")
def rounded(tiny: Cohort, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny cohort with features that float16 holds exactly, packed beside its files."""
    import shutil
    from dataclasses import replace

    folder = shutil.copytree(tiny.folder, tmp_path_factory.mktemp("rounded"), dirs_exist_ok=True)
    for path in (folder / "features").iterdir():
        bag = read_features(path)
        write_features(path, replace(bag, features=bag.features.astype(np.float16)))
    pack_cohort(folder)
    return folder


@pytest.fixture(scope="module")
def fitted(tiny: Cohort) -> Preprocess:
    return Preprocess.fit(tiny, tiny.case_ids[5:30], PreprocessConfig(modalities=("pathology",)))


def test_what_is_read_equals_the_standardised_slides(tiny: Cohort, fitted: Preprocess) -> None:
    assert fitted.ood.patches is not None
    for case_id in ("CASE-001", "CASE-003", "CASE-005"):
        case = tiny.case(case_id)
        rows = [fitted.ood.patches.standardise(bag) for bag in case.bags]
        expected = np.concatenate(rows) if rows else np.zeros((0, 12), np.float32)
        patches = fitted.transform(case).patches
        assert isinstance(patches, StoredPatches)
        assert np.asarray(patches).tobytes() == expected.tobytes()


def test_drawn_rows_are_the_rows_of_the_whole_over_two_slides(tiny: Cohort, fitted: Preprocess) -> None:
    sample = fitted.transform(tiny.case("CASE-005"))
    whole = Sample("CASE-005", np.asarray(sample.patches), present=sample.present)
    assert len(whole.patches) == 24
    for n in (1, 7, 23):
        lazy, eager = (draw_patches(one, n, torch.Generator().manual_seed(n)) for one in (sample, whole))
        twice = draw_patches(lazy, max(1, n // 2), torch.Generator().manual_seed(0))
        expected = draw_patches(eager, max(1, n // 2), torch.Generator().manual_seed(0))
        np.testing.assert_array_equal(np.asarray(lazy.patches), eager.patches)
        np.testing.assert_array_equal(np.asarray(twice.patches), expected.patches)


def test_a_feature_that_never_changed_is_zero(tiny: Cohort, fitted: Preprocess) -> None:
    from dataclasses import replace

    assert fitted.ood.patches is not None
    statistics = replace(fitted.ood.patches, sd=np.array([0.0, *fitted.ood.patches.sd[1:]]))
    bags = tiny.bags("CASE-003")
    np.testing.assert_array_equal(np.asarray(StoredPatches.of(bags, statistics)), statistics.standardise(bags[0]))


def test_padding_is_zero_and_bf16_is_the_rounded_batch(tiny: Cohort, fitted: Preprocess) -> None:
    samples = [fitted.transform(tiny.case(case)) for case in ("CASE-001", "CASE-003", "CASE-005")]
    inputs = fitted.collate(samples)
    assert inputs.patch_mask.sum(dim=1).tolist() == [0, 12, 24]
    assert (inputs.patches[~inputs.patch_mask] == 0).all()
    assert inputs.patches.dtype == torch.float32
    assert torch.equal(in_bf16(fitted.collate)(samples).patches, inputs.patches.bfloat16())


def test_patch_memory_is_used_again_and_never_by_the_batches_before(tiny: Cohort, fitted: Preprocess) -> None:
    memory = PatchMemory(2, torch.float32)
    drawn = [["CASE-003"], ["CASE-005", "CASE-001"], ["CASE-001"], ["CASE-003", "CASE-005"]]
    fresh = [fitted.collate([fitted.transform(tiny.case(case)) for case in cases]).patches for cases in drawn]
    held: list[torch.Tensor] = []
    for cases in drawn:
        samples = [fitted.transform(tiny.case(case)) for case in cases]
        held.append(fitted.collate(samples, new_patches=memory).patches)
        for one, expected in list(zip(held, fresh, strict=False))[-2:]:
            assert torch.equal(one, expected)
    assert held[2].data_ptr() == held[0].data_ptr()  # it fits into what was held


def test_training_from_the_store_equals_training_from_the_files(rounded: Path, quick: TrainConfig) -> None:
    config = quick.model_copy(update={"max_patches": 7, "preprocess": {"programmes": str(rounded / "sets.gmt")}})
    from_files, from_store = (cross_validate(load_cohort(rounded, packed=packed), config) for packed in (False, True))
    np.testing.assert_array_equal(from_store.risks["risk"], from_files.risks["risk"])


def test_a_prepared_case_holds_no_copy_of_its_patches(rounded: Path, fitted: Preprocess) -> None:
    """Memory of a part does not grow with its patches: every array is a view of the mapped file."""
    cohort = load_cohort(rounded)
    assert cohort.packed is not None
    for case_id in cohort.case_ids:
        patches = fitted.transform(cohort.case(case_id)).patches
        assert isinstance(patches, StoredPatches)
        assert not any(one.flags.owndata for one in patches.features)
