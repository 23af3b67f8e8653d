"""Expression files: values by name, and what is wrong with a damaged one."""

from __future__ import annotations

from pathlib import Path

import pytest

from survviz.errors import InputError
from survviz.tcga.expression import read_all, read_mirna, read_star

from .conftest import STAR_HEADER, mirna_text, star_text


def written(folder: Path, text: str, name: str = "file.tsv") -> Path:
    (folder / name).write_text(text)
    return folder / name


def test_tpm_by_symbol(tmp_path: Path) -> None:
    values = read_star(written(tmp_path, star_text({"TP53": 12.5, "NA": 0.25, "A1BG": 0.0})))
    assert values.to_dict() == {"A1BG": 0.0, "ASMTL": 7.5, "NA": 0.25, "TP53": 12.5}


def test_rpm_by_precursor(tmp_path: Path) -> None:
    values = read_mirna(written(tmp_path, mirna_text({"hsa-mir-21": 1234.5, "hsa-let-7a-1": 0.0})))
    assert values.to_dict() == {"hsa-mir-21": 1234.5, "hsa-let-7a-1": 0.0}


def test_the_order_of_rows_changes_nothing_for_rna(tmp_path: Path) -> None:
    head, *rows = star_text({"TP53": 12.5, "A1BG": 3.0}).splitlines()[1:]
    other = written(tmp_path, "\n".join([head, *reversed(rows)]) + "\n")
    assert read_star(other).to_dict() == {"A1BG": 3.0, "ASMTL": 7.5, "TP53": 12.5}


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("\t12.5000\t", "\t\t", "no number of 0 or more for TP53"),
        ("\t12.5000\t", "\t-1\t", "no number of 0 or more for TP53"),
        ("\t12.5000\t", "\tinf\t", "no number of 0 or more for TP53"),
        ("\t12.5000\t", "\t12,5\t", "cannot be read"),
        ("protein_coding", "lncRNA", "has no gene"),
        ("tpm_unstranded", "tpm", "lacks tpm_unstranded; its columns are gene_id"),
        ("\t".join(STAR_HEADER), "", "lacks gene_id"),
    ],
)
def test_damage_is_named(tmp_path: Path, old: str, new: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        read_star(written(tmp_path, star_text({"TP53": 12.5}).replace(old, new)))


def test_empty_binary_and_repeated_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="lacks gene_id"):
        read_star(written(tmp_path, ""))
    (tmp_path / "slide.tsv").write_bytes(b"II*\x00\xff\xfe\x00")
    with pytest.raises(InputError, match="cannot be read"):
        read_star(tmp_path / "slide.tsv")
    twice = mirna_text({"hsa-mir-21": 1.0}) + "hsa-mir-21\t3\t1.0\tN\n"
    with pytest.raises(InputError, match="1 miRNAs twice: hsa-mir-21"):
        read_mirna(written(tmp_path, twice))


def test_one_row_per_case_in_the_order_given(tmp_path: Path) -> None:
    one = written(tmp_path, mirna_text({"a": 1.0, "b": 2.0}), "1")
    other = written(tmp_path, mirna_text({"a": 3.0, "b": 4.0}), "2")
    seen: list[tuple[int, int | None]] = []
    table = read_all({"Z": one, "A": other}, read_mirna, lambda done, total: seen.append((done, total)))
    assert table.to_dict("index") == {"Z": {"a": 1.0, "b": 2.0}, "A": {"a": 3.0, "b": 4.0}}
    assert seen == [(1, 2), (2, 2)]
    assert table.to_numpy().dtype == "float32"
