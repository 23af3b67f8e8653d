"""Numbers about the nuclei of one H&E patch: how many of which kind, size, shape, arrangement, surroundings."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from survviz.wsi.encoders.he_segment import UM, Nuclei, dilate, find_nuclei
from survviz.wsi.encoders.he_stain import Mask, Numbers, Stains, share

PRIOR = {"size": 7.0, "elongation": 1.5, "fill": 0.92, "stain": 1.0, "texture": 0.15, "distance": 20.0}
PRIOR_WEIGHT = 3.0


def drawn_mean(values: NDArray[np.float64], prior: float) -> float:
    """Mean with the weight of three typical nuclei added, so that few nuclei say little."""
    return (float(values.sum()) + PRIOR_WEIGHT * prior) / (values.size + PRIOR_WEIGHT)


def drawn_quantile(values: NDArray[np.float64], q: float, prior: float) -> float:
    """Quantile, drawn to a typical value when there are few nuclei."""
    if not values.size:
        return prior
    ordered = np.sort(values)
    place = q * (values.size - 1)
    low = int(place)
    found = ordered[low] + (place - low) * (ordered[min(low + 1, values.size - 1)] - ordered[low])
    return (float(found) * values.size + PRIOR_WEIGHT * prior) / (values.size + PRIOR_WEIGHT)


def drawn_spread(values: NDArray[np.float64]) -> float:
    """Standard deviation, drawn to 0 when there are few nuclei."""
    if not values.size:
        return 0.0
    return float(np.sqrt(((values - values.mean()) ** 2).sum() / (values.size + PRIOR_WEIGHT)))


def above(values: NDArray[np.float64], limit: float, width: float) -> NDArray[np.float64]:
    """Soft "greater than": 0.5 at the limit, so that a slightly paler stain does not turn counts over."""
    return 1 / (1 + np.exp((limit - values) / width))


def kinds(nuclei: Nuclei, mm2: float) -> Numbers:
    """Counts per mm2 of nuclei that a pathologist would call by name, by soft limits; log(1 + count / 100)."""
    size, fill = nuclei.size, nuclei.fill
    small, large, giant = 1 - above(size, 8.0, 0.4), above(size, 9.5, 0.4), above(size, 13.5, 0.5)
    tiny, dark = 1 - above(size, 4.8, 0.3), above(nuclei.stain, 0.95, 0.1)
    spindle = above(nuclei.elongation, 1.9, 0.1)
    round_ = 1 - above(nuclei.elongation, 1.6, 0.1)
    named = {
        "nuclei": np.ones(size.shape),
        "lymphocyte-like nuclei (small, dark, round)": small * (1 - tiny) * dark * round_,
        "large nuclei (over 9.5 um)": large,
        "large pale nuclei": large * (1 - dark),
        "large dark nuclei": large * dark,
        "giant nuclei (over 13.5 um)": giant,
        "spindle nuclei": spindle * (1 - tiny),
        "dark fragments (apoptosis, debris)": tiny * above(nuclei.stain, 1.05, 0.1),
        "ragged nuclei": (1 - above(fill, 0.86, 0.02)) * (1 - tiny),
    }
    counts = {name: float(weight.sum()) / mm2 for name, weight in named.items()}
    return {f"{name}, per mm2 (log)": float(np.log1p(count / 100)) for name, count in counts.items()}


def shapes(nuclei: Nuclei) -> Numbers:
    """Distributions of size, shape and chromatin."""
    size, stain = nuclei.size, nuclei.stain
    area = float(nuclei.area.sum())
    weighted = (float((nuclei.area * size).sum()) + 40 * PRIOR_WEIGHT * PRIOR["size"]) / (area + 40 * PRIOR_WEIGHT)
    return {
        "nuclear size, median (um)": drawn_quantile(size, 0.5, PRIOR["size"]),
        "nuclear size, smallest tenth (um)": drawn_quantile(size, 0.1, PRIOR["size"]),
        "nuclear size, largest tenth (um)": drawn_quantile(size, 0.9, PRIOR["size"]),
        "nuclear size, mean by area (um)": weighted,
        "nuclear size, spread (um)": drawn_spread(size),
        "nuclear elongation, mean": drawn_mean(np.minimum(nuclei.elongation, 6.0), PRIOR["elongation"]),
        "nuclear elongation, spread": drawn_spread(np.minimum(nuclei.elongation, 6.0)),
        "nuclear outline, smoothness": drawn_mean(nuclei.fill, PRIOR["fill"]),
        "nuclear darkness, mean": drawn_mean(stain, PRIOR["stain"]),
        "nuclear darkness, spread between nuclei": drawn_spread(stain),
        "nuclear darkness, darkest tenth": drawn_quantile(stain, 0.9, PRIOR["stain"]),
        "chromatin texture inside nuclei, mean": drawn_mean(nuclei.texture, PRIOR["texture"]),
        "chromatin texture inside nuclei, spread": drawn_spread(nuclei.texture),
    }


def arrangement(nuclei: Nuclei) -> Numbers:
    """How close, how clustered and how parallel the nuclei lie, and how unlike their neighbours they are."""
    n = nuclei.size.size
    weight = 1 - 1 / nuclei.elongation
    turn = np.abs((weight * np.exp(2j * nuclei.angle)).sum()) / (weight.sum() + 1.0)
    if n < 2:
        distance, unlike = np.zeros(0), np.zeros(0)
    else:
        centres = np.stack([nuclei.x, nuclei.y], axis=1)
        found, nearest = KDTree(centres).query(centres, k=2)
        distance = np.asarray(found)[:, 1]
        unlike = np.abs(np.log(nuclei.size / nuclei.size[np.asarray(nearest)[:, 1]]))
    return {
        "distance to the nearest nucleus, mean (um)": drawn_mean(np.minimum(distance, 60.0), PRIOR["distance"]),
        "distance to the nearest nucleus, spread (um)": drawn_spread(np.minimum(distance, 60.0)),
        "crowded nuclei (neighbour within 8 um), share": float(np.count_nonzero(distance < 8.0)) / (n + PRIOR_WEIGHT),
        "size difference between neighbours": drawn_mean(unlike, 0.15),
        "nuclei lying parallel": float(turn),
    }


def clustering(nuclei: Nuclei, shape: tuple[int, int]) -> Numbers:
    """Unevenness of nuclear counts over fields of 32 um."""
    rows, columns = max(shape[0] // 32, 1), max(shape[1] // 32, 1)
    place = (np.minimum(nuclei.y // 32, rows - 1) * columns + np.minimum(nuclei.x // 32, columns - 1)).astype(np.intp)
    counts = np.bincount(place, minlength=rows * columns)
    return {
        "nuclear clustering (variance over mean of counts)": float(counts.var()) / (float(counts.mean()) + 0.5),
        "densest 32 um field, nuclei": float(np.log1p(counts.max())),
        "fields of 32 um without a nucleus, share": float(np.count_nonzero(counts == 0)) / counts.size,
    }


def surroundings(nuclei: Nuclei, stains: Stains) -> Numbers:
    """Cytoplasm next to nuclei, and tissue far from any nucleus."""
    tissue = ~stains.clear
    near = nuclei.mask
    rings: list[Mask] = []
    for steps in (3, 2, 5, 8):
        for _ in range(steps):
            near = dilate(near)
        rings.append(near)
    ring = rings[0] & ~nuclei.mask
    n_ring, n_tissue = int(np.count_nonzero(ring)) + 50, int(np.count_nonzero(tissue)) + 50
    nuclear = int(np.count_nonzero(nuclei.mask))
    far = tissue & ~rings[2]
    pink = far & (stains.e > np.float32(0.25))
    return {
        "nuclear area fraction": share(nuclei.mask),
        "nuclear share of tissue (nucleus to cytoplasm)": min(nuclear / n_tissue, 1.0),
        "eosin in the 3 um around nuclei": float((stains.e * ring).sum()) / n_ring,
        "clear halo around nuclei, share": float(np.count_nonzero(ring & stains.clear)) / n_ring,
        "haematoxylin in the 3 um around nuclei": float((stains.h * ring).sum()) / n_ring,
        "tissue further than 5 um from nuclei, share": np.count_nonzero(tissue & ~rings[1]) / n_tissue,
        "tissue further than 10 um from nuclei, share": np.count_nonzero(far) / n_tissue,
        "tissue further than 18 um from nuclei, share": np.count_nonzero(tissue & ~rings[3]) / n_tissue,
        "pink acellular fraction (necrosis, fibrosis, muscle)": share(pink),
        "pale acellular fraction (mucin, oedema)": share(far & ~pink),
    }


def nuclear_numbers(stains: Stains) -> Numbers:
    """Every number about nuclei, in order."""
    nuclei = find_nuclei(stains.h)
    mm2 = stains.h.size * (UM / 1000) ** 2
    return {
        **kinds(nuclei, mm2),
        **shapes(nuclei),
        **arrangement(nuclei),
        **clustering(nuclei, stains.h.shape),
        **surroundings(nuclei, stains),
    }
