"""One record through all of its mechanisms, counted by OpenDP.

A fully adaptive composition (odometer) adds up what every coordinate costs, and a privacy filter around it refuses the
call that would pass the promised epsilon. So a wrong share or scale in our own code ends in an error, not in a release.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from opendp.combinators import make_fully_adaptive_composition, make_privacy_filter
from opendp.domains import atom_domain, vector_domain
from opendp.measurements import make_user_measurement
from opendp.measures import max_divergence
from opendp.metrics import absolute_distance, linf_distance
from opendp.mod import Domain, Measurement, Metric, OpenDPException
from opendp.transformations import make_user_transformation

from survviz.errors import PrivacyError
from survviz.privacy.noise import SLACK, laplace_mechanism, laplace_scale, randomised_response


@dataclass(frozen=True, slots=True)
class Mechanism:
    """What is drawn for one coordinate.

    Attributes:
        epsilon: the coordinate's share, exact.
        categories: number of values of a category; 0 for a number on the lattice.
    """

    epsilon: Fraction
    categories: int = 0

    def scale(self, steps: int) -> float:
        """Laplace scale of a number, in lattice steps."""
        return laplace_scale(self.epsilon, steps)

    @property
    def promised(self) -> Fraction:
        """What a randomised response really takes: its share less the slack of all rounding."""
        return self.epsilon * SLACK

    @property
    def false_answer(self) -> float:
        """Probability that a category is answered with another value."""
        tail = math.exp(-float(self.epsilon)) * (self.categories - 1)
        return tail / (1 + tail)


def draw_all(codes: Sequence[int], mechanisms: Sequence[Mechanism], epsilon: float, steps: int) -> list[int]:
    """Noised codes of one record, at no more than epsilon in all.

    Args:
        codes: integers in [0, steps], or places in a list of values.
        mechanisms: one per code.
        epsilon: what the filter lets through for any two records.

    Raises:
        PrivacyError: the mechanisms together cost more.
    """
    odometer = make_fully_adaptive_composition(*_records(), max_divergence())
    filtered = make_privacy_filter(odometer, d_in=steps, d_out=epsilon)(list(codes))
    try:
        return [filtered(_on_coordinate(place, mechanism, steps)) for place, mechanism in enumerate(mechanisms)]
    except OpenDPException as error:
        asked = float(sum(mechanism.epsilon for mechanism in mechanisms))
        raise PrivacyError(f"OpenDP refused: {asked:g} was asked, {epsilon:g} promised ({error.message}).") from error


def _records() -> tuple[Domain, Metric]:
    """Integer vectors; any two records lie within the lattice's steps of each other in every coordinate."""
    return vector_domain(atom_domain(T="i64")), linf_distance(T="i64")


def _on_coordinate(place: int, mechanism: Mechanism, steps: int) -> Measurement:
    """The mechanism of one coordinate as a measurement of the whole record."""
    domain, metric = _records()
    if mechanism.categories:
        share = mechanism.promised
        return make_user_measurement(
            domain,
            metric,
            max_divergence(),
            lambda codes: randomised_response(codes[place], mechanism.categories, share),
            lambda distance: float(share) if distance else 0.0,
            TO="i64",
        )
    pick = make_user_transformation(
        domain,
        metric,
        atom_domain(T="i64"),
        absolute_distance(T="i64"),
        lambda codes: codes[place],
        lambda distance: distance,
    )
    return pick >> laplace_mechanism(mechanism.scale(steps))
