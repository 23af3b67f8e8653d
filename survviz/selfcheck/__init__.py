"""What an installation checks of itself, without any network: each finding with what to do about it."""

from survviz.selfcheck.row import Row, as_json, as_text, worst
from survviz.selfcheck.run import GROUPS, run

__all__ = ["GROUPS", "Row", "as_json", "as_text", "run", "worst"]
