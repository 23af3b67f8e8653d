"""RNA and miRNA: programmes with a latent strength, genes that follow them with noise."""

from __future__ import annotations

import numpy as np

from survviz.data.genes import default_programmes
from survviz.sample.hazard import Latent

PLANTED = {
    "Hypoxia": "hypoxia",
    "Angiogenesis": "angiogenesis",
    "Proliferation": "proliferation",
    "T-cell inflammation": "t_cell_inflammation",
}
FOLLOWS = {
    "Glycolysis": ("hypoxia", 0.45),
    "Interferon response": ("t_cell_inflammation", 0.45),
    "B cells and TLS": ("t_cell_inflammation", 0.40),
    "Antigen presentation": ("t_cell_inflammation", 0.35),
    "DNA repair": ("proliferation", 0.40),
}
OLD_SYMBOLS = {"RIGI": "DDX58", "ERO1A": "ERO1L"}
"""Written under the older symbol, as in most published tables."""

BACKGROUND = tuple(
    [
        "ACTB",
        "TUBB",
        "RPL13A",
        "RPS18",
        "RPLP0",
        "HPRT1",
        "TBP",
        "YWHAZ",
        "SDHA",
        "UBC",
        "PPIA",
        "GUSB",
        "HMBS",
        "EEF1A1",
        "EIF4A2",
        "POLR2A",
        "NONO",
        "SRSF4",
        "MAPK1",
        "AKT1",
        "CTNNB1",
        "KRT5",
        "KRT8",
        "KRT18",
        "KRT19",
        "EPCAM",
        "MUC1",
        "CEACAM5",
        "SOX2",
        "TP63",
        "NKX2-1",
        "SFTPC",
        "NAPSA",
        "HNF1B",
        "CDX2",
        "VIL1",
        "PAX8",
        "WT1",
        "SYP",
        "CHGA",
        "ALB",
        "APOA1",
        "TTR",
        "FGB",
        "HP",
        "AFP",
        "INS",
        "GCG",
        "AMY2A",
        "LYZ",
        "S100A8",
        "S100A9",
        "CD68",
        "CD163",
        "CSF1R",
        "ITGAM",
        "MPO",
        "TPSAB1",
        "HBB",
        "HBA1",
        "ADIPOQ",
        "LEP",
    ]
)

MIRNA_PROGRAMMES: dict[str, tuple[str, float]] = {
    "hsa-miR-210-3p": ("hypoxia", 1.0),
    "hsa-miR-155-5p": ("t_cell_inflammation", 0.8),
    "hsa-miR-150-5p": ("t_cell_inflammation", 0.7),
    "hsa-miR-142-5p": ("t_cell_inflammation", 0.7),
    "hsa-miR-126-3p": ("angiogenesis", 0.8),
    "hsa-miR-296-5p": ("angiogenesis", 0.5),
    "hsa-miR-17-5p": ("proliferation", 0.7),
    "hsa-miR-20a-5p": ("proliferation", 0.7),
    "hsa-miR-18a-5p": ("proliferation", 0.6),
    "hsa-miR-106b-5p": ("proliferation", 0.5),
    "hsa-let-7b-5p": ("proliferation", -0.5),
    "hsa-miR-34a-5p": ("proliferation", -0.4),
    "hsa-miR-199a-5p": ("hypoxia", -0.3),
}
MIRNA_BACKGROUND = tuple(
    f"hsa-{name}"
    for name in [
        "miR-21-5p",
        "miR-200a-3p",
        "miR-200b-3p",
        "miR-200c-3p",
        "miR-141-3p",
        "miR-205-5p",
        "miR-203a-3p",
        "miR-143-3p",
        "miR-145-5p",
        "miR-10a-5p",
        "miR-10b-5p",
        "miR-22-3p",
        "miR-30a-5p",
        "miR-30d-5p",
        "miR-99a-5p",
        "miR-100-5p",
        "miR-125b-5p",
        "miR-148a-3p",
        "miR-182-5p",
        "miR-183-5p",
        "miR-192-5p",
        "miR-194-5p",
        "miR-221-3p",
        "miR-222-3p",
        "miR-375-3p",
        "miR-451a",
        "miR-486-5p",
        "let-7a-5p",
    ]
)


def gene_parameters(seed: int) -> dict[str, tuple[float, float]]:
    """Gene -> mean and noise of its log2 expression, the same for all cases of a cohort."""
    rng = np.random.default_rng((seed, 501))
    genes = list(dict.fromkeys(g for s in default_programmes().values() for g in s.genes)) + list(BACKGROUND)
    return {gene: (float(rng.uniform(2.5, 8.5)), float(rng.uniform(0.55, 1.1))) for gene in dict.fromkeys(genes)}


def draw_rna(rng: np.random.Generator, latent: Latent, parameters: dict[str, tuple[float, float]]) -> dict[str, float]:
    """log2(TPM + 1) per gene; a gene in several programmes follows all of them."""
    strength: dict[str, float] = {gene: 0.0 for gene in parameters}
    for name, programme in default_programmes().items():
        level = _level(rng, name, latent)
        for position, gene in enumerate(programme.genes):
            strength[gene] += (0.45 + 0.5 * ((position * 37) % 11) / 11) * level
    quality = rng.normal(0, 0.12)
    drawn = {
        gene: max(0.0, mean + strength[gene] + quality + rng.normal(0, noise))
        for gene, (mean, noise) in parameters.items()
    }
    return {OLD_SYMBOLS.get(gene, gene): round(value, 3) for gene, value in drawn.items()}


def _level(rng: np.random.Generator, name: str, latent: Latent) -> float:
    """Strength of a programme in a case."""
    own = float(rng.standard_normal())
    if name in PLANTED:
        return float(getattr(latent, PLANTED[name]))
    if name in FOLLOWS:
        leader, share = FOLLOWS[name]
        return share * float(getattr(latent, leader)) + float(np.sqrt(1 - share**2)) * own
    return own


def draw_mirna(rng: np.random.Generator, latent: Latent, seed: int) -> dict[str, float]:
    """log2(RPM + 1) per mature miRNA."""
    means = np.random.default_rng((seed, 502)).uniform(4, 13, len(MIRNA_PROGRAMMES) + len(MIRNA_BACKGROUND))
    drawn: dict[str, float] = {}
    for name, mean in zip((*MIRNA_PROGRAMMES, *MIRNA_BACKGROUND), means, strict=True):
        programme, weight = MIRNA_PROGRAMMES.get(name, ("hypoxia", 0.0))
        drawn[name] = round(max(0.0, float(mean + weight * getattr(latent, programme) + rng.normal(0, 0.7))), 3)
    return drawn
