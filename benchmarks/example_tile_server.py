"""The yardstick: OpenSlide's own deep-zoom generator behind the simplest threaded server.

It does what openslide-python's example servers do: `DeepZoomGenerator` with tiles of 254 px and 1 px overlap, JPEG
quality 75, one OpenSlide cache of 128 MB. Kinder than Flask's development server: nothing is parsed that need not be,
connections are kept, and small answers do not wait for an acknowledgement.
"""

from __future__ import annotations

import argparse
import io
import socket
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import openslide
from openslide.deepzoom import DeepZoomGenerator

CACHE_BYTES = 128 * 2**20
QUALITY = 75


def serve(port: int, slides: list[Path], tile_size: int, overlap: int) -> None:
    """Answer `/{slide number}/{level}/{column}_{row}.jpg` until ended; every slide is opened when first asked for."""
    cache = openslide.OpenSlideCache(CACHE_BYTES)
    opened: dict[int, DeepZoomGenerator] = {}

    class Tiles(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            super().setup()

        def do_GET(self) -> None:
            _, slide, level, name = self.path.split("/")
            column, row = name.removesuffix(".jpg").split("_")
            tile = generator(int(slide)).get_tile(int(level), (int(column), int(row)))
            buffer = io.BytesIO()
            tile.save(buffer, "jpeg", quality=QUALITY, icc_profile=tile.info.get("icc_profile"))
            self.send_response(200)
            self.send_header("Content-Type", "image/jpeg")
            self.send_header("Content-Length", str(buffer.tell()))
            self.end_headers()
            self.wfile.write(buffer.getvalue())

        def log_message(self, format: str, *args: object) -> None:
            pass

    def generator(number: int) -> DeepZoomGenerator:
        if number not in opened:
            slide = openslide.OpenSlide(slides[number])
            slide.set_cache(cache)
            opened[number] = DeepZoomGenerator(slide, tile_size=tile_size, overlap=overlap, limit_bounds=False)
        return opened[number]

    ThreadingHTTPServer(("127.0.0.1", port), Tiles).serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("tile_size", type=int)
    parser.add_argument("overlap", type=int)
    parser.add_argument("slides", type=Path, nargs="+")
    asked = parser.parse_args()
    serve(asked.port, asked.slides, asked.tile_size, asked.overlap)
