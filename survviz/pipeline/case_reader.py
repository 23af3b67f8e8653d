"""What the model of a checkpoint reads of a case, and which maps the case can have; known without weights."""

from __future__ import annotations

from pathlib import Path

from survviz.checkpoint.outline import load_outline
from survviz.data.preprocess import Preprocess
from survviz.errors import InputError
from survviz.explain.attention import PATCHES
from survviz.models import Model
from survviz.types import LEARNT_QUERY, MODALITIES, UNASKED_KINDS, Case, MapKind, Modality

RISK = "risk"
"""The query of maps that no token asks for."""
ASKERS = {"clinical": "clinical sentences", "genomic": "gene programmes"}


class CaseReader:
    """One model of a checkpoint, of which nothing but its shape is used, and what was fitted for it.

    Attributes:
        name: of the checkpoint.
        model_name: of the architecture, as registered.
    """

    def __init__(self, name: str, model_name: str, model: Model, fitted: Preprocess) -> None:
        self.name = name
        self.model_name = model_name
        self._model = model
        self._fitted = fitted

    @classmethod
    def outline(cls, folder: str | Path) -> CaseReader:
        """Of a checkpoint folder whose weights stay on disk.

        Raises:
            CheckpointError: its settings are missing or damaged.
        """
        found = load_outline(folder)
        return cls(found.config.name, found.config.model, found.model, found.preprocess)

    @property
    def reads_slides(self) -> bool:
        """Whether it takes patches of slides, rather than pathology as a table or none."""
        return self._fitted.ood.patches is not None

    @property
    def encoder(self) -> str:
        """Name of the patch encoder that the model was trained on.

        Raises:
            InputError: the model does not take slides.
        """
        patches = self._fitted.ood.patches
        if patches is None:
            instead = "; it takes pathology as a table of features" if self._fitted.ood.regions else ""
            raise InputError(f"Checkpoint {self.name} does not take slides{instead}.")
        return patches.encoder

    def tokens(self, group: str) -> tuple[str, ...]:
        """Names of the tokens of a group ("clinical", "genomic", "case" for a learnt query), in the model's order."""
        return self._model.token_names.get(group, ())

    @property
    def modalities(self) -> tuple[Modality, ...]:
        """What the model reads."""
        return self._model.modalities

    def directions(self, *, both_ways: bool = False) -> tuple[tuple[str, str], ...]:
        """(query, key) pairs that this model can be asked for a map of patches, clinic first; none if it has none.

        Args:
            both_ways: after those that look at patches, also those in which the patches look at tokens.
        """
        found = self._model.directions
        towards = [pair for pair in found if pair[1] == PATCHES and pair[0] != PATCHES]
        back = [pair for pair in found if pair[0] == PATCHES and self.tokens(pair[1])] if both_ways else []
        return tuple(sorted([*towards, *back], key=lambda pair: (pair[0] == PATCHES, "clinical" not in pair)))

    def directions_of(self, case: Case, *, both_ways: bool = False) -> tuple[tuple[str, str], ...]:
        """Those of `directions` whose query, key and slides this case has; a learnt query ("case") needs no data."""
        present = self.present(case)
        if PATCHES not in present or why_no_map(case):
            return ()
        return tuple(pair for pair in self.directions(both_ways=both_ways) if set(pair) <= {*present, LEARNT_QUERY})

    def directions_for(self, case: Case, kind: MapKind) -> tuple[tuple[str, str], ...]:
        """(query, key) of every map of a kind that this case has; one for those that no token asks for."""
        if kind in UNASKED_KINDS:
            return () if self.why_no_kind(case, kind) else ((RISK, PATCHES),)
        return self.directions_of(case, both_ways=True)

    def present(self, case: Case) -> tuple[Modality, ...]:
        """The modalities of a case that this model takes."""
        present = self._fitted.transform(case).present
        return tuple(name for name in MODALITIES if name in present)

    def why_no_kind(self, case: Case, kind: MapKind) -> str | None:
        """Why there is no map of this kind of the case, in words; None where there is.

        Raises:
            InputError: the case's features come from another encoder than the model's.
        """
        asked_for = kind not in UNASKED_KINDS
        if PATCHES not in self.modalities:
            return f"The model {self.model_name} of checkpoint {self.name} does not read pathology."
        if asked_for and not self.directions(both_ways=True):
            return f"The model {self.model_name} has no patch attention."
        if why := why_no_map(case):
            return why
        if PATCHES not in self.present(case):
            return f"Case {case.case_id} has no pathology data. Add a slide or its features."
        if asked_for and not self.directions_of(case, both_ways=True):
            asking = {group for pair in self.directions(both_ways=True) for group in pair} - {PATCHES}
            named = [words for group, words in ASKERS.items() if group in asking]
            return (
                f"The patches are asked by {' or '.join(named) or 'other data'}; case {case.case_id} has "
                f"{'neither' if len(named) == 2 else 'none'}. Add them on the page Load case, "
                "or compute what each patch contributes."
            )
        return None


def why_no_map(case: Case) -> str | None:
    """Why no map can be drawn of the case's pathology; None where its patches have a place."""
    if case.bags or case.regions is None:
        return None
    n = len(case.regions)
    return (
        f"The pathology of case {case.case_id} came as {n} feature vector{'s' * (n != 1)} without a place on a slide: "
        "there is no map."
    )
