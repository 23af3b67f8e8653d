"""Write docs/benchmark.md and docs/benchmark/NAME.md: `.venv/bin/python docs/make_benchmark.py [OUT ...]`.

Every OUT is the folder of a `survviz benchmark` run; its leaderboard is taken into benchmarks/results/NAME.json and
docs/benchmark/NAME.md. Without OUT, only the summaries are written anew from what is there.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

from marked_pages import replaced

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "benchmark.md"
TABLES = ROOT / "docs" / "benchmark"
RESULTS = ROOT / "benchmarks" / "results"
OURS = "survviz-fusion"
CLINIC = "Cox on clinic"
SUITES = ("tcga", "gbmlgg", "kirc", "brca-gpdbn", "pancancer", "sample", "sample-500")


def take(out: Path) -> None:
    """Keep a run's leaderboard in the repository."""
    board = json.loads((out / "leaderboard.json").read_text(encoding="utf-8"))
    TABLES.mkdir(exist_ok=True)
    shutil.copyfile(out / "leaderboard.json", RESULTS / f"{board['suite']}.json")
    shutil.copyfile(out / "leaderboard.md", TABLES / f"{board['suite']}.md")


def summary(board: dict[str, Any]) -> str:
    """One row per cohort: the floors, the best other model, ours, and ours against the floors."""
    rows = [
        f"Every line with intervals, calibration and times: [{board['suite']}.md](benchmark/{board['suite']}.md).",
        "",
        "| cohort | n (deaths) | splits | Cox on clinic | best single modality | mean of single risks | best other "
        "model | survviz-fusion | minus clinic (95 % CI) | minus best single |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for cohort in board["cohorts"]:
        lines = {row["name"]: row for row in cohort["rows"]}
        models = [row for row in cohort["rows"] if row["kind"] == "model" and row["name"] != OURS]
        best = max(models, key=lambda row: c_index(row) or 0, default=None)
        single = lines.get(cohort["best_single"])
        ours = lines.get(OURS)
        cells = [
            cohort["name"],
            f"{cohort['n']:,} ({cohort['n_events']:,})",
            cohort["plan"],
            number(lines.get(CLINIC)),
            f"{number(single)} ({cohort['best_single']})" if single else "",
            number(next((row for row in cohort["rows"] if row["kind"] == "mean"), None)),
            f"{number(best)} ({best['name']})" if best else "",
            number(ours),
            difference(ours, "clinic"),
            difference(ours, "best single"),
        ]
        rows.append(f"| {' | '.join(cells)} |")
    over = board["overall"].get(OURS, {})
    for reference, words in (("clinic", "Cox on clinic"), ("best single", "the best single modality of each cohort")):
        if one := over.get(reference):
            rows += [
                "",
                f"Over {one['folds']} cohorts, survviz-fusion minus {words}: {one['difference']:+.3f} "
                f"({one['low']:+.3f} to {one['high']:+.3f}), p = {one['p']:.2g}, by Holm over all models "
                f"{one['p_holm']:.2g}.",
            ]
    return "\n".join(rows)


def c_index(row: dict[str, Any]) -> float | None:
    """Mean over folds; None where there is none."""
    return row["scores"].get("harrell_c", {}).get("value")


def number(row: dict[str, Any] | None) -> str:
    """C-index of a line."""
    return "" if row is None or c_index(row) is None else f"{c_index(row):.3f}"


def difference(row: dict[str, Any] | None, reference: str) -> str:
    """Of a line from a reference, with its interval."""
    one = (row or {"against": {}})["against"].get(reference)
    if one is None or one["difference"] is None:
        return ""
    return f"{one['difference']:+.3f} ({one['low']:+.3f} to {one['high']:+.3f})"


def written(page: str) -> str:
    """The page with every summary for which there are results; the others say so."""
    for name in SUITES:
        path = RESULTS / f"{name}.json"
        text = summary(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else "Not run yet."
        page = replaced(page, "make_benchmark.py", name, text)
    return page


if __name__ == "__main__":
    for folder in sys.argv[1:]:
        take(Path(folder))
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
