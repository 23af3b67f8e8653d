"""The goals of docs/performance.md that slides, tiles and pages are measured by."""

from __future__ import annotations

from performance_goals import Groups, Measured, cell, faster


def tissue(groups: Groups) -> Measured:
    said, met = [], True
    for name, what, must in (("mask and coordinates", "in process", 15), ("whole process", "whole process", 6)):
        one = cell(groups, "slides/tissue", name)
        clock = "yardsticks" if name == "whole process" else "yardsticks_cpu"  # a child's CPU time is not counted
        ratio = one["facts"]["JPEG tiles that CLAM takes"] / one[clock]
        said.append(f"{ratio:.1f} x CLAM {what} ({one['seconds']['median']:.3f} s)")
        met = met and ratio >= must
    overlap = cell(groups, "slides/tissue", "mask and coordinates")["facts"]["IoU with the true outline"]
    said.append(f"IoU with the true outline {overlap:.3f}; with CLAM's mask not measured, CLAM is not here")
    return Measured(", ".join(said), met)


def reading(groups: Groups) -> Measured:
    on, across = (cell(groups, "slides/peers", f"survviz, {where} tiles") for where in ("on", "across"))
    two = cell(groups, "slides/peers", "two threads")["times_as_fast_as"]["one thread"]  # by wall clock
    a, limit = faster(on, "OpenSlide, on tiles"), faster(on, "libjpeg-turbo alone")
    b, decodes = faster(across, "OpenSlide, across tiles"), across["facts"]["decodes per patch"]
    cucim = on["times_as_fast_as_cpu"].get("cuCIM on the CPU, on tiles")
    met = a >= 5 and limit >= 0.85 and b >= 4 and decodes <= 1.1 and two >= 1.8
    peer = "cuCIM not installed" if cucim is None else f"{cucim:.1f} x cuCIM"
    return Measured(
        f"{a:.1f} x OpenSlide on tiles, {limit:.2f} of libjpeg-turbo, {peer}; across tiles {b:.1f} x, {decodes:.2f} "
        f"decodes per patch; two threads {two:.2f} x",
        False if not met else None if cucim is None else cucim >= 2,
    )


def overlay(groups: Groups) -> Measured:
    one = cell(groups, "slides/picture", "attention over the slide")
    ratio = one["facts"]["JPEG tiles that CLAM takes"] / one["yardsticks_cpu"]
    return Measured(f"{ratio:.1f} x ({1000 * one['seconds']['median']:.0f} ms)", ratio >= 10)


def tiles(groups: Groups) -> Measured:
    cells = groups.get("app/tiles", {}).get("cells", {})
    own = [value for name, value in cells.items() if name.startswith("survviz") and "20 clients" in name]
    p95 = [value for name, value in cells.items() if name.startswith("survviz") and "20 clients, p95" in name]
    if not own or not p95:
        return Measured("not measured in this run (docs below: `benchmarks.tile_server`)", None)
    memory = [one["value"]["median"] for one in groups.get("app/memory", {}).get("cells", {}).values()]
    slowest = max(one["value"]["median"] for one in p95)
    said = f"p95 {slowest:.1f} ms" + (f"; {max(memory):.0f} MB at most" if memory else "; memory not measured")
    return Measured(said, slowest <= 40 and bool(memory) and max(memory) <= 600)


def demo(groups: Groups) -> Measured:
    warm, cold = (cell(groups, "app/pages", f"demo case, {kind}")["value"]["median"] for kind in ("warm", "cold"))
    return Measured(f"{warm:.1f} s warm, {cold:.1f} s cold", warm <= 5 and cold <= 10)


def encoder(groups: Groups) -> Measured:
    cells = groups.get("slides/formats", {}).get("cells", {})
    whole = {name: one for name, one in cells.items() if name.endswith(", extract") and one["kind"] == "cell"}
    if not whole:
        return Measured("not measured in this run", None)
    rates = {name.removesuffix(", extract"): 1 / one["cpu_seconds"]["median"] for name, one in whole.items()}
    return Measured(
        "patches per CPU second: " + ", ".join(f"{name} {rate:.0f}" for name, rate in rates.items()),
        all(rate >= 150 for rate in rates.values()),
    )
