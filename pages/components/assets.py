"""Loads a script of survviz/server/web into a components-v2 component: once, by URL, so that reruns resend nothing."""

from __future__ import annotations

import hashlib
from functools import lru_cache

import streamlit as st

from survviz.server.routes import WEB

BOOT = """
const newest = new WeakMap(); // parentElement -> its newest call

// Streamlit calls this on mount and for new data, always with the same parentElement. While scripts load, the calls may
// come in any order, because browsers resolve pending imports of one module in any order. After a call that newer data
// overtook, Streamlit cleans up at once: that call must neither draw, nor take away what the newer one draws.
export default function (component) {
  const { root, version } = component.data;
  const host = component.parentElement;
  const url = new URL(`${root}/web/${version}/MODULE`, window.location.href).href;
  let over = false;
  const draw = async () => {
    await new Promise((resolve) => setTimeout(resolve)); // until Streamlit has said whether it was overtaken
    if (over) return;
    newest.set(host, component);
    const module = await import(url);
    if (!over && newest.get(host) === component) await module.render(component);
  };
  draw().catch((error) => {
    host.textContent = `The MODULE script could not be loaded (${error}). Reload the page.`;
  });
  return async () => {
    over = true;
    if (!host.isConnected) (await import(url)).unmount(host); // it has left the page
  };
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
