"""The default text encoder: deterministic, offline, without weights; near numbers lie near each other."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

DIM = 256
TOKEN = re.compile(r"[^\W\d_]+|[0-9]{1,15}(?:\.[0-9]{1,15})?|\S")
CONTEXT_WORDS = 4
FUNCTION_WORDS = frozenset(
    {
        "a",
        "an",
        "and",
        "at",
        "for",
        "has",
        "in",
        "is",
        "it",
        "of",
        "or",
        "the",
        "there",
        "to",
        "under",
        "was",
        "were",
        "when",
    }
)
STAGES = {"0": 0.0, "i": 1.0, "ii": 2.0, "iii": 3.0, "iv": 4.0}
STAGE_WORD = re.compile(r"\b(stage|grade)\s+(iv|iii|ii|i)([abc]?)\b", re.IGNORECASE)
SCALES = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 512.0, 2048.0)
RELATIVE_SCALE = 1 / 6
SHARES = {"words": 0.35, "letters": 0.15, "numbers": 0.5}


class HashedNgrams:
    """Deterministic embedding without weights: 256 numbers of unit length.

    A sentence becomes three weighted bags of features: words and pairs of words, letter 3- to 5-grams, and numbers.
    A number is a set of Gaussian bumps on grids of several widths, each tied to the word before it, so that near
    values share features ("63 years" lies nearer to "64 years" than to "30 years"); stage and grade in roman numerals
    count as numbers too. Each feature is hashed (SHAKE-256) straight to a row of 256 Gaussian numbers, which is what
    signed feature hashing followed by a seeded Gaussian projection gives, without collisions: Weinberger et al.,
    Feature hashing for large scale multitask learning, ICML 2009; Johnson and Lindenstrauss 1984.
    """

    name = "hashed-ngrams"
    revision = "1"
    dim = DIM

    def encode(self, sentences: Sequence[str]) -> NDArray[np.float32]:
        """(T, 256); an empty sentence is the zero vector."""
        rows = [_embed(sentence) for sentence in sentences]
        return np.array(rows, dtype=np.float32).reshape(len(rows), DIM)


@lru_cache(maxsize=16384)
def _row(feature: str) -> NDArray[np.float64]:
    """(256,) nearly Gaussian numbers of a feature: sums of eight hashed bytes, mean 0, sd 1."""
    raw = np.frombuffer(hashlib.shake_256(feature.encode()).digest(8 * DIM), dtype=np.uint8)
    total = raw.reshape(DIM, 8).sum(axis=1, dtype=np.float64)
    row = (total - 8 * 127.5) / np.sqrt(8 * (256**2 - 1) / 12)
    row.flags.writeable = False
    return row


def _embed(sentence: str) -> NDArray[np.float64]:
    total = np.zeros(DIM)
    for share, features in _features(sentence).items():
        energy = sum(weight**2 for _, weight in features)
        if energy > 0:
            block = np.sum([weight * _row(feature) for feature, weight in features], axis=0)
            total += np.sqrt(SHARES[share] / energy) * block
    norm = np.linalg.norm(total)
    return total / norm if norm > 0 else total


def _features(sentence: str) -> dict[str, list[tuple[str, float]]]:
    text, ordinals = _take_ordinals(sentence.lower())
    tokens = TOKEN.findall(text)
    words = [token for token in tokens if token.isalpha()]
    bags: dict[str, list[tuple[str, float]]] = {"words": [], "letters": [], "numbers": []}
    for word in words:
        bags["words"].append((f"w:{word}", 0.25 if word in FUNCTION_WORDS else 1.0))
        if word not in FUNCTION_WORDS:
            padded = f"<{word}>"
            grams = [padded[i : i + n] for n in (3, 4, 5) for i in range(len(padded) - n + 1)]
            bags["letters"] += [(f"c:{gram}", 1.0) for gram in grams]
    bags["words"] += [(f"b:{a} {b}", 0.5) for a, b in pairwise(words)]
    for i, token in enumerate(tokens):
        if token[0] in "0123456789":
            before = [word for word in tokens[max(0, i - CONTEXT_WORDS) : i] if word.isalpha()]
            content = [word for word in before if word not in FUNCTION_WORDS]
            ordinals.append(((content or before or [""])[-1], float(token)))
    for context, value in ordinals:
        bags["numbers"] += _bumps(f"n:{context}", value)
    return bags


def _take_ordinals(text: str) -> tuple[str, list[tuple[str, float]]]:
    """Roman stages and grades taken out of a text: stage II is 2, IIA 2.25, IIB 2.5."""
    found = [
        (word, STAGES[roman] + (("abc".index(letter) + 1) / 4 if letter else 0.0))
        for word, roman, letter in STAGE_WORD.findall(text)
    ]
    return STAGE_WORD.sub(r"\1", text), found


def _bumps(prefix: str, value: float) -> Iterator[tuple[str, float]]:
    """A Gaussian bump around the value on a grid of each width; widths near a sixth of the value weigh most."""
    typical = max(1.0, RELATIVE_SCALE * value)
    for width in SCALES:
        weight = np.exp(-(np.log(width / typical) ** 2) / 2)
        centres = np.arange(-3, 5) + int(np.floor(value / width))
        heights = np.exp(-((value / width - centres) ** 2) / 2)
        heights *= weight / np.linalg.norm(heights)
        if weight > 0.01:
            yield from ((f"{prefix}:{width}:{at}", float(height)) for at, height in zip(centres, heights, strict=True))
