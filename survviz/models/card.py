"""What a model says of itself: where it comes from, what it looks at, and where it differs from what was published."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from torch import Tensor

from survviz.types import Attention

Family: TypeAlias = Literal["clinic or omics", "pathology", "pathology + omics", "with clinic", "pan-cancer"]


@dataclass(frozen=True, slots=True)
class Card:
    """Facts about a system, for `survviz models` and docs/models.md.

    Attributes:
        title: as its authors write it.
        paper: authors, title, venue.
        licence: of the original code, and what that means for ours.
        pathology: how it takes a slide; "" if it does not. One of the sentences below, where they fit.
        when_missing: what it does with a case that lacks a modality.
        differences: from the paper or from the released code, one sentence each.
        parameters: at the published sizes, by the analytic count; None where the paper gives no sizes.
    """

    title: str
    paper: str
    year: int
    family: Family
    licence: str
    when_missing: str
    differences: tuple[str, ...]
    pathology: str = ""
    parameters: int | None = None


CLEAN_ROOM = "written from the equations; no code of the authors was used"

TAKES_BAG = "a bag of patches; a slide-level feature vector is a bag of one"
TAKES_VECTOR = "one feature vector per case; of a bag of patches, their mean"

ZERO_EMBEDDING = "the embedding of an absent modality is zero; with nothing at all, the risk is that of no information"


@dataclass(frozen=True, slots=True)
class Attends:
    """One attention that a model can return.

    Attributes:
        query: group that asks ("clinical", "genomic", "pathology", or "case" for one learnt query).
        key: group that is looked at.
        heads: number of heads.
        over: what the model's own normalisation runs over, in words. In the map API, a map is normalised over the keys.
    """

    query: str
    key: str
    heads: int
    over: str

    @property
    def direction(self) -> tuple[str, str]:
        """(query, key)."""
        return self.query, self.key

    def of(self, logits: Tensor) -> dict[tuple[str, str], Attention]:
        """Logits (B, H, Q, K) as a named entry of `Output.attention`."""
        return {self.direction: Attention(logits, self.query, self.key, self.over)}


@dataclass(frozen=True, slots=True)
class Auxiliary:
    """A loss term between embeddings of `Output.embeddings`, as the paper has it; training computes and adds it.

    Attributes:
        kind: "cosine" (hinge of the cosine between first and second), "l1" (their mean absolute difference),
            "l1-to-fixed" (the same, `first` taken as given), "similarity" (modalities of one case alike, of two not).
        first: names of embeddings; several are concatenated ("similarity": each is one modality).
        second: the same; () for "similarity".
        weight: as published; 0 = off unless asked for.
    """

    kind: Literal["cosine", "l1", "l1-to-fixed", "similarity"]
    first: tuple[str, ...]
    second: tuple[str, ...] = ()
    weight: float = 0.0
