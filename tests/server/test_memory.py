"""What the server holds in memory: no library that it does not need, and little that was freed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LEFT_OUT = (
    "scipy.stats",
    "scipy.optimize",
    "matplotlib",
    "sklearn",
    "lifelines",
    "captum",
    "opacus",
    "sympy",
    "torch._dynamo",
)
HOLES = """
import asyncio
from survviz.server import memory

memory.use_few_heaps()


async def wait() -> None:
    before = memory.own_bytes()
    giving_back = asyncio.create_task(memory.keep_giving_back(0.01))
    await asyncio.sleep(0)
    blocks = [b"x" * 100_000 for _ in range(1000)]
    grown = memory.own_bytes() - before
    blocks[:-1] = []  # the last one keeps the heap from shrinking by itself
    while memory.own_bytes() > before + grown // 4:
        await asyncio.sleep(0.01)
    giving_back.cancel()
    print(grown)


asyncio.run(asyncio.wait_for(wait(), 60))
"""


def printed(code: str) -> str:
    command = [sys.executable, "-W", "ignore", "-c", code]
    return subprocess.run(command, capture_output=True, text=True, timeout=240, check=True, cwd=ROOT).stdout.strip()


def test_libraries_that_only_exports_and_statistics_need_are_not_loaded_to_show_a_case() -> None:
    """They take 60 MB of the server: scipy's statistics alone 40."""
    modules = "survviz.server, survviz.study, survviz.privacy.guarantee, survviz.pipeline.predictor"
    code = f"import sys, {modules}\nprint(sorted(set({LEFT_OUT!r}) & sys.modules.keys()))"
    assert printed(code) == "[]"


@pytest.mark.skipif(sys.platform != "linux", reason="only glibc can be told")
def test_a_server_that_has_grown_gives_free_memory_back() -> None:
    assert int(printed(HOLES)) > 50_000_000
