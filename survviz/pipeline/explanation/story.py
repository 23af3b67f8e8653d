"""Stories: waypoints through a case (place, map, text) that a presenter stores and plays, as JSON.

    {"schema": "survviz-story/1", "title": "...", "case": "SV07-0001", "checkpoint": "demo-survpgc",
     "waypoints": [{"title": "...", "text": "...", "state": {what the workbench shows}}]}

The state is what the workbench's `bench.state()` gives (survviz/server/web/bench.js); a waypoint may leave out of it
whatever is to stay as it was. `extent` makes a view fit windows of every size: level-0 pixels across the shorter side.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from survviz.data.strict_json import read_strict_json
from survviz.errors import InputError

STORIES = "stories"
SCHEMA = "survviz-story/1"
LARGEST_BYTES = 2 << 20

Text = Annotated[str, Field(max_length=200)]
Finite = Annotated[float, Field(allow_inf_nan=False)]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, allow_inf_nan=False)


class View(_Strict):
    """Where a viewer looks.

    Attributes:
        x: centre in level-0 pixels.
        y: as x.
        scale: screen pixels per level-0 pixel, in the window in which it was stored.
        rotation: degrees.
        extent: level-0 pixels across the shorter side of the stage; goes before `scale` where it is given.
    """

    x: Finite
    y: Finite
    scale: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    rotation: Finite = 0.0
    extent: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None


class Choice(_Strict):
    """Which map: kind, direction, token, head ("mean", "max" or its number) and fold ("mean", "sd" or its number)."""

    kind: Text
    query: Text
    key: Text
    token: Text = "all"
    head: int | Text = "mean"
    fold: int | Text = "mean"


class Second(_Strict):
    """What a second stage shows beside the first: the slide, another map, or the difference."""

    shows: Literal["slide", "map", "difference"]
    linked: bool = True
    choice: Choice


class State(_Strict):
    """What is on show; a field that is left out stays as it was.

    Attributes:
        settings: how it is drawn (opacity, colormap, ...; truth: the truth's outlines).
        selected: patch; -1 = none.
    """

    slide: Text | None = None
    view: View | None = None
    choice: Choice | None = None
    settings: dict[Text, bool | float | Text] | None = None
    second: Second | None = None
    selected: Annotated[int, Field(ge=-1)] = -1


class Waypoint(_Strict):
    """One stop."""

    title: Text
    text: Annotated[str, Field(max_length=4000)] = ""
    state: State


class Story(_Strict):
    """Stops in order.

    Attributes:
        case: the case that it was made on; another one may lack its slides and tokens.
        checkpoint: the model that it was made on.
    """

    schema_: Literal["survviz-story/1"] = Field(SCHEMA, alias="schema")
    title: Text
    author: Text = ""
    case: Text = ""
    checkpoint: Text = ""
    use: Text = "For Research Use Only. Not for use in diagnostic procedures."
    waypoints: Annotated[tuple[Waypoint, ...], Field(max_length=200)]

    def as_json(self) -> dict[str, Any]:
        """What `read_story` reads; fields that were not given are left out."""
        return {"schema": SCHEMA, **self.model_dump(mode="json", by_alias=True, exclude_unset=True)}


def read_story(data: bytes | str, name: str = "the file") -> Story:
    """A story from JSON.

    Raises:
        InputError: it is none; the message says what is wrong where.
    """
    if len(data) > LARGEST_BYTES:
        raise InputError(f"{name} has {len(data) >> 20} MB; a story has at most {LARGEST_BYTES >> 20} MB.")
    try:
        document = read_strict_json(data)
    except ValueError as error:
        raise InputError(f"{name} is no JSON ({error}). Choose a file that was saved as a story.") from None
    try:
        return Story.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "the document"
        raise InputError(f"{name} is no story of the form {SCHEMA}: {where}: {first['msg']}.") from None


def stories_of(cohort: Path, case_id: str) -> tuple[Story, ...]:
    """The stories that a cohort folder holds about a case (`stories/*.json`), by file name.

    Raises:
        InputError: one is not understood.
    """
    files = sorted((cohort / STORIES).glob("*.json"))
    found = [read_story(path.read_bytes(), path.name) for path in files]
    return tuple(story for story in found if story.case == case_id)
