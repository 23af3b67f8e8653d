"""What to take away from a scored cohort: the reproducible bundle, the methods paragraph, files for cBioPortal."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

import streamlit as st

from pages.components import current_cohort
from pages.components.cohort_list import CohortEntry
from survviz.errors import SurvvizError

if TYPE_CHECKING:
    from survviz.pipeline.cohort.results import CohortResults
    from survviz.pipeline.cohort.stratification import StratifyPlan

SHARED = (
    "The files name patients one by one, by the ids of the cohort: share them only where the patients' data may be "
    "shared."
)


def bundle_button(
    entry: CohortEntry, results: CohortResults, plan: StratifyPlan, *, tried: int = 0, key: str = "bundle"
) -> None:
    """Tables, figures, words and settings as one zip, put together when it is asked for."""

    def content() -> bytes:
        from survviz.figures.paper import kaplan_meier_files
        from survviz.pipeline.cohort.bundle import bundle
        from survviz.pipeline.cohort.stratification import stratify
        from survviz.pipeline.cohort.stratification_words import headline, title

        found = stratify(results, plan)
        figures = kaplan_meier_files(found.groups, endpoint=found.endpoint, note=headline(found), title=title(found))
        return bundle(results, plan, figures=figures, tried=tried)

    st.download_button(
        "Bundle (ZIP)", content, f"{results.checkpoint}_{entry.id}_bundle.zip", "application/zip", on_click="ignore",
        icon=":material/inventory_2:", key=key,
        help=f"Tables, figures, methods paragraph, settings, and the command that gives the numbers again. {SHARED}",
    )  # fmt: skip


def show(entry: CohortEntry, results: CohortResults) -> None:
    """Everything about the scored patients that may leave the app."""
    from survviz.pipeline.cohort.stratification import StratifyPlan
    from survviz.pipeline.cohort.words import scoring_words

    with st.expander("Take away", icon=":material/ios_share:"):
        st.markdown("**Methods**")
        st.markdown(scoring_words(results))
        st.markdown("**Bundle**")
        st.caption(
            "Compares the groups of the cut-off frozen in the checkpoint; with another choice, take it from Stratify. "
            "`survviz reproduce BUNDLE --checkpoint C --cohort DIR` gives the same numbers again. " + SHARED
        )
        bundle_button(entry, results, StratifyPlan())
        st.markdown("**cBioPortal**")
        _cbioportal(entry, results)


def _cbioportal(entry: CohortEntry, results: CohortResults) -> None:
    from survviz.pipeline.cohort.cbioportal import cbioportal_files, cbioportal_zip

    with st.container(horizontal=True, vertical_alignment="bottom"):
        default = re.sub(r"[^a-z0-9_]+", "_", results.cohort_name.lower()).strip("_") or "study"
        study = st.text_input("Study identifier", default, key="cbioportal_study", width=280)
        linked = st.checkbox("With links to the patients here", value=True, key="cbioportal_links")
    try:
        links = _links(entry, results) if linked else None
        content = cbioportal_zip(cbioportal_files(results, study.strip(), links=links))
    except SurvvizError as error:
        st.caption(f":material/error: {error}")
        return
    st.download_button(
        "Clinical attributes, assay and links (ZIP)", content, f"{study}_survviz_cbioportal.zip", "application/zip",
        icon=":material/download:", on_click="ignore", key="cbioportal",
    )  # fmt: skip


def _links(entry: CohortEntry, results: CohortResults) -> dict[str, str]:
    """Case id -> its page, as this browser reaches the app."""
    parts = urlsplit(st.context.url or "")
    if not parts.netloc:
        return {}
    root = f"{parts.scheme}://{parts.netloc}{parts.path.rpartition('/')[0]}"
    return {
        str(case): f"{root}/risk_survival?case={quote(current_cohort.case_key(entry, str(case)))}"
        f"&model={quote(results.checkpoint)}"
        for case in results.table.index
    }
