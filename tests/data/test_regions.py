"""Pathology as feature vectors: read by case, standardised on training cases, given to models as a small bag."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from survviz.data.cohort import Cohort, load_cohort, read_cohort_toml, write_cohort_toml
from survviz.data.cohort_file import SplitSection
from survviz.data.preprocess import Preprocess, PreprocessConfig
from survviz.data.region_statistics import RegionStatistics
from survviz.errors import InputError
from survviz.types import Case, Regions

FEATURES = [f"f{k}" for k in range(6)]


def config(**options: object) -> PreprocessConfig:
    return PreprocessConfig.model_validate({"modalities": ["pathology", "clinical"], **options})


def table_of(folder: Path) -> pd.DataFrame:
    return pd.read_csv(folder / "hif.csv.gz")


def edit(folder: Path, table: pd.DataFrame | None = None, **changes: object) -> Path:
    """Write another table, or other entries of [pathology]."""
    if table is not None:
        table.to_csv(folder / "hif.csv.gz", index=False)
    file = read_cohort_toml(folder)
    assert file.pathology is not None
    write_cohort_toml(folder, file.model_copy(update={"pathology": file.pathology.model_copy(update=changes)}))
    return folder


@pytest.fixture
def regions(region_folder: Path) -> Cohort:
    return load_cohort(region_folder)


@pytest.fixture
def fitted(regions: Cohort) -> Preprocess:
    return Preprocess.fit(regions, regions.case_ids[:30], config())


def test_rows_are_matched_by_case_id(regions: Cohort, region_folder: Path) -> None:
    case = regions.case("C003").regions
    assert case is not None
    assert (case.names, case.encoder, len(case)) == (("roi 0",), "hif", 1)
    assert case.columns == (*FEATURES, "flat")
    many = regions.case("C008").regions
    assert many is not None
    assert many.names == ("roi 0", "roi 1", "roi 2")
    raw = table_of(region_folder).set_index("slide").loc["C008-DX1", ["f2"]].to_numpy(dtype=np.float32)
    assert many.features[1, 2] == raw[0]
    assert regions.case("C005").regions is None
    texts = [notice.text for notice in regions.notices if notice.code == "cohort.missing"]
    assert "1 of 40 cases have no pathology features; they are used without." in texts


def test_the_order_of_rows_and_columns_does_not_matter(region_folder: Path, regions: Cohort) -> None:
    fitted = Preprocess.fit(regions, regions.case_ids[:30], config())
    edit(region_folder, table_of(region_folder).sort_values("f1", ascending=False).iloc[:, ::-1])
    shuffled = load_cohort(region_folder)
    one, other = (fitted.transform(cohort.case("C003")).patches for cohort in (regions, shuffled))
    np.testing.assert_array_equal(one, other)
    rows = [np.sort(fitted.transform(cohort.case("C008")).patches[:, 0]) for cohort in (regions, shuffled)]
    np.testing.assert_array_equal(rows[0], rows[1])


def test_a_subset_holds_only_its_cases(regions: Cohort) -> None:
    part = regions.subset(["C008", "C003", "C005"])
    assert part.regions is not None
    assert set(part.regions.index.get_level_values(0)) == {"C008", "C003"}


def test_regions_are_the_rows_of_a_bag(fitted: Preprocess, regions: Cohort) -> None:
    assert fitted.sizes["d_patch"] == 6
    batch = fitted.collate([fitted.transform(regions.case(case)) for case in ("C003", "C005", "C008")])
    assert batch.patches.shape == (3, 3, 6)
    assert batch.patch_mask.sum(dim=1).tolist() == [1, 0, 3]
    assert batch.present["pathology"].tolist() == [True, False, True]
    assert not batch.patches[1].any()


def test_standardisation_agrees_with_pandas(fitted: Preprocess, regions: Cohort) -> None:
    assert regions.regions is not None
    known = regions.regions[FEATURES].astype(float)
    train = known[known.index.isin(regions.case_ids[:30], level=0)]
    expected = ((known - train.mean()) / train.std(ddof=0)).loc["C038"]
    np.testing.assert_allclose(fitted.transform(regions.case("C038")).patches, expected, atol=1e-5)


def test_nothing_is_fitted_on_other_cases(regions: Cohort) -> None:
    assert regions.regions is not None
    train = regions.case_ids[:30]
    table = regions.regions.copy()
    table.loc[~table.index.isin(train, level=0)] = 1e9
    changed = replace(regions, regions=table)
    assert Preprocess.fit(changed, train, config()).to_dict() == Preprocess.fit(regions, train, config()).to_dict()


def test_constant_and_missing_values_are_said(region_folder: Path) -> None:
    table = table_of(region_folder)
    table.loc[table["slide"].str.startswith(("C003", "C035")), "f0"] = np.nan
    table["f1"] = table["f1"].astype(object)
    table.loc[0, "f1"] = "NA"
    table["none"] = np.nan
    cohort = load_cohort(edit(region_folder, table))
    fitted = Preprocess.fit(cohort, cohort.case_ids[:30], config())
    texts = [notice.text for notice in fitted.fit_notices if notice.code.startswith("regions.")]
    assert texts == [
        "2 of 8 pathology features do not vary among the training regions and are left out: flat, none.",
        "2 of 342 pathology values were not measured (0.58 %); the training mean stands in for them.",
    ]
    assert fitted.transform(cohort.case("C035")).patches[0, 0] == 0
    (notice,) = fitted.notices(cohort.case("C035"))
    assert (notice.level, notice.code) == ("info", "regions.missing")
    assert np.isfinite(fitted.transform(cohort.case("C035")).patches).all()


def test_an_absurd_cell_does_not_flatten_its_column() -> None:
    values = np.random.default_rng(0).normal(size=200)
    index = pd.MultiIndex.from_tuples([(f"C{i}", "a") for i in range(201)])
    known, _ = RegionStatistics.fit(pd.DataFrame({"a": np.append(values, 36893.0)}, index=index))
    assert known.sd[0] == pytest.approx(values.std(), rel=0.3)


def test_json_keeps_every_number(fitted: Preprocess, regions: Cohort) -> None:
    text = json.dumps(fitted.to_dict(), allow_nan=False)
    back = Preprocess.from_dict(json.loads(text))
    assert json.dumps(back.to_dict()) == text
    case = regions.case("C038")
    np.testing.assert_array_equal(back.transform(case).patches, fitted.transform(case).patches)
    assert back.notices(case) == fitted.notices(case)
    assert not any(f'"{name}' in text for name in regions.case_ids)


@pytest.mark.parametrize(("share", "level"), [(0, None), (1 / 6, "warning"), (4 / 6, "stop")])
def test_values_far_from_training_are_said(
    fitted: Preprocess, regions: Cohort, share: float, level: str | None
) -> None:
    case = regions.case("C033").regions
    assert case is not None
    features = case.features.copy()
    features[:, : round(6 * share)] += 100
    found = [item.level for item in fitted.notices(Case("new", regions=replace(case, features=features)))]
    assert found == ([level] if level else [])


@pytest.mark.parametrize(("count", "level"), [(1, "info"), (2, "warning"), (5, "stop")])
def test_features_that_were_not_measured_are_said(fitted: Preprocess, regions: Cohort, count: int, level: str) -> None:
    case = regions.case("C033").regions
    assert case is not None
    features = case.features.copy()
    features[:, :count] = np.nan
    (notice,) = fitted.notices(Case("new", regions=replace(case, features=features)))
    assert (notice.level, notice.code) == (level, "regions.missing")


def test_features_of_another_kind_are_refused(fitted: Preprocess, regions: Cohort) -> None:
    case = regions.case("C033").regions
    assert case is not None
    with pytest.raises(InputError, match="made by 'other', but this model was trained on those of 'hif'"):
        fitted.transform(Case("new", regions=replace(case, encoder="other")))
    with pytest.raises(InputError, match=r"lack 2 of the 6 features that this model takes: f4, f5"):
        fitted.transform(Case("new", regions=Regions(("a",), case.columns[:4], case.features[:1, :4])))


def test_slides_and_vectors_do_not_stand_in_for_each_other(fitted: Preprocess, regions: Cohort, cohort: Cohort) -> None:
    with pytest.raises(InputError, match="has slides, but this model was trained on a table of 6 pathology features"):
        fitted.transform(cohort.case("C003"))
    slides = Preprocess.fit(cohort, cohort.case_ids[:30], config())
    with pytest.raises(InputError, match=r"feature vectors, but this model was trained on slides \(test-encoder\)"):
        slides.transform(regions.case("C003"))


def test_a_cohort_with_slides_and_vectors_is_refused(region_folder: Path) -> None:
    with (region_folder / "cohort.toml").open("a") as file:
        file.write('\n[features]\nencoder = "test-encoder"\n')
    with pytest.raises(InputError, match=r"\[slides\], \[features\]\) and as a table .* choose one"):
        load_cohort(region_folder)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"case_column": "patient"}, r"hif.csv.gz has no column 'patient' \(named under \[pathology\]"),
        ({"drop": ("scanner", "blue")}, "has no column 'blue'"),
        ({"drop": ()}, r"1 columns hold words, not numbers: scanner.*drop"),
        ({"case_column": "roi", "name_column": "slide"}, "No row of hif.csv.gz belongs to a case"),
        ({"name_column": "scanner", "drop": ("roi",)}, "25 cases have two rows with the same scanner"),
        ({"drop": ("scanner", "flat", *FEATURES)}, "no feature column left"),
    ],
)
def test_tables_that_cannot_be_used_are_refused(region_folder: Path, changes: dict, said: str) -> None:
    with pytest.raises(InputError, match=said):
        load_cohort(edit(region_folder, **changes))


def test_several_rows_of_a_case_need_names(region_folder: Path) -> None:
    table = table_of(region_folder)
    folder = edit(region_folder, table, name_column=None, drop=("scanner", "roi"))
    named = load_cohort(folder).case("C008").regions
    assert named is not None
    assert named.names == ("C008-DX0", "C008-DX1", "C008-DX2"), "the case column may hold names of slides"
    table["slide"] = table["slide"].str[:4]
    with pytest.raises(InputError, match=r"25 cases have several rows: C001, .*name_column"):
        load_cohort(edit(region_folder, table))


def test_a_single_wrong_cell_is_named(region_folder: Path) -> None:
    table = table_of(region_folder).astype({"f1": object})
    table.loc[3, "f1"] = "1,5"
    with pytest.raises(InputError, match=r"1 cells that are not numbers: row 'roi 0', column 'f1': '1,5'"):
        load_cohort(edit(region_folder, table))


def test_numeric_ids_keep_their_zeros_in_every_format(region_folder: Path) -> None:
    clinical = pd.read_csv(region_folder / "clinical.csv", dtype=str, keep_default_na=False)
    clinical["patient"] = clinical["patient"].str.replace("C", "0")
    clinical.to_csv(region_folder / "clinical.csv", index=False)
    table = table_of(region_folder)
    table["slide"] = table["slide"].str[:4].str.replace("C", "0")
    table["roi"] = range(len(table))
    edit(region_folder, table)
    file = read_cohort_toml(region_folder)
    write_cohort_toml(region_folder, file.model_copy(update={"rna": None, "split": SplitSection()}))
    for name in ("hif.csv.gz", "hif.parquet", "hif.xlsx"):
        if name.endswith("parquet"):
            table.to_parquet(region_folder / name)
        if name.endswith("xlsx"):
            table.to_excel(region_folder / name, index=False)
        case = load_cohort(edit(region_folder, file=name)).case("0008").regions
        assert case is not None
        assert len(case) == 3


def test_unknown_cases_are_left_out_and_said(region_folder: Path) -> None:
    table = table_of(region_folder)
    table.loc[0, "slide"] = "X1"
    loaded = load_cohort(edit(region_folder, table))
    assert any("hif.csv.gz: 1 of 76 rows belong to no case" in item.text for item in loaded.notices)
