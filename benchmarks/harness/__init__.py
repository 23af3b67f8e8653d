"""The benchmark's harness: cells in processes of their own, each beside a yardstick of the same run.

How to add a cell
-----------------
1. Write a function in a module of `benchmarks/cells/` that yields blocks; a block is a list of cells, readings, skips:

       def blocks(setting: Setting) -> Iterator[Block]:
           n = 100 if setting.quick else 10_000
           rows = make_rows(n)                       # not measured
           yield [
               Cell("ours", "all rows, one by one", lambda: ours(rows), items=n, unit="row", yardstick="linear",
                    against=("theirs",), check=lambda: {"largest difference": difference(rows)}),
               Cell("theirs", "the same by a peer", lambda: theirs(rows), items=n, unit="row", rounds=1),
           ]

2. Name it in `benchmarks/cells/__init__.py`: `Group("area/name", "benchmarks.cells.module:blocks")`. With
   `argument=...` the function gets it as second argument, so that one function may serve several groups.

What the harness does
---------------------
- A *group* runs in a process of its own, with `threads` threads of torch. Its blocks run one after the other; ask for a
  block's data in the generator, so that they are freed before the next.
- Cells of a block take turns: every round times, for each cell, its yardstick and then the cell, so that another load
  on the machine hits both. Ratios are medians of the rounds' own. `against` names cells of the same block.
- The first call of a cell is not timed, unless it takes so long that it stays the only one (3 s; what takes 1 s has 3
  rounds). Its peak memory counts: what the process held at most, less what it held before.
- A `Reading` is a number that a cell measured in a way of its own (a server's p95, the epochs of two processes).
- A `Skip` says why a cell cannot run; it stands in the results.
- `setting.quick`: the same code on the smallest sizes, one round (a test runs it). `setting.folder`: scratch.
- An exception in a group is written down in its result and makes the run fail; the other groups run on.

Yardsticks (`yardsticks.py`): "linear" = one fp32 layer, 10,000 x 1,024 -> 256, on all threads; "jpeg" = a tile of
256 x 256 decoded by libjpeg-turbo on one core; "openslide" = an aligned patch of 256 x 256 read by OpenSlide from a
JPEG TIFF.

`python -m benchmarks [--only PREFIX ...] [--quick] [--device cuda] [--nice -10] [--write]` prints every cell and its
ratio to `benchmarks/results/latest.json`; `--write` puts the groups that ran into that file. On a machine that does
other work too, give the benchmark priority by `--nice`: threads that wait for each other suffer most from a busy core.
"""

from benchmarks.harness.cell import Block, Cell, Group, Reading, Setting, Skip

__all__ = ["Block", "Cell", "Group", "Reading", "Setting", "Skip"]
