"""What a user must bring so that numbers mean to the model what they meant in training, modality by modality."""

from __future__ import annotations

from survviz.data.omics import OmicsName, is_linear
from survviz.data.omics_reference import MODALITY, WORDS
from survviz.data.preprocess import Preprocess

SHOWN_VALUES = 40


def own_data(preprocess: Preprocess) -> str:
    """Markdown list, from what one fold fitted; ranges and values are those of its training cases, or public ones."""
    lines = [
        "A modality may be absent. `survviz evaluate` and `survviz predict` say what is missing or unlike training."
    ]
    lines += [line for line in (_pathology(preprocess),) if line]
    if "clinical" in preprocess.modalities:
        lines.append(f"- **clinical**: {'; '.join(_field(preprocess, token) for token in preprocess.templates.tokens)}")
    lines += [_omics(preprocess, name) for name in MODALITY if name in preprocess.ood.omics]
    if preprocess.token_names:
        lines.append(
            f"- **genomic**: precomputed tokens {', '.join(preprocess.token_names)} ({preprocess.d_genomic} each)"
        )
    return "\n".join((lines[0], "", *lines[1:]))


def _pathology(preprocess: Preprocess) -> str:
    patches, regions = preprocess.ood.patches, preprocess.ood.regions
    if patches:
        return (
            f"- **slides**: encoder `{patches.encoder}`, revision {patches.encoder_revision}, at {patches.mpp:g} um "
            f"per pixel. `survviz extract --encoder {patches.encoder}` reads a slide at that scale, and so does the "
            "app; the slide must say its own pixel size, or a person must (`--mpp`). Features of another encoder "
            "are refused."
        )
    if regions:
        made = regions.encoder or "of undeclared make"
        return f"- **pathology**: a table of {regions.dim} features per region ({made}), under the same names"
    return ""


def _field(preprocess: Preprocess, token: str) -> str:
    if token in preprocess.ood.ranges:
        low, high = preprocess.ood.ranges[token]
        unit = " in years" if token == "Age" else ""
        known = "made for" if preprocess.ood.public else "training"
        return f"{token} (a number{unit}; {known} {low:.3g} to {high:.3g})"
    names = preprocess.clinical.names.get(token, ())
    values = [name.partition("=")[2] for name in names if name.startswith(f"{token}=")]
    if not values:
        return f"{token} (the same for all training cases: it says nothing)"
    more = f" and {len(values) - SHOWN_VALUES} more" if len(values) > SHOWN_VALUES else ""
    return f"{token} ({', '.join(values[:SHOWN_VALUES])}{more})"


def _omics(preprocess: Preprocess, name: OmicsName) -> str:
    reference = preprocess.ood.omics[name]
    label, noun = WORDS[name]
    unit = reference.unit or "not declared"
    text = f"- **{label}**: {len(reference.scaler.genes):,} {noun}, unit `{unit}`. {_scale(unit, noun)}"
    if reference.public:
        return f"{text} The model then uses one public scale for all of them."
    return f"{text} The model then uses the mean and sd of its training cases."


def _scale(unit: str, noun: str) -> str:
    """How to arrive at a unit."""
    if is_linear(unit):
        return "Give it as it is, not logged: survviz takes log2(x + 1)."
    if "z-score" in unit.lower():
        return (
            f"For each of the {noun}: log2 of the expression, minus the mean, divided by the sd over the tumours of "
            "your own cohort (not over one patient's values). A single patient needs the mean and sd of a cohort "
            "measured the same way; there is no other scale on which another platform agrees with the training data."
        )
    if unit.lower().startswith("log2"):
        return "Take the logarithm before; values that are not logged are found unlike training and are not scored."
    return "Give the same coding."
