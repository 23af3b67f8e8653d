"""What the genomic tokens are made of: expression through gene programmes, or precomputed embeddings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from survviz.data.cohort import Cohort
from survviz.data.genes import default_programmes, match_genes, read_gmt, shorten
from survviz.data.omics import OmicsScaler, is_linear
from survviz.errors import InputError
from survviz.types import Notice


@dataclass(frozen=True, slots=True)
class Genomic:
    """Fitted on training cases: either `scaler` with `programmes`, or `token_names` with `d_tokens`.

    Attributes:
        programmes: name -> columns of the scaler's vector.
    """

    scaler: OmicsScaler | None = None
    programmes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    token_names: tuple[str, ...] = ()
    d_tokens: int = 0
    notices: tuple[Notice, ...] = ()


def fit_genomic(
    train: Cohort, kind: Literal["auto", "programmes", "tokens"], gmt: Path | None = None, min_genes: int = 5
) -> Genomic | None:
    """Fit on a cohort of training cases; None when it has no expression.

    Args:
        kind: "auto" prefers precomputed tokens where the cohort has them.
        gmt: gene sets instead of our curated programmes.
        min_genes: a set with fewer genes in the table is left out, and said so.

    Raises:
        InputError: tokens were asked for and there are none, or no programme has enough genes.
    """
    if kind == "tokens" or (kind == "auto" and train.token_files):
        return _fit_tokens(train)
    if train.rna is None or not len(train.rna):
        return None
    sets = read_gmt(gmt) if gmt else default_programmes()
    match = match_genes((gene for item in sets.values() for gene in item.genes), train.rna.columns)
    found = {name: tuple(gene for gene in item.genes if gene in match.found) for name, item in sets.items()}
    kept = {name: genes for name, genes in found.items() if len(genes) >= min_genes}
    if not kept:
        raise InputError(
            f"No gene programme has {min_genes} genes in the expression table. {match.describe()} "
            f"The table has {shorten(train.rna.columns, 3)}; expected HGNC symbols."
        )
    notices: list[Notice] = []
    if match.missing:
        notices.append(Notice("info", "genes.coverage", f"Training table: {match.describe()}"))
    small = [name for name in sets if name not in kept]
    if small:
        text = f"{len(small)} gene programmes were left out, with fewer than {min_genes} genes: {shorten(small)}."
        notices.append(Notice("warning", "genes.programmes", text))
    genes = tuple(dict.fromkeys(gene for names in kept.values() for gene in names))
    scaler = OmicsScaler.fit(train.rna, genes=genes, log2=is_linear(train.rna_unit))
    at = {gene: i for i, gene in enumerate(scaler.genes)}
    columns = {name: tuple(at[gene] for gene in names) for name, names in kept.items()}
    return Genomic(scaler=scaler, programmes=columns, notices=tuple(notices))


def _fit_tokens(train: Cohort) -> Genomic:
    if not train.token_files:
        raise InputError(f"Cohort {train.name!r} has no genomic tokens. Give [genomic_tokens] in cohort.toml.")
    tokens = train.genomic_tokens(next(iter(train.token_files)))
    names = train.token_names or tuple(f"Genomic {i + 1}" for i in range(len(tokens)))
    if len(names) != len(tokens):
        raise InputError(
            f"[genomic_tokens] names {len(names)} tokens, but the files hold {len(tokens)}. Name each one."
        )
    return Genomic(token_names=names, d_tokens=tokens.shape[1])
