"""Write the matrix of docs/faults.md from files of `tests.faults.walk`: `python docs/make_faults.py [FILE...]`.

Files given are taken into docs/faults.json first, a kind replacing what was there of it.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
DATA, PAGE = HERE / "faults.json", HERE / "faults.md"
BEGIN, END = "<!-- matrix -->", "<!-- end of matrix -->"


def written(page: str) -> str:
    """The page with the matrix of docs/faults.json."""
    head, _, rest = page.partition(BEGIN)
    found = json.loads(DATA.read_text(encoding="utf-8"))
    return f"{head}{BEGIN}\n{matrix(found)}{END}{rest.partition(END)[2]}"


def matrix(found: dict[str, Any]) -> str:
    """A row per kind and stage."""
    lines = ["| kind | killed at | time | told | done again | same result | temporary files left |", "|" + "---|" * 7]
    for kind, one in sorted(found.items()):
        for row in one["rows"]:
            cells = (
                kind, f"`{row['stage']}`", row["time"] if row["killed"] else "not met",
                row["told"]["state"], row["again"]["state"],
                same(one, row), row["left_behind"],
            )  # fmt: skip
            lines.append("| " + " | ".join(map(str, cells)) + " |")
    counts = [f"{kind}: {one['tried']} of {one['stages']}" for kind, one in sorted(found.items())]
    return f"\nStages tried: {'; '.join(counts)}.\n\n" + "\n".join(lines) + "\n\n"


def same(one: dict[str, Any], row: dict[str, Any]) -> str:
    """Whether the results are those of a run that nobody killed."""
    if not one["compared"]:
        return "secret noise: not comparable"
    return "yes" if row["same"] else f"no: {', '.join(row['differs'])}"


def main() -> None:
    known = json.loads(DATA.read_text(encoding="utf-8")) if DATA.exists() else {}
    for name in sys.argv[1:]:
        one = json.loads(Path(name).read_text(encoding="utf-8"))
        for row in one["rows"]:
            row.pop("told_words", None)
            row["told"] = {"state": row["told"]["state"]}
            row["again"] = {"state": row["again"]["state"]}
        known[one["kind"]] = one
    DATA.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
