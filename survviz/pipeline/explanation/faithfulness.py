"""Checkpoint + case + map -> is the map better than chance on this case? Computed once, and kept on disk."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from survviz.checkpoint import Checkpoint
from survviz.data.fingerprint import of_file
from survviz.errors import InputError
from survviz.explain.attention import attention_maps
from survviz.explain.faithfulness import faithfulness, n_orders
from survviz.explain.gradients import patch_contributions
from survviz.explain.perturbation import Groups, risk_without
from survviz.explain.sanity import Change, change_under_randomisation, randomised, rank_correlation
from survviz.models import Model
from survviz.pipeline.explanation.map_test import FORMAT, SMALLEST_POINT, SMALLEST_SHARE, MapTest, map_id, token_of
from survviz.pipeline.explanation.maps import PATCHES, MapRequest, of_case
from survviz.pipeline.explanation.stored_maps import case_digest, compute_maps, load_maps
from survviz.types import Case, Inputs, Progress
from survviz.workspace import workspace

if TYPE_CHECKING:
    from survviz.pipeline.predictor import Predictor

SHUFFLED = 10
"""Models with shuffled weights that a map of what moves the risk is compared with; of attention as many as chance."""
SANITY_PATCHES = 200
"""Patches of the case on which these maps are compared: ranks need no more."""
COARSE = 0.2
"""Completeness that their contributions are held to."""
STEPS = 1000
"""Steps of progress."""
BEFORE = 0.2
"""Share of the progress that shuffled maps take."""


def why_not_tested(request: MapRequest) -> str | None:
    """Why a map claims nothing that could be tested; None where it does."""
    if request.kind == "disagreement":
        return (
            "A disagreement map says where two maps differ; it claims nothing about the risk, so there is nothing to "
            "test. Test the map of attention or of contribution."
        )
    return None


def check_map(
    predictor: Predictor,
    case: Case,
    request: MapRequest,
    progress: Progress | None = None,
    *,
    n_chance: int | None = None,
) -> MapTest:
    """Test one map of a case; a map that takes long is taken from the stored ones, or computed and stored.

    Args:
        n_chance: orders of each kind of chance; default as many as the size of the case allows.

    Raises:
        InputError: there is no such map, or nothing to test about it.
        UnknownNameError: no such kind or token.
        CancelledError: `progress` raised it.
    """
    if why := why_not_tested(request):
        raise InputError(why)
    token = token_of(request)
    if request.kind == "attention":
        maps = predictor.explain_kind(case, query=request.query, key=request.key, tokens=(token,))[token]
    else:
        maps = load_maps(compute_maps(predictor, case, request, progress), case.bags)[token]
    scores = of_case([one.values for one in maps])
    folds, _ = predictor.folds_for(case)
    members = [(predictor.model(fold), predictor.inputs(fold, case)) for fold in folds]
    report = _reported(progress)
    blind = _shuffled_attention(members, case, request, n_chance, report) if request.kind == "attention" else None
    found = faithfulness(
        members,
        scores,
        signed=maps[0].signed,
        blind=blind,
        n_chance=n_chance,
        progress=lambda share: report(BEFORE + (1 - BEFORE) * share),
    )
    if blind is None:
        change = _change(*members[0], request)
    else:
        change = Change(np.array([rank_correlation(scores, other) for other in blind]))
    asked = MapRequest(request.kind, request.query, request.key, (token,))
    smallest = smallest_move(members[0][0], predictor.checkpoint.reference.risks)
    return MapTest(asked, found, change, smallest, len(folds))


def smallest_move(model: Model, risks: NDArray[np.floating]) -> float:
    """A change of the risk below this is none: 5 % of the spread of a cohort's risks, or one point of survival.

    Risks are minus a sum of survivals over bins, or log-hazards, which move S = exp(-exp(.)) by 1/e per unit at most.
    """
    unit = model.config.n_bins if model.config.output == "discrete-hazard" else np.e
    return max(SMALLEST_SHARE * float(np.std(risks, ddof=1)), SMALLEST_POINT * unit)


def _shuffled_attention(
    members: Sequence[tuple[Model, Inputs]],
    case: Case,
    request: MapRequest,
    n_chance: int | None,
    report: Callable[[float], None],
) -> NDArray[np.float64]:
    """(R, N) the same attention by models with shuffled weights, the mean over folds."""
    group = request.key if request.query == PATCHES else request.query
    token = token_of(request)
    n = n_chance or n_orders(sum(map(len, case.bags)))
    found = []
    for seed in range(n):
        raw = []
        for i, (model, inputs) in enumerate(members):
            with torch.inference_mode():
                output = randomised(model, seed * len(members) + i)(inputs, attention=True)
            raw.append((output.attention or {})[request.query, request.key])
        maps = attention_maps(raw, members[0][0].token_names[group], case.bags, (token,))[token]
        found.append(of_case([one.values for one in maps]))
        report(BEFORE * (seed + 1) / n)
    return np.stack(found)


def _change(model: Model, inputs: Inputs, request: MapRequest) -> Change:
    """How much of a map of what moves the risk is left when the weights are shuffled, on some patches of the case."""
    n = inputs.patches.shape[1]
    some = torch.linspace(0, n - 1, min(n, SANITY_PATCHES), device=inputs.patches.device).long()
    fewer = replace(inputs, patches=inputs.patches[:, some], patch_mask=inputs.patch_mask[:, some])
    alone = Groups(np.arange(len(some)), 1)

    def map_of(model: Model) -> NDArray[np.float64]:
        if request.kind == "perturbation":
            return risk_without(model, fewer, alone)
        return patch_contributions(model, fewer, tolerance=COARSE).values

    return change_under_randomisation(map_of, model, seeds=range(SHUFFLED))


def _reported(progress: Progress | None) -> Callable[[float], None]:
    return lambda share: progress(round(share * STEPS), STEPS) if progress else None


def folder_of_tests(checkpoint: Checkpoint, case: Case) -> Path:
    """Where the tests of a case's maps by a checkpoint are kept; one file each."""
    found = hashlib.sha256()
    for line in (FORMAT, of_file(checkpoint.folder / "config.json"), case_digest(case)):
        found.update(f"{line}\n".encode())
    return workspace("maps", f"tests-{found.hexdigest()[:40]}")


def compute_test(predictor: Predictor, case: Case, request: MapRequest, progress: Progress | None = None) -> Path:
    """The file of a map's test, computed now unless it is there.

    Raises:
        InputError: there is no such map, or nothing to test about it.
        CancelledError: `progress` raised it.
    """
    name = hashlib.sha256(map_id(request).encode()).hexdigest()[:40]
    path = folder_of_tests(predictor.checkpoint, case) / f"{name}.json"
    if not path.is_file():
        document = check_map(predictor, case, request, progress).as_json()
        fresh = path.with_suffix(".tmp")
        fresh.write_text(json.dumps(document, ensure_ascii=False))
        fresh.replace(path)
    return path


def stored_tests(folder: Path) -> dict[str, dict[str, Any]]:
    """Map -> its test, without the single orders of chance, of all that are kept in a folder."""
    found = {}
    for path in sorted(folder.glob("*.json")):
        document = json.loads(path.read_text())
        found[document["map"]] = {name: value for name, value in document.items() if name != "orders"}
    return found
