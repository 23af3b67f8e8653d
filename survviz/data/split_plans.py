"""How a cohort is divided: repeated k-fold, Monte-Carlo, whole sites, a published file; what a number then means."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Literal, Self, TypeAlias

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from survviz.data.barcodes import tcga_site
from survviz.data.cohort import Cohort
from survviz.data.genes import shorten
from survviz.data.site_folds import site_folds
from survviz.data.split_file import read_split_file
from survviz.data.splits import NamedSplit, Outcomes, Split, check_events, stratified_kfold
from survviz.data.tables import is_missing
from survviz.errors import InputError
from survviz.types import Notice

Protocol: TypeAlias = Literal["nested", "last-epoch", "as-published (test-selected)"]

PROTOCOLS: Mapping[Protocol, str] = {
    "nested": "the epoch was chosen on a part of the training patients; the test part was scored once",
    "last-epoch": "the number of epochs was fixed beforehand; the test part was scored once",
    "as-published (test-selected)": "as its authors report it: epoch or settings were chosen on the test patients "
    "themselves, so the number is too high by an unknown amount",
}
"""The stamp on every number, in words."""


def protocol_of(choose_by: str, inner_val: float) -> Protocol:
    """The stamp of a run of ours; "as-published" is only ever given to numbers of others.

    Args:
        choose_by: what chooses the epoch; "last" is the last one.
        inner_val: share of the training patients that chooses it.
    """
    return "last-epoch" if choose_by == "last" or inner_val == 0 else "nested"


class SplitPlan(BaseModel):
    """Which splits of a cohort to use. The same cohort and plan give the same splits, whatever the order of its rows.

    Attributes:
        kind: "k-fold" (everybody is tested once per repeat), "monte-carlo" (a random test part per split), "site"
            (k-fold over whole sites) or "file".
        n_folds, repeats: of "k-fold" and "site".
        n_splits, test_share: of "monte-carlo".
        inner_val: share of what is not tested that chooses the epoch, with the same share of events; drawn by patient
            also where whole sites are tested, and only where a file has no validation part of its own.
        stratify: a clinical column (for example "Cancer type") that every part should have the same mixture of.
        site: a clinical column that holds the site; None = the tissue source site of the TCGA barcode.
        file: split file, or folder of one file per fold; relative to the cohort's folder.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["k-fold", "monte-carlo", "site", "file"] = "k-fold"
    n_folds: int = Field(5, ge=2)
    repeats: int = Field(1, ge=1)
    n_splits: int = Field(15, ge=1)
    test_share: float = Field(0.2, gt=0, lt=1)
    inner_val: float = Field(0.15, ge=0, lt=0.9)
    stratify: str | None = None
    site: str | None = None
    file: str | None = None
    seed: int = Field(0, ge=0)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.kind == "file") != (self.file is not None):
            raise ValueError('a split file is needed for kind "file", and for no other kind')
        if self.site is not None and self.kind != "site":
            raise ValueError('a site column is for kind "site" only')
        return self

    def splits(
        self, cohort: Cohort, case_ids: Collection[str] | None = None, notices: list[Notice] | None = None
    ) -> tuple[NamedSplit, ...]:
        """All splits, repeat by repeat; the cohort's holdout appears in none.

        Args:
            case_ids: cases to divide; all of the cohort unless given.
            notices: what was left out is added.

        Raises:
            InputError: too few events, a column or site is missing, or the file cannot be used (parts that share a
                patient, validation that equals the test part, nobody of the cohort).
        """
        ids = [case for case in (cohort.case_ids if case_ids is None else case_ids) if case not in cohort.holdout]
        unknown = sorted(set(ids) - set(cohort.case_ids))
        if unknown:
            raise InputError(f"Cohort {cohort.name!r} has no case {shorten(unknown)}.")
        stratum = None if self.stratify is None else _column(cohort, self.stratify, ids)
        if self.kind == "file":
            return self._from_file(cohort, ids, stratum, notices)
        if self.kind == "k-fold":
            return self._k_fold(cohort, ids, stratum)
        outcomes = Outcomes.of(ids, cohort.event, stratum=stratum)
        return self._monte_carlo(outcomes) if self.kind == "monte-carlo" else self._whole_sites(cohort, outcomes)

    def _repeat_seed(self, repeat: int) -> int:
        return self.seed * 1000 + repeat

    def _k_fold(self, cohort: Cohort, ids: list[str], stratum: Mapping[str, str] | None) -> tuple[NamedSplit, ...]:
        options = {"n_folds": self.n_folds, "inner_val": self.inner_val, "stratum": stratum}
        return tuple(
            NamedSplit(repeat, fold, split)
            for repeat in range(self.repeats)
            for fold, split in enumerate(stratified_kfold(ids, cohort.event, seed=self._repeat_seed(repeat), **options))
        )

    def _monte_carlo(self, outcomes: Outcomes) -> tuple[NamedSplit, ...]:
        check_events(outcomes, 2)
        everybody = np.arange(len(outcomes))
        made = []
        for repeat in range(self.n_splits):
            rng = np.random.default_rng([self._repeat_seed(repeat), 0])
            test = outcomes.draw(everybody, self.test_share, rng)
            made.append(NamedSplit(repeat, 0, outcomes.split(test, self.inner_val, rng)))
        return tuple(made)

    def _whole_sites(self, cohort: Cohort, outcomes: Outcomes) -> tuple[NamedSplit, ...]:
        check_events(outcomes, self.n_folds)
        ids = [str(case) for case in outcomes.case_ids]
        site = _barcode_sites(ids) if self.site is None else _column(cohort, self.site, ids)
        sites = np.array([site[case] for case in ids], dtype=object)
        made = []
        for repeat in range(self.repeats):
            seed = self._repeat_seed(repeat)
            fold = site_folds(sites, outcomes.event, self.n_folds, np.random.default_rng(seed))
            for k in range(self.n_folds):
                split = outcomes.split(fold == k, self.inner_val, np.random.default_rng([seed, k]))
                made.append(NamedSplit(repeat, k, split))
        return tuple(made)

    def _from_file(
        self, cohort: Cohort, ids: list[str], stratum: Mapping[str, str] | None, notices: list[Notice] | None
    ) -> tuple[NamedSplit, ...]:
        path = Path(cohort.folder) / (self.file or "")
        read = read_split_file(path, case_ids=ids, notices=notices)
        used = {case for named in read for case in (*named.split.train, *named.split.val, *named.split.test)}
        if len(used) < len(set(ids)) and notices is not None:
            text = f"{path.name} places {len(used)} of {len(set(ids))} cases; the others are not used."
            notices.append(Notice("info", "split.cases_left_out", text))
        return tuple(self._with_validation(named, cohort, stratum, path) for named in read)

    def _with_validation(
        self, named: NamedSplit, cohort: Cohort, stratum: Mapping[str, str] | None, path: Path
    ) -> NamedSplit:
        """The split as it was published; validation drawn from its training part where it has none."""
        split = named.split
        if not split.test:
            raise InputError(f"{path.name}, split {named.name}: no case of the cohort is in its test part.")
        if split.val or self.inner_val == 0:
            return named
        outcomes = Outcomes.of(split.train, cohort.event, stratum=stratum)
        rng = np.random.default_rng([self._repeat_seed(named.repeat), named.fold])
        inner = outcomes.split(np.zeros(len(outcomes), dtype=bool), self.inner_val, rng)
        return NamedSplit(named.repeat, named.fold, Split(inner.train, inner.val, split.test))


def _column(cohort: Cohort, name: str, ids: list[str]) -> dict[str, str]:
    """Case -> value of a clinical column that has to be known of everybody."""
    if name not in cohort.clinical.columns:
        raise InputError(
            f"Cohort {cohort.name!r} has no clinical column {name!r} to split by; it has "
            f"{shorten(cohort.clinical.columns, 12)}."
        )
    values = cohort.clinical.loc[ids, name]
    lost = [case for case, value in values.items() if is_missing(value)]
    if lost:
        raise InputError(f"{len(lost)} cases have no {name}: {shorten(map(str, lost))}. Fill it in or leave them out.")
    return {str(case): str(value) for case, value in values.items()}


def _barcode_sites(ids: list[str]) -> dict[str, str]:
    found = {case: tcga_site(case) for case in ids}
    foreign = sorted(case for case, site in found.items() if site is None)
    if foreign:
        raise InputError(
            f"{len(foreign)} case ids are no TCGA barcodes ({shorten(foreign)}), so they do not tell the site. Name "
            "the clinical column that does (site)."
        )
    return {case: site for case, site in found.items() if site is not None}
