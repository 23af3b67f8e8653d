"""Which other checkpoints can map a case, so that two models can be looked at side by side."""

from __future__ import annotations

from pathlib import Path

from survviz.errors import CheckpointError, InputError
from survviz.explain.attention import PATCHES
from survviz.pipeline.case_reader import CaseReader
from survviz.types import Case


def why_not_beside(folder: Path, case: Case) -> str | None:
    """Why a checkpoint has no attention map of a case's slides, in words; None where it has.

    Its weights are not read.
    """
    try:
        reader = CaseReader.outline(folder)
        if PATCHES not in reader.modalities:
            return f"Its model, {reader.model_name}, does not read pathology."
        if not reader.reads_slides:
            return "It takes pathology as a table of features, not as slides."
        others = sorted({bag.encoder for bag in case.bags} - {reader.encoder})
        if others:
            return f"It reads patches of the encoder {reader.encoder}; this case has those of {', '.join(others)}."
        return reader.why_no_kind(case, "attention")
    except (CheckpointError, InputError) as error:
        return str(error)
