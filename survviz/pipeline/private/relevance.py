"""On which fields and modalities a network rests, as a table that can be released at a price of its own.

Layer-wise relevance of every patient, each modality beside the clinical fields one by one. The table itself is as
private as the patients. What leaves is the noised mean share (Proposition 4 of docs/privacy.md): for the whole cohort,
or for every cancer type, which costs no more, since a patient has one type.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from survviz.data.cohort import Cohort
from survviz.errors import InputError, PrivacyError
from survviz.explain.baselines import ZERO
from survviz.explain.relevance import relevance
from survviz.pipeline.cohort.evaluation import strata_of
from survviz.pipeline.explanation.pieces import Reading, pieces
from survviz.privacy.relevance import Relevance, release_relevance
from survviz.privacy.spec import PrivacySpec
from survviz.types import Modality, Progress

if TYPE_CHECKING:
    from survviz.pipeline.predictor import Predictor

NAMES: Mapping[Modality, str] = {
    "pathology": "pathology", "genomic": "expression", "mirna": "miRNA", "cnv": "copy number",
}  # fmt: skip
"""A modality that is one group; the clinical one is its fields."""
WHERE = "layer-wise relevance of {}, against zero, for the risk"


@dataclass(frozen=True, slots=True)
class RelevanceTable:
    """Relevance of every patient: not for publication.

    Attributes:
        names: clinical fields, and the other modalities that the model reads.
        values: signed, in the unit of the risk; 0 for what a patient lacks.
        strata: cancer type of each; () where the cohort has none.
        model: name of the checkpoint.
    """

    case_ids: tuple[str, ...]
    names: tuple[str, ...]
    values: Float[NDArray, "n d"]
    strata: tuple[str, ...]
    model: str

    @property
    def shares(self) -> Float[NDArray, "n d"]:
        """Share of each name in the sizes of a patient's relevance; 0 for a patient without any."""
        sizes = np.abs(self.values)
        total = sizes.sum(axis=1, keepdims=True)
        return np.divide(sizes, total, out=np.zeros_like(sizes), where=total > 0)

    def by_stratum(self) -> dict[str, Float[NDArray, "m d"]]:
        """Cancer type -> relevance of its patients, in the order of the names of the types."""
        labels = np.array(self.strata)
        return {str(name): self.values[labels == name] for name in np.unique(labels)}


def relevance_table(
    predictor: Predictor, cohort: Cohort, case_ids: Sequence[str], *, progress: Progress | None = None
) -> RelevanceTable:
    """Layer-wise relevance of the risk of some patients, mean over the folds that may score each.

    The reference is zero, a constant: the training mean would be one more thing that was computed on patients.

    Raises:
        InputError: no patient was named, or one that the cohort lacks.
    """
    missing = sorted(set(case_ids) - set(cohort.case_ids))
    if missing or not case_ids:
        raise InputError(
            f"{len(case_ids)} patients were named, of whom {cohort.name} lacks {', '.join(missing[:3]) or 'none'}."
        )
    rows = []
    for done, case_id in enumerate(case_ids, start=1):
        rows.append(_of_case(predictor, cohort, case_id))
        if progress:
            progress(done, len(case_ids))
    names = tuple(dict.fromkeys(name for row in rows for name in row))
    strata = strata_of(cohort.clinical, list(case_ids))
    return RelevanceTable(
        tuple(case_ids),
        names,
        np.array([[row.get(name, 0.0) for name in names] for row in rows]),
        () if strata is None else tuple(str(name) for name in strata),
        predictor.checkpoint.name,
    )


def check_network(network: PrivacySpec | None) -> None:
    """Refuse a network whose weights have no guarantee.

    Raises:
        PrivacyError: it has none, or no finite epsilon, so that its weights tell more than the noise would hide.
    """
    if network is None or network.epsilon is None:
        raise PrivacyError(
            "The network was trained without noise, so its weights, and relevance by them, tell of its training "
            "patients whatever noise is added. Take a checkpoint of `survviz privacy train`."
        )


def released(table: RelevanceTable, epsilon: float, network: PrivacySpec | None) -> Relevance:
    """Mean shares with noise, and what that cost the patients of the table.

    Args:
        network: guarantee of the network's own training.

    Raises:
        PrivacyError: as `check_network`.
    """
    check_network(network)
    where = WHERE.format(table.model)
    return release_relevance(table.values, table.names, epsilon, neighbour="add or remove one", where=where)


def released_by_stratum(table: RelevanceTable, epsilon: float, network: PrivacySpec | None) -> dict[str, Relevance]:
    """The same for every cancer type; together they cost epsilon, since a patient added or removed touches one type.

    The names of the types are taken as public.

    Raises:
        PrivacyError: as `check_network`, or the cohort has no cancer types.
    """
    check_network(network)
    if not table.strata:
        raise PrivacyError("The cohort has no cancer type, so there is nothing to release by it.")
    where = WHERE.format(table.model)
    return {
        name: release_relevance(values, table.names, epsilon, neighbour="add or remove one", where=f"{where}, {name}")
        for name, values in table.by_stratum().items()
    }


def _of_case(predictor: Predictor, cohort: Cohort, case_id: str) -> dict[str, float]:
    """Name -> relevance."""
    case = cohort.case(case_id, bags="pathology" in predictor.modalities)
    readings = []
    for fold in predictor.folds_for(case)[0]:
        model, inputs = predictor.model(fold), predictor.inputs(fold, case)
        found = relevance(model, inputs, baseline=ZERO)
        readings.append(Reading(model, predictor.checkpoint.preprocess(fold), inputs, found))
    named = pieces(readings, case, predictor.modalities)  # names say nothing of who has what
    fields = {piece.name: piece.value for piece in named if piece.level == "clinical"}
    others = {
        NAMES.get(piece.modality, piece.modality): piece.value
        for piece in named
        if piece.level == "modality" and not (piece.modality == "clinical" and fields)
    }
    return fields | others
