"""A tiny sample cohort on disk: files, truth, determinism."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import openslide
import pytest

from survviz.data.cohort import load_cohort
from survviz.errors import CancelledError, InputError
from survviz.sample import TRUTH_MPP, Region, read_truth, write_sample
from survviz.sample.hazard import COEFFICIENTS
from survviz.sample.plan import SlidePlan
from survviz.sample.render import render
from survviz.sample.slides import write_slide
from survviz.wsi.features import read_features

SIZE = (1536, 1280)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_sample(tmp_path_factory.mktemp("sample") / "cohort", cases=4, seed=3, workers=1, size=SIZE)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def plan(**changes: object) -> SlidePlan:
    base: dict[str, object] = {
        "slide_id": "x", "width": 1792, "height": 1536, "seed": 12, "pleomorphism": 0.1, "lymphocytes": 0.5,
        "tumour_share": 0.4,
    }  # fmt: skip
    return SlidePlan(**(base | changes))  # type: ignore[arg-type]


def test_the_same_seed_gives_the_same_files_whatever_the_workers(folder: Path, tmp_path: Path) -> None:
    again = write_sample(tmp_path / "again", cases=4, seed=3, workers=2, size=SIZE)
    first, second = contents(folder), contents(again)
    assert first.keys() == second.keys()
    # h5 files hold no time stamps that matter, but their bytes are not promised by the format.
    assert [name for name in first if not name.endswith(".h5") and first[name] != second[name]] == []
    for name in (name for name in first if name.endswith(".h5")):
        one, two = read_features(folder / name), read_features(again / name)
        assert np.array_equal(one.features, two.features)
        assert one.slide_hash == two.slide_hash


def test_openslide_reads_a_pyramid_of_half_a_micron(folder: Path) -> None:
    for path in sorted((folder / "slides").iterdir()):
        with openslide.OpenSlide(path) as slide:
            assert slide.properties["openslide.vendor"] == "generic-tiff"
            assert float(slide.properties["openslide.mpp-x"]) == pytest.approx(0.5, rel=1e-4)
            assert slide.dimensions == SIZE
            assert slide.level_count >= 3
            assert np.allclose(slide.level_downsamples, [4.0**level for level in range(slide.level_count)], rtol=0.01)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_truth_lies_on_the_pixels(seed: int, tmp_path: Path) -> None:
    """Glass is brightest in the mask's background, and a shift of the mask by 8 um in any direction makes it worse.

    Without ink, which is dark on glass that the truth calls background.
    """
    rendered = render(plan(seed=seed))
    truth = rendered.truth
    write_slide(tmp_path / "x.tif", rendered.image)
    with openslide.OpenSlide(tmp_path / "x.tif") as slide:
        grey = np.asarray(slide.read_region((0, 0), 0, slide.dimensions).convert("L"), np.float32)
    step = round(TRUTH_MPP / 0.5)
    assert truth.shape == (grey.shape[0] // step, grey.shape[1] // step)
    light = grey.reshape(truth.shape[0], step, truth.shape[1], step).mean((1, 3))
    tissue = np.isin(truth, (Region.STROMA, Region.TUMOUR, Region.NECROSIS, Region.LYMPHOCYTES, Region.NORMAL))

    def contrast(dy: int, dx: int) -> float:
        moved = np.roll(tissue, (dy, dx), axis=(0, 1))[2:-2, 2:-2]
        inner = light[2:-2, 2:-2]
        return float(inner[~moved].mean() - inner[moved].mean())

    assert contrast(0, 0) > max(contrast(*shift) for shift in ((1, 0), (-1, 0), (0, 1), (0, -1)))
    assert contrast(0, 0) > 25


def test_tables_load_and_name_what_is_missing(folder: Path) -> None:
    cohort = load_cohort(folder)
    assert len(cohort) == 4
    assert cohort.holdout
    assert set(cohort.fields) == {"Age", "Sex", "Stage", "Grade", "Histology", "Smoking"}
    assert cohort.rna is not None
    assert "DDX58" in cohort.rna.columns
    for case_id in cohort.case_ids:
        for bag in cohort.case(case_id).bags:
            assert bag.encoder == "he-descriptor"
            assert bag.features.dtype in (np.float16, np.float32)
            assert bag.slide_size == SIZE


def test_truth_states_hazard_and_classes(folder: Path) -> None:
    hazard = json.loads((folder / "truth" / "hazard.json").read_text())
    for case in hazard["cases"].values():
        total = sum(COEFFICIENTS[name] * value for name, value in case["terms"].items())
        assert total == pytest.approx(case["log_hazard"], abs=1e-9)
    regions = json.loads((folder / "truth" / "regions.json").read_text())
    assert {name: entry["value"] for name, entry in regions["classes"].items()} == {
        region.name.lower(): int(region) for region in Region
    }
    for path in (folder / "truth").glob("*.png"):
        truth = read_truth(path)
        tumour = (truth == Region.TUMOUR).sum() / (truth > 0).sum()
        assert regions["share_of_tissue"][path.stem]["tumour"] == pytest.approx(tumour, abs=1e-4)


def dark_share(slide: SlidePlan, region: Region) -> float:
    """Share of a region's pixels that belong to nuclei, by red absorption."""
    rendered = render(slide)
    mask = np.kron(rendered.truth == region, np.ones((16, 16), bool))
    return float((rendered.image[..., 0][mask] < 125).mean())


