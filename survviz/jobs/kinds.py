"""What jobs can do. A kind is a function of (arguments, progress) that returns a JSON-able result."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, ValidationError

from survviz.errors import InputError, UnknownNameError
from survviz.jobs.cohort_kinds import InferenceArguments, TrainingArguments, infer, train
from survviz.pipeline.recipe import Recipe
from survviz.types import MapKind, Progress
from survviz.workspace import workspace

Run: TypeAlias = Callable[[Any, Progress], Mapping[str, Any]]


class ExtractArguments(BaseModel):
    """A slide to encode.

    Attributes:
        slide: path of the slide file.
        mpp: um per pixel, where the file declares none.
        encoder: name of a patch encoder.
        encoder_weights: local path or hub id, for encoders that need weights.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    slide: str
    mpp: float | None = None
    encoder: str = "he-descriptor"
    encoder_weights: str | None = None


def extract(arguments: ExtractArguments, progress: Progress) -> dict[str, Any]:
    """Encode the patches of a slide into the feature cache.

    Returns:
        features (path), slide_id, n_patches, notices (level, code, text).
    """
    from survviz.wsi.encoders import create_encoder
    from survviz.wsi.extract import cache_name, extract_cached
    from survviz.wsi.slide import open_slide

    encoder = create_encoder(arguments.encoder, weights=arguments.encoder_weights)
    bag, notices = extract_cached(arguments.slide, encoder, mpp=arguments.mpp, progress=progress)
    with open_slide(arguments.slide, arguments.mpp) as slide:
        features = workspace("features") / cache_name(slide, encoder)
    return {
        "features": str(features),
        "slide_id": bag.slide_id,
        "n_patches": len(bag),
        "notices": [{"level": n.level, "code": n.code, "text": n.text} for n in notices],
    }


class MapsArguments(BaseModel):
    """Maps of a case to compute.

    Attributes:
        checkpoint: its folder.
        recipe: what opens the case.
        kind: attention, contribution, perturbation or disagreement.
        query, key: direction of attention; without a meaning for contribution and perturbation.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    checkpoint: str
    recipe: Recipe
    kind: MapKind
    query: str = "clinical"
    key: str = "pathology"


def maps(arguments: MapsArguments, progress: Progress) -> dict[str, Any]:
    """Compute maps, or find them.

    Returns:
        path (of the file for `load_maps`), kind, query, key.
    """
    from survviz.pipeline.explanation.maps import MapRequest
    from survviz.pipeline.explanation.stored_maps import compute_maps
    from survviz.pipeline.predictor import Predictor
    from survviz.pipeline.recipe import build_case

    progress(0, 0)
    case, _ = build_case(arguments.recipe)
    request = MapRequest.of(arguments.kind, arguments.query, arguments.key)
    path = compute_maps(Predictor.load(arguments.checkpoint), case, request, progress)
    return {"path": str(path), "kind": request.kind, "query": request.query, "key": request.key}


class FaithfulnessArguments(MapsArguments):
    """A map of a case to test against chance.

    Attributes:
        token: whose map.
    """

    token: str = "all"


def faithfulness(arguments: FaithfulnessArguments, progress: Progress) -> dict[str, Any]:
    """Test a map, or find its test.

    Returns:
        path (of the test as JSON).
    """
    from survviz.pipeline.explanation.faithfulness import compute_test
    from survviz.pipeline.explanation.maps import MapRequest
    from survviz.pipeline.predictor import Predictor
    from survviz.pipeline.recipe import build_case

    progress(0, 0)
    case, _ = build_case(arguments.recipe)
    request = MapRequest.of(arguments.kind, arguments.query, arguments.key, (arguments.token,))
    return {"path": str(compute_test(Predictor.load(arguments.checkpoint), case, request, progress))}


class RegionsArguments(BaseModel):
    """A cohort whose maps are compared with regions.

    Attributes:
        checkpoint, cohort: their folders.
        annotations: folder of a GeoJSON per slide; None = the cohort's own masks.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    checkpoint: str
    cohort: str
    annotations: str | None = None


def regions(arguments: RegionsArguments, progress: Progress) -> dict[str, Any]:
    """Enrichment of every map in every class of region, over the patients of a cohort.

    Returns:
        folder (of the files, see `survviz.pipeline.cohort.region_files`).
    """
    from survviz.pipeline.cohort.region_files import compute_region_files

    progress(0, 0)
    annotations = None if arguments.annotations is None else Path(arguments.annotations)
    out = compute_region_files(Path(arguments.checkpoint), Path(arguments.cohort), annotations, progress)
    return {"folder": str(out)}


class AttributionArguments(BaseModel):
    """A cohort whose estimates are explained.

    Attributes:
        checkpoint, cohort: their folders.
        method, target, baseline: by name, as of `survviz.pipeline.explanation.attribution.attribute`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    checkpoint: str
    cohort: str
    method: Literal["integrated-gradients", "relevance", "shapley", "removal"] = "integrated-gradients"
    target: str = "risk"
    baseline: str = "training mean"


def attribution(arguments: AttributionArguments, progress: Progress) -> dict[str, Any]:
    """What every piece of evidence adds, over the patients of a cohort.

    Returns:
        folder (of the files, see `survviz.pipeline.cohort.attribution_files`).
    """
    from survviz.pipeline.cohort.attribution_files import compute_attribution_files

    progress(0, 0)
    asked = (arguments.method, arguments.target, arguments.baseline)
    out = compute_attribution_files(Path(arguments.checkpoint), Path(arguments.cohort), *asked, progress)
    return {"folder": str(out)}


KINDS: dict[str, tuple[type[BaseModel], Run, str]] = {
    "extract": (ExtractArguments, extract, "Encoding patches"),
    "maps": (MapsArguments, maps, "Computing the map"),
    "faithfulness": (FaithfulnessArguments, faithfulness, "Testing the map against chance"),
    "regions": (RegionsArguments, regions, "Mapping the cohort"),
    "cohort-inference": (InferenceArguments, infer, "Scoring the cohort"),
    "training": (TrainingArguments, train, "Training"),
    "attribution": (AttributionArguments, attribution, "Weighing the evidence over the cohort"),
}


def find_kind(kind: str) -> tuple[type[BaseModel], Run, str]:
    """The arguments' model, the function, and its name in words.

    Raises:
        UnknownNameError: there is no such kind.
    """
    if kind not in KINDS:
        raise UnknownNameError("kind of job", kind, KINDS)
    return KINDS[kind]


def check_arguments(kind: str, arguments: Mapping[str, Any]) -> BaseModel:
    """The arguments, validated.

    Raises:
        InputError: one is missing, of a wrong type, or unknown.
    """
    model, _, _ = find_kind(kind)
    try:
        return model.model_validate(dict(arguments))
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise InputError(
            f"The job {kind!r} cannot start: {wrong}. Expected {', '.join(model.model_fields)}."
        ) from error
