"""The words beside the embedded descriptor's numbers are those of the encoder and of its documentation."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from survviz.wsi.encoders import EMBEDDED, create_encoder, list_encoders
from survviz.wsi.encoders.meanings import descriptor_meanings, meanings_of

DOCS = Path(__file__).parents[2] / "docs" / "encoders.md"


@pytest.mark.parametrize("encoder", EMBEDDED)
def test_every_number_of_the_encoder_has_a_meaning_in_its_order(encoder: str) -> None:
    meanings = meanings_of(encoder)
    assert meanings is not None
    assert tuple(meaning.name for meaning in meanings) == create_encoder(encoder).feature_names
    assert all(meaning.title and meaning.meaning and meaning.group for meaning in meanings)


def test_numbers_of_foundation_models_have_no_names() -> None:
    assert [name for name in list_encoders() if meanings_of(name) is not None] == list(EMBEDDED)


def test_words_are_those_of_the_documentation() -> None:
    table = dict(re.findall(r"^\| \d+ \| (.+?) \| (.+?) \|$", DOCS.read_text(), flags=re.M))
    assert {one.name: one.meaning for one in descriptor_meanings()} == {
        name: meaning.replace(" um", " µm") for name, meaning in table.items()
    }


def test_natural_numbers_undo_the_encoders_scales() -> None:
    by_name = {one.name: one for one in descriptor_meanings()}
    assert by_name["nuclei, per mm2 (log)"].natural(float(np.log1p(3400 / 100))) == pytest.approx(3400)
    assert by_name["bright red (blood, keratin) area, percent (log)"].natural(np.log1p(7)) == pytest.approx(7)
    assert by_name["nuclear area fraction"].natural(0.25) == 25
    assert by_name["nuclear size, median (um)"].natural(7.5) == 7.5


def test_headlines_are_few_and_carry_a_unit_where_they_count() -> None:
    headlines = [one for one in descriptor_meanings() if one.headline]
    assert 12 <= len(headlines) <= 24
    assert all(one.unit for one in descriptor_meanings() if one.form != "as it is")
