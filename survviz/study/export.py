"""All answers of a study as one CSV, one row per answer, and a codebook that says what each column holds."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from survviz.study.answers import Answer, AnswerLog, read_answers
from survviz.study.design import Study

RESEARCH_USE = "For Research Use Only. Not for use in diagnostic procedures."
COLUMNS = {
    "study": "id of the study",
    "reader": "the reader's code",
    "position": "place of the case in this reader's order, from 1",
    "case": "name of the case in the study file; never shown to the reader",
    "condition": "map that was shown: real, shuffled or uniform; never told to the reader",
    "question": "name of the question in the study file",
    "kind": "rating, confidence, choice, region or text",
    "answer": "scale: the point, from 1; choice: the option's number, from 1; text: the words; region: the patch's "
    "index in the map file, from 0",
    "label": "the chosen option in words; empty for other kinds",
    "x": "region: left edge of the chosen patch, level-0 pixels",
    "y": "region: top edge of the chosen patch, level-0 pixels",
    "shown_at_ms": "when the question was shown with its slide and map, ms since 1970, clock of the reader's computer",
    "answered_at_ms": "when it was answered, same clock",
    "elapsed_ms": "time that the question was on the screen, monotonic clock, without away_ms",
    "away_ms": "time paused or with the tab hidden while the question was open",
    "saved_at": "when the server had saved it, UTC",
}


def answers_csv(logs: Sequence[AnswerLog]) -> str:
    """The table, RFC 4180."""
    stream = io.StringIO()
    table = csv.DictWriter(stream, COLUMNS, lineterminator="\r\n")
    table.writeheader()
    table.writerows(_row(log.study, one) for log in logs for one in log.answers)
    return stream.getvalue()


def _row(study: Study, one: Answer) -> dict[str, object]:
    question = next(question for question in study.questions if question.name == one.question)
    place = one.value if isinstance(one.value, dict) else {}
    options = question.options
    return {
        "study": study.id,
        "reader": one.reader,
        "position": one.position + 1,
        "case": one.case,
        "condition": one.condition,
        "question": one.question,
        "kind": question.kind,
        "answer": place.get("patch") if place else one.value,
        "label": options[one.value - 1] if options and isinstance(one.value, int) else "",
        "x": place.get("x", ""),
        "y": place.get("y", ""),
        "shown_at_ms": one.timing.shown_at,
        "answered_at_ms": one.timing.answered_at,
        "elapsed_ms": one.timing.elapsed_ms,
        "away_ms": one.timing.away_ms,
        "saved_at": one.saved_at,
    }


def codebook(study: Study, logs: Sequence[AnswerLog]) -> str:
    """What the columns, questions and conditions are, in Markdown."""
    shares = ", ".join(f"{name} {share:.0%}" for name, share in study.conditions.items())
    moved = "moved over the slide on a torus, handed out by rank" if study.shuffle == "shift" else "permuted at random"
    readers = f"{len(study.readers)} readers ({len(logs)} began)"
    lines = [
        f"# {study.title}", "", f"Study {study.id}, digest {study.digest}, seed {study.seed}. {RESEARCH_USE}", "",
        f"{len(study.cases)} cases, {len(study.questions)} questions, {readers}. "
        f"Maps: {shares}; shuffled = the real values, {moved}; uniform = their mean everywhere.", "",
        f"Left out, and kept in the readers' files: {sum(log.repeated for log in logs)} answers to a question that had "
        f"one, {sum(log.damaged for log in logs)} lines cut off by a kill.", "",
        "## Columns of answers.csv", "",
        *(f"- `{name}`: {words}" for name, words in COLUMNS.items()), "",
        "## Questions", "",
    ]  # fmt: skip
    for question in study.questions:
        lines.append(f"- `{question.name}` ({question.kind}): {question.text}")
        if question.is_scale:
            lines.append(f"  - 1 = {question.low or 'lowest'}, {question.points} = {question.high or 'highest'}")
        lines += [f"  - {number} = {option}" for number, option in enumerate(question.options, 1)]
    return "\n".join(lines) + "\n"


def write_export(study: Study, out: Path) -> tuple[Path, Path]:
    """Write answers.csv and codebook.md into a folder."""
    logs = read_answers(study)
    out.mkdir(parents=True, exist_ok=True)
    table, words = out / "answers.csv", out / "codebook.md"
    table.write_text(answers_csv(logs), encoding="utf-8", newline="")
    words.write_text(codebook(study, logs), encoding="utf-8")
    return table, words
