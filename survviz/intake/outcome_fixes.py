"""Fixes of what the outcome columns mean: the coding of the event, the unit of the time."""

from __future__ import annotations

from typing import Literal

from survviz.data.genes import shorten
from survviz.errors import InputError
from survviz.intake.fix import Applied, BaseFix, Change
from survviz.intake.tables import Coding, Outcome, Tables
from survviz.units import TimeUnit


class SetCoding(BaseFix):
    """Say anew which cells mean that the event was seen."""

    kind: Literal["set-coding"] = "set-coding"
    endpoint: str
    coding: Coding

    @property
    def words(self) -> str:
        sides = (shorten(map(repr, side), 3) for side in (self.coding.observed, self.coding.censored))
        return "Read {} as event, {} as censored ({})".format(*sides, self.endpoint)

    def apply(self, tables: Tables) -> Applied:
        return _endpoint(tables, self.endpoint, {"coding": self.coding})


class SetTimeUnit(BaseFix):
    """Say anew in which unit the time is."""

    kind: Literal["set-time-unit"] = "set-time-unit"
    endpoint: str
    unit: TimeUnit

    @property
    def words(self) -> str:
        return f"Read the time of {self.endpoint} as {self.unit}"

    def apply(self, tables: Tables) -> Applied:
        return _endpoint(tables, self.endpoint, {"time_unit": self.unit})


def _endpoint(tables: Tables, name: str, update: dict[str, object]) -> Applied:
    outcome = tables.outcome
    if outcome is None or name not in [endpoint.name for endpoint in outcome.endpoints]:
        raise InputError(f"A fix is about the endpoint {name!r}, which these tables do not have. Check them again.")
    old = next(endpoint for endpoint in outcome.endpoints if endpoint.name == name)
    new = old.model_copy(update=update)
    endpoints = tuple(new if endpoint is old else endpoint for endpoint in outcome.endpoints)
    changed: Outcome = outcome.model_copy(update={"endpoints": endpoints})
    before, after = (f"{one.coding.observed} = event, time in {one.time_unit}" for one in (old, new))
    change = Change(outcome.table, "", old.event, before, after, cells=0)
    return Applied(Tables(tables.text, tables.matrices, changed), (change,) if old != new else ())
