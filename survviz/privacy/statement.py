"""A privacy statement for a checkpoint's card: who is protected from whom, by what, at which price, and what is not.

The order follows the questions of NIST SP 800-226 (2025): unit, trust model, parameters, implementation, data. Two
guarantees stand one after the other and are never added.
"""

from __future__ import annotations

from collections.abc import Sequence

from survviz.privacy.release import ReleasePlan
from survviz.privacy.spec import PrivacySpec

NOT_TRAINED_PRIVATELY = (
    "It was trained without noise: **no finite epsilon** holds for its training patients. Its weights, and all that "
    "follows from them, can tell whether somebody was among them."
)
ATTACKER = {
    "training": "anybody who has the weights, or anything that is made of them",
    "session": "whoever sees the release, and all that is made of it: the server, and everybody behind it",
}
IMPLEMENTATION = (
    "Noise is drawn on integers from the operating system's generator (OpenDP, or tables right to 120 bits), so no low "
    "bits of floats tell anything. The accountant composes privacy loss distributions and is tested against "
    "dp-accounting. How long a draw takes is not constant, and Python cannot wipe memory."
)
DATA = (
    "The patients of TCGA are public and those of the sample cohort are made up: nothing protects them. The guarantee "
    "shows how a cohort that is not public would be protected."
)


def statement(
    name: str,
    training: PrivacySpec | None,
    *,
    constants: str = "",
    plan: ReleasePlan | None = None,
    audits: Sequence[str] = (),
) -> str:
    """The statement as Markdown.

    Args:
        name: of the checkpoint.
        training: guarantee of its training; None where there is none.
        constants: public constants that the training's guarantee follows from, in words.
        plan: of releases of a patient entered now; None where nothing is released.
        audits: what attacks on the trainer that made it found, one sentence each, with their positive controls.
    """
    parts = {
        "The patients that it was trained on": _guarantee(training, NOT_TRAINED_PRIVATELY)
        + (f"\n\n{constants}" if constants else ""),
        "The patient entered now": _release(plan),
        "Never added": "The two guarantees protect different people from different attackers. Their epsilons are kept "
        "in two ledgers and never summed. Training with privacy does nothing for the patient entered now, and noise on "
        "that patient's record does nothing for those of the training.",
        "Implementation": IMPLEMENTATION,
        "Attacks": _attacks(audits),
        "Data": DATA,
    }
    body = "\n\n".join(f"## {title}\n\n{text}" for title, text in parts.items())
    return f"# Privacy statement of {name}\n\n{body}\n"


def _guarantee(spec: PrivacySpec | None, without: str) -> str:
    """One guarantee as a list: unit, neighbours, attacker, mechanism, bound, odds, what it does not protect."""
    if spec is None:
        return without
    rows = {
        "Bound": f"**{spec.bound}**" + (f" ({spec.reason})" if spec.reason else ""),
        "Unit": spec.unit,
        "Neighbours": spec.neighbour,
        "Attacker": ATTACKER[spec.ledger],
        "Mechanism": spec.mechanism,
        "Composition": spec.composition,
        "Protects": spec.protects,
        "Does not protect": "; ".join(spec.does_not_protect),
        "In odds": spec.odds,
    }
    return "\n".join(f"- {title}: {text}" for title, text in rows.items())


def _release(plan: ReleasePlan | None) -> str:
    if plan is None:
        return "Nothing of a patient is released with noise, so nothing protects the record from who sees it."
    names = ", ".join(one.name for one in plan.coordinates)
    return f"{_guarantee(plan.spec(plan.finest), '')}\n- Released: {names}, at the positions " + ", ".join(
        f"{level:g}" for level in plan.levels
    )


def _attacks(audits: Sequence[str]) -> str:
    if not audits:
        return "No attack was run on it."
    found = "\n".join(f"- {one}" for one in audits)
    return f"On the trainer that made it:\n\n{found}\n\nAn audit can refute a guarantee, never prove one."
