"""The case that is being put together: kept on disk after every step, so that no error and no reload loses anything."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import streamlit as st

from pages.components.owner import current_owner
from survviz.errors import InputError
from survviz.server import ServerFile, allowed_path, list_files, upload_folder
from survviz.types import ClinicalValue
from survviz.workspace import workspace

SLIDE_SUFFIXES = (".svs", ".tif", ".tiff", ".ndpi", ".mrxs", ".scn", ".bif", ".dcm", ".svslide", ".vms", ".vmu")
FEATURE_SUFFIXES = (".h5", ".pt")
TABLE_SUFFIXES = (".csv", ".tsv", ".txt", ".gz", ".xlsx", ".parquet")


@dataclass(slots=True)
class DraftSlide:
    """A slide of the draft.

    Attributes:
        mpp: what a person gave, None where the file declares it.
        job: encoding job, once there is one.
        features: its patch features, once encoded.
    """

    path: str
    mpp: float | None = None
    job: str | None = None
    features: str | None = None


@dataclass(slots=True)
class Draft:
    """Everything chosen so far."""

    case_id: str = ""
    slides: list[DraftSlide] = field(default_factory=list)
    features: list[str] = field(default_factory=list)
    rna: str | None = None
    clinical: Mapping[str, ClinicalValue] | None = None

    @property
    def is_empty(self) -> bool:
        """Nothing has been chosen."""
        return not (self.slides or self.features or self.rna or self.clinical)


def _path() -> Path:
    return workspace("drafts") / f"{upload_folder(current_owner()).name}.json"


def current() -> Draft:
    """This browser's draft."""
    if "draft" not in st.session_state:
        path = _path()
        values = json.loads(path.read_text()) if path.is_file() else {}
        slides = [DraftSlide(**slide) for slide in values.pop("slides", []) if _may_be_opened(slide["path"])]
        st.session_state["draft"] = Draft(slides=slides, **values)
    return st.session_state["draft"]


def _may_be_opened(path: str) -> bool:
    """The file is still there, in a folder that this app still may read."""
    try:
        allowed_path(current_owner(), path)
    except InputError:
        return False
    return True


def save(draft: Draft) -> None:
    """Keep it."""
    path = _path()
    fresh = path.with_suffix(".tmp")
    fresh.write_text(json.dumps(asdict(draft)))
    fresh.replace(path)
    st.session_state["draft"] = draft


def clear() -> None:
    """Start again with nothing; uploaded files stay."""
    save(Draft())
    for key in [key for key in st.session_state if str(key).startswith("clinical_")]:
        del st.session_state[key]


def find_files(suffixes: tuple[str, ...]) -> dict[str, ServerFile]:
    """Label -> file of these kinds in the folders that this browser may read."""
    return {file.label: file for file in list_files(current_owner(), suffixes)}


def default_case_id(draft: Draft) -> str:
    """The TCGA patient barcode of the first file, else its name."""
    from survviz.data.barcodes import tcga_case

    names = [Path(slide.path).name for slide in draft.slides] + [Path(name).name for name in draft.features]
    if not names:
        return "case-1"
    return tcga_case(names[0]) or Path(names[0]).name.partition(".")[0]
