"""Patch encoders by name: an embedded descriptor that needs nothing, and foundation models that a user has."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from survviz.errors import InputError, UnknownNameError
from survviz.wsi.encoders.model_specs import CONCH_REASON, GENERIC, SPECS, ModelSpec

DEFAULT_ENCODER = "he-descriptor"
COARSE_PATCHES = {"he-descriptor-2um": 64, "he-descriptor-2um-region": 256}
"""Embedded descriptors for 2 um per pixel -> side of their patches: 128 um, and a field of 512 um as one patch."""

EMBEDDED = (DEFAULT_ENCODER, *COARSE_PATCHES)


@runtime_checkable
class Encoder(Protocol):
    """Turns patches into numbers; frozen, and the same for a patch whatever else is in the batch.

    Attributes:
        name: as in the registry.
        revision: what pins its code or its weights.
        dim: D.
        patch_px: side of the patches it expects.
        mpp: um per pixel it expects.
        feature_names: what each number means, where that can be said.
    """

    name: str
    revision: str
    dim: int
    patch_px: int
    mpp: float
    feature_names: tuple[str, ...] | None

    def encode(self, patches: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(B, H, W, 3) RGB to (B, D)."""
        ...


Factory = Callable[[str | Path | None, str], Encoder]


def create_descriptor(weights: str | Path | None, device: str) -> Encoder:
    """The embedded default; it runs on the CPU whatever device is asked for."""
    from survviz.wsi.encoders.he_descriptor import HEDescriptor

    refuse_weights(DEFAULT_ENCODER, weights)
    return HEDescriptor()


def create_coarse_descriptor(name: str) -> Factory:
    """What makes an embedded descriptor for 2 um per pixel."""

    def create(weights: str | Path | None, device: str) -> Encoder:
        from survviz.wsi.encoders.he_coarse import CoarseHEDescriptor

        refuse_weights(name, weights)
        return CoarseHEDescriptor(name, COARSE_PATCHES[name])

    return create


def refuse_weights(name: str, weights: str | Path | None) -> None:
    """Raise where weights are given to an encoder that has none."""
    if weights is not None:
        raise InputError(f"Encoder {name!r} has no weights, but {str(weights)!r} was given; leave it out.")


def create_timm(spec: ModelSpec) -> Factory:
    """What makes an encoder of this spec; timm and torch are imported only when it is called."""

    def create(weights: str | Path | None, device: str) -> Encoder:
        from survviz.wsi.encoders.timm_encoder import TimmEncoder

        return TimmEncoder(spec, weights, device)

    return create


FACTORIES: dict[str, Factory] = {
    DEFAULT_ENCODER: create_descriptor,
    **{name: create_coarse_descriptor(name) for name in COARSE_PATCHES},
    **{name: create_timm(spec) for name, spec in SPECS.items()},
    GENERIC.name: create_timm(GENERIC),
}


def list_encoders() -> list[str]:
    """Names that `create_encoder` takes, the embedded default first."""
    return list(FACTORIES)


def create_encoder(name: str = DEFAULT_ENCODER, *, weights: str | Path | None = None, device: str = "cpu") -> Encoder:
    """Make an encoder.

    Args:
        weights: for foundation models a local folder or file, or "hub:ORG/NAME", which alone uses the network.
        device: "cpu", "cuda", "cuda:1"; the embedded descriptor always uses the CPU.

    Raises:
        UnknownNameError: no encoder has this name.
        InputError: weights are missing, not wanted, or do not fit the model.
    """
    if name == "conch":
        raise InputError(CONCH_REASON)
    if name not in FACTORIES:
        raise UnknownNameError("encoder", name, FACTORIES)
    return FACTORIES[name](weights, device)
