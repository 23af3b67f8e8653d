"""Checkpoints, settings, jobs, recipes, ledgers, plans, studies: folders and files that are read again later."""

from __future__ import annotations

import contextlib
import json
import shutil
import struct
from typing import Any

from benchmarks.fuzz.target import ROOT, Parser, Target, scratch, written

DEMO = ROOT / "checkpoints" / "demo-survpgc"
PRIVATE = ROOT / "checkpoints" / "demo-bilayer"


def checkpoint_config() -> Parser:
    """config.json, and the model that it describes, without weights."""
    from survviz.checkpoint.layout import PREPROCESS
    from survviz.checkpoint.outline import load_outline

    folder = scratch("checkpoint")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    document = json.loads((DEMO / PREPROCESS).read_text())
    (folder / PREPROCESS).write_text(json.dumps({**document, "folds": document["folds"][:1]}))

    def run(data: bytes) -> None:
        (folder / "config.json").write_bytes(data)
        load_outline(folder)

    seeds = []
    for name in ("demo-survpgc", "demo-bilayer", "tcga-luad"):
        config = json.loads((ROOT / "checkpoints" / name / "config.json").read_text())
        seeds.append(json.dumps({**config, "folds": config["folds"][:1], "training": {}}).encode())
    return Parser(run, seeds)


def checkpoint_preprocess() -> Parser:
    """What a fold fitted, reference, membership."""
    from survviz.checkpoint.checkpoint import _baselines, _membership, read_preprocess
    from survviz.checkpoint.reference import Reference
    from survviz.errors import CheckpointError

    document = json.loads((PRIVATE / "preprocess.json").read_text())

    def run(data: bytes) -> None:
        try:
            value = json.loads(data)
        except (ValueError, RecursionError):
            return
        if not isinstance(value, dict):
            return
        for read in (
            lambda: read_preprocess(value.get("fold")),
            lambda: Reference.from_dict(value.get("reference")),  # type: ignore[arg-type]
            lambda: _membership(value.get("membership"), 5),
            lambda: _baselines(value.get("baselines"), 5),
        ):
            try:
                read()
            except CheckpointError:
                continue

    def short(node: Any) -> Any:
        """The same, with long lists cut: a damage then meets what matters."""
        if isinstance(node, dict):
            return {key: short(item) for key, item in list(node.items())[:60]}
        return [short(item) for item in node[:12]] if isinstance(node, list) else node

    parts = {"reference": document["reference"], "membership": document["membership"]}
    parts |= {"baselines": document["baselines"]}
    whole = {"fold": document["folds"][0], **parts}
    return Parser(run, [json.dumps(whole).encode(), json.dumps(short(whole)).encode()])


def safetensors() -> Parser:
    """Tensors: header, names, shapes, offsets."""
    from survviz.checkpoint.layout import GOLDEN
    from survviz.checkpoint.weights import read_tensors

    def run(data: bytes) -> None:
        read_tensors(written(GOLDEN, data).parent, GOLDEN)

    header = {"a": {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]}, "__metadata__": {"format": "pt"}}
    text = json.dumps(header).encode()
    return Parser(run, [struct.pack("<Q", len(text)) + text + bytes(16)])


def settings_toml() -> Parser:
    """The settings of an installation."""
    from survviz.deployment.settings import _read

    text = (ROOT / "docs" / "deploy.md").read_text()
    example = text.split("```toml\n")[1].split("```")[0]

    def run(data: bytes) -> None:
        _read.cache_clear()
        _read(written("config.toml", data), 0, None)

    words = ("[limits]", "[roles]", 'by = "oidc"', "proxies = [", '"10.0.0.0/8"', "= -1", "= nan", '"*"')
    return Parser(run, [example.encode(), b'[sign_in]\nby = "header"\n'], words)


