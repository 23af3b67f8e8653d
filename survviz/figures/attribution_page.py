"""What the evidence of a case adds to its estimate, as one offline page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from survviz.figures.attribution import Evidence, Explained, feature_figure, plain, signed, waterfall_figure
from survviz.figures.html_page import Section, Table, html_page

SHOWN = 20
"""Pieces of a level that are drawn; the CSV has all."""


def attribution_page(
    title: str,
    description: str,
    *,
    explained: Explained,
    modalities: Sequence[Evidence],
    levels: Mapping[str, Sequence[Evidence]],
    reference: float,
    output: float,
    gap: float,
    footer: str,
) -> str:
    """Modalities, then the pieces of each level that push most.

    Args:
        description: case, model and method, in words.
        modalities: as they are drawn, from top to bottom.
        levels: name in words -> its pieces, largest first.
        reference, output: what is explained, of the baseline and of the case.
        gap: largest completeness error of a model, share of the change.
    """
    total = sum(one.value for one in modalities)
    check = (
        f"{explained.target.capitalize()} {plain(output, 3)}, of the baseline ({explained.baseline}) "
        f"{plain(reference, 3)}. Sum of attributions {signed(total, 3)}, change {signed(output - reference, 3)}; "
        f"largest gap in a model {gap:.2%}."
    )
    sections = [
        Section(
            "By modality",
            check,
            (_table(modalities),),
            figure=waterfall_figure(modalities, reference, output, explained),
        )
    ]
    for name, pieces in levels.items():
        shown = pieces[:SHOWN]
        facts = f"The {len(shown)} of {len(pieces)} that push most." if len(pieces) > len(shown) else ""
        sections.append(Section(name, facts, (_table(shown),), figure=feature_figure(shown, explained)))
    reading = (
        f"Above 0 a piece pushes the {explained.target} up, below 0 down, against the baseline. A push says what the "
        "model's estimate rests on, not what made the disease. Vermillion is towards the worse outcome."
    )
    return html_page(title, description, reading=reading, footer=footer, sections=sections)


def _table(pieces: Sequence[Evidence]) -> Table:
    rows = [(one.name, signed(one.value, 4), "" if one.sd is None else f"{one.sd:.4f}", one.own) for one in pieces]
    return Table("", ("", "pushes", "SD over models", "own value"), rows)
