"""Building blocks that the models share."""

from __future__ import annotations

from survviz.models.blocks.attention import GatedAttention, PartialCrossAttention
from survviz.models.blocks.bag_readout import BagReadout, centred
from survviz.models.blocks.cross_attention import MultiheadCrossAttention
from survviz.models.blocks.dense import (
    feed_forward,
    head,
    rectified,
    self_normalising,
    self_normalising_stack,
    to_width,
    xavier_normal,
)
from survviz.models.blocks.families import FAMILIES, N_FAMILY_GENES
from survviz.models.blocks.fusion import (
    FactorisedBilinearPooling,
    GatedLowRankFusion,
    GateKind,
    LowRankBilinear,
    LowRankFusion,
    ModalityGate,
    OptimalWeightConcatenation,
    OuterProductFusion,
    append_one,
)
from survviz.models.blocks.global_context import GlobalContextCrossAttention
from survviz.models.blocks.nystrom import ClassTower
from survviz.models.blocks.pooling import masked_mean, masked_softmax
from survviz.models.blocks.ppeg import squares
from survviz.models.blocks.programmes import (
    ProgrammeTokens,
    genomic_projection,
    genomic_values,
    genomic_vector,
    genomic_width,
)
from survviz.models.blocks.transport import TransportAttention

__all__ = [
    "FAMILIES",
    "N_FAMILY_GENES",
    "BagReadout",
    "ClassTower",
    "FactorisedBilinearPooling",
    "GateKind",
    "GatedAttention",
    "GatedLowRankFusion",
    "GlobalContextCrossAttention",
    "LowRankBilinear",
    "LowRankFusion",
    "ModalityGate",
    "MultiheadCrossAttention",
    "OptimalWeightConcatenation",
    "OuterProductFusion",
    "PartialCrossAttention",
    "ProgrammeTokens",
    "TransportAttention",
    "append_one",
    "centred",
    "feed_forward",
    "genomic_projection",
    "genomic_values",
    "genomic_vector",
    "genomic_width",
    "head",
    "masked_mean",
    "masked_softmax",
    "rectified",
    "self_normalising",
    "self_normalising_stack",
    "squares",
    "to_width",
    "xavier_normal",
]
