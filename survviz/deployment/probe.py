"""`python -m survviz.deployment.probe`: exit 0 when the app on this machine answers that it is well."""

from __future__ import annotations

import os
import sys
import urllib.error
import urllib.request


def address() -> str:
    """Of the health page, from the variables that Streamlit reads too."""
    base = os.environ.get("STREAMLIT_SERVER_BASE_URL_PATH", "").strip("/")
    port = os.environ.get("STREAMLIT_SERVER_PORT", "8501")
    return f"http://127.0.0.1:{port}{f'/{base}' if base else ''}/survviz/healthz"


def is_well() -> bool:
    """Whether it answers with 200 within four seconds."""
    try:
        with urllib.request.urlopen(address(), timeout=4) as answer:
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False


if __name__ == "__main__":
    sys.exit(0 if is_well() else 1)
