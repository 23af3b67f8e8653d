"""`explain --faithfulness`: are the maps of a case better than chance?"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from survviz.cli.console import progress_bar, show_json, show_notices
from survviz.errors import InputError
from survviz.types import MapKind

if TYPE_CHECKING:
    from survviz.cli.cases import CaseFiles

stdout = Console(highlight=False, soft_wrap=True)

Faithfulness = Annotated[
    bool, typer.Option("--faithfulness", help="Instead of maps: whether those of a case beat chance, as JSON.")
]


def run_faithfulness(
    checkpoint: Path, files: CaseFiles, kinds: Sequence[MapKind], out: Path, *, device: str, as_json: bool
) -> None:
    """Write faithfulness.json: the test of the map of each kind and direction onto the patches, mean over tokens.

    A map of what the patches look at has no mean over tokens; the app tests it token by token.

    Raises:
        InputError: the model or the case has no map of a kind, or there is nothing to test about it.
    """
    from survviz.cli.cases import read_case, write_export
    from survviz.explain.attention import PATCHES
    from survviz.pipeline.explanation.faithfulness import compute_test, why_not_tested
    from survviz.pipeline.explanation.maps import MapRequest
    from survviz.pipeline.predictor import Predictor

    predictor = Predictor.load(checkpoint, device)
    case, notices = read_case(files, predictor)
    requests = [
        MapRequest.of(kind, query, key)
        for kind in kinds
        for query, key in predictor.directions_for(case, kind)
        if key == PATCHES
    ]
    for why in (*(predictor.why_no_kind(case, kind) for kind in kinds), *map(why_not_tested, requests)):
        if why:
            raise InputError(why)
    show_notices((*notices, *predictor.check(case)))
    tests: list[dict[str, Any]] = []
    for request in requests:
        with progress_bar(f"testing {request.kind} {request.query} to {request.key}") as progress:
            tests.append(json.loads(compute_test(predictor, case, request, progress).read_text()))
    out.mkdir(parents=True, exist_ok=True)
    document = {"case_id": case.case_id, "checkpoint": predictor.checkpoint.name, "tests": tests}
    write_export(out / "faithfulness.json", json.dumps(document, indent=1, ensure_ascii=False) + "\n", case)
    if as_json:
        show_json({**document, "tests": [{k: v for k, v in test.items() if k != "orders"} for test in tests]})
        return
    for test in tests:
        stdout.print(f"{test['map']}: {test['words']}. {' '.join(test['reasons'])}")
