"""The container's health check asks the app below its base path, and a silent app is not well."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from survviz.deployment.probe import address, is_well


class WellBelow(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/tools/survviz/survviz/healthz" else 503)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing on stderr."""


def test_it_asks_below_the_base_path(monkeypatch: pytest.MonkeyPatch) -> None:
    assert address() == "http://127.0.0.1:8501/survviz/healthz"
    with HTTPServer(("127.0.0.1", 0), WellBelow) as server:
        monkeypatch.setenv("STREAMLIT_SERVER_PORT", str(server.server_port))
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            assert not is_well()
            monkeypatch.setenv("STREAMLIT_SERVER_BASE_URL_PATH", "/tools/survviz/")
            assert is_well()
        finally:
            server.shutdown()
            thread.join()
    assert not is_well(), "nobody answers any more"
