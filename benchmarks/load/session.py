"""A person's browser as far as the app notices: Streamlit's web socket and its messages, and the routes of the slide.

Twenty real browsers on the machine of the app would take all of it, and the run would measure them. What is left out is
what happens in the browser alone: drawing, and what the slide page changes without asking the server.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import websockets
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.Delta_pb2 import Delta
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState

MOST_S = 90.0
LARGEST = 200 * 2**20
RERUN = ForwardMsg.FINISHED_EARLY_FOR_RERUN


class PageError(Exception):
    """What a person would see went wrong."""


@dataclass(slots=True)
class Session:
    """One person on one page.

    Attributes:
        page: its name in the address, as it was opened.
        script: the page that is on show, as the server calls it; it may have sent somebody on.
        elements: what the page shows, by its place.
        widgets: what was chosen so far, by the widget's id.
        polls: fragments that the page asks to run again by themselves: id -> seconds.
    """

    port: int
    person: str
    socket: Any = None
    page: str = ""
    script: str = ""
    query: str = ""
    elements: dict[tuple[int, ...], Any] = field(default_factory=dict)
    widgets: dict[str, WidgetState] = field(default_factory=dict)
    polls: dict[str, float] = field(default_factory=dict)

    @property
    def headers(self) -> dict[str, str]:
        """Who asks, as a proxy says it."""
        return {"X-Forwarded-Email": f"{self.person}@clinic.org"}

    async def open(self, page: str, query: str = "") -> None:
        """A new tab."""
        await self.close()
        self.page, self.query, self.script = page, query, ""
        self.elements, self.widgets, self.polls = {}, {}, {}
        self.socket = await websockets.connect(
            f"ws://localhost:{self.port}/_stcore/stream", subprotocols=[websockets.Subprotocol("streamlit")],
            additional_headers=self.headers, origin=websockets.Origin(f"http://localhost:{self.port}"),
            max_size=LARGEST, open_timeout=MOST_S,
        )  # fmt: skip
        await self.run()

    async def close(self) -> None:
        """Leave the page."""
        if self.socket is not None:
            await self.socket.close()
            self.socket = None

    async def run(self, fragment: str = "") -> None:
        """The script, or a fragment of it, from its start to its end, with what is chosen now."""
        message = BackMsg()
        state = message.rerun_script
        state.query_string, state.fragment_id = self.query, fragment
        state.page_script_hash, state.page_name = self.script, "" if self.script else self.page
        state.is_auto_rerun = bool(fragment)
        state.widget_states.widgets.extend(self.widgets.values())
        await self.socket.send(message.SerializeToString())
        async with asyncio.timeout(MOST_S):
            while not self._take(ForwardMsg.FromString(await self.socket.recv())):
                pass
        if found := [one.exception for one in self.elements.values() if one.WhichOneof("type") == "exception"]:
            raise PageError(f"{found[0].type}: {found[0].message}")

    def _take(self, message: ForwardMsg) -> bool:
        """Keep what a message says; True at the end of a run."""
        kind = message.WhichOneof("type")
        if kind == "new_session" and not message.metadata.run.fragment_ids:
            self.elements.clear()
            self.polls.clear()
        elif kind == "navigation":
            self.script = message.navigation.page_script_hash
        elif kind == "delta":
            self._show(tuple(message.metadata.delta_path), message.delta)
        elif kind == "page_info_changed":
            self.query = message.page_info_changed.query_string
        elif kind == "auto_rerun":
            self.polls[message.auto_rerun.fragment_id] = message.auto_rerun.interval
        elif kind == "page_not_found":
            raise PageError(f"the page {message.page_not_found.page_name} was not found")
        return kind == "script_finished" and message.script_finished != RERUN

    def _show(self, place: tuple[int, ...], delta: Delta) -> None:
        if delta.WhichOneof("type") == "new_element":
            self.elements[place] = delta.new_element
        else:
            for inner in [one for one in self.elements if one[: len(place)] == place]:
                del self.elements[inner]

    def all(self, kind: str) -> Iterator[Any]:
        """Elements of a kind, as they stand on the page."""
        for place in sorted(self.elements):
            if self.elements[place].WhichOneof("type") == kind:
                yield getattr(self.elements[place], kind)

    def one(self, kind: str, label: str) -> Any:
        """The widget with a label.

        Raises:
            PageError: it is not there.
        """
        for element in self.all(kind):
            if element.label.startswith(label) and not element.disabled:
                return element
        raise PageError(f"no {kind} {label!r} on {self.page}?{self.query}; it says: {self.text()[:300]}")

    def has(self, kind: str, label: str) -> bool:
        """Whether such a widget is there."""
        return any(element.label.startswith(label) for element in self.all(kind))

    def text(self) -> str:
        """All words of the page."""
        return " | ".join(
            one.body for kind in ("markdown", "alert", "text", "heading") for one in self.all(kind)
        ) + " | ".join(one.text for one in self.all("progress"))

    async def click(self, label: str) -> None:
        """Press a button, and wait until the page has answered."""
        button = self.one("button", label)
        self.widgets[button.id] = WidgetState(id=button.id, trigger_value=True)
        try:
            await self.run()
        finally:
            self.widgets.pop(button.id, None)

    async def choose(self, label: str, option: str) -> None:
        """Take an entry of a list, by what it contains."""
        box = self.one("selectbox", label)
        name = next((one for one in box.options if option in one), None)
        if name is None:
            raise PageError(f"no {option!r} in {label!r}: {list(box.options)[:10]}")
        self.widgets[box.id] = WidgetState(id=box.id, string_value=name)
        await self.run()

    async def fill(self, label: str, value: float) -> None:
        """A number, and Enter."""
        box = self.one("number_input", label)
        self.widgets[box.id] = WidgetState(id=box.id, double_value=value)
        await self.run()

    def component(self, with_key: str) -> dict[str, Any]:
        """Data of the component of our own that has this key at its top.

        Raises:
            PageError: there is none.
        """
        for one in self.all("bidi_component"):
            text = one.json or one.mixed.json
            data = json.loads(text) if text else {}
            if isinstance(data, dict) and with_key in data:
                return data
        raise PageError(f"no component with {with_key!r} on {self.page}?{self.query}; it says: {self.text()[:300]}")