def test_grade_is_seen_in_the_tumour_and_not_in_the_glands() -> None:
    low, high = plan(normal=0.9), plan(normal=0.9, pleomorphism=0.95)
    assert dark_share(high, Region.TUMOUR) > 1.25 * dark_share(low, Region.TUMOUR)
    assert dark_share(high, Region.NORMAL) == pytest.approx(dark_share(low, Region.NORMAL), rel=0.12)


def test_reactive_glands_mislead_without_touching_the_tumour() -> None:
    calm, reactive = plan(normal=0.9, gland_atypia=0.0), plan(normal=0.9, gland_atypia=1.0)
    assert dark_share(reactive, Region.NORMAL) > 1.1 * dark_share(calm, Region.NORMAL)
    assert dark_share(reactive, Region.TUMOUR) == pytest.approx(dark_share(calm, Region.TUMOUR), rel=0.08)


@pytest.mark.parametrize("name", ["pen-green", "pen-black", "pen-blue", "pen-red", "fold", "blur"])
def test_artefacts_that_hide_tissue_are_in_the_truth(name: str) -> None:
    clean, touched = render(plan(width=1024, height=1024)), render(plan(width=1024, height=1024, artefacts=(name,)))
    assert not (clean.truth == Region.ARTEFACT).any()
    hidden = np.kron(touched.truth == Region.ARTEFACT, np.ones((16, 16), bool))
    assert hidden.any()
    change = np.abs(clean.image.astype(int) - touched.image).mean(axis=2)
    assert change[hidden].mean() > 4 * change[~hidden].mean()


def test_a_folder_with_files_is_refused(folder: Path) -> None:
    with pytest.raises(InputError, match="already holds files"):
        write_sample(folder, cases=2)


@pytest.mark.parametrize(
    "arguments", [{"cases": 0}, {"seed": -1}, {"workers": 0}, {"slides": -1}, {"size": (100, 100)}]
)
def test_senseless_numbers_are_refused(arguments: dict[str, object], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected"):
        write_sample(tmp_path / "new", **arguments)  # type: ignore[arg-type]


def test_progress_may_cancel(tmp_path: Path) -> None:
    def stop(done: int, total: int) -> None:
        raise CancelledError("stopped")

    with pytest.raises(CancelledError):
        write_sample(tmp_path / "new", cases=3, size=(512, 512), progress=stop)
    assert not (tmp_path / "new" / "cohort.toml").exists()
