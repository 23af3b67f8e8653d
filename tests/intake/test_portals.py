"""Studies as cBioPortal and UCSC Xena give them become cohorts as they are."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd

from survviz.data.cohort import Cohort, load_cohort
from survviz.data.tables import known_gene_names
from survviz.intake.plan import check, fix_until_done
from survviz.intake.reading import read_sources
from survviz.intake.writing import write

N = 45
CASES = [f"TCGA-A2-{i:04d}" for i in range(N)]
GENES = sorted(name for name in known_gene_names() if name.isalnum() and name.isupper())[:30]
SEEN = [i % 3 == 0 for i in range(N)]
COUNTS = np.random.default_rng(3).poisson(200, (len(GENES), N))


def cohort_of(folder: Path, out: Path) -> Cohort:
    brought = read_sources([folder])
    report = fix_until_done(brought, check(brought), ["all-recommended"])
    assert report.ready, [finding.text for finding in report.findings if finding.severity == "error"]
    write(report, brought, out)
    return load_cohort(out)


def test_a_study_of_cbioportal(tmp_path: Path) -> None:
    folder = tmp_path / "study"
    folder.mkdir()
    head = "#Patient\tStatus\tMonths\tAge\n#a\tb\tc\td\n#STRING\tSTRING\tNUMBER\tNUMBER\n#1\t1\t1\t1\n"
    rows = [f"{case}\t{'1:DECEASED' if SEEN[i] else '0:LIVING'}\t{i + 1.5}\t{40 + i}" for i, case in enumerate(CASES)]
    patients = head + "PATIENT_ID\tOS_STATUS\tOS_MONTHS\tAGE\n" + "\n".join(rows) + "\n"
    (folder / "data_clinical_patient.txt").write_text(patients)
    samples = "PATIENT_ID\tSAMPLE_ID\tGRADE\n" + "".join(
        f"{case}\t{case}-01\tG{1 + i % 3}\n" for i, case in enumerate(CASES)
    )
    (folder / "data_clinical_sample.txt").write_text(
        "#a\tb\tc\n#a\tb\tc\n#STRING\tSTRING\tSTRING\n#1\t1\t1\n" + samples
    )
    columns = [f"{case}-01" for case in CASES]
    table = pd.DataFrame(COUNTS, index=pd.Index(GENES, name="Hugo_Symbol"), columns=columns)
    table.insert(0, "Entrez_Gene_Id", range(1, len(GENES) + 1))
    table.to_csv(folder / "data_mrna.txt", sep="\t")
    meta = "genetic_alteration_type: MRNA_EXPRESSION\nstable_id: rna_seq_v2_mrna\ndata_filename: data_mrna.txt\n"
    (folder / "meta_mrna.txt").write_text(meta)
    cohort = cohort_of(folder, tmp_path / "cohort")
    assert list(cohort.event) == SEEN
    np.testing.assert_allclose(cohort.time, np.arange(N) + 1.5)
    assert set(cohort.fields) == {"Age", "Grade"}
    assert cohort.clinical.loc[CASES[1], "Grade"] == "G2"
    assert cohort.rna is not None
    assert cohort.rna_unit == "counts"
    np.testing.assert_array_equal(cohort.rna.loc[CASES[7], GENES], COUNTS[:, 7])


def test_matrices_of_xena(tmp_path: Path) -> None:
    folder = tmp_path / "xena"
    folder.mkdir()
    survival = pd.DataFrame(
        {"sample": [f"{case}-01A" for case in CASES], "OS": [int(one) for one in SEEN], "_PATIENT": CASES}
    )
    survival["OS.time"] = [100 + 40 * i for i in range(N)]
    again = survival.iloc[[0]].assign(sample=f"{CASES[0]}-11A")
    pd.concat([survival, again]).to_csv(folder / "survival.tsv", sep="\t", index=False)
    values = np.log2(COUNTS + 1)
    names = [f"{case}-01A" for case in CASES]
    pd.DataFrame(values, index=pd.Index(GENES, name="sample"), columns=names).to_csv(
        folder / "HiSeqV2.gz.tsv", sep="\t"
    )
    said = {"type": "genomicMatrix", "unit": "log2(norm_count+1)", "cohort": "X"}
    (folder / "HiSeqV2.gz.tsv.json").write_text(json.dumps(said))
    cohort = cohort_of(folder, tmp_path / "cohort")
    assert list(cohort.case_ids) == CASES
    assert list(cohort.event) == SEEN
    assert cohort.rna is not None
    assert cohort.rna_unit == "log2(norm_count+1)"
    np.testing.assert_allclose(cohort.rna.loc[CASES[7], GENES], values[:, 7], rtol=1e-6)
