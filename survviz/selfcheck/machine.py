"""The machine: device, threads, precision, memory, disk, the workspace, the clock."""

from __future__ import annotations

import datetime
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from survviz.selfcheck.row import Row
from survviz.workspace import workspace

DEVICES, DISK = "Machine", "Disk and clock"
LEAST_FREE, LITTLE_FREE = 1 << 30, 20 << 30
AHEAD_S = 120
LOOKED_AT = 20_000


def device_rows() -> Iterator[Row]:
    """Where models run, on how many threads, in which precision."""
    import torch

    from survviz.pipeline.device import choose_device

    device = choose_device("auto")
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "no GPU found: models run on the CPU"
    yield Row(DEVICES, "Device", "ok", name)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    threads = torch.get_num_threads()
    state = "warn" if threads > cores else "ok"
    todo = "" if state == "ok" else f"Set OMP_NUM_THREADS to {cores} or less: waiting threads are slow."
    yield Row(DEVICES, "Threads", state, f"{threads} of torch on {cores} cores", todo)
    yield Row(DEVICES, "bfloat16", "ok", _bfloat16(device))
    memory = _free_memory()
    if memory is not None:
        low = memory < 4 << 30
        found = f"{memory / 2**30:.1f} GiB available"
        todo = "Give the machine or the container 8 GiB or more; opening a slide alone may take 3." if low else ""
        yield Row(DEVICES, "Memory", "warn" if low else "ok", found, todo)


def _bfloat16(device: object) -> str:
    import torch

    if getattr(device, "type", "") == "cuda":
        return "by the GPU" if torch.cuda.is_bf16_supported() else "not by this GPU: float32 is used"
    by_cpu = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return "by the CPU (AVX512_BF16 or AMX)" if by_cpu else "not by this CPU: float32 is used"


def _free_memory() -> int | None:
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return None
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith("MemAvailable")), None)


def disk_rows(now: float) -> Iterator[Row]:
    """Room, whether the workspace can be written, the clock, and files that come from the future."""
    folder = workspace()
    free = shutil.disk_usage(folder).free
    state = "fail" if free < LEAST_FREE else "warn" if free < LITTLE_FREE else "ok"
    advice = "Make room, or name a larger disk by SURVVIZ_HOME; `survviz admin retain` says what is old."
    todo = "" if state == "ok" else advice
    yield Row(DISK, "Room", state, f"{free / 2**30:.1f} GiB free at {folder}", todo)
    yield _writable(folder)
    yield _clock(now)
    yield _future(folder, now)


def _writable(folder: Path) -> Row:
    try:
        with tempfile.NamedTemporaryFile(dir=folder) as file:
            file.write(bytes(4096))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        todo = "Make it writable for the user that runs survviz, or name another folder by SURVVIZ_HOME."
        return Row(DISK, "Workspace", "fail", f"{folder} cannot be written ({error.strerror})", todo)
    return Row(DISK, "Workspace", "ok", f"{folder} can be written")


def _clock(now: float) -> Row:
    """A clock behind the files of this release is wrong."""
    here = datetime.datetime.fromtimestamp(now).astimezone()
    built = max(path.stat().st_mtime for path in Path(__file__).parent.glob("*.py"))
    found = f"{here.isoformat(timespec='seconds')} ({time.tzname[0]})"
    if now < built - AHEAD_S:
        todo = "Set the clock (NTP of your network)."
        return Row(DISK, "Clock", "fail", f"{found}: before this release was installed", todo)
    return Row(DISK, "Clock", "ok", found)


def _future(folder: Path, now: float) -> Row:
    files = (path for path in islice(folder.rglob("*"), LOOKED_AT) if path.is_file())
    ahead = sum(_stamp(path) > now + AHEAD_S for path in files)
    if ahead:
        todo = "The clock was ahead once. Retention keeps such files longer; `touch` them, or leave them."
        return Row(DISK, "Files from the future", "warn", f"{ahead:,} files of the workspace", todo)
    return Row(DISK, "Files from the future", "ok", "none")


def _stamp(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0  # removed meanwhile
