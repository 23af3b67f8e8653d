"""Write the tables of docs/models.md from the registry: `.venv/bin/python docs/make_models.py`.

The measured table comes from benchmarks/results/models.json, which `python -m benchmarks.models` makes.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from survviz.models.describe import describe_all

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "models.md"
RESULTS = ROOT / "benchmarks" / "results" / "models.json"
MARKS = "<!-- {}: written by docs/make_models.py -->", "<!-- end of {} -->"


def registry_table(models: list[dict[str, Any]]) -> str:
    """One row per model: facts at published sizes."""
    rows = ["| name | paper | reads | output | parameters | attention maps |", "|---|---|---|---|---|---|"]
    for model in models:
        reads = "; ".join(f"{one['modality']} ({one['form']})" for one in model["inputs"])
        maps = "; ".join(f"{one['query']} → {one['key']}" for one in model["attention"]) or "none"
        rows.append(
            f"| `{model['name']}` | {model['paper']} | {reads} | {model['output']} | {model['parameters']:,} | {maps} |"
        )
    return "\n".join(rows)


def differences(models: list[dict[str, Any]]) -> str:
    """What each model does otherwise than its paper or its release, and when something is missing."""
    parts = []
    for model in models:
        lines = [f"**`{model['name']}`** ({model['title']}, {model['year']}; {model['licence']})", ""]
        if model["pathology"]:
            lines.append(f"- Pathology: {model['pathology']}.")
        lines.append(f"- Missing modality: {model['when_missing']}.")
        lines += [f"- {text}" for text in model["differences"]]
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def measured_table(results: dict[str, Any]) -> str:
    """C-index, parameters and time of one run, with its protocol."""
    rows = [
        results["protocol"],
        "",
        "| model | reads | C-index (95 % CI) | cases | parameters as trained | ms per case, training | scoring |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in sorted(results["models"], key=lambda one: -(one["c_index"] or 0)):
        interval = "undefined"
        if row["c_index"] is not None:
            interval = f"{row['c_index']:.3f} ({row['low']:.3f} to {row['high']:.3f})"
        rows.append(
            f"| `{row['name']}` | {', '.join(row['modalities'])} | {interval} | {row['n_cases']} | "
            f"{row['parameters']:,} | {row['ms_train']:.1f} | {row['ms_score']:.1f} |"
        )
    return "\n".join(rows)


def replaced(page: str, name: str, text: str) -> str:
    """The page with one marked part written anew."""
    start, end = (mark.format(name) for mark in MARKS)
    before, rest = page.split(start)
    return f"{before}{start}\n{text}\n{end}{rest.split(end)[1]}"


def written(page: str) -> str:
    """The page with every marked part as it should be."""
    models = describe_all()
    page = replaced(page, "registry", registry_table(models))
    page = replaced(page, "differences", differences(models))
    return replaced(page, "measured", measured_table(json.loads(RESULTS.read_text(encoding="utf-8"))))


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
