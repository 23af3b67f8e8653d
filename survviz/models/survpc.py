"""SurvPC: the clinical path of SurvPGC alone; clinical sentences look at the slide, and are looked at by it.

Hou et al., SurvPGC, npj Digital Medicine 2025, Table 4. Written from the equations; no code of the authors was used.
"""

from __future__ import annotations

from dataclasses import replace

from survviz.models.registry import register
from survviz.models.survpgc import SurvPGC, SurvPGCConfig
from survviz.types import Modality


class SurvPCConfig(SurvPGCConfig):
    """As SurvPGC; the genomic settings are not used."""

    modalities: tuple[Modality, ...] = ("pathology", "clinical")


@register("survpc")
class SurvPC(SurvPGC):
    """One partial cross-attention over one bag, feed-forward, two named means, head 256 -> 64 -> bins."""

    card = replace(
        SurvPGC.card,
        title="SurvPC",
        paper="Hou et al.: SurvPGC, npj Digital Medicine 2025 (Table 4)",
        differences=(
            "Padding is masked in attention and in means; in the release, padded rows were keys, values and part of "
            "the mean.",
            "Token groups are separated by name, not by position, so several slides cannot turn tokens into patches.",
            "A case may lack a modality; in the release every case needed both.",
            "Queries, keys and values start by Xavier's rule.",
        ),
        parameters=542_788,
    )
    Config = SurvPCConfig
