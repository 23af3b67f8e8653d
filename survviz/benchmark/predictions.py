"""What an entry says about one fold: the unit that is cached, combined and evaluated."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from survviz.benchmark.content import write_bytes

SCALARS = ("repeat", "fold", "seconds", "epoch", "protocol")


@dataclass(frozen=True, slots=True)
class FoldPredictions:
    """Predictions for a fold's test cases, and the fitted risks of the cases that the model saw.

    Attributes:
        case_ids: (n,) tested.
        risk: (n,) higher = worse.
        times: (T,) months; empty where no curve is stated.
        survival: (n, T) S(t); NaN beyond the follow-up of the training part.
        seen_ids: (m,) training and validation cases.
        seen_risk: (m,) fitted values: what a scale or a cut-off is taken from, never a result.
        seconds: CPU time of one thread, loading and preprocessing included.
        protocol: how the epoch was chosen.
    """

    repeat: int
    fold: int
    case_ids: tuple[str, ...]
    risk: NDArray[np.float64]
    times: NDArray[np.float64]
    survival: NDArray[np.float64]
    seen_ids: tuple[str, ...]
    seen_risk: NDArray[np.float64]
    seconds: float
    epoch: int
    protocol: str

    @property
    def cutoff(self) -> float:
        """Median of the seen risks: fixed before anybody is tested."""
        return float(np.median(self.seen_risk))

    def z_score(self, risk: NDArray[np.float64]) -> NDArray[np.float64]:
        """Risks on the scale of this fold's own training patients; 0 everywhere if the model tells none apart."""
        spread = float(self.seen_risk.std())
        centred = risk - self.seen_risk.mean()
        return centred / spread if spread > 0 else np.zeros_like(centred)


def write_predictions(path: Path, predictions: FoldPredictions, facts: Mapping[str, object]) -> None:
    """Write `path`.parquet (a row per case) and then `path`.json, whose presence says that both are complete.

    Args:
        path: without suffix.
        facts: for the reader of the JSON file: names, counts, settings.
    """
    tested, seen = len(predictions.case_ids), len(predictions.seen_ids)
    curves = np.concatenate([predictions.survival, np.full((seen, len(predictions.times)), np.nan)])
    table = pd.DataFrame(
        {
            "case_id": [*predictions.case_ids, *predictions.seen_ids],
            "part": ["test"] * tested + ["seen"] * seen,
            "risk": np.concatenate([predictions.risk, predictions.seen_risk]),
            **{f"survival_{index}": curves[:, index] for index in range(len(predictions.times))},
        }
    )
    buffer = io.BytesIO()
    table.to_parquet(buffer, index=False)
    write_bytes(path.with_suffix(".parquet"), buffer.getvalue())
    scale = {"mean": float(predictions.seen_risk.mean()), "sd": float(predictions.seen_risk.std())}
    record = {name: getattr(predictions, name) for name in SCALARS}
    document = {
        **facts, **record, "seen_risk": {**scale, "median": predictions.cutoff}, "times": predictions.times.tolist(),
    }  # fmt: skip
    write_bytes(path.with_suffix(".json"), json.dumps(document, indent=1, ensure_ascii=False).encode())


def read_predictions(path: Path) -> FoldPredictions | None:
    """Predictions that were written to `path`; None if they are not there or not complete."""
    record_file, table_file = path.with_suffix(".json"), path.with_suffix(".parquet")
    if not (record_file.is_file() and table_file.is_file()):
        return None
    record = json.loads(record_file.read_text(encoding="utf-8"))
    table = pd.read_parquet(table_file)
    tested = (table["part"] == "test").to_numpy()
    curves = table[[f"survival_{index}" for index in range(len(record["times"]))]].to_numpy(dtype=np.float64)
    ids, risk = table["case_id"].to_numpy(dtype=object), table["risk"].to_numpy(dtype=np.float64)
    return FoldPredictions(
        **{name: record[name] for name in SCALARS},
        case_ids=tuple(ids[tested]),
        risk=risk[tested],
        times=np.array(record["times"], dtype=np.float64),
        survival=curves[tested],
        seen_ids=tuple(ids[~tested]),
        seen_risk=risk[~tested],
    )
