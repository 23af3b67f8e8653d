"""Every code of a finding is in the documentation, and every code there exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from survviz.intake.fixes import Fix

ROOT = Path(__file__).parents[2]
CODE = re.compile(r"[a-z]+(-[a-z]+)+")
NO_FINDINGS = {"all-recommended", "disease-free", "z-score"}


def written() -> set[str]:
    """Strings of the package that look like codes, without the kinds of fixes."""
    kinds = {one.model_fields["kind"].default for one in Fix.__origin__.__args__}  # type: ignore[attr-defined]
    trees = [ast.parse(path.read_text()) for path in (ROOT / "survviz" / "intake").glob("*.py")]
    texts = {node.value for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    return {text for text in texts if isinstance(text, str) and CODE.fullmatch(text)} - kinds - NO_FINDINGS


def test_every_code_is_documented() -> None:
    table = (ROOT / "docs" / "intake.md").read_text().split("## Findings")[1].split("## The plan")[0]
    documented = {
        code for line in table.splitlines() if line.startswith("|") for code in re.findall(r"`([a-z-]+)`", line)
    }
    assert written() - documented == set()
    assert documented - written() - {"unreadable", "encoding", "metastases", "gaps"} == set()
