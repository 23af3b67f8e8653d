"""`survviz admin`: the audit log, retention, backup. For whoever keeps the machine."""

from __future__ import annotations

import json as json_
import time
from pathlib import Path
from typing import Annotated

import typer

from survviz.cli.console import show_json, stderr
from survviz.cli.options import Json

admin = typer.Typer(name="admin", help="Keep an installation: audit log, retention, backup.", no_args_is_help=True)
LEDGER_WARNING = (
    "WARNING: privacy budget that was spent after this backup is forgotten by it. Close what was released since, or "
    "lower the caps."
)


@admin.command()
def check(json: Json = False) -> None:
    """Read the settings file and show what counts; exit 2 with the place of a mistake."""
    from survviz.deployment.settings import Settings, settings, settings_file

    found = settings()
    if found is None:
        stderr.print(f"{settings_file()} does not exist: one local user, who may do everything.", markup=False)
    show_json((found or Settings()).model_dump(mode="json"))


@admin.command()
def audit(
    who: Annotated[str | None, typer.Option(help="Only this e-mail address.")] = None,
    what: Annotated[str | None, typer.Option(help="Only this deed: opened, uploaded, exported, ...")] = None,
    case: Annotated[str | None, typer.Option(help="Only this case id; its hash is looked for too.")] = None,
    since: Annotated[str | None, typer.Option(help="Only from this time on, in UTC, as 2026-01-31T12:00.")] = None,
) -> None:
    """Print the audit log as JSON lines, the oldest first; damaged lines always."""
    from survviz.deployment.audit import case_hash, entries

    cases = None if case is None else {case, case_hash(case)}
    for line in entries():
        wanted = (
            (who is None or line.get("who") == who.lower())
            and (what is None or line.get("what") == what)
            and (cases is None or line.get("case") in cases)
            and (since is None or line.get("time", "") >= since)
        )
        if wanted or "damaged" in line:
            print(json_.dumps(line, ensure_ascii=False))


@admin.command()
def retain(
    person: Annotated[str | None, typer.Option(help="Everything of this e-mail address instead, whatever age.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Delete it; without, only say what would go.")] = False,
    json: Json = False,
) -> None:
    """Say what is older than the settings allow, or all that one person has; delete it with --yes."""
    from survviz.administration.retention import forget_person, of_person, remove, too_old

    now = time.time()
    items = too_old(now) if person is None else of_person(person, now)
    done = remove(items) if yes else 0
    if yes and person is not None:
        forget_person(person)
    if json:
        show_json({"items": items, "deleted": done})
        return
    for item in items:
        print(f"{item.kind}\t{item.path}\t{item.bytes / 1e6:.1f} MB\t{item.age_days:.0f} days")
    total = sum(item.bytes for item in items) / 1e9
    ending = f"{done} deleted." if yes else "Nothing was deleted; repeat with --yes."
    stderr.print(f"{len(items)} items, {total:.2f} GB. {ending}", markup=False)


@admin.command()
def backup(
    out: Annotated[Path, typer.Argument(help="A new folder, outside of SURVVIZ_HOME.")],
    with_files: Annotated[bool, typer.Option("--with-files", help="Uploads and checkpoints too.")] = False,
) -> None:
    """Copy ledgers, jobs, cohorts, cases, answers and keys while the app runs; keep the copy as safe as the data."""
    from survviz.administration.backup import back_up

    print(f"{back_up(out, with_files=with_files)} files in {out}")


@admin.command()
def restore(folder: Annotated[Path, typer.Argument(help="Folder of a backup.")]) -> None:
    """Put a backup into an empty SURVVIZ_HOME; the app must not run."""
    from survviz.administration.backup import restore as put_back

    missing = put_back(folder)
    print(f"Restored. {len(missing)} uploads and files of checkpoints are not in the backup.")
    stderr.print(LEDGER_WARNING, markup=False)
