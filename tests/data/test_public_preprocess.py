"""Constants that no patient has influenced: values, scales and lists as the file says, whoever is there."""

from __future__ import annotations

import inspect
from pathlib import Path

import numpy as np
import pytest

from survviz.data.preprocess import Preprocess
from survviz.data.public_preprocess import PublicConstants, public_preprocess, read_constants
from survviz.errors import InputError
from survviz.types import Case

CONSTANTS = PublicConstants.model_validate(
    {
        "name": "test",
        "edges_years": [0, 1, 2],
        "hazard": 0.1,
        "numbers": {"Age": {"lower": 20, "upper": 90, "centre": 60, "unit": 20}},
        "categories": {"Sex": ["female", "male"]},
        "mirna": {"unit": "log2(RPM+1)", "rule": "two names", "names": ["hsa-let-7a-1", "hsa-mir-21"], "scale": 16},
        "rna": {"unit": "z-score", "rule": "one set", "programmes": {"P": ["MKI67", "TP53"], "Q": ["TP53"]}},
    }
)


def case(**fields: object) -> Case:
    return Case("A", **fields)  # pyright: ignore[reportArgumentType]


def test_it_is_made_without_a_cohort() -> None:
    assert set(inspect.signature(public_preprocess).parameters) == {"constants", "modalities"}


def test_values_are_scaled_by_constants() -> None:
    preprocess = public_preprocess(CONSTANTS, ("clinical", "genomic", "mirna"))
    assert preprocess.bins.edges == (0, 12, 24)
    sample = preprocess.transform(
        case(clinical={"Age": 80, "Sex": "male"}, mirna={"hsa-mir-21": 8.0}, rna={"TP53": -2.0, "MKI67": 9.0})
    )
    columns = preprocess.clinical.columns
    assert columns == ("Age", "Age missing", "Sex=female", "Sex=male", "Sex=other", "Sex missing")
    np.testing.assert_array_equal(sample.vectors["clinical"], np.array([1, 0, 0, 1, 0, 0], np.float32))
    np.testing.assert_array_equal(sample.vectors["mirna"], np.array([0, 0.5], np.float32))
    np.testing.assert_array_equal(sample.vectors["rna"], np.array([6, -2], np.float32))
    assert preprocess.programmes == {"P": (0, 1), "Q": (1,)}


def test_what_is_not_on_the_list_is_other_and_is_said() -> None:
    preprocess = public_preprocess(CONSTANTS, ("clinical",))
    found = case(clinical={"Age": 95, "Sex": "unknown sex"})
    np.testing.assert_array_equal(preprocess.transform(found).vectors["clinical"][2:5], np.array([0, 0, 1]))
    said = " ".join(notice.text for notice in preprocess.notices(found))
    assert "made for 20 to 90" in said
    assert "not on the model's list" in said
    assert "training" not in said


def test_another_unit_is_stopped() -> None:
    preprocess = public_preprocess(CONSTANTS, ("mirna",))
    (notice,) = preprocess.notices(case(mirna={"hsa-let-7a-1": 30_000.0, "hsa-mir-21": 90_000.0}))
    assert notice.level == "stop"
    assert "log2(RPM+1)" in notice.text


def test_the_json_form_is_whole() -> None:
    preprocess = public_preprocess(CONSTANTS, ("clinical", "genomic", "mirna"))
    again = Preprocess.from_dict(preprocess.to_dict())
    assert again.to_dict() == preprocess.to_dict()
    assert again.ood.public
    assert again.ood.omics["mirna"].public


def test_a_modality_without_constants_is_refused() -> None:
    with pytest.raises(InputError, match="say nothing about cnv"):
        public_preprocess(CONSTANTS, ("clinical", "cnv"))


def test_shipped_constants_name_no_patient_and_reach_five_years() -> None:
    constants = read_constants()
    preprocess = public_preprocess(constants, ("clinical", "genomic", "mirna"))
    assert {12, 36, 60} <= set(preprocess.bins.edges)
    assert len(constants.categories["Cancer type"]) == 33
    assert constants.mirna is not None
    assert constants.rna is not None
    assert len(constants.mirna.columns) == 202
    assert all(len(genes) >= 4 for genes in constants.rna.programmes.values())


def test_a_file_that_is_wrong_is_said_to_be(tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text('name = "x"\nedges_years = [0]\nhazard = 2\n')
    with pytest.raises(InputError, match="hazard"):
        read_constants(tmp_path / "c.toml")
    with pytest.raises(InputError, match="cannot be read"):
        read_constants(tmp_path / "none.toml")
