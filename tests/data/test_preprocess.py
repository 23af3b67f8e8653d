"""From cases to padded batches: fitted on train only, missing parts masked, JSON and back."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from survviz.data.cohort import Cohort, load_cohort
from survviz.data.preprocess import Preprocess, PreprocessConfig
from survviz.errors import InputError
from survviz.models import create_model, model_config
from survviz.types import Bag, Case


def config(**options: object) -> PreprocessConfig:
    return PreprocessConfig.model_validate(options)


@pytest.fixture(scope="module")
def train(cohort: Cohort) -> tuple[str, ...]:
    return cohort.case_ids[:30]


@pytest.fixture(scope="module")
def fitted(cohort: Cohort, train: tuple[str, ...]) -> Preprocess:
    return Preprocess.fit(cohort, train)


def test_sizes_build_the_model(fitted: Preprocess, cohort: Cohort) -> None:
    sizes = fitted.sizes
    assert sizes["modalities"] == ("pathology", "clinical", "genomic")
    assert (sizes["d_patch"], sizes["d_clinical"], sizes["n_bins"]) == (12, 256, 4)
    assert sizes["clinical_tokens"] == ("Age", "Sex", "Stage")
    assert "Hypoxia" in sizes["programmes"]
    assert max(max(columns) for columns in sizes["programmes"].values()) == sizes["n_genes"] - 1
    known = {name: size for name, size in sizes.items() if name in model_config("survpgc").model_fields}
    model = create_model("survpgc", **known, d_embed=16, d_attention=8, d_head=8)
    batch = fitted.collate([fitted.transform(cohort.case(case)) for case in ("C000", "C003", "C007")])
    assert torch.isfinite(model(batch).risk).all()


def test_programmes_point_at_their_own_genes(fitted: Preprocess) -> None:
    from survviz.data.genes import default_programmes

    assert fitted.ood.rna is not None
    for name, columns in fitted.programmes.items():
        assert tuple(fitted.ood.rna.genes[i] for i in columns) == default_programmes()[name].genes


def test_training_patches_have_mean_zero_and_sd_one(fitted: Preprocess, cohort: Cohort, train: tuple[str, ...]) -> None:
    patches = np.concatenate([fitted.transform(cohort.case(case)).patches for case in train]).astype(np.float64)
    np.testing.assert_allclose(patches.mean(axis=0), 0, atol=1e-4)
    expected = np.ones(12)
    expected[3] = 0
    np.testing.assert_allclose(patches.std(axis=0), expected, atol=1e-4)


def test_nothing_is_fitted_on_other_cases(cohort_folder: Path, cohort: Cohort, train: tuple[str, ...]) -> None:
    changed = load_cohort(cohort_folder)
    assert changed.rna is not None
    others = [case for case in changed.case_ids if case not in train]
    rna = changed.rna.copy()
    rna.loc[rna.index.isin(others)] += 100
    time = changed.time.copy()
    time.loc[others] = 9999
    features = {slide: path for slide, path in changed.features.items() if slide.split("_")[0] in train}
    changed = replace(changed, rna=rna, time=time, features=features)
    assert Preprocess.fit(changed, train).to_dict() == Preprocess.fit(cohort, train).to_dict()


def test_slides_follow_one_another_in_the_order_of_the_bags(fitted: Preprocess, cohort: Cohort) -> None:
    case = cohort.case("C003")
    together = fitted.transform(case).patches
    apart = [fitted.transform(replace(case, bags=(bag,))).patches for bag in case.bags]
    np.testing.assert_array_equal(together, np.concatenate(apart))


def test_a_missing_modality_is_absent_and_zero(fitted: Preprocess, cohort: Cohort) -> None:
    nothing = fitted.transform(Case("new"))
    assert nothing.present == frozenset()
    assert nothing.patches.shape == (0, 12)
    batch = fitted.collate([nothing, fitted.transform(cohort.case("C003"))])
    assert not batch.patch_mask[0].any()
    for name in ("pathology", "clinical", "genomic"):
        assert batch.present[name].tolist() == [False, True]
    assert not batch.patches[0].any()
    assert not batch.tokens["clinical"][0].any()
    assert not batch.vectors["rna"][0].any()
    assert not batch.vectors["clinical"][0].any()
    assert fitted.transform(cohort.case("C000")).present == {"clinical"}


def test_clinical_fields_without_a_value_are_said(fitted: Preprocess) -> None:
    partly, none = Case("new", clinical={"age": 60.0}), Case("new", clinical={"Age": None, "shoe_size": 43.0})
    assert fitted.transform(partly).present == {"clinical"}
    assert [(notice.level, notice.code) for notice in fitted.notices(partly)] == [("info", "clinical.missing")]
    assert fitted.transform(none).present == frozenset()
    assert [(notice.level, notice.code) for notice in fitted.notices(none)] == [("warning", "clinical.missing")]


def test_padding_is_masked_and_real_patches_are_kept(fitted: Preprocess, cohort: Cohort) -> None:
    samples = [fitted.transform(cohort.case(case)) for case in ("C001", "C003")]
    batch = fitted.collate(samples)
    assert batch.patches.shape == (2, 60, 12)
    assert batch.patch_mask.sum(dim=1).tolist() == [30, 60]
    np.testing.assert_array_equal(batch.patches[0, :30].numpy(), samples[0].patches)
    assert not batch.patches[0, 30:].any()


def test_an_empty_batch_is_refused(fitted: Preprocess) -> None:
    with pytest.raises(InputError, match="empty batch"):
        fitted.collate([])


def test_json_keeps_every_number(fitted: Preprocess, cohort: Cohort) -> None:
    text = json.dumps(fitted.to_dict(), allow_nan=False)
    back = Preprocess.from_dict(json.loads(text))
    assert json.dumps(back.to_dict()) == text
    assert back.sizes == fitted.sizes
    one, other = fitted.transform(cohort.case("C033")), back.transform(cohort.case("C033"))
    np.testing.assert_array_equal(one.patches, other.patches)
    for mine, theirs in ((one.tokens, other.tokens), (one.vectors, other.vectors)):
        assert mine.keys() == theirs.keys()
        for name in mine:
            np.testing.assert_array_equal(mine[name], theirs[name])
    assert back.notices(cohort.case("C033")) == fitted.notices(cohort.case("C033"))


def test_json_holds_no_case_and_no_path(fitted: Preprocess, cohort: Cohort) -> None:
    text = json.dumps(fitted.to_dict())
    assert not any(f'"{case}' in text for case in cohort.case_ids)
    assert str(cohort.folder) not in text


def test_old_gene_symbols_of_a_new_case_are_followed(fitted: Preprocess, cohort: Cohort) -> None:
    case = cohort.case("C033")
    assert case.rna is not None
    old = {{"ERO1A": "ERO1L", "RIGI": "DDX58"}.get(gene, gene): value for gene, value in case.rna.items()}
    followed, expected = fitted.transform(replace(case, rna=old)), fitted.transform(case)
    np.testing.assert_array_equal(followed.vectors["rna"], expected.vectors["rna"])


def test_features_of_another_encoder_or_width_are_refused(fitted: Preprocess, make_bag: Callable[..., Bag]) -> None:
    bag = make_bag("s", 0)
    with pytest.raises(InputError, match=r"'uni'.*'test-encoder'"):
        fitted.transform(Case("new", bags=(replace(bag, encoder="uni"),)))
    with pytest.raises(InputError, match="takes 12 numbers"):
        fitted.transform(Case("new", bags=(replace(bag, features=bag.features[:, :5]),)))


def test_training_slides_of_two_kinds_are_refused(
    cohort_folder: Path, make_bag: Callable[..., Bag], train: tuple[str, ...]
) -> None:
    from survviz.wsi.features import write_features

    path = cohort_folder / "features" / "C008_a.h5"
    write_features(path, replace(make_bag("C008_a", 1), mpp=2.0))
    with pytest.raises(InputError, match="one resolution"):
        Preprocess.fit(load_cohort(cohort_folder), train)


def test_modalities_are_those_asked_for_and_there(cohort: Cohort, train: tuple[str, ...]) -> None:
    clinical = Preprocess.fit(cohort, train, config(modalities=["clinical"]))
    assert clinical.sizes.keys() == {"modalities", "n_bins", "d_clinical", "clinical_tokens", "clinical_fields"}
    assert clinical.collate([clinical.transform(cohort.case("C003"))]).present.keys() == {"clinical"}
    assert clinical.notices(cohort.case("C003")) == ()
    bare = replace(cohort, rna=None, features={})
    assert Preprocess.fit(bare, train).modalities == ("clinical",)
    with pytest.raises(InputError, match="none of genomic"):
        Preprocess.fit(bare, train, config(modalities=["genomic"]))


def test_tokens_can_be_chosen_and_ordered(cohort: Cohort, train: tuple[str, ...]) -> None:
    chosen = Preprocess.fit(cohort, train, config(clinical_tokens=["stage", "Age"], modalities=["clinical"]))
    assert chosen.sizes["clinical_tokens"] == ("Stage", "Age")
    with pytest.raises(InputError, match="no column for Smoking"):
        Preprocess.fit(cohort, train, config(clinical_tokens=["Smoking"]))


def test_own_gene_sets_are_used_and_small_ones_left_out_aloud(
    cohort: Cohort, train: tuple[str, ...], tmp_path: Path
) -> None:
    gmt = tmp_path / "own.gmt"
    gmt.write_text("Mine\tme\tVEGFA\tCA9\tLDHA\tNOPE1\nTiny\tme\tNOPE2\tKDR\n")
    own = Preprocess.fit(cohort, train, config(programmes=gmt, min_genes=3))
    assert {name: len(columns) for name, columns in own.programmes.items()} == {"Mine": 3}
    assert any("Tiny" in notice.text for notice in own.fit_notices)
    with pytest.raises(InputError, match="No gene programme has 4 genes"):
        Preprocess.fit(cohort, train, config(programmes=gmt, min_genes=4))


def test_precomputed_tokens_are_used_where_given(cohort_folder: Path, train: tuple[str, ...]) -> None:
    (cohort_folder / "tokens").mkdir()
    rng = np.random.default_rng(0)
    for case in train[:10]:
        np.save(cohort_folder / "tokens" / f"{case}.npy", rng.normal(size=(4, 8)).astype(np.float32))
    with (cohort_folder / "cohort.toml").open("a") as file:
        file.write('\n[genomic_tokens]\nfolder = "tokens"\nnames = ["source", "target", "max", "mean"]\n')
    cohort = load_cohort(cohort_folder)
    fitted = Preprocess.fit(cohort, train)
    assert (fitted.sizes["d_genomic"], fitted.sizes["genomic_tokens"]) == (8, ("source", "target", "max", "mean"))
    assert not {"programmes", "n_genes"} & fitted.sizes.keys()
    batch = fitted.collate([fitted.transform(cohort.case(case)) for case in (train[0], train[20])])
    assert batch.tokens["genomic"].shape == (2, 4, 8)
    assert batch.present["genomic"].tolist() == [True, False]
    back = Preprocess.from_dict(json.loads(json.dumps(fitted.to_dict())))
    assert back.sizes == fitted.sizes
    with pytest.raises(InputError, match=r"shape \(3, 8\)"):
        fitted.transform(Case("new", genomic_tokens=np.zeros((3, 8), dtype=np.float32)))


def test_another_revision_of_the_text_encoder_is_refused(fitted: Preprocess, cohort: Cohort) -> None:
    value = fitted.to_dict()
    value["text"] = {**value["text"], "revision": "0"}
    with pytest.raises(InputError, match="revision 0"):
        Preprocess.from_dict(value).transform(cohort.case("C003"))


def test_too_few_events_for_the_bins_are_said(cohort: Cohort) -> None:
    with pytest.raises(InputError, match="time bins"):
        Preprocess.fit(cohort, cohort.case_ids[:4], config(modalities=["clinical"]))
