"""Coins of exactly the right, possibly irrational, probability.

A coin falls heads where a uniform number, drawn bit by bit from the operating system, is below the probability. Both
are only known up to an interval; more bits and more digits are taken until the intervals part.
"""

from __future__ import annotations

import decimal
import math
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

import numpy as np
from jaxtyping import Bool
from numpy.typing import NDArray

Bits = Callable[[int], int]  # so many random bits as an integer
FIRST_DIGITS = 40
FIRST_BITS = 64


@dataclass(frozen=True, slots=True)
class Enclosure:
    """A positive real number known to lie in [low, high]."""

    low: Fraction
    high: Fraction

    def __mul__(self, other: Enclosure) -> Enclosure:
        return Enclosure(self.low * other.low, self.high * other.high)

    def __truediv__(self, other: Enclosure) -> Enclosure:
        return Enclosure(self.low / other.high, self.high / other.low)

    def __add__(self, number: int) -> Enclosure:
        return Enclosure(self.low + number, self.high + number)

    def __rsub__(self, number: int) -> Enclosure:
        return Enclosure(number - self.high, number - self.low)


Probability = Callable[[int], Enclosure]  # decimal digits -> enclosure; narrower with more digits


def exponential(exponent: Fraction, digits: int) -> Enclosure:
    """e^exponent to so many decimal digits. `decimal` rounds its exponential correctly; one more unit is given."""
    context = decimal.Context(prec=digits, Emin=decimal.MIN_EMIN, Emax=decimal.MAX_EMAX)

    def at(rounding: str, widen: Callable[[Decimal], Decimal]) -> Fraction:
        context.rounding = rounding
        argument = context.divide(Decimal(exponent.numerator), Decimal(exponent.denominator))
        return Fraction(widen(context.exp(argument)))

    return Enclosure(at(decimal.ROUND_FLOOR, context.next_minus), at(decimal.ROUND_CEILING, context.next_plus))


def bernoulli(probability: Probability, bits: Bits = secrets.randbits) -> bool:
    """True with exactly this probability, which must lie strictly between 0 and 1."""
    drawn, count, digits = bits(FIRST_BITS), FIRST_BITS, FIRST_DIGITS
    while True:
        enclosure = probability(digits)
        if Fraction(drawn + 1, 1 << count) <= enclosure.low:
            return True
        if Fraction(drawn, 1 << count) >= enclosure.high:
            return False
        drawn = (drawn << FIRST_BITS) | bits(FIRST_BITS)
        count, digits = count + FIRST_BITS, digits + FIRST_DIGITS


def bernoulli_many(
    probability: Probability, count: int, random_bytes: Callable[[int], bytes] = os.urandom
) -> Bool[NDArray, " count"]:
    """As many independent coins of one probability; most are decided by comparing 64 bits at once."""
    enclosure, whole = probability(FIRST_DIGITS), 1 << FIRST_BITS
    drawn = np.frombuffer(random_bytes(8 * count), dtype="<u8")
    surely, possibly = math.floor(enclosure.low * whole), math.ceil(enclosure.high * whole) - 1
    heads = drawn < np.uint64(min(max(surely, 0), whole - 1))
    open_ones = ~heads & (drawn <= np.uint64(min(possibly, whole - 1)))
    for place in np.flatnonzero(open_ones):
        heads[place] = bernoulli(probability, _after(int(drawn[place]), random_bytes))
    return heads


def _after(first: int, random_bytes: Callable[[int], bytes]) -> Bits:
    """Bits that begin with those already drawn."""
    begun = [first]

    def bits(count: int) -> int:
        return begun.pop() if begun else int.from_bytes(random_bytes(count // 8), "little")

    return bits
