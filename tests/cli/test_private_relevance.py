"""`survviz privacy relevance`: refused without a guarantee, paid for in the training ledger with one."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from survviz.checkpoint import load_checkpoint
from survviz.cli.app import app
from survviz.data.cohort import load_cohort
from survviz.errors import PrivacyError
from survviz.privacy.guarantee import TrainingGuarantee
from survviz.privacy.relevance import Relevance

ROOT = Path(__file__).parents[2]
COHORT = ROOT / "sample_data"


@pytest.fixture
def training(tmp_path: Path) -> list[str]:
    """The bundled cohort, and a split of it with six patients to train on."""
    ids = load_cohort(COHORT).case_ids
    rows = [f"{case_id},0,0,{'train' if i < 6 else 'test'}" for i, case_id in enumerate(ids)]
    (tmp_path / "small.csv").write_text("case_id,repeat,fold,part\n" + "\n".join(rows) + "\n")
    return ["--cohort", str(COHORT), "--split", str(tmp_path / "small.csv")]


@pytest.fixture
def private(tmp_path: Path) -> Path:
    """A shipped checkpoint that says of itself that it is private, for this test alone."""
    folder = tmp_path / "private"
    shutil.copytree(ROOT / "checkpoints" / "demo-bilayer", folder)
    promised = TrainingGuarantee.of(2.0, delta=1e-5, batch=20, patients=400, steps=20, clip=1.0)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"guarantee": promised.model_dump(mode="json")}))
    assert load_checkpoint(folder).config.guarantee is not None
    return folder


def run(*words: str) -> dict:
    result = CliRunner().invoke(app, ["privacy", "relevance", *words, "--json"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_a_network_without_a_guarantee_is_refused(training: list[str], survviz_home: Path) -> None:
    with pytest.raises(PrivacyError, match="without noise"):
        run("--checkpoint", str(ROOT / "checkpoints" / "demo-bilayer"), *training)


def test_releases_add_up_in_the_training_ledger(
    private: Path, training: list[str], tmp_path: Path, survviz_home: Path
) -> None:
    out = tmp_path / "relevance.json"
    words = ["--checkpoint", str(private), *training, "--out", str(out), "--epsilon"]
    assert run(*words, "0.5")["spent"] == 0.5
    found = Relevance.model_validate_json(out.read_text())
    assert sum(found.values.values()) == pytest.approx(1)
    assert found.spec is not None
    assert run(*words, "0.5")["spent"] == 1.0
    with pytest.raises(PrivacyError, match="hard cap of 16"):
        run(*words, "15.5")
    with pytest.raises(PrivacyError, match="no cancer type"):
        run(*words, "0.5", "--by-type")
