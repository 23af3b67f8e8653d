"""A little of the fuzzing (docs/attacks.md) in every run of the tests: known damages from known seeds, no fuzzer."""

from __future__ import annotations

import contextlib
import random
import warnings
from collections import Counter

import pytest

from benchmarks.fuzz.damage import damaged_json, damaged_text
from benchmarks.fuzz.targets import TARGETS
from benchmarks.slide_fuzz import fuzz, mutated
from survviz.errors import SurvvizError

ROUNDS = 12
LARGEST = 1 << 20


@pytest.mark.parametrize("name", TARGETS)
def test_a_damaged_input_is_read_or_refused_in_words(name: str) -> None:
    parser, form = TARGETS[name].load(), TARGETS[name].form
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of libraries, on damaged input
        for seed in parser.seeds:
            inputs: list[bytes | None] = [seed, b"", b"\xff" * 8]
            for number in range(ROUNDS):
                inputs.append(mutated(seed, random.Random(number)))
                if form == "json":
                    inputs.append(damaged_json(seed, LARGEST, number))
                elif form == "text":
                    inputs.append(damaged_text(seed, LARGEST, number, parser.words))
            for one in inputs:
                if one is not None:
                    with contextlib.suppress(SurvvizError):
                        parser.run(one)


@pytest.mark.slow
def test_mutated_files_of_every_kind_are_contained() -> None:
    rows = list(fuzz(0, 42, None))
    assert len(rows) == 42
    outcomes = Counter(str(row["outcome"]) for row in rows)
    assert outcomes["failure"] == 0, [row for row in rows if row["outcome"] == "failure"]
    assert outcomes["read"] > 0 < outcomes["refused"]
