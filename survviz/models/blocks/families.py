"""The six gene families of the multimodal survival models, as MCAT, MOTCat and CMTA take them from RNA alone.

They stand for the shape that was published: columns of a vector that holds the families one after another. A cohort's
own columns, where a gene may be in two families, come with its configuration.
"""

from __future__ import annotations

from itertools import accumulate

FAMILY_SIZES: dict[str, int] = {
    "Tumour suppressors": 53,
    "Oncogenes": 173,
    "Protein kinases": 216,
    "Cell differentiation markers": 252,
    "Transcription factors": 387,
    "Cytokines and growth factors": 200,
}
"""Family -> genes among the 4,999 of the survival comparisons, in the order of the tokens."""


def consecutive(sizes: dict[str, int]) -> dict[str, tuple[int, ...]]:
    """Name -> columns, one group after another."""
    ends = accumulate(sizes.values())
    return {name: tuple(range(end - size, end)) for (name, size), end in zip(sizes.items(), ends, strict=True)}


FAMILIES: dict[str, tuple[int, ...]] = consecutive(FAMILY_SIZES)
"""Family -> columns of an expression vector that holds the families one after another."""

N_FAMILY_GENES: int = sum(FAMILY_SIZES.values())
"""Width of that vector."""
