"""What of the open case is released: the plan, its secret draw, and the ledger that every view is charged to."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import streamlit as st

from pages.components import session
from pages.components.cases import OpenCase
from pages.components.owner import current_owner
from survviz.privacy.draws import keep, open_session
from survviz.privacy.ledger import Ledger

if TYPE_CHECKING:
    from survviz.pipeline.predictor import Predictor
    from survviz.privacy.lattice import Coordinate
    from survviz.privacy.release import ReleasePlan
    from survviz.privacy.relevance import Relevance
    from survviz.privacy.session import PatientSession

CAP = 8.0
"""Hard cap of a person on this page: what counts before anybody starts."""
RISK, RECORD = "The risk alone", "Fields of the record"
EQUAL, ADAPTIVE = "Equal", "By public relevance"
USUAL_FIELDS = 4


@dataclass(frozen=True, slots=True)
class Draw:
    """The open case under one plan.

    Attributes:
        name: of the draw, in the ledger and in the keys of widgets.
        months: horizon of the risk.
    """

    case: OpenCase
    patient: PatientSession
    name: str
    months: float

    @property
    def plan(self) -> ReleasePlan:
        return self.patient.plan

    def record(self) -> dict[str, float | str]:
        """The true record of the plan's coordinates; only drawing looks at it."""
        return record_under(self.case, self.plan, self.months)


def choose(case: OpenCase) -> Draw:
    """Controls of what is released, and the draw that belongs to it.

    Raises:
        SurvvizError: the model answers nothing that could be released.
    """
    from survviz.pipeline.private.case import risk_horizon

    months = risk_horizon(session.predictor())
    plan = choose_plan(months)
    name = name_of(plan)
    record = record_under(case, plan, months)
    patient = open_session(Ledger("session", cap_epsilon=CAP), subject_of(case), name, plan, record)
    return Draw(case, patient, name, months)


def choose_plan(months: float) -> ReleasePlan:
    """Public before the record is looked at: what is released, and how epsilon is dealt."""
    from survviz.pipeline.private.case import release_fields, risk_coordinate
    from survviz.privacy.release import MOST_DIMENSIONS, risk_plan

    fields = release_fields(session.predictor())
    what = RISK
    if fields:
        what = st.segmented_control(
            "Released",
            [RISK, RECORD],
            default=RISK,
            key="what",
            bind="query-params",
            help="The model's one number from everything it reads, or a few fields that a model can be asked about.",
        )
    if what != RECORD:
        one = risk_coordinate(months)
        return risk_plan(one.name, one.lower, one.upper)
    names = st.multiselect(
        f"Fields released (at most {MOST_DIMENSIONS})",
        list(fields),
        default=list(fields)[:USUAL_FIELDS],
        max_selections=MOST_DIMENSIONS,
        key="fields",
        bind="query-params",
        help="They share epsilon: the noise of each grows with their number. Another choice is another draw.",
    )
    chosen = [fields[name] for name in names] or [next(iter(fields.values()))]
    return plan_of(chosen)


def plan_of(chosen: list[Coordinate]) -> ReleasePlan:
    """The plan of these coordinates, its shares as chosen."""
    from survviz.privacy.allocation import uniform
    from survviz.privacy.release import ReleasePlan

    names = [one.name for one in chosen]
    shares = uniform(names)
    if len(chosen) > 1:
        rule = st.segmented_control(
            "Shares of epsilon",
            [EQUAL, ADAPTIVE],
            default=EQUAL,
            key="shares",
            bind="query-params",
            help="By how much a field can move this model's risk within its public bounds: of no patient's record.",
        )
        if rule == ADAPTIVE:
            shares = adaptive(chosen)
    return ReleasePlan(coordinates=tuple(chosen), allocation=shares)


def adaptive(chosen: list[Coordinate]):
    """Two-thirds-power shares by public relevance."""
    from survviz.privacy.allocation import two_thirds
    from survviz.privacy.lattice import Numeric

    widths = {one.name: one.width if isinstance(one, Numeric) else 1.0 for one in chosen}
    return two_thirds(relevance_of(chosen), widths)


def relevance_of(chosen: list[Coordinate]) -> Relevance:
    """Of each coordinate to the chosen checkpoint; computed once."""
    folder = session.checkpoint_folder()
    return _relevance(session.predictor(), tuple(chosen), (str(folder), session.checkpoint_stamp(folder)))


@st.cache_resource(show_spinner="Asking the model about made-up records …", max_entries=64)
def _relevance(_predictor: Predictor, chosen: tuple[Coordinate, ...], key: tuple[object, ...]) -> Relevance:
    from survviz.pipeline.private.case import public_relevance

    return public_relevance(_predictor, chosen)


def record_under(case: OpenCase, plan: ReleasePlan, months: float) -> dict[str, float | str]:
    """The true values of a plan's coordinates."""
    from survviz.pipeline.private.case import death_risk, is_risk_alone, record_of, risk_coordinate

    if is_risk_alone(plan.coordinates, months):
        return {risk_coordinate(months).name: death_risk(session.prediction_of(case, allow_unlike=True), months)}
    return record_of(session.predictor(), case.case, plan.coordinates)


def subject_of(case: OpenCase) -> str:
    """Who is counted: this person, as this browser is shown them."""
    return f"{current_owner()}|{case.case.case_id}"


def name_of(plan: ReleasePlan) -> str:
    """One draw per plan and checkpoint, so that coming back to a plan costs nothing."""
    made = session.predictor().checkpoint.config
    text = f"{made.name}|{made.created}|{plan.model_dump_json()}"
    return f"page {hashlib.sha256(text.encode()).hexdigest()[:12]}"


def show_at(draw: Draw, level: float) -> None:
    """Pay for a position and remember that it was paid.

    Raises:
        PrivacyError: the cap would be passed.
    """
    draw.patient.at(level)
    keep(draw.patient)


def redraw(draw: Draw, level: float) -> None:
    """Fresh noise at a position.

    Raises:
        PrivacyError: the cap would be passed; the old draw stays.
    """
    draw.patient.redraw(draw.record(), level)
    keep(draw.patient)
