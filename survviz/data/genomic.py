"""What the genomic tokens are made of: expression through gene programmes, or precomputed embeddings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from survviz.data.cohort import Cohort
from survviz.data.genes import GeneMatch, GeneSet, default_programmes, match_genes, read_gmt, shorten
from survviz.data.omics import OmicsScaler, is_linear
from survviz.data.preprocess_config import PreprocessConfig
from survviz.errors import InputError
from survviz.types import Notice

VARIABLE_GENES = 1000
"""How many variable genes stand beside the programmes' unless somebody says otherwise."""


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


def fit_genomic(train: Cohort, config: PreprocessConfig) -> Genomic | None:
    """Fit on a cohort of training cases; None when it has no expression.

    Programmes come first in the expression vector, so that their columns do not depend on what else is in it.

    Raises:
        InputError: tokens were asked for and there are none, or no programme has enough genes and nothing else is read.
    """
    wide = config.genes == "variable"
    if config.genomic == "tokens" or (config.genomic == "auto" and train.token_files and not wide):
        return _fit_tokens(train)
    if train.rna is None or train.rna.empty:
        return None
    log2 = is_linear(train.rna_unit)
    sets = read_gmt(config.programmes) if config.programmes else default_programmes()
    match = match_genes((gene for item in sets.values() for gene in item.genes), train.rna.columns)
    kept = _kept(sets, match, config.min_genes)
    if not kept and not wide:
        raise InputError(
            f"No gene programme has {config.min_genes} genes in the expression table. {match.describe()} "
            f"The table has {shorten(train.rna.columns, 3)}; expected HGNC symbols."
        )
    genes = tuple(dict.fromkeys(gene for names in kept.values() for gene in names))
    if wide:
        variable = OmicsScaler.fit(train.rna, log2=log2).most_variable(config.max_genes or VARIABLE_GENES)
        here = {match.found[gene] for gene in genes}
        genes += tuple(gene for gene in variable if gene not in here)
    scaler = OmicsScaler.fit(train.rna, genes=genes, log2=log2)
    at = {gene: i for i, gene in enumerate(scaler.genes)}
    columns = {name: tuple(at[gene] for gene in names) for name, names in kept.items()}
    return Genomic(scaler=scaler, programmes=columns, notices=_notices(match, sets, kept, config.min_genes))


def _kept(sets: Mapping[str, GeneSet], match: GeneMatch, min_genes: int) -> dict[str, tuple[str, ...]]:
    """Programme -> its genes that the table has, of the programmes with enough of them."""
    found = {name: tuple(gene for gene in item.genes if gene in match.found) for name, item in sets.items()}
    return {name: genes for name, genes in found.items() if len(genes) >= min_genes}


def _notices(
    match: GeneMatch, sets: Mapping[str, GeneSet], kept: Mapping[str, tuple[str, ...]], min_genes: int
) -> tuple[Notice, ...]:
    notices: list[Notice] = []
    if match.missing:
        notices.append(Notice("info", "genes.coverage", f"Training table: {match.describe()}"))
    small = [name for name in sets if name not in kept]
    if small:
        text = f"{len(small)} gene programmes were left out, with fewer than {min_genes} genes: {shorten(small)}."
        notices.append(Notice("warning", "genes.programmes", text))
    return tuple(notices)


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
