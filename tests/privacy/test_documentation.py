"""The example of docs/privacy.md runs as it stands, and costs what it says."""

from __future__ import annotations

from pathlib import Path

DOCUMENT = Path(__file__).parents[2] / "docs" / "privacy.md"


def test_example_runs_and_costs_what_it_says() -> None:
    code = DOCUMENT.read_text().split("```python\n")[1].split("```")[0]
    names: dict = {}
    exec(compile(code, str(DOCUMENT), "exec"), names)
    assert names["patient"].balance.spent_epsilon == 2.0
    assert names["patient"].balance.left == 6.0
    assert names["training"].noise_multiplier == 2.756
