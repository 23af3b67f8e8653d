"""Routes about single patches: what they answer, to whom, and that the numbers are those of a slow reckoning."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from survviz.data.cohort import load_cohort
from survviz.data.patch_statistics import PatchStatistics
from survviz.errors import InputError
from survviz.figures.montage import CAPTION, GAP, LINE, MARGIN
from survviz.figures.patch_map import PatchMap
from survviz.figures.scaling import Look, colours_of, summarise
from survviz.server import register_features, register_maps, register_slide
from survviz.server.auth import new_owner
from survviz.server.feature_files import BagCache, bag_cache, forget_unused
from survviz.server.folders import SAMPLE_DATA
from survviz.server.montage import PATCH_PX
from survviz.types import Bag, PatchScores
from survviz.units import Mpp
from survviz.workspace import workspace
from survviz.wsi.encoders import create_encoder

ClientOf = Callable[[str | None], TestClient]
SIDE = 256


@pytest.fixture(autouse=True)
def empty_cache() -> None:
    bag_cache.cache_clear()


def patches(dim: int = 9, seed: int = 0, slide_id: str = "slide", encoder: str = "uni") -> Bag:
    """6 x 4 patches, as the slide of the fixtures has."""
    rng = np.random.default_rng(seed)
    coords = np.mgrid[0:4, 0:6][::-1].reshape(2, -1).T * SIDE
    features = (3 + rng.normal(size=(24, dim))).astype(np.float32)
    return Bag(slide_id, features, coords.astype(np.int64), SIDE, Mpp(0.5), encoder, "1", (1536, 1024))


def described(slide_path: Path) -> Bag:
    """The same patches, with the descriptor's own numbers of the slide's pixels."""
    import tifffile

    pixels, bag = tifffile.imread(slide_path), patches()
    cut = np.stack([pixels[y : y + SIDE, x : x + SIDE] for x, y in bag.coords])
    features = create_encoder().encode(cut)
    return Bag("slide", features, bag.coords, SIDE, Mpp(0.5), "he-descriptor", "1", (1536, 1024))


def scores(bag: Bag, values: np.ndarray) -> PatchScores:
    share = values / values.sum()
    return PatchScores(
        "attention", "clinical", "pathology", "Stage", bag.slide_id, share, share[None], bag.coords, SIDE, len(share),
        "which patches the token looks at",
    )  # fmt: skip


# ---- who may ask


def test_nothing_answers_to_another_owner_or_to_nobody(slide_path: Path, owner: str, client_of: ClientOf) -> None:
    slide, bag = register_slide(owner, slide_path)["token"], patches()
    token = register_features(owner, bag, slide=slide)
    (view,) = register_maps(owner, [scores(bag, np.arange(1.0, 25))], slide=slide)
    for path in (
        f"/sv/descriptors/{token}/3.json",
        f"/sv/similar/{token}/3.json",
        f"/sv/similar/{token}/3.json?scope=cohort",
        f"/sv/montage/{view['values']}.png",
    ):
        assert client_of(owner).get(path).status_code == 200, path
        for other in (new_owner(), None):
            answer = client_of(other).get(path)
            assert answer.status_code == 404
            assert answer.headers["cache-control"] == "no-store"


def test_token_of_another_kind_opens_nothing(slide_path: Path, owner: str, client_of: ClientOf) -> None:
    slide = register_slide(owner, slide_path)["token"]
    token = register_features(owner, patches(), slide=slide)
    client = client_of(owner)
    assert client.get(f"/sv/descriptors/{slide}/0.json").status_code == 404
    assert client.get(f"/sv/montage/{token}.png").status_code == 404
    assert client.get(f"/sv/maps/{token}.bin").status_code == 404


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("descriptors/{}/24.json", "has 24 patches"),
        ("similar/{}/24.json", "has 24 patches"),
        ("similar/{}/0.json?n=0", "n=0"),
        ("similar/{}/0.json?n=51", "from 1 to 50"),
        ("similar/{}/0.json?n=all", "n=all"),
        ("similar/{}/0.json?scope=world", "slide or cohort"),
        ("similar/{}/-1.json", "nothing at this address"),
        ("descriptors/{}/one.json", "nothing at this address"),
    ],
)
def test_what_is_out_of_range_is_refused_in_words(owner: str, client_of: ClientOf, path: str, words: str) -> None:
    answer = client_of(owner).get("/sv/" + path.format(register_features(owner, patches())))
    assert answer.status_code == 404
    assert words in answer.json()["error"]


def test_cohort_outside_the_owners_folders_is_refused(owner: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    with pytest.raises(InputError, match="outside the folders"):
        register_features(owner, patches(), cohort=tmp_path_factory.mktemp("elsewhere"))


# ---- find similar


def cosine_order(bag: Bag, index: int, mean: np.ndarray, sd: np.ndarray) -> list[int]:
    z = (bag.features.astype(np.float64) - mean) / sd
    cosine = z @ z[index] / np.linalg.norm(z, axis=1) / np.linalg.norm(z[index])
    chosen: list[int] = []
    for candidate in np.argsort(-cosine):
        if all(np.abs(bag.coords[candidate] - bag.coords[other]).max() >= 2 * SIDE for other in [index, *chosen]):
            chosen.append(int(candidate))
    return chosen


def test_similar_patches_of_a_slide_are_those_of_brute_force(owner: str, client_of: ClientOf) -> None:
    bag = patches()
    client = client_of(owner)
    token = register_features(owner, bag)
    for index in (0, 8, 23):
        found = client.get(f"/sv/similar/{token}/{index}.json?n=50").json()
        expected = cosine_order(bag, index, bag.features.mean(axis=0), bag.features.std(axis=0))
        assert [one["index"] for one in found["patches"]] == expected
        assert [(one["x"], one["y"]) for one in found["patches"]] == [tuple(bag.coords[i].tolist()) for i in expected]
        assert (found["slides"], found["n"], found["standard"]) == (1, 24, "this slide’s patches")


def test_training_statistics_standardise_where_they_fit(owner: str, client_of: ClientOf) -> None:
    bag = patches()
    statistics = PatchStatistics.fit([patches(seed=5), patches(seed=6)], 2)
    found = (
        client_of(owner).get(f"/sv/similar/{register_features(owner, bag, statistics=statistics)}/8.json?n=50").json()
    )
    assert found["standard"] == "the training patches"
    assert [one["index"] for one in found["patches"]] == cosine_order(bag, 8, statistics.mean, statistics.sd)
    other = register_features(owner, patches(encoder="virchow2"), statistics=statistics)
    assert client_of(owner).get(f"/sv/similar/{other}/8.json").json()["standard"] == "this slide’s patches"


def test_own_cases_are_searched_in_ones_own_slides_only(owner: str, client_of: ClientOf) -> None:
    mine = register_features(owner, patches())
    copy = patches(slide_id="second")
    register_features(owner, copy, slide="its-token")
    register_features(owner, patches(slide_id="other encoder", encoder="virchow2"))
    register_features(new_owner(), patches(slide_id="a stranger's"))
    found = client_of(owner).get(f"/sv/similar/{mine}/8.json?scope=cohort&n=3").json()
    first = found["patches"][0]
    assert (first["slide_id"], first["index"], first["similarity"], first["slide"]) == ("second", 8, 1.0, "its-token")
    assert {one["slide_id"] for one in found["patches"]} == {"second"}
    assert found["slides"] == 1
    assert len(found["skipped"]) == 1
    assert "virchow2" in found["skipped"][0]


def test_sample_cohort_is_searched_whole_as_brute_force_would(owner: str, client_of: ClientOf) -> None:
    cohort = load_cohort(SAMPLE_DATA)
    bag = cohort.bag("SV07-0001-DX1")
    token = register_features(owner, bag, cohort=SAMPLE_DATA)
    found = client_of(owner).get(f"/sv/similar/{token}/100.json?scope=cohort&n=5").json()
    mean, sd = bag.features.astype(float).mean(axis=0), bag.features.astype(float).std(axis=0)
    factor = np.divide(1, sd, out=np.zeros_like(sd), where=sd > 0)
    query = np.clip((bag.features[100] - mean) * factor, -10, 10)
    best: list[tuple[float, str]] = []
    for slide in set(cohort.features) - {"SV07-0001-DX1"}:
        z = np.clip((cohort.bag(slide).features - mean) * factor, -10, 10)
        best += [(float(one), slide) for one in z @ query / np.linalg.norm(z, axis=1) / np.linalg.norm(query)]
    best.sort(reverse=True)
    assert found["patches"][0]["slide_id"] == best[0][1]
    assert found["patches"][0]["similarity"] == pytest.approx(best[0][0], abs=1e-3)
    assert found["slides"] == len(cohort.features) - 1
    assert "SV07-0001-DX1" not in {one["slide_id"] for one in found["patches"]}
    shown = client_of(owner).get(f"/sv/similar/{token}/100.json?scope=cohort&n=5&files=1").json()
    assert shown["slides"] == 5
    one = shown["patches"][0]
    path = f"/sv/patch/{one['slide']}/{one['x']}_{one['y']}_{one['side']}.jpg"
    assert client_of(owner).get(path).status_code == 200
    assert client_of(new_owner()).get(path).status_code == 404


# ---- named descriptors


def test_descriptors_are_the_encoders_own_numbers(slide_path: Path, owner: str, client_of: ClientOf) -> None:
    bag = described(slide_path)
    found = client_of(owner).get(f"/sv/descriptors/{register_features(owner, bag)}/7.json").json()
    names = create_encoder().feature_names
    assert (found["source"], [row["name"] for row in found["rows"]]) == ("features", list(names or ()))
    for row, value, column in zip(found["rows"], bag.features[7], bag.features.T, strict=True):
        scale = {"share": 100 * value, "as it is": value}.get(form_of(row["name"]))
        if scale is not None:
            assert row["value"] == pytest.approx(float(scale), rel=1e-5)
        below, ties = (column < value).sum(), (column == value).sum()
        assert row["percentile"] == pytest.approx(100 * (below + ties / 2) / 24, abs=0.051)
        assert row["z"] is None


def form_of(name: str) -> str:
    from survviz.wsi.encoders.meanings import descriptor_meanings

    return next(one.form for one in descriptor_meanings() if one.name == name)


def test_place_among_training_patches_is_in_their_sd(slide_path: Path, owner: str, client_of: ClientOf) -> None:
    bag = described(slide_path)
    statistics = PatchStatistics.fit([bag], 1)
    token = register_features(owner, bag, statistics=statistics)
    rows = client_of(owner).get(f"/sv/descriptors/{token}/7.json").json()["rows"]
    np.testing.assert_allclose([row["z"] for row in rows], statistics.standardise(bag)[7], atol=0.006)


def test_deep_features_are_described_from_the_pixels(slide_path: Path, owner: str, client_of: ClientOf) -> None:
    slide = register_slide(owner, slide_path)["token"]
    deep = client_of(owner).get(f"/sv/descriptors/{register_features(owner, patches(), slide=slide)}/7.json").json()
    own = described(slide_path)
    shallow = client_of(owner).get(f"/sv/descriptors/{register_features(owner, own, slide=slide)}/7.json").json()
    assert (deep["source"], deep["encoder"]) == ("pixels", "uni")
    assert [row["value"] for row in deep["rows"]] == pytest.approx([row["value"] for row in shallow["rows"]], rel=1e-4)
    assert "random patches" in deep["compared"]


def test_deep_features_without_a_slide_have_no_names_and_say_so(owner: str, client_of: ClientOf) -> None:
    found = client_of(owner).get(f"/sv/descriptors/{register_features(owner, patches())}/7.json").json()
    assert (found["source"], found["rows"]) == (None, [])
    assert "not available" in found["reason"]


# ---- kept files and memory


def test_registering_again_gives_the_same_address_and_one_file(owner: str) -> None:
    assert register_features(owner, patches()) == register_features(owner, patches())
    assert register_features(new_owner(), patches()) != register_features(owner, patches())
    assert len(list(workspace("patch_features").iterdir())) == 1


def test_files_that_nobody_registers_any_more_are_removed(owner: str) -> None:
    register_features(owner, patches())
    assert forget_unused() == 0
    assert forget_unused(days=-1) == 1


def test_memory_stays_below_its_limit_and_large_slides_are_not_kept() -> None:
    bags = [patches(seed=seed) for seed in range(5)]
    size = bags[0].features.nbytes
    cache, reads = BagCache(limit=2 * size), []

    def read(i: int) -> Bag:
        reads.append(i)
        return bags[i]

    for i in (0, 1, 0, 2, 0, 1):
        assert cache.get((str(i), "", 0), lambda i=i: read(i)) is bags[i]
        assert cache.held <= 2 * size
    assert reads == [0, 1, 2, 1]
    small = BagCache(limit=size - 1)
    small.get(("0", "", 0), lambda: bags[0])
    assert small.held == 0


# ---- montage


def test_montage_shows_the_highest_patches_of_the_map(slide_path: Path, owner: str, client_of: ClientOf) -> None:
    bag = patches()
    slide = register_slide(owner, slide_path)["token"]
    given = scores(bag, np.arange(1.0, 25))
    (view,) = register_maps(owner, [given], slide=slide)
    answer = client_of(owner).get(f"/sv/montage/{view['values']}.png?which=top&n=2&spread=none")
    assert answer.headers["content-type"] == "image/png"
    assert "attachment" in answer.headers["content-disposition"]
    sheet = np.asarray(Image.open(io.BytesIO(answer.content)).convert("RGB"), int)
    foot = 2 * LINE + MARGIN + GAP + CAPTION
    middle = sheet.shape[0] - foot - PATCH_PX // 2
    for place, index in enumerate((23, 22)):
        x, y = bag.coords[index] + SIDE // 2
        column = MARGIN + place * (PATCH_PX + GAP)
        assert abs(sheet[middle, column + PATCH_PX // 2, :2] - [x // 8, y // 8]).max() <= 3
        colour = colours_of(PatchMap.of_scores(given), Look(), summarise([PatchMap.of_scores(given)]))[index, :3]
        assert sheet[middle, column + 1].tolist() == colour.tolist()


@pytest.mark.parametrize(
    ("query", "words"), [("which=best", "top, bottom"), ("spread=wide", "none, apart, mm"), ("n=101", "from 1 to 100")]
)
def test_montage_of_an_unknown_kind_is_refused(
    slide_path: Path, owner: str, client_of: ClientOf, query: str, words: str
) -> None:
    bag = patches()
    slide = register_slide(owner, slide_path)["token"]
    (view,) = register_maps(owner, [scores(bag, np.arange(1.0, 25))], slide=slide)
    answer = client_of(owner).get(f"/sv/montage/{view['values']}.png?{query}")
    assert answer.status_code == 404
    assert words in answer.json()["error"]


def test_montage_without_a_slide_file_says_why(owner: str, client_of: ClientOf) -> None:
    (view,) = register_maps(owner, [scores(patches(), np.arange(1.0, 25))])
    answer = client_of(owner).get(f"/sv/montage/{view['values']}.png")
    assert answer.status_code == 404
    assert "not available" in answer.json()["error"]
