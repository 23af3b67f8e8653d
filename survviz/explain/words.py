"""What the signed maps mean, in words that stand beside them."""

from __future__ import annotations

from collections.abc import Sequence

from survviz.explain.attention import ALL_TOKENS, LABELS, PATCHES
from survviz.types import LEARNT_QUERY

BASELINE = "the mean training patch"


def of_folds(n_folds: int) -> str:
    """How many models a number is a mean of."""
    return "one model" if n_folds == 1 else f"mean of {n_folds} cross-validation models"


def of_contributions(total: Sequence[float], change: Sequence[float]) -> str:
    """Meaning of contributions.

    Args:
        total: sum of the contributions, per fold.
        change: risk of the case minus risk of the baseline, per fold.
    """
    n = len(total)
    return (
        "Contribution of each patch to the risk: integrated gradients over its standardised features, added up; the "
        f"rest of the case stays as it is. Baseline: {BASELINE} (0) in the place of every patch. Above 0 the patch "
        "pushes the estimate up, below 0 down, against such patches. "
        f"Completeness: sum of contributions {sum(total) / n:+.4f}, change of the risk {sum(change) / n:+.4f}; "
        f"{of_folds(n)}."
    )


def of_perturbation(side: int, n_folds: int, n_patches: int) -> str:
    """Meaning of a perturbation map."""
    what = (
        "each patch is left out by itself"
        if side == 1
        else f"of {n_patches:,} patches, squares of {side} x {side} neighbours are left out together, and the "
        "difference is shared equally among a square's patches"
    )
    return (
        f"Risk of the case minus its risk without the patch: {what}; the model is then shown the case without it, "
        "everything else as it is. Above 0 the patch pushes the estimate up, below 0 down. The values need not add up; "
        f"{of_folds(n_folds)}."
    )


def of_disagreement(query: str, key: str, token: str) -> str:
    """Meaning of a disagreement map."""
    asks, seen = (LABELS.get(name, name) for name in (query, key))
    asks = "model" if query == LEARNT_QUERY else asks
    who = "all tokens" if token == ALL_TOKENS else f"token {token!r}"
    where = f"{asks} → {seen}, {who}" if PATCHES in (query, key) else who
    return (
        f"Percentile rank of attention ({where}) minus percentile rank of the size of the contribution to the risk, "
        "among all patches of the patient. Above 0: looked at more than it moves the estimate; below 0: it moves the "
        "estimate more than it is looked at; 0: both agree. Ranks only: it says nothing about how much."
    )
