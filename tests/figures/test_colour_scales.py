"""Colours and their places, against closed forms and against the browser's own code."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import rankdata

from survviz.errors import InputError, UnknownNameError
from survviz.figures.colours import COLOUR_TABLES, SIGNED_TABLE, colour_table, translucent
from survviz.figures.legend import bar_ticks, bar_title, threshold_text
from survviz.figures.patch_map import PatchMap
from survviz.figures.scaling import SCALES, Look, colour_places, colours_of, ranks_among, summarise
from survviz.types import PatchScores

WEB = Path(__file__).parents[2] / "survviz" / "server" / "web"
EVEN = [name for name in COLOUR_TABLES if name != "jet"]


def map_of(values: list[float] | NDArray[np.float64], nature: str = "share") -> PatchMap:
    """A map of these shown values."""
    shown = np.array(values, dtype=np.float32)
    coords = np.stack([np.arange(len(shown)) * 32, np.zeros(len(shown), int)], axis=1).astype(np.int32)
    signed = {"nature": nature, "unit": "risk"} if nature == "signed" else {"nature": nature}
    return PatchMap("attention", "clinical", "pathology", "all", "s", shown, coords, 32, 1 / 6, **signed)  # type: ignore[arg-type]


def places(patch_map: PatchMap, look: Look | None = None) -> NDArray[np.float32]:
    return colour_places(patch_map, look or Look(), summarise([patch_map]))


def test_uniform_map_sits_in_the_middle_of_the_log_scale(scores_of: Callable[..., PatchScores]) -> None:
    np.testing.assert_allclose(places(PatchMap.of_scores(scores_of([0.25] * 4))), 0.5)


def test_log_scale_spans_a_sixteenth_to_sixteen_times_uniform() -> None:
    np.testing.assert_allclose(places(map_of([1 / 16, 16, 4, 1])), [0, 1, 0.75, 0.5])
    np.testing.assert_allclose(places(map_of([1 / 4, 4, 2, 1]), Look(range=2)), [0, 1, 0.75, 0.5])


def test_zero_attention_is_drawn_in_the_lowest_colour_and_hidden_by_any_threshold() -> None:
    patch_map = map_of([0.0, 1.0])
    summary = summarise([patch_map])
    np.testing.assert_array_equal(colours_of(patch_map, Look(), summary)[0], [*colour_table()[0], 255])
    assert colours_of(patch_map, Look(threshold=0.01), summary)[:, 3].tolist() == [0, 255]


def test_a_patch_without_a_value_is_never_drawn() -> None:
    patch_map = map_of([np.nan, 1.0])
    for scale in SCALES["share"]:
        colours = colours_of(patch_map, Look(scale=scale), summarise([patch_map]))
        assert colours[:, 3].tolist() == [0, 255]


@given(st.lists(st.floats(0, 1, width=32), min_size=2, max_size=40))
def test_percentiles_are_average_ranks(values: list[float]) -> None:
    known = np.sort(np.array(values))
    np.testing.assert_allclose(ranks_among(np.array(values), known), (rankdata(values) - 1) / (len(values) - 1))


def test_ranks_and_ends_are_over_all_slides_of_the_case() -> None:
    here, there = map_of([1.0, 2.0]), map_of([3.0, 4.0, 5.0])
    summary = summarise([here, there])
    np.testing.assert_allclose(colour_places(here, Look(scale="rank"), summary), [0, 0.25])
    np.testing.assert_allclose(colour_places(here, Look(scale="raw"), summary), [0.2, 0.4])


def test_signed_scale_is_symmetric_about_the_middle(signed_map: PatchMap) -> None:
    found = places(signed_map)
    assert found[2] == 0.5
    np.testing.assert_allclose(found[1] - 0.5, 0.5 - found[4])
    np.testing.assert_allclose(places(replace(signed_map, values=-signed_map.values)), 1 - found, atol=1e-7)


def test_threshold_of_a_signed_map_hides_small_sizes_on_both_sides(signed_map: PatchMap) -> None:
    colours = colours_of(signed_map, Look(threshold=0.4), summarise([signed_map]))
    assert (colours[:, 3] > 0).tolist() == [True, False, False, True, False, False]


@pytest.mark.parametrize(("nature", "scale"), [(nature, scale) for nature in SCALES for scale in SCALES[nature]])
def test_every_scale_keeps_the_order_of_patches_and_labels_its_bar(nature: str, scale: str) -> None:
    patch_map = map_of(np.random.default_rng(0).normal(0 if nature == "signed" else 9, 1, 50), nature)
    look = Look(scale=scale, threshold=0.3)
    assert (np.diff(places(patch_map, look)[np.argsort(patch_map.values, kind="stable")]) >= 0).all()
    ticks = bar_ticks(patch_map, look, summarise([patch_map]))
    assert [ticks[0].at, ticks[-1].at] == [0, 1]
    assert bar_title(patch_map, look)
    assert threshold_text(patch_map, look, summarise([patch_map]))


def test_settings_out_of_range_and_unknown_scales_are_named(signed_map: PatchMap) -> None:
    with pytest.raises(InputError, match=r"opacity of 1\.5 was given; expected 0 to 1"):
        Look(opacity=1.5)
    with pytest.raises(UnknownNameError, match="linear"):
        places(signed_map, Look(scale="fold"))
    with pytest.raises(UnknownNameError, match="viridis"):
        Look(colormap="magma")


@pytest.mark.parametrize("name", EVEN)
def test_lightness_of_every_even_colour_table_rises(name: str) -> None:
    luminance = (colour_table(name) / 255.0) ** 2.2 @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(luminance) > -1e-3).all()
    assert luminance[-1] - luminance[0] > 0.5


def test_signed_table_is_brightest_in_the_middle_and_violet_is_low() -> None:
    table = colour_table(SIGNED_TABLE).astype(int)
    assert table.sum(axis=1).argmax() in (127, 128)
    assert table[30, 2] > table[30, 1]
    assert table[225, 0] > table[225, 2]


@pytest.mark.parametrize("name", [*EVEN, SIGNED_TABLE])
def test_tables_are_those_of_the_browser(name: str) -> None:
    source = (WEB / "colormaps.js").read_text()
    found = re.search(rf"{name}:\s*((?:\"[0-9a-f]+\"[\s+]*)+)", source)
    assert found
    hexes = "".join(re.findall(r"\"([0-9a-f]+)\"", found[1]))
    np.testing.assert_array_equal(np.frombuffer(bytes.fromhex(hexes), np.uint8).reshape(256, 3), colour_table(name))


BROWSER = """
import { SCALES } from "./scales.js";
import { summarise } from "./summary.js";
import { COLORMAPS, SIGNED } from "./colormaps.js";
const [parts, nature, unit, range] = JSON.parse(process.argv[1]);
const values = parts.map((part) => Float32Array.from(part));
const summary = summarise(values, nature === "signed")[0];
const map = { view: { uniform: 0.01, key: "pathology" }, summary, nature, unit, values: values[0] };
const out = {};
for (const [name, scale] of Object.entries(SCALES[nature])) {
  const place = scale.place(map, range);
  out[name] = { places: Array.from(Float32Array.from(values[0], place)), ticks: scale.ticks(map, range) };
}
console.log(JSON.stringify({ scales: out, jet: Array.from(COLORMAPS.jet.table) }));
"""


@pytest.mark.browser
@pytest.mark.parametrize(("nature", "mean"), [("share", 1.5), ("signed", 0.0), ("spread", 1.5)])
def test_places_and_ticks_are_those_of_the_browser(nature: str, mean: float) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("needs node")
    rng = np.random.default_rng(7)
    parts = [rng.normal(mean, 0.4 if mean else 0.01, n).astype(np.float32) for n in (40, 25)]
    parts[0][1] = parts[0][0]  # a tie
    unit = "risk" if nature == "signed" else "share"
    given = json.dumps([[part.tolist() for part in parts], nature, unit, 4])
    command = [node, "--input-type=module", "--eval", BROWSER.replace('"./', f'"{WEB.as_uri()}/'), given]
    answer = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    maps = [replace(map_of(part, nature), uniform=0.01) for part in parts]
    summary = summarise(maps)
    assert set(answer["scales"]) == set(SCALES[nature])  # type: ignore[index]
    for name, theirs in answer["scales"].items():
        ours = colour_places(maps[0], Look(scale=name), summary)
        np.testing.assert_allclose(ours, np.array(theirs["places"]), rtol=1e-6, atol=1e-7)
        assert [tick.text for tick in bar_ticks(maps[0], Look(scale=name), summary)] == [
            t["text"] for t in theirs["ticks"]
        ]
    np.testing.assert_array_equal(np.array(answer["jet"]).reshape(256, 3), colour_table("jet"))


def test_hex_becomes_rgba() -> None:
    assert translucent("#D55E00", 0.5) == "rgba(213, 94, 0, 0.5)"
