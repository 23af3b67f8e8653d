"""What is older than the settings allow, or belongs to a person who leaves; nothing that a running job may use."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from survviz import jobs
from survviz.deployment import owner_of_person, record, settings
from survviz.deployment.audit import COMMAND_LINE
from survviz.deployment.people import everybody, forget
from survviz.errors import InputError
from survviz.server import store
from survviz.server.folders import folder_name
from survviz.workspace import files_below, present, workspace

OWNED = ("uploads", "cohorts", "cases", "checkpoints", "drafts", "checks")
AGEING = ("uploads", "cohorts", "cases", "drafts", "checks")
"""Trained checkpoints stay until somebody deletes them."""
CACHES = ("features", "patch_features", "maps", "cohort-results", "attribution", "regions")
DAY_S = 86400.0


@dataclass(frozen=True, slots=True)
class Item:
    """Something that would go.

    Attributes:
        kind: the folder of the workspace that it lies in.
        folder: name of its owner's folders; "" for caches, which nobody owns.
        age_days: since anything in it was last written.
    """

    path: Path
    kind: str
    folder: str
    bytes: int
    age_days: float


def too_old(now: float) -> list[Item]:
    """What is older than the settings allow.

    Args:
        now: seconds since the epoch.

    Raises:
        InputError: the settings limit no age.
    """
    found = settings()
    keep = found.retention if found else None
    if keep is None or (keep.uploads_days is None and keep.caches_days is None):
        raise InputError(
            "No age is limited: set uploads_days or caches_days under [retention] in the settings (docs/deploy.md), or "
            "name a person with --person."
        )
    items: list[Item] = []
    if keep.uploads_days is not None:
        items += [item for kind in AGEING for item in _owned(kind, now) if item.age_days > keep.uploads_days]
    if keep.caches_days is not None:
        items += [item for kind in CACHES for item in _inside(kind, "", kind, now) if item.age_days > keep.caches_days]
    return _unused(items)


def of_person(email: str, now: float) -> list[Item]:
    """Everything that belongs to one person, their finished jobs too.

    Raises:
        InputError: nobody of this address has ever signed in, or one of their jobs runs.
    """
    owner = owner_of_person(email.lower())
    if owner not in everybody():
        known = ", ".join(sorted(person.email for person in everybody().values())) or "nobody"
        raise InputError(f"{email} has never signed in here. Who has: {known}.")
    if owner in jobs.owners_at_work():
        raise InputError(f"A job of {email} is running. Wait for its end, or cancel it in the app, then try again.")
    items = [item for kind in OWNED for item in _owned(kind, now) if item.folder == folder_name(owner)]
    ids = [job.id for job in jobs.list_jobs(owner)]
    folders = present(workspace("jobs") / name for name in ids)
    return items + [_item(path, state, "jobs", folder_name(owner), now) for path, state in folders]


def remove(items: Sequence[Item]) -> int:
    """Remove items, each written into the audit log first; returns how many. What has come into use since is left."""
    count = 0
    for item in items:
        if _unused([item]):
            record(COMMAND_LINE, "deleted", kind=item.kind, of=item.folder, name=item.path.name, bytes=item.bytes)
            shutil.rmtree(item.path) if item.path.is_dir() else item.path.unlink(missing_ok=True)
            count += 1
    return count


def forget_person(email: str) -> None:
    """After `remove`: what they may open, and their name."""
    owner = owner_of_person(email.lower())
    store.forget_owner(owner)
    forget(owner)


def _unused(items: Sequence[Item]) -> list[Item]:
    """Nothing of an owner with a running job, and no cache while any job runs: it may be about to read it."""
    at_work = jobs.owners_at_work()
    busy = {folder_name(owner) for owner in at_work}
    return [item for item in items if not (item.folder in busy if item.folder else at_work)]


def _owned(kind: str, now: float) -> Iterator[Item]:
    for path, state in present(sorted(workspace(kind).iterdir())):
        if stat.S_ISDIR(state.st_mode):
            yield from _inside(f"{kind}/{path.name}", path.name, kind, now)
        else:
            yield _item(path, state, kind, path.stem, now)


def _inside(folder: str, owner: str, kind: str, now: float) -> Iterator[Item]:
    for path, state in present(sorted(workspace(*folder.split("/")).iterdir())):
        yield _item(path, state, kind, owner, now)


def _item(path: Path, state: os.stat_result, kind: str, folder: str, now: float) -> Item:
    files = [one for _, one in files_below(path)] if stat.S_ISDIR(state.st_mode) else [state]
    written = max((one.st_mtime for one in files), default=state.st_mtime)
    return Item(path, kind, folder, sum(one.st_size for one in files), (now - written) / DAY_S)
