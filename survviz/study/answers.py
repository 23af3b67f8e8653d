"""The answers of one reader: a file that is only ever added to, one JSON line per event, safe against a kill."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, TypeAlias

from survviz.errors import InputError
from survviz.study.design import Condition, Study
from survviz.study.plan import Assignment
from survviz.workspace import workspace

Kind: TypeAlias = Literal["consent", "tutorial", "answer", "pause", "resume"]
AnswerValue: TypeAlias = str | int | dict[str, int] | None


@dataclass(frozen=True, slots=True)
class Timing:
    """When a screen was shown and answered, by the reader's browser.

    Attributes:
        shown_at: ms since 1970.
        answered_at: the same, of the answer.
        elapsed_ms: time with the question on the screen, by a clock that nobody can set; without `away_ms`.
        away_ms: time paused, or with the tab hidden.
    """

    shown_at: int
    answered_at: int
    elapsed_ms: int
    away_ms: int = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """One answered screen; `case` and `condition` are the server's knowledge, never the browser's."""

    reader: str
    position: int
    case: str
    condition: Condition
    question: str
    value: AnswerValue
    timing: Timing
    saved_at: str


class AnswerLog:
    """What one reader of a study did so far.

    Attributes:
        answers: the first answer of every screen, in order of arrival.
        events: kinds of the other lines, in order.
        damaged: lines that a kill cut off; they are kept in the file and left out.
        repeated: answers to a screen that had one (a second tab); kept in the file and left out.
    """

    def __init__(self, study: Study, reader: str) -> None:
        """Read the reader's file, if there is one.

        Raises:
            InputError: the study was changed since the reader began.
        """
        self.study, self.reader = study, reader
        self.path = workspace("studies", study.id) / f"{reader}.jsonl"
        self.answers: list[Answer] = []
        self.events: list[Kind] = []
        self.damaged = self.repeated = 0
        for line in self.path.read_bytes().splitlines() if self.path.exists() else ():
            if line.strip():
                self._take(line)

    def _take(self, line: bytes) -> None:
        try:
            row = json.loads(line)
            kind, digest = row["kind"], row["study"]
            answer = _answer(row) if kind == "answer" else None
        except (ValueError, KeyError, TypeError):
            self.damaged += 1
            return
        if digest != self.study.digest:
            raise InputError(
                f"The study {self.study.id!r} was changed after reader {self.reader} began: cases, questions, shares, "
                f"shuffle, colour range or seed. Restore the study file, or give the changed study another id. The "
                f"answers so far are in {self.path}."
            )
        if answer is None:
            self.events.append(kind)
        elif self.answer_to(answer.position, answer.question) is None:
            self.answers.append(answer)
        else:
            self.repeated += 1

    def answer_to(self, position: int, question: str) -> Answer | None:
        """The answer that counts for one screen."""
        found = (one for one in self.answers if (one.position, one.question) == (position, question))
        return next(found, None)

    def note(self, kind: Kind, **details: Any) -> None:
        """Keep an event that is no answer."""
        self._append({"kind": kind, **details})
        self.events.append(kind)

    def add(self, assignment: Assignment, question: str, value: AnswerValue, timing: Timing) -> bool:
        """Keep an answer; False, and nothing is written, where the screen has one already."""
        if self.answer_to(assignment.position, question) is not None:
            return False
        row = self._append(
            {
                "kind": "answer",
                "position": assignment.position,
                "case": assignment.case,
                "condition": assignment.condition,
                "question": question,
                "value": value,
                "shown_at": timing.shown_at,
                "answered_at": timing.answered_at,
                "elapsed_ms": timing.elapsed_ms,
                "away_ms": timing.away_ms,
            }
        )
        self.answers.append(_answer(row))
        return True

    def _append(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """One write of one line, on the disk when this returns; after a cut-off line it starts a new one."""
        saved = datetime.now(UTC).isoformat(timespec="milliseconds")
        full = {"study": self.study.digest, "reader": self.reader, "saved_at": saved, **row}
        data = json.dumps(full, ensure_ascii=False).encode() + b"\n"
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            size = os.fstat(descriptor).st_size
            if size and os.pread(descriptor, 1, size - 1) != b"\n":
                data = b"\n" + data
            os.write(descriptor, data)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        return full


def _answer(row: Mapping[str, Any]) -> Answer:
    timing = Timing(row["shown_at"], row["answered_at"], row["elapsed_ms"], row["away_ms"])
    return Answer(
        row["reader"], row["position"], row["case"], row["condition"], row["question"], row["value"], timing,
        row["saved_at"],
    )  # fmt: skip


def log_folder(study: Study) -> Path:
    """Where the answers of a study lie."""
    return workspace("studies", study.id)


def read_answers(study: Study) -> list[AnswerLog]:
    """Logs of the readers who began, in the order of the study."""
    logs = [AnswerLog(study, reader) for reader in study.readers]
    return [log for log in logs if log.path.exists()]
