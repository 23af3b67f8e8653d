"""What in a file could name a patient: found, said in words, masked; and names that may be exported."""

from survviz.phi.finding import Finding
from survviz.phi.pseudonym import exported_id, without_ids
from survviz.phi.scan import check_paths

__all__ = ["Finding", "check_paths", "exported_id", "without_ids"]
