"""Mutated tables against `survviz check`: `.venv/bin/python -m benchmarks.intake_fuzz --files 10000`.

Every file of the corpus (`tests/intake/corpus`) is damaged at random, by bytes, by lines and by cells, then read and
checked in a process of its own. A failure is an exception that is no message of ours, a file that takes longer than
the limit, or a process that needs more than 1 GB. A seed always makes the same file (`--seed N --files 1`).
"""

from __future__ import annotations

import argparse
import json
import os
import random
import selectors
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
RESULT = ROOT / "benchmarks" / "results" / "intake_fuzz.json"
SECONDS = 30.0
MOST_WAITS = 20
"""So many times that long may pass without a word, however little was computed."""
MOST_MB = 1024
NASTY = (
    b"", b"NA", b"NaN", b"-inf", b"1e400", b"-0", b"0x1F", b"1,234.5", b"1.234,5", b"=cmd|' /C calc'!A0", b"\x00",
    b"\xff\xfe", b"\xef\xbb\xbf", "ß∂œ\u202e".encode(), b'"', b'""', b"'", b";", b"\t", b"|", b"#", b"\r", b"\n\n",
    b"1" * 400, b"TCGA-A1-A001-11A", b"<script>", b"../../x", b"99999999999999999999", b"1.23E+05", b"2-Sep",
)  # fmt: skip


def mutated(data: bytes, random_: random.Random) -> bytes:
    """One to eight random damages, of bytes, of lines or of cells."""
    for _ in range(random_.randint(1, 8)):
        data = random_.choice((_bytes, _lines, _cells, _cells))(data, random_)
    return data


def _bytes(data: bytes, random_: random.Random) -> bytes:
    if not data:
        return random_.randbytes(20)
    start = random_.randrange(len(data))
    end = min(len(data), start + random_.choice((1, 1, 4, 64, 4096)))
    kind = random_.randrange(5)
    if kind == 0:  # cut off
        return data[:start]
    if kind == 1:  # left out
        return data[:start] + data[end:]
    if kind == 2:  # twice
        return data[:end] + data[start:]
    new = random_.randbytes(end - start) if kind == 3 else random_.choice(NASTY)
    return data[:start] + new + data[end:]


def _lines(data: bytes, random_: random.Random) -> bytes:
    lines = data.split(b"\n")
    i, j = random_.randrange(len(lines)), random_.randrange(len(lines))
    kind = random_.randrange(6)
    if kind == 0:
        lines[i], lines[j] = lines[j], lines[i]
    elif kind == 1:
        lines.insert(i, lines[j])
    elif kind == 2:
        del lines[i]
    elif kind == 3:
        lines = lines * 2 if len(data) < 200_000 else lines
    elif kind == 4:
        lines.insert(i, random_.choice(NASTY))
    else:
        old, new = random_.sample([b",", b"\t", b";", b"|", b" "], 2)
        lines = [line.replace(old, new) for line in lines]
    return b"\n".join(lines)


def _cells(data: bytes, random_: random.Random) -> bytes:
    lines = data.split(b"\n")
    column = random_.randrange(12)
    new = random_.choice(NASTY)
    rows = range(len(lines)) if random_.random() < 0.3 else random_.choices(range(len(lines)), k=3)
    for i in rows:
        cells = lines[i].split(b",")
        if column < len(cells):
            cells[column] = new
            lines[i] = b",".join(cells)
    return b"\n".join(lines)


def write_files(folder: Path, seed: int) -> None:
    """The files of one broken input, one of them damaged further (sometimes its unpacked content)."""
    import gzip

    from tests.intake.corpus import BROKEN

    random_ = random.Random(seed)
    broken = random_.choice(BROKEN)
    files = dict(broken.files)
    name = random_.choice(sorted(files))
    files[name] = mutated(files[name], random_)
    if random_.random() < 0.05 and name.endswith(".csv"):
        files[f"{name}.gz"] = gzip.compress(files.pop(name))
    for name, data in files.items():
        (folder / name).write_bytes(data)


def judge(folder: Path) -> list[str]:
    """Codes that checking a folder gives; mending all that can be mended must not fail either."""
    from survviz.intake.plan import check, fix_until_done
    from survviz.intake.reading import read_sources

    files = read_sources(sorted(folder.iterdir()))
    report = check(files)
    fix_until_done(files, report, ["all-recommended"])
    return sorted({finding.code for finding in report.findings})


