"""Patch features of the training slides: mean and sd to standardise with, and how far a patch usually lies out."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from survviz.data.omics import compact
from survviz.errors import InputError
from survviz.types import Bag

SD_FLOOR = 1e-4
CLIP = 10.0
SAMPLE = 8192
MAX_COMPONENTS = 16
QUANTILE = 0.99


@dataclass(frozen=True, slots=True)
class PatchStatistics:
    """What the training patches look like, as a Gaussian with a few free directions (probabilistic PCA).

    Attributes:
        mean, sd: (D,); sd is 0 for a feature that did not change in training.
        components: (k, D) orthonormal directions of standardised space; variances: (k,) along them.
        noise: variance in every other direction.
        limit: 0.99 quantile of the training patches' distance.
        n_patches, n_slides: what it was fitted on.
    """

    encoder: str
    encoder_revision: str
    mpp: float
    mean: NDArray[np.float64]
    sd: NDArray[np.float64]
    components: NDArray[np.float64]
    variances: NDArray[np.float64]
    noise: float
    limit: float
    n_patches: int
    n_slides: int

    @property
    def dim(self) -> int:
        """Width of the features."""
        return len(self.mean)

    @classmethod
    def fit(cls, bags: Iterable[Bag], n_bags: int) -> Self:
        """One pass over the training bags: exact mean and sd, and a seeded sample of patches for the rest.

        The distance is Mahalanobis' under probabilistic PCA (Tipping and Bishop 1999), divided by sqrt(D).

        Raises:
            InputError: no patch, or bags of different encoders, widths or resolutions.
        """
        count, total, square, shift = 0, np.zeros(0), np.zeros(0), np.zeros(0)
        first: Bag | None = None
        sample: list[NDArray[np.float32]] = []
        share = int(np.clip(SAMPLE // max(n_bags, 1), 1, 512))  # memory stays flat in slides
        for bag in bags:
            if not len(bag):
                continue
            features = np.asarray(bag.features, dtype=np.float64)
            if first is None:
                first, shift = bag, features.mean(axis=0)
                total, square = np.zeros_like(shift), np.zeros_like(shift)
            _same_kind(first, bag)
            centred = features - shift
            count, total, square = count + len(features), total + centred.sum(axis=0), square + (centred**2).sum(axis=0)
            sample.append(_some(bag, share))
        if first is None:
            raise InputError(
                "The training cases have no encoded patches. Extract their slides, or leave pathology out."
            )
        sd = np.sqrt(np.maximum(square / count - (total / count) ** 2, 0))
        return cls._with_limit(first, shift + total / count, sd, np.concatenate(sample), count, len(sample))

    @classmethod
    def _with_limit(
        cls,
        first: Bag,
        mean: NDArray[np.float64],
        sd: NDArray[np.float64],
        sample: NDArray[np.float32],
        n_patches: int,
        n_slides: int,
    ) -> Self:
        """Numbers rounded as they are stored, then directions and limit of the sample."""
        sd = np.array(compact(np.where(sd > SD_FLOOR * _typical(sd), sd, 0)))
        mean = np.array(compact(mean))
        z = (sample.astype(np.float64) - mean) / _divisor(sd)
        components, variances, noise = _principal(z)
        draft = cls(
            encoder=first.encoder,
            encoder_revision=first.encoder_revision,
            mpp=float(first.mpp),
            mean=mean,
            sd=sd,
            components=components,
            variances=variances,
            noise=noise,
            limit=np.inf,
            n_patches=n_patches,
            n_slides=n_slides,
        )
        return replace(draft, limit=float(f"{np.quantile(draft._distance(z), QUANTILE):.7g}"))

    def standardise(self, bag: Bag) -> NDArray[np.float32]:
        """(N, D) features with the training mean taken off, in training sd, within ±10.

        A feature that did not change in training is 0: no weight has learned what it means.

        Raises:
            InputError: the bag was made by another encoder, or its width differs.
        """
        self.fits(bag)
        mean, factor = self.scale()
        return np.clip((bag.features.astype(np.float32) - mean) * factor, -CLIP, CLIP)

    def outlyingness(self, bag: Bag) -> NDArray[np.float64]:
        """(N,) distance of each patch, in units of `limit`: 99 % of the training patches lie below 1."""
        return self._distance(self._z(bag).astype(np.float64)) / self.limit

    def scale(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """(D,) mean and factor of `standardise`; the factor is 0 for a feature that did not change."""
        factor = np.divide(1, self.sd, out=np.zeros_like(self.sd), where=self.sd > 0)
        return self.mean.astype(np.float32), factor.astype(np.float32)

    def fits(self, bag: Bag) -> None:
        """See that a bag is of the kind that this was fitted on.

        Raises:
            InputError: the bag was made by another encoder, or its width differs.
        """
        if bag.encoder and self.encoder and bag.encoder != self.encoder:
            raise InputError(
                f"Slide {bag.slide_id} was encoded by {bag.encoder!r}, but this model was trained on {self.encoder!r} "
                f"features. Extract it again with encoder {self.encoder!r}."
            )
        if bag.features.ndim != 2 or bag.features.shape[1] != self.dim:
            raise InputError(
                f"Slide {bag.slide_id} has features of shape {bag.features.shape}; this model takes {self.dim} numbers "
                f"per patch ({self.encoder}). Extract it again with that encoder."
            )

    def _z(self, bag: Bag) -> NDArray[np.float32]:
        self.fits(bag)
        centred = bag.features.astype(np.float32) - self.mean.astype(np.float32)
        return centred / _divisor(self.sd).astype(np.float32)

    def _distance(self, z: NDArray[np.floating]) -> NDArray[np.float64]:
        along = z @ self.components.T
        rest = np.maximum((z**2).sum(axis=1) - (along**2).sum(axis=1), 0)
        return np.sqrt(((along**2 / self.variances).sum(axis=1) + rest / self.noise) / self.dim)

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        names = ("encoder", "encoder_revision", "mpp", "noise", "limit", "n_patches", "n_slides")
        arrays = {"mean": compact(self.mean), "sd": compact(self.sd), "variances": compact(self.variances)}
        rows = [compact(row) for row in self.components]
        return {name: getattr(self, name) for name in names} | arrays | {"components": rows}

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Self:
        """Back from the JSON form."""
        arrays = {name: np.array(value[name], dtype=np.float64) for name in ("mean", "sd", "variances")}
        components = np.array(value["components"], dtype=np.float64).reshape(
            len(arrays["variances"]), len(arrays["mean"])
        )
        return cls(**{**value, **arrays, "components": components})


def _typical(sd: NDArray[np.float64]) -> float:
    return float(np.median(sd[sd > 0])) if (sd > 0).any() else 1.0


def _divisor(sd: NDArray[np.float64]) -> NDArray[np.float64]:
    """The sd; for a feature that never changed a tiny one, so that any change counts as unusual."""
    return np.where(sd > 0, sd, SD_FLOOR * _typical(sd))


def _same_kind(first: Bag, bag: Bag) -> None:
    if bag.features.shape[1] != first.features.shape[1] or bag.encoder != first.encoder:
        raise InputError(
            f"Slide {bag.slide_id} has {bag.features.shape[1]} features of {bag.encoder!r}, slide {first.slide_id} has "
            f"{first.features.shape[1]} of {first.encoder!r}. Extract all slides with one encoder."
        )
    if abs(bag.mpp / first.mpp - 1) > 0.1:
        raise InputError(
            f"Slide {bag.slide_id} was encoded at {bag.mpp:g} um/px and slide {first.slide_id} at {first.mpp:g}. "
            "Extract all slides at one resolution."
        )


def _some(bag: Bag, n: int) -> NDArray[np.float32]:
    """At most n patches, chosen by a seed made of the slide's name."""
    if len(bag) <= n:
        return np.asarray(bag.features, dtype=np.float32)
    seed = int.from_bytes(hashlib.sha256(bag.slide_id.encode()).digest()[:8], "big")
    rows = np.sort(np.random.default_rng(seed).choice(len(bag), n, replace=False))
    return np.asarray(bag.features[rows], dtype=np.float32)


def _principal(z: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Leading directions, their variances, and the mean variance of the rest; deterministic in sign."""
    dim = z.shape[1]
    k = min(MAX_COMPONENTS, dim // 4, len(z) // 8)
    values, vectors = np.linalg.eigh(np.cov(z, rowvar=False, ddof=0).reshape(dim, dim))
    values, vectors = np.maximum(values[::-1], 0), vectors[:, ::-1].T
    noise = float(f"{max(values[k:].mean(), 1e-6):.7g}")
    components = vectors[:k]
    signs = np.sign(components[np.arange(k), np.abs(components).argmax(axis=1)]) if k else np.ones(0)
    rows = np.array([compact(row) for row in components * signs[:, None]]).reshape(k, dim)
    return rows, np.array(compact(np.maximum(values[:k], noise))), noise
