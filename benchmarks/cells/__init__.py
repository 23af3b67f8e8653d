"""Every group of cells, in the order in which they run. How to add one: `benchmarks.harness`."""

from benchmarks.harness.cell import Group

COMPUTE: tuple[Group, ...] = (Group("machine/limits", "benchmarks.cells.limits:blocks"),)
"""Models, training, statistics, explanations."""

SLIDES: tuple[Group, ...] = ()
"""Slides, tiles, maps, pages."""

GROUPS: tuple[Group, ...] = COMPUTE + SLIDES
