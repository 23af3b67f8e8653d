"""The nouns that every layer shares: a case and what a model makes of it. All are frozen; none knows a file format."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from survviz.units import Mpp

if TYPE_CHECKING:
    import torch
    from jaxtyping import Bool, Float
    from torch import Tensor

RESEARCH_USE = "For Research Use Only. Not for use in diagnostic procedures."

Modality: TypeAlias = Literal["pathology", "clinical", "genomic", "mirna", "cnv"]
MODALITIES: tuple[Modality, ...] = ("pathology", "clinical", "genomic", "mirna", "cnv")

LEARNT_QUERY = "case"
"""Name of a query that is a model's own, the same for every case; the others are groups of a case's data."""

MapKind: TypeAlias = Literal["attention", "contribution", "perturbation", "disagreement"]
MAP_KINDS: tuple[MapKind, ...] = ("attention", "contribution", "perturbation", "disagreement")
"""What a map can show: where the model looks; what each patch adds to the risk; by how much the risk falls without it;
where the first two differ."""
UNASKED_KINDS: tuple[MapKind, ...] = ("contribution", "perturbation")
"""Kinds that no token asks for: a case has one map of each, of query "risk" and token "all"."""

MapUnit: TypeAlias = Literal["share", "risk", "rank"]

Progress: TypeAlias = Callable[[int, int], None]
"""Called as `progress(done, total)`; it may raise `CancelledError` to stop the step."""

ClinicalValue: TypeAlias = str | float | None


@dataclass(frozen=True, slots=True)
class Notice:
    """Something a person must know before trusting a number.

    Attributes:
        level: "info", "warning" (shown in amber) or "stop" (the case should not be scored).
        code: stable identifier, for example "ood.patches".
        text: what was found, what was expected, what follows; one or two sentences.
    """

    level: Literal["info", "warning", "stop"]
    code: str
    text: str


@dataclass(frozen=True, slots=True)
class Bag:
    """The patches of one slide, encoded.

    Attributes:
        slide_id: file name without suffix.
        features: (N, D) float32 or float16.
        coords: (N, 2) int64; x, y of the top-left corner in level-0 pixels, ordered by row, then column.
        patch_size_level0: side of a patch in level-0 pixels.
        mpp: um per pixel at which the patches were encoded.
        encoder: name of the encoder, as in its registry.
        encoder_revision: what pins its weights or its code.
        slide_size: (width, height) in level-0 pixels, where known.
        slide_hash: content hash of the slide file, where known.
        mpp_source: "file" if the slide declares its pixel size, "person" if somebody gave it, where known.
        slide_mpp: um per level-0 pixel, where known.
    """

    slide_id: str
    features: NDArray[np.floating]
    coords: NDArray[np.int64]
    patch_size_level0: int
    mpp: Mpp
    encoder: str
    encoder_revision: str = ""
    slide_size: tuple[int, int] | None = None
    slide_hash: str | None = None
    mpp_source: Literal["file", "person"] | None = None
    slide_mpp: Mpp | None = None

    def __len__(self) -> int:
        return len(self.coords)


@dataclass(frozen=True, slots=True)
class Regions:
    """Pathology as feature vectors without a place on a slide: one per slide, region or image of a table.

    Attributes:
        names: (R,) of the rows, in order.
        columns: (D,) of the features; a model finds its own by name.
        features: (R, D); NaN = not measured.
        encoder: what made the features.
    """

    names: tuple[str, ...]
    columns: tuple[str, ...]
    features: NDArray[np.float32]
    encoder: str = ""

    def __len__(self) -> int:
        return len(self.names)


@dataclass(frozen=True, slots=True)
class Case:
    """One patient, with whatever is known of them. Any modality may be missing (None or empty).

    Attributes:
        bags: one per slide.
        regions: pathology that came as vectors; a case has bags or regions, not both.
        clinical: field name -> value; a missing value is None.
        rna: gene symbol -> expression, in the unit that the cohort declares.
        mirna: miRNA name -> expression.
        cnv: gene or arm -> copy-number change (0 = none).
        genomic_tokens: (T, D) precomputed embeddings, for example scFoundation's (4, 768).
    """

    case_id: str
    bags: tuple[Bag, ...] = ()
    clinical: Mapping[str, ClinicalValue] | None = None
    rna: Mapping[str, float] | None = None
    mirna: Mapping[str, float] | None = None
    genomic_tokens: NDArray[np.float32] | None = None
    cnv: Mapping[str, float] | None = None
    regions: Regions | None = None


@dataclass(frozen=True, slots=True)
class Inputs:
    """A padded batch, as every model takes it.

    Attributes:
        patches: (B, N, D); padded rows are zero and masked. A slide-level feature vector is a bag of one.
        patch_mask: (B, N), True = real patch.
        tokens: token group name ("clinical": sentences, "genomic": precomputed) -> (B, T, D).
        vectors: vector name ("rna", "mirna", "cnv", "clinical": one-hot and scaled) -> (B, G).
        present: modality -> (B,), True = this case has it. Values of an absent modality are zero and unused.
    """

    patches: Float[Tensor, "B N D"]
    patch_mask: Bool[Tensor, "B N"]
    tokens: Mapping[str, Float[Tensor, "B T E"]] = field(default_factory=dict)
    vectors: Mapping[str, Float[Tensor, "B G"]] = field(default_factory=dict)
    present: Mapping[Modality, Bool[Tensor, " B"]] = field(default_factory=dict)

    def to(self, device: torch.device | str) -> Inputs:
        """The same batch on another device."""
        return Inputs(
            patches=self.patches.to(device),
            patch_mask=self.patch_mask.to(device),
            tokens={name: value.to(device) for name, value in self.tokens.items()},
            vectors={name: value.to(device) for name, value in self.vectors.items()},
            present={name: value.to(device) for name, value in self.present.items()},
        )

    def double(self) -> Inputs:
        """The same batch in float64, for a model in float64."""
        return replace(
            self,
            patches=self.patches.double(),
            tokens={name: value.double() for name, value in self.tokens.items()},
            vectors={name: value.double() for name, value in self.vectors.items()},
        )


@dataclass(frozen=True, slots=True)
class Attention:
    """Raw attention of one direction, before any softmax.

    Attributes:
        logits: (B, H, Q, K); entries of masked keys or queries carry no meaning. Where the model's weights are no
            softmax (a transport plan, a Nystrom product), the logarithm of its non-negative weights.
        query: group that asks ("clinical", "genomic", "pathology", "case" for one learnt query).
        key: group that is looked at.
        softmax_over: what the model's own softmax ran over, in words.
    """

    logits: Float[Tensor, "B H Q K"]
    query: str
    key: str
    softmax_over: str


@dataclass(frozen=True, slots=True)
class Output:
    """What every model returns.

    Attributes:
        logits: (B, K) discrete-hazard logits, or (B, 1) log-hazard.
        kind: which of the two.
        embeddings: name -> (B, E), named "modality" or "modality|other modality that it looked at"; zero where one of
            the modalities in its name is absent. Names with other words ("fused") promise nothing.
        attention: (query, key) -> raw attention; None unless asked for.
    """

    logits: Float[Tensor, "B K"]
    kind: Literal["discrete-hazard", "log-hazard"]
    embeddings: Mapping[str, Float[Tensor, "B E"]]
    attention: Mapping[tuple[str, str], Attention] | None = None

    @property
    def hazards(self) -> Float[Tensor, "B K"]:
        """Conditional probability of the event in each bin, given survival up to it."""
        if self.kind != "discrete-hazard":
            raise TypeError("hazards need a discrete-time model; this model returns a log-hazard")
        return self.logits.sigmoid()

    @property
    def survival(self) -> Float[Tensor, "B K"]:
        """S at the end of each bin."""
        return (1 - self.hazards).cumprod(dim=-1)

    @property
    def risk(self) -> Float[Tensor, " B"]:
        """Higher = worse. Discrete: -sum_k S_k, in [-K, 0]; Cox: the log-hazard itself."""
        if self.kind == "log-hazard":
            return self.logits.squeeze(-1)
        return -self.survival.sum(dim=-1)


@dataclass(frozen=True, slots=True)
class Horizon:
    """Survival probability at one time.

    Attributes:
        months: the time.
        survival: S(t), mean over folds; None where it is undefined.
        spread: standard deviation over folds (ddof 1); None with one fold.
        reason: why `survival` is undefined, else empty.
    """

    months: float
    survival: float | None
    spread: float | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a checkpoint says about one case.

    Attributes:
        checkpoint: name of the checkpoint.
        risk: mean over the folds used; higher = worse.
        risk_per_fold: (F,).
        folds: index of each fold used; a fold that trained on this case is left out when another one exists.
        times: (T,) months, starting at 0.
        survival: (T,) mean S(t) over folds, interpolated between bin edges.
        survival_per_fold: (F, T).
        horizons: 12, 36 and 60 months.
        percentile: share (0 to 100) of the training cohort with a lower out-of-fold risk.
        group: "high" or "low", by the cut-off stored in the checkpoint.
        present: the modalities that the model saw.
        notices: what to know before trusting the numbers.
    """

    case_id: str
    checkpoint: str
    risk: float
    risk_per_fold: NDArray[np.float64]
    folds: tuple[int, ...]
    times: NDArray[np.float64]
    survival: NDArray[np.float64]
    survival_per_fold: NDArray[np.float64]
    horizons: tuple[Horizon, ...]
    percentile: float
    group: Literal["low", "high"]
    present: tuple[Modality, ...]
    notices: tuple[Notice, ...] = ()


