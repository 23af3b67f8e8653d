"""A small cohort with every modality, some of it missing."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from survviz.data.cohort import Cohort, load_cohort, read_cohort_toml, write_cohort_toml
from survviz.data.cohort_file import CohortFile, PathologySection
from survviz.data.genes import default_programmes
from survviz.types import Bag
from survviz.units import Mpp
from survviz.wsi.features import write_features

N_CASES = 40
DIM = 12


def small_bag(slide_id: str, seed: int, n: int = 30, shift: float = 0.0) -> Bag:
    """Patches around 5, with one feature that never changes."""
    features = np.random.default_rng(seed).normal(5 + shift, 2, size=(n, DIM)).astype(np.float32)
    features[:, 3] = 1
    coords = np.stack([np.arange(n) * 256, np.zeros(n)], axis=1).astype(np.int64)
    return Bag(slide_id, features, coords, 256, Mpp(0.5), "test-encoder", "1")


def write_cohort(folder: Path) -> CohortFile:
    """40 cases; every fifth has no RNA, every seventh no slide, case C003 has two slides."""
    rng = np.random.default_rng(7)
    ids = [f"C{i:03d}" for i in range(N_CASES)]
    clinical = pd.DataFrame(
        {
            "patient": ids,
            "follow_up": rng.uniform(10, 2000, N_CASES).round(1),
            "status": ["dead" if i % 2 else "alive" for i in range(N_CASES)],
            "age_years": rng.integers(35, 85, N_CASES).astype(str),
            "sex": ["F", "male"] * (N_CASES // 2),
            "stage": ["Stage IIA", "3", "[Not Available]", "iv"] * (N_CASES // 4),
            "note": "",
        }
    )
    clinical.to_csv(folder / "clinical.csv", index=False)
    genes = sorted({gene for item in default_programmes().values() for gene in item.genes})
    with_rna = [case for i, case in enumerate(ids) if i % 5]
    rna = pd.DataFrame(rng.normal(4, 2, (len(with_rna), len(genes))), index=with_rna, columns=genes)
    rna.rename_axis("case_id").to_csv(folder / "rna.csv.gz")
    slides = [(case, f"{case}_a") for i, case in enumerate(ids) if i % 7] + [("C003", "C003_b")]
    pd.DataFrame(slides, columns=["case_id", "slide_id"]).to_csv(folder / "slides.csv", index=False)
    for seed, (_, slide) in enumerate(slides):
        write_features(folder / "features" / f"{slide}.h5", small_bag(slide, seed))
    file = CohortFile.model_validate(
        {
            "name": "Small",
            "clinical": {
                "id": "patient",
                "time": "follow_up",
                "event": "status",
                "time_unit": "days",
                "event_coding": {"observed": ["dead"], "censored": ["alive"]},
                "fields": {"Age": "age_years", "Sex": "sex", "Stage": "stage"},
            },
            "rna": {"file": "rna.csv.gz", "unit": "log2(TPM+1)"},
            "slides": {},
            "features": {"encoder": "test-encoder"},
            "split": {"holdout": ["C039"]},
        }
    )
    write_cohort_toml(folder, file)
    return file


def add_assays(folder: Path) -> None:
    """miRNA in RPM (mir-c never changes) for all but C000, C001; copy number of arms for all but C002."""
    rng = np.random.default_rng(8)
    ids = [f"C{i:03d}" for i in range(N_CASES)]
    names = [f"hsa-mir-{letter}" for letter in "abcdefgh"]
    mirna = pd.DataFrame(rng.lognormal(3, np.arange(1, 9) / 4, (N_CASES, 8)), index=ids, columns=names)
    mirna["hsa-mir-c"] = 7.0
    mirna.iloc[2:].rename_axis("case_id").to_csv(folder / "mirna.csv")
    cnv = pd.DataFrame(rng.choice([-1, 0, 0, 1, 2], (N_CASES, 4)), index=ids, columns=["1p", "1q", "2p", "2q"])
    cnv.drop(index="C002").rename_axis("case_id").to_csv(folder / "cnv.csv")
    with (folder / "cohort.toml").open("a") as file:
        for name, unit in (("mirna", "RPM"), ("cnv", "log2 ratio")):
            file.write(f'\n[{name}]\nfile = "{name}.csv"\nunit = "{unit}"\norientation = "cases in rows"\n')


def use_regions(folder: Path) -> pd.DataFrame:
    """Regions instead of slides: one to three per case but C005; the columns flat and scanner are no features."""
    rng = np.random.default_rng(9)
    rows = [(f"C{i:03d}-DX{j}", f"roi {j}") for i in range(N_CASES) for j in range(1 + i % 3) if i != 5]
    table = pd.DataFrame(rng.normal(5, 2, (len(rows), 6)), columns=[f"f{k}" for k in range(6)])
    table["flat"] = 1.5
    table.insert(0, "slide", [slide for slide, _ in rows])
    table.insert(1, "scanner", "A1")
    table["roi"] = [name for _, name in rows]
    table.to_csv(folder / "hif.csv.gz", index=False)
    file = read_cohort_toml(folder)
    section = PathologySection(
        file="hif.csv.gz", case_column="slide", name_column="roi", encoder="hif", drop=("scanner",)
    )
    write_cohort_toml(folder, file.model_copy(update={"slides": None, "features": None, "pathology": section}))
    return table


@pytest.fixture(scope="session")
def written_cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small cohort's folder; shared, so read only."""
    folder = tmp_path_factory.mktemp("cohort")
    write_cohort(folder)
    return folder


@pytest.fixture
def cohort_folder(written_cohort: Path, tmp_path: Path) -> Path:
    """A folder that the test may change."""
    return shutil.copytree(written_cohort, tmp_path, dirs_exist_ok=True)


@pytest.fixture(scope="session")
def cohort(written_cohort: Path) -> Cohort:
    """The small cohort, loaded; shared, so read only."""
    return load_cohort(written_cohort)


@pytest.fixture(scope="session")
def assay_cohort(written_cohort: Path, tmp_path_factory: pytest.TempPathFactory) -> Cohort:
    """The small cohort with miRNA and copy number; shared, so read only."""
    folder = shutil.copytree(written_cohort, tmp_path_factory.mktemp("assays"), dirs_exist_ok=True)
    add_assays(folder)
    return load_cohort(folder)


@pytest.fixture
def assay_folder(cohort_folder: Path) -> Path:
    """The small cohort with miRNA and copy number; a folder that the test may change."""
    add_assays(cohort_folder)
    return cohort_folder


@pytest.fixture
def region_folder(cohort_folder: Path) -> Path:
    """The small cohort with pathology as feature vectors; a folder that the test may change."""
    use_regions(cohort_folder)
    return cohort_folder


@pytest.fixture(scope="session")
def make_bag() -> Callable[..., Bag]:
    """Bags of the small cohort's encoder."""
    return small_bag
