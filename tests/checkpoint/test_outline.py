"""What a checkpoint says of itself without its weights."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from survviz.checkpoint.outline import load_outline
from survviz.errors import CheckpointError
from survviz.pipeline.case_reader import CaseReader
from survviz.pipeline.predictor import Predictor

CHECKPOINTS = sorted(path.parent for path in (Path(__file__).parents[2] / "checkpoints").glob("*/config.json"))


@pytest.mark.parametrize("folder", CHECKPOINTS, ids=lambda folder: folder.name)
def test_the_outline_says_what_the_loaded_checkpoint_says(folder: Path) -> None:
    outline, loaded = CaseReader.outline(folder), Predictor.load(folder, "cpu")
    assert (outline.name, outline.model_name, outline.modalities) == (
        loaded.name,
        loaded.model_name,
        loaded.modalities,
    )
    assert outline.directions(both_ways=True) == loaded.directions(both_ways=True)
    assert outline.reads_slides == loaded.reads_slides
    assert [outline.tokens(group) for group in ("clinical", "genomic")] == [
        loaded.tokens(group) for group in ("clinical", "genomic")
    ]
    assert all(weight.is_meta for weight in load_outline(folder).model.parameters())


def test_no_compiler_is_imported_to_compare_shapes() -> None:
    """torch._dynamo and sympy take 70 MiB and seconds; some initialisers on the meta device import them."""
    code = (
        "import sys\nfrom survviz.checkpoint.outline import load_outline\n"
        "for folder in sys.argv[1:]:\n    load_outline(folder)\n"
        "print(sorted({'sympy', 'torch._dynamo'} & sys.modules.keys()))"
    )
    command = [sys.executable, "-c", code, *map(str, CHECKPOINTS)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.strip() == "[]"


def test_a_folder_without_settings_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"config\.json is missing"):
        load_outline(tmp_path)
