"""What came out of the test of a map, in words and as JSON; `survviz.explain.faithfulness` defines what is tested."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np

from survviz.explain.attention import ALL_TOKENS
from survviz.explain.faithfulness import TESTS, Chance, Curves, Faithfulness, Test
from survviz.explain.sanity import Change
from survviz.pipeline.explanation.maps import MapRequest

FORMAT = "survviz-faithfulness-1"
"""Part of every name: a change of what is tested asks for another one."""
LEVEL = 0.05
"""Above this p a map is not called better than random."""
SMALLEST_SHARE, SMALLEST_POINT = 0.05, 0.01
"""A map whose patches move the risk by less than 5 % of the training cohort's spread (SD), or than what one percentage
point of survival makes, is not called better than random: nothing rests on it. A model that was never trained is so."""
BLIND_WORDS = "blind maps (the features in random directions)"
BAND = (5, 95)
"""Percentiles of the orders of chance between which a chart draws its band."""

Verdict: TypeAlias = Literal["better", "not-better", "refused"]


@dataclass(frozen=True, slots=True)
class MapTest:
    """What came out of the test of one map of one case.

    Attributes:
        request: the map; one token.
        found: curves, mean over the folds.
        change: how much of the map is left when the weights are shuffled.
        smallest_move: of the risk, below which it counts as none.
        n_folds: that were averaged.
    """

    request: MapRequest
    found: Faithfulness
    change: Change
    smallest_move: float
    n_folds: int

    @property
    def moves_little(self) -> bool:
        """Whether the patches that the map names hardly move the risk."""
        return self.found.moves < self.smallest_move

    @property
    def verdict(self) -> Verdict:
        """By deletion, against both kinds of chance."""
        if not self.change.passed:
            return "refused"
        return "better" if self.found.p() <= LEVEL and not self.moves_little else "not-better"

    @property
    def words(self) -> str:
        """What the chip says."""
        return {
            "refused": "refused: hardly changes when the weights are shuffled",
            "better": f"better than random (p = {p_words(self.found.p())})",
            "not-better": "not better than random on this slide",
        }[self.verdict]

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why, in sentences."""
        return tuple(filter(None, (self._refusal(), self._effect(), self._significance(), self._sanity())))

    def _refusal(self) -> str:
        if self.change.passed:
            return ""
        return (
            "The same map of the model with shuffled weights looks nearly the same, so it shows the slide or the "
            "architecture, not what the model has learnt: do not read it as an explanation."
        )

    def _effect(self) -> str:
        found = self.found
        share = f"{100 * found.shares[-1]:.0f} %"
        by_map, by_chance = (found.whole - one.deletion[:, -1].mean() for one in (found.shown, found.random))
        if self.moves_little:
            return (
                f"Without the patches that the map names first, up to {share} of {found.n_patches:,}, the risk moves "
                f"by at most {found.moves:.2g}. That is less than {self.smallest_move:.2g} "
                f"({100 * SMALLEST_SHARE:.0f} % of the spread of risks in training, and no less than one percentage "
                "point of survival): on this case the estimate hardly rests on what the map shows."
            )
        return (
            f"Without the first {share} of {found.n_patches:,} patches the risk goes from {found.whole:.3f} to "
            f"{found.whole - by_map:.3f}; without as many at random, on average to {found.whole - by_chance:.3f}."
        )

    def _significance(self) -> str:
        found = self.found
        blind = "blind maps (of models with shuffled weights)" if self.request.kind == "attention" else BLIND_WORDS
        measure = "falls" if found.signed else "changes"
        return (
            f"By how much the risk {measure} while up to {100 * found.shares[-1]:.0f} % of the patches leave: p = "
            f"{p_words(found.p_against('random'))} against {len(found.random.deletion)} random sets, p = "
            f"{p_words(found.p_against('blind'))} against {len(found.blind.deletion)} {blind}. The larger counts; "
            f"{p_words(found.smallest_p)} is the smallest that so many can show."
        )

    def _sanity(self) -> str:
        n = len(self.change.correlations)
        return (
            f"Rank correlation with the map of the model with shuffled weights: {self.change.agreement:+.2f} "
            f"(mean of {n})."
        )

    def as_json(self) -> dict[str, Any]:
        """Everything, for files and pages; `orders` holds the single curves of chance."""
        found, request = self.found, self.request
        chances = {"random": found.random, "blind": found.blind}
        orders = {name: {test: curves.of(test).round(7).tolist() for test in TESTS} for name, curves in chances.items()}
        return {
            "format": FORMAT,
            "map": map_id(request),
            "verdict": self.verdict, "words": self.words, "reasons": list(self.reasons),
            "signed": found.signed, "p": found.p(), "smallest_p": found.smallest_p,
            "n_patches": found.n_patches, "n_folds": self.n_folds,
            "shares": found.shares.tolist(), "whole": found.whole, "nothing": found.nothing,
            "smallest_move": self.smallest_move,
            "agreement": self.change.agreement, "n_shuffled": len(self.change.correlations),
            "tests": {test: _test_json(found, test) for test in TESTS},
            "orders": orders,
        }  # fmt: skip


def _test_json(found: Faithfulness, test: Test) -> dict[str, Any]:
    chances: dict[Chance, Curves] = {"random": found.random, "blind": found.blind}
    document: dict[str, Any] = {}
    for name, curves in {"shown": found.shown, "even": found.even}.items():
        document[name] = {"curve": curves.of(test)[0].tolist(), "area": float(found.area(curves, test)[0])}
    for name, curves in chances.items():
        low, high = np.percentile(curves.of(test), BAND, axis=0)
        document[name] = {
            "low": low.tolist(), "curve": curves.of(test).mean(axis=0).tolist(), "high": high.tolist(),
            "area": float(found.area(curves, test).mean()), "n": len(curves.deletion),
            "p": found.p_against(name, test),
        }  # fmt: skip
    return document


def p_words(value: float) -> str:
    """A p-value as it is printed: .02, or 1."""
    return "1" if value >= 0.995 else f"{value:.2f}".removeprefix("0")


def map_id(request: MapRequest) -> str:
    """As the server names the map: kind:query:key:token."""
    return f"{request.kind}:{request.query}:{request.key}:{token_of(request)}"


def token_of(request: MapRequest) -> str:
    """The one token that is tested; the mean where none is named."""
    return request.tokens[0] if request.tokens else ALL_TOKENS