def _worker(first: int, last: int) -> None:
    """One JSON line per file: its seed before, its codes or its traceback after."""
    import warnings

    warnings.simplefilter("error")
    for seed in range(first, last):
        print(json.dumps({"start": seed}), flush=True)
        Path("/proc/self/clear_refs").write_text("5")
        begun = time.perf_counter()
        row: dict[str, object] = {"seed": seed}
        with tempfile.TemporaryDirectory() as folder:
            write_files(Path(folder), seed)
            try:
                row["codes"] = judge(Path(folder))
            except Exception:  # noqa: BLE001 (what a fuzzer looks for)
                row["error"] = traceback.format_exc()[-3000:]
        row |= {"seconds": time.perf_counter() - begun, "peak_mb": _peak_mb()}
        print(json.dumps(row), flush=True)


def _peak_mb() -> float:
    """Largest resident size since the last reset."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def fuzz(first: int, n_files: int, *, seconds: float = SECONDS) -> Iterator[dict[str, object]]:
    """One row per file: `codes`, `seconds` and `peak_mb`, or `error` of a crash, a hang or a killed process."""
    at, last = first, first + n_files
    while at < last:
        command = [sys.executable, "-m", "benchmarks.intake_fuzz", "--worker", str(at), str(last)]
        with subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, env=os.environ | {"OMP_NUM_THREADS": "1"}
        ) as child:
            for row in _rows(child, seconds):
                at = int(str(row["seed"])) + 1
                yield row


def _rows(child: subprocess.Popen[bytes], seconds: float) -> Iterator[dict[str, object]]:
    """What a worker says; where it says nothing more, the file that it was at is the last row."""
    assert child.stdout is not None
    selector = selectors.DefaultSelector()
    selector.register(child.stdout, selectors.EVENT_READ)
    current: int | None = None
    rest = b""
    begun, silent = 0.0, 0
    while True:
        patience = seconds + (30 if current is None else 0)
        if not selector.select(patience):
            used = _cpu_seconds(child.pid) - begun
            silent += 1
            if used < patience and silent < MOST_WAITS:
                continue  # on a busy machine a file waits for its turn
            child.kill()
            yield {"seed": current, "error": f"hangs: more than {seconds:.0f} s of computing"}
            return
        silent = 0
        part = os.read(child.stdout.fileno(), 1 << 16)
        if not part:
            break
        *lines, rest = (rest + part).split(b"\n")
        for line in lines:
            row = json.loads(line)
            current = row.get("start")
            begun = _cpu_seconds(child.pid)
            if "seed" in row:
                yield row
    if child.wait() or current is not None:
        yield {"seed": current, "error": f"the process ended with {child.returncode}"}


def _cpu_seconds(pid: int) -> float:
    """What a process has computed so far."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:  # it has ended
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _failed(row: dict[str, object]) -> bool:
    return "error" in row or float(str(row["peak_mb"])) > MOST_MB


def main() -> None:
    """Run, print failures as they come, write the summary of a full run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--worker", type=int, nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, default=None, help=f"write the summary, as {RESULT.name} of a full run")
    arguments = parser.parse_args()
    if arguments.worker:
        _worker(*arguments.worker)
        return
    begun, codes, rows = time.perf_counter(), Counter[str](), []
    for row in fuzz(arguments.seed, arguments.files):
        rows.append(row)
        codes.update(row.get("codes", ()))  # type: ignore[arg-type]
        if _failed(row):
            print(json.dumps(row, indent=1).replace("\\n", "\n"), flush=True)
    summary = {
        "files": len(rows),
        "failures": sum(map(_failed, rows)),
        "longest_s": round(max(float(str(row.get("seconds", SECONDS))) for row in rows), 2),
        "peak_mb": round(max(float(str(row.get("peak_mb", 0))) for row in rows)),
        "minutes": round((time.perf_counter() - begun) / 60, 1),
        "codes": dict(codes.most_common()),
    }
    print(json.dumps(summary, indent=1))
    if arguments.out:
        arguments.out.write_text(json.dumps(summary, indent=1) + "\n")
    if summary["failures"]:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
