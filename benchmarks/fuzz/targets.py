"""Every target, by name."""

from __future__ import annotations

from benchmarks.fuzz import folder_targets, server_targets, slide_targets, table_targets
from benchmarks.fuzz.target import Target

TARGETS: dict[str, Target] = {
    **server_targets.TARGETS,
    **slide_targets.TARGETS,
    **table_targets.TARGETS,
    **folder_targets.TARGETS,
}
