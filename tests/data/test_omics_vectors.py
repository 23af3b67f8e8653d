"""miRNA, copy number and many genes as vectors: what is kept, how it is scaled, what is said."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from survviz.data.cohort import Cohort
from survviz.data.genes import default_programmes
from survviz.data.omics import OmicsScaler
from survviz.data.preprocess import Preprocess, PreprocessConfig
from survviz.errors import InputError
from survviz.types import Case

EVERYTHING = ("pathology", "clinical", "genomic", "mirna", "cnv")


def config(**options: object) -> PreprocessConfig:
    return PreprocessConfig.model_validate({"modalities": ["clinical", "mirna", "cnv"], **options})


def test_tables_become_part_of_a_case(assay_cohort: Cohort) -> None:
    assert (assay_cohort.mirna_unit, assay_cohort.cnv_unit) == ("RPM", "log2 ratio")
    case = assay_cohort.case("C003")
    assert case.mirna is not None
    assert case.cnv is not None
    assert (len(case.mirna), set(case.cnv)) == (8, {"1p", "1q", "2p", "2q"})
    assert assay_cohort.case("C002").cnv is None
    assert assay_cohort.subset(["C001", "C002", "C003"]).cnv is not None
    assert list(assay_cohort.subset(["C001", "C002", "C003"]).cnv.index) == ["C001", "C003"]
    texts = [notice.text for notice in assay_cohort.notices if notice.code == "cohort.missing"]
    assert "2 of 40 cases have no miRNA; they are used without." in texts
    assert "1 of 40 cases have no copy numbers; they are used without." in texts


def test_a_batch_holds_only_what_was_asked_for(assay_cohort: Cohort) -> None:
    train = assay_cohort.case_ids[:30]
    usual = Preprocess.fit(assay_cohort, train)
    assert usual.modalities == ("pathology", "clinical", "genomic")
    assert not {"n_mirna", "n_cnv"} & usual.sizes.keys()
    fitted = Preprocess.fit(assay_cohort, train, config(modalities=EVERYTHING))
    assert (fitted.sizes["n_mirna"], fitted.sizes["n_cnv"]) == (7, 4), "mir-c never changes"
    batch = fitted.collate([fitted.transform(assay_cohort.case(case)) for case in ("C001", "C002", "C003")])
    assert batch.vectors.keys() == {"clinical", "rna", "mirna", "cnv"}
    assert (batch.vectors["mirna"].shape, batch.vectors["cnv"].shape) == ((3, 7), (3, 4))
    assert batch.present["mirna"].tolist() == [False, True, True]
    assert batch.present["cnv"].tolist() == [True, False, True]
    assert not batch.vectors["mirna"][0].any()
    assert not batch.vectors["cnv"][1].any()


def test_rpm_is_logged_and_copy_number_is_not(assay_cohort: Cohort) -> None:
    train = list(assay_cohort.case_ids[:30])
    fitted = Preprocess.fit(assay_cohort, train, config())
    assert assay_cohort.mirna is not None
    assert assay_cohort.cnv is not None
    logged = np.log2(assay_cohort.mirna.drop(columns="hsa-mir-c").astype(float) + 1)
    for name, table in (("mirna", logged), ("cnv", assay_cohort.cnv.astype(float))):
        known = table.loc[[case for case in train if case in table.index]]
        expected = (table - known.mean()) / known.std(ddof=0)
        ours = np.stack([fitted.transform(assay_cohort.case(case)).vectors[name] for case in ("C003", "C035")])
        np.testing.assert_allclose(ours, expected.loc[["C003", "C035"]], atol=1e-5)


def test_copy_number_is_not_logged_in_any_unit(assay_cohort: Cohort) -> None:
    counted = replace(assay_cohort, cnv_unit="counts")
    vectors = [Preprocess.fit(one, one.case_ids[:30], config()).ood.omics["cnv"] for one in (counted, assay_cohort)]
    assert vectors[0].scaler.to_dict() == vectors[1].scaler.to_dict()


def test_nothing_is_fitted_on_other_cases(assay_cohort: Cohort) -> None:
    train = list(assay_cohort.case_ids[:30])
    options = config(modalities=EVERYTHING, genes="variable", max_genes=20, max_mirna=3, max_cnv=2)
    changed = {}
    for name in ("mirna", "cnv", "rna"):
        table = getattr(assay_cohort, name).copy()
        table.loc[~table.index.isin(train)] = 1e6
        changed[name] = table
    clinical = assay_cohort.clinical.copy()
    clinical.loc["C035", ["Age", "Sex", "Stage"]] = [119.0, "new", "0"]
    other = replace(assay_cohort, clinical=clinical, **changed)
    assert Preprocess.fit(other, train, options).to_dict() == Preprocess.fit(assay_cohort, train, options).to_dict()


def test_the_most_variable_columns_are_kept_in_order(assay_cohort: Cohort) -> None:
    train = list(assay_cohort.case_ids[:30])
    assert assay_cohort.mirna is not None
    known = assay_cohort.mirna.loc[[case for case in train if case in assay_cohort.mirna.index]].astype(float)
    best = np.log2(known + 1).std().nlargest(3).index
    kept = Preprocess.fit(assay_cohort, train, config(max_mirna=3)).ood.omics["mirna"].scaler.genes
    assert kept == tuple(name for name in known.columns if name in best)


def test_ties_go_to_the_first_name() -> None:
    column = [1.0, 2.0, 3.0]
    scaler = OmicsScaler.fit(pd.DataFrame({"B": column, "C": column, "A": column, "D": [1.0, 1.0, 1.0]}))
    assert scaler.most_variable(2) == ("B", "A")
    assert scaler.most_variable() == ("B", "C", "A")


def test_variable_genes_stand_behind_the_programmes(assay_cohort: Cohort) -> None:
    rng = np.random.default_rng(3)
    assert assay_cohort.rna is not None
    rna = assay_cohort.rna.assign(
        **{f"LOUD{i}": rng.normal(0, 50 * 2**i, len(assay_cohort.rna)) for i in range(4)},
        QUIET=rng.normal(0, 0.1, len(assay_cohort.rna)),
    )
    cohort = replace(assay_cohort, rna=rna[sorted(rna.columns)])
    train = cohort.case_ids[:30]
    plain = Preprocess.fit(cohort, train, config(modalities=["genomic"]))
    wide = Preprocess.fit(cohort, train, config(modalities=["genomic"], genes="variable", max_genes=3))
    assert plain.ood.rna is not None
    assert wide.ood.rna is not None
    assert wide.programmes == plain.programmes
    n = plain.sizes["n_genes"]
    assert wide.ood.rna.genes[:n] == plain.ood.rna.genes
    assert wide.ood.rna.genes[n:] == ("LOUD1", "LOUD2", "LOUD3")
    assert wide.sizes["n_genes"] == n + 3
    default = Preprocess.fit(cohort, train, config(modalities=["genomic"], genes="variable"))
    assert set(default.ood.omics["rna"].scaler.genes) == set(rna.columns), "fewer than 1,000 genes: all of them"


def test_variable_genes_do_without_programmes(assay_cohort: Cohort) -> None:
    rng = np.random.default_rng(3)
    assert assay_cohort.rna is not None
    names = [f"LOC{i}" for i in range(30)]
    rna = pd.DataFrame(rng.normal(size=(len(assay_cohort.rna), 30)), index=assay_cohort.rna.index, columns=names)
    cohort = replace(assay_cohort, rna=rna)
    fitted = Preprocess.fit(cohort, cohort.case_ids[:30], config(modalities=["genomic"], genes="variable", max_genes=9))
    assert fitted.sizes["n_genes"] == 9
    assert "programmes" not in fitted.sizes
    assert any(f"{len(default_programmes())} gene programmes were left out" in item.text for item in fitted.fit_notices)
    with pytest.raises(InputError, match="No gene programme"):
        Preprocess.fit(cohort, cohort.case_ids[:30], config(modalities=["genomic"]))


def test_settings_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(ValidationError, match="max_genes counts variable genes"):
        config(max_genes=100)
    with pytest.raises(ValidationError, match="precomputed tokens hold no genes"):
        config(genes="variable", genomic="tokens")


def test_expression_that_nobody_reads_is_not_checked(assay_cohort: Cohort) -> None:
    fitted = Preprocess.fit(assay_cohort, assay_cohort.case_ids[:30], config())
    assert fitted.ood.rna is None
    assert fitted.notices(replace(assay_cohort.case("C003"), rna={"TP53": 9.0})) == ()


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("mirna", 1e9, "miRNA: values lie"),
        ("mirna", -1.0, "negative"),
        ("cnv", 40.0, "Copy number: values lie"),
    ],
)
def test_a_table_in_another_unit_is_stopped(assay_cohort: Cohort, name: str, value: float, said: str) -> None:
    fitted = Preprocess.fit(assay_cohort, assay_cohort.case_ids[:30], config())
    columns = fitted.ood.omics[name].scaler.genes
    notices = fitted.notices(replace(assay_cohort.case("C003"), **{name: dict.fromkeys(columns, value)}))
    assert [(item.level, item.code) for item in notices] == [("stop", f"ood.{name}")]
    assert said in notices[0].text


def test_missing_mirnas_are_said_by_their_own_name(assay_cohort: Cohort) -> None:
    fitted = Preprocess.fit(assay_cohort, assay_cohort.case_ids[:30], config())
    case = assay_cohort.case("C003")
    assert case.mirna is not None
    few = {name: value for name, value in case.mirna.items() if name < "hsa-mir-e"}
    (notice,) = fitted.notices(replace(case, mirna=few))
    assert (notice.level, notice.code) == ("warning", "ood.mirna")
    assert notice.text.startswith("miRNA: 3 of 7 miRNAs were found (43 %); missing: hsa-mir-e, ")
    assert fitted.transform(replace(case, mirna={"other": 1.0})).present == {"clinical", "cnv"}


def test_a_table_that_never_varies_is_refused(assay_cohort: Cohort) -> None:
    assert assay_cohort.cnv is not None
    flat = replace(assay_cohort, cnv=assay_cohort.cnv * 0)
    with pytest.raises(InputError, match="Copy number: none of 4 copy-number columns varies"):
        Preprocess.fit(flat, flat.case_ids[:30], config())


def test_json_keeps_every_number(assay_cohort: Cohort) -> None:
    fitted = Preprocess.fit(assay_cohort, assay_cohort.case_ids[:30], config(modalities=EVERYTHING, max_mirna=3))
    text = json.dumps(fitted.to_dict(), allow_nan=False)
    back = Preprocess.from_dict(json.loads(text))
    assert json.dumps(back.to_dict()) == text
    assert back.sizes == fitted.sizes
    one, other = (each.transform(assay_cohort.case("C033")) for each in (fitted, back))
    for name in ("clinical", "rna", "mirna", "cnv"):
        np.testing.assert_array_equal(one.vectors[name], other.vectors[name])


def test_a_checkpoint_from_before_reads_as_not_fitted(cohort: Cohort) -> None:
    """Earlier preprocess.json holds neither the clinical vector nor anything of regions, miRNA or copy number."""
    value = Preprocess.fit(cohort, cohort.case_ids[:30]).to_dict()
    del value["clinical"], value["ood"]["regions"]
    back = Preprocess.from_dict(value)
    assert not {"clinical_fields", "n_mirna", "n_cnv"} & back.sizes.keys()
    batch = back.collate([back.transform(cohort.case("C033")), back.transform(Case("new"))])
    assert batch.vectors.keys() == {"rna"}
    assert batch.tokens.keys() == {"clinical"}
