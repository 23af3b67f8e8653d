"""A small cohort with every modality, some of it missing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from survviz.data.cohort import Cohort, load_cohort, write_cohort_toml
from survviz.data.cohort_file import CohortFile
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


@pytest.fixture
def cohort_folder(tmp_path: Path) -> Path:
    """A folder that the test may change."""
    write_cohort(tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Cohort:
    """The small cohort, loaded; shared, so read only."""
    folder = tmp_path_factory.mktemp("cohort")
    write_cohort(folder)
    return load_cohort(folder)


@pytest.fixture(scope="session")
def make_bag() -> Callable[..., Bag]:
    """Bags of the small cohort's encoder."""
    return small_bag
