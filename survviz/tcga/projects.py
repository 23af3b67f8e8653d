"""What can be asked for: the 33 projects of TCGA, and the kinds of files that survviz reads of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from survviz.errors import UnknownNameError

Kind: TypeAlias = Literal["rna", "mirna", "slides"]
MODALITIES = ("clinical", "rna", "mirna", "slides")

CODES = (
    "ACC", "BLCA", "BRCA", "CESC", "CHOL", "COAD", "DLBC", "ESCA", "GBM", "HNSC", "KICH", "KIRC", "KIRP", "LAML",
    "LGG", "LIHC", "LUAD", "LUSC", "MESO", "OV", "PAAD", "PCPG", "PRAD", "READ", "SARC", "SKCM", "STAD", "TGCT",
    "THCA", "THYM", "UCEC", "UCS", "UVM",
)  # fmt: skip
PROJECTS = tuple(f"TCGA-{code}" for code in CODES)


@dataclass(frozen=True, slots=True)
class FileKind:
    """One kind of file.

    Attributes:
        title: in words.
        ending: of the file's name; it tells the kind in a folder.
        fields: field of the GDC's files endpoint -> value; they tell the kind in a query.
    """

    title: str
    ending: str
    fields: dict[str, str]


KINDS: dict[Kind, FileKind] = {
    "rna": FileKind(
        "RNA (STAR gene counts)",
        "augmented_star_gene_counts.tsv",
        {"data_type": "Gene Expression Quantification", "analysis.workflow_type": "STAR - Counts"},
    ),
    "mirna": FileKind(
        "miRNA quantification", "mirnas.quantification.txt", {"data_type": "miRNA Expression Quantification"}
    ),
    "slides": FileKind("slides", ".svs", {"data_type": "Slide Image", "experimental_strategy": "Diagnostic Slide"}),
}


def kind_of(file_name: str) -> Kind | None:
    """What a file holds, by its name; None if survviz does not read it."""
    return next((kind for kind, known in KINDS.items() if file_name.endswith(known.ending)), None)


def to_projects(names: Iterable[str]) -> tuple[str, ...]:
    """Project ids from what was typed: `TCGA-KIRC`, `kirc`.

    Raises:
        UnknownNameError: one is no TCGA project.
    """
    found: dict[str, None] = {}
    for name in names:
        project = name.strip().upper()
        project = project if project.startswith("TCGA-") else f"TCGA-{project}"
        if project not in PROJECTS:
            raise UnknownNameError("TCGA project", name, PROJECTS)
        found[project] = None
    return tuple(found)


def to_modalities(text: str | None) -> tuple[str, ...] | None:
    """Modalities from a comma-separated list; None = all that there are. The outcome, so clinical, is always read.

    Raises:
        UnknownNameError: one is unknown.
    """
    if text is None:
        return None
    names = [name.strip().lower() for name in text.split(",") if name.strip()]
    for name in names:
        if name not in MODALITIES:
            raise UnknownNameError("modality of TCGA", name, MODALITIES)
    return tuple(name for name in MODALITIES if name in names)
