"""Who is signed in: the way in, the name in the sidebar, and the pages that their role has."""

from __future__ import annotations

import streamlit as st
from streamlit.navigation.page import StreamlitPage

from pages.components.owner import current_owner
from survviz.deployment import allow, may, person_of_owner, role_of, settings
from survviz.deployment.settings import Deed
from survviz.errors import AccessError
from survviz.server import owner_of_cookies

NEEDS: dict[str, Deed] = {"Train": "train", "Self-check": "metrics"}


def signs_in() -> bool:
    """Whether people sign in here at all."""
    found = settings()
    return found is not None and found.sign_in.by != "nobody"


def require_sign_in() -> None:
    """Go on only for somebody who is signed in and has a role; show the way in to others."""
    if not signs_in():
        return
    owner = owner_of_cookies(dict(st.context.cookies))
    if owner is None:
        _way_in()
        st.stop()
    try:
        allow(owner, "open")
    except AccessError as error:
        st.error(str(error), icon=":material/lock:")
        show()
        st.stop()


def _way_in() -> None:
    st.title("survviz", anchor=False)
    if st.user.is_logged_in:
        st.error("Your account has no verified e-mail address, by which this app knows people.", icon=":material/lock:")
        st.button("Sign out", on_click=st.logout)
        return
    st.markdown("Sign in to see cases, models and what you have uploaded.")
    st.button("Sign in", type="primary", icon=":material/login:", on_click=st.login)


def show() -> None:
    """Name and role in the sidebar, and the way out where there is one."""
    found = settings()
    who = person_of_owner(current_owner()) if signs_in() else None
    if found is None or who is None:
        return
    with st.sidebar:
        st.text(f"{who.email}\n{role_of(current_owner()) or 'no role'}")
        if found.sign_in.by == "oidc":
            st.button("Sign out", icon=":material/logout:", type="tertiary", on_click=st.logout, key="sign_out")


def without_forbidden(sections: dict[str, list[StreamlitPage]]) -> dict[str, list[StreamlitPage]]:
    """The pages that the person's role can do something on; their deeds are refused without this, too."""
    owner = current_owner()
    allowed = {
        name: [page for page in pages if page.title not in NEEDS or may(owner, NEEDS[page.title])]
        for name, pages in sections.items()
    }
    return {name: pages for name, pages in allowed.items() if pages}
