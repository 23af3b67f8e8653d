"""Which clinical fields of a cohort a model reads: the sentences that say them, and the columns that count them."""

from __future__ import annotations

from survviz.data.clinical import ClinicalTemplates, load_templates
from survviz.data.clinical_vector import ClinicalVector
from survviz.data.cohort import Cohort
from survviz.data.genes import shorten
from survviz.data.preprocess_config import PreprocessConfig
from survviz.errors import InputError
from survviz.types import Notice


def fit_clinical(
    train: Cohort, config: PreprocessConfig
) -> tuple[ClinicalTemplates, ClinicalVector, tuple[Notice, ...]]:
    """Templates and vector of the asked fields, fitted on training cases; no field where clinical is not asked for.

    Raises:
        InputError: a chosen field has no column, or a number is unreadable.
    """
    templates = load_templates(config.templates)
    tokens = _tokens(train, config, templates) if "clinical" in config.modalities else ()
    templates = templates.select(tokens)
    columns = {token: train.clinical[token].tolist() for token in tokens}
    rows = (dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True))
    vector = ClinicalVector.fit((templates.codes(row) for row in rows), tokens)
    constant = [token for token in tokens if token not in vector.names]
    if not constant:
        return templates, vector, ()
    text = f"{shorten(constant)}: the same for every training case, so no column of the clinical vector stands for it."
    return templates, vector, (Notice("info", "clinical.constant", text),)


def _tokens(train: Cohort, config: PreprocessConfig, templates: ClinicalTemplates) -> tuple[str, ...]:
    if config.clinical_tokens is None:
        return tuple(token for token in templates.tokens if token in train.fields)
    chosen = templates.select(config.clinical_tokens).tokens
    absent = [token for token in chosen if token not in train.fields]
    if absent:
        raise InputError(
            f"Cohort {train.name!r} has no column for {shorten(absent)}; it has {shorten(train.fields)}. "
            "Add it under [clinical.fields] in cohort.toml, or leave the token out."
        )
    return chosen
