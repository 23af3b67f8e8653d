"""A computation over a whole cohort: choose its folder, start it, follow it, and find it again after a reload."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st

from pages.components import session
from pages.components.owner import current_owner
from survviz import jobs
from survviz.jobs import JobStatus
from survviz.server.computations import cancel_job, jobs_about, register_job
from survviz.server.folders import allowed_path, list_cohorts

RUNNING = ("queued", "running")


@st.cache_data(ttl=60, show_spinner=False)
def cohorts(owner: str) -> dict[str, Path]:
    """Label -> folder of every cohort that a person may choose."""
    return dict(list_cohorts(owner))


@dataclass(frozen=True, slots=True)
class CohortJob:
    """One kind of job over cohorts, of the chosen checkpoint.

    Attributes:
        kind: of the job; also what the keys of its widgets begin with.
        of: folder of the one cohort that is meant; None = any.
    """

    kind: str
    of: Path | None = None

    def about(self) -> dict[str, str]:
        """Names the jobs of the chosen checkpoint."""
        folder = session.checkpoint_folder()
        about = {f"{self.kind} of": folder.name, "stamp": str(session.checkpoint_stamp(folder))}
        return about if self.of is None else {**about, "cohort": str(self.of)}

    def newest(self) -> tuple[str, JobStatus] | None:
        """Token and state of this browser's newest one that was not cancelled."""
        found = jobs_about(current_owner(), self.about())
        return next(((grant.token, now) for grant, now in found if now.state != "cancelled"), None)

    def choose(self) -> Path | None:
        """Folder of the chosen cohort; None where there is none to choose."""
        folders = cohorts(current_owner())
        label = st.selectbox("Cohort folder", list(folders), key=f"{self.kind}_cohort", width=320)
        return folders[label] if label else None

    def start(self, cohort: Path, **arguments: Any) -> None:
        """Compute it in the background, and run the page again.

        Raises:
            InputError: the folder is not one that this person may read.
        """
        owner = current_owner()
        whole: Mapping[str, Any] = {
            "checkpoint": str(session.checkpoint_folder()), "cohort": str(allowed_path(owner, cohort)), **arguments
        }  # fmt: skip
        register_job(owner, jobs.submit(self.kind, whole, owner=owner), self.about())
        st.rerun()

    def result(self, otherwise: str) -> Path | None:
        """Folder of the newest one that is done, unless its files are gone; says what failed."""
        found = self.newest()
        if found and found[1].state == "failed":
            st.error(found[1].error, icon=":material/error:")
        if not found or found[1].state != "done":
            return None
        folder = Path(found[1].result["folder"])
        if not folder.is_dir():
            st.caption(otherwise)
            return None
        return folder

    def is_followed(self) -> bool:
        """Whether one runs; then its progress is shown."""
        found = self.newest()
        if found is None or found[1].state not in RUNNING:
            return False
        _follow(self, found[0])
        return True


@st.fragment(run_every="1s")
def _follow(job: CohortJob, token: str) -> None:
    """Progress, asked every second; the whole page runs again once it has ended."""
    found = job.newest()
    if found is None or found[0] != token or found[1].finished:
        st.rerun(scope="app")
        return
    now = found[1]
    count = f": {now.done:,} of {now.total:,} cases." if now.total else " …"
    st.progress(now.fraction, f"{now.message}{count} You may leave this page and come back.")
    if st.button("Cancel", icon=":material/stop:", key=f"{job.kind}_cancel"):
        cancel_job(current_owner(), token)
