"""Pages of docs/ whose measured parts stand between two marks; the scripts `make_*.py` write those parts anew."""

from __future__ import annotations

from collections.abc import Iterable

MARKS = "<!-- {name}: written by docs/{script} -->", "<!-- end of {name} -->"


def replaced(page: str, script: str, name: str, text: str) -> str:
    """The page with one marked part written anew; as it is where it has no such mark."""
    start, end = (mark.format(name=name, script=script) for mark in MARKS)
    if start not in page:
        return page
    before, rest = page.split(start)
    return f"{before}{start}\n{text}\n{end}{rest.split(end)[1]}"


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Markdown."""
    names = list(head)
    lines = [names, ["---"] * len(names), *map(list, rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
