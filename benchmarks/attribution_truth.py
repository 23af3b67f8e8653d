"""Do attributions find what was planted? Every method and kind of map on a sample cohort, against its stated hazard.

`python -m benchmarks.attribution_truth --checkpoint C --cohort DIR --out FILE`. Each case is explained only by models
that did not train on it. Intervals are bootstraps over cases.

- **Features**: Spearman correlation, over cases, of what a method says that a planted feature adds with what it adds in
  truth (log-hazard of the case minus its log-hazard with the feature at its mean); and AUROC of the mean size over
  cases, planted features against those that mean nothing.
- **Maps**: AUROC of a map against the planted tumour, in which all prognostic information of a slide lies.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from survviz.data.cohort import Cohort, load_cohort
from survviz.data.genes import default_programmes
from survviz.evaluation import auroc_ci
from survviz.evaluation.localisation import auroc
from survviz.pipeline import Predictor
from survviz.pipeline.cohort.attribution import features_over
from survviz.pipeline.explanation.attribution import METHODS, CaseAttribution, Method, attribute
from survviz.pipeline.explanation.pieces import Level
from survviz.pipeline.explanation.truth import RegionMasks, case_map, localisation
from survviz.sample import hazard
from survviz.sample.molecular import PLANTED
from survviz.types import MAP_KINDS

DRAWS = 1000
CLINICAL = {"Age": "age", "Stage": "stage"}
MAPPED_METHODS: tuple[Method, ...] = ("integrated-gradients", "relevance")
"""Those that say what each patch adds, beside the kinds of map."""


def planted_effects(cohort: Path) -> dict[str, dict[str, float]]:
    """Case -> feature or modality, as models name it -> what it adds to the log-hazard.

    A modality: the best log-hazard that knows it alone.
    """
    cases = json.loads((cohort / "truth" / "hazard.json").read_text())["cases"]
    names = {**CLINICAL, **PLANTED}
    found = {}
    for case_id, case in cases.items():
        effects = hazard.effects(hazard.Latent(**case["planted"]))
        found[case_id] = {name: effects[quantity] for name, quantity in names.items()} | case["single_modality"]
    return found


def over_cases(cases: Sequence[CaseAttribution], level: Level, planted: dict[str, dict[str, float]]) -> dict[str, Any]:
    """Spearman per planted feature of a level, and AUROC of planted features among all of it."""
    features = features_over(cases, level, n_resamples=1)
    known = {name for effects in planted.values() for name in effects}
    rows = {}
    for one in features:
        if one.name in known:
            truth = np.array([planted[case_id][one.name] for case_id in one.case_ids])
            rows[one.name] = {"spearman": _correlation(one.values, truth), "mean_size": one.size, "n": len(truth)}
    sizes = np.array([one.size for one in features])
    real = np.array([one.name in known for one in features])
    mixed = 0 < real.sum() < len(real)
    return {"features": rows, "auroc_planted": auroc(sizes, real) if mixed else None, "n_features": len(sizes)}


def over_genes(cases: Sequence[CaseAttribution], planted: dict[str, dict[str, float]]) -> dict[str, Any]:
    """Mean size of each gene against the mean size of the effect of the programmes that hold it."""
    effect = {name: float(np.mean([abs(case[name]) for case in planted.values()])) for name in PLANTED}
    truth: dict[str, float] = {}
    for name, programme in default_programmes().items():
        for gene in programme.genes:
            truth[gene] = truth.get(gene, 0.0) + effect.get(name, 0.0)
    features = [one for one in features_over(cases, "gene", n_resamples=1) if one.name in truth]
    if not features:
        return {}
    sizes, real = np.array([one.size for one in features]), np.array([truth[one.name] for one in features])
    return {
        "spearman": _correlation(sizes, real),
        "auroc_planted": auroc(sizes, real > 0),
        "n_features": len(features),
    }


def _correlation(values: NDArray[np.float64], truth: NDArray[np.float64]) -> dict[str, float]:
    """Spearman's rho with its interval over rows."""
    random = np.random.default_rng(0)
    drawn = []
    for _ in range(DRAWS):
        rows = random.integers(0, len(values), len(values))
        drawn.append(_spearman(values[rows], truth[rows]))
    low, high = np.quantile(drawn, [0.025, 0.975])
    return {"rho": _spearman(values, truth), "low": float(low), "high": float(high)}


def _spearman(values: NDArray[np.float64], truth: NDArray[np.float64]) -> float:
    """0 where one side does not vary, since it then says nothing."""
    ranks = rankdata(values), rankdata(truth)
    return float(np.corrcoef(*ranks)[0, 1]) if all(np.ptp(one) for one in ranks) else 0.0


def methods_against_truth(predictor: Predictor, cohort: Cohort, case_ids: Sequence[str]) -> dict[str, Any]:
    """Features and patch maps of every method of attribution."""
    planted, masks = planted_effects(cohort.folder), RegionMasks.read(cohort.folder)
    found: dict[str, Any] = {}
    for method in METHODS:
        cases, maps, tumour = [], [], []
        for case_id in case_ids:
            case = cohort.case(case_id)
            one = attribute(predictor, case, method=method, patches=method in MAPPED_METHODS)
            cases.append(one)
            inside = masks.inside(case.bags, ["tumour"])
            if one.patches and inside is not None:
                maps.append(case_map(one.patches))
                tumour.append(inside)
        levels: tuple[Level, ...] = ("modality", "sentence", "clinical", "programme")
        found[method] = {
            **{level: over_cases(cases, level, planted) for level in levels if cases[0].of(level)},
            "gene": over_genes(cases, planted),
            "seconds_per_case": float(np.mean([one.seconds for one in cases])),
            "largest_gap": max(one.gap for one in cases),
        }
        if maps:
            score = auroc_ci(maps, tumour)
            found[method]["tumour"] = {"auroc": score.mean, "low": score.interval.low, "high": score.interval.high}
        print(method, json.dumps(found[method]), flush=True)
    return found


def maps_against_truth(predictor: Predictor, cohort: Cohort) -> list[dict[str, Any]]:
    """AUROC against tumour of each kind of map, direction and token."""
    return [
        {
            "kind": kind, "query": one.query, "token": one.token, "auroc": one.score.mean,
            "low": one.score.interval.low, "high": one.score.interval.high, "n": len(one.score.per_case),
        }
        for kind in MAP_KINDS
        for one in localisation(predictor, cohort, [["tumour"]], kind=kind)
    ]  # fmt: skip


def main() -> None:
    """Print and write the tables."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--cohort", type=Path, required=True)
    parser.add_argument("--cases", type=int, help="The first so many cases that have every modality; default all.")
    parser.add_argument("--no-maps", action="store_true", help="Methods of attribution only.")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    predictor, cohort = Predictor.load(options.checkpoint), load_cohort(options.cohort)
    whole = [
        case_id
        for case_id in sorted(cohort.case_ids)
        if len(predictor.present(cohort.case(case_id))) == len(predictor.modalities)
    ][: options.cases]
    found = {
        "checkpoint": predictor.checkpoint.name, "cohort": cohort.name, "n_cases": len(whole),
        "methods": methods_against_truth(predictor, cohort, whole),
        "maps": [] if options.no_maps else maps_against_truth(predictor, cohort.subset(whole)),
    }  # fmt: skip
    options.out.write_text(json.dumps(found, indent=2) + "\n")
    for row in found["maps"]:
        print(row)


if __name__ == "__main__":
    main()
