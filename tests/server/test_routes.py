"""What the routes answer, and to whom."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from starlette.applications import Starlette
from starlette.testclient import TestClient

from survviz.errors import InputError, SlideError
from survviz.server import (
    patch_image,
    patch_path,
    register_map,
    register_slide,
    routes,
    slide_without_file,
)
from survviz.server.auth import cookie_name, new_owner, sign_owner
from survviz.types import Bag, PatchScores
from survviz.units import Mpp

ClientOf = Callable[[str | None], TestClient]


def scores(token: str = "all", slide_id: str = "slide", n: int = 6) -> PatchScores:
    rng = np.random.default_rng(1)
    values = rng.random(n)
    values /= values.sum() * 2  # the other half of the attention lies on another slide
    coords = np.stack([256 * (np.arange(n) % 3), 256 * (np.arange(n) // 3)], axis=1)
    return PatchScores(
        "attention", "clinical", "pathology", token, slide_id, values, values[None], coords, 256, 12, "words"
    )


def test_tile_is_the_slide_at_that_place(slide_path: Path, owner: str, client_of: ClientOf) -> None:
    slide = register_slide(owner, slide_path)
    assert (slide["width"], slide["height"], slide["mpp"], slide["mpp_source"]) == (1536, 1024, 0.5, "file")
    answer = client_of(owner).get(f"/sv/tiles/{slide['token']}/11/2_1.jpg")
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "private, max-age=86400, immutable"
    pixels = np.asarray(Image.open(io.BytesIO(answer.content)), float)
    assert pixels.shape == (256, 256, 3)
    assert abs(pixels[128, 128, 0] - (512 + 128) // 8) <= 4
    assert abs(pixels[128, 128, 1] - (256 + 128) // 8) <= 4


@pytest.mark.parametrize("place", ["11/6_0", "11/0_4", "12/0_0", "99/0_0"])
def test_tile_outside_the_slide_is_not_found(slide_path: Path, owner: str, client_of: ClientOf, place: str) -> None:
    token = register_slide(owner, slide_path)["token"]
    answer = client_of(owner).get(f"/sv/tiles/{token}/{place}.jpg")
    assert answer.status_code == 404
    assert "asked for" in answer.json()["error"]


def test_nothing_answers_to_another_owner_or_to_nobody(slide_path: Path, owner: str, client_of: ClientOf) -> None:
    slide, view = register_slide(owner, slide_path), register_map(owner, scores())
    paths = [
        f"/sv/tiles/{slide['token']}/11/0_0.jpg",
        f"/sv/thumbnail/{slide['token']}.jpg",
        patch_path(slide["token"], 0, 0, 256),
        f"/sv/maps/{view['values']}.bin",
        f"/sv/layouts/{view['layout']}.bin",
    ]
    for path in paths:
        assert client_of(owner).get(path).status_code == 200
        for other in (new_owner(), None):
            answer = client_of(other).get(path)
            assert answer.status_code == 404
            assert str(slide_path) not in answer.text
            assert answer.headers["cache-control"] == "no-store"


def test_forged_signature_is_nobody(slide_path: Path, owner: str, client_of: ClientOf) -> None:
    token = register_slide(owner, slide_path)["token"]
    client = client_of(None)
    client.cookies.set(cookie_name(), f"{owner}.{'0' * 64}")
    assert client.get(f"/sv/tiles/{token}/11/0_0.jpg").status_code == 404


def test_token_of_one_kind_opens_no_other(slide_path: Path, owner: str, client_of: ClientOf) -> None:
    slide, view = register_slide(owner, slide_path), register_map(owner, scores())
    client = client_of(owner)
    assert client.get(f"/sv/maps/{slide['token']}.bin").status_code == 404
    assert client.get(f"/sv/maps/{view['layout']}.bin").status_code == 404
    assert client.get(f"/sv/tiles/{view['values']}/11/0_0.jpg").status_code == 404


async def _closed() -> dict[str, str]:
    return {"type": "http.disconnect"}


def test_tile_that_nobody_waits_for_any_more_is_not_made(slide_path: Path, owner: str) -> None:
    token = register_slide(owner, slide_path)["token"]
    cookie = f"{cookie_name()}={sign_owner(owner)}".encode()
    path = f"/sv/tiles/{token}/11/0_0.jpg"
    scope = {"type": "http", "method": "GET", "path": path, "headers": [(b"cookie", cookie)], "query_string": b""}
    sent: list[dict] = []

    async def send(message: dict) -> None:
        sent.append(message)

    asyncio.run(Starlette(routes=routes())(scope, _closed, send))
    assert sent[0]["status"] == 499


def test_registering_again_gives_the_same_addresses(slide_path: Path, owner: str) -> None:
    assert register_slide(owner, slide_path) == register_slide(owner, slide_path)
    assert register_map(owner, scores()) == register_map(owner, scores())
    assert register_slide(new_owner(), slide_path)["token"] != register_slide(owner, slide_path)["token"]


def test_changed_file_gets_a_new_address(slide_path: Path, owner: str) -> None:
    before = register_slide(owner, slide_path)["token"]
    other = slide_path.with_name("other.tif")
    other.write_bytes(slide_path.read_bytes() + b"\0")
    other.replace(slide_path)
    assert register_slide(owner, slide_path)["token"] != before


def test_patch_image_is_the_asked_square(slide_path: Path, owner: str, client_of: ClientOf) -> None:
    token = register_slide(owner, slide_path)["token"]
    pixels = patch_image(owner, token, 512, 256, 512, px=128)
    assert pixels.shape == (128, 128, 3)
    assert abs(int(pixels[64, 64, 0]) - (512 + 256) // 8) <= 1
    assert abs(int(pixels[64, 64, 1]) - (256 + 256) // 8) <= 1
    with pytest.raises(InputError, match="not registered"):
        patch_image(new_owner(), token, 0, 0, 256)
    assert client_of(owner).get(f"/sv/patch/{token}/0_0_99999.jpg").status_code == 404
    assert client_of(owner).get(f"/sv/patch/{token}/0_0_256.jpg?px=5000").status_code == 404
    assert client_of(owner).get(f"/sv/patch/{token}/zero.jpg").status_code == 404


def test_slide_outside_the_allowed_folders_is_refused(
    slide_path: Path, owner: str, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    monkeypatch.setenv("SURVVIZ_SLIDES", str(tmp_path_factory.mktemp("elsewhere")))
    with pytest.raises(InputError, match="outside the folders"):
        register_slide(owner, slide_path)
    link = Path(str(tmp_path_factory.mktemp("more"))) / "link.tif"
    link.symlink_to(slide_path)
    monkeypatch.setenv("SURVVIZ_SLIDES", str(link.parent))
    with pytest.raises(InputError, match="outside the folders"):
        register_slide(owner, link)


def test_slide_without_a_file_covers_every_patch() -> None:
    coords = np.array([[0, 0], [2048, 512]])
    view = slide_without_file(Bag("s", np.zeros((2, 3)), coords, 256, Mpp(0.5), "none"))
    assert (view["token"], view["width"], view["height"]) == (None, 2304, 768)
    assert "not available" in view["reason"]
    assert view["mpp"] is None
    known = Bag("s", np.zeros((2, 3)), coords, 512, Mpp(0.5), "none", mpp_source="file", slide_mpp=Mpp(0.25))
    assert (slide_without_file(known)["mpp"], slide_without_file(known)["mpp_source"]) == (0.25, "file")


def test_viewer_scripts_are_served_with_their_version(client_of: ClientOf) -> None:
    client = client_of(None)
    for name in ("viewer.js", "viewer.css", "openseadragon.min.js", "openseadragon.LICENSE.txt"):
        answer = client.get(f"/sv/web/abc/{name}")
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]
    assert client.get("/sv/web/abc/../../auth.py").status_code == 404
    assert client.get("/sv/web/abc/%2e%2e/auth.py").status_code == 404


def test_unknown_address_is_not_found(client_of: ClientOf) -> None:
    assert client_of(None).get("/sv/anything").status_code == 404


@pytest.mark.real
def test_real_slide_without_a_pixel_size_can_be_looked_at(
    shared_data: Path, owner: str, client_of: ClientOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SURVVIZ_SLIDES", str(shared_data))
    path = shared_data / "slides" / "TCGA-CR-7395-01A-01-TS1.svs"
    unknown, given = register_slide(owner, path), register_slide(owner, path, mpp=0.5)
    assert (unknown["mpp"], unknown["mpp_source"]) == (None, None)
    assert (given["mpp"], given["mpp_source"]) == (0.5, "person")
    for slide in (unknown, given):
        assert client_of(owner).get(f"/sv/tiles/{slide['token']}/8/0_0.jpg").status_code == 200
        assert client_of(owner).get(f"/sv/thumbnail/{slide['token']}.jpg?px=300").status_code == 200


@pytest.mark.real
@pytest.mark.parametrize("name", ["broken.svs", "unreadable.svs"])
def test_damaged_slide_is_refused_in_words(
    shared_data: Path, owner: str, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("SURVVIZ_SLIDES", str(shared_data))
    with pytest.raises(SlideError, match=name):
        register_slide(owner, shared_data / "slides" / name)
