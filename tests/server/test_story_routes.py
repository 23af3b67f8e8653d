"""Stories over HTTP: kept per case and owner, and read from files."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from starlette.testclient import TestClient

from survviz.server import register_slide

HERE = {"origin": "http://testserver"}
STORY = {"schema": "survviz-story/1", "title": "t", "waypoints": [{"title": "one", "state": {"slide": "s"}}]}


def test_stories_are_kept_per_case_and_owner(
    owner: str, client_of: Callable[[str | None], TestClient], slide_path: Path
) -> None:
    mine = f"/sv/stories-of/slide/{register_slide(owner, slide_path)['token']}.json"
    client = client_of(owner)
    assert client.get(mine).json() == []
    assert client.put(mine, json=[STORY, STORY], headers=HERE).json() == {"kept": 2}
    assert client.get(mine).json() == [STORY, STORY]
    assert client_of("0" * 32).get(mine).status_code == 404
    assert client_of("0" * 32).put(mine, json=[], headers=HERE).status_code == 404
    assert client.put(mine, json=[], headers={}).status_code == 403
    wrong = client.put(mine, json=[{**STORY, "title": 3}], headers=HERE)
    assert wrong.status_code == 422
    assert "Story 1 is no story" in wrong.json()["error"]
    assert client.get(mine).json() == [STORY, STORY]


def test_a_file_is_read_or_refused_in_words(owner: str, client_of: Callable[[str | None], TestClient]) -> None:
    client = client_of(owner)
    path = "/sv/stories/read?name=talk.json"
    assert client.post(path, content=json.dumps(STORY), headers=HERE).json() == STORY
    refused = client.post(path, content=b"hello", headers=HERE)
    assert refused.status_code == 422
    assert "talk.json is no JSON" in refused.json()["error"]
