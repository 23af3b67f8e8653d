"""Expression made comparable: optional log2, then z-scores per gene with the training cases' mean and sd."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from survviz.data.genes import GeneMatch, match_genes, shorten
from survviz.errors import InputError

OmicsName: TypeAlias = Literal["rna", "mirna", "cnv"]
"""Tables of a cohort, fields of a case, and vectors of a batch."""

CLIP = 6.0
TAIL = 10.0
LINEAR_UNITS = frozenset({"tpm", "fpkm", "rpm", "cpm", "rsem", "counts", "count", "linear"})


def compact(values: NDArray[np.floating]) -> list[float]:
    """Numbers for JSON, to seven significant digits."""
    return [float(f"{value:.7g}") for value in values.tolist()]


def is_linear(unit: str) -> bool:
    """Whether a unit is one that must be logged first (`TPM`, `RPM`, `counts`); `log2(TPM+1)` and z-scores are not."""
    return unit.strip().lower() in LINEAR_UNITS


@dataclass(frozen=True, slots=True)
class OmicsScaler:
    """Fitted on training cases.

    Attributes:
        genes: order of the vector.
        mean, sd: per gene, after log2 where `log2` is set. A gene with sd 0 was constant in training: it becomes 0.
        log2: values are replaced by log2(x + 1) first.
    """

    genes: tuple[str, ...]
    mean: NDArray[np.float64]
    sd: NDArray[np.float64]
    log2: bool = False

    @classmethod
    def fit(cls, table: pd.DataFrame, *, genes: Sequence[str] | None = None, log2: bool = False) -> Self:
        """Mean and sd per gene; values beyond 10 robust sd from the median are pulled in first.

        Real tables hold single cells of absurd size (a z-score of 36,893), which would flatten a gene for everybody.

        Args:
            table: cases x genes.
            genes: the wanted genes in order, looked up under older or newer symbols too; default all columns.

        Raises:
            InputError: no case, none of the genes, or negative values where log2 is asked for.
        """
        if table.empty:
            raise InputError("No expression value was given to fit a scaler. Give the table of the training cases.")
        wanted = tuple(dict.fromkeys(genes)) if genes is not None else tuple(str(name) for name in table.columns)
        match = match_genes(wanted, table.columns)
        kept = tuple(gene for gene in wanted if gene in match.found)
        if not kept:
            raise InputError(
                f"None of {len(wanted)} wanted genes is in the table (wanted {shorten(wanted, 3)}; the table has "
                f"{shorten(table.columns, 3)}). Expected HGNC symbols as column names."
            )
        values = table[[match.found[gene] for gene in kept]].to_numpy(dtype=np.float64)
        values = _log2(values) if log2 else values
        mean, sd = robust_moments(values)
        return cls(kept, np.array(compact(mean)), np.array(compact(sd)), log2)

    def most_variable(self, n: int | None = None) -> tuple[str, ...]:
        """The n genes with the largest sd in training (None = all that vary), in order; ties go by name."""
        useful = [i for i, sd in enumerate(self.sd) if sd > 0]
        chosen = sorted(useful, key=lambda i: (-self.sd[i], self.genes[i]))[:n]
        return tuple(self.genes[i] for i in sorted(chosen))

    def select(self, genes: Iterable[str]) -> OmicsScaler:
        """The same scaler for some of its genes, in this order."""
        genes = tuple(genes)
        at = [self.genes.index(gene) for gene in genes]
        return OmicsScaler(genes, self.mean[at], self.sd[at], self.log2)

    def transform(self, values: Mapping[str, float]) -> tuple[NDArray[np.float32], GeneMatch]:
        """(G,) z-scores within ±6 and which genes were found; a missing gene is 0, the training mean.

        Raises:
            InputError: a negative value where log2 is needed.
        """
        match = match_genes(self.genes, values)
        raw = np.array([values[match.found[gene]] if gene in match.found else np.nan for gene in self.genes])
        return self._scale(raw), match

    def transform_table(self, table: pd.DataFrame) -> NDArray[np.float32]:
        """(cases, G), as `transform` for every row."""
        match = match_genes(self.genes, table.columns)
        raw = np.full((len(table), len(self.genes)), np.nan)
        at = [i for i, gene in enumerate(self.genes) if gene in match.found]
        raw[:, at] = table[[match.found[self.genes[i]] for i in at]].to_numpy(dtype=np.float64)
        return self._scale(raw)

    def _scale(self, raw: NDArray[np.float64]) -> NDArray[np.float32]:
        raw = _log2(raw) if self.log2 else raw
        useful = self.sd > 0
        z = np.where(useful, (raw - self.mean) / np.where(useful, self.sd, 1.0), 0.0)
        return np.nan_to_num(np.clip(z, -CLIP, CLIP), nan=0.0).astype(np.float32)

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return {"genes": list(self.genes), "mean": compact(self.mean), "sd": compact(self.sd), "log2": self.log2}

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Self:
        """Back from the JSON form."""
        return cls(tuple(value["genes"]), np.array(value["mean"]), np.array(value["sd"]), bool(value["log2"]))


def _log2(values: NDArray[np.float64]) -> NDArray[np.float64]:
    negative = int((values < 0).sum())
    if negative:
        raise InputError(
            f"{negative} expression values are negative, so they cannot be counts, TPM or RPM. Say unit = "
            '"log2(TPM+1)" or "z-score" for the table in cohort.toml if it is already logged or scaled.'
        )
    return np.log2(values + 1)


def robust_moments(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and sd (ddof 0) per column, NaN left out, values beyond 10 robust sd from the median pulled in.

    A column without values, or with one value only, gets sd 0.
    """
    known = np.isfinite(values).any(axis=0)
    mean, sd = np.zeros(values.shape[1]), np.zeros(values.shape[1])
    part = values[:, known]
    median = np.nanmedian(part, axis=0)
    reach = TAIL * 1.4826 * np.nanmedian(np.abs(part - median), axis=0)
    low, high = np.nanquantile(part, [0.005, 0.995], axis=0)  # for a gene with the same value in most cases
    part = np.clip(part, np.where(reach > 0, median - reach, low), np.where(reach > 0, median + reach, high))
    mean[known], spread = np.nanmean(part, axis=0), np.nanstd(part, axis=0)
    sd[known] = np.where(spread > 1e-6 * np.maximum(1, np.abs(mean[known])), spread, 0)
    return mean, sd
