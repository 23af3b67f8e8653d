"""Checkpoint + case -> what each of its tokens does to the risk. The definition is in `survviz.explain.tokens`."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from survviz.explain.tokens import Average, TokenContribution, risk_without_tokens
from survviz.types import Case

if TYPE_CHECKING:
    from survviz.data.preprocess import Preprocess
    from survviz.pipeline.predictor import Predictor


def token_contributions(predictor: Predictor, case: Case) -> dict[str, tuple[TokenContribution, ...]]:
    """Group -> its tokens, the one that moves the risk most first; a group that model or case lacks is left out."""
    folds, _ = predictor.folds_for(case)
    wanted = [name for name in ("clinical", "genomic") if name in predictor.present(case)]
    names = {group: tuple(averages(predictor.checkpoint.preprocess(folds[0]), group)) for group in wanted}
    changes: dict[str, list[np.ndarray]] = {group: [] for group in wanted}
    for fold in folds:
        inputs = predictor.inputs(fold, case)
        for group in wanted:
            own = averages(predictor.checkpoint.preprocess(fold), group)
            in_order = [own[token] for token in names[group]]
            changes[group].append(risk_without_tokens(predictor.model(fold), inputs, in_order))
    found = {}
    for group, tokens in names.items():
        if not tokens:
            continue
        instead = averages(predictor.checkpoint.preprocess(folds[0]), group)
        per_fold = np.stack(changes[group])  # (F, T)
        rows = [TokenContribution.of(group, name, per_fold[:, i], instead[name].words) for i, name in enumerate(tokens)]
        found[group] = tuple(sorted(rows, key=lambda row: -abs(row.value)))
    return found


def averages(preprocess: Preprocess, group: str) -> dict[str, Average]:
    """Token of a group -> what stands for it when it says nothing of a case."""
    return _sentences(preprocess) if group == "clinical" else _genes(preprocess)


def _sentences(preprocess: Preprocess) -> dict[str, Average]:
    fields, known = preprocess.templates.fields, preprocess.clinical
    means = {item.token: known.moments[item.token][0] if item.token in known.moments else None for item in fields}
    sentences = tuple(item.say(means[item.token]) for item in fields)
    vectors = preprocess.embed(sentences)
    vector = known.transform({item.token: item.code(means[item.token]) for item in fields})
    found = {}
    for row, (item, sentence) in enumerate(zip(fields, sentences, strict=True)):
        columns = known.fields.get(item.token, ())
        found[item.token] = Average(
            f"“{sentence}”",
            rows={"clinical": (row, vectors[row])},
            columns={"clinical": (columns, vector[list(columns)])} if columns else {},
        )
    return found


def _genes(preprocess: Preprocess) -> dict[str, Average]:
    if preprocess.token_names:
        zeros = np.zeros(preprocess.d_genomic, dtype=np.float32)
        return {
            name: Average("a vector of zeros", rows={"genomic": (row, zeros)})
            for row, name in enumerate(preprocess.token_names)
        }
    uses = Counter(column for columns in preprocess.programmes.values() for column in columns)
    found = {}
    for name, columns in preprocess.programmes.items():
        shared = sum(uses[column] > 1 for column in columns)
        also = f", {shared} of which other programmes hold too" if shared else ""
        text = f"training mean of its {len(columns)} genes{also}"
        found[name] = Average(text, columns={"rna": (columns, np.zeros(len(columns), dtype=np.float32))})
    return found
