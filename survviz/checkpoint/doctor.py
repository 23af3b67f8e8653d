"""Verifies a checkpoint, check by check, and never raises because of one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from survviz.checkpoint.checkpoint import Checkpoint, check_hashes, load_checkpoint
from survviz.checkpoint.golden import TOLERANCE, largest_deviation
from survviz.checkpoint.layout import CONFIG, FILES, GOLDEN, POINTS, CheckpointConfig, checked_file, read_config
from survviz.checkpoint.reference import thirds
from survviz.checkpoint.weights import read_tensors, read_weights
from survviz.errors import CheckpointError, InputError
from survviz.privacy.loss_distribution import STEP

CARD_SECTIONS = ("Data", "Protocol", "Metrics", "Limits", "Licence", "Privacy")


@dataclass(frozen=True, slots=True)
class Check:
    """One finding.

    Attributes:
        ok: whether it holds.
        detail: what was found; if it does not hold, what was expected.
    """

    name: str
    ok: bool
    detail: str


@dataclass(slots=True)
class _Patient:
    folder: Path
    config: CheckpointConfig | None = None
    checkpoint: Checkpoint | None = None
    checks: list[Check] = field(default_factory=list)


def doctor(folder: str | Path) -> list[Check]:
    """Check files, hashes, settings, weights, preprocessing, names, bins, cut-off, golden answers, card and privacy."""
    patient = _Patient(Path(folder))
    steps: list[tuple[str, Callable[[_Patient], str]]] = [
        ("files", _files),
        ("configuration", _configuration),
        ("hashes", _hashes),
        ("weights", _weights),
        ("preprocessing", _preprocessing),
        ("sizes", _sizes),
        ("token names", _token_names),
        ("time bins", _bins),
        ("cut-off", _cutoff),
        ("golden output", _golden),
        ("baselines", _points),
        ("card", _card),
        ("privacy", _privacy),
    ]
    for name, step in steps:
        patient.checks.append(_attempt(name, partial(step, patient)))
    return patient.checks


def _attempt(name: str, step: Callable[[], str]) -> Check:
    try:
        return Check(name, True, step())
    except (CheckpointError, InputError) as error:
        return Check(name, False, str(error))


def _files(patient: _Patient) -> str:
    sizes = [f"{name} {checked_file(patient.folder, name).stat().st_size / 1e6:.2f} MB" for name in FILES]
    return ", ".join(sizes)


def _configuration(patient: _Patient) -> str:
    patient.config = config = read_config(patient.folder)
    return f"{config.name}: model {config.model}, {len(config.folds)} folds, trained on {config.cohort}"


def _known(patient: _Patient) -> CheckpointConfig:
    if patient.config is None:
        raise CheckpointError(f"not checked: {CONFIG} cannot be read")
    return patient.config


def _loaded(patient: _Patient) -> Checkpoint:
    if patient.checkpoint is None:
        raise CheckpointError("not checked: the checkpoint cannot be loaded")
    return patient.checkpoint


def _hashes(patient: _Patient) -> str:
    check_hashes(patient.folder, _known(patient))
    return f"{len(FILES) - 1} files are as they were written"


def _weights(patient: _Patient) -> str:
    states = read_weights(patient.folder, _known(patient))
    for fold, state in enumerate(states):
        bad = [name for name, value in state.items() if not value.isfinite().all()]
        if bad:
            raise CheckpointError(f"Fold {fold} has NaN or infinite weights in {', '.join(bad[:3])}.")
    n_numbers = sum(value.numel() for value in states[0].values())
    return f"{len(states[0])} tensors with {n_numbers:,} numbers per fold, all finite"


def _preprocessing(patient: _Patient) -> str:
    patient.checkpoint = load_checkpoint(patient.folder)
    return f"{patient.checkpoint.n_folds} folds, {len(patient.checkpoint.membership.test_fold)} training cases (hashed)"


def _sizes(patient: _Patient) -> str:
    checkpoint = _loaded(patient)
    for fold in range(checkpoint.n_folds):
        settings, sizes = checkpoint.config.folds[fold], checkpoint.preprocess(fold).sizes
        model = checkpoint.model(fold).config.model_dump(mode="json")
        for name in ("d_patch", "d_clinical", "d_genomic", "n_genes", "n_mirna", "n_cnv", "n_bins"):
            if name in settings and sizes.get(name) is not None and sizes[name] != model[name]:
                raise CheckpointError(
                    f"Fold {fold}: preprocessing gives {name} {sizes[name]}, the model has {model[name]}."
                )
    return "preprocessing and models agree"


def _token_names(patient: _Patient) -> str:
    checkpoint = _loaded(patient)
    first = checkpoint.model(0).token_names
    for fold in range(1, checkpoint.n_folds):
        if checkpoint.model(fold).token_names != first:
            raise CheckpointError(f"Fold {fold} has other tokens, or another order, than fold 0.")
    for fold in range(checkpoint.n_folds):
        clinical = checkpoint.preprocess(fold).sizes.get("clinical_tokens")
        if "clinical" in first and clinical is not None and tuple(clinical) != tuple(first["clinical"]):
            raise CheckpointError(
                f"Fold {fold}: the sentences {tuple(clinical)} are not the model's {first['clinical']}."
            )
    return "; ".join(f"{group}: {', '.join(names)}" for group, names in first.items())


def _bins(patient: _Patient) -> str:
    checkpoint = _loaded(patient)
    for fold in range(checkpoint.n_folds):
        edges = np.asarray(checkpoint.preprocess(fold).bins.edges)
        if not (np.isfinite(edges).all() and (np.diff(edges) > 0).all()):
            raise CheckpointError(f"The bin edges of fold {fold} do not increase: {edges.tolist()}.")
        n_bins = checkpoint.model(fold).config.model_dump().get("n_bins")
        if n_bins is not None and len(edges) != n_bins + 1:
            raise CheckpointError(f"Fold {fold} has {len(edges)} bin edges for {n_bins} bins.")
    edges = ", ".join(f"{edge:.1f}" for edge in checkpoint.preprocess(0).bins.edges)
    return f"increasing in every fold (fold 1: {edges} months)"


def _cutoff(patient: _Patient) -> str:
    reference = _loaded(patient).reference
    median = float(np.median(reference.risks))
    if not np.isfinite(reference.risks).all() or abs(median - reference.cutoff) > 1e-6:
        raise CheckpointError(f"The cut-off is {reference.cutoff:g}; expected the median out-of-fold risk {median:g}.")
    if len(reference.risks) != reference.n_cases:
        raise CheckpointError(f"{len(reference.risks)} out-of-fold risks for {reference.n_cases} training cases.")
    if reference.tertiles is not None and not np.allclose(reference.tertiles, thirds(reference.risks), atol=1e-6):
        raise CheckpointError(
            f"The thirds are {reference.tertiles}; the out-of-fold risks give {thirds(reference.risks)}."
        )
    return f"{reference.cutoff:.4f}, the median out-of-fold risk of {reference.n_cases} cases"


def _golden(patient: _Patient) -> str:
    checkpoint = _loaded(patient)
    tensors = read_tensors(patient.folder, GOLDEN)
    worst = np.max([largest_deviation(checkpoint.model(fold), fold, tensors) for fold in range(checkpoint.n_folds)])
    if not worst <= TOLERANCE:
        raise CheckpointError(
            f"The models answer the golden input with a deviation of {worst:.2g}; at most {TOLERANCE:g}."
        )
    return f"reproduced by every fold (largest deviation {worst:.1e})"


def _points(patient: _Patient) -> str:
    checkpoint = _loaded(patient)
    if not checkpoint.points:
        return f"none stored; `survviz baselines {patient.folder} COHORT` adds them, for explanations"
    for fold, points in enumerate(checkpoint.points):
        forms = {"patches": "patches", "tokens": "tokens.", "vector": "vectors."}
        shapes = {forms[read.form] + read.name: read.shape for read in checkpoint.model(fold).config.reads}
        for name, value in points.items():
            key = name.partition(".")[2]
            if key in shapes and tuple(value.shape) != shapes[key]:
                raise CheckpointError(
                    f"Fold {fold}: baseline {name} has shape {tuple(value.shape)}; the model reads {shapes[key]}."
                )
    names = dict.fromkeys(name.partition(".")[0] for points in checkpoint.points for name in points)
    return f"{', '.join(names)} of {len(checkpoint.points)} folds in {POINTS}"


def _card(patient: _Patient) -> str:
    text = _loaded(patient).card
    missing = [section for section in CARD_SECTIONS if f"## {section}" not in text]
    if missing:
        raise CheckpointError(f"The card has no section {', '.join(missing)}.")
    return f"present, with {len(CARD_SECTIONS)} sections"


def _privacy(patient: _Patient) -> str:
    """Certify the guarantee again from its constants, and see that nothing else of the training patients is there."""
    checkpoint = _loaded(patient)
    guarantee = checkpoint.config.guarantee
    if guarantee is None:
        return "no guarantee for the training patients"
    if checkpoint.membership.test_fold:
        raise CheckpointError(f"{len(checkpoint.membership.test_fold)} hashes of patients lie beside a guarantee.")
    if not all(checkpoint.preprocess(fold).ood.public for fold in range(checkpoint.n_folds)):
        raise CheckpointError("The preprocessing was fitted on patients, which the guarantee does not cover.")
    epsilon, training = guarantee.spec.epsilon, guarantee.training
    if training is None or epsilon is None:
        if (training is None) != (epsilon is None):
            raise CheckpointError("An epsilon is promised without noise, or noise was added without a promise.")
        return f"{guarantee.spec.bound}: no noise was added"
    certified = training.epsilon(guarantee.spec.delta, step=10 * STEP)
    if certified > 1.01 * epsilon:
        raise CheckpointError(f"{guarantee.spec.bound} is promised; its constants give epsilon = {certified:.3f}.")
    if abs(guarantee.sampling_rate - guarantee.batch / guarantee.patients) > 1e-12:
        raise CheckpointError("The sampling rate is not the expected batch over the public number of patients.")
    return f"{guarantee.spec.bound}, certified again from its constants"
