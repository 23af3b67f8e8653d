"""Work that takes its worker with it; workers import it by name."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

from survviz.pipeline import extraction
from survviz.pipeline.cohort.part_runs import PartJob, score_part
from survviz.pipeline.cohort.parts import Part
from survviz.pipeline.extraction import Encoded, SlideJob, extract_slide

DEADLY = "SV07-0002"
TRACE = "died"


def die(*_: Any, **__: Any) -> None:
    """As the out-of-memory killer ends a process: at once, with nothing tidied up."""
    os.kill(os.getpid(), signal.SIGKILL)


def first_here(folder: Path) -> bool:
    """Whether no task has left its trace in the folder yet; leaves it."""
    try:
        (folder / TRACE).mkdir()
    except FileExistsError:
        return False
    return True


def slide_that_dies_once(job: SlideJob) -> Encoded:
    """Writes a slide's features; the first worker dies when they are computed, before they have their file."""
    if first_here(job.out.parent):
        extraction.write_features = die
    return extract_slide(job)


def part_that_dies_once(job: PartJob) -> Part:
    """Scores a part; the first worker dies with half of its cases done."""
    if first_here(job.cohort.parent):
        score_part(replace(job, case_ids=job.case_ids[: len(job.case_ids) // 2]))
        die()
    return score_part(job)


def deadly_part(job: PartJob) -> Part:
    """Scores a part, unless the case is in it."""
    if DEADLY in job.case_ids:
        die()
    return score_part(job)