@dataclass(frozen=True, slots=True)
class PatchScores:
    """One number per patch of one slide.

    Attributes:
        kind: what the number is, one of `MAP_KINDS`.
        query: group that asks; "risk" where the number says what a patch does to the risk.
        key: group that is looked at.
        token: name of the token, or "all" for the mean over tokens; "all" where no token is asked.
        values: (N,), in `unit`.
        per_fold: (F, N), whose mean is `values`; of ranks, each fold's own.
        n_patches_case: number of patches of the patient over all slides.
        semantics: in words, what was asked of what, which softmax, which heads and folds.
        unit: "share" (non-negative; sums to 1 over all patches of the patient's slides, or, where the patches ask,
            over the tokens), "risk" (signed, adds to the risk), "rank" (signed, -1 to 1).
        detail: (H, F, N) of each attention head, where there are several; their mean is `per_fold`.
        shared_among: number of tokens among which each patch shares its attention; None where tokens share theirs
            among the patches.
    """

    kind: str
    query: str
    key: str
    token: str
    slide_id: str
    values: NDArray[np.float64]
    per_fold: NDArray[np.float64]
    coords: NDArray[np.int64]
    patch_size_level0: int
    n_patches_case: int
    semantics: str
    unit: MapUnit = "share"
    detail: NDArray[np.float32] | None = None
    shared_among: int | None = None

    @property
    def signed(self) -> bool:
        """Whether values below 0 have a meaning."""
        return self.unit != "share"

    @property
    def uniform(self) -> float:
        """What every patch would have if all were alike: 1 / N of the case, or 1 / T tokens; 1 for signed maps."""
        return 1.0 if self.signed else 1 / (self.shared_among or self.n_patches_case)

    @property
    def fold_over_uniform(self) -> NDArray[np.float64]:
        """(N,) share divided by that of a uniform map, 1 = as much as any other; signed values as they are."""
        return self.values / self.uniform

    @property
    def by_head(self) -> NDArray[np.float32]:
        """(H, F, N), as `values`; one head where there are no others."""
        return self.per_fold[None].astype(np.float32) if self.detail is None else self.detail
