"""The named numbers of one patch, and where they lie among the slide's patches and the training patches."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from survviz.errors import InputError
from survviz.figures.gallery import shuffled
from survviz.server import store
from survviz.server.feature_files import bag_of, standard_of
from survviz.server.map_files import known_mpp
from survviz.server.register import render_patch
from survviz.server.store import Grant
from survviz.types import Bag
from survviz.wsi.encoders.meanings import descriptor_meanings, meanings_of

COMPARED = 48
"""Random patches of a slide that a patch is compared with, where the numbers have to be measured from the pixels."""


def describe_patch(grant: Grant, bag: Bag, index: int) -> dict[str, Any]:
    """Named descriptors of a patch: from its features where they have names, else measured from its pixels.

    Returns:
        {encoder, source: "features" | "pixels" | null, compared: words, training: words, reason, rows: [{name, title,
        unit, meaning, group, headline, value, percentile, z}]}; `value` is in `unit`, `percentile` (0 to 100) among
        `compared`, `z` in sd from the mean of the training patches, null where that is not known.
    """
    base = {"encoder": bag.encoder, "reason": "", "training": ""}
    if meanings_of(bag.encoder) is None:
        try:
            values = _measured(grant, index)
            others = _measured_sample(grant.token, grant.owner)
        except InputError as error:
            return {**base, "source": None, "compared": "", "reason": str(error), "rows": []}
        compared = f"{len(others)} random patches of this slide"
        return {**base, "source": "pixels", "compared": compared, "rows": _rows(values, others, None)}
    standard, from_training = standard_of(grant)
    z = standard.z(bag.features[index]) if from_training else None
    return {
        **base,
        "source": "features",
        "compared": f"the {len(bag):,} patches of this slide",
        "training": "sd from the mean of the training patches" if from_training else "",
        "rows": _rows(bag.features[index].astype(np.float64), bag.features, z),
    }


def percentiles_among(values: NDArray[np.floating], others: NDArray[np.floating]) -> NDArray[np.float64]:
    """(D,) share in percent of the others (N, D) that lie below each value (D,); ties count half."""
    below = (others < values).sum(axis=0) + 0.5 * (others == values).sum(axis=0)
    return 100 * below / max(len(others), 1)


def _rows(
    values: NDArray[np.floating], others: NDArray[np.floating], z: NDArray[np.floating] | None
) -> list[dict[str, Any]]:
    percentiles = percentiles_among(values.astype(others.dtype), others)
    return [
        {
            "name": meaning.name,
            "title": meaning.title,
            "unit": meaning.unit,
            "meaning": meaning.meaning,
            "group": meaning.group,
            "headline": meaning.headline,
            "value": float(f"{meaning.natural(float(values[i])):.6g}"),
            "percentile": round(float(percentiles[i]), 1),
            "z": None if z is None else round(float(z[i]), 2),
        }
        for i, meaning in enumerate(descriptor_meanings())
    ]


def _measured(grant: Grant, index: int) -> NDArray[np.float32]:
    """(118,) descriptors of a patch's pixels at 0.5 um per pixel.

    Raises:
        InputError: there is no slide file, or its pixel size is not known.
    """
    from survviz.wsi.encoders.he_descriptor import MIN_SIDE, HEDescriptor

    bag = bag_of(grant)
    slide = grant.payload["slide"] and store.get(grant.payload["slide"], "slide", grant.owner)
    if not slide:
        raise InputError(
            f"The numbers of {bag.encoder} have no names, and the slide file, from which named ones could be measured, "
            "is not available."
        )
    mpp, _ = known_mpp(slide)
    if mpp is None:
        raise InputError(
            "The slide's pixel size is not known, so nothing in it can be measured. Enter it when loading."
        )
    px = max(round(bag.patch_size_level0 * mpp / HEDescriptor.mpp), MIN_SIDE)
    x, y = (int(value) for value in bag.coords[index])
    return HEDescriptor().encode(render_patch(slide, x, y, bag.patch_size_level0, px)[None])[0]


@lru_cache(maxsize=16)
def _measured_sample(token: str, owner: str) -> NDArray[np.float32]:
    """(48, 118) of random patches, the same for a slide every time."""
    grant = store.get(token, "features", owner)
    if grant is None:
        raise InputError("This slide is not registered for this browser. Load the case again.")
    chosen = shuffled(len(bag_of(grant)))[:COMPARED]
    return np.stack([_measured(grant, int(index)) for index in chosen])
