"""Whole sites per fold, with about as many events and cases in each.

A model can learn the laboratory from its stain; on sites that it never saw, that does not help (Howard et al., Nature
Communications 2021: site-preserving cross-validation).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from survviz.errors import InputError

EVENT_WEIGHT = 3.0
"""How much more an uneven number of events counts than an uneven number of cases."""


def site_folds(
    sites: NDArray[np.object_], event: NDArray[np.bool_], n_folds: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """(n,) fold of each case; all cases of a site share one.

    The largest sites are placed first, each where it does least harm, and then moved as long as that helps; the order
    among sites of one size is random.

    Args:
        sites: (n,) name of each case's site.

    Raises:
        InputError: fewer sites than folds, or the sites with events do not reach every fold.
    """
    names, member = np.unique(sites.astype(str), return_inverse=True)
    with_event = len(np.unique(member[event]))
    if with_event < n_folds:
        raise InputError(
            f"{len(names)} sites, {with_event} of them with an event, cannot be divided into {n_folds} folds of whole "
            "sites with an event each. Use fewer folds."
        )
    load = np.stack([np.bincount(member, weights=event), np.bincount(member)], axis=1)  # (sites, 2)
    load = load / load.sum(axis=0) * [EVENT_WEIGHT, 1.0]
    order = rng.permutation(len(names))
    order = order[np.argsort(-load[order].sum(axis=1), kind="stable")]
    fold = np.full(len(names), -1)
    totals = np.zeros((n_folds, 2))
    for site in order:
        fold[site] = np.argmin(_harm(totals, load[site]))
        totals[fold[site]] += load[site]
    _improve(fold, totals, load, order)
    if len(np.unique(fold[member[event]])) < n_folds:
        raise InputError(f"The events lie in too few sites for {n_folds} folds of whole sites. Use fewer folds.")
    return fold[member].astype(np.int64)


def _harm(totals: NDArray[np.float64], load: NDArray[np.float64]) -> NDArray[np.float64]:
    """(folds,) how much the sum of squared loads grows where a site is added to each fold."""
    return ((totals + load) ** 2 - totals**2).sum(axis=1)


def _improve(
    fold: NDArray[np.int64], totals: NDArray[np.float64], load: NDArray[np.float64], order: NDArray[np.int64]
) -> None:
    """Move single sites while the loads get more even; each move lowers the sum of squares, so it ends."""
    moved = True
    while moved:
        moved = False
        for site in order:
            here = fold[site]
            totals[here] -= load[site]
            harm = _harm(totals, load[site])
            best = int(np.argmin(harm))
            if harm[best] < harm[here] - 1e-12:
                fold[site], here, moved = best, best, True
            totals[here] += load[site]
