"""What the card of a private checkpoint says otherwise: who was trained on, who is the reference, what is promised."""

from __future__ import annotations

from typing import TYPE_CHECKING

from survviz.checkpoint.layout import CheckpointConfig
from survviz.checkpoint.reference import Reference
from survviz.privacy.guarantee import TrainingGuarantee

if TYPE_CHECKING:
    from survviz.models import Model

REFERENCE = "the reference patients, whom no model was trained on and whom nothing protects"

LIMITS = """\
- Not a medical device. Not for decisions about a patient.
- The C-index was measured on one part of one cohort. No other cohort or site was tried.
- Noise and clipping bias what is learnt: rare cancer types and deaths lose most, and calibration more than ranking.
- The checkpoint knows nobody of its training patients, so it cannot tell whether a case is one of them: the score of
  one is a fitted value, no prediction.
- Attention says where the model looked, not why the risk is what it is.
- Survival beyond the last time bin is undefined and is not shown."""

COMPOSES = """\
Publishing several models that were trained on the same patients composes: whoever has k of them has seen the patients k
times, and the epsilons add up (a little less by composing their privacy losses: `survviz.privacy.guarantee.together`).
The guarantee above is that of this checkpoint alone."""

FOLDER = """\
The folder holds no names, no hashes of names, and nothing else of the training patients but the weights. Reference
risks, cut-offs, Kaplan-Meier curves, baselines of explanations and all metrics come from the reference patients; the
curve's steps are their follow-up times. Settings were chosen before the run; looking at data for them is not accounted
for."""


def private_parts(config: CheckpointConfig, reference: Reference, model: Model) -> dict[str, str]:
    """Sections that replace the usual ones."""
    guarantee = config.guarantee
    assert guarantee is not None
    learnt = config.training.get("trained") or ()
    total = sum(parameter.numel() for parameter in model.parameters())
    moving = sum(p.numel() for name, p in model.named_parameters() if not learnt or name.startswith(tuple(learnt)))
    return {
        "Protocol": _protocol(config, guarantee, total, moving),
        "Metrics": _metrics(reference),
        "Cut-offs": _cutoffs(reference),
        "Limits": LIMITS,
        "Privacy": privacy(guarantee),
    }


def privacy(guarantee: TrainingGuarantee) -> str:
    """The guarantee with everything that it follows from, what it buys, what it leaves open, and what composes."""
    odds = guarantee.spec.odds
    return "\n\n".join([guarantee.words, odds, COMPOSES, FOLDER])


def _protocol(config: CheckpointConfig, guarantee: TrainingGuarantee, total: int, moving: int) -> str:
    noise = "Gaussian noise on their sum" if guarantee.noise_multiplier else "no noise"
    settings = ", ".join(f"{name} {value}" for name, value in config.training.items() if value not in (None, {}, []))
    return (
        f"Model `{config.model}`, {total:,} parameters, of which {moving:,} learn; the others stay as seed "
        f"{config.training.get('seed')} drew them. One run of {guarantee.steps:,} steps of DP-SGD over "
        f"{guarantee.patients:,} patients (a public number): Poisson sampling, gradients clipped per patient, {noise}. "
        "Nothing was chosen during the run: no early stopping, no best epoch. Time bins, scales, names and lists of "
        f"values are public constants. The reference is {REFERENCE}.\n\nSettings: {settings or 'not recorded'}."
    )


def _metrics(reference: Reference) -> str:
    metrics, within = reference.metrics, reference.estimates.get("within_c")
    counts = f"{reference.n_cases:,} reference patients with {reference.n_events:,} events"
    if metrics.c_index is None:
        return f"C-index of {counts}: undefined. {metrics.reason}"
    text = (
        f"C-index of {counts}: **{metrics.c_index:.3f}** ({metrics.level:.0%} CI {metrics.low:.3f} to "
        f"{metrics.high:.3f}), bootstrap over patients."
    )
    if within is not None and within.value is not None:
        text += f" Within cancer types: **{within.value:.3f}**"
        text += f" ({within.low:.3f} to {within.high:.3f})." if within.low is not None else "."
    return f"{text} They were scored once, and chose nothing."


def _cutoffs(reference: Reference) -> str:
    if reference.tertiles is None:
        return ""
    low, high = reference.tertiles
    return (
        f"Median risk of the reference patients {reference.cutoff:.4g} (above it: the high group of the app and of "
        f"`survviz evaluate`); thirds at {low:.4g} and {high:.4g}. Another cohort may lie on one side of them."
    )
