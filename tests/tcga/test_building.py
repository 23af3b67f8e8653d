"""Downloads in the GDC's layout become a cohort; what is left out is said."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest

from survviz.data.cohort import load_cohort
from survviz.errors import InputError
from survviz.tcga.building import build_cohort, inventory
from survviz.training import TrainConfig, cross_validate

from .conftest import Download, mirna_text, star_text

KIRC = ["TCGA-KIRC"]


def notes(out: Path) -> str:
    return (out / "notes.txt").read_text()


@pytest.mark.parametrize("new", [False, True], ids=["sheet with Sample Type", "sheet with Tissue Type"])
def test_a_download_becomes_a_cohort_with_its_own_values(gdc: Download, tmp_path: Path, new: bool) -> None:
    for number in range(6):
        gdc.patient(number)
    written = build_cohort(gdc.write_lists(new=new), tmp_path / "out", KIRC)
    cohort = load_cohort(tmp_path / "out")
    assert (written.n_cases, written.n_events, dict(written.tables)) == (6, 3, {"clinical": 6, "rna": 6, "mirna": 6})
    assert (cohort.name, cohort.rna_unit, cohort.mirna_unit) == ("TCGA-KIRC", "TPM", "RPM")
    row = cohort.clinical.loc["TCGA-B0-0003"]
    assert float(row["Age"]) == pytest.approx(20300 / 365.25, abs=0.005)
    assert (row["Sex"], row["Stage"], row["Grade"], row["Race"]) == ("male", "Stage III", "G2", "white")
    assert row["Cancer type"] == "TCGA-KIRC"
    assert cohort.time["TCGA-B0-0003"] == pytest.approx(503 / (365.25 / 12))
    assert cohort.time["TCGA-B0-0004"] == pytest.approx(104 / (365.25 / 12))
    assert cohort.event.tolist() == [True, False] * 3
    assert cohort.rna is not None
    assert cohort.mirna is not None
    source = {barcode: data.decode() for kind, _, barcode, data in gdc.files.values() if kind == "mirna"}
    value = source["TCGA-B0-0003-01A-11R-1671-13"].splitlines()[2].split("\t")
    assert cohort.mirna.loc["TCGA-B0-0003", value[0]] == pytest.approx(float(value[2]), rel=1e-6)


def test_star_files_give_coding_genes_by_symbol(gdc: Download, tmp_path: Path) -> None:
    gdc.patient(1)
    gdc.add(
        "rna", "TCGA-B0-0002-01A-11R-1672-07", next(data for kind, _, _, data in gdc.files.values() if kind == "rna")
    )
    gdc.cases.append(gdc.clinical("TCGA-B0-0002", 2))
    build_cohort(gdc.write_lists(), tmp_path / "out", KIRC)
    rna = pd.read_parquet(tmp_path / "out" / "rna.parquet")
    assert not {"XIST", "N_unmapped", ""} & set(rna.columns)
    assert rna["ASMTL"].tolist() == [7.5, 7.5], "the empty second row on Y is added, not averaged"
    assert rna.iloc[0].tolist() == rna.iloc[1].tolist()


def test_one_tumour_sample_per_patient_is_kept_by_the_stated_rule(gdc: Download, tmp_path: Path) -> None:
    for sample, value in (("11A", 1.0), ("06A", 2.0), ("01B", 3.0), ("01A", 4.0)):
        gdc.add("mirna", f"TCGA-B0-0001-{sample}-11R-1671-13", mirna_text({"hsa-mir-21": value}))
    gdc.add("mirna", "TCGA-B0-0001-01A-12R-1671-13", mirna_text({"hsa-mir-21": 5.0}))
    gdc.add("mirna", "TCGA-B0-0002-06A-11R-1671-13", mirna_text({"hsa-mir-21": 6.0}))
    gdc.cases += [gdc.clinical("TCGA-B0-0001", 1), gdc.clinical("TCGA-B0-0002", 2)]
    build_cohort(gdc.write_lists(sheet=False), tmp_path / "out", KIRC)
    table = pd.read_parquet(tmp_path / "out" / "mirna.parquet")
    assert table["hsa-mir-21"].to_dict() == {"TCGA-B0-0001": 4.0, "TCGA-B0-0002": 6.0}
    assert "1 normal samples left out" in notes(tmp_path / "out")
    assert "3 further samples of a patient left out" in notes(tmp_path / "out")


def test_order_and_depth_of_folders_and_rows_change_nothing(gdc: Download, tmp_path: Path) -> None:
    for number in range(5):
        gdc.patient(number)
    build_cohort(gdc.write_lists(), tmp_path / "one", KIRC)
    sheet = next(gdc.folder.glob("*sheet*"))
    head, *rows = sheet.read_text().splitlines()
    sheet.write_text("\n".join([head, *reversed(rows)]) + "\n")
    deeper = gdc.folder / "files"
    deeper.mkdir()
    for file_id in gdc.files:
        shutil.move(gdc.folder / file_id, deeper / file_id.upper())
    gdc.cases.reverse()
    gdc.folder.joinpath("clinical.cart.2026-11-21.json").unlink()
    sheet_only = gdc.files
    gdc.files = {}
    gdc.write_lists(sheet=False)
    gdc.files = sheet_only
    build_cohort(gdc.folder, tmp_path / "two", KIRC)
    for name in ("clinical.csv", "cohort.toml", "notes.txt", "rna.parquet", "mirna.parquet"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes(), name


def test_a_tiny_training_runs_on_the_cohort(gdc: Download, tmp_path: Path) -> None:
    for number in range(24):
        gdc.patient(number)
    build_cohort(gdc.write_lists(), tmp_path / "out", KIRC)
    config = TrainConfig(epochs=2, n_folds=2, inner_val=0.25, modalities=("clinical", "genomic"), batch_size=8)
    report = cross_validate(load_cohort(tmp_path / "out"), config)
    assert len(report.risks) == 24
    assert report.risks["risk"].notna().all()


def test_slides_are_those_of_the_tumour_and_diagnostic(gdc: Download, tmp_path: Path) -> None:
    case = gdc.patient(1)
    for slide in ("01Z-00-DX1", "01Z-00-DX2", "01A-01-TS1", "11A-01-TS1"):
        gdc.add("slides", f"{case}-{slide}", b"svs")
    outside, inside = tmp_path / "outside", tmp_path / "inside"
    build_cohort(gdc.write_lists(), outside, KIRC)
    slides = load_cohort(outside).slides
    assert [name[:23] for name in slides["slide_id"]] == [f"{case}-01Z-00-DX1", f"{case}-01Z-00-DX2"]
    assert all(Path(path).read_bytes() == b"svs" for path in slides["path"])
    assert "1 normal slides left out" in notes(outside)
    assert "1 frozen sections left out" in notes(outside)
    shutil.copytree(gdc.folder, inside / "gdc")
    build_cohort(inside / "gdc", inside, KIRC)
    moved = inside.rename(tmp_path / "moved")
    assert all(Path(path).is_file() for path in load_cohort(moved).slides["path"]), (
        "paths below the cohort move with it"
    )


def test_a_slide_listed_for_another_patient_is_refused(gdc: Download, tmp_path: Path) -> None:
    gdc.patient(1)
    gdc.add("slides", "TCGA-B0-0001-01Z-00-DX1", b"svs", name="TCGA-B0-0002-01Z-00-DX1.svs")
    with pytest.raises(InputError, match="another patient"):
        build_cohort(gdc.write_lists(), tmp_path / "out", KIRC)


def test_patients_of_other_projects_and_files_without_a_patient_are_counted(gdc: Download, tmp_path: Path) -> None:
    for number in range(3):
        gdc.patient(number)
    gdc.cases[2]["project"]["project_id"] = "TCGA-KIRP"
    stray = gdc.folder / "11111111-2222-3333-4444-555555555555" / "x.rna_seq.augmented_star_gene_counts.tsv"
    stray.parent.mkdir()
    stray.write_text(star_text({"TP53": 1.0}))
    gdc.add("rna", "TCGA-B0-0001-01A-11R-1672-07", "", on_disk=False)
    gdc.add("rna", "TCGA-B0-0009-01A-11R-1672-07", "", on_disk=False)
    gdc.write_lists()
    written = build_cohort(gdc.folder, tmp_path / "out", KIRC)
    assert written.n_cases == 2
    said = notes(tmp_path / "out")
    assert "1 patients with files, but without a usable outcome in these projects" in said
    assert "1 data files left out, since no sample sheet or metadata has the UUID" in said
    assert "1 patients are listed without a file in the folder: TCGA-B0-0009" in said
    assert "1 further samples of a patient left out" in said


def test_several_projects_become_one_cohort(gdc: Download, tmp_path: Path) -> None:
    for number in range(4):
        gdc.patient(number)
    gdc.cases[3]["project"]["project_id"] = "TCGA-KIRP"
    build_cohort(gdc.write_lists(), tmp_path / "out", ["TCGA-KIRC", "TCGA-KIRP"])
    cohort = load_cohort(tmp_path / "out")
    assert cohort.name == "TCGA-KIRC + TCGA-KIRP"
    assert cohort.clinical["Cancer type"].tolist() == ["TCGA-KIRC"] * 3 + ["TCGA-KIRP"]


def broken(gdc: Download, what: str) -> None:
    """Spoil a written download."""
    file_id, (_, name, _, data) = next(iter(gdc.files.items()))
    path, sheet = gdc.folder / file_id / name, next(gdc.folder.glob("*s*.[tj]s*"))
    match what:
        case "other genes":
            path.write_text(star_text({"TP53": 1.0}))
        case "cut table":
            path.write_bytes(data[: len(data) // 2].rsplit(b"\t", 3)[0])
        case "renamed":
            path.rename(path.with_name("other.rna_seq.augmented_star_gene_counts.tsv"))
        case "no sheet":
            next(gdc.folder.glob("*sheet*")).unlink()
        case "sheet of something else":
            sheet = next(gdc.folder.glob("*sheet*"))
            sheet.write_text("a\tb\n1\t2\n")
        case "another patient in the sheet":
            sheet = next(gdc.folder.glob("*sheet*"))
            sheet.write_text(sheet.read_text().replace("TCGA-B0-0000-01A", "TCGA-B0-0007-01A", 1))
        case "damaged JSON":
            clinical = next(gdc.folder.glob("clinical*"))
            clinical.write_text(clinical.read_text()[:-20])
        case "no clinical":
            next(gdc.folder.glob("clinical*")).unlink()


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("other genes", "of two releases of the GDC"),
        ("cut table", "is cut short"),
        ("renamed", "should be .* by its UUID"),
        ("no sheet", "none of them is in a sample sheet"),
        ("sheet of something else", "is not a sample sheet"),
        ("another patient in the sheet", "another patient"),
        ("damaged JSON", "is not JSON"),
        ("no clinical", "holds no clinical data"),
    ],
)
def test_what_cannot_be_used_is_said_and_no_cohort_is_written(
    gdc: Download, tmp_path: Path, what: str, words: str
) -> None:
    for number in range(3):
        gdc.patient(number)
    gdc.write_lists()
    broken(gdc, what)
    with pytest.raises(InputError, match=words):
        build_cohort(gdc.folder, tmp_path / "out", KIRC)
    assert not (tmp_path / "out" / "cohort.toml").exists()


def test_a_file_shorter_than_its_metadata_says_is_refused(gdc: Download, tmp_path: Path) -> None:
    gdc.patient(1)
    gdc.write_lists(sheet=False)
    file_id, (_, name, _, data) = next(iter(gdc.files.items()))
    (gdc.folder / file_id / name).write_bytes(data[:-100])
    with pytest.raises(InputError, match="its download is incomplete"):
        build_cohort(gdc.folder, tmp_path / "out", KIRC)


def test_lists_that_disagree_are_refused(gdc: Download, tmp_path: Path) -> None:
    gdc.patient(1)
    gdc.write_lists()
    sheet = next(gdc.folder.glob("*sheet*"))
    (gdc.folder / "old_sample_sheet.tsv").write_text(sheet.read_text().replace("B0-0001", "B0-0002"))
    with pytest.raises(InputError, match="by another list"):
        build_cohort(gdc.folder, tmp_path / "out", KIRC)


def test_what_is_asked_for_must_be_there_and_a_cohort_is_never_written_over(gdc: Download, tmp_path: Path) -> None:
    gdc.patient(1)
    gdc.write_lists()
    with pytest.raises(InputError, match=r"no file of slides: \*\.svs"):
        build_cohort(gdc.folder, tmp_path / "out", KIRC, modalities=("clinical", "slides"))
    assert set(build_cohort(gdc.folder, tmp_path / "out", KIRC, modalities=("clinical", "mirna")).tables) == {
        "clinical", "mirna",
    }  # fmt: skip
    with pytest.raises(InputError, match="already holds a cohort"):
        build_cohort(gdc.folder, tmp_path / "out", KIRC)


def test_the_inventory_counts_files_and_patients(gdc: Download) -> None:
    for number in range(3):
        gdc.patient(number)
    gdc.add("mirna", "TCGA-B0-0009-01A-11R-1671-13", "", on_disk=False)
    found = {one.kind: one for one in inventory(gdc.write_lists())}
    assert (found["rna"].files, found["rna"].patients, found["rna"].missing) == (3, 3, 0)
    assert found["rna"].n_bytes == sum(len(data) for kind, _, _, data in gdc.files.values() if kind == "rna")
    assert (found["mirna"].files, found["mirna"].missing, found["slides"].files) == (3, 1, 0)
