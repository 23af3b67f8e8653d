"""Labels and macro photographs, which name patients, are never read."""

from __future__ import annotations

import ast
import io
import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from survviz.server.routes import routes
from survviz.wsi.slide import open_slide, read_slide_info
from survviz.wsi.tiles import DeepZoom

ROOT = Path(__file__).parents[2]
MAGENTA = (255, 0, 255)
PRIVATE = ("associated_images", "associated_image")


@pytest.fixture
def slide_with_label(tmp_path: Path, tissue_like) -> Path:
    """An SVS as Aperio writes it, whose label and macro are magenta."""
    path = tmp_path / "labelled.svs"
    described = "Aperio Image Library v1.0\n1500x1200 (256x256) JPEG/RGB Q=70|AppMag = 20|MPP = 0.5"
    image, private = tissue_like(1500, 1200), np.full((300, 400, 3), MAGENTA, np.uint8)
    common = {"photometric": "rgb", "compression": "jpeg", "metadata": None, "software": False}
    with tifffile.TiffWriter(path) as file:
        file.write(image, tile=(256, 256), description=described, **common)
        file.write(np.ascontiguousarray(image[::4, ::4]), rowsperstrip=16, description=described, **common)
        file.write(np.ascontiguousarray(image[::2, ::2]), tile=(256, 256), description=described, **common)
        for word, kind in (("label", 1), ("macro", 9)):
            about = f"Aperio Image Library v1.0\n{word} 400x300"
            file.write(private, rowsperstrip=16, description=about, subfiletype=kind, **common)
    return path


def is_magenta(pixels: np.ndarray) -> bool:
    return bool((np.abs(pixels.astype(int) - MAGENTA).max(axis=-1) < 40).any())


def test_no_source_asks_for_associated_images() -> None:
    for path in [*(ROOT / "survviz").rglob("*.py"), *(ROOT / "pages").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            assert not (isinstance(node, ast.Attribute) and node.attr in PRIVATE), f"{path}:{node.lineno}"


def test_no_route_is_named_for_them() -> None:
    for route in routes():
        assert not any(word in str(getattr(route, "path", "")) for word in ("label", "macro", "associated"))


def test_neither_tiles_nor_thumbnail_nor_description_show_label_or_macro(slide_with_label: Path) -> None:
    info = read_slide_info(slide_with_label)
    assert info.dimensions == (1500, 1200)
    assert [(level.width, level.height) for level in info.levels] == [(1500, 1200), (750, 600)]
    assert "macro" not in json.dumps(info.to_json())
    with open_slide(slide_with_label, probe=False) as slide:
        assert not is_magenta(slide.thumbnail(512))
        zoom = DeepZoom(slide)
        for level, (columns, rows) in enumerate(zoom.level_tiles):
            for column, row in np.ndindex(columns, rows):
                tile = Image.open(io.BytesIO(zoom.tile_jpeg(level, column, row)))
                assert not is_magenta(np.asarray(tile))


def test_a_label_that_is_larger_than_the_slide_is_still_not_the_slide(slide_with_label: Path, tmp_path: Path) -> None:
    path = tmp_path / "large-label.svs"
    with tifffile.TiffFile(slide_with_label) as file, tifffile.TiffWriter(path) as out:
        for page in file.pages:
            assert isinstance(page, tifffile.TiffPage)
            pixels = page.asarray()
            large = page.subfiletype in (1, 9)
            pixels = np.full((2400, 3000, 3), MAGENTA, np.uint8) if large else pixels
            out.write(
                pixels,
                tile=(256, 256) if page.is_tiled else None,
                rowsperstrip=None if page.is_tiled else 16,
                description=page.description,
                subfiletype=page.subfiletype,
                photometric="rgb",
                compression="jpeg",
                metadata=None,
                software=False,
            )
    with open_slide(path, probe=False) as slide:
        assert slide.dimensions == (1500, 1200)
        assert not is_magenta(slide.thumbnail(512))
