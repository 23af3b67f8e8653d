"""Background work: each job in a process of its own, its state on disk, so that it survives reload and restart."""

from survviz.jobs.queue import cancel, count_states, list_jobs, log_text, owners_at_work, status, submit
from survviz.jobs.state import JobStatus

__all__ = ["JobStatus", "cancel", "count_states", "list_jobs", "log_text", "owners_at_work", "status", "submit"]
