"""How a cohort was scored, as the sentences that a methods section needs."""

from __future__ import annotations

from survviz.pipeline.cohort.results import HAS, CohortResults

WORDS = {
    "pathology": "pathology", "clinical": "clinical data", "genomic": "gene expression", "mirna": "miRNA expression",
    "cnv": "copy numbers",
}  # fmt: skip
WHY = {
    "training": "every model was trained on them",
    "unlike": "unlike the training cohort",
    "error": "data that cannot be read",
    "outcome": "no usable outcome",
}


def scoring_words(results: CohortResults) -> str:
    """What was scored, by which models, what was missing, converted and left out; nothing that was not done."""
    document = results.document
    read = [words for name, words in WORDS.items() if HAS.get(name) in results.table.columns]
    parts = [
        f"Risk and survival of {len(results):,} patients of {results.cohort_name} were estimated with the checkpoint "
        f"{results.checkpoint} (model {document['model']}, trained on {document['trained_on'] or 'an unnamed cohort'}; "
        f"SHA-256 {results.checkpoint_sha256[:12]}), which reads {_listed(read)}."
    ]
    parts += _who(results)
    lacking = [
        f"{n:,} without {words}"
        for name, words in WORDS.items()
        if HAS[name] in results.table.columns and (n := len(results) - int(results.table[HAS[name]].sum()))
    ]
    if lacking:
        parts.append(f"Patients with missing modalities were scored with what they have ({', '.join(lacking)}).")
    for table, unit, to in document["converted"]:
        parts.append(f"The {table} table was converted from {unit} to {to}.")
    if document["anyway"]:
        parts.append("Patients flagged as unlike the training cohort were scored too.")
    if len(results.not_scored):
        counts = results.not_scored["kind"].value_counts()
        reasons = ", ".join(f"{n:,} {WHY.get(str(kind), kind)}" for kind, n in counts.items())
        parts.append(f"{len(results.not_scored):,} patients were not scored ({reasons}).")
    return " ".join(parts)


def _who(results: CohortResults) -> list[str]:
    n_own, n_folds = results.n_out_of_fold, results.document["n_folds"]
    models = f"the mean of its {n_folds} models" if n_folds > 1 else "its one model"
    if not n_own:
        return [f"None of them was in its training cohort (by hashed case id); the estimate is {models}."]
    others = len(results) - n_own
    rest = f" The other {others:,} were scored by {models}." if others else ""
    return [f"{n_own:,} of them are of its training cohort and were scored only by models that never saw them.{rest}"]


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
