"""Maps that cost more than a glance, kept on disk: named by what they are computed from, so that nobody waits twice."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from survviz.checkpoint import Checkpoint
from survviz.data.fingerprint import of_file
from survviz.errors import InputError
from survviz.explain.slides import Story, split_by_slide
from survviz.pipeline.explanation import maps
from survviz.pipeline.explanation.maps import MapRequest, of_case
from survviz.types import Bag, Case, PatchScores, Progress
from survviz.workspace import workspace

if TYPE_CHECKING:
    from survviz.pipeline.predictor import Predictor

FORMAT = "survviz-maps-1"
"""Part of every name: a change of how maps are computed asks for another one."""


def maps_path(checkpoint: Checkpoint, case: Case, request: MapRequest) -> Path:
    """Where the maps of a request are kept, or would be; tokens do not count, all are kept."""
    found = hashlib.sha256()
    for line in (FORMAT, of_file(checkpoint.folder / "config.json"), request.kind, request.query, request.key):
        found.update(f"{line}\n".encode())
    found.update(case_digest(case).encode())
    return workspace("maps") / f"{found.hexdigest()[:40]}.safetensors"


def case_digest(case: Case) -> str:
    """SHA-256 of everything that a model may read of a case, and of where its patches lie."""
    found = hashlib.sha256()
    tables = {name: getattr(case, name) for name in ("clinical", "rna", "mirna", "cnv")}
    rows = {name: None if row is None else sorted(row.items()) for name, row in tables.items()}
    found.update(json.dumps([case.case_id, rows], default=str).encode())
    for bag in case.bags:
        found.update(repr((bag.slide_id, bag.encoder, bag.patch_size_level0, bag.features.shape)).encode())
        found.update(np.ascontiguousarray(bag.coords).tobytes())
        found.update(np.ascontiguousarray(bag.features).tobytes())
    if case.genomic_tokens is not None:
        found.update(np.ascontiguousarray(case.genomic_tokens).tobytes())
    return found.hexdigest()


def compute_maps(predictor: Predictor, case: Case, request: MapRequest, progress: Progress | None = None) -> Path:
    """The file of the maps of a request, computed now unless it is there.

    Raises:
        InputError: the model or the case has no such map.
        CancelledError: `progress` raised it.
    """
    whole = MapRequest(request.kind, request.query, request.key)
    path = maps_path(predictor.checkpoint, case, whole)
    if path.is_file():
        return path
    if request.kind == "disagreement":
        looks = maps.attention(predictor, case, MapRequest("attention", request.query, request.key))
        parts = compute_maps(predictor, case, MapRequest.of("contribution", "", ""), progress)
        (adds,) = load_maps(parts, case.bags).values()
        found = maps.disagreements(looks, adds)
    else:
        found = maps.explain(predictor, case, whole, progress)
    save_maps(path, found)
    return path


def save_maps(path: Path, found: Mapping[str, Sequence[PatchScores]]) -> None:
    """Write maps of the same slides: token -> one map per slide."""
    arrays: dict[str, np.ndarray] = {}
    entries = []
    for number, (token, slides) in enumerate(found.items()):
        arrays[f"{number}.values"] = of_case([one.values for one in slides])
        arrays[f"{number}.per_fold"] = of_case([one.per_fold for one in slides])
        details = [one.detail for one in slides if one.detail is not None]
        if details:
            arrays[f"{number}.detail"] = of_case(details)
        first = slides[0]
        entries.append({
            "kind": first.kind, "query": first.query, "key": first.key, "token": token, "unit": first.unit,
            "semantics": first.semantics, "shared_among": first.shared_among,
        })  # fmt: skip
    slides = [[one.slide_id, len(one.coords)] for one in next(iter(found.values()))]
    document = {"format": FORMAT, "slides": json.dumps(slides), "maps": json.dumps(entries, ensure_ascii=False)}
    fresh = path.with_suffix(".tmp")
    save_file({name: np.ascontiguousarray(value) for name, value in arrays.items()}, fresh, metadata=document)
    fresh.replace(path)


def load_maps(path: str | Path, bags: Sequence[Bag]) -> dict[str, tuple[PatchScores, ...]]:
    """Token -> one map per slide, as they were saved.

    Args:
        bags: the slides of the case, in order; they say where the patches lie.

    Raises:
        InputError: the file is missing or damaged, or its maps are of other slides.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            document = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
    except (OSError, SafetensorError) as error:
        raise InputError(f"The maps in {path} cannot be read ({error}). Compute them again.") from error
    slides = [[bag.slide_id, len(bag)] for bag in bags]
    if document.get("format") != FORMAT or json.loads(document["slides"]) != slides:
        raise InputError(f"The maps in {path} are not of the slides {slides}. Compute them again.")
    return {
        entry["token"]: split_by_slide(
            arrays[f"{number}.per_fold"],
            bags,
            Story(**entry),
            values=arrays[f"{number}.values"],
            detail=arrays.get(f"{number}.detail"),
        )
        for number, entry in enumerate(json.loads(document["maps"]))
    }
