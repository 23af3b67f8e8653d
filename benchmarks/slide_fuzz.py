"""Mutated files as the app reads them: `.venv/bin/python -m benchmarks.slide_fuzz --files 1200`.

Slides (SVS, JPEG, deflate, LZW, JPEG 2000 and OME TIFF, DICOM; NDPI where `--real` names one), feature files, zips,
tables, regions, tensors and checkpoint settings are damaged from a seed: tags, random bytes, cuts, wrong counts. Slides
and features are read in the isolated children, with 1 GB each. A failure is an error that is no message of ours, or the
end of the process that stands for the server.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import platform
import random
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import time
import traceback
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[1]
RESULT = ROOT / "benchmarks" / "results" / "slide_fuzz.json"
CHILD_BYTES = 1 << 30
READ_SECONDS = 20
TILES = 12
CRASH, HANG = re.compile(r"crashed|failed \("), re.compile(r"did not answer|computed for too long")
SPECIAL = (0, 1, 2, 0x7F, 0x80, 0xFF)
REAL_SLIDES = ("CMU-1-Small-Region.svs", "test3-DAPI-2-387.ndpi", "TCGA-CR-7395-01A-01-TS1.svs", "sm_image.dcm")


def sources(folder: Path, real: Path | None) -> dict[str, Path]:
    """A good file of each kind, by name; the suffix says how it is read."""
    import tifffile

    from survviz.wsi.features import write_features
    from tests.wsi.hostile import write_tiles

    rng = np.random.default_rng(11)
    image = np.kron(rng.integers(80, 255, (48, 60, 3)), np.ones((16, 16, 1))).astype(np.uint8)
    scale = {"resolution": (20000, 20000), "resolutionunit": 3}
    described = "Aperio Image Library v1.0\n960x768 (256x256) JPEG/RGB Q=70|AppMag = 20|MPP = 0.5"
    made: dict[str, Path] = {}
    for name, options in {
        "jpeg.tif": {"compression": "jpeg"},
        "deflate.tif": {"compression": "zlib"},
        "lzw.tif": {"compression": "lzw"},
        "jpeg2000.tif": {"compression": "jpeg2000"},
        "aperio.svs": {"compression": "jpeg", "description": described},
    }.items():
        made[name] = folder / name
        with tifffile.TiffWriter(made[name]) as file:
            for level in range(2):
                pixels = np.ascontiguousarray(image[:: 1 << level, :: 1 << level])
                common = {"tile": (256, 256), "photometric": "rgb", "metadata": None, "subfiletype": level}
                file.write(pixels, **(common | options | ({} if level else scale)))
    made["channels.ome.tif"] = folder / "channels.ome.tif"
    channels = rng.integers(0, 60_000, (3, 512, 512), dtype=np.uint16)
    tifffile.imwrite(made["channels.ome.tif"], channels, ome=True, tile=(128, 128), metadata={"axes": "CYX"})
    made["large.tif"] = write_tiles(folder / "large.tif", {})
    from survviz.types import Bag
    from survviz.units import Mpp

    coords = np.stack(np.meshgrid(np.arange(8), np.arange(5)), -1).reshape(-1, 2) * 256
    bag = Bag("s", rng.normal(size=(40, 64)).astype(np.float32), coords, 256, Mpp(0.5), "he-descriptor")
    made["features.h5"] = write_features(folder / "features.h5", bag, compress=True)
    made["plain.h5"] = write_features(folder / "plain.h5", bag)
    made |= _small_files(folder)
    for name in REAL_SLIDES if real else ():
        if real and (real / name).is_file():
            made[name] = real / name
    return made


def _small_files(folder: Path) -> dict[str, Path]:
    from benchmarks.fuzz.server_targets import FEATURE
    from benchmarks.fuzz.table_targets import CSV

    demo = ROOT / "checkpoints" / "demo-survpgc"
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("clinical.csv", CSV * 5)
    contents = {
        "table.csv": CSV * 3,
        "table.zip": archive.getvalue(),
        "regions.geojson": json.dumps({"type": "FeatureCollection", "features": [FEATURE] * 3}).encode(),
        "golden.safetensors": (demo / "golden.safetensors").read_bytes(),
        "config.json": (demo / "config.json").read_bytes(),
    }
    for name, data in contents.items():
        (folder / name).write_bytes(data)
    return {name: folder / name for name in contents}


def mutated(data: bytes, random_: random.Random) -> bytes:
    """One to three damages: bytes near the ends (headers, directories), anywhere, counts, cuts, parts twice."""
    out = bytearray(data)
    for _ in range(random_.choice((1, 1, 2, 3))):
        kind = random_.randrange(9)
        at = random_.randrange(len(out)) if out else 0
        if kind <= 1:  # a header, or a directory at the end
            near = random_.randrange(min(len(out), 600))
            at = near if kind == 0 else len(out) - 1 - near
            out[at] = random_.choice((*SPECIAL, random_.randrange(256)))
        elif kind == 2:
            out[at : at + 8] = random_.randbytes(min(8, len(out) - at))
        elif kind == 3:  # a count or an offset
            width = random_.choice((2, 4, 8))
            value = random_.choice((0, 1, 2 ** (8 * width) - 1, 2 ** (8 * width - 1), random_.randrange(2**16)))
            at = random_.randrange(max(1, min(len(out) - width, 2000)))
            out[at : at + width] = struct.pack({2: "<H", 4: "<I", 8: "<Q"}[width], value)
        elif kind == 4 and random_.random() < 0.3:
            del out[max(16, at) :]
        elif kind == 5:
            out[at:at] = out[at : at + random_.choice((1, 16, 512))]
        else:
            for _ in range(20):
                out[random_.randrange(len(out))] ^= 1 << random_.randrange(8)
    return bytes(out)


def read_slide(path: Path) -> None:
    """Everything that the app shows of a slide."""
    from survviz.errors import MissingMppError
    from survviz.wsi.slide import open_slide
    from survviz.wsi.tiles import DeepZoom

    try:
        slide = open_slide(path)
    except MissingMppError:
        slide = open_slide(path, 1.0)
    with slide:
        zoom = DeepZoom(slide)
        for level in range(max(0, zoom.levels - 3), zoom.levels):
            columns, rows = zoom.level_tiles[level]
            for index in range(0, columns * rows, max(1, columns * rows // TILES)):
                zoom.tile_jpeg(level, index % columns, index // columns)
        slide.thumbnail(256)
        slide.content_hash()


def reader_of(name: str) -> Callable[[Path], object]:
    """How the app reads a file of this name."""
    from survviz.checkpoint.outline import load_outline
    from survviz.checkpoint.weights import read_tensors
    from survviz.data.annotations import read_annotations
    from survviz.intake.plan import check
    from survviz.intake.reading import read_sources
    from survviz.wsi.isolated_features import read_features_safely

    def config(path: Path) -> None:
        shutil.copy(ROOT / "checkpoints" / "demo-survpgc" / "preprocess.json", path.parent)
        load_outline(path.parent)

    readers: dict[str, Callable[[Path], object]] = {
        ".h5": lambda path: read_features_safely(path, timeout_seconds=READ_SECONDS),
        ".csv": lambda path: check(read_sources([path])),
        ".zip": lambda path: check(read_sources([path])),
        ".geojson": lambda path: read_annotations(path.read_bytes(), path.name),
        ".safetensors": lambda path: read_tensors(path.parent, path.name),
        ".json": config,
    }
    return readers.get(Path(name).suffix, read_slide)


def judged(name: str, path: Path) -> dict[str, object]:
    """What became of one file."""
    from survviz.errors import SurvvizError

    try:
        reader_of(name)(path)
    except SurvvizError as error:
        words = str(error)
        kind = "crash contained" if CRASH.search(words) else "hang contained" if HANG.search(words) else "refused"
        return {"outcome": kind, "words": words[:300]}
    except Exception:  # noqa: BLE001 (what a fuzzer looks for)
        return {"outcome": "failure", "words": traceback.format_exc()[-2000:]}
    return {"outcome": "read", "words": ""}


def worker(first: int, last: int, real: Path | None) -> None:
    """Stand for the server: a line of JSON before and after each file."""
    import warnings

    from survviz.workspace import workspace
    from survviz.wsi import isolated, isolated_features, probe

    warnings.simplefilter("ignore")
    for module, name in ((isolated, "SLIDE_MEMORY_BYTES"), (probe, "MEMORY_BYTES")):
        setattr(module, name, CHILD_BYTES)
    isolated_features.FEATURE_MEMORY_BYTES = CHILD_BYTES
    isolated.READ_SECONDS = probe.TIMEOUT_SECONDS = READ_SECONDS
    with tempfile.TemporaryDirectory() as good:
        files = sources(Path(good), real)
        names = sorted(files)
        reader_of("")  # imports take their time once, not in the time of a file
        for seed in range(first, last):
            random_ = random.Random(seed)
            name = names[seed % len(names)]
            folder = workspace("uploads", "fuzz")
            (folder / name).write_bytes(mutated(files[name].read_bytes(), random_))
            print(json.dumps({"start": seed, "name": name}), flush=True)
            begun = time.perf_counter()
            row = {"seed": seed, "name": name} | judged(name, folder / name)
            print(json.dumps(row | {"seconds": round(time.perf_counter() - begun, 3)}), flush=True)
            shutil.rmtree(folder)


def fuzz(first: int, last: int, real: Path | None) -> Iterator[dict[str, object]]:
    """One row per file; a worker that ends is a failure of the file that it was at, and is started again."""
    while first < last:
        command = [sys.executable, "-m", "benchmarks.slide_fuzz", "--worker", str(first), str(last)]
        command += [] if real is None else ["--real", str(real)]
        with tempfile.TemporaryDirectory() as home:
            environment = os.environ | {"SURVVIZ_HOME": home, "OMP_NUM_THREADS": "1"}
            current: dict[str, object] = {}
            with subprocess.Popen(
                command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, start_new_session=True
            ) as child:
                assert child.stdout is not None
                for line in child.stdout:
                    row = json.loads(line)
                    if "start" in row:
                        current = row
                        continue
                    first = int(row["seed"]) + 1
                    current = {}
                    yield row
            if first < last:
                seed = int(str(current.get("start", first)))
                words = f"the process that stands for the server ended with {child.returncode}"
                yield {"seed": seed, "name": current.get("name", "?"), "outcome": "failure", "words": words}
                first = seed + 1


def main() -> None:
    """Run, print what is not ordinary, write the summary."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=1200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--real", type=Path, default=None, help="folder of real slides to damage too")
    parser.add_argument("--jobs", type=int, default=1, help="processes side by side")
    parser.add_argument("--worker", type=int, nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, default=None, help=f"write the summary, as {RESULT.name} of a full run")
    arguments = parser.parse_args()
    if arguments.worker:
        worker(*arguments.worker, arguments.real)
        return
    begun, rows = time.perf_counter(), list[dict[str, object]]()
    share = -(-arguments.files // arguments.jobs)
    starts = range(arguments.seed, arguments.seed + arguments.files, share)
    parts = [(one, min(one + share, arguments.seed + arguments.files)) for one in starts]

    def run(part: tuple[int, int]) -> None:
        for row in fuzz(*part, arguments.real):
            rows.append(row)
            if row["outcome"] not in ("read", "refused"):
                print(row["seed"], row["name"], row["outcome"], row["words"], flush=True)
            if arguments.out and len(rows) % 25 == 0:
                arguments.out.write_text(json.dumps(summary_of(list(rows), begun, arguments.seed), indent=1) + "\n")

    with ThreadPoolExecutor(arguments.jobs) as pool:
        list(pool.map(run, parts))
    summary = summary_of(rows, begun, arguments.seed)
    print(json.dumps(summary, indent=1))
    if arguments.out:
        arguments.out.write_text(json.dumps(summary, indent=1) + "\n")
    if any(row["outcome"] == "failure" for row in rows):
        raise SystemExit(1)


def summary_of(rows: list[dict[str, object]], begun: float, seed: int) -> dict[str, object]:
    """What became of the files so far."""
    each: dict[str, Counter[str]] = {}
    for row in rows:
        each.setdefault(str(row["name"]), Counter())[str(row["outcome"])] += 1
    packages = ("openslide-python", "openslide-bin", "tifffile", "imagecodecs", "h5py")
    return {
        "files": len(rows),
        "first_seed": seed,
        "outcomes": dict(Counter(str(row["outcome"]) for row in rows).most_common()),
        "each": {name: dict(counts) for name, counts in sorted(each.items())},
        "child_memory_gb": CHILD_BYTES / 2**30,
        "longest_s": round(max(float(str(row.get("seconds", 0))) for row in rows), 1),
        "minutes": round((time.perf_counter() - begun) / 60, 1),
        "load_average": [round(one, 1) for one in os.getloadavg()],
        "versions": {"python": platform.python_version()} | {name: version(name) for name in packages},
    }


if __name__ == "__main__":
    main()
