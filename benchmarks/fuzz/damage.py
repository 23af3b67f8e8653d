"""Damage that knows the form: a node of a JSON document, a word of a text, exchanged for a nasty one."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable
from typing import Any

NASTY: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2**31, 2**63, -(2**63), 10**400, 1.5, -0.0, 1e308, float("nan"), float("inf"), "",
    "x", "\ud800", "\x00", "a" * 300, "../../etc/passwd", "=cmd|' /C calc'!A0", "<script>", "NaN", "1e999", [], {},
    [[]], [[[[[[[[]]]]]]]], {"": 0}, {"__proto__": 1}, [None], [float("nan")], "\u202e", "2026-11-22", "٣",
)  # fmt: skip
NASTY_WORDS = (
    "", "nan", "NaN", "inf", "-inf", "1e999", "-0", "0x10", "1_000", "\ufeff", "\x00", "\u202e", "٣", "\t", ",", ";",
    '"', "'", "\\", "[", "]", "{", "}", "=", "[[", '"""', "1979-05-27", "9" * 400, "../..", "%00", "\r\n", "ß",
)  # fmt: skip


def damaged_json(data: bytes, most: int, seed: int) -> bytes | None:
    """One to three nodes exchanged, left out, or put twice; None where the bytes are no JSON."""
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return None
    random_ = random.Random(seed)
    for _ in range(random_.randint(1, 3)):
        document = _damage(document, random_)
    out = json.dumps(document).encode()
    return out if len(out) <= most else None


def _damage(document: Any, random_: random.Random) -> Any:
    places: list[Callable[[Any], None]] = []
    removals: list[Callable[[], object]] = []
    nodes: list[Any] = []

    def walk(node: Any, depth: int) -> None:
        items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
        for key, value in list(items)[:200]:
            places.append(lambda new, node=node, key=key: node.__setitem__(key, new))
            removals.append(lambda node=node, key=key: node.pop(key))
            nodes.append(value)
            if depth < 12:
                walk(value, depth + 1)

    walk(document, 0)
    if not places:
        return random_.choice(NASTY)
    index = random_.randrange(len(places))
    kind = random_.randrange(6)
    if kind == 0:
        removals[index]()
    elif kind == 1:
        places[index](copy.deepcopy(random_.choice(nodes)))
    elif kind == 2 and isinstance(nodes[index], dict):
        nodes[index][random_.choice(("x", "", "type", "format", "__class__"))] = copy.deepcopy(random_.choice(NASTY))
    elif kind == 3 and isinstance(nodes[index], list):
        nodes[index].extend(copy.deepcopy(nodes[index][:50]))
    else:
        places[index](copy.deepcopy(random_.choice(NASTY)))
    return document


def damaged_text(data: bytes, most: int, seed: int, words: tuple[str, ...]) -> bytes | None:
    """One to four words exchanged, lines left out or put twice."""
    random_ = random.Random(seed)
    text = data.decode("utf-8", "replace")
    for _ in range(random_.randint(1, 4)):
        lines = text.split("\n")
        index = random_.randrange(len(lines))
        kind = random_.randrange(5)
        if kind == 0:
            del lines[index]
        elif kind == 1:
            lines.insert(random_.randrange(len(lines) + 1), lines[index])
        else:
            start = random_.randrange(len(lines[index]) + 1)
            end = min(len(lines[index]), start + random_.choice((0, 1, 3, 8)))
            lines[index] = lines[index][:start] + random_.choice(NASTY_WORDS + words) + lines[index][end:]
        text = "\n".join(lines)
    out = text.encode("utf-8", "replace")
    return out if len(out) <= most else None
