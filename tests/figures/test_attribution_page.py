"""The page of an attribution: what it says, that it fetches nothing, that names are not markup."""

from __future__ import annotations

import re
from dataclasses import dataclass

from survviz.figures.attribution import Explained
from survviz.figures.attribution_page import SHOWN, attribution_page


@dataclass(frozen=True)
class Part:
    name: str
    value: float
    sd: float | None = 0.1
    own: str = "z = +1.0"


def page(genes: int = 3) -> str:
    return attribution_page(
        "Why: <b>",
        "By hand.",
        explained=Explained("risk score", "training mean"),
        modalities=[Part("clinical", 0.5), Part("genomic", -0.2)],
        levels={"Genes": [Part(f"GENE{i}", 0.1 / (i + 1)) for i in range(genes)]},
        reference=-2.0,
        output=-1.7,
        gap=0.004,
        footer="Baseline: the mean of the training cases",
    )


def test_sum_change_gap_and_baseline_are_said() -> None:
    text = page()
    assert "Risk score −1.700, of the baseline (training mean) −2.000." in text
    assert "Sum of attributions +0.300, change +0.300; largest gap in a model 0.40%." in text
    assert "Baseline: the mean of the training cases. For Research Use Only." in text
    assert "pushes the risk score up" in text


def test_only_the_pieces_that_push_most_are_drawn_and_the_page_says_so() -> None:
    text = page(genes=SHOWN + 5)
    assert f"The {SHOWN} of {SHOWN + 5} that push most." in text
    assert f"GENE{SHOWN - 1}<" in text
    assert f"GENE{SHOWN}<" not in text


def test_nothing_is_fetched_and_names_are_not_markup() -> None:
    text = page()
    assert "<h1>Why: &lt;b&gt;</h1>" in text
    assert not re.search(r"<(script|link|img)[^>]+(src|href)=", text)
