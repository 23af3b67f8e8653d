"""How cost grows with slides, cases and patches: `python -m benchmarks.growth`, which writes docs/scale.md's table."""
