"""Loads a script of survviz/server/web into a components-v2 component: once, by URL, so that reruns resend nothing."""

from __future__ import annotations

import hashlib
from functools import lru_cache

import streamlit as st

from survviz.server.routes import WEB

BOOT = """
export default function (component) {
  const { root, version } = component.data;
  const url = new URL(`${root}/web/${version}/MODULE`, window.location.href).href;
  const mounted = import(url).then((module) => module.render(component));
  mounted.catch((error) => {
    component.parentElement.textContent = `The MODULE script could not be loaded (${error}). Reload the page.`;
  });
  return () => mounted.then((unmount) => unmount());
}
"""


def boot(module: str) -> str:
    """Inline script of a component that is drawn by `survviz/server/web/<module>`."""
    return BOOT.replace("MODULE", module)


@lru_cache(maxsize=1)
def web_version() -> str:
    """Changes whenever a file in `survviz/server/web` does; browsers cache by it."""
    digest = hashlib.sha256()
    for path in sorted(WEB.iterdir()):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def web_root() -> str:
    """URL path of survviz's routes, with the app's base path."""
    base = str(st.get_option("server.baseUrlPath") or "").strip("/")
    return f"/{base}/sv" if base else "/sv"
