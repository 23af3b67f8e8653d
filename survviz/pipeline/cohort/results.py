"""What a checkpoint says of a whole cohort, beside what is known of its patients, as one folder of plain files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from survviz import __version__
from survviz.checkpoint.curves import HORIZONS_MONTHS
from survviz.data.cohort_file import cohort_stamp
from survviz.errors import InputError
from survviz.types import MODALITIES, RESEARCH_USE
from survviz.workspace import workspace

FORMAT = "survviz-cohort-results-1"
DOCUMENT, PATIENTS, CURVES = "results.json", "patients.csv", "survival.safetensors"
OUTCOMES, CLINICAL, NOT_SCORED = "outcomes.csv", "clinical.json", "not_scored.csv"

Standing: TypeAlias = Literal["unseen", "out of fold"]
"""Never trained on; or of the training cohort, and scored only by models that did not train on it."""

SURVIVAL_AT = {months: f"S_{months:.0f}" for months in HORIZONS_MONTHS}
"""Months -> column of `CohortResults.table`."""
HAS = {name: f"has_{name}" for name in MODALITIES}
"""Modality -> column of `CohortResults.table`: the model read it. Only modalities that the model takes have one."""
TEXTS = ("case_id", "group", "standing", "folds", "notices")


@dataclass(frozen=True, slots=True)
class CohortResults:
    """Risk and survival of every case of a cohort that a checkpoint could score fairly, and the outcomes beside them.

    Attributes:
        folder: where it is kept.
        checkpoint: name of the checkpoint.
        checkpoint_sha256: of its config.json, which names the hashes of its other files.
        cohort: folder of the cohort.
        table: index case_id, sorted. risk, risk_sd (over folds; NaN with one), percentile (0 to 100, among the
            out-of-fold risks of the training cohort), group ("low" or "high", by the cut-off frozen in the checkpoint),
            S_12, S_36, S_60 (NaN beyond the follow-up of training), has_pathology, has_clinical, ... (bool, one per
            modality that the model takes), n_slides, standing (see `Standing`), folds ("1 2 3"), notices (in words).
        survival: (n, T) S(t), mean over folds, in the order of `table`; NaN beyond the follow-up of training.
        times: (T,) months, from 0.
        not_scored: columns case_id, kind ("training", "unlike", "error", "outcome"), reason; every other row of the
            cohort's outcome table.
        clinical: index case_id, in the order of `table`; the fields, then the other columns, as the cohort has them.
        fields: the clinical fields among these columns, as models read them.
        outcomes: endpoint -> index case_id, columns time (months), event (bool); the cases of `table` whose outcome is
            known. The cohort's own endpoint comes first.
        document: how it came about, as JSON: versions, options, counts, cut-offs of training, what was converted.
    """

    folder: Path
    checkpoint: str
    checkpoint_sha256: str
    cohort: Path
    cohort_name: str
    table: pd.DataFrame
    survival: NDArray[np.float64]
    times: NDArray[np.float64]
    not_scored: pd.DataFrame
    clinical: pd.DataFrame
    fields: tuple[str, ...]
    outcomes: Mapping[str, pd.DataFrame]
    document: Mapping[str, Any]

    def __len__(self) -> int:
        return len(self.table)

    @property
    def cutoff(self) -> float:
        """Risk above which a case is in the high group: the median of the training cohort, frozen in the checkpoint."""
        return float(self.document["cutoff"])

    @property
    def tertiles(self) -> tuple[float, float] | None:
        """Cut-offs of three groups, frozen in the checkpoint; None in checkpoints of before."""
        found = self.document["tertiles"]
        return None if found is None else (float(found[0]), float(found[1]))

    @property
    def n_out_of_fold(self) -> int:
        """Cases of the training cohort among the scored; with any, a comparison is no external validation."""
        return int((self.table["standing"] == "out of fold").sum())

    def save(self, folder: str | Path) -> Path:
        """Write all files; each appears whole, the document last."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        outcomes = [rows.assign(endpoint=name) for name, rows in self.outcomes.items()]
        clinical = {name: list(self.clinical[name]) for name in self.clinical.columns}
        texts = {
            PATIENTS: self.table.to_csv(lineterminator="\n"),
            OUTCOMES: pd.concat(outcomes).to_csv(lineterminator="\n") if outcomes else "case_id,time,event,endpoint\n",
            NOT_SCORED: self.not_scored.to_csv(index=False, lineterminator="\n"),
            CLINICAL: json.dumps({"fields": self.fields, "columns": clinical}, ensure_ascii=False),
        }
        for name, text in texts.items():
            _write(folder / name, text)
        fresh = folder / f".{CURVES}.tmp"
        save_file({"survival": self.survival.astype(np.float32), "times": self.times.astype(np.float64)}, fresh)
        fresh.replace(folder / CURVES)
        known = {
            "format": FORMAT, "use": RESEARCH_USE, "survviz": __version__, "checkpoint": self.checkpoint,
            "checkpoint_sha256": self.checkpoint_sha256, "cohort": str(self.cohort), "cohort_name": self.cohort_name,
            "endpoints": list(self.outcomes),
        }  # fmt: skip
        _write(folder / DOCUMENT, json.dumps({**self.document, **known}, indent=1, ensure_ascii=False) + "\n")
        return folder

    @classmethod
    def load(cls, folder: str | Path) -> CohortResults:
        """Read what `save` wrote.

        Raises:
            InputError: the folder holds no results, unfinished or damaged ones, or those of another version.
        """
        folder = Path(folder)
        document = read_document(folder)
        try:
            table = read_patients(folder / PATIENTS)
            curves = load_file(folder / CURVES)
            clinical = json.loads((folder / CLINICAL).read_text(encoding="utf-8"))
            outcomes = _text_table(folder / OUTCOMES, ("case_id", "endpoint")).set_index("case_id")
            not_scored = _text_table(folder / NOT_SCORED, ("case_id", "kind", "reason"))
        except (OSError, ValueError, KeyError, SafetensorError) as error:
            raise InputError(f"The cohort results in {folder} are damaged ({error}). Run the cohort again.") from error
        columns = {name: pd.Series(cells, table.index, dtype=object) for name, cells in clinical["columns"].items()}
        return cls(
            folder=folder,
            checkpoint=document["checkpoint"],
            checkpoint_sha256=document["checkpoint_sha256"],
            cohort=Path(document["cohort"]),
            cohort_name=document["cohort_name"],
            table=table,
            survival=curves["survival"].astype(np.float64),
            times=curves["times"],
            not_scored=not_scored,
            clinical=pd.DataFrame(columns, index=table.index),
            fields=tuple(clinical["fields"]),
            outcomes={name: outcomes.loc[outcomes["endpoint"] == name, ["time", "event"]].astype({"event": bool})
                      for name in document["endpoints"]},
            document=document,
        )  # fmt: skip


