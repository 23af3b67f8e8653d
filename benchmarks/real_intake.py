"""Every real table from check over inference to groups: `python -m benchmarks.real_intake --data ../shared/data`.

Nobody edits anything: a table is read with the outcome table that belongs to it, everything recommended is mended, the
cohort is written, scored by the shipped checkpoint that fits, and split at the cut-off frozen in it, or at the median
where that leaves a group too small. One row per table; where a step is impossible the row says why. `--only brca` runs
a part; rows of before are kept in `--out`.
"""

from __future__ import annotations

import argparse
import json
import re
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from survviz.errors import InputError, SurvvizError
from survviz.intake.plan import Report, check, fix_until_done
from survviz.intake.reading import Brought, read_sources
from survviz.intake.writing import write
from survviz.pipeline.cohort.inference import infer
from survviz.pipeline.cohort.results import HAS, CohortResults
from survviz.pipeline.cohort.stratification import StratifyPlan, stratify

ROOT = Path(__file__).parents[1]
RESULT = ROOT / "benchmarks" / "results" / "real_intake.json"
TABLES = (".csv", ".csv.gz", ".parquet")
NOT_TABLES = ("splits", "pathways", "patches", "slides", "reference_values", "roi")
"""Folders of fold lists, gene sets, images and single figures: no table of patients."""
CANCERS = ("blca", "brca", "kirc", "kirp", "luad", "stad")
OWN_CHECKPOINT = ("brca", "kirc", "kirp", "luad")
CDR = "tcga/clinical/tcga_cdr.csv.gz"
OUTCOME_BESIDE = (
    (r"tcga/(rna|mirna)/", CDR),
    (r"tcga/pathology/(?!brca_til|oof_)", CDR),
    (r"tcga/clinical/survpath_clin_(\w+)\.csv", r"tcga/clinical/survpath_meta_\1.csv"),
    (r"pancancer/(rna|mirna)_", "pancancer/clinical.csv.gz"),
    (r"kirc_histology/image_features", "kirc_histology/clinical_cbioportal.csv.gz"),
)
"""Tables of measurements, and the table that holds the outcome of their patients."""


@dataclass(slots=True)
class Row:
    """What became of one table.

    Attributes:
        beside: the outcome table that it was read with; "" = it holds its own.
        findings: code -> findings, errors and warnings only, before anything was mended.
        fixed: kind of fix -> fixes that were taken.
        read: modality -> cases of which the checkpoint read it.
        groups: name -> [patients, events].
        split: how; at the median where the cut-off of the checkpoint leaves a group too small.
        reason: why the next step is impossible; "" = none is.
    """

    table: str
    beside: str = ""
    cases: int = 0
    events: int = 0
    findings: dict[str, int] = field(default_factory=dict)
    fixed: dict[str, int] = field(default_factory=dict)
    model: str = ""
    scored: int = 0
    unseen: int = 0
    read: dict[str, int] = field(default_factory=dict)
    groups: dict[str, list[int]] = field(default_factory=dict)
    split: str = ""
    p: float | None = None
    reason: str = ""
    seconds: float = 0.0

    def __str__(self) -> str:
        """A row of a Markdown table."""
        cells = (
            self.table + (f" + {Path(self.beside).name}" if self.beside else ""),
            f"{self.cases:,} ({self.events:,})" if self.cases else "",
            _counted(self.findings),
            _counted(self.fixed),
            f"{self.model} ({', '.join(f'{name} {n:,}' for name, n in self.read.items())})" if self.scored else "",
            f"{self.scored:,}" if self.scored else "",
            "; ".join(f"{name} {n:,} ({events:,})" for name, (n, events) in self.groups.items()),
            self.split,
            self.reason.replace("|", "/") if self.p is None else f"{self.p:.2g}" if self.p else "below 1e-300",
        )
        return f"| {' | '.join(cells)} |"


HEAD = (
    "| table | cases (events) | found | mended | scored by (cases with) | scored | groups (events) | split "
    "| p, or why not |"
)


def tables(data: Path) -> Iterator[str]:
    """Names of all tables under the data folder, in order."""
    for path in sorted(data.rglob("*")):
        name = path.relative_to(data)
        if str(name).endswith(TABLES) and not any(part.startswith(NOT_TABLES) for part in name.parts):
            yield name.as_posix()


