"""A stand-in for W&B's server: real HTTP for the real `wandb`."""

import gzip
import json
import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from wandb_state import WandbState

FILE_STREAM = re.compile(r"/files/[^/]+/[^/]+/([^/]+)/file_stream")
UPLOAD = re.compile(r"/upload/(run|artifact)/([^/]+)/(.+)")

# Of a file, W&B's own client puts more in between, and the file's hash.
DOWNLOAD = re.compile(r"/artifactsV2/(?:.*/)?(\d+)/(?:[0-9a-f]{32}/)?([^/]+)")


class _Handler(BaseHTTPRequestHandler):
    """Finds out what a request is about."""

    protocol_version = "HTTP/1.1"
    wandb: WandbState

    def do_POST(self) -> None:
        body = self._body()
        stream = FILE_STREAM.fullmatch(self.path)
        if self.path == "/graphql":
            asked = json.loads(body)
            self._answer(self.wandb.answer(asked["query"], asked.get("variables") or {}))
        elif stream:
            self.wandb.take_lines(stream[1], json.loads(body))
            self._answer({})
        else:
            self.send_error(404)

    def do_GET(self) -> None:
        asked = DOWNLOAD.fullmatch(self.path)
        if asked:
            self._send(self.wandb.file(*asked.groups()), "application/octet-stream")
        else:
            self.send_error(404)

    def do_PUT(self) -> None:
        self.wandb.take_file(*UPLOAD.fullmatch(self.path).groups(), self._body())
        self._answer({})

    def _body(self) -> bytes:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        return gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body

    def _answer(self, value: dict[str, Any]) -> None:
        self._send(json.dumps(value).encode(), "application/json")

    def _send(self, body: bytes, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):  # a client was killed
            super().handle_error(request, client_address)


@contextmanager
def wandb_server() -> Iterator[WandbState]:
    """Run one on a port of its own."""
    server = WandbState()
    http = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"wandb": server}))
    server.url = f"http://127.0.0.1:{http.server_port}"
    thread = threading.Thread(target=http.serve_forever)
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        http.server_close()
        thread.join()