def job_files() -> Parser:
    """State of a job, and what may be asked of one."""
    from survviz.errors import SurvvizError
    from survviz.jobs.kinds import KINDS, check_arguments
    from survviz.jobs.state import JobStatus, read_state, write_state

    folder = scratch("job")
    folder.mkdir(exist_ok=True)
    write_state(folder, JobStatus("0" * 32, "maps", result={"a": 1}))
    state = (folder / "state.json").read_bytes()

    def run(data: bytes) -> None:
        (folder / "state.json").write_bytes(data)
        with contextlib.suppress(SurvvizError):
            read_state(folder)
        try:
            value = json.loads(data)
        except (ValueError, RecursionError):
            return
        if isinstance(value, dict):
            for kind in KINDS:
                try:
                    check_arguments(kind, value)
                except SurvvizError:
                    continue

    recipe = {"case_id": "A", "slides": {"a": {"path": "a.svs", "mpp": 0.5}}, "features": ["a.h5"], "clinical": {}}
    asked = {"checkpoint": "c", "recipe": recipe, "kind": "attention", "query": "clinical", "key": "pathology"}
    return Parser(run, [state, json.dumps(asked).encode(), b'{"slide": "a.svs", "mpp": 0.5}'])


def recipes() -> Parser:
    """What opens a case again."""
    from survviz.pipeline.recipe import Recipe
    from survviz.types import Notice

    path = scratch("recipe.json")
    known = Recipe("A", {}, ("a.h5",), "rna.csv", {"Age": 61.0}, (Notice("info", "slide.mpp", "words"),))
    known.write(path)
    seed = path.read_bytes()
    return Parser(lambda data: Recipe.read(written("recipe.json", data)), [seed])


def plans() -> Parser:
    """Release plans, plans of an intake, studies."""
    from survviz.errors import SurvvizError
    from survviz.intake.plan import read_plan as read_intake_plan
    from survviz.privacy.plan_file import read_plan
    from survviz.study.design import load_study

    def run(data: bytes) -> None:
        path = written("plan.json", data)
        for read in (read_plan, read_intake_plan, load_study):
            try:
                read(path)
            except SurvvizError:
                continue

    numeric = {"name": "age", "kind": "numeric", "lower": 0, "upper": 120, "width": 1}
    categories = {"name": "sex", "kind": "categorical", "values": ["f", "m"]}
    seeds: list[dict[str, Any]] = [
        {"coordinates": [numeric, categories], "levels": [0.5, 1, 2]},
        {"files": {}, "uses": [], "fixes": []},
        {"id": "s", "checkpoint": "c", "cohort": "d", "questions": [], "cases": []},
    ]
    return Parser(run, [json.dumps(one).encode() for one in seeds])


def ledger() -> Parser:
    """A privacy ledger whose files somebody damaged: refused, or read as it is; never reset."""
    import sqlite3

    from survviz.errors import SurvvizError
    from survviz.privacy.ledger_file import open_folder

    folder = scratch("ledger")
    shutil.rmtree(folder, ignore_errors=True)
    open_folder(folder)
    for journal in folder.glob("*-wal"):
        journal.unlink()
    with sqlite3.connect(folder / "ledger.sqlite") as database:
        database.execute("PRAGMA journal_mode = DELETE")
    good = {path.name: path.read_bytes() for path in folder.iterdir()}
    name = max(good, key=lambda one: len(good[one]))

    def run(data: bytes) -> None:
        for one, content in good.items():
            (folder / one).write_bytes(data if one == name else content)
        try:
            open_folder(folder)
        except SurvvizError:
            return

    return Parser(run, [good[name]])


TARGETS = {
    "checkpoint_config": Target(
        "checkpoint.layout, checkpoint.outline, models.registry", checkpoint_config, "json", 5_000, 65536
    ),
    "checkpoint_preprocess": Target(
        "checkpoint.checkpoint, checkpoint.reference, data.preprocess", checkpoint_preprocess, "json", 5_000, 1 << 20
    ),
    "safetensors": Target("checkpoint.weights", safetensors, runs=100_000, largest=1024),
    "settings_toml": Target("deployment.settings", settings_toml, "text", 50_000),
    "job_files": Target("jobs.state, jobs.kinds", job_files, "json", 50_000),
    "recipes": Target("pipeline.recipe", recipes, "json", 100_000),
    "plans": Target("privacy.plan_file, intake.plan, study.design", plans, "json", 50_000),
    "ledger": Target("privacy.ledger_file", ledger, runs=20_000, largest=1 << 17),
}
