"""Export round trip, and an analysis that finds what was planted and nothing else."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import rankdata

from survviz.evaluation import UndefinedMetricError
from survviz.study import AnswerLog, Study, Timing, analyse, map_of, reader_plan, write_export
from survviz.study.answers import read_answers
from survviz.study.export import COLUMNS, RESEARCH_USE, answers_csv, codebook

Make = Callable[..., Study]


def fill(study: Study, *, follow: bool = True, gain: int = 2) -> None:
    """Readers who rate real maps `gain` points higher, take twice the time on uniform ones, and follow the map."""
    for number, reader in enumerate(study.readers):
        rng = np.random.default_rng(number)
        log = AnswerLog(study, reader)
        for one in reader_plan(study, reader):
            values = map_of(study, one.case, one.condition).values
            patch = int(values.argmax()) if follow else int(rng.integers(len(values)))
            time = Timing(1000, 2000, 20_000 if one.condition == "uniform" else 10_000)
            x, y = (int(at) for at in map_of(study, one.case, "real").coords[patch])
            log.add(one, "region", {"patch": patch, "x": x, "y": y}, time)
            log.add(one, "useful", 2 + gain * (one.condition == "real") + int(rng.integers(2)), time)
            log.add(one, "tissue", 1 + int(one.case[-1]) % 2, time)
            log.add(one, "words", 'a "quoted", text\nover two lines; é', time)


def value(study: Study, measure: str, condition: str) -> float:
    rows = analyse(study, n_resamples=200).by_condition
    return next(row.value for row in rows if (row.measure, row.condition) == (measure, condition))


def test_csv_comes_back_as_it_was(make_study: Make) -> None:
    study = make_study()
    fill(study)
    logs = read_answers(study)
    rows = list(csv.DictReader(io.StringIO(answers_csv(logs), newline="")))
    answers = [one for log in logs for one in log.answers]
    assert len(rows) == len(answers) == 3 * 6 * 4
    for row, one in zip(rows, answers, strict=True):
        assert (row["reader"], row["case"], row["condition"]) == (one.reader, one.case, one.condition)
        assert (int(row["position"]) - 1, row["question"]) == (one.position, one.question)
        assert int(row["elapsed_ms"]) == one.timing.elapsed_ms
        if isinstance(one.value, dict):
            assert {name: int(row[name]) for name in "xy"} | {"patch": int(row["answer"])} == one.value
        else:
            assert row["answer"] == str(one.value)
    assert {row["label"] for row in rows if row["kind"] == "choice"} == {"tumour", "stroma"}


def test_codebook_explains_every_column_and_question(make_study: Make, tmp_path: Path) -> None:
    study = make_study()
    fill(study)
    _, words = write_export(study, tmp_path / "out")
    text = words.read_text()
    assert all(f"`{name}`" in text for name in COLUMNS)
    assert all(question.text in text for question in study.questions)
    assert RESEARCH_USE in text
    assert text == codebook(study, read_answers(study))


def test_planted_differences_are_found(make_study: Make) -> None:
    study = make_study(cases=12, readers=4)
    fill(study)
    assert value(study, "rating", "real - shuffled") == pytest.approx(2, abs=0.5)
    assert value(study, "rating", "real - uniform") == pytest.approx(2, abs=0.5)
    assert value(study, "seconds per case", "real / uniform") == pytest.approx(0.5)
    assert value(study, "seconds per case", "real") == pytest.approx(40)
    n = len(map_of(study, study.cases[0].name, "real").values)
    assert value(study, "percentile of the shown map", "shuffled") > 100 * (n - 1) / n - 0.1
    assert value(study, "percentile of the real map", "real") > 99
    # readers who follow a shuffled map leave the real one
    followed = [
        rankdata(map_of(study, one.case, "real").values)[map_of(study, one.case, "shuffled").values.argmax()]
        for reader in study.readers
        for one in reader_plan(study, reader)
        if one.condition == "shuffled"
    ]
    assert value(study, "percentile of the real map", "shuffled") == pytest.approx(100 * (np.mean(followed) - 0.5) / n)


def test_no_difference_is_not_found(make_study: Make) -> None:
    study = make_study(cases=20, readers=4)
    fill(study, follow=False, gain=0)
    for row in analyse(study).by_condition:
        if row.measure == "rating" and row.condition.startswith("real - "):
            assert row.interval is not None
            assert row.interval.low < 0 < row.interval.high


def test_agreement_of_readers_who_always_agree_is_full(make_study: Make) -> None:
    study = make_study(readers=2)
    fill(study)
    rows = {(row.question, row.statistic): row for row in analyse(study).agreement}
    assert rows["tissue", "Cohen's kappa"].value == pytest.approx(1)
    assert ("useful", "Cohen's kappa, quadratic weights") in rows
    assert not any(question in ("region", "words") for question, _ in rows)


def test_one_reader_has_no_agreement_and_the_reason_is_given(make_study: Make) -> None:
    study = make_study(readers=1)
    fill(study)
    assert all(row.value is None and "fewer than two readers" in row.reason for row in analyse(study).agreement)


def test_an_unfinished_study_is_analysed_as_far_as_it_goes(make_study: Make) -> None:
    study = make_study(readers=2)
    fill(study)
    path = AnswerLog(study, "r1").path
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:10]))
    results = analyse(study)
    assert (results.n_readers, results.complete) == (2, 1)
    assert next(row for row in results.agreement if row.question == "useful").n_cases == 3
    seconds = [row for row in results.by_condition if row.measure == "seconds per case" and "/" not in row.condition]
    assert sum(row.n_answers for row in seconds) == 6 + 2  # a case that was not finished has no time


def test_nothing_answered_is_undefined(make_study: Make) -> None:
    with pytest.raises(UndefinedMetricError, match="Nobody has answered"):
        analyse(make_study())
