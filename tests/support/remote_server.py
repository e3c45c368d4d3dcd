"""A web server on this machine that holds objects, and every fault that one can have.

Run by itself, ``python -m tests.support.remote_server FOLDER 0.05``, it serves the files of a folder with 50 ms
before each answer, and prints its address.
"""

from __future__ import annotations

import hashlib
import re
import ssl
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit


@dataclass
class Objects:
    """The objects of a server by their paths, what goes wrong with them, and what was asked."""

    content: dict[str, bytes] = field(default_factory=dict)
    # Seconds before each answer.
    latency: float = 0.0
    # How often each path answers with a status before it answers well; a great number is for ever.
    refusals: dict[str, tuple[int, int]] = field(default_factory=dict)
    # How often the body of a path is cut off in its middle.
    cuts: Counter[str] = field(default_factory=Counter)
    # What a path becomes once it was read.
    changes: dict[str, bytes] = field(default_factory=dict)
    # Where a path redirects to.
    redirects: dict[str, str] = field(default_factory=dict)
    # What is sent instead of the true headers.
    lies: dict[str, dict[str, str]] = field(default_factory=dict)
    ranges: bool = True
    tags: bool = True
    page: Callable[[str], str | None] = lambda path: None
    asked: Counter[str] = field(default_factory=Counter)
    # Headers of the last request of each path.
    headers: dict[str, dict[str, str]] = field(default_factory=dict)
    at_once: int = 0
    most_at_once: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)
    url: str = ""

    def add(self, files: dict[str, bytes]) -> Objects:
        self.content |= {f"/{name}": data for name, data in files.items()}
        return self


def list_page(content: dict[str, bytes], path: str) -> str | None:
    """A page of links, as web servers make them; None where there is no such folder."""
    names = {name[len(path) :].partition("/") for name in content if name.startswith(path)}
    if not names:
        return None
    links = sorted({name + slash for name, slash, _ in names})
    items = "".join(f'<li><a href="{quote(link)}">x</a></li>' for link in links)
    return f'<html><a href="../">up</a><a href="/">root</a>{items}</html>'


def _handler(objects: Objects) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def log_message(self, *args: Any) -> None:
            pass

        def do_GET(self) -> None:
            path = unquote(urlsplit(self.path).path)
            with objects.lock:
                objects.asked[path] += 1
                objects.headers[path] = dict(self.headers)
                objects.at_once += 1
                objects.most_at_once = max(objects.most_at_once, objects.at_once)
            time.sleep(objects.latency)
            try:
                self.answer(path)
            except ConnectionError:
                self.close_connection = True
            finally:
                with objects.lock:
                    objects.at_once -= 1

        def answer(self, path: str) -> None:
            status, left = objects.refusals.get(path, (0, 0))
            if left:
                objects.refusals[path] = (status, left - 1)
                return self.send(status, b"", {"Retry-After": "0"})
            if path in objects.redirects:
                return self.send(302, b"", {"Location": objects.redirects[path]})
            if path.endswith("/"):
                page = objects.page(path) or list_page(objects.content, path)
                if page is not None:
                    return self.send(200, page.encode(), {"Content-Type": "text/html"})
            if path not in objects.content:
                return self.send(404, b"", {})
            data = objects.content[path]
            if path in objects.changes:
                objects.content[path] = objects.changes.pop(path)
            return self.send_object(path, data)

        def send_object(self, path: str, data: bytes) -> None:
            tag = hashlib.sha256(data).hexdigest()[:16]
            headers = {"ETag": f'"{tag}"'} if objects.tags else {}
            asked = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
            if asked is None or not objects.ranges:
                return self.send(200, data, headers, path)
            first, last = int(asked[1]), min(int(asked[2]), len(data) - 1)
            if first >= len(data):
                return self.send(416, b"", headers | {"Content-Range": f"bytes */{len(data)}"})
            headers["Content-Range"] = f"bytes {first}-{last}/{len(data)}"
            return self.send(206, data[first : last + 1], headers, path)

        def send(self, status: int, body: bytes, headers: dict[str, str], path: str = "") -> None:
            self.send_response(status)
            for name, value in (
                {"Content-Length": str(len(body))} | headers | objects.lies.get(path, {})
            ).items():
                self.send_header(name, value)
            self.end_headers()
            if objects.cuts[path]:
                objects.cuts[path] -= 1
                self.wfile.write(body[: len(body) // 2])
                self.close_connection = True
                return
            self.wfile.write(body)

    return Handler


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: clients may leave."""


@contextmanager
def serving(objects: Objects, certificate: Path | None = None) -> Iterator[Objects]:
    """Serve objects while the block runs; with a certificate, and its key in the same file, by TLS."""
    server = _Server(("127.0.0.1", 0), _handler(objects))
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        # Shaking hands is for the threads of connections.
        server.socket = context.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    scheme = "https" if certificate else "http"
    objects.url = f"{scheme}://127.0.0.1:{server.server_address[1]}"
    try:
        yield objects
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    files = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }
    with serving(Objects(latency=float(sys.argv[2])).add(files)) as objects:
        print(objects.url, flush=True)
        threading.Event().wait()
