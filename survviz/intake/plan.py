"""The plan of an intake: what each table is for, what its columns mean, and the fixes that were asked for.

`check` changes nothing: it says what is found under a plan. A plan is JSON, and the same plan on the same files gives
the same cohort to the byte.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from survviz.data.words import explain_validation
from survviz.errors import InputError
from survviz.intake.building import build_tables, case_ids, check_structure, match_tables
from survviz.intake.clinical_checks import check_clinical
from survviz.intake.endpoint_view import EndpointView
from survviz.intake.findings import Finding, in_order
from survviz.intake.fixes import DropGenes, DropSamples, Fix, Step, apply_all
from survviz.intake.layout import TableUse, propose
from survviz.intake.matching import Match, RuleName
from survviz.intake.molecular_checks import check_molecular
from survviz.intake.outcome import OutcomeGuess, guess_outcome, outcome_in_words
from survviz.intake.own_cohort import left_behind, outcome_of, uses_of
from survviz.intake.reading import Brought
from survviz.intake.tables import Outcome, Tables

MOST_ROUNDS = 12


class IntakePlan(BaseModel):
    """Everything that a person can decide about somebody's files.

    Attributes:
        name: of the cohort.
        sources: table -> SHA-256 of its file, as it was when the plan was made; {} = not looked at.
        uses: what each table is for.
        outcome: None = guess it.
        rules: table -> rule by which its names are matched with the cases; the others by the first that fits.
        fixes: in the order in which they are applied.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Literal[1] = 1
    name: str = "cohort"
    sources: dict[str, str] = {}
    uses: tuple[TableUse, ...] = ()
    outcome: Outcome | None = None
    rules: dict[str, RuleName] = {}
    fixes: tuple[Fix, ...] = ()

    def with_fixes(self, fixes: Sequence[Fix]) -> IntakePlan:
        """The plan with these fixes after its own, each of them once."""
        new = [fix for fix in dict.fromkeys(map(_as_json, fixes)) if fix not in set(map(_as_json, self.fixes))]
        chosen = {_as_json(fix): fix for fix in fixes}
        return self.model_copy(update={"fixes": (*self.fixes, *(chosen[key] for key in new))})


@dataclass(frozen=True, slots=True)
class Report:
    """What is found under a plan.

    Attributes:
        plan: complete: with the uses, the outcome and the hashes that were taken.
        tables: after the fixes.
        findings: errors first.
        words: what is read as what, for confirmation: coding, units, fields, matching.
        matches: table -> how its names belong to the cases.
        steps: what each fix changed.
        n_cases, n_events: of the main endpoint, as read now.
    """

    plan: IntakePlan
    tables: Tables
    findings: tuple[Finding, ...]
    words: tuple[str, ...]
    matches: dict[str, Match]
    steps: tuple[Step, ...]
    n_cases: int
    n_events: int

    @property
    def ready(self) -> bool:
        """Whether no error stands in the way of a cohort."""
        return not any(finding.severity == "error" for finding in self.findings)


def check(brought: Brought, plan: IntakePlan | None = None) -> Report:
    """Check somebody's files under a plan; without one, under the plan that is proposed.

    Raises:
        InputError: the plan belongs to other files, or one of its fixes does not fit.
    """
    plan = plan or IntakePlan()
    sources = {source.name: source.sha256 for source in brought.sources}
    _same_files(plan, sources)
    uses, said = _uses(brought, plan)
    tables = build_tables(brought.sources, uses)
    guesses: list[OutcomeGuess] = []

    def complete(now: Tables) -> Tables:
        if now.outcome is not None:
            return now
        guesses.append(guess_outcome({name: cells for name, cells in now.text.items() if _is_clinical(name, uses)}))
        return replace(now, outcome=guesses[-1].outcome)

    tables = complete(replace(tables, outcome=plan.outcome or said))
    tables, steps = apply_all(tables, plan.fixes, complete)
    outcome = guesses[-1].outcome if guesses else plan.outcome or said
    slides = [name for name in {**brought.slides, **brought.features}]
    matches = match_tables(tables, uses, plan.rules, slides)
    findings = [*brought.findings, *(finding for source in brought.sources for finding in source.findings)]
    findings = [_suited(finding, tables) for finding in findings if not _answered(finding, uses, tables)]
    findings += guesses[-1].findings if guesses else ()
    if brought.cohort is not None:
        findings += left_behind(brought.cohort)
    structure = list(check_structure(tables, matches))
    findings += structure
    if not any(finding.code == "lost-column" for finding in structure):
        findings += check_clinical(tables)
    findings += check_molecular(tables)
    used = {use.source for use in uses if use.role != "ignored"}
    filled = plan.model_copy(
        update={"sources": {name: sources[name] for name in sources if name in used}, "uses": uses, "outcome": outcome}
    )
    words = (*_roles(uses), *_outcome_words(tables), *(match.words for match in matches.values()))
    n_events = _events(tables)
    return Report(filled, tables, in_order(findings), words, matches, steps, len(case_ids(tables)), n_events)


