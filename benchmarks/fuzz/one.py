"""Fuzz one target: `python -m benchmarks.fuzz.one NAME --findings FILE`. libFuzzer ends the process."""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import tempfile
import traceback
from pathlib import Path

import atheris

MOST_FINDINGS = 40
SECONDS_PER_INPUT = 20


def place_of(error: BaseException) -> str:
    """Kind of an error and the last line of ours that it went through: the same for the same defect."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "/survviz/" in frame.filename]
    last = frames[-1] if frames else traceback.extract_tb(error.__traceback__)[-1]
    inside = last.filename.rpartition("/survviz/")[2]
    return f"{type(error).__name__} in {inside}:{last.lineno} {last.name}"


def main() -> None:
    """Fuzz, writing each new kind of finding as it comes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name")
    parser.add_argument("--runs", type=int, default=None)
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--findings", type=Path, required=True)
    arguments = parser.parse_args()
    with atheris.instrument_imports(include=["survviz"], enable_loader_override=False):
        from benchmarks.fuzz.targets import TARGETS

        target = TARGETS[arguments.name]
        subject = target.load()
    from benchmarks.fuzz.damage import damaged_json, damaged_text
    from survviz.errors import SurvvizError

    found: dict[str, dict[str, object]] = {}

    def test_one_input(data: bytes) -> None:
        try:
            subject.run(data)
        except SurvvizError:
            return
        except Exception as error:  # noqa: BLE001 (what a fuzzer looks for)
            place = place_of(error)
            if place not in found and len(found) < MOST_FINDINGS:
                found[place] = {"error": str(error)[:300], "input": data[:2000].hex(), "count": 0}
            if place in found:
                found[place]["count"] = int(str(found[place]["count"])) + 1
                if found[place]["count"] in (1, 10, 100, 1000):
                    arguments.findings.write_text(json.dumps(found, indent=1))

    def mutate(data: bytes, most: int, seed: int) -> bytes:
        new = None
        if target.form == "json" and seed % 4:
            new = damaged_json(data, most, seed)
        elif target.form == "text" and seed % 2:
            new = damaged_text(data, most, seed, subject.words)
        return atheris.Mutate(data, most) if new is None else new

    with tempfile.TemporaryDirectory() as corpus:
        for seed in subject.seeds:
            Path(corpus, hashlib.sha256(seed).hexdigest()[:16]).write_bytes(seed)
        runs = target.runs if arguments.runs is None else arguments.runs
        options = [f"-runs={runs}", f"-seed={arguments.seed}", f"-max_len={target.largest}", "-rss_limit_mb=3000"]
        options += [f"-max_total_time={arguments.seconds}"]
        options += [
            f"-timeout={SECONDS_PER_INPUT}",
            "-print_final_stats=1",
            "-len_control=0",
            f"-artifact_prefix={corpus}/",
        ]
        custom = {} if target.form == "bytes" else {"custom_mutator": mutate}
        atheris.Setup([sys.argv[0], *options, corpus], test_one_input, **custom)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
