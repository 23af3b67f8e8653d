"""Write the measured tables of docs/performance.md: `.venv/bin/python docs/make_performance.py`.

From benchmarks/results/latest.json, which `make bench` compares itself with and `python -m benchmarks --write` writes.
What a table lacks says so.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import performance_goals as goals
import performance_slides as slides
from marked_pages import replaced, table
from performance_goals import Goal, Groups

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "performance.md"
RESULTS = ROOT / "benchmarks" / "results"
SIZES = ("1,000", "4,000", "10,000", "50,000")

GOALS = (
    Goal(1, "SurvPGC forward, 10,000 patches, fp32, attention returned", "<= .72 x official, <= 1/15 of TransMIL, "
         "logits within 1e-5", ".50 x with a bf16 projection", goals.forward),
    Goal(2, "the same, forward and backward, 10,000 and 50,000", "<= .70 x time, <= .85 x memory", ".50 x",
         goals.backward),
    Goal(3, "SurvPath epoch, 4,096 patches, 331 pathways, same steps", ">= 3.5 x official cases/s; peak RSS <= .4 x; "
         "growth after case 20 <= 5 %", "5 x", goals.survpath),
    Goal(4, "Harrell's C, 10^5", ">= 10 x lifelines, >= 200 x scikit-survival, equal to 1e-12; 10^6 in <= 1.5 s",
         "20 x", goals.harrell),
    Goal(5, "interval of C, n = 1,000, 1,000 resamples", ">= 30 x lifelines, >= 60 x scikit-survival",
         "100 x lifelines", goals.bootstrap),
    Goal(6, "panel of six metrics at 10^4", ">= 12 x scikit-survival, within 1e-9", "20 x", goals.panel),
    Goal(7, "tissue and coordinates, 40,000 x 30,000 SVS", ">= 15 x CLAM in process, >= 6 x whole process; IoU >= .95",
         "30 x / 9 x", slides.tissue),
    Goal(8, "patch reading, JPEG SVS, one core", ">= 5 x OpenSlide on tiles, >= .85 of libjpeg-turbo, >= 2 x cuCIM; "
         "across tiles >= 4 x; <= 1.1 decodes; two threads >= 1.8 x", "7 x", slides.reading),
    Goal(9, "integrated gradients, 50 steps, 10,000 patches", ">= 7 x captum's default, >= 3.5 x one step at a time, "
         "memory <= 1/15, completeness error <= 1e-4", "10 x, 1/30", goals.gradients),
    Goal(10, "attention over the slide, 10,000 patches, 2,500 px", ">= 10 x CLAM", "17 x", slides.overlay),
    Goal(11, "Cox, 300 terms, n = 10^5, with standard errors", ">= 30 x lifelines and scikit-survival, within 1e-6",
         "50 x", goals.cox),
    Goal(12, "DP-SGD step, 8 bags of 4,000", "<= 1.05 x no privacy, >= 1.35 x Opacus, memory <= .25 x", "1.6 x",
         goals.private),
    Goal(13, "TransMIL forward, 10,000 patches", "<= .25 x official", "", goals.transmil),
    Goal(14, "tiles, 20 clients panning; memory", "p95 <= 40 ms; <= 600 MB with 8 slides", "", slides.tiles),
    Goal(15, "demo case: page open to heatmap", "<= 5 s warm, <= 10 s cold", "", slides.demo),
    Goal(16, "100 masked forwards on 10,000 patches", "<= 15 x one forward", "", goals.masked),
    Goal(17, "embedded encoder, end to end", ">= 150 patches/s per core", "", slides.encoder),
    Goal(18, "growth", "linear in patches (1,000 to 100,000) and cases", "", goals.growth),
    Goal(19, "GPU, 50,000 patches per case, bf16", ">= 60 % of the binding limit", "", goals.not_measured),
)  # fmt: skip


def goals_table(found: Mapping[str, Any]) -> str:
    """One row per goal."""
    rows = []
    for goal in GOALS:
        try:
            measured = goal.measure(found["groups"])
        except goals.NotMeasuredError as error:
            measured = goals.Measured(f"not measured ({error})", None)
        verdict = {True: "met", False: "**missed**", None: "not measured"}[measured.met]
        rows.append([str(goal.number), goal.what, goal.must, goal.stretch, measured.text, verdict])
    return table(["#", "goal", "must", "stretch", "measured", ""], rows)


def machine_text(found: Mapping[str, Any]) -> str:
    """Where it was measured, and under which load."""
    machine, versions, groups = found["machine"], found["versions"], found["groups"]
    loads = [load for group in groups.values() for load in group["load"]]
    return (
        f"{machine['cpu']} (family/model {machine['family_model']}), {machine['cores']} cores, "
        f"{', '.join(machine['features'])}, {machine['memory_gb']:.0f} GB, Python {machine['python']}, "
        + ", ".join(f"{name} {value}" for name, value in versions.items() if value)
        + f". Each group has its date, commit and load in the JSON; load averages from {min(loads):.1f} to "
        f"{max(loads):.1f}: other work ran on the same cores, so compare ratios, not milliseconds."
    )


def models_table(found: Mapping[str, Any]) -> str:
    """Yardsticks and peak memory by number of patches, forward / forward and backward."""
    rows, small = [], []
    for name, group in sorted(found["groups"].items()):
        if not name.startswith("models/"):
            continue
        model, cells = name.removeprefix("models/"), group["cells"]
        if "forward, a case" in cells:
            both = [cells[f"{kind}, a case"] for kind in ("forward", "forward and backward")]
            small.append(f"`{model}` {' / '.join(format(1000 * one['cpu_seconds']['median'], '.2g') for one in both)}")
            continue
        rows.append([f"`{model}`", *(of_size(cells, size) for size in SIZES)])
    return (
        table(["model", *(f"{size} patches" for size in SIZES)], rows)
        + "\n\nModels that read no patches, CPU ms per case, forward / forward and backward: "
        + ", ".join(small)
        + "."
    )


def of_size(cells: Mapping[str, Any], size: str) -> str:
    """Both cells of a size: times the linear layer, and MB over the base."""
    both = [cells.get(f"{kind}, {size} patches") for kind in ("forward", "forward and backward")]
    if any(one is None for one in both):
        return "not measured"
    times = " / ".join(f"{one['yardsticks_cpu']:.2g}" for one in both if one)
    return f"{times} x; {' / '.join(format(one['peak_mb'], '.0f') for one in both if one)} MB"


def metrics_table(found: Mapping[str, Any]) -> str:
    """CPU milliseconds by number of patients; behind it how many times as fast as the peers."""
    groups, sizes = found["groups"], ("1000", "10000", "100000", "1000000")
    columns = [groups.get(f"evaluation/{size}", {}).get("cells", {}) for size in sizes]
    peers = (", lifelines", ", scikit-survival")
    names = [name for name in dict.fromkeys(name for cells in columns for name in cells) if not name.endswith(peers)]
    rows = [[name, *(of_metric(cells.get(name)) for cells in columns)] for name in names]
    return table(["metric", "10^3", "10^4", "10^5", "10^6"], rows)


def of_metric(one: Mapping[str, Any] | None) -> str:
    """Milliseconds and peers."""
    if one is None or one["kind"] != "cell":
        return ""
    ratios = [f"{peer.rsplit(', ', 1)[1]} {times:.3g} x" for peer, times in one["times_as_fast_as_cpu"].items()]
    return f"{1000 * one['cpu_seconds']['median']:.3g}" + (f" ({', '.join(ratios)})" if ratios else "")


def rest_table(found: Mapping[str, Any], beginnings: tuple[str, ...]) -> str:
    """Every cell of some groups: time or value, yardsticks, peers, memory."""
    rows = []
    for group in (name for name in found["groups"] if name.startswith(beginnings)):
        for name, one in found["groups"][group]["cells"].items():
            rows.append([group, name, *of_cell(one)])
    return table(["group", "cell", "measured", "x yardstick", "times as fast as", "peak MB"], rows)


def of_cell(one: Mapping[str, Any]) -> list[str]:
    """Four columns of any kind of result."""
    if one["kind"] == "skip":
        return [f"skipped: {one['why']}", "", "", ""]
    if one["kind"] == "reading":
        return [f"{one['value']['median']:.4g} {one['unit']}", "", "", ""]
    yard = "" if one["yardsticks"] is None else f"{one['yardsticks_cpu']:.3g} x {one['yardstick']}"
    peers = "; ".join(f"{peer}: {times:.3g}" for peer, times in one["times_as_fast_as_cpu"].items())
    said = f"{1000 * one['cpu_seconds']['median']:.4g} CPU ms {one['unit'].removeprefix('s ')}"
    return [said, yard, peers, f"{one['peak_mb']:.0f}"]


def profiles(_: Mapping[str, Any]) -> str:
    """What takes the time of cells that miss their goal, as `python -m benchmarks.profile` found it."""
    said = []
    for path in sorted((RESULTS / "profiles").glob("*.json")):
        one = json.loads(path.read_text(encoding="utf-8"))
        rows = [
            [f"`{row['name']}`", f"{row['share']:.0%}", f"{row['ms']:.1f}", str(row["calls"])] for row in one["rows"]
        ]
        said.append(f"`{one['command']}`: {one['what']} ({one['ms']:.0f} ms in all, by {one['by']}).\n\n"
                    + table(["where", "share of its own time", "ms", "calls"], rows))  # fmt: skip
    return "\n\n".join(said) or "Not measured yet."


def load_text(_: Mapping[str, Any]) -> str:
    """What twenty people waited for, what failed, and what the server held, as `python -m benchmarks.load` found it."""
    one = json.loads((RESULTS / "load.json").read_text(encoding="utf-8"))
    kinds = {"looks": "pan over slides", "asks": "ask what if", "compares": "compare groups", "brings": "bring slides"}
    people = ", ".join(f"{count} {kinds[kind]}" for kind, count in one["people"].items())
    memory, tiles = one["memory"], one["tile_ms"]
    rows = [[what, str(row["n"]), *(f"{row[name]:.2f}" for name in ("median", "p95", "highest"))]
            for what, row in one["seconds"].items()]  # fmt: skip
    return (
        f"{people}; {one['minutes']:g} minutes, {one['n_deeds']:,} deeds. Failed: {len(one['failed'])}. Tracebacks in "
        f"the server's log: {one['tracebacks_in_the_log']}. Worst place in line: {one['worst_place_in_line']}. "
        f"{tiles['n']:,} tiles: median {tiles['median']:.0f} ms, 95th percentile {tiles['p95']:.0f} ms, highest "
        f"{tiles['highest']:.0f} ms. Memory of the server: {memory['first_mb']:.0f} MB at first, medians of the thirds "
        f"{', '.join(format(value, '.0f') for value in memory['median_mb_per_third'])}, highest "
        f"{memory['highest_mb']:.0f}; {memory['mb_per_minute_after_first_third']:+.2f} MB a minute after the first. "
        f"The processes that it started held {memory['highest_of_started_processes_mb']:.0f} MB at most. "
        f"Load averages {one['load'][0]} and {one['load'][1]}.\n\n"
        + table(["deed", "times", "median s", "95th percentile s", "highest s"], rows)
    )


SECTIONS: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "machine": machine_text,
    "goals": goals_table,
    "profiles": profiles,
    "models": models_table,
    "metrics": metrics_table,
    "compute": lambda found: rest_table(
        found, ("machine/", "goals/", "evaluation/bootstrap", "evaluation/cox", "explain/", "private/", "training/",
                "growth/", "gpu/")
    ),
    "slides": lambda found: rest_table(found, ("slides/", "app/")),
    "load": load_text,
}  # fmt: skip


def written(page: str) -> str:
    """The page with every table anew."""
    found = json.loads((RESULTS / "latest.json").read_text(encoding="utf-8"))
    for name, make in SECTIONS.items():
        page = replaced(page, "make_performance.py", name, make(found))
    return page


__all__ = ["Groups", "written"]

if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
