"""An HTTP server that can do everything wrong that servers do."""

import re
import ssl
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

Behaviour = Callable[["Handler"], None]


class FileServer:
    """Serves one file at every path.

    Attributes:
        content: The file.
        behaviours: One a request, in this order; the last one for ever.
        requests: The Range that each one asked for, or None.
        released: Set when those that stall may end.
        url: Where it listens.
    """

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.behaviours: list[Behaviour] = [answer]
        self.requests: list[str | None] = []
        self.released = threading.Event()
        self.url = ""

    def behave(self, *behaviours: Behaviour) -> None:
        """Forget what was asked, and behave like this from now on."""
        self.behaviours, self.requests = list(behaviours), []

    @property
    def offsets(self) -> list[int]:
        """The first byte that each request asked for."""
        return [int(re.fullmatch(r"bytes=(\d+)-", r)[1]) if r else 0 for r in self.requests]


class Handler(BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"
    files: FileServer

    def do_GET(self) -> None:
        self.files.requests.append(self.headers.get("Range"))
        behaviours = self.files.behaviours
        behaviour = behaviours.pop(0) if len(behaviours) > 1 else behaviours[0]
        with suppress(ConnectionError):  # the client has had enough
            behaviour(self)

    def head(self, status: int, headers: dict[str, Any]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, str(value))
        self.end_headers()

    @property
    def offset(self) -> int:
        """The first byte that is asked for."""
        return self.files.offsets[-1]

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def answer(handler: Handler, keep: int | None = None, then: Behaviour | None = None) -> None:
    """Serve what is asked for; of that only the first `keep` bytes."""
    content, offset = handler.files.content, handler.offset
    rest = content[offset:]
    headers = {"Content-Length": len(rest)}
    if offset:
        headers["Content-Range"] = f"bytes {offset}-{len(content) - 1}/{len(content)}"
    handler.head(206 if offset else 200, headers)
    handler.wfile.write(rest[:keep])
    if keep is not None:
        handler.wfile.flush()
        if then is not None:
            then(handler)
        handler.close_connection = True


def cut(keep: int) -> Behaviour:
    """Break off after so many bytes."""
    return lambda handler: answer(handler, keep)


def stalls(keep: int) -> Behaviour:
    """Say nothing more after so many bytes."""
    return lambda handler: answer(handler, keep, lambda h: h.files.released.wait(60))


def dies(handler: Handler) -> None:
    """Break off, and let nobody in any more."""
    handler.server.socket.close()
    cut(100_000)(handler)


def silent(handler: Handler) -> None:
    """Take the question and say nothing."""
    handler.files.released.wait(60)
    handler.close_connection = True


def drops(handler: Handler) -> None:
    """Close the connection without an answer."""
    handler.close_connection = True


def pauses(keep: int) -> Behaviour:
    """Wait after so many bytes for `released`, then go on."""

    def behave(handler: Handler) -> None:
        rest = handler.files.content[handler.offset :]
        answer(handler, keep, lambda h: h.files.released.wait(60))
        handler.wfile.write(rest[keep:])

    return behave


def of_unknown_length(keep: int | None = None) -> Behaviour:
    """Serve the file, or as much of it, without saying how long it is."""

    def behave(handler: Handler) -> None:
        handler.head(200, {"Connection": "close"})
        handler.wfile.write(handler.files.content[:keep])

    return behave


def too_much(handler: Handler) -> None:
    """Send far more than the file, without saying how much; no faulty client fills a disk."""
    handler.head(200, {"Connection": "close"})
    for _ in range(20):
        handler.wfile.write(handler.files.content)


def serves(content: bytes) -> Behaviour:
    """Serve another file."""

    def behave(handler: Handler) -> None:
        handler.head(200, {"Content-Length": len(content)})
        handler.wfile.write(content)

    return behave


def ignores_range(handler: Handler) -> None:
    """Serve the file from its beginning, whatever is asked for."""
    serves(handler.files.content)(handler)


def status(code: int, **headers: Any) -> Behaviour:
    """Answer with a status and a page of HTML."""
    page = b"<html>no</html>"
    named = {name.replace("_", "-"): value for name, value in headers.items()}

    def behave(handler: Handler) -> None:
        handler.head(code, {"Content-Length": len(page), **named})
        handler.wfile.write(page)

    return behave


def part(content_range: str) -> Behaviour:
    """Answer a request for the rest with another part, or with nonsense; the whole is right."""

    def behave(handler: Handler) -> None:
        content = handler.files.content
        if not handler.offset:
            serves(content)(handler)
            return
        handler.head(206, {"Content-Length": len(content), "Content-Range": content_range})
        handler.wfile.write(content)

    return behave


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        # A client was killed, or does not trust this one.
        if not isinstance(sys.exception(), ConnectionError | ssl.SSLError):
            super().handle_error(request, client_address)


def certificate_in(folder: Path) -> Path:
    """Write a certificate of this machine, with its key; nobody trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    address = x509.IPAddress(ip_address("127.0.0.1"))
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / "certificate.pem"
    encoding, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    private = key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, plain)
    path.write_bytes(private + certificate.public_bytes(encoding))
    return path


@contextmanager
def file_server(content: bytes, certificate: Path | None = None) -> Iterator[FileServer]:
    """Run one on a port of its own; with a certificate it speaks https."""
    files = FileServer(content)
    http = _Server(("127.0.0.1", 0), type("OneHandler", (Handler,), {"files": files}))
    files.url = f"http{'s' if certificate else ''}://127.0.0.1:{http.server_port}"
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        http.socket = context.wrap_socket(http.socket, server_side=True)
    thread = threading.Thread(target=http.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield files
    finally:
        files.released.set()
        http.shutdown()
        http.server_close()
        thread.join()
