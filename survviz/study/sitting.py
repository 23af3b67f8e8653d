"""Where a reader is: what to show next, what the browser may know of it, and whether an answer fits the question."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from survviz.errors import InputError
from survviz.study.answers import AnswerLog, AnswerValue, Timing
from survviz.study.design import Question, Study, StudyCase
from survviz.study.maps import StudyMap, map_of, read_map
from survviz.study.plan import Assignment, reader_plan

LONGEST_TEXT = 4000
LATEST_MS = 10**14  # the year 5138; NaN and infinity are not below it


@dataclass(frozen=True, slots=True)
class Screen:
    """One question about one slide.

    Attributes:
        assignment: None in the tutorial.
        number: 0-based number of the question.
    """

    assignment: Assignment | None
    number: int
    question: Question

    @property
    def id(self) -> str:
        """Names the screen to the browser: neither the case nor the condition can be told from it."""
        place = "tutorial" if self.assignment is None else str(self.assignment.position)
        return f"{place}/{self.number}"


@dataclass(frozen=True, slots=True)
class Place:
    """What comes next for a reader.

    Attributes:
        step: what to show.
        screen: for "ask", and for "tutorial".
        done: answered screens, without the tutorial.
        total: all screens, without the tutorial.
    """

    step: Literal["consent", "tutorial", "ask", "thanks"]
    screen: Screen | None
    done: int
    total: int


class Sitting:
    """One reader at one study, from the answers that are on the disk: a new one goes on where the last one ended."""

    def __init__(self, study: Study, reader: str) -> None:
        self.study = study
        self.plan = reader_plan(study, reader)
        self.log = AnswerLog(study, reader)

    def place(self, tutorial_question: int = 0) -> Place:
        """What comes next.

        Args:
            tutorial_question: where in the tutorial; it is not kept on the disk.
        """
        questions = self.study.questions
        total = len(self.plan) * len(questions)
        if "consent" not in self.log.events:
            return Place("consent", None, 0, total)
        if self.study.tutorial is not None and "tutorial" not in self.log.events:
            number = min(tutorial_question, len(questions) - 1)
            return Place("tutorial", Screen(None, number, questions[number]), 0, total)
        answered = {(one.position, one.question) for one in self.log.answers}
        for one in self.plan:
            for number, question in enumerate(questions):
                if (one.position, question.name) not in answered:
                    return Place("ask", Screen(one, number, question), len(answered), total)
        return Place("thanks", None, len(answered), total)

    def case(self, screen: Screen) -> StudyCase:
        """The case of a screen."""
        if screen.assignment is not None:
            return self.study.case(screen.assignment.case)
        assert self.study.tutorial is not None
        return self.study.tutorial

    def shown_map(self, screen: Screen) -> StudyMap:
        """The map of a screen: the real one in the tutorial. A shuffled one takes up to seconds; keep it."""
        if screen.assignment is None:
            return read_map(self.study.folder / self.case(screen).map)
        return map_of(self.study, screen.assignment.case, screen.assignment.condition)

    def take(self, event: Mapping[str, Any], tutorial_question: int = 0) -> bool:
        """Keep what the browser sent; False for an answer to another screen than the one that is due.

        Raises:
            InputError: the answer does not fit the question.
        """
        screen = self.place(tutorial_question).screen
        if screen is None or event.get("screen") != screen.id:
            return False
        if event["kind"] in ("pause", "resume"):
            self.log.note(event["kind"], position=screen.assignment and screen.assignment.position)
            return True
        coords = read_map(self.study.folder / self.case(screen).map).coords
        value = checked(screen.question, event.get("value"), coords)
        if screen.assignment is None:
            if screen.number + 1 == len(self.study.questions):
                self.log.note("tutorial")
            return True
        return self.log.add(screen.assignment, screen.question.name, value, timing_of(event))


def timing_of(event: Mapping[str, Any]) -> Timing:
    """Times of an event.

    Raises:
        InputError: one of them is missing, or is no time.
    """
    times = [event.get(name) for name in ("shown_at", "answered_at", "elapsed_ms", "away_ms")]
    whole = [round(one) for one in times if isinstance(one, int | float) and 0 <= one < LATEST_MS]
    if len(whole) < len(times):
        raise InputError(f"Times {times} were sent with an answer; expected ms, 0 or more. Reload the page.")
    return Timing(*whole)


def checked(question: Question, value: object, coords: NDArray[np.int64]) -> AnswerValue:
    """A value that fits its question: the 1-based number of a scale or choice, a text, or the corner of a patch.

    Args:
        coords: (N, 2) of the case's patches.

    Raises:
        InputError: it does not fit.
    """
    if question.kind == "text":
        text = str(value or "").strip()[:LONGEST_TEXT]
        if text or question.optional:
            return text
        raise InputError("Please write something before going on.")
    n = len(coords) if question.kind == "region" else len(question.categories)
    first = 0 if question.kind == "region" else 1
    if not isinstance(value, int) or isinstance(value, bool) or not first <= value < n + first:
        raise InputError(f"{value!r} was sent as the answer to {question.name!r}; expected {first} to {n + first - 1}.")
    if question.kind != "region":
        return value
    x, y = (int(one) for one in coords[value])
    return {"patch": value, "x": x, "y": y}


def screen_data(screen: Screen, place: Place, study: Study) -> dict[str, Any]:
    """All that the browser is told of a screen, beside the slide and the map: no case, no condition, no outcome."""
    question, assignment = screen.question, screen.assignment
    return {
        "screen": screen.id,
        "tutorial": assignment is None,
        "case": 0 if assignment is None else assignment.position + 1,
        "cases": len(study.cases),
        "colour_range": study.colour_range,
        "done": place.done,
        "total": place.total,
        "question": {
            "number": screen.number + 1,
            "of": len(study.questions),
            "kind": question.kind,
            "text": question.text,
            "low": question.low,
            "high": question.high,
            "optional": question.optional,
            "options": list(question.categories),
        },
    }
