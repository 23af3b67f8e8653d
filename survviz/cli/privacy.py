"""`survviz privacy`: release a record with noise, read the ledgers, audit a plan, account for DP-SGD."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.table import Table

from survviz.cli.console import show_json
from survviz.cli.options import Json
from survviz.cli.private_relevance import relevance
from survviz.cli.private_training import train

privacy = typer.Typer(
    name="privacy",
    help="Releases with exact noise, ledgers, audits and the accountant (docs/privacy.md).",
    no_args_is_help=True,
)
privacy.command()(relevance)
privacy.command()(train)
stdout = Console(highlight=False, soft_wrap=True)

PlanPath = Annotated[Path, typer.Option("--plan", help="JSON: coordinates with public bounds, levels, relevance.")]
Subject = Annotated[str, typer.Option(help="Who is counted; the ledger keeps a keyed hash of it.")]
Level = Annotated[float, typer.Option(help="Slider position: an epsilon of the plan.")]
Cap = Annotated[float, typer.Option(help="Hard cap on epsilon for this subject; fixed by their first release.")]


@privacy.command()
def release(
    plan: PlanPath,
    record: Annotated[Path, typer.Option(help="JSON object with the values; what the plan does not name is ignored.")],
    subject: Subject,
    level: Level,
    session: Annotated[str, typer.Option(help="Releases of one session come from one draw.")] = "cli",
    cap: Cap = 8.0,
    redraw: Annotated[bool, typer.Option("--redraw", help="Fresh noise: costs the whole level again.")] = False,
    as_json: Json = False,
) -> None:
    """Release a record at a level; moving the level up and down costs the highest one."""
    from survviz.privacy.draws import keep, open_session
    from survviz.privacy.ledger import Ledger
    from survviz.privacy.plan_file import read_object, read_plan

    values = read_object(record)
    patient = open_session(Ledger("session", cap_epsilon=cap), subject, session, read_plan(plan), values)
    view = patient.redraw(values, level) if redraw else patient.at(level)
    keep(patient)
    if as_json:
        shown = {"values": view.values, "noise": view.noise_scale, "spec": view.spec.model_dump()}
        return show_json(shown | {"balance": patient.balance})
    table = Table("coordinate", "released", "noise")
    for name, value in view.values.items():
        table.add_row(name, value if isinstance(value, str) else f"{value:.4g}", f"{view.noise_scale[name]:.3g}")
    stdout.print(table)
    stdout.print("noise: Laplace scale of a number, probability of a false answer of a category")
    stdout.print(view.spec.words)
    stdout.print(view.spec.odds)
    stdout.print(f"spent {patient.balance.spent_epsilon:g} of a hard cap of {patient.balance.cap_epsilon:g}")


@privacy.command()
def ledger(
    subject: Subject,
    kind: Annotated[
        Literal["session", "training"], typer.Option(help="Which of the two; they are never added.")
    ] = "session",
    as_json: Json = False,
) -> None:
    """What a subject has spent, row by row."""
    from survviz.privacy.ledger import Ledger

    book = Ledger(kind)
    balance, entries = book.balance(subject), book.entries(subject)
    if as_json:
        return show_json({"balance": balance, "entries": [asdict(entry) for entry in entries]})
    table = Table("row", "act", "level", "added", "mechanism")
    for entry in entries:
        table.add_row(str(entry.number), entry.act, f"{entry.level:g}", f"{entry.epsilon:g}", entry.mechanism)
    stdout.print(table)
    stdout.print(f"{kind} ledger: spent epsilon {balance.spent_epsilon:g}, delta {balance.spent_delta:g}")


@privacy.command()
def audit(
    plan: PlanPath,
    level: Level,
    canaries: Annotated[int, typer.Option(min=20, help="Records drawn; more can refute larger claims.")] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Of the coins; the noise is the real one.")] = 0,
    confidence: Annotated[float, typer.Option(help="A right plan is refuted in up to 1 less this of all runs.")] = 0.95,
    as_json: Json = False,
) -> None:
    """Attack a plan, and as positive control the same with a twentieth of its noise; exit 1 if either surprises."""
    from survviz.privacy.audit import BROKEN, audit_release
    from survviz.privacy.plan_file import read_plan

    chosen = read_plan(plan)
    found, control = (
        audit_release(chosen, level, canaries=canaries, seed=seed, confidence=confidence, broken=by)
        for by in (1.0, BROKEN)
    )
    if as_json:
        show_json({"audit": found, "control": control})
    else:
        stdout.print(f"audit:   {found.words}")
        stdout.print(f"control: {control.words}")
    raise typer.Exit(1 if found.refuted or not control.refuted else 0)


@privacy.command()
def account(
    rate: Annotated[float, typer.Option(help="Sampling rate: public expected batch over public number of patients.")],
    steps: Annotated[int, typer.Option(min=1, help="Number of batches.")],
    delta: Annotated[float, typer.Option(help="Below 1 over the number of patients.")] = 1e-5,
    noise: Annotated[float | None, typer.Option(help="Noise multiplier; says its epsilon.")] = None,
    epsilon: Annotated[float | None, typer.Option(help="Epsilon; says the smallest noise multiplier for it.")] = None,
    as_json: Json = False,
) -> None:
    """What DP-SGD costs, or the noise that it needs: certified, with Renyi's bound as a cross-check."""
    from survviz.privacy.accountant import Training, noise_multiplier_for

    if (noise is None) == (epsilon is None):
        raise typer.BadParameter("give --noise or --epsilon, one of the two")
    sigma = noise_multiplier_for(epsilon, delta, sampling_rate=rate, steps=steps) if epsilon is not None else noise
    assert sigma is not None
    run = Training(sigma, rate, steps)
    found = {"noise_multiplier": sigma, "epsilon": run.epsilon(delta), "renyi_epsilon": run.renyi_epsilon(delta)}
    if as_json:
        return show_json(found | {"delta": delta, "sampling_rate": rate, "steps": steps})
    stdout.print(
        f"noise multiplier {sigma:g}: epsilon {found['epsilon']:.4f} at delta {delta:g} "
        f"(Renyi's bound: {found['renyi_epsilon']:.4f})"
    )
