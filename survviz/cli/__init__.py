"""The `survviz` command. Nothing heavy is imported until a verb runs."""

from __future__ import annotations

import sys

from survviz.cli.app import app
from survviz.errors import SurvvizError


def main() -> None:
    """Run the command line; a user's mistake prints its message and exits with 2, without a traceback."""
    try:
        app()
    except SurvvizError as error:
        print(f"survviz: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("survviz: stopped by Ctrl-C", file=sys.stderr)
        sys.exit(130)
