"""A worker that a case takes with it; workers import it by name."""

from __future__ import annotations

import os
import signal

from survviz.pipeline.cohort.part_runs import PartJob, score_part
from survviz.pipeline.cohort.parts import Part

DEADLY = "SV07-0002"


def deadly_part(job: PartJob) -> Part:
    """Scores a part, unless the case is in it."""
    if DEADLY in job.case_ids:
        os.kill(os.getpid(), signal.SIGKILL)
    return score_part(job)
