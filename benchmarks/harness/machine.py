"""Where and on what a run was made."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
FEATURES = ("avx2", "avx512f", "avx512_bf16", "avx512_vnni", "amx_bf16", "amx_int8")
PACKAGES = (
    "survviz", "torch", "numpy", "scipy", "pandas", "lifelines", "scikit-survival", "captum", "opacus",
    "openslide-python", "openslide-bin", "tifffile", "imagecodecs", "h5py", "streamlit",
)  # fmt: skip


def machine(device: str) -> dict[str, Any]:
    """CPU, its features, cores, memory, and the GPU where one is used."""
    text = Path("/proc/cpuinfo").read_text()
    values = dict(line.split(":", 1) for line in text.split("\n\n")[0].splitlines() if ":" in line)
    described = {key.strip(): value.strip() for key, value in values.items()}
    flags = set(described.get("flags", "").split())
    total_kb = next(line for line in Path("/proc/meminfo").read_text().splitlines() if line.startswith("MemTotal"))
    found = {
        "cpu": described.get("model name", platform.processor()),
        "family_model": f"{described.get('cpu family', '?')}/{described.get('model', '?')}",
        "features": [name for name in FEATURES if name in flags],
        "cores": os.cpu_count(),
        "memory_gb": round(int(total_kb.split()[1]) * 1024 / 1e9, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    }
    if device == "cuda":
        import torch

        found["gpu"] = torch.cuda.get_device_name()
    return found


def versions() -> dict[str, str | None]:
    """Of what is measured, and of the peers; None = not installed."""
    found: dict[str, str | None] = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = None
    return found


def commit() -> str:
    """Of the working tree; "+" = with changes."""

    def git(*arguments: str) -> str:
        return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()

    try:
        return git("rev-parse", "--short=12", "HEAD") + ("+" if git("status", "--porcelain", "survviz") else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
