"""Which case and checkpoint are open: kept in the session, mirrored in the address bar, loaded once per process."""

from __future__ import annotations

import os
import time
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, cast

import streamlit as st

from pages.components.cases import CaseError, OpenCase, cohort_of, demo_key, name_of, open_case
from pages.components.owner import current_owner
from survviz.deployment import record
from survviz.errors import SurvvizError
from survviz.server.folders import own_checkpoints
from survviz.types import MAP_KINDS, MapKind, Notice, PatchScores, Prediction
from survviz.workspace import present

if TYPE_CHECKING:
    from survviz.data.omics import OmicsName
    from survviz.pipeline.predictor import Predictor

ROOT = Path(__file__).resolve().parents[2]
CHECKPOINTS_VARIABLE = "SURVVIZ_CHECKPOINTS"
PREFERRED = "demo-survpgc"
LOOK_AGAIN_S = 5.0


def checkpoint_folders() -> dict[str, Path]:
    """Name -> folder: those shipped with the app, of `$SURVVIZ_CHECKPOINTS`, and those that this browser trained.

    Of those with a training guarantee, which differ in little but epsilon and seed, only the chosen one.
    """
    found = _checkpoints("*/config.json")
    chosen = st.session_state.get("model", st.query_params.get("model"))
    if chosen in (private := private_folders()):
        found[chosen] = private[chosen]
    return dict(sorted(found.items(), key=lambda item: (item[0] != PREFERRED, item[0])))


def private_folders() -> dict[str, Path]:
    """Name -> folder of the checkpoints that come in sets, one for each epsilon of the training and seed."""
    return dict(sorted(_checkpoints("private/*/config.json").items()))


def _checkpoints(pattern: str) -> dict[str, Path]:
    more = [Path(part) for part in os.environ.get(CHECKPOINTS_VARIABLE, "").split(os.pathsep) if part]
    roots = (*more, own_checkpoints(current_owner()), ROOT / "checkpoints")
    now = int(time.monotonic() / LOOK_AGAIN_S)
    paths = [path for root in roots for path in _folders_with(root, pattern, _changed(root), now)]
    return {path.name: path for path in paths if not path.name.startswith(".")}


def _changed(folder: Path) -> int:
    return folder.stat().st_mtime_ns if folder.exists() else 0


@lru_cache(maxsize=256)
def _folders_with(root: Path, pattern: str, changed: int, now: int) -> list[Path]:
    """Looked for once where a page asks fifty times; again when the root has changed, and every few seconds."""
    return [path.parent for path in root.glob(pattern)]


def checkpoint_name() -> str | None:
    """Name of the chosen checkpoint; None when there is none."""
    names = list(checkpoint_folders())
    if "model" not in st.session_state and st.query_params.get("model") in names:
        st.session_state["model"] = st.query_params["model"]
    chosen = st.session_state.get("model")
    return chosen if chosen in names else next(iter(names), None)


def checkpoint_folder(name: str | None = None) -> Path:
    """Folder of a checkpoint, by default of the chosen one.

    Raises:
        SurvvizError: there is none.
    """
    folders, name = checkpoint_folders(), name or checkpoint_name()
    if name is None or name not in folders:
        raise SurvvizError(
            f"No checkpoint {name or ''} was found in {ROOT / 'checkpoints'}. Train one with `survviz train`, or set "
            f"{CHECKPOINTS_VARIABLE} to the folder that holds yours."
        )
    return folders[name]


def current_key() -> str | None:
    """Key of the open case: what the session says; a new session starts with what the address bar says."""
    if "case_key" not in st.session_state and "case" in st.query_params:
        st.session_state["case_key"] = st.query_params["case"]
    return st.session_state.get("case_key")


def choose(key: str) -> None:
    """Open a case from now on, on every page."""
    if st.session_state.get("case_key") != key:
        st.session_state.pop("patch", None)
    st.session_state["case_key"] = key


def close_case() -> None:
    """Back to no case."""
    st.session_state.pop("case_key", None)
    st.query_params.pop("case", None)


def choose_demo() -> None:
    """Open the bundled demo case."""
    choose(demo_key())


def current_case() -> OpenCase | None:
    """The open case, or None.

    Raises:
        SurvvizError: it cannot be read any more.
    """
    key = current_key()
    if key is None:
        return None
    try:
        case = open_case(key, current_owner(), units=units_for(key))
    except CaseError:
        close_case()
        raise
    if st.session_state.get("audited_case") != key:
        record(current_owner(), "opened", case=name_of(key))
        st.session_state["audited_case"] = key
    return case


def units_for(key: str) -> dict[OmicsName, str]:
    """Table of the cohort that a key names -> the unit in which the chosen checkpoint reads it."""
    if cohort_of(key) is None or checkpoint_name() is None:
        return {}
    return {name: one.unit for name, one in predictor().checkpoint.preprocess(0).ood.omics.items()}


def _release(predictor: Predictor) -> None:
    import torch

    del predictor
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


@st.cache_resource(show_spinner="Loading the models …", max_entries=3, on_release=_release)
def _load(folder: str, stamp: float) -> Predictor:
    from survviz.pipeline.predictor import Predictor

    return Predictor.load(folder)


