"""Maps as the browser gets them: exact numbers, one layout per slide, and what exports need in the grant."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from starlette.testclient import TestClient

from survviz.errors import InputError
from survviz.server import register_map, register_maps, store
from survviz.server.auth import new_owner
from survviz.server.maps import decode_layout, decode_values
from survviz.types import PatchScores

ClientOf = Callable[[str | None], TestClient]
N, CASE = 6, 12


def scores(token: str = "all", slide_id: str = "slide", heads: int = 1, folds: int = 3) -> PatchScores:
    """Attention of a slide that holds half of the case's patches and of its attention."""
    detail = np.random.default_rng(1).random((heads, folds, N)).astype(np.float32)
    detail /= 2 * detail.mean(axis=(0, 1)).sum()
    coords = np.stack([256 * (np.arange(N) % 3), 256 * (np.arange(N) // 3)], axis=1)
    per_fold = detail.mean(axis=0)
    return PatchScores(
        "attention", "clinical", "pathology", token, slide_id, per_fold.mean(axis=0), per_fold, coords, 256, CASE,
        "words", detail=detail if heads > 1 else None,
    )  # fmt: skip


def signed() -> PatchScores:
    return replace(scores(), kind="contribution", query="risk", values=np.linspace(-1, 1, N), unit="risk")


def test_map_and_layout_are_exact(owner: str, client_of: ClientOf) -> None:
    given = scores()
    view = register_map(owner, given)
    client = client_of(owner)
    values = decode_values(client.get(f"/sv/maps/{view['values']}.bin").content)
    corners = decode_layout(client.get(f"/sv/layouts/{view['layout']}.bin").content)
    np.testing.assert_array_equal(values, given.fold_over_uniform.astype(np.float32))
    np.testing.assert_array_equal(corners, given.coords)
    assert (view["id"], view["n"], view["patch"]) == ("attention:clinical:pathology:all", N, 256)
    np.testing.assert_allclose(values * view["uniform"], given.values, rtol=1e-6)


def test_signed_map_keeps_its_numbers_and_its_unit(owner: str, client_of: ClientOf) -> None:
    view = register_map(owner, signed())
    values = decode_values(client_of(owner).get(f"/sv/maps/{view['values']}.bin").content)
    np.testing.assert_array_equal(values, np.linspace(-1, 1, N).astype(np.float32))
    assert (view["signed"], view["unit"], view["uniform"]) == (True, "risk", 1.0)
    assert view["label"] == "Contribution to the risk"


@pytest.mark.parametrize("heads", [1, 4])
def test_detail_holds_every_head_and_fold_whose_mean_is_the_map(owner: str, client_of: ClientOf, heads: int) -> None:
    view = register_map(owner, scores(heads=heads))
    detail = view["detail"]
    assert detail is not None
    assert (detail["heads"], detail["folds"]) == (heads, 3)
    client = client_of(owner)
    every = decode_values(client.get(f"/sv/details/{detail['token']}.bin").content).reshape(heads, 3, N)
    values = decode_values(client.get(f"/sv/maps/{view['values']}.bin").content)
    np.testing.assert_allclose(every.mean(axis=(0, 1)), values, rtol=1e-5)
    assert client_of(new_owner()).get(f"/sv/details/{detail['token']}.bin").status_code == 404
    assert client_of(None).get(f"/sv/details/{detail['token']}.bin").status_code == 404


def test_map_of_one_model_with_one_head_has_no_detail(owner: str) -> None:
    assert register_map(owner, scores(folds=1))["detail"] is None


def test_grant_says_all_that_an_export_needs(owner: str) -> None:
    (view,) = register_maps(owner, [scores("Age")], slide="slide-token", case_id="P7", checkpoint="demo", encoder="e")
    grant = store.get(view["values"], "map", owner)
    assert grant is not None
    expected = {"kind": "attention", "query": "clinical", "key": "pathology", "token": "Age", "slide_id": "slide"}
    expected |= {"patch": 256, "uniform": 1 / CASE, "signed": False, "unit": "share", "semantics": "words"}
    expected |= {"layout": view["layout"], "slide": "slide-token", "case_id": "P7", "checkpoint": "demo"}
    assert grant.payload.items() >= expected.items()
    assert store.get(view["values"], "map", new_owner()) is None


def test_maps_of_a_slide_share_one_layout(owner: str) -> None:
    first, second = register_maps(owner, [scores("age"), scores("stage")])
    assert first["layout"] == second["layout"]
    assert first["values"] != second["values"], "the same numbers of another token are another map"
    assert first["label"] == "age (clinic → pathology)"


def test_maps_of_two_slides_are_refused(owner: str) -> None:
    with pytest.raises(InputError, match="one slide"):
        register_maps(owner, [scores(), scores(slide_id="other")])


def test_registering_again_gives_the_same_addresses_and_writes_no_numbers(owner: str) -> None:
    assert register_map(owner, scores()) == register_map(owner, scores())
    assert register_map(new_owner(), scores())["values"] != register_map(owner, scores())["values"]
