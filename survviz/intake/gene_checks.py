"""What the columns of a molecular table are called: renamed, repeated, spoilt by a spreadsheet, or no symbols."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

from survviz.data.genes import current_symbol, shorten
from survviz.data.tables import EXCEL_DATE, is_known_gene, is_missing, known_gene_names
from survviz.intake.findings import Finding
from survviz.intake.fixes import AverageGenes, DropGenes, RenameGenes
from survviz.intake.layout import FILE_WORDS
from survviz.intake.tables import Matrix
from survviz.intake.wording import many

ENSEMBL = re.compile(r"^ENS[A-Z]*[GT]\d{11}(\.\d+)?$")
ENTREZ_SUFFIX = re.compile(r"^([^|?]+)\|\d+$")
NO_GENE = re.compile(r"^(\?\|\d+|\?+|unnamed: \d+|)$", re.IGNORECASE)
SUMMARY_ROW = re.compile(r"^(__\w+|n_(unmapped|multimapping|nofeature|ambiguous))$", re.IGNORECASE)
SEPTEMBER = re.compile(r"^(?:(\d{1,2})-Sept?|Sept?-(\d{1,2}))$", re.IGNORECASE)
FEW_KNOWN = 0.02
MANY_GAPS = 0.2


def check_genes(name: str, matrix: Matrix) -> Iterator[Finding]:
    """Findings about the columns of one matrix."""
    genes = [str(gene) for gene in matrix.values.columns]
    if matrix.role != "features":
        yield from _no_genes(name, genes)
        yield from _dates(name, genes)
        yield from _suffixes(name, genes)
    said = "rna" if FILE_WORDS["rna"].search(name) else "other"
    said = "mirna" if FILE_WORDS["mirna"].search(name) else said
    if (said if matrix.role == "features" else matrix.role) == "rna":
        yield from _identifiers(name, genes)
    if (said if matrix.role == "features" else matrix.role) == "mirna":
        yield from _not_mirna(name, genes)
    if matrix.role == "rna":
        yield from _older_symbols(name, genes)
    yield from _no_measurements(name, matrix)
    yield from _repeated(name, genes)
    yield from _without_variation(name, matrix, genes)


def _no_measurements(name: str, matrix: Matrix) -> Iterator[Finding]:
    """Columns that were set aside because they hold no numbers, though they may have been meant."""
    blank = [str(one) for one in matrix.about.columns if all(is_missing(cell) for cell in matrix.about[one])]
    if blank:
        text = f"{many(blank, 'column holds', 'columns hold')} no value at all ({shorten(blank)}) and cannot be read."
        yield Finding("empty-columns", "warning", name, text, columns=tuple(blank))
    words = [str(one) for one in matrix.about.columns if str(one) not in blank and is_known_gene(str(one))]
    if words:
        text = (
            f"{many(words, 'column is', 'columns are')} named as genes, with mostly words inside ({shorten(words)}), "
            "so they are not read as measurements. Write numbers, or leave cells empty."
        )
        yield Finding("genes-in-words", "warning", name, text, columns=tuple(words))


def _no_genes(name: str, genes: Sequence[str]) -> Iterator[Finding]:
    found = [gene for gene in dict.fromkeys(genes) if NO_GENE.match(gene) or SUMMARY_ROW.match(gene)]
    if found:
        text = (
            f"{many(found, 'column is', 'columns are')} no gene: without a name, or a summary of the counting "
            f"({shorten(map(repr, found))}). Leave them out."
        )
        fix = DropGenes(table=name, genes=tuple(found), reason="no gene")
        yield Finding("no-gene", "warning", name, text, columns=tuple(found), fixes=(fix,))


def _dates(name: str, genes: Sequence[str]) -> Iterator[Finding]:
    found = [gene for gene in dict.fromkeys(genes) if EXCEL_DATE.match(gene)]
    if not found:
        return
    back = {gene: f"SEPTIN{match.group(1) or match.group(2)}" for gene in found if (match := SEPTEMBER.match(gene))}
    back = {gene: symbol for gene, symbol in back.items() if symbol not in genes}
    text = (
        f"{many(found, 'gene name is a date', 'gene names are dates')} ({shorten(found)}): a spreadsheet has changed "
        "SEPT, MARCH and DEC genes. "
        + ("Those of September can be named again (SEPTIN); " if back else "")
        + "of March it cannot be told (MARCHF or MTARC): take the table from before the spreadsheet."
    )
    fixes = (RenameGenes(table=name, names=back),) if back else ()
    yield Finding("excel-dates", "warning", name, text, columns=tuple(found), fixes=fixes)


def _suffixes(name: str, genes: Sequence[str]) -> Iterator[Finding]:
    """`TP53|7157`, `ENSG00000141510.18`."""
    names = {gene: match.group(1) for gene in dict.fromkeys(genes) if (match := ENTREZ_SUFFIX.match(gene))}
    names |= {gene: gene.partition(".")[0] for gene in genes if ENSEMBL.match(gene) and "." in gene}
    if names:
        example = next(iter(names.items()))
        text = (
            f"{many(names, 'name carries', 'names carry')} a suffix ({example[0]} for {example[1]}), under which no "
            "model knows a gene. Cut it off."
        )
        fix = RenameGenes(table=name, names=names)
        yield Finding("gene-suffixes", "warning", name, text, columns=tuple(names), fixes=(fix,))


def _identifiers(name: str, genes: Sequence[str]) -> Iterator[Finding]:
    """Names that no model knows: Ensembl, Entrez, probes, or patients because the table is the other way round."""
    if not genes:
        return
    ensembl = [gene for gene in genes if ENSEMBL.match(gene)]
    entrez = [gene for gene in genes if gene.isdigit()]
    for code, found, what in (("ensembl-ids", ensembl, "Ensembl ids"), ("entrez-ids", entrez, "Entrez numbers")):
        if len(found) > len(genes) / 2:
            text = (
                f"{len(found):,} of {len(genes):,} columns are {what} ({shorten(found, 3)}). The models "
                "know HGNC symbols, so none of these genes would be used: map them to symbols first (biomaRt, a probe "
                "map)."
            )
            yield Finding(code, "error", name, text, columns=tuple(found))
            return
    known = known_gene_names()
    bare = [match.group(1) if (match := ENTREZ_SUFFIX.match(gene)) else gene for gene in genes]
    count = sum(gene in known or gene.upper() in known for gene in bare)
    if count < FEW_KNOWN * len(genes):
        text = (
            f"Only {count:,} of {len(genes):,} columns are gene symbols that survviz knows (they look "
            f"like {shorten(genes, 3)}). Expected HGNC symbols, as TP53. Are these probes, transcripts or patients?"
        )
        yield Finding("unknown-genes", "warning", name, text, columns=tuple(genes))


def _older_symbols(name: str, genes: Sequence[str]) -> Iterator[Finding]:
    there = set(genes)
    renamed = {gene: current_symbol(gene) for gene in dict.fromkeys(genes)}
    renamed = {old: new for old, new in renamed.items() if new != old}
    targets = Counter(renamed.values())
    safe = {old: new for old, new in renamed.items() if new not in there and targets[new] == 1}
    if renamed:
        pairs = shorten(f"{old} is now {new}" for old, new in renamed.items())
        text = (
            f"{len(renamed):,} of {len(genes):,} genes go by an older symbol or spelling ({pairs}). They are found "
            "all the same; rename them if the table is to be joined with others."
        )
        fixes = (RenameGenes(table=name, names=safe),) if safe else ()
        yield Finding("gene-aliases", "note", name, text, columns=tuple(renamed), fixes=fixes)


def _not_mirna(name: str, genes: Sequence[str]) -> Iterator[Finding]:
    lost = [gene for gene in genes if "mir-" not in gene.lower() and "let-" not in gene.lower()]
    if len(lost) > len(genes) / 2:
        text = (
            f"{len(lost):,} of {len(genes):,} columns are not named as miRNAs ({shorten(lost, 3)}). "
            "Expected names such as hsa-mir-21. Is this another kind of table?"
        )
        yield Finding("unknown-mirnas", "warning", name, text, columns=tuple(lost))


def _repeated(name: str, genes: Sequence[str]) -> Iterator[Finding]:
    twice = [gene for gene, count in Counter(genes).items() if count > 1]
    if twice:
        text = (
            f"{many(twice, 'column has', 'columns have')} a name that another one has too ({shorten(twice)}); expected "
            "one per gene. Average them, or keep one of each."
        )
        yield Finding("duplicate-genes", "error", name, text, columns=tuple(twice), fixes=(AverageGenes(table=name),))


def _without_variation(name: str, matrix: Matrix, genes: Sequence[str]) -> Iterator[Finding]:
    """Columns that are empty, that never vary, or that many samples lack."""
    values = matrix.values.to_numpy(dtype=np.float32)
    if len(values) < 2 or not values.size:
        return
    missing = np.isnan(values).mean(axis=0)
    empty = missing == 1
    if empty.any():
        found = tuple(dict.fromkeys(np.array(genes, dtype=object)[empty]))
        text = f"{many(found, 'column holds', 'columns hold')} no value at all ({shorten(found)}). Leave them out."
        fix = DropGenes(table=name, genes=found, reason="no value")
        yield Finding("empty-columns", "warning", name, text, columns=found, fixes=(fix,))
    low, high = np.fmin.reduce(values, axis=0), np.fmax.reduce(values, axis=0)
    constant = (low == high) & ~empty
    if constant.any():
        found = tuple(dict.fromkeys(np.array(genes, dtype=object)[constant]))
        text = (
            f"{len(found):,} of {len(genes):,} columns have the same value in every sample ({shorten(found)}), so they "
            "say nothing. They do no harm; leave them out if you like."
        )
        fix = DropGenes(table=name, genes=found, reason="the same value in every sample")
        yield Finding("constant-columns", "note", name, text, columns=found, fixes=(fix,))
    gaps = (missing > MANY_GAPS) & ~empty
    if gaps.any():
        found = tuple(dict.fromkeys(np.array(genes, dtype=object)[gaps]))
        text = (
            f"{len(found):,} of {len(genes):,} columns are missing in more than {MANY_GAPS:.0%} of the "
            f"samples ({shorten(found)}). A model takes each gap for the mean of its training cohort."
        )
        fix = DropGenes(table=name, genes=found, reason=f"missing in more than {MANY_GAPS:.0%} of the samples")
        yield Finding("gaps", "warning", name, text, columns=found, fixes=(fix,))
