"""Gene sets and renamed symbols."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from survviz.data.genes import current_symbol, default_programmes, gene_aliases, match_genes, parse_gmt, read_gmt
from survviz.errors import InputError


def test_default_programmes_are_small_sets_of_current_symbols_with_literature() -> None:
    programmes = default_programmes()
    assert 10 <= len(programmes) <= 20
    assert {"Hypoxia", "Angiogenesis", "T-cell inflammation"} <= set(programmes)
    for name, programme in programmes.items():
        assert 10 <= len(programme.genes) <= 25, name
        assert any(character.isdigit() for character in programme.source), f"{name} cites no year"
        assert not set(programme.genes) & set(gene_aliases()), f"{name} uses an old symbol"


def test_no_alias_leads_to_another_alias() -> None:
    assert not set(gene_aliases().values()) & set(gene_aliases())


@pytest.mark.parametrize(
    ("old", "current"),
    [("AARS", "AARS1"), ("ATP5A1", "ATP5F1A"), ("H2AFX", "H2AX"), ("CTGF", "CCN2"), ("SEPT2", "SEPTIN2"),
     ("MARCH1", "MARCHF1"), ("MLL2", "KMT2D"), ("IL8", "CXCL8"), (" TP53 ", "TP53"), ("h2afx", "H2AX")],
)  # fmt: skip
def test_well_known_renames_are_followed(old: str, current: str) -> None:
    assert current_symbol(old) == current


def test_match_prefers_the_exact_name_over_an_alias() -> None:
    match = match_genes(["AARS1", "CCN2"], ["AARS", "AARS1", "CTGF"])
    assert match.found == {"AARS1": "AARS1", "CCN2": "CTGF"}
    assert match.renamed == {"CCN2": "CTGF"}
    assert not match.ambiguous


def test_match_works_when_the_wanted_symbol_is_the_old_one() -> None:
    assert match_genes(["CTGF"], ["CCN2"]).found == {"CTGF": "CCN2"}


def test_two_old_names_of_one_gene_are_reported_as_ambiguous() -> None:
    match = match_genes(["MAP3K20"], ["ZAK", "MLTK"])
    assert match.found == {"MAP3K20": "ZAK"}
    assert match.ambiguous == {"MAP3K20": ("ZAK", "MLTK")}


def test_copy_number_is_found_without_its_suffix_but_is_never_an_expression() -> None:
    match = match_genes(["EGFR_cnv", "EGFR_mut"], ["EGFR"])
    assert match.found == {"EGFR_cnv": "EGFR"}
    assert match.missing == ("EGFR_mut",)
    assert match_genes(["EGFR"], ["EGFR_cnv"]).missing == ("EGFR",)


def test_match_counts_a_repeated_gene_once_and_says_what_is_missing() -> None:
    match = match_genes(["TP53", "TP53", "NOPE1"], ["TP53"])
    assert match.missing == ("NOPE1",)
    assert match.coverage == 0.5
    assert match.describe() == "1 of 2 genes were found (50 %); missing: NOPE1."


def test_repeated_columns_are_refused_by_name() -> None:
    with pytest.raises(InputError, match="TP53"):
        match_genes(["TP53"], ["TP53", "KRAS", "TP53"])


@settings(deadline=None)
@given(
    st.lists(st.sampled_from(["TP53", "AARS", "AARS1", "CTGF", "CCN2", "XYZ", "ZAK", "MLTK", "MAP3K20"]), unique=True)
)
def test_every_wanted_gene_is_either_found_or_missing(available: list[str]) -> None:
    wanted = ["AARS1", "CCN2", "TP53", "MAP3K20", "NOPE1"]
    match = match_genes(wanted, available)
    assert sorted([*match.found, *match.missing]) == sorted(wanted)
    assert set(match.found.values()) <= set(available)
    assert set(match.renamed) <= set(match.found)


def test_gmt_errors_name_every_bad_line() -> None:
    text = "A\tsource\tTP53\nspaces only\n\t\tTP53\nB\tsource\t\nA\tsource\tKRAS\n"
    with pytest.raises(InputError) as caught:
        parse_gmt(text, "mine.gmt")
    for part in ("mine.gmt", "line 2", "line 3", "line 4", "line 5", "second time"):
        assert part in str(caught.value)


def test_an_empty_gmt_is_refused() -> None:
    with pytest.raises(InputError, match="no gene set"):
        parse_gmt("# nothing\n\n", "empty.gmt")


def test_a_missing_gmt_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_gmt(tmp_path / "none.gmt")


@pytest.mark.real
def test_hallmark_reads_and_holds_no_old_symbol(shared_data: Path) -> None:
    hallmark = read_gmt(shared_data / "pathways" / "h.all.v2026.1.Hs.symbols.gmt")
    genes = {gene for gene_set in hallmark.values() for gene in gene_set.genes}
    assert len(hallmark) == 50
    assert hallmark["HALLMARK_HYPOXIA"].source.startswith("https://")
    assert not genes & set(gene_aliases()), "a gene that Hallmark uses now is listed as outdated"


@pytest.mark.real
def test_aliases_lift_hallmark_coverage_of_a_2015_transcriptome_above_99_percent(shared_data: Path) -> None:
    import pandas as pd

    table = pd.read_parquet(shared_data / "tcga" / "rna" / "stad_rsem_full_rtcga.parquet", columns=["gene"])
    columns = {name.split("|")[0] for name in table["gene"]}
    hallmark = read_gmt(shared_data / "pathways" / "h.all.v2026.1.Hs.symbols.gmt")
    genes = {gene for gene_set in hallmark.values() for gene in gene_set.genes}
    match = match_genes(genes, columns)
    assert len(genes & columns) / len(genes) < 0.96
    assert match.coverage > 0.995
    assert match_genes({g for p in default_programmes().values() for g in p.genes}, columns).coverage == 1


@pytest.mark.real
def test_survpath_gene_table_has_old_symbols_that_are_followed(shared_data: Path) -> None:
    with gzip.open(shared_data / "tcga" / "rna" / "blca_log2tpm_survpath.csv.gz", "rt") as file:
        columns = next(csv.reader(file))[1:]
    old = [name for name in columns if name in gene_aliases()]
    assert len(old) > 50
    match = match_genes([current_symbol(name) for name in columns], columns)
    assert not match.missing
    assert len(match.renamed) == len(old)
