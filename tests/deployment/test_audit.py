"""The audit log: appended to by many at once, rotated by size, and loud when it cannot be written."""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from survviz.deployment import Person, record, remember
from survviz.deployment.audit import case_hash, entries
from survviz.errors import SurvvizError

Write = Callable[[str], Path]


def test_nothing_is_written_without_settings_or_when_it_is_off(survviz_home: Path, write_settings: Write) -> None:
    record("someone", "opened")
    write_settings("[audit]\nenabled = false\n")
    record("someone", "opened")
    assert not (survviz_home / "audit").exists()


def test_a_line_says_who_when_and_what_and_hides_the_case(write_settings: Write) -> None:
    write_settings("")
    owner = remember(Person("ann@clinic.org"))
    record(owner, "opened", case="TCGA-AB-1234")
    (line,) = entries()
    assert line["who"] == "ann@clinic.org"
    assert line["what"] == "opened"
    assert line["case"] == case_hash("TCGA-AB-1234")
    assert "TCGA" not in json.dumps(line)
    when = datetime.fromisoformat(line["time"])
    assert when.utcoffset() == timedelta(0)
    assert abs(datetime.now(UTC) - when) < timedelta(minutes=5)


def test_the_case_stands_as_it_is_where_that_is_asked_for(write_settings: Write) -> None:
    write_settings('[audit]\ncase = "id"\n')
    record("someone", "opened", case="P1")
    (line,) = entries()
    assert line["case"] == "P1"
    assert line["who"].startswith("browser ")
    assert "someone" not in line["who"]


def test_files_are_rotated_and_read_in_order(survviz_home: Path, write_settings: Write) -> None:
    write_settings("[audit]\nfile_mb = 0.0005\n")
    for number in range(20):
        record("someone", "exported", number=number)
    files = list((survviz_home / "audit").glob("*.jsonl"))
    assert len(files) > 2
    assert max(file.stat().st_size for file in files) < 700
    assert [line["number"] for line in entries()] == list(range(20))


def test_a_name_with_a_line_break_cannot_forge_a_line(write_settings: Write) -> None:
    write_settings("")
    record("someone", "uploaded", file='a\n{"who": "ann"}\u2028b')
    (line,) = entries()
    assert line["file"] == 'a\n{"who": "ann"}\u2028b'


def test_a_log_that_cannot_be_written_stops_the_deed(survviz_home: Path, write_settings: Write) -> None:
    write_settings("")
    (survviz_home / "audit" / "audit.jsonl").mkdir(parents=True)
    with pytest.raises(SurvvizError, match="not done, because it could not be written into the audit log"):
        record("someone", "opened")


def test_a_cut_off_line_is_shown_and_the_next_one_is_whole(survviz_home: Path, write_settings: Write) -> None:
    write_settings("")
    record("someone", "opened", number=1)
    log = survviz_home / "audit" / "audit.jsonl"
    log.write_bytes(log.read_bytes() + b'{"time": "2026')
    record("someone", "opened", number=2)
    assert [line.get("number") for line in entries()] == [1, None, 2]


def _write_many(number: int) -> None:
    for _ in range(40):
        record("someone", "exported", number=number, text="x" * 500)


def test_processes_do_not_mix_their_lines(write_settings: Write) -> None:
    write_settings("[audit]\nfile_mb = 0.01\n")
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_write_many, args=(number,)) for number in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sorted(line["number"] for line in entries()) == [0] * 40 + [1] * 40
