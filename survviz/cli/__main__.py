"""`python -m survviz.cli`."""

from __future__ import annotations

from survviz.cli import main

main()
