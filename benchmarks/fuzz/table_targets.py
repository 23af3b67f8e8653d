"""Tables, clinical words, gene sets, archives, cohort folders."""

from __future__ import annotations

import gzip
import io
import zipfile

from benchmarks.fuzz.target import ROOT, Parser, Target, written

CSV = b"case_id,age,sex,stage,grade,time,event\nA-1,61,female,IIA,G2,31.5,1\nA-2,55.0,M,Stage III,,12,0\n"
MATRIX = b"gene,A-1,A-2,A-3\nTP53,1.5,2,0\nMKI67,7.25,,3e2\nCD8A,NA,0.1,-1\n"


def tables() -> Parser:
    """Tables of a cohort folder, or of one patient."""
    from survviz.data.tables import read_matrix, read_table

    def run(data: bytes) -> None:
        if data[:1] == b"m":
            read_matrix(written("rna.csv", data[1:]), case_ids={"A-1", "A-2"})
        else:
            read_table(written("clinical.csv", data))

    return Parser(run, [CSV, b"m" + MATRIX, CSV.replace(b",", b"\t")], ("A-1", "TP53", "NA", "case_id", "1.5"))


def intake() -> Parser:
    """Text of a stranger as a table, and every check of it."""
    from survviz.intake.plan import check
    from survviz.intake.reading import read_sources

    def run(data: bytes) -> None:
        check(read_sources([written("table.csv", data)]))

    return Parser(run, [CSV, MATRIX, CSV.replace(b",", b";").replace(b".", b",")], ("OS", "OS.time", "dead", "0,5"))


def archives() -> Parser:
    """Zip and gzip: names, sizes, links; regions in archives."""
    from survviz.data.annotation_files import unpacked
    from survviz.intake.archive import gunzip, members

    def run(data: bytes) -> None:
        if data.startswith(b"\x1f\x8b"):
            gunzip("a.gz", data)
            return
        unpacked_names = [member.name for member in members(written("a.zip", data))]
        if any(name.startswith("/") or ".." in name.split("/") for name in unpacked_names):
            raise AssertionError("a path leads out of the archive")
        for member in members(written("a.zip", data)):
            member.read()
        unpacked(data, "a.zip")

    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/clinical.csv", CSV)
        archive.writestr("regions.json", b"{}")
    return Parser(run, [file.getvalue(), gzip.compress(CSV)])


def clinical_words() -> Parser:
    """Values of a clinical row as sentences and as numbers."""
    from survviz.data.clinical import load_templates

    templates = load_templates()
    templates = templates.select(field.token for field in templates.known)
    tokens = templates.tokens

    def run(data: bytes) -> None:
        values = data.decode("utf-8", "replace").split("\n")
        row = dict(zip(tokens, values, strict=False))
        templates.sentences(row)
        templates.codes(row)
        templates.find_columns(values)

    seeds = ["\n".join(["61", "female", "IIA", "G2", "yes"] * 3), "\n".join(["61.5 years", "M", "Stage IIIb", "4"] * 4)]
    return Parser(run, [one.encode() for one in seeds], ("Stage IV", "T2", "unknown", "NaN", "1e3", "female"))


def gene_sets() -> Parser:
    """GMT files, and names of genes."""
    from survviz.data.genes import current_symbol, match_genes, parse_gmt

    def run(data: bytes) -> None:
        text = data.decode("utf-8", "replace")
        sets = parse_gmt(text, "x.gmt")
        current_symbol(text[:20])
        match_genes([gene for one in sets.values() for gene in one.genes], ["TP53", "MKI67"])

    return Parser(run, [b"SET_A\thttp://x\tTP53\tMKI67\nSET_B\t\tCD8A\n"], ("\t", "TP53", "SET_A"))


def cohort_toml() -> Parser:
    """cohort.toml of a folder, and templates of one's own."""
    from survviz.data.clinical import load_templates
    from survviz.data.cohort_file import read_cohort_toml

    def run(data: bytes) -> None:
        path = written("cohort.toml", data)
        read_cohort_toml(path.parent)
        load_templates(path)

    seeds = [(ROOT / "sample_data" / "cohort.toml").read_bytes(), b'[[field]]\ntoken = "Age"\nkind = "number"\n']
    return Parser(run, seeds, ("[clinical]", "[rna]", 'file = "', "= 1", "= [", "true"))


def tokens_and_arrays() -> Parser:
    """Genomic tokens of one case (`.npy`)."""
    import numpy as np

    from survviz.data.token_files import read_tokens

    file = io.BytesIO()
    np.save(file, np.ones((4, 8), np.float32))
    return Parser(lambda data: read_tokens(written("tokens.npy", data)), [file.getvalue()])


TARGETS = {
    "tables": Target("data.tables", tables, "text", 50_000, 2048),
    "intake": Target("intake.reading, intake.text_source, intake.plan and its checks", intake, "text", 5_000, 2048),
    "archives": Target("intake.archive, data.annotation_files", archives, runs=100_000, largest=2048),
    "clinical_words": Target("data.clinical", clinical_words, "text", 200_000, 1024),
    "gene_sets": Target("data.genes", gene_sets, "text", 200_000, 1024),
    "cohort_toml": Target("data.cohort_file, data.clinical", cohort_toml, "text", 50_000, 8192),
    "tokens": Target("data.token_files", tokens_and_arrays, runs=100_000, largest=1024),
}
