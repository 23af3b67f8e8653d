"""What a study found: agreement between readers, ratings and time by kind of map, and whether readers follow it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import scipy  # its parts are loaded when first used
from numpy.typing import NDArray

from survviz.evaluation.agreement import Weights, agreement
from survviz.evaluation.outcomes import UndefinedMetricError
from survviz.evaluation.resampling import Interval, draw_counts, percentile_interval
from survviz.study.answers import Answer, AnswerLog, read_answers
from survviz.study.design import CONDITIONS, Condition, Question, Study
from survviz.study.maps import map_of


@dataclass(frozen=True, slots=True)
class ReaderAgreement:
    """Kappa of one question over the cases that all readers answered; `value` is None where `reason` says why."""

    question: str
    statistic: str
    value: float | None
    interval: Interval | None
    n_cases: int
    n_readers: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ByCondition:
    """A mean under one kind of map, or the difference of two ("real - uniform"), with a bootstrap over cases.

    Attributes:
        measure: "rating", "seconds per case" (geometric mean; its difference is a ratio, "real / uniform") or
            "percentile of the shown map" and "percentile of the real map" at the patch that readers chose (50 =
            chosen without regard to the map).
        question: name of the question; empty for the time of a whole case.
    """

    measure: Literal["rating", "seconds per case", "percentile of the shown map", "percentile of the real map"]
    question: str
    condition: str
    value: float
    interval: Interval | None
    n_answers: int
    n_cases: int


@dataclass(frozen=True, slots=True)
class StudyResults:
    """Analysis of a study so far.

    Attributes:
        n_readers: who answered at least once.
        complete: readers who answered everything.
        n_answers: that count.
        damaged: lines cut off by a kill, left out.
        repeated: second answers to the same screen, left out.
    """

    study: str
    n_readers: int
    complete: int
    n_cases: int
    n_answers: int
    damaged: int
    repeated: int
    agreement: tuple[ReaderAgreement, ...]
    by_condition: tuple[ByCondition, ...]


@dataclass(frozen=True, slots=True)
class _Value:
    case: str
    condition: Condition
    number: float


def analyse(study: Study, *, level: float = 0.95, n_resamples: int = 2000, seed: int = 0) -> StudyResults:
    """Analyse the answers that are on the disk.

    Raises:
        UndefinedMetricError: nobody has answered yet.
        InputError: the study was changed after a reader began, or a map is gone.
    """
    logs = [log for log in read_answers(study) if log.answers]
    if not logs:
        raise UndefinedMetricError(f"Nobody has answered the study {study.id!r} yet, so there is nothing to analyse.")
    boot = _Bootstrap([case.name for case in study.cases], level, n_resamples, seed)
    answers = [one for log in logs for one in log.answers]
    rows: list[ByCondition] = []
    for question in study.questions:
        mine = [one for one in answers if one.question == question.name]
        if question.is_scale:
            rows += boot.rows("rating", question.name, _numbers(mine))
        elif question.kind == "region":
            shown, real = _percentiles(study, mine)
            rows += boot.rows("percentile of the shown map", question.name, shown)
            rows += boot.rows("percentile of the real map", question.name, real)
    rows += boot.rows("seconds per case", "", _case_times(study, answers), geometric=True)
    n_screens = len(study.cases) * len(study.questions)
    return StudyResults(
        study=study.id,
        n_readers=len(logs),
        complete=sum(len(log.answers) == n_screens for log in logs),
        n_cases=len({one.case for one in answers}),
        n_answers=len(answers),
        damaged=sum(log.damaged for log in logs),
        repeated=sum(log.repeated for log in logs),
        agreement=tuple(_agreements(study, logs, level, n_resamples, seed)),
        by_condition=tuple(rows),
    )


# ---- agreement


def _agreements(
    study: Study, logs: Sequence[AnswerLog], level: float, n_resamples: int, seed: int
) -> Iterable[ReaderAgreement]:
    for question in study.questions:
        if not question.categories:
            continue
        ratings = _ratings(study, question, logs)
        kinds: tuple[Weights, ...] = ("none", "linear", "quadratic") if question.is_scale else ("none",)
        for weights in kinds:
            name = "kappa" if weights == "none" else f"kappa, {weights} weights"
            if len(logs) < 2 or not ratings.shape[1]:
                few = "fewer than two readers" if len(logs) < 2 else "no case was answered by all readers"
                yield ReaderAgreement(question.name, name, None, None, ratings.shape[1], len(logs), few)
                continue
            try:
                found = agreement(
                    ratings, len(question.categories), weights=weights, level=level, n_resamples=n_resamples, seed=seed
                )
            except UndefinedMetricError as error:
                yield ReaderAgreement(question.name, name, None, None, ratings.shape[1], len(logs), str(error))
            else:
                yield ReaderAgreement(
                    question.name, found.statistic, found.value, found.interval, found.n_cases, found.n_readers
                )


def _ratings(study: Study, question: Question, logs: Sequence[AnswerLog]) -> NDArray[np.int64]:
    """(readers, cases that all of them answered) categories from 0."""
    given = [{one.case: one.value for one in log.answers if one.question == question.name} for log in logs]
    cases = [case.name for case in study.cases if all(case.name in each for each in given)]
    return np.array([[each[case] for case in cases] for each in given], dtype=np.int64).reshape(len(logs), -1) - 1


# ---- by condition


def _numbers(answers: Iterable[Answer]) -> list[_Value]:
    return [_Value(one.case, one.condition, float(one.value)) for one in answers if isinstance(one.value, int)]


def _case_times(study: Study, answers: Iterable[Answer]) -> list[_Value]:
    """Logarithm of the seconds that a reader spent on a case, of cases with all questions answered."""
    spent: dict[tuple[str, str, Condition], list[int]] = defaultdict(list)
    for one in answers:
        spent[one.reader, one.case, one.condition].append(one.timing.elapsed_ms)
    return [
        _Value(case, condition, float(np.log(max(sum(times), 1) / 1000)))
        for (_, case, condition), times in spent.items()
        if len(times) == len(study.questions)
    ]


def _percentiles(study: Study, answers: Iterable[Answer]) -> tuple[list[_Value], list[_Value]]:
    """Where the chosen patch stands in the map that was shown, and in the real one; a uniform map ranks nothing."""
    shown: list[_Value] = []
    real: list[_Value] = []
    for one in answers:
        if not isinstance(one.value, dict):
            continue
        maps: tuple[tuple[list[_Value], Condition], ...] = ((shown, one.condition), (real, "real"))
        for found, condition in maps:
            if condition != "uniform":
                ranks = scipy.stats.rankdata(map_of(study, one.case, condition).values)
                at = 100 * (ranks[one.value["patch"]] - 0.5) / len(ranks)
                found.append(_Value(one.case, one.condition, float(at)))
    return shown, real


class _Bootstrap:
    """Means by condition and their differences; each resample draws cases, with all their readers."""

    def __init__(self, cases: Sequence[str], level: float, n_resamples: int, seed: int) -> None:
        self.row = {name: index for index, name in enumerate(cases)}
        self.level = level
        self.counts = draw_counts(len(cases), n_resamples, seed).astype(np.float64)

    def rows(
        self,
        measure: Literal["rating", "seconds per case", "percentile of the shown map", "percentile of the real map"],
        question: str,
        values: Sequence[_Value],
        *,
        geometric: bool = False,
    ) -> list[ByCondition]:
        """One row per condition that was seen, then real against each control."""
        seen: dict[str, list[_Value]] = {
            name: mine for name in CONDITIONS if (mine := [one for one in values if one.condition == name])
        }
        means = {name: self._means(mine) for name, mine in seen.items()}
        back: Callable[..., NDArray[np.float64]] = np.exp if geometric else np.asarray

        def row(name: str, drawn: NDArray[np.float64], mine: Sequence[_Value]) -> ByCondition:
            numbers = back(drawn)
            defined = ~np.isnan(numbers[1:])
            interval = percentile_interval(numbers[1:], self.level) if defined.any() else None
            cases = len({one.case for one in mine})
            return ByCondition(measure, question, name, float(numbers[0]), interval, len(mine), cases)

        found = [row(name, means[name], mine) for name, mine in seen.items()]
        sign = "/" if geometric else "-"
        for control in ("shuffled", "uniform"):
            if "real" in seen and control in seen:
                both = [*seen["real"], *seen[control]]
                found.append(row(f"real {sign} {control}", means["real"] - means[control], both))
        return found

    def _means(self, values: Sequence[_Value]) -> NDArray[np.float64]:
        """(1 + R,) the mean, then of every resample; NaN where a resample holds none of these cases."""
        total, number = np.zeros(len(self.row)), np.zeros(len(self.row))
        for one in values:
            total[self.row[one.case]] += one.number
            number[self.row[one.case]] += 1
        drawn = np.vstack([np.ones(len(self.row)), self.counts])
        weight = drawn @ number
        return np.divide(drawn @ total, weight, out=np.full(len(drawn), np.nan), where=weight > 0)
