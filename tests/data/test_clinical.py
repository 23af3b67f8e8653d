"""Clinical fields as sentences."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from survviz.data.clinical import ClinicalTemplates, load_templates
from survviz.errors import InputError, UnknownNameError

TEMPLATES = load_templates()


def say(token: str, value: object) -> str:
    return TEMPLATES.select([token]).fields[0].say(value)


def test_six_tokens_by_default() -> None:
    assert TEMPLATES.tokens == ("Age", "Sex", "Stage", "Grade", "Histology", "Smoking")


def test_a_row_is_read_under_usual_column_names() -> None:
    row = {
        "age_at_diagnosis": "63",
        "Gender": "F",
        "ajcc_pathologic_tumor_stage": "Stage IIA",
        "histological_grade": "G2",
    }
    sentences = TEMPLATES.sentences(row)
    assert sentences[:4] == (
        "Age at diagnosis: the patient was 63 years old.",
        "Sex: the patient is female.",
        "The tumour was stage IIA when it was found.",
        "Under the microscope the tumour is grade 2 (moderately differentiated).",
    )
    assert sentences[4:] == ("The histological type was not recorded.", "Smoking history was not recorded.")


@pytest.mark.parametrize("missing", [None, "", "[Not Available]", "not reported", float("nan"), "NA"])
def test_missing_values_are_said_in_words(missing: object) -> None:
    for field in TEMPLATES.known:
        assert field.say(missing) == field.missing


@pytest.mark.parametrize(
    ("value", "stage"),
    [("Stage IIA", "IIA"), ("II", "II"), ("2", "II"), (2.0, "II"), ("stage iva", "IVA"), ("Stage 3", "III"),
     ("IIIC", "IIIC"), ("0", "0"), ("is", "0 (in situ)"), ("AJCC stage IB", "IB"), ("i/ii nos", "i/ii nos")],
)  # fmt: skip
def test_stage_spellings_become_one(value: object, stage: str) -> None:
    assert say("Stage", value) == f"The tumour was stage {stage} when it was found."


@pytest.mark.parametrize("value", ["GX", "X", "Stage X", "[Discrepancy]"])
def test_a_stage_or_grade_that_cannot_be_assessed_is_missing(value: str) -> None:
    assert "not recorded" in say("Stage", value)
    assert "not recorded" in say("Grade", value)


@pytest.mark.parametrize(
    ("value", "grade"),
    [("G3", "3 (poorly differentiated)"), ("Grade 1", "1 (well differentiated)"),
     (2.0, "2 (moderately differentiated)"),
     ("High Grade", "high"), ("low", "low"), ("II", "2 (moderately differentiated)")],
)  # fmt: skip
def test_grade_spellings_become_one(value: object, grade: str) -> None:
    assert say("Grade", value) == f"Under the microscope the tumour is grade {grade}."


def test_an_age_in_days_is_refused_with_the_fix() -> None:
    with pytest.raises(InputError, match='unit = "days"'):
        say("Age", 25205.0)


def test_an_unreadable_age_is_refused() -> None:
    with pytest.raises(InputError, match="expected a number"):
        say("Age", "sixty")


def test_an_unknown_token_is_refused_with_a_guess() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'Stage'"):
        TEMPLATES.select(["Stagee"])


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(["sex", "stage", "grade", "histology", "smoking"]), st.text(max_size=20)))
def test_every_row_gives_one_sentence_per_token(row: dict[str, str]) -> None:
    sentences = TEMPLATES.sentences(row)
    assert len(sentences) == len(TEMPLATES.tokens)
    assert all(sentence.endswith(".") and "{value}" not in sentence for sentence in sentences)


def test_templates_survive_json() -> None:
    chosen = TEMPLATES.select(["Stage", "Age"])
    back = ClinicalTemplates.from_dict(chosen.to_dict())
    assert back.tokens == ("Stage", "Age")
    row = {"age": 63, "stage": "IV"}
    assert back.sentences(row) == chosen.sentences(row)


def test_a_malformed_template_file_lists_its_problems(tmp_path: Path) -> None:
    path = tmp_path / "t.toml"
    path.write_text('[[field]]\ntoken = "Age"\nsentence = "no place"\nmissing = "none"\nkindd = "number"\n')
    with pytest.raises(InputError, match=r"t\.toml"):
        load_templates(path)
    path.write_text("[[field]\n")
    with pytest.raises(InputError, match="cannot be read"):
        load_templates(path)