def recommended(report: Report, codes: Sequence[str] = ("all-recommended",)) -> tuple[Fix, ...]:
    """The first fix of each finding that is asked for.

    Args:
        codes: of findings; "all-recommended" stands for all errors and warnings.
    """
    everything = "all-recommended" in codes
    return tuple(
        finding.fixes[0]
        for finding in report.findings
        if finding.fixes and (finding.code in codes or (everything and finding.severity != "note"))
    )


def fix_until_done(brought: Brought, report: Report, codes: Sequence[str]) -> Report:
    """Ask for the fixes of these findings, and for those of the findings that come up then.

    A fix can bring out what was hidden behind it: of two aliquots one is dropped, and then a gene is constant.
    """
    for _ in range(MOST_ROUNDS):
        plan = report.plan.with_fixes(_fitting(report.tables, recommended(report, codes)))
        if plan == report.plan:
            break
        report = check(brought, plan)
    return report


def _fitting(tables: Tables, fixes: Sequence[Fix]) -> list[Fix]:
    """The fixes that can be applied one after the other; one that an earlier one made needless is left away."""
    fitting: list[Fix] = []
    for fix in fixes:
        try:
            tables = fix.apply(tables).tables
        except InputError:
            continue
        fitting.append(fix)
    return fitting


def read_plan(path: str | Path) -> IntakePlan:
    """A plan from its JSON file, or from the `cleaning.json` of a cohort that was written by one.

    Raises:
        InputError: the file is missing, no JSON, or no plan.
    """
    path = Path(path)
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"The plan {path} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise InputError(f"The plan {path.name} is not JSON: {error}.") from error
    try:
        return IntakePlan.model_validate(document.get("plan", document) if isinstance(document, dict) else document)
    except ValidationError as error:
        raise InputError(explain_validation(error, path.name, IntakePlan)) from error


def _uses(brought: Brought, plan: IntakePlan) -> tuple[tuple[TableUse, ...], Outcome | None]:
    """What each table is for: as the plan says, as `cohort.toml` says, or as it is proposed."""
    if plan.uses:
        return plan.uses, None
    if brought.cohort is None:
        return propose(brought.sources), None
    return uses_of(brought.cohort, brought.sources), outcome_of(brought.cohort, brought.sources)


def _as_json(fix: Fix) -> str:
    return fix.model_dump_json()


def _same_files(plan: IntakePlan, sources: dict[str, str]) -> None:
    lost = [name for name in plan.sources if name not in sources]
    other = [name for name, sha256 in plan.sources.items() if name in sources and sources[name] != sha256]
    if lost or other:
        what = f"{lost[0]} is not there" if lost else f"{other[0]} has another content"
        raise InputError(
            f"The plan was made for other files: {what}. A plan can only be replayed on the files that it was made "
            "for; check these without it."
        )


def _is_clinical(name: str, uses: Sequence[TableUse]) -> bool:
    return any(use.source == name and use.role == "clinical" for use in uses)


def _answered(finding: Finding, uses: Sequence[TableUse], tables: Tables) -> bool:
    """A finding of reading that no longer stands: its table is not used, or its columns were left out."""
    if finding.code in ("unreadable", "not-a-table"):
        return False
    if not any(use.source == finding.table and use.role != "ignored" for use in uses):
        return True
    cells = tables.text.get(finding.table)
    if cells is None and finding.table in tables.matrices:
        cells = tables.matrices[finding.table].values
        return bool(finding.columns) and not {*cells.columns, *cells.index} & set(finding.columns)
    return bool(finding.columns) and cells is not None and not any(name in cells for name in finding.columns)


def _suited(finding: Finding, tables: Tables) -> Finding:
    """Repeated columns of a matrix are genes or samples, and are left out as such."""
    matrix = tables.matrices.get(finding.table)
    if finding.code != "repeated-columns" or matrix is None or finding.table in tables.text:
        return finding
    if set(finding.columns) <= set(matrix.values.columns):
        return replace(finding, fixes=(DropGenes(table=finding.table, genes=finding.columns),))
    return replace(finding, fixes=(DropSamples(table=finding.table, samples=finding.columns),))


def _roles(uses: Sequence[TableUse]) -> list[str]:
    return [f"{use.source}: {use.role} ({use.reason})" for use in uses]


def _outcome_words(tables: Tables) -> tuple[str, ...]:
    if tables.outcome is None:
        return ()
    return outcome_in_words(tables.outcome, tables.table(tables.outcome.table))


def _events(tables: Tables) -> int:
    if tables.outcome is None:
        return 0
    view = EndpointView(tables, tables.outcome, tables.outcome.main)
    return int(np.nansum(np.asarray(view.events, dtype=float)))
