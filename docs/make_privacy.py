"""Write the measured tables of docs/privacy.md: `.venv/bin/python docs/make_privacy.py`.

Every table stands between two marks and is made from a file of benchmarks/results, which a command in the repository
wrote; a table whose file is not there says so.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from marked_pages import replaced, table

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "privacy.md"
RESULTS = ROOT / "benchmarks" / "results"
RECIPE = "published recipe"
Row: TypeAlias = Mapping[str, Any]


def local_table(found: Row, side: str) -> str:
    """Every set of coordinates with Laplace noise in equal shares, by epsilon, with bands."""
    rows = [row for row in found["rows"] if row["noise"] in ("none", "Laplace") and row["shares"] in ("", "uniform")]
    epsilons = sorted({row["epsilon"] for row in rows if row["epsilon"] is not None})
    body = []
    for name in dict.fromkeys(row["set"] for row in rows):
        own = [row for row in rows if row["set"] == name]
        none = next(row for row in own if row["epsilon"] is None)
        for reader in dict.fromkeys(row["reader"] for row in own):
            at = {row["epsilon"]: row[side] for row in own if row["reader"] == reader and row["epsilon"]}
            cells = [banded(at[epsilon]) if epsilon in at else "" for epsilon in epsilons]
            body.append([name, str(none["coordinates"]), reader, *cells, number(none[side]["mean"])])
    return table(["released", "d", "reader", *(f"{epsilon:g}" for epsilon in epsilons), "no noise"], body)


def ways_table(found: Row) -> str:
    """Other noises and shares beside Laplace in equal shares: pooled C-index of the retrained reader."""
    rows = [row for row in found["rows"] if row["reader"] == "retrained"]
    epsilons = sorted({row["epsilon"] for row in rows})
    body = []
    for name in dict.fromkeys(row["set"] for row in rows):
        own = [row for row in rows if row["set"] == name]
        for noise, shares in dict.fromkeys((row["noise"], row["shares"]) for row in own):
            at = {r["epsilon"]: r["pooled"] for r in own if (r["noise"], r["shares"]) == (noise, shares)}
            label = f"{noise} (no finite epsilon)" if noise == RECIPE else noise
            cells = [f"{number(at[e]['mean'])} ± {number(at[e]['sd'])}" if e in at else "" for e in epsilons]
            body.append([name, label, shares, *cells])
    return table(["released", "noise", "shares", *(f"{epsilon:g}" for epsilon in epsilons)], body)


def training_table(found: Row) -> str:
    """C-index of every arm by epsilon, pooled and within cancer types: mean and sd over seeds, mean interval."""
    body = []
    for one in found["baselines"]:
        cells = [f"{number(one[side]['value'])} ({span(one[side])})" for side in ("pooled", "within")]
        body.append([one["name"], "no noise", "", *cells, ""])
    for row in found["summary"]:
        cells = [f"{number(row[side]['mean'])} ({span(row[side])})" for side in ("pooled", "within")]
        spread = "" if row["pooled"]["sd"] is None else f"{row['pooled']['sd']:.4f} / {row['within']['sd']:.4f}"
        lost = (
            "" if row["epsilon"] is None or "loss_pooled" not in row else f"{round(-row['loss_pooled'], 3) + 0.0:+.3f}"
        )
        body.append([row["arm"], promised(row).replace("none", "no noise"), str(row["seeds"]), *cells, spread, lost])
    head = [
        "model",
        "epsilon",
        "seeds",
        "pooled (95 %)",
        "within cancer type (95 %)",
        "sd of seeds",
        "against no noise",
    ]
    return table(head, [[*line, *[""] * (len(head) - len(line))] for line in body])


def span(score: Row) -> str:
    return f"{number(score['low'])} to {number(score['high'])}"


def published_table(found: Row) -> str:
    """What others report, with their patients and protocols."""
    body = [[one["name"], number(one["value"]), one["patients"], one["protocol"]] for one in found["published"]]
    return table(["published", "C-index", "on", "protocol"], body)


def overhead_table(found: Row) -> str:
    """Time of an epoch of DP-SGD over one without."""
    body = [
        [row["model"], f"{row['learnt']:,}", f"{row['plain_seconds']:.2f} s", f"{row['private_seconds']:.2f} s",
         f"{row['ratio']:.1f}"]
        for row in found["rows"]
    ]  # fmt: skip
    return table(["model", "parameters that learn", "plain epoch", "private epoch", "ratio"], body)


def canary_table(found: Row) -> str:
    """One-run audits of real runs."""
    body = [
        [
            f"{row['epsilon']:g}",
            "a twentieth of the noise (control)" if row["control"] else "as it ships",
            *(bound(row[kind]) for kind in ("gradients", "flipped_outcomes", "flipped_outcomes_memorised")),
        ]
        for row in found["canaries"]
    ]
    head = ["promised epsilon", "run", "gradients", "flipped outcomes", "flipped outcomes, memorised (control)"]
    return table(head, body)


def membership_table(found: Row) -> str:
    """LiRA by group of patients."""
    body = []
    for one in found["membership"]:
        for group, attack in one["membership"].items():
            low, high = attack["auc_interval"]
            shares = [f"{100 * share:.2f} %" for share, _, _ in attack["detections"].values()]
            name = "memorising (control)" if group == "control" else group
            body.append([promised(one), name, f"{attack['auc']:.3f} ({low:.3f} to {high:.3f})", *shares,
                         f"{attack['bound']:.2f}"])  # fmt: skip
    head = ["epsilon", "patients", "AUC (95 %)", "found at 1 % false alarms", "at 0.1 %", "epsilon at least"]
    return table(head, body)


def attribute_table(found: Row) -> str:
    """What a record adds to guessing an attribute: of the training, and of a release."""
    body = []
    for one in found["membership"]:
        for name, row in one["attributes"].items():
            body.append([f"training, {promised(one)}", name, *gains(row)])
    for row in found["releases"]:
        body.append([f"release of {row['set']}, epsilon {row['epsilon']:g}", row["attribute"], *gains(row)])
    head = ["what the attacker sees", "attribute", "AUC without", "AUC with", "gain (95 %)", "gain of the control"]
    return table(head, body)


def gains(row: Row) -> list[str]:
    """Areas without and with the record, the difference, and that of the control."""
    low, high = row["interval"]
    control = row["control"]
    return [
        number(row["without_record"]), number(row["with_record"]), f"{row['gain']:+.3f} ({low:+.3f} to {high:+.3f})",
        f"{control['gain']:+.3f}",
    ]  # fmt: skip


def promised(row: Row) -> str:
    return "none" if row["epsilon"] is None else f"{row['epsilon']:g}"


def bound(audit: Row) -> str:
    """Lower bound, and what it says of the promise."""
    said = "**refuted**" if audit["refuted"] else "not refuted"
    weak = "" if audit["refuted"] or audit["ceiling"] > audit["claimed"] else ", and could not have been"
    return f"{audit['bound']:.2f}: {said}{weak}"


def number(value: float) -> str:
    return f"{value:.3f}"


def banded(score: Row) -> str:
    return f"{number(score['mean'])} ({number(score['low'])} to {number(score['high'])})"


SECTIONS: Mapping[str, tuple[str, Callable[[Row], str]]] = {
    "private training": ("private_training", training_table),
    "published": ("private_training", published_table),
    "overhead": ("private_overhead", overhead_table),
    "local releases, pooled": ("local_release", lambda found: local_table(found, "pooled")),
    "local releases, within cancer type": ("local_release", lambda found: local_table(found, "within")),
    "ways of noise": ("local_release", ways_table),
    "canaries": ("privacy_audits", canary_table),
    "membership": ("privacy_audits", membership_table),
    "attributes": ("privacy_audits", attribute_table),
}
"""Mark -> result file, and what makes its table."""


def written(page: str) -> str:
    """The page with every table anew; marks that the page lacks are left out."""
    for name, (file, make) in SECTIONS.items():
        path = RESULTS / f"{file}.json"
        text = make(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else "Not measured yet."
        page = replaced(page, "make_privacy.py", name, text)
    return page


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
