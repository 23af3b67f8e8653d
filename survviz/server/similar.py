"""Find similar: the patches of a slide, or of every other slide of a cohort, that are most like one patch."""

from __future__ import annotations

from dataclasses import dataclass

from survviz.errors import InputError, SurvvizError
from survviz.server.feature_files import OtherSlide, other_slides, standard_of
from survviz.server.register import register_slide
from survviz.server.store import Grant
from survviz.types import Bag
from survviz.wsi.similarity import Alike, most_alike

MOST_REASONS = 20


@dataclass(frozen=True, slots=True)
class Place:
    """A patch that was found; `slide` is the token of its slide's pixels, None where they cannot be shown."""

    slide_id: str
    index: int
    x: int
    y: int
    side: int
    similarity: float
    slide: str | None


@dataclass(frozen=True, slots=True)
class Search:
    """What was found, best first, and what was searched.

    Attributes:
        slides, n: slides and patches that were searched.
        skipped: why a slide was left out, in words.
        standard: what the features were standardised with, in words.
    """

    patches: list[Place]
    slides: int
    n: int
    skipped: list[str]
    encoder: str
    standard: str


@dataclass(frozen=True, slots=True)
class _Candidate:
    found: Alike
    corner: tuple[int, int]
    side: int
    slide: OtherSlide


def similar_in_slide(grant: Grant, bag: Bag, index: int, count: int) -> Search:
    """The patches of the same slide that are most like patch `index`; neither it nor what touches it."""
    standard, from_training = standard_of(grant)
    found = most_alike(bag, bag.features[index], standard, count, without=index)
    side = int(bag.patch_size_level0)
    places = [_place(one, _corner(bag, one), side, grant.payload["slide"]) for one in found]
    return Search(places, 1, len(bag), [], bag.encoder, _words(from_training))


def similar_in_cohort(grant: Grant, bag: Bag, index: int, count: int, *, only_files: bool = False) -> Search:
    """The patches of all other slides that are most like patch `index`; one slide at a time beside what is cached.

    Args:
        only_files: leave out slides whose pixels cannot be shown.

    Raises:
        InputError: the cohort cannot be read.
    """
    standard, from_training = standard_of(grant)
    best: list[_Candidate] = []
    slides = patches = 0
    skipped: list[str] = []
    for slide in other_slides(grant):
        if only_files and not (slide.path or slide.token):
            continue
        try:
            other = slide.read()
            if other.encoder != bag.encoder:
                raise InputError(f"encoded by {other.encoder!r}, and this slide by {bag.encoder!r}")
            found = most_alike(other, bag.features[index], standard, count)
        except SurvvizError as error:
            skipped.append(f"{slide.slide_id}: {error}")
            continue
        slides, patches = slides + 1, patches + len(other)
        best += [_Candidate(one, _corner(other, one), int(other.patch_size_level0), slide) for one in found]
        best = sorted(best, key=lambda one: -one.found.similarity)[:count]
    places = [_place(one.found, one.corner, one.side, _pixels(grant.owner, one.slide)) for one in best]
    return Search(places, slides, patches, skipped[:MOST_REASONS], bag.encoder, _words(from_training))


def _corner(bag: Bag, one: Alike) -> tuple[int, int]:
    x, y = bag.coords[one.index]
    return int(x), int(y)


def _place(one: Alike, corner: tuple[int, int], side: int, slide: str | None) -> Place:
    return Place(one.slide_id, one.index, *corner, side, round(one.similarity, 4), slide)


def _words(from_training: bool) -> str:
    return "the training patches" if from_training else "this slide’s patches"


def _pixels(owner: str, slide: OtherSlide) -> str | None:
    """Token of a slide's pixels for this owner."""
    if slide.token or not slide.path:
        return slide.token
    try:
        return register_slide(owner, slide.path, mpp=slide.mpp, label=slide.slide_id)["token"]
    except SurvvizError:
        return None
