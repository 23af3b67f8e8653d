"""A cohort: everything about a set of cases, keyed by case id, nothing joined by row position."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from survviz.data.alignment import by_case, check_owners
from survviz.data.barcodes import case_of
from survviz.data.clinical_table import read_clinical
from survviz.data.cohort_file import ClinicalSection, CohortFile, MatrixSection, read_cohort_toml, write_cohort_toml
from survviz.data.genes import shorten
from survviz.data.omics import OmicsName
from survviz.data.packed_shards import PackedShards
from survviz.data.packed_store import PackedStore
from survviz.data.region_table import read_regions
from survviz.data.slide_table import SLIDE_COLUMNS, find_features, open_packed, read_slides
from survviz.data.tables import is_missing, read_matrix
from survviz.data.token_files import find_tokens, read_tokens
from survviz.errors import InputError
from survviz.remote import at_hand
from survviz.types import Bag, Case, Notice, Regions
from survviz.wsi.isolated_features import read_features_by_origin

__all__ = ["Cohort", "CohortFile", "load_cohort", "read_cohort_toml", "write_cohort_toml"]


@dataclass(frozen=True)
class Cohort:
    """Cases with outcome; any other modality may be missing for any of them.

    Attributes:
        clinical: index case_id; one column per clinical token, then the table's other columns under their own names.
        fields: the clinical tokens among these columns.
        time: months, by case.
        event: bool, by case; True = observed.
        rna, mirna, cnv: cases x genes; only the cases that have it.
        rna_unit, mirna_unit, cnv_unit: as declared.
        regions: pathology as feature vectors instead of slides; index (case_id, region), NaN = not measured.
        slides: columns case_id, slide_id, path (absolute, or ""), mpp (NaN where unknown).
        features: slide_id -> file of its encoded patches.
        packed: the same patches in one memory-mapped file, or in a folder of them, where the cohort names one.
        token_files: case_id -> file of precomputed genomic tokens; `token_names` names their rows.
        holdout: cases that no training and no validation may see.
        encoder: what made the features (of slides or regions), where declared.
        notices: what was found on loading.
    """

    name: str
    folder: Path
    clinical: pd.DataFrame
    time: pd.Series
    event: pd.Series
    fields: tuple[str, ...] = ()
    rna: pd.DataFrame | None = None
    mirna: pd.DataFrame | None = None
    rna_unit: str = ""
    mirna_unit: str = ""
    cnv: pd.DataFrame | None = None
    cnv_unit: str = ""
    regions: pd.DataFrame | None = None
    slides: pd.DataFrame = field(default_factory=lambda: pd.DataFrame({name: [] for name in SLIDE_COLUMNS}))
    features: Mapping[str, Path] = field(default_factory=dict)
    packed: PackedStore | PackedShards | None = None
    token_files: Mapping[str, Path] = field(default_factory=dict)
    token_names: tuple[str, ...] = ()
    holdout: frozenset[str] = frozenset()
    encoder: str | None = None
    notices: tuple[Notice, ...] = ()

    def __post_init__(self) -> None:
        ids = self.clinical.index
        for name in ("time", "event"):
            object.__setattr__(self, name, by_case(getattr(self, name), ids, name))
        for name in ("rna", "mirna", "cnv"):
            check_owners(getattr(self, name), ids, name)

    @property
    def case_ids(self) -> tuple[str, ...]:
        """All cases, in the order of the clinical table; holdout included."""
        return tuple(self.clinical.index)

    def __len__(self) -> int:
        return len(self.clinical)

    def slide_ids(self, case_id: str) -> tuple[str, ...]:
        """The slides of a case, in the order of the slide table."""
        return tuple(self.slides.loc[self.slides["case_id"] == case_id, "slide_id"])

    def slide_mpp(self, slide_id: str) -> float | None:
        """Um per level-0 pixel by the slide table; None where it does not say."""
        mpp = self.slides.loc[self.slides["slide_id"] == slide_id, "mpp"].iloc[0]
        return None if pd.isna(mpp) else float(mpp)

    def bags(self, case_id: str) -> tuple[Bag, ...]:
        """The encoded slides of a case: of a packed store views that read nothing yet, else read now.

        Raises:
            InputError: a feature file is damaged, changed after packing, or was made by another encoder than the
                cohort declares.
        """
        return tuple(self.bag(slide) for slide in self.slide_ids(self._known(case_id)) if slide in self.features)

    def bag(self, slide_id: str) -> Bag:
        """One encoded slide; as `bags`."""
        path, mpp = self.features[slide_id], self.slide_mpp(slide_id)
        if self.packed is not None:
            source = None if path == self.packed.path else path
            return self.packed.bag(slide_id, source, slide_mpp=mpp, encoder=self.encoder)
        with at_hand(path) as file:
            return read_features_by_origin(file, slide_mpp=mpp, encoder=self.encoder, slide_id=slide_id)

    def case(self, case_id: str, *, bags: bool = True) -> Case:
        """One case with all that is known of it.

        Args:
            bags: read the feature files; False leaves the case without slides (regions are in memory and stay).

        Raises:
            InputError: the case is unknown, or one of its files cannot be used.
        """
        self._known(case_id)
        row = self.clinical.loc[case_id]
        clinical = {token: None if is_missing(row[token]) else row[token] for token in self.fields}
        return Case(
            case_id=case_id,
            bags=self.bags(case_id) if bags else (),
            clinical=clinical if any(value is not None for value in clinical.values()) else None,
            rna=_row(self.rna, case_id),
            mirna=_row(self.mirna, case_id),
            cnv=_row(self.cnv, case_id),
            regions=self._regions(case_id),
            genomic_tokens=read_tokens(self.token_files[case_id]) if case_id in self.token_files else None,
        )

    def genomic_tokens(self, case_id: str) -> NDArray[np.float32]:
        """(T, D) precomputed genomic tokens of a case, read now."""
        return read_tokens(self.token_files[case_id])

    def subset(self, case_ids: Iterable[str]) -> Cohort:
        """The same cohort with these cases only, in this order.

        Raises:
            InputError: a case is unknown or named twice.
        """
        ids = list(case_ids)
        unknown = [case for case in ids if case not in self.clinical.index]
        if unknown or len(set(ids)) < len(ids):
            raise InputError(
                f"Cohort {self.name!r} has no case {shorten(unknown)}." if unknown else "A case is named twice."
            )
        slides = self.slides[self.slides["case_id"].isin(ids)].reset_index(drop=True)
        return replace(
            self,
            clinical=self.clinical.loc[ids],
            time=self.time.loc[ids],
            event=self.event.loc[ids],
            rna=_rows(self.rna, ids),
            mirna=_rows(self.mirna, ids),
            cnv=_rows(self.cnv, ids),
            regions=None if self.regions is None else self.regions[self.regions.index.isin(ids, level=0)],
            slides=slides,
            features={slide: self.features[slide] for slide in slides["slide_id"] if slide in self.features},
            token_files={case: self.token_files[case] for case in ids if case in self.token_files},
            holdout=self.holdout & set(ids),
        )

    def omics(self, name: OmicsName) -> tuple[pd.DataFrame, str] | None:
        """A table and its unit; None where no case has it."""
        table, unit = {
            "rna": (self.rna, self.rna_unit),
            "mirna": (self.mirna, self.mirna_unit),
            "cnv": (self.cnv, self.cnv_unit),
        }[name]
        return None if table is None or table.empty else (table, unit)

    def _regions(self, case_id: str) -> Regions | None:
        if self.regions is None or case_id not in self.regions.index.get_level_values(0):
            return None
        rows = self.regions.loc[case_id]
        names, columns = tuple(map(str, rows.index)), tuple(map(str, rows.columns))
        return Regions(names, columns, rows.to_numpy(dtype=np.float32), self.encoder or "")

    def _known(self, case_id: str) -> str:
        if case_id not in self.clinical.index:
            raise InputError(f"Cohort {self.name!r} has no case {case_id!r}; it has {shorten(self.case_ids, 3)}.")
        return case_id


def load_cohort(folder: str | Path, *, packed: bool = True, clinical: ClinicalSection | None = None) -> Cohort:
    """Read the cohort of a folder: `cohort.toml` says what its files hold.

    Feature files are found now and read when a case is asked for; packed features are mapped, not read.

    Args:
        packed: use the packed features where there are some; False reads the feature files themselves.
        clinical: how to read the outcome table (another endpoint, bad rows left out); None = as `cohort.toml` says.

    Raises:
        InputError: a file is missing or cannot be used; for the clinical table every bad row is listed.
    """
    folder = Path(folder)
    file = read_cohort_toml(folder)
    table = read_clinical(folder, clinical or file.clinical)
    notices = list(table.notices)
    ids = frozenset(table.clinical.index)
    lost = sorted(set(file.split.holdout) - ids)
    if lost and not table.notices:
        raise InputError(
            f"[split] holdout names {len(lost)} cases that {file.clinical.file} does not have: {shorten(lost)}."
        )
    cohort = Cohort(
        name=file.name,
        folder=folder,
        clinical=table.clinical,
        time=table.time,
        event=table.event,
        fields=table.fields,
        rna=_matrix(folder, file.rna, ids, notices),
        mirna=_matrix(folder, file.mirna, ids, notices),
        rna_unit=file.rna.unit if file.rna else "",
        mirna_unit=file.mirna.unit if file.mirna else "",
        cnv=_matrix(folder, file.cnv, ids, notices),
        cnv_unit=file.cnv.unit if file.cnv else "",
        regions=read_regions(folder, file.pathology, ids, notices) if file.pathology else None,
        slides=read_slides(folder, file, ids, notices),
        features=find_features(folder, file),
        packed=open_packed(folder, file) if packed else None,
        token_files=find_tokens(folder, file, ids),
        token_names=file.genomic_tokens.names if file.genomic_tokens else (),
        holdout=frozenset(file.split.holdout) & ids,
        encoder=file.features.encoder if file.features else file.pathology.encoder if file.pathology else None,
    )
    if cohort.packed is not None:
        cohort.packed.matched({slide: cohort.features.get(slide) for slide in cohort.slides["slide_id"]})
    return replace(cohort, notices=(*notices, *_gaps(cohort)))


def _gaps(cohort: Cohort) -> list[Notice]:
    """What is missing for how many cases."""
    n = len(cohort)
    owners = zip(cohort.slides["case_id"], cohort.slides["slide_id"], strict=True)
    tables = {"RNA": cohort.rna, "miRNA": cohort.mirna, "copy numbers": cohort.cnv}
    have = {name: 0 if table is None else len(table) for name, table in tables.items()} | {
        "encoded slides": len({case for case, slide in owners if slide in cohort.features}),
        "pathology features": 0 if cohort.regions is None else cohort.regions.index.get_level_values(0).nunique(),
    }
    return [
        Notice("info", "cohort.missing", f"{n - count} of {n} cases have no {name}; they are used without.")
        for name, count in have.items()
        if 0 < count < n
    ]


def _matrix(
    folder: Path, section: MatrixSection | None, ids: frozenset[str], notices: list[Notice]
) -> pd.DataFrame | None:
    if section is None:
        return None
    values = read_matrix(folder / section.file, orientation=section.orientation, case_ids=ids, notices=notices)
    owners = [case_of(name, ids) for name in values.index]
    twice = sorted(case for case, count in Counter(owners).items() if case is not None and count > 1)
    if twice:
        raise InputError(
            f"{section.file}: {len(twice)} cases have several rows: {shorten(twice)}. Keep one row of each."
        )
    known = [i for i, owner in enumerate(owners) if owner is not None]
    if not known:
        raise InputError(
            f"No case of {section.file} is in the clinical table (its names look like {shorten(values.index, 3)}; the "
            f"cases like {shorten(sorted(ids), 3)}). Use the same case ids in both."
        )
    if len(known) < len(values):
        text = (
            f"{section.file}: {len(values) - len(known)} of {len(values)} rows belong to no case of the clinical table."
        )
        notices.append(Notice("info", "cohort.unused_rows", text))
    return values.iloc[known].set_axis(pd.Index([owners[i] for i in known], name="case_id"), axis=0)


def _row(table: pd.DataFrame | None, case_id: str) -> dict[str, float] | None:
    if table is None or case_id not in table.index:
        return None
    row = table.loc[case_id]
    return dict(zip(row.index, row.to_numpy(dtype=np.float64).tolist(), strict=True))


def _rows(table: pd.DataFrame | None, ids: list[str]) -> pd.DataFrame | None:
    return None if table is None else table.loc[[case for case in ids if case in table.index]]
