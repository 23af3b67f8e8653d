"""Clinical fields as columns of numbers: which columns, which numbers, fitted on what."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from survviz.data.clinical import ClinicalTemplates, load_templates
from survviz.data.clinical_vector import ClinicalVector
from survviz.data.cohort import Cohort
from survviz.data.preprocess import Preprocess, PreprocessConfig
from survviz.errors import InputError
from survviz.types import Case

TOKENS = ("Age", "Sex", "Stage", "Grade", "Smoking")
ROWS = [
    {"Age": 50, "Sex": "F", "Stage": "Stage IIA", "Grade": "G1", "Smoking": "never"},
    {"Age": 60, "Sex": "male", "Stage": "2", "Grade": "1", "Smoking": "smoker"},
    {"Age": 70, "Sex": "female", "Stage": "iv", "Grade": "GX", "Smoking": "current"},
    {"Age": None, "Sex": "m", "Stage": "Stage IVB", "Grade": "High Grade", "Smoking": "no"},
    {"Age": 61, "Sex": "M", "Stage": "[Not Available]", "Grade": "g2", "Smoking": "never"},
    {"Age": 80.5, "Sex": "w", "Stage": "I", "Grade": "2", "Smoking": ""},
]


def templates(*tokens: str) -> ClinicalTemplates:
    return load_templates().select(tokens or TOKENS)


def fit(rows: list[dict], *tokens: str) -> ClinicalVector:
    known = templates(*tokens)
    return ClinicalVector.fit([known.codes(row) for row in rows], known.tokens)


def lit(vector: ClinicalVector, row: dict, *tokens: str) -> dict[str, float]:
    """The columns of a row that are not 0."""
    values = vector.transform(templates(*tokens).codes(row))
    assert values.dtype == np.float32
    return {name: float(value) for name, value in zip(vector.columns, values, strict=True) if value}


def test_columns_are_those_of_the_fields_in_order() -> None:
    assert fit(ROWS).columns == (
        "Age", "Age missing", "Sex=female", "Sex=male", "Stage=II", "Stage=IV", "Stage=other", "Stage missing",
        "Grade=1 (well differentiated)", "Grade=2 (moderately differentiated)", "Grade=other", "Grade missing",
        "Smoking=the patient has never smoked", "Smoking=the patient smokes", "Smoking missing",
    )  # fmt: skip
    assert fit(ROWS).fields == {
        "Age": (0, 1), "Sex": (2, 3), "Stage": (4, 5, 6, 7), "Grade": (8, 9, 10, 11), "Smoking": (12, 13, 14),
    }  # fmt: skip


def test_order_follows_the_templates_and_not_the_rows() -> None:
    assert list(fit(ROWS, "Stage", "Age").fields) == ["Stage", "Age"]
    assert fit(ROWS[::-1]).to_dict() == fit(ROWS).to_dict()


def test_main_stages_stand_in_their_order_and_merge_substages() -> None:
    assert templates("Stage").codes({"Stage": "I/II NOS"}) == {"Stage": "other"}
    written = ["IV", "Stage IIIC", "0", "Tis", "ia1", "Stage I", "stage iic", "ii", "3a", "4"]
    assert fit([{"Stage": value} for value in written], "Stage").columns == tuple(
        f"Stage={stage}" for stage in ("0", "I", "II", "III", "IV")
    )


def test_every_row_lights_one_column_of_every_category() -> None:
    vector = fit(ROWS)
    for row in ROWS:
        values = vector.transform(templates().codes(row))
        for field in TOKENS[1:]:
            assert values[list(vector.fields[field])].tolist().count(1.0) == 1
            assert values[list(vector.fields[field])].sum() == 1


def test_numbers_agree_with_pandas() -> None:
    ages = pd.Series([50, 60, 70, 61, 80.5])
    vector = fit(ROWS)
    z = [vector.transform(templates().codes(row))[0] for row in ROWS if row["Age"]]
    np.testing.assert_allclose(z, (ages - ages.mean()) / ages.std(ddof=0), rtol=1e-5)
    table = pd.DataFrame({"Sex": ["female", "male", "female", "male", "male", "female"]})
    ours = np.stack([vector.transform(templates().codes(row)) for row in ROWS])[:, vector.fields["Sex"]]
    np.testing.assert_array_equal(ours, pd.get_dummies(table, prefix_sep="=").to_numpy(dtype=np.float32))


def test_missing_values_have_columns_of_their_own() -> None:
    assert lit(fit(ROWS), {"Age": None, "Stage": "NA", "Grade": "gx"}) == {
        "Age missing": 1, "Stage missing": 1, "Grade missing": 1, "Smoking missing": 1,
    }  # fmt: skip


def test_rare_and_unseen_values_share_a_column() -> None:
    vector = fit(ROWS)
    for stage in ("I", "III", "something else"):
        assert lit(vector, {"Stage": stage})["Stage=other"] == 1
    assert "Sex=other" not in vector.columns
    assert not {"Sex=female", "Sex=male"} & lit(vector, {"Sex": "diverse"}).keys()


def test_a_value_that_is_called_other_shares_the_column_of_the_rest() -> None:
    rows = [{"Histology": name} for name in ("other", "Other", "ductal carcinoma", "ductal carcinoma", "mucinous type")]
    vector = fit(rows, "Histology")
    assert vector.columns == ("Histology=ductal carcinoma", "Histology=other")
    assert lit(vector, rows[4], "Histology") == {"Histology=other": 1}


def test_columns_that_do_not_vary_are_left_out() -> None:
    rows = [{**row, "Age": 60, "Sex": "F", "Smoking": None} for row in ROWS]
    assert list(fit(rows).fields) == ["Stage", "Grade"]
    some = [{**row, "Age": age} for row, age in zip(ROWS, [60, 60, None, 60, 60, 60], strict=True)]
    vector = fit(some)
    assert vector.names["Age"] == ("Age missing",)
    assert lit(vector, {"Age": 90}).keys().isdisjoint({"Age", "Age missing"})
    assert fit([], "Age").columns == ()
    assert fit([], "Age").transform({"Age": 3.0}).shape == (0,)


def test_cases_without_any_value_have_no_part_in_the_fit() -> None:
    assert fit([*ROWS, {}, {"Age": None}]).to_dict() == fit(ROWS).to_dict()


def test_an_absurd_number_is_clipped_and_an_implausible_one_refused() -> None:
    vector = fit([{"Age": age} for age in (50, 50.1, 50.2)], "Age")
    assert lit(vector, {"Age": 119}, "Age") == {"Age": 6}
    with pytest.raises(InputError, match="expected 0 to 120"):
        lit(vector, {"Age": 20000}, "Age")


def test_json_keeps_every_number() -> None:
    vector = fit(ROWS)
    back = ClinicalVector.from_dict(json.loads(json.dumps(vector.to_dict())))
    assert (back, back.columns, back.fields) == (vector, vector.columns, vector.fields)
    for row in ROWS:
        codes = templates().codes(row)
        np.testing.assert_array_equal(back.transform(codes), vector.transform(codes))


def test_a_batch_holds_the_vector_beside_the_sentences(cohort: Cohort) -> None:
    fitted = Preprocess.fit(cohort, cohort.case_ids[:30], PreprocessConfig(modalities=("clinical",)))
    assert fitted.clinical.columns == (
        "Age", "Sex=female", "Sex=male", "Stage=II", "Stage=III", "Stage=IV", "Stage missing",
    )  # fmt: skip
    assert fitted.sizes["clinical_fields"] == {"Age": (0,), "Sex": (1, 2), "Stage": (3, 4, 5, 6)}
    batch = fitted.collate([fitted.transform(cohort.case("C002")), fitted.transform(Case("new"))])
    assert batch.tokens["clinical"].shape == (2, 3, 256)
    assert batch.vectors["clinical"].shape == (2, 7)
    assert batch.vectors["clinical"][0, 1:].tolist() == [1, 0, 0, 0, 0, 1]
    assert not batch.vectors["clinical"][1].any()
    assert batch.present["clinical"].tolist() == [True, False]


def test_a_field_that_does_not_vary_is_said(cohort: Cohort) -> None:
    men = cohort.case_ids[1::2]
    fitted = Preprocess.fit(cohort, men, PreprocessConfig(modalities=("clinical",)))
    assert "Sex" not in fitted.sizes["clinical_fields"]
    assert fitted.sizes["clinical_tokens"] == ("Age", "Sex", "Stage"), "the sentence stays"
    assert [item.text.split(":")[0] for item in fitted.fit_notices if item.code == "clinical.constant"] == ["Sex"]
    assert "Sex=other" in Preprocess.fit(cohort, [*men, "C000"]).clinical.columns, "one woman is enough for a column"


def test_the_cancer_type_can_be_a_field() -> None:
    chosen = templates("Cancer type")
    assert "Cancer type" not in load_templates().tokens
    assert chosen.sentences({"project_id": "KIRP"}) == ("The type of cancer is KIRP.",)
