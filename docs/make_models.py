"""Write the tables of docs/models.md from the registry: `.venv/bin/python docs/make_models.py`.

Costs come from benchmarks/results/models.json, which `python -m benchmarks.models` makes; what is learnt from
benchmarks/results/sample.json and sample-500.json, the leaderboards of `survviz benchmark benchmarks/suites/...`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from marked_pages import replaced

from survviz.models.describe import describe_all

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "models.md"
COSTS = ROOT / "benchmarks" / "results" / "models.json"
LEARNT = ROOT / "benchmarks" / "results" / "sample.json"
LEARNT_500 = ROOT / "benchmarks" / "results" / "sample-500.json"
SCRIPT = "make_models.py"


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


def learnt_table(board: dict[str, Any], larger: dict[str, Any]) -> str:
    """What each model reaches on held-out cases of the bundled cohort and of a larger one, beside the baselines."""
    (cohort,), (more,) = board["cohorts"], larger["cohorts"]
    at_500 = {row["name"]: row for row in more["rows"]}
    rows = [
        f"Bundled: {cohort['n']} cases, {cohort['n_events']} deaths. Larger (seed 20261123): {more['n']} cases, "
        f"{more['n_events']} deaths; run for the models that the bundled cohort teaches least. {cohort['plan']}. Small "
        "sizes (benchmarks/suites/models.toml), no tuning. Mean C-index over folds with a corrected resampled 95 % "
        "interval; attained = (C - 0.5) / (C of the true hazard - 0.5). `survviz benchmark "
        "benchmarks/suites/sample.toml --out OUT`, and `sample-500.toml`.",
        "",
        "| model | reads | C-index (95 % CI) | attained | C-index, 500 cases | attained |",
        "|---|---|---|---|---|---|",
    ]
    for row in sorted(cohort["rows"], key=lambda row: -(_c_index(row)["value"] or 0)):
        if _c_index(row)["value"] is None:
            rows.append(f"| {row['name']} | | {row['status']}: {row['reason']} | | | |")
            continue
        cells = [row["name"], ", ".join(row["modalities"]), *_reached(row), *_reached(at_500.get(row["name"]))]
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


def _reached(row: dict[str, Any] | None) -> tuple[str, str]:
    """C-index with its interval, and the share of what is attainable; empty where it was not run."""
    if row is None or _c_index(row)["value"] is None:
        return "", ""
    c_index = _c_index(row)
    interval = f" ({c_index['low']:.3f} to {c_index['high']:.3f})" if c_index["low"] is not None else ""
    return f"{c_index['value']:.3f}{interval}", "" if row["attained"] is None else f"{row['attained']:.0%}"


def _c_index(row: dict[str, Any]) -> dict[str, Any]:
    return row["scores"].get("harrell_c", {"value": None, "low": None})


def cost_table(results: dict[str, Any]) -> str:
    """Parameters and time of one run, with its protocol."""
    rows = [
        results["protocol"],
        "",
        "| model | reads | parameters as trained | ms per case, training | scoring |",
        "|---|---|---|---|---|",
    ]
    rows += [
        f"| `{row['name']}` | {', '.join(row['modalities'])} | {row['parameters']:,} | {row['ms_train']:.1f} | "
        f"{row['ms_score']:.1f} |"
        for row in sorted(results["models"], key=lambda one: one["ms_train"])
    ]
    return "\n".join(rows)


def written(page: str) -> str:
    """The page with every marked part as it should be."""
    models = describe_all()
    page = replaced(page, SCRIPT, "registry", registry_table(models))
    page = replaced(page, SCRIPT, "differences", differences(models))
    learnt, learnt_500, costs = (json.loads(path.read_text("utf-8")) for path in (LEARNT, LEARNT_500, COSTS))
    page = replaced(page, SCRIPT, "learnt", learnt_table(learnt, learnt_500))
    return replaced(page, SCRIPT, "cost", cost_table(costs))


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