def warm_up() -> None:
    """Load the models while a person reads, so that the first map comes at once; says nothing where there are none."""
    if checkpoint_name() is not None:
        predictor()


def checkpoint_stamp(folder: Path) -> float:
    """Changes when a checkpoint is written again."""
    return max((state.st_mtime for _, state in present(folder.iterdir())), default=0.0)


def predictor(name: str | None = None) -> Predictor:
    """A checkpoint, by default the chosen one, loaded once per process.

    Raises:
        SurvvizError: there is none, or it does not verify.
    """
    folder = checkpoint_folder(name)
    return _load(str(folder), checkpoint_stamp(folder))


@st.cache_resource(show_spinner="Looking for a GPU …")
def device_name() -> str:
    """What the models run on, in words. The first call imports torch, so pages ask last."""
    import torch

    from survviz.pipeline.device import choose_device

    device = choose_device("auto")
    return f"GPU {torch.cuda.get_device_name(device)}" if device.type == "cuda" else "Runs on the CPU (no GPU found)"


@st.cache_data(show_spinner="Estimating risk and survival …", max_entries=64)
def _predict(_predictor: Predictor, _case: OpenCase, key: tuple[object, ...], allow_unlike: bool) -> Prediction:
    return _predictor.predict(_case.case, allow_unlike=allow_unlike)


@st.cache_resource(show_spinner="Reading the attention of the models …", max_entries=12)
def _maps(
    _predictor: Predictor, _case: OpenCase, key: tuple[object, ...], query: str, target: str
) -> dict[str, tuple[PatchScores, ...]]:
    return _predictor.explain_tokens(_case.case, query=query, key=target)


def warm_key(case: OpenCase) -> tuple[object, ...]:
    """Names what this session has of a case and a checkpoint."""
    return (case.key, case.stamp, checkpoint_name())


def case_key(case: OpenCase, name: str | None = None) -> tuple[object, ...]:
    """Names a case and the checkpoint that looks at it, by default the chosen one; changes when either is made anew."""
    name = name or checkpoint_name()
    return (case.key, case.stamp, name, checkpoint_stamp(checkpoint_folders()[name]) if name else 0.0)


def prediction_of(case: OpenCase, *, allow_unlike: bool = False) -> Prediction:
    """What the chosen checkpoint says about a case; computed once."""
    return _predict(predictor(), case, case_key(case), allow_unlike)


def maps_of(
    case: OpenCase, query: str, key: str = "pathology", name: str | None = None
) -> dict[str, tuple[PatchScores, ...]]:
    """Every token's attention map (one per slide) of one direction; computed once for each checkpoint."""
    return _maps(predictor(name), case, case_key(case, name), query, key)


@st.cache_resource(show_spinner=False, max_entries=64)
def _maps_file(_predictor: Predictor, _case: OpenCase, key: tuple[object, ...], asked: tuple[str, ...]) -> Path:
    from survviz.pipeline.explanation.maps import MapRequest
    from survviz.pipeline.explanation.stored_maps import maps_path

    kind, query, target = asked
    return maps_path(_predictor.checkpoint, _case.case, MapRequest.of(cast(MapKind, kind), query, target))


def maps_file(case: OpenCase, kind: MapKind, query: str, key: str) -> Path:
    """Where maps are kept once they are computed."""
    return _maps_file(predictor(), case, case_key(case), (kind, query, key))


@st.cache_resource(show_spinner=False, max_entries=64)
def _abilities(
    _predictor: Predictor, _case: OpenCase, key: tuple[object, ...]
) -> tuple[tuple[tuple[str, str], ...], dict[MapKind, str | None]]:
    reasons: dict[MapKind, str | None] = {kind: _predictor.why_no_kind(_case.case, kind) for kind in MAP_KINDS}
    return _predictor.directions_of(_case.case, both_ways=True), reasons


def directions_of(case: OpenCase, name: str | None = None) -> tuple[tuple[str, str], ...]:
    """(query, key) pairs of attention that a checkpoint's model has and whose data the case has."""
    return _abilities(predictor(name), case, case_key(case, name))[0]


def why_no_kind(case: OpenCase, kind: MapKind) -> str | None:
    """Why there is no map of this kind of the case; None where there is."""
    return _abilities(predictor(), case, case_key(case))[1][kind]


@st.cache_resource(show_spinner=False, max_entries=12)
def _contributions(_predictor: Predictor, _case: OpenCase, key: tuple[object, ...]) -> dict[tuple[str, str], float]:
    found = _predictor.token_contributions(_case.case)
    return {(group, one.token): one.value for group, tokens in found.items() for one in tokens}


def contributions_of(case: OpenCase) -> dict[tuple[str, str], float]:
    """(group, token) -> by how much it moves the risk of this case; computed once."""
    return _contributions(predictor(), case, case_key(case))


def notices_of(case: OpenCase) -> tuple[Notice, ...]:
    """What a person must know before trusting anything about this case."""
    return (*case.notices, *predictor().check(case.case))
