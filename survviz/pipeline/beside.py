"""Which other checkpoints can map a case, so that two models can be looked at side by side."""

from __future__ import annotations

from pathlib import Path

from survviz.checkpoint.layout import PREPROCESS, read_config, read_json
from survviz.errors import CheckpointError, InputError
from survviz.explain.attention import PATCHES
from survviz.pipeline.predictor import Predictor
from survviz.types import Case


def why_not_beside(folder: Path, case: Case) -> str | None:
    """Why a checkpoint has no attention map of a case's slides, in words; None where it has.

    Its models are loaded only if its settings do not rule it out.
    """
    try:
        model = read_config(folder).model
        fitted = read_json(folder, PREPROCESS)["folds"][0]
        patches = fitted["ood"]["patches"]
        if PATCHES not in fitted["modalities"]:
            return f"Its model, {model}, does not read pathology."
        if patches is None:
            return "It takes pathology as a table of features, not as slides."
        others = sorted({bag.encoder for bag in case.bags} - {patches["encoder"]})
        if others:
            return f"It reads patches of the encoder {patches['encoder']}; this case has those of {', '.join(others)}."
        return Predictor.load(folder).why_no_kind(case, "attention")
    except (CheckpointError, InputError) as error:
        return str(error)
    except (KeyError, IndexError, TypeError) as error:
        return f"Its preprocessing cannot be read ({error!r})."