def outcome_beside(name: str) -> str:
    """The outcome table that belongs to a table; "" where it has to stand alone."""
    for pattern, outcome in OUTCOME_BESIDE:
        found = re.match(pattern, name)
        if found:
            return found.expand(outcome)
    return ""


def cancer_of(name: str) -> str | None:
    """The cancer that the name of a table speaks of."""
    return next((code for code in CANCERS if code in name.lower()), None)


def fitting(name: str, roles: Sequence[str]) -> list[str]:
    """Shipped checkpoints for a table, the one that fits best first."""
    if name.startswith("gbmlgg"):
        return ["gbmlgg-pixels"]
    own = [f"tcga-{code}" for code in OWN_CHECKPOINT if code == cancer_of(name)]
    pooled = ["tcga-pancan-bilayer-mrna", "tcga-pancan-bilayer"]
    return [*own, *(pooled if "rna" in roles else pooled[::-1])]


def take(data: Path, name: str) -> Row:
    """One table all the way, as far as it goes."""
    row, begun = Row(name, outcome_beside(name)), time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        try:
            _take(data, row, Path(folder))
        except SurvvizError as error:
            row.reason = str(error).replace(str(data), "").replace(folder, "").replace("\n", " ")
    row.seconds = round(time.perf_counter() - begun, 1)
    return row


def _take(data: Path, row: Row, folder: Path) -> None:
    brought = read_sources([data / name for name in (row.beside, row.table) if name])
    first = check(brought)
    row.findings = dict(Counter(one.code for one in first.findings if one.severity != "note"))
    report = _mended(brought, first, one_cancer=bool(row.beside) and cancer_of(row.table) is not None)
    row.fixed = dict(Counter(step.fix.kind for step in report.steps))
    row.cases, row.events = report.n_cases, report.n_events
    errors = [one.text for one in report.findings if one.severity == "error"]
    if errors:
        raise InputError(errors[0])
    write(report, brought, folder / "cohort")
    results = _scored(row, [use.role for use in report.plan.uses], folder)
    row.model, row.scored = results.checkpoint, len(results)
    row.unseen = row.scored - results.n_out_of_fold
    row.read = {name: int(results.table[column].sum()) for name, column in HAS.items() if column in results.table}
    made = stratify(results, StratifyPlan())
    if made.hidden:
        made = stratify(results, StratifyPlan(groups="median"))
    row.split = made.plan.groups
    row.groups = {one.name: [one.n, one.n_events] for one in made.groups}
    row.p, row.reason = made.p_value, made.hidden


def _mended(brought: Brought, first: Report, *, one_cancer: bool) -> Report:
    """All that is recommended; where the table is of one cancer, the patients of all others are left out."""
    return fix_until_done(brought, first, ["all-recommended", *(["other-cancers"] if one_cancer else [])])


def _scored(row: Row, roles: Sequence[str], folder: Path) -> CohortResults:
    """By the first checkpoint that can score most of the cases, or else by the one that scores more than the others.

    A table in another unit than the model's is refused for the cases that have it; a model without it may still do.

    Raises:
        InputError: none can score anybody; the message is that of the first.
    """
    refusals: list[InputError] = []
    best: CohortResults | None = None
    for name in fitting(row.table, roles):
        try:
            found = infer(ROOT / "checkpoints" / name, folder / "cohort", folder / name, device="cpu")
        except InputError as error:
            refusals.append(error)
            continue
        if best is None or len(found) > len(best):
            best = found
        if len(best) > row.cases / 2:
            break
    if best is None:
        raise refusals[0]
    return best


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {n}" if n > 1 else name for name, n in counts.items())


def main() -> None:
    """Print a row per table as it is done, and keep them all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--only", nargs="*", default=[], help="parts of names")
    parser.add_argument("--out", type=Path, default=RESULT)
    arguments = parser.parse_args()
    kept: dict[str, Any] = json.loads(arguments.out.read_text()) if arguments.only and arguments.out.is_file() else {}
    print(HEAD, "|---" * 9 + "|", sep="\n", flush=True)
    for name in tables(arguments.data.resolve()):
        if arguments.only and not any(part in name for part in arguments.only):
            continue
        row = take(arguments.data.resolve(), name)
        print(row, flush=True)
        kept[name] = asdict(row)
        arguments.out.write_text(json.dumps(dict(sorted(kept.items())), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