def read_document(folder: Path) -> dict[str, Any]:
    """How the results of a folder came about.

    Raises:
        InputError: there are none, or those of another version.
    """
    try:
        document = json.loads((folder / DOCUMENT).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(
            f"{folder} holds no finished cohort results ({DOCUMENT}: {error}). Make them with `survviz infer`."
        ) from error
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise InputError(f"{folder / DOCUMENT} is not of the format {FORMAT}. Run the cohort again.")
    return document


def find_results(checkpoint_sha256: str, cohort: Path) -> Path | None:
    """Folder of the newest results of a checkpoint on a cohort folder as it is now, in the workspace; None without."""
    wanted = (checkpoint_sha256, str(cohort), FORMAT, cohort_stamp(cohort))
    newest: tuple[float, Path] | None = None
    for path in workspace("cohort-results").glob(f"*/{DOCUMENT}"):
        document = json.loads(path.read_text(encoding="utf-8"))
        found = tuple(document.get(name) for name in ("checkpoint_sha256", "cohort", "format", "cohort_stamp"))
        written = path.stat().st_mtime
        if found == wanted and (newest is None or written > newest[0]):
            newest = written, path.parent
    return None if newest is None else newest[1]


def read_patients(path: Path) -> pd.DataFrame:
    """`CohortResults.table` from its CSV file; numbers come back to the last bit."""
    return _text_table(path, TEXTS).set_index("case_id").astype({"n_slides": int})


def _text_table(path: Path, texts: tuple[str, ...]) -> pd.DataFrame:
    """A table whose named columns are text as it was written ("007", "NA"), and whose others are numbers or bools."""
    found = pd.read_csv(path, dtype=str, keep_default_na=False)
    return pd.DataFrame({name: cells if name in texts else _values(cells) for name, cells in found.items()})


def _values(cells: pd.Series) -> pd.Series:
    if len(cells) and set(cells) <= {"True", "False"}:
        return cells == "True"
    return cells.map(lambda cell: float(cell) if cell else float("nan")).astype(float)


def _write(path: Path, text: str) -> None:
    fresh = path.with_name(f".{path.name}.tmp")
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(path)
