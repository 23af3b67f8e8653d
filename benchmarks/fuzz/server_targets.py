"""What browsers send: regions, stories, addresses, cookies, names of files."""

from __future__ import annotations

import json

from benchmarks.fuzz.target import ROOT, Parser, Target, answered

POLYGON = [[0, 0], [100, 0], [100, 100], [0, 0]]
FEATURE = {
    "type": "Feature",
    "id": "0d9ad3c5-0a58-5a0b-8c43-5b9a0fd1f5c2",
    "geometry": {"type": "Polygon", "coordinates": [POLYGON, [[10, 5], [20, 5], [20, 9], [10, 5]]]},
    "properties": {
        "objectType": "annotation",
        "name": "a",
        "isLocked": True,
        "classification": {"name": "Tumor", "color": [200, 0, 0]},
        "metadata": {"ANNOTATION_DESCRIPTION": "x"},
        "measurements": [{"name": "Area", "value": 1.5}],
    },
}
MULTI = {**FEATURE, "geometry": {"type": "MultiPolygon", "coordinates": [[POLYGON], [POLYGON]]}}


def regions() -> Parser:
    """Files of regions, and the answer with which they go back."""
    from survviz.data.annotations import collection, read_annotations

    def run(data: bytes) -> None:
        found, notices = read_annotations(data)
        answered({**collection(found), "notices": [one.text for one in notices]})

    whole = {"type": "FeatureCollection", "features": [FEATURE, MULTI]}
    return Parser(run, [json.dumps(one).encode() for one in (whole, FEATURE, [FEATURE], MULTI)])


def drawing() -> Parser:
    """What is drawn, kept and measured, as the routes read it."""
    from survviz.data.annotations import annotations_of, collection, features_of
    from survviz.server.regions import _asked, _json_object

    def run(data: bytes) -> None:
        if data[:1] == b" ":
            features = features_of(_json_object(data))
            json.dumps(collection(annotations_of(features, "the drawing")[0])).encode()
        else:
            _asked(data, "0" * 32)

    asked = {"features": [FEATURE], "permutations": 99, "seed": 1, "rotations": True, "alternative": "greater"}
    asked |= {"head": "mean", "fold": "mean"}
    kept = b" " + json.dumps({"type": "FeatureCollection", "features": [FEATURE]}).encode()
    return Parser(run, [json.dumps(asked).encode(), kept])


def stories() -> Parser:
    """Files of stories, and the answer."""
    from survviz.pipeline.explanation.story import read_story

    seeds = [path.read_bytes() for path in sorted((ROOT / "sample_data" / "stories").glob("*.json"))]
    return Parser(lambda data: answered(read_story(data).as_json()), seeds)


def addresses() -> Parser:
    """Parameters of the addresses of files, montages and reports."""
    from starlette.datastructures import QueryParams
    from starlette.requests import Request

    from survviz.server.exports import _whole, look_of
    from survviz.server.montage import least_distance
    from survviz.server.patches import number_of
    from survviz.server.reports import _section
    from survviz.server.routes import PATCH_NAME
    from survviz.wsi.grid import PatchGrid  # noqa: F401 (loads what the routes load)

    def run(data: bytes) -> None:
        text = data.decode("latin-1")
        kind, query = text[:1], text[1:]
        if kind == "p":
            match = PATCH_NAME.fullmatch(query)
            _ = [int(part) for part in match.groups()] if match else None
            return
        if kind == "i":
            _section("0" * 32, query)
            return
        request = Request({"type": "http", "query_string": query.encode("latin-1"), "headers": []})
        look_of(QueryParams(query))
        number_of(request, "n", 12, 50)
        _whole(request, "px", 100, 1000)
        least_distance(request.query_params.get("spread", "none"), 256, 0.5)

    seeds = [
        b"qscale=sqrt&range=1.5&colormap=viridis&threshold=.5&opacity=0.4&smooth=1&n=12&px=640&spread=mm",
        b"p12_-40_256.jpg",
        b'i{"kind": "map", "token": "abc", "head": "0", "fold": "1"}',
        b'i{"kind": "patches", "token": "abc", "which": "top", "n": 12}',
        b'i{"kind": "table", "title": "x", "rows": [["a", 1]]}',
    ]
    return Parser(run, seeds, ("scale", "range", "n", "&", "=", "%", "kind", "token", "map"))


def cookies() -> Parser:
    """Cookies, headers of a proxy, claims, origins, ids of uploads."""
    from starlette.datastructures import Headers

    from survviz.deployment.settings import SignIn
    from survviz.server.auth import cookie_name, owner_of_cookies, owner_of_header, sign_owner, verify_owner
    from survviz.server.sign_in import person_of_claims, person_of_headers, with_owner_cookie

    good = sign_owner("0" * 32)
    sign_in = SignIn(header="X-Email", groups_header="X-Groups")

    def run(data: bytes) -> None:
        text = data.decode("latin-1")
        owner = verify_owner(text)
        if owner is not None and text != good:
            raise AssertionError("a cookie that nobody signed is believed")
        found = owner_of_header(text)
        if found is not None and good not in text:
            raise AssertionError("a header that nobody signed is believed")
        owner_of_cookies({cookie_name(): text})
        raw = [(b"x-email", data), (b"x-groups", data), (b"cookie", data)]
        person_of_headers(Headers(raw=raw), sign_in)
        person_of_claims({"is_logged_in": True, "email": text, "groups": text}, sign_in)
        scope = with_owner_cookie({"headers": raw}, f"{cookie_name()}={good}")
        if owner_of_header(dict(scope["headers"])[b"cookie"].decode("latin-1")) not in (None, "0" * 32):
            raise AssertionError("another owner's cookie went through")

    seeds = [good.encode(), f"{cookie_name()}={good}; a=b".encode(), b"ann@clinic.org", b'a="b\\073"; c']
    return Parser(run, seeds, (cookie_name(), good, ";", "=", '"', "\\"))


def file_names() -> Parser:
    """Names of uploads, and a path that a person typed."""
    from pathlib import Path

    from survviz.server.folders import allowed_path, upload_folder
    from survviz.server.uploads import clean_name

    owner = "0" * 32
    home = upload_folder(owner).resolve()

    def run(data: bytes) -> None:
        text = data.decode("utf-8", "replace")
        name = clean_name(text)
        if Path(name).name != name or name.startswith(".") or "/" in name or "\x00" in name or len(name) > 150:
            raise AssertionError(f"{name!r} is no plain name")
        (home / name).resolve().relative_to(home)
        found = allowed_path(owner, text)
        if "cookie.key" in str(found):
            raise AssertionError("the key is opened")

    seeds = ["slide.svs", "../../a.svs", "a\\b.tif", "/etc/passwd", "~/x.h5", "s3://bucket/a.svs", "a" * 300 + ".csv"]
    return Parser(run, [one.encode() for one in seeds], ("..", "/", "\\", ".svs", "~", "://", "\x00"))


TARGETS = {
    "regions": Target("data.annotations, data.annotation_files", regions, "json", 200_000, 16384),
    "drawing": Target("server.regions", drawing, "json", 200_000, 8192),
    "stories": Target("pipeline.explanation.story", stories, "json", 200_000, 65536),
    "addresses": Target("server.exports, server.patches, server.montage, server.reports", addresses, "text"),
    "cookies": Target("server.auth, server.sign_in", cookies, "text"),
    "file_names": Target("server.uploads, server.folders", file_names, "text", 200_000, 512),
}
