"""MOTCat: MCAT, but gene families and patches are matched all together, by optimal transport.

Xu and Chen, Multimodal Optimal Transport-based Co-Attention Transformer with Global Structure Consistency for Survival
Prediction, ICCV 2023.
"""

from __future__ import annotations

from dataclasses import replace

from pydantic import Field
from torch import nn

from survviz.models.blocks import TransportAttention
from survviz.models.card import CLEAN_ROOM, Attends
from survviz.models.mcat import Mcat, McatConfig
from survviz.models.registry import register


class MotcatConfig(McatConfig):
    """Sizes of MCAT, and the transport.

    Attributes:
        eps: weight of the entropic term, for costs in [0, 1]; published 0.1, and 0.05 for BLCA and LUAD.
        tau: weight of the marginals.
    """

    eps: float = Field(0.1, gt=0)
    tau: float = Field(0.5, gt=0)


@register("motcat")
class Motcat(Mcat):
    """MCAT with a transport plan in place of its co-attention; the plan has no weights and takes no gradient.

    The map is the logarithm of the plan, so that its softmax over patches is each family's share of them; in the model
    a family keeps the mass of its row.
    """

    card = replace(
        Mcat.card,
        title="MOTCat",
        paper="Xu and Chen: Multimodal Optimal Transport-based Co-Attention Transformer with Global Structure "
        "Consistency for Survival Prediction, ICCV 2023",
        year=2023,
        licence=f"original without a licence, for non-commercial academic use; {CLEAN_ROOM}",
        differences=(
            *Mcat.card.differences,
            "All patches are matched at once; the paper's micro-batches, whose answer depends on a shuffle, save "
            "memory that is not needed here.",
            "Distances are scaled by the largest of the case; transport runs in the log domain, to convergence.",
            "The entropic term is relative to the product of the marginals: with the older default of the original's "
            "library, all plans of a case have (families x patches)^(eps / (eps + 2 tau)) times the mass.",
        ),
        parameters=3_688_454,
    )
    Config = MotcatConfig
    config: MotcatConfig

    def _attends(self) -> Attends:
        return Attends("genomic", "pathology", 1, "nothing: the logarithm of a transport plan over all pairs")

    def _coattention(self) -> nn.Module:
        return TransportAttention(self.config.eps, self.config.tau)
