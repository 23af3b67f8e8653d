"""The checkpoints that survviz ships, from the recipes in `checkpoints.toml`:

    python -m benchmarks.checkpoints --cohorts REAL [--only NAME ...] [--out checkpoints]

REAL comes from `python -m benchmarks.real_cohorts`. Each recipe is cross-validated (nested) into OUT/NAME, which is
replaced when all folds are done, with its card; a killed run goes on where it was. Prints one line per checkpoint.
`--describe` keeps the weights and computes validation and card anew.
"""

from __future__ import annotations

import argparse
import shutil
import time
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict

from survviz.checkpoint import Checkpoint, Reference, load_checkpoint
from survviz.checkpoint.card import card
from survviz.checkpoint.layout import CARD, CONFIG, PREPROCESS, read_json, sha256, to_json
from survviz.checkpoint.writing import new_folder
from survviz.data.cohort import Cohort, load_cohort
from survviz.errors import CheckpointError
from survviz.pipeline import Predictor
from survviz.pipeline.cohort.evaluation import common_curves
from survviz.pipeline.cohort.scoring import score_cohort
from survviz.training import TrainConfig, cross_validate
from survviz.training.cross_validation import fold_splits
from survviz.training.out_of_fold import against_clinic, reference_of

ROOT = Path(__file__).resolve().parents[1]
RECIPES = Path(__file__).with_name("checkpoints.toml")
SAMPLE = "sample"
HEADER = (
    "| checkpoint | model | inputs | cases | deaths | C, pooled (95 % CI) | C of folds | C minus clinic (95 % CI) |"
)


