"""An analysis of a cohort to give away: tables, figures, words, settings, and the command that makes it again."""

from __future__ import annotations

import hashlib
import io
import json
import math
import platform
import zipfile
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import BaseModel, ConfigDict, ValidationError

from survviz import __version__
from survviz.data.cohort_file import FILE_NAME
from survviz.errors import InputError
from survviz.pipeline.cohort.results import NOT_SCORED, OUTCOMES, PATIENTS, CohortResults
from survviz.pipeline.cohort.stratification import Stratification, StratifyPlan, stratify
from survviz.pipeline.cohort.stratification_words import curve_table, group_table, member_table, methods, risk_counts
from survviz.pipeline.cohort.words import scoring_words
from survviz.spreadsheets import table_csv
from survviz.types import RESEARCH_USE

FORMAT = "survviz-bundle-1"
CONFIG, NUMBERS, METHODS, README, SUMS = "config.json", "numbers.json", "methods.md", "README.md", "SHA256SUMS"
OF_THE_COHORT = (FILE_NAME, "cleaning.json", "cleaning.md")
PACKAGES = ("torch", "numpy", "pandas", "scipy", "lifelines")


class BundleConfig(BaseModel):
    """What an analysis depends on.

    Attributes:
        packages: name -> version.
        checkpoint, checkpoint_sha256: name, and hash of its config.json.
        cohort, cohort_sha256: name, and hash of its content.
        plan: how patients were grouped and compared.
        command: what gives the numbers again. Folders are its arguments: where they lay is nobody else's business.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: str
    survviz: str
    python: str
    packages: dict[str, str]
    checkpoint: str
    checkpoint_sha256: str
    cohort: str
    cohort_sha256: str
    device: str
    anyway: bool
    plan: StratifyPlan
    cutoffs_tried: int
    command: str


def bundle(
    results: CohortResults,
    plan: StratifyPlan,
    *,
    figures: Mapping[str, bytes] | None = None,
    tried: int = 0,
) -> bytes:
    """A zip file with everything about one comparison; the same content gives the same bytes.

    Args:
        figures: file name -> content.
        tried: cut-offs that were looked at before this one was chosen, itself included.

    Raises:
        InputError, UndefinedMetricError: as `stratify`.
    """
    found = stratify(results, plan)
    config = _config(results, plan, tried)
    files: dict[str, bytes] = {
        CONFIG: _json(config.model_dump(mode="json")),
        NUMBERS: _json(numbers_of(found)),
        METHODS: f"{scoring_words(results)} {methods(found, tried=tried)}\n".encode(),
        "reproduce.sh": f"#!/bin/sh\n# sh reproduce.sh BUNDLE CHECKPOINT COHORT\n{config.command}\n".encode(),
        "groups.csv": _csv(group_table(found)),
        "curves.csv": _csv(curve_table(found)),
        "at_risk.csv": _csv(risk_counts(found)),
        "members.csv": _csv(member_table(found)),
        **{name: (results.folder / name).read_bytes() for name in (PATIENTS, OUTCOMES, NOT_SCORED)},
        **{f"figures/{name}": content for name, content in (figures or {}).items()},
    }
    for name in OF_THE_COHORT:
        if (results.cohort / name).is_file():
            files[f"cohort/{name}"] = (results.cohort / name).read_bytes()
    files[README] = _readme(config, found).encode()
    files[SUMS] = "".join(f"{hashlib.sha256(files[name]).hexdigest()}  {name}\n" for name in sorted(files)).encode()
    return _zip(files)


def numbers_of(found: Stratification) -> dict[str, float | None]:
    """Every number of a comparison under a name of its own; None where it is undefined or hidden."""
    numbers: dict[str, float | None] = {
        "n": found.n, "events": found.n_events, "median follow-up": found.follow_up,
        "log-rank statistic": found.logrank and found.logrank.statistic, "p": found.p_value,
        "p of proportional hazards": found.proportional_p, "restricted to": found.until,
        **{f"cut-off {i + 1}": value for i, value in enumerate(found.cutoffs)},
    }  # fmt: skip
    for one in found.groups:
        ratio = one.hazard_ratio or (None,) * 4
        lived, gained = one.restricted, one.gained
        numbers |= {
            f"{one.name}: n": one.n,
            f"{one.name}: events": one.n_events,
            f"{one.name}: median": one.curve.median,
            **{f"{one.name}: HR{end}": value for end, value in zip(("", " low", " high", " p"), ratio, strict=True)},
            f"{one.name}: RMST": lived and lived.value,
            f"{one.name}: RMST difference": gained and gained.difference,
        }
    for pair in found.pairs:
        name = f"{pair.first} – {pair.second}"
        numbers |= {f"{name}: p": pair.p_value, f"{name}: p, Holm": pair.adjusted}
    return {key: None if one is None or not math.isfinite(one) else float(one) for key, one in numbers.items()}


def read_bundle(path: str | Path) -> tuple[BundleConfig, dict[str, bytes]]:
    """Settings and files of a bundle.

    Raises:
        InputError: it is no bundle, is damaged, or was changed.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            files = {name: archive.read(name) for name in archive.namelist()}
        config = BundleConfig.model_validate_json(files[CONFIG])
        sums = dict(line.split("  ", 1)[::-1] for line in files[SUMS].decode().splitlines())
    except (OSError, zipfile.BadZipFile, KeyError, ValueError, ValidationError) as error:
        raise InputError(f"{path} is no bundle of survviz ({error}). Expected a zip file with {CONFIG}.") from error
    changed = [name for name, known in sums.items() if hashlib.sha256(files.get(name, b"")).hexdigest() != known]
    if changed:
        raise InputError(f"{path} was changed after it was written: {', '.join(sorted(changed)[:5])} differ.")
    return config, files


def _config(results: CohortResults, plan: StratifyPlan, tried: int) -> BundleConfig:
    return BundleConfig(
        format=FORMAT,
        survviz=__version__,
        python=platform.python_version(),
        packages={name: version(name) for name in PACKAGES},
        checkpoint=results.checkpoint,
        checkpoint_sha256=results.checkpoint_sha256,
        cohort=results.cohort_name,
        cohort_sha256=results.document["identity"]["cohort"],
        device=results.document["device"],
        anyway=results.document["anyway"],
        plan=plan,
        cutoffs_tried=tried,
        command='survviz reproduce "$1" --checkpoint "$2" --cohort "$3"',
    )


def _readme(config: BundleConfig, found: Stratification) -> str:
    return f"""# {config.checkpoint} on {config.cohort}

{RESEARCH_USE}
The tables name patients one by one: share this file only where their data may be shared.

| file | |
|---|---|
| `{METHODS}` | the methods paragraph: what was really done |
| `{CONFIG}` | versions, hashes and every choice |
| `{PATIENTS}`, `{OUTCOMES}`, `{NOT_SCORED}` | the model's estimates, the outcomes, and who was not scored |
| `groups.csv`, `curves.csv`, `at_risk.csv`, `members.csv` | {found.n:,} patients in {len(found.groups)} groups |
| `{NUMBERS}` | every number of the comparison |
| `figures/` | for print |
| `cohort/` | how the cohort was read, and what was corrected in it |

To get the same numbers again, with the same checkpoint and the same cohort folder:

    survviz reproduce THIS.zip --checkpoint CHECKPOINT --cohort COHORT
"""


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _csv(table: pd.DataFrame) -> bytes:
    return table_csv(table, index=False, lineterminator="\n").encode()


def _zip(files: Mapping[str, bytes]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(files):
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), files[name], zipfile.ZIP_DEFLATED)
    return target.getvalue()
