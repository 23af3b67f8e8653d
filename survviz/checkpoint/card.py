"""The model card that lies in every checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from survviz.checkpoint.layout import CheckpointConfig
from survviz.checkpoint.own_data import own_data
from survviz.checkpoint.private_card import REFERENCE, private_parts
from survviz.checkpoint.reference import Metrics, Reference
from survviz.checkpoint.validation import AgainstClinic, Difference
from survviz.data.preprocess import Preprocess
from survviz.evaluation import Estimate
from survviz.models.blocks.linear import LinearModel

if TYPE_CHECKING:
    from survviz.models import Model

PRIVACY = """\
No formal privacy guarantee. The model was not trained with differential privacy, and its weights may reveal who was in
the training cohort. The folder holds no names and no case ids; it holds keyed hashes of the ids (the key lies beside
them, so somebody with a list of ids can test it), the out-of-fold risks without ids, and a Kaplan-Meier curve, whose
steps are the follow-up times of the training cohort. Do not publish a checkpoint of patients whose consent does not
cover this."""

LIMITS = """\
- Not a medical device. Not for decisions about a patient.
- The C-index was measured by cross-validation inside one cohort. No other cohort or site was tried.
- Attention says where the model looked, not why the risk is what it is.
- Risks of different folds come from different models; the pooled C-index compares them as if they were one.
- Survival beyond the longest follow-up of the training cohort is undefined and is not shown."""

_OUT_OF_FOLD = "Out of fold, against the outcomes of the training cohort"
SMALLEST_P = 1e-15
LICENCE = "Apache-2.0 for the weights as far as the training data allow; see their source."

CALIBRATION = {
    "observed_expected": "deaths by 36 months, observed over expected (1 is right)",
    "calibration": "slope at 36 months (1 is right; below 1: risks are spread too wide)",
    "d_calibration_p": "D-calibration p (small: the curves are wrong)",
    "brier_36": "Brier score at 36 months (lower is better; 0.25 says nothing)",
    "ibs": "integrated Brier score over 60 months",
    "within_c": "C-index within cancer types",
}


def card(
    config: CheckpointConfig,
    reference: Reference,
    model: Model,
    preprocess: Preprocess,
    sections: Mapping[str, str] | None = None,
) -> str:
    """Markdown text: purpose, data, protocol, metrics with their intervals, limits, licence, privacy.

    Args:
        sections: title -> text of further sections; "Licence" replaces the usual one.
    """
    given = dict(sections or {})
    licence = given.pop("Licence", LICENCE)
    parts = {
        "Data": _data(config, reference, model, preprocess),
        **given,
        "Your own data": own_data(preprocess),
        "Protocol": _protocol(config, model),
        "Metrics": _metrics(reference.metrics),
        "Against clinic": reference.clinic and _against_clinic(reference.clinic),
        "Calibration": _calibration(reference.estimates, private=config.guarantee is not None),
        "Cut-offs": _cutoffs(reference),
        "Limits": LIMITS,
        "Licence": licence,
        "Privacy": PRIVACY,
        "Made by": f"survviz {config.survviz}, {config.created}. Check it with `survviz doctor`.",
    }
    if config.guarantee is not None:
        parts |= private_parts(config, reference, model)
    found = [f"## {title}\n\n{text.strip()}" for title, text in parts.items() if text]
    return "\n\n".join([f"# {config.name}\n\n**{config.purpose}**", *found]) + "\n"


def _data(config: CheckpointConfig, reference: Reference, model: Model, preprocess: Preprocess) -> str:
    follow_up = reference.median_follow_up
    followed = "undefined" if follow_up is None else f"{follow_up:.1f} months (reverse Kaplan-Meier)"
    patches, regions = preprocess.ood.patches, preprocess.ood.regions
    encoder = f"{patches.encoder} at {patches.mpp:g} um/px" if patches else "none"
    if regions:
        encoder = f"none; a table of {regions.dim} features per region ({regions.encoder or 'made by: not declared'})"
    cases = "cases" if config.guarantee is None else f"trained on: {config.guarantee.patients}; reference patients"
    tokens = [f"- {group} tokens: {', '.join(names)}" for group, names in model.token_names.items()]
    lines = [
        f"- cohort: {config.cohort}",
        f"- {cases}: {reference.n_cases}, events: {reference.n_events}, median follow-up: {followed}",
        f"- modalities: {', '.join(model.modalities)}",
        f"- patch encoder: {encoder}",
        *tokens,
    ]
    return "\n".join(lines)


def _protocol(config: CheckpointConfig, model: Model) -> str:
    n_parameters = sum(parameter.numel() for parameter in model.parameters())
    settings = ", ".join(f"{name} {value}" for name, value in config.training.items() if value not in (None, {}, []))
    return (
        f"Model `{config.model}`, {n_parameters:,} parameters per fold; {len(config.folds)} folds, disjoint by "
        "patient, stratified by event. Time bins, scalers and all else that is fitted were fitted on the training part "
        f"of each fold. {_choice(config, model)}; the test part of a fold chose nothing, and no model was refitted.\n\n"
        f"Settings: {settings or 'not recorded'}."
    )


def _choice(config: CheckpointConfig, model: Model) -> str:
    """What chose the epoch or the penalty and, where a search ran, its budget."""
    chosen = "The epoch was chosen on an inner validation part"
    if isinstance(model, LinearModel):
        how = "weighed" if model.averages_priors else "chosen"
        chosen = f"Penalties were {how} by cross-validation inside the training and validation part"
    elif config.training.get("choose_by") == "last":
        chosen = "The last epoch was kept"
    tuned = config.training.get("tuned")
    if not tuned:
        return chosen
    search = config.training["search"]
    names, seconds = ", ".join(search["space"]), sum(fold["seconds"] for fold in tuned)
    judged = "the inner validation part" if search["folds"] == 1 else f"{search['folds']} inner folds"
    trials = ", ".join(str(fold["trials"]) for fold in tuned)
    return (
        f"In the folds {trials} settings ({names}) were tried by random search, {seconds:.0f} s in all, and judged by "
        f"the {search['metric']} of {judged}. {chosen}"
    )


def _metrics(metrics: Metrics) -> str:
    if metrics.c_index is None:
        pooled = f"Pooled out-of-fold C-index: undefined. {metrics.reason}"
    else:
        interval = "" if metrics.low is None else f" ({metrics.level:.0%} CI {metrics.low:.3f} to {metrics.high:.3f})"
        pooled = f"Pooled out-of-fold C-index: **{metrics.c_index:.3f}**{interval}, bootstrap over cases."
    lines = [pooled]
    if metrics.mean is not None and metrics.sd is not None:
        lines.append(f"Mean over folds: {metrics.mean:.3f}, standard deviation {metrics.sd:.3f} (ddof 1).")
    if metrics.logrank_p is not None:
        p_value = f"= {metrics.logrank_p:.2g}" if metrics.logrank_p > SMALLEST_P else f"below {SMALLEST_P:g}"
        lines.append(f"High against low group by out-of-fold risk: log-rank p {p_value}.")
    lines += [
        "",
        "| fold | train | validation | test | test events | epoch | C-index |",
        "|---|---|---|---|---|---|---|",
    ]
    for index, fold in enumerate(metrics.folds, start=1):
        score = "undefined" if fold.c_index is None else f"{fold.c_index:.3f}"
        counts = f"{fold.n_train} | {fold.n_validation} | {fold.n_test} | {fold.n_events_test}"
        lines.append(f"| {index} | {counts} | {fold.epoch} | {score} |")
    return "\n".join(lines)


def _against_clinic(clinic: AgainstClinic) -> str:
    fields = ", ".join(clinic.fields)
    head = (
        f"**{clinic.pooled.words.capitalize()}**: {_difference(clinic.pooled)}. Clinic is a ridge-Cox model of "
        f"{fields} on the same folds and the same {clinic.n_cases:,} cases ({clinic.n_events:,} events). "
    )
    if clinic.within:
        head += f"Within cancer types **{clinic.within.words}**: {_difference(clinic.within)}. "
    return head + "Intervals: paired bootstrap over cases. Training on other patients would move the difference too."


def _difference(one: Difference) -> str:
    return (
        f"C {one.clinic + one.difference:.3f} against {one.clinic:.3f}, difference {one.difference:+.3f} "
        f"({one.level:.0%} CI {one.low:+.3f} to {one.high:+.3f}, p = {one.p_value:.2g})"
    )


def _calibration(estimates: Mapping[str, Estimate], *, private: bool) -> str:
    lines = [
        f"- {words}: {_estimate(name, estimates[name])}" for name, words in CALIBRATION.items() if name in estimates
    ]
    if not lines:
        return ""
    against = f"Against the outcomes of {REFERENCE}" if private else _OUT_OF_FOLD
    return "\n".join([f"{against}; 95 % bootstrap intervals.", "", *lines])


def _estimate(name: str, one: Estimate) -> str:
    if one.value is None:
        return f"undefined. {one.reason}"
    interval = "" if one.low is None else f" ({one.low:.3f} to {one.high:.3f})"
    value = f"{one.value:.2g}" if name.endswith("_p") else f"{one.value:.3f}"
    return f"{value}{interval}"


def _cutoffs(reference: Reference) -> str:
    if reference.tertiles is None:
        return ""
    low, high = reference.tertiles
    return (
        f"Median out-of-fold risk {reference.cutoff:.4g} (above it: the high group of the app and of `survviz "
        f"evaluate`); thirds at {low:.4g} and {high:.4g}. They were fixed on the training cohort; another "
        "one may lie on one side of them."
    )
