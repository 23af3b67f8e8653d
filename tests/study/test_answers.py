"""Answers survive kills; a changed study is noticed; what does not fit is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from survviz.errors import InputError
from survviz.study import AnswerLog, Sitting, Study, load_study

Make = Callable[..., Study]
TIMES = {"shown_at": 1_000, "answered_at": 3_500, "elapsed_ms": 2_000.4, "away_ms": 500}
VALUES: dict[str, Any] = {"region": 3, "useful": 4, "tissue": 2, "words": ""}


def begun(study: Study, reader: str = "r0") -> Sitting:
    """A sitting after consent and tutorial."""
    sitting = Sitting(study, reader)
    sitting.log.note("consent")
    sitting.log.note("tutorial")
    return sitting


def answer(sitting: Sitting, **changes: Any) -> bool:
    """Answer the screen that is due."""
    screen = sitting.place().screen
    assert screen is not None
    event = {"kind": "answer", "screen": screen.id, "value": VALUES[screen.question.name], **TIMES}
    return sitting.take(event | changes)


def test_consent_and_tutorial_come_first_and_answers_of_the_tutorial_are_not_kept(make_study: Make) -> None:
    study = make_study()
    sitting = Sitting(study, "r0")
    assert sitting.place().step == "consent"
    sitting.log.note("consent")
    for number, question in enumerate(study.questions):
        place = sitting.place(number)
        assert (place.step, place.screen and place.screen.question) == ("tutorial", question)
        event = {"kind": "answer", "screen": f"tutorial/{number}", "value": VALUES[question.name], **TIMES}
        assert sitting.take(event, number)
    assert sitting.place().step == "ask"
    assert not sitting.log.answers


def test_a_new_sitting_goes_on_where_the_last_one_ended(make_study: Make) -> None:
    study = make_study()
    first = begun(study)
    for _ in range(6):
        assert answer(first)
    again = Sitting(study, "r0")
    assert again.place() == first.place()
    assert again.log.answers == first.log.answers
    assert again.place().done == 6
    assert again.log.answers[0].timing.elapsed_ms == 2000


def test_all_answered_is_the_end(make_study: Make) -> None:
    sitting = begun(make_study(cases=2))
    while sitting.place().step == "ask":
        assert answer(sitting)
    assert sitting.place().step == "thanks"
    assert len(sitting.log.answers) == 2 * 4


@pytest.mark.parametrize("cut", [1, 20, 200])
def test_a_line_cut_off_by_a_kill_is_asked_again_and_the_rest_stays(make_study: Make, cut: int) -> None:
    study = make_study()
    sitting = begun(study)
    for _ in range(3):
        answer(sitting)
    path = sitting.log.path
    path.write_bytes(path.read_bytes()[:-cut])
    again = Sitting(study, "r0")
    whole = cut == 1  # only the line's end is missing
    assert again.place().done == (3 if whole else 2)
    answer(again)
    final = AnswerLog(study, "r0")
    assert len(final.answers) == (4 if whole else 3)
    assert final.damaged == (0 if whole else 1)


def test_file_is_only_ever_added_to(make_study: Make) -> None:
    sitting = begun(make_study())
    before = sitting.log.path.read_bytes()
    for _ in range(4):
        answer(sitting)
        now = sitting.log.path.read_bytes()
        assert now.startswith(before)
        assert now.count(b"\n") == before.count(b"\n") + 1
        before = now
    assert sitting.log.path.stat().st_mode & 0o077 == 0


def test_a_second_press_or_an_old_tab_changes_nothing(make_study: Make) -> None:
    study = make_study()
    sitting, other_tab = begun(study), Sitting(study, "r0")
    screen = sitting.place().screen
    assert screen is not None
    assert answer(sitting)
    assert not answer(sitting, screen=screen.id, value=0)
    assert answer(other_tab, value=9)  # it has not read the file since
    log = AnswerLog(study, "r0")
    assert [one.value for one in log.answers] == [sitting.log.answers[0].value]
    assert log.repeated == 1


def test_pause_is_kept_and_is_no_answer(make_study: Make) -> None:
    study = make_study()
    sitting = begun(study)
    before = sitting.place()
    assert sitting.take({"kind": "pause", "screen": before.screen.id if before.screen else ""})
    assert sitting.place() == before
    assert "pause" in AnswerLog(study, "r0").events


@pytest.mark.parametrize("change", [{"seed": 9}, {"conditions": {"real": 1.0}}, {"shuffle": "plain"}])
def test_a_study_that_changed_under_a_reader_is_refused(make_study: Make, change: dict[str, Any]) -> None:
    answer(begun(make_study()))
    with pytest.raises(InputError, match="was changed after reader r0 began"):
        Sitting(make_study(**change), "r0")


def test_words_around_and_new_readers_may_change(make_study: Make) -> None:
    answer(begun(make_study()))
    later = make_study(readers=9, title="Another title", consent="Other words", thanks="Bye", only=True)
    assert Sitting(later, "r0").place().done == 1


@pytest.mark.parametrize("value", [None, -1, 10**6, 1.5, "3", True, [1]])
def test_a_value_that_does_not_fit_is_refused_and_not_kept(make_study: Make, value: object) -> None:
    sitting = begun(make_study())
    for _ in range(3):  # region, rating, choice
        with pytest.raises(InputError):
            answer(sitting, value=value)
        answer(sitting)
    assert len(sitting.log.answers) == 3


@pytest.mark.parametrize("times", [{"elapsed_ms": -1}, {"shown_at": None}, {"away_ms": float("nan")}, {"away_ms": "1"}])
def test_times_that_are_none_are_refused(make_study: Make, times: dict[str, Any]) -> None:
    sitting = begun(make_study())
    with pytest.raises(InputError, match="Times"):
        answer(sitting, **times)


def test_text_that_is_needed_must_be_there(make_study: Make) -> None:
    study = make_study(questions=[{"name": "words", "kind": "text", "text": "Why?"}])
    sitting = begun(study)
    with pytest.raises(InputError, match="write something"):
        answer(sitting, value="  ")
    answer(sitting, value="because é\n„so“")
    assert AnswerLog(study, "r0").answers[0].value == "because é\n„so“"


def test_reader_codes_do_not_mind_case_and_blanks(make_study: Make) -> None:
    study = make_study()
    assert study.reader(" R1 ") == "r1"
    assert study.reader("r99") is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("id = 1 =", "is no TOML"),
        ('id = "../x"\ntitle = "t"', "id: String should match pattern"),
        ('id = "a"\ntitle = "t"\nconsent = "c"\nseeds = 3', "seeds"),
    ],
)
def test_a_wrong_study_file_is_explained(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "study.toml"
    path.write_text(text)
    with pytest.raises(InputError, match=words):
        load_study(path)


@pytest.mark.parametrize(
    "change",
    [
        {"conditions": {"real": 0.9}},
        {"conditions": {"real": 1.5, "uniform": -0.5}},
        {"questions": []},
        {"questions": [{"name": "q", "kind": "choice", "text": "?", "options": ["one"]}]},
        {"questions": [{"name": "q", "kind": "rating", "text": "?", "optional": True}]},
        {"questions": [{"name": "q", "kind": "text", "text": "?"}] * 2},
    ],
)
def test_impossible_studies_are_refused(make_study: Make, change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="Study"):
        make_study(**change)


def test_readers_of_one_code_are_refused(make_study: Make) -> None:
    study = make_study()
    with pytest.raises(ValueError, match="there twice"):
        Study.model_validate(study.model_dump() | {"readers": ["a", "A"]})