class Recipe(BaseModel):
    """One checkpoint.

    Attributes:
        cohort: folder of the cohorts, or "sample".
        data, licence: keys of the file's texts.
        note: what is special about this one, for the card.
        kept: its weights stay as they are, because tests and the README rest on them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    purpose: str
    cohort: str
    data: tuple[str, ...]
    licence: str
    config: TrainConfig
    note: str = ""
    kept: bool = False


def read_recipes(path: Path = RECIPES) -> tuple[dict[str, Recipe], dict[str, Any]]:
    """Name -> recipe, and the texts of the file."""
    document = tomllib.loads(path.read_text(encoding="utf-8"))
    recipes = [Recipe.model_validate(one) for one in document.pop("checkpoints")]
    return {one.name: one for one in recipes}, document


def folder_of(recipe: Recipe, cohorts: Path) -> Path:
    """Where its cohort lies."""
    return ROOT / "sample_data" if recipe.cohort == SAMPLE else cohorts / recipe.cohort


def sections(recipe: Recipe, texts: dict[str, Any]) -> dict[str, str]:
    """What the card cannot compute."""
    source = "\n\n".join(text.strip() for text in (*(texts["data"][name] for name in recipe.data), recipe.note) if text)
    return {"Source": source, "Licence": texts["licences"][recipe.licence]}


def build(recipe: Recipe, texts: dict[str, Any], cohort: Cohort, out: Path) -> None:
    """Train one checkpoint into OUT/NAME."""
    cross_validate(
        cohort,
        recipe.config,
        out / recipe.name,
        purpose=recipe.purpose,
        sections=sections(recipe, texts),
        beside_clinic=True,
    )


def describe(recipe: Recipe, texts: dict[str, Any], cohort: Cohort, out: Path) -> None:
    """Score the training cohort by the folds of OUT/NAME again, and write its validation and card anew.

    Raises:
        CheckpointError: the risks are not those that the checkpoint holds.
    """
    predictor = Predictor.load(out / recipe.name, device="cpu")
    checkpoint = predictor.checkpoint
    found = score_cohort(predictor, cohort, training_cases=True, anyway=True).predictions
    ids = [one.case_id for one in found]
    risks = pd.DataFrame(
        {
            "risk": [one.risk for one in found],
            "fold": [one.folds[0] for one in found],
            "time": cohort.time.loc[ids].to_numpy(dtype=float),
            "event": cohort.event.loc[ids].to_numpy(dtype=bool),
        },
        index=pd.Index(ids, name="case_id"),
    )
    if not np.allclose(np.sort(risks["risk"]), checkpoint.reference.risks, atol=1e-4):
        raise CheckpointError(f"{recipe.name} scores its training cohort otherwise than when it was written.")
    cases = {case_id: cohort.case(case_id, bags=False) for case_id in ids}
    splits = fold_splits(cohort, recipe.config, cases)
    tested = {case_id: fold for fold, split in enumerate(splits) for case_id in split.test}
    if tested != risks["fold"].to_dict():
        raise CheckpointError(f"The recipe of {recipe.name} makes other folds than those it was trained on.")
    clinic = against_clinic(cohort, recipe.config, splits, risks, cases=cases)
    reference = reference_of(cohort, risks, common_curves(found), checkpoint.reference.metrics.folds, clinic)
    rewrite(checkpoint, reference, recipe.purpose, sections(recipe, texts))


def rewrite(checkpoint: Checkpoint, reference: Reference, purpose: str, text: dict[str, str]) -> None:
    """The same folder with another reference and card; weights and all that was fitted stay."""
    with new_folder(checkpoint.folder) as staging:
        shutil.copytree(checkpoint.folder, staging, dirs_exist_ok=True)
        document = read_json(staging, PREPROCESS) | {"reference": reference.to_dict()}
        (staging / PREPROCESS).write_text(to_json(document), encoding="utf-8")
        config = checkpoint.config.model_copy(update={"purpose": purpose})
        written = card(config, reference, checkpoint.model(0), checkpoint.preprocess(0), text)
        (staging / CARD).write_text(written, encoding="utf-8")
        hashed = config.model_copy(update={"sha256": {name: sha256(staging / name) for name in config.sha256}})
        (staging / CONFIG).write_text(to_json(hashed.model_dump(mode="json")), encoding="utf-8")


def row(checkpoint: Checkpoint) -> str:
    """What the README says of a checkpoint, from what it holds."""
    reference, inputs = checkpoint.reference, ", ".join(checkpoint.preprocess(0).modalities)
    metrics, clinic = reference.metrics, reference.clinic
    pooled = mean = beside = "undefined"
    if metrics.c_index is not None:
        pooled = f"{metrics.c_index:.3f} ({metrics.low:.3f} to {metrics.high:.3f})"
    if metrics.mean is not None and metrics.sd is not None:
        mean = f"{metrics.mean:.3f} ± {metrics.sd:.3f}"
    if clinic is not None:
        one = clinic.pooled
        beside = f"{one.difference:+.3f} ({one.low:+.3f} to {one.high:+.3f})"
        beside = f"**{beside}**" if one.low > 0 else beside
    counts = f"{reference.n_cases:,} | {reference.n_events:,}"
    return f"| `{checkpoint.name}` | {checkpoint.config.model} | {inputs} | {counts} | {pooled} | {mean} | {beside} |"


def main() -> None:
    """Build the asked checkpoints, one after another."""
    recipes, texts = read_recipes()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cohorts", type=Path, default=ROOT / "cohorts", help="folder of cohort folders")
    parser.add_argument("--only", nargs="+", choices=list(recipes), default=list(recipes))
    parser.add_argument("--out", type=Path, default=ROOT / "checkpoints")
    parser.add_argument("--describe", action="store_true", help="keep the weights; validation and card anew")
    parser.add_argument("--table", action="store_true", help="only print the rows")
    given = parser.parse_args()
    print(f"{HEADER}\n|{'---|' * (HEADER.count('|') - 1)}", flush=True)
    for name in given.only:
        started, recipe = time.perf_counter(), recipes[name]
        if not given.table:
            make = describe if given.describe or recipe.kept else build
            make(recipe, texts, load_cohort(folder_of(recipe, given.cohorts)), given.out)
        size = sum(path.stat().st_size for path in (given.out / name).iterdir()) / 1e6
        note = f"<!-- {size:.1f} MB, {time.perf_counter() - started:.0f} s -->"
        print(row(load_checkpoint(given.out / name)), "" if given.table else note, flush=True)


if __name__ == "__main__":
    main()
