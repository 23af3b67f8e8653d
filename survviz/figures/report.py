"""What a case report holds, before it is HTML or PDF: the estimate with its spread, maps, patches, tables, words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from survviz import __version__
from survviz.figures.patch_map import RESEARCH_USE
from survviz.figures.sheet import Box, Path, Sheet, Text
from survviz.types import Notice, Prediction

CURVE = (560.0, 270.0)
BAND, LINE, INK, QUIET = "#cfe0ee", "#0072b2", "#1a1d21", "#4a4f57"

MEANINGS: Mapping[str, str] = {
    "Risk": "One number from the model; higher means a worse expected course. It has a meaning only beside the risks "
    "of the training cohort.",
    "Percentile": "Share of the training cohort with a lower risk, each patient judged by models that did not train on "
    "them.",
    "Group": "High or low by the cut-off that is stored in the checkpoint.",
    "S(t)": "Probability, by the model, to be without the event until then. The band and the ± are the spread over the "
    "cross-validation models: a lower bound of the uncertainty, not a confidence interval.",
    "Attention": "Where the model looks. 1× = as much as if all patches were alike. It does not say what moves the "
    "risk.",
    "Contribution": "What a patch adds to the risk score by the model's own arithmetic: it pushes the estimate up or "
    "down.",
    "Perturbation": "By how much the risk score falls when the model does not see the patch.",
    "Disagreement": "Where attention and contribution rank a patch differently.",
    "Effective patches": "How many equally weighted patches would be as concentrated as the map (exponential of its "
    "entropy).",
}


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of words under a caption."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class PatchPicture:
    """Some pixels with a line of words under them."""

    pixels: NDArray[np.uint8]
    words: str


@dataclass(frozen=True, slots=True)
class Section:
    """A heading with what stands under it; every part may be missing."""

    title: str
    words: tuple[str, ...] = ()
    drawings: tuple[Sheet, ...] = ()
    patches: tuple[PatchPicture, ...] = ()
    table: Table | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """A case report.

    Attributes:
        case_id: pseudonym.
        prediction: what the checkpoint says; None where it was not asked.
        sections: maps, patches and regions that a person collected.
        provenance: lines that say where everything comes from.
    """

    case_id: str
    checkpoint: str
    prediction: Prediction | None = None
    notices: tuple[Notice, ...] = ()
    sections: tuple[Section, ...] = ()
    provenance: tuple[str, ...] = field(default_factory=tuple)

    @property
    def title(self) -> str:
        """Heading of the report."""
        return f"Case {self.case_id}"

    def estimate(self) -> Section | None:
        """Risk and survival with their spread."""
        if self.prediction is None:
            return None
        return Section("Risk and survival", estimate_words(self.prediction), (survival_sheet(self.prediction),))

    def all_sections(self) -> list[Section]:
        """Everything, in the order in which it is read."""
        notices = tuple(f"{notice.level.capitalize()}: {notice.text}" for notice in self.notices)
        found = [Section("Before you trust this", notices) if notices else None, self.estimate(), *self.sections]
        meanings = tuple(f"{name}. {words}" for name, words in MEANINGS.items())
        found += [Section("What the numbers mean", meanings), Section("Where this comes from", self.origins())]
        return [section for section in found if section is not None]

    def origins(self) -> tuple[str, ...]:
        """Provenance, with software and research use."""
        checkpoint = f"Checkpoint {self.checkpoint}. " if self.checkpoint else ""
        return (
            f"{checkpoint}survviz {__version__}.",
            *self.provenance,
            "Model estimate, not a prognosis.",
            RESEARCH_USE,
        )


def estimate_words(prediction: Prediction) -> tuple[str, ...]:
    """The estimate in sentences."""
    folds = len(prediction.folds)
    spread = ""
    if folds > 1:
        spread = f" (standard deviation {prediction.risk_per_fold.std(ddof=1):.3f} over {folds} models)"
    words = [
        f"Risk {prediction.risk:.3f}{spread}: higher than {prediction.percentile:.0f} % of the training cohort, "
        f"{prediction.group} group.",
    ]
    for at in prediction.horizons:
        if at.survival is None:
            words.append(f"Survival at {at.months:g} months: undefined, {at.reason}.")
        else:
            more = f" ± {100 * at.spread:.0f}" if at.spread is not None else ""
            words.append(f"Survival at {at.months:g} months: {100 * at.survival:.0f}{more} %.")
    words.append(f"The model saw: {', '.join(prediction.present)}.")
    return tuple(words)


def survival_sheet(prediction: Prediction) -> Sheet:
    """S(t) of the case, with the range over the cross-validation models."""
    width, height = CURVE
    left, top, right, bottom = 52.0, 14.0, width - 16, height - 44
    longest = float(prediction.times[-1]) or 1.0
    sheet = Sheet(width, height, "Survival curve of the case")

    def at(time: float, survival: float) -> tuple[float, float]:
        return left + time / longest * (right - left), bottom - survival * (bottom - top)

    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        y = at(0, share)[1]
        sheet.add(Box(left, y - 0.5, right - left, 1, "#e3e5e8"))
        sheet.add(Text(left - 8, y + 4, f"{100 * share:.0f} %", 11, QUIET, "end"))
    step = _month_step(longest)
    for months in np.arange(0, longest + 1e-9, step):
        sheet.add(Text(at(months, 0)[0], bottom + 18, f"{months:g}", 11, QUIET, "middle"))
    sheet.add(Text((left + right) / 2, bottom + 36, "months", 11, QUIET, "middle"))
    times = prediction.times
    if len(prediction.survival_per_fold) > 1:
        low, high = prediction.survival_per_fold.min(axis=0), prediction.survival_per_fold.max(axis=0)
        ring = [*zip(times, high, strict=True), *list(zip(times, low, strict=True))[::-1]]
        sheet.add(Path(tuple(at(float(t), float(s)) for t, s in ring), fill=BAND))
        words = f"band: range over {len(prediction.survival_per_fold)} models"
        sheet.add(Text(right, top + 20, words, 11, QUIET, "end"))
    curve = tuple(at(float(t), float(s)) for t, s in zip(times, prediction.survival, strict=True))
    sheet.add(Path(curve, LINE, 2.5))
    return sheet


def _month_step(longest: float) -> float:
    return next((step for step in (6, 12, 24, 36, 60) if longest / step <= 8), max(60.0, longest / 8))


def clean_table(caption: object, columns: object, rows: object) -> Table:
    """A table that came from a browser: everything becomes short words, and the size is limited."""

    def words(value: object, most: int = 120) -> str:
        return f"{value:.4g}" if isinstance(value, float) else str(value)[:most]

    names = tuple(words(name) for name in (columns if isinstance(columns, Sequence) else ())[:12])
    body = [row for row in (rows if isinstance(rows, Sequence) else ())[:200] if isinstance(row, Sequence)]
    filled = ([*row, *[""] * len(names)][: len(names)] for row in body)
    return Table(words(caption, most=600), names, tuple(tuple(words(cell) for cell in row) for row in filled))
