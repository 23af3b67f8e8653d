"""Patches side by side: image, rank and value; a click names the patch to Python."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypedDict

import streamlit as st
from streamlit.components import v2

CSS = """
.grid { display: grid; grid-template-columns: repeat(auto-fill, minmax(116px, 1fr)); gap: 10px; }
button { all: unset; cursor: pointer; border-radius: 6px; overflow: hidden; font: 12px var(--st-font);
  color: var(--st-text-color); background: var(--st-secondary-background-color);
  border: 1px solid var(--st-border-color); }
button:hover, button:focus-visible { outline: 2px solid var(--st-primary-color); }
img, .none { display: block; width: 100%; aspect-ratio: 1; background: #8883; }
.none { display: grid; place-items: center; opacity: 0.7; }
.bar { display: block; height: 5px; }
.text { display: flex; justify-content: space-between; padding: 3px 7px 4px; font-variant-numeric: tabular-nums; }
"""

JS = """
export default function (component) {
  const { parentElement, data, setTriggerValue } = component;
  const state = JSON.stringify(data.patches);
  let grid = parentElement.querySelector('.grid');
  if (grid && grid.dataset.state === state) return;
  if (!grid) { grid = document.createElement('div'); grid.className = 'grid'; parentElement.appendChild(grid); }
  grid.dataset.state = state;
  grid.replaceChildren(...data.patches.map((patch) => {
    const button = document.createElement('button');
    button.title = 'Zoom to this patch';
    button.tabIndex = 0;
    let picture;
    if (patch.url) {
      picture = document.createElement('img');
      picture.loading = 'lazy'; picture.src = patch.url; picture.alt = `Patch, rank ${patch.rank}`;
    } else {
      picture = document.createElement('div'); picture.className = 'none'; picture.textContent = 'no slide file';
    }
    const bar = document.createElement('span');
    bar.className = 'bar'; bar.style.background = patch.colour;
    const text = document.createElement('span');
    text.className = 'text';
    for (const words of [`#${patch.rank}`, patch.value]) {
      const part = document.createElement('span'); part.textContent = words; text.appendChild(part);
    }
    button.append(picture, bar, text);
    const { x, y, side: w } = patch;
    const mark = (box) => window.dispatchEvent(
      new CustomEvent('survviz:highlight', { detail: { viewer: data.viewer, box, zoom: false } }));
    button.onpointerenter = button.onfocus = () => mark({ x, y, w, h: w });
    button.onpointerleave = button.onblur = () => mark(null);
    button.onclick = () => {
      mark(null);
      setTriggerValue('pick', patch.index);
      document.querySelector(data.show)?.scrollIntoView({ behavior: 'smooth', block: 'nearest' });
    };
    return button;
  }));
}
"""


class Thumb(TypedDict):
    """One patch of a gallery, `side` level-0 pixels wide at (x, y); `url` is None when there is no slide file."""

    index: int
    x: int
    y: int
    side: int
    rank: int
    value: str
    colour: str
    url: str | None


_gallery = v2.component("survviz_gallery", css=CSS, js=JS)


def gallery(patches: Sequence[Thumb], *, key: str, viewer: str, show: str, on_pick: Callable[[int], None]) -> None:
    """Draw patches; `on_pick` gets the index of the one that was clicked, before the page runs again.

    Args:
        key: stable name of this gallery.
        viewer: key of the slide viewer that marks the patch under the pointer.
        show: CSS selector of what a click scrolls to.
    """

    def picked() -> None:
        index = st.session_state[key].pick
        if index is not None:
            on_pick(int(index))

    _gallery(key=key, data={"patches": list(patches), "viewer": viewer, "show": show}, on_pick_change=picked)
