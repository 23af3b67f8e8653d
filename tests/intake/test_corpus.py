"""Every broken input gets its precise message; nothing is changed unasked; what can be mended is, on request."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from survviz.intake.plan import Report, check, fix_until_done
from survviz.intake.reading import Brought, read_sources
from tests.intake.corpus import BROKEN, Broken
from tests.intake.corpus.good import clinical, csv, expression


def brought(folder: Path, broken: Broken) -> Brought:
    for name, data in broken.files.items():
        (folder / name).write_bytes(data)
    return read_sources(sorted(folder.iterdir()))


def codes(report: Report) -> list[str]:
    return [finding.code for finding in report.findings]


def test_there_are_sixty_and_each_has_a_name() -> None:
    assert len(BROKEN) >= 60
    assert len({broken.name for broken in BROKEN}) == len(BROKEN)


def test_of_a_good_cohort_only_the_unit_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "clinical.csv").write_bytes(csv(clinical()))
    (tmp_path / "rna.csv").write_bytes(csv(expression()))
    files = read_sources([tmp_path])
    report = check(files)
    assert [finding.code for finding in report.findings] == ["unit-unknown"]
    assert (report.n_cases, report.n_events) == (40, 14)
    told = fix_until_done(files, report, ["unit-unknown"])
    assert told.ready
    assert told.findings == ()
    assert told.tables.matrices["rna.csv"].unit == "log2(x+1)"


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.name)
def test_a_broken_input_gets_its_message_and_is_not_changed(broken: Broken, tmp_path: Path) -> None:
    files = brought(tmp_path, broken)
    report = check(files)
    found = [finding for finding in report.findings if finding.code == broken.code]
    assert found, f"found only {codes(report)}"
    assert found[0].severity == broken.severity
    for words in broken.says:
        assert any(words in finding.text for finding in found), found[0].text
    if broken.rows is not None:
        assert len(found[0].rows) == broken.rows
    assert all(len(finding.text) < 1200 for finding in report.findings)
    assert (report.plan.fixes, report.steps) == ((), ())
    for source in files.sources:
        if source.name in report.tables.text:
            cells = report.tables.text[source.name]
            pd.testing.assert_frame_equal(cells, source.text(list(cells.columns)), check_names=False)


@pytest.mark.parametrize("broken", [one for one in BROKEN if one.mended], ids=lambda broken: broken.name)
def test_what_is_asked_for_is_mended_and_said(broken: Broken, tmp_path: Path) -> None:
    files = brought(tmp_path, broken)
    before = check(files)
    after = fix_until_done(files, before, [broken.code])
    assert not [one for one in after.findings if (one.code, one.severity) == (broken.code, broken.severity)]
    assert after.steps
    assert all(step.changes for step in after.steps)
    assert check(files, after.plan).findings == after.findings
