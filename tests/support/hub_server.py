"""A server on this machine that plays a hub of models, and every fault that one can have."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.support.external_nets import save_split
from tests.support.nets import save_torch_net

# What is taken of the model that the tests pull.
TAKEN = ["config.json", "onnx/model.onnx", "onnx/model.onnx_data", "preprocessor_config.json"]
COMMIT = "0123456789abcdef0123456789abcdef01234567"
OTHER = "fedcba9876543210fedcba9876543210fedcba98"


def names_in(folder: Path) -> list[str]:
    """The names of all files in a folder, sorted."""
    return sorted(
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()
    )


def write_model(folder: Path) -> dict[str, bytes]:
    """A repository as exporters write it: weights beside the graph, and much that nobody should take."""
    one = save_torch_net(folder / "one.onnx")
    graph = save_split(one, folder / "model" / "onnx" / "model.onnx", "model.onnx_data")
    return {
        "README.md": b"---\nlicense: mit\n---\n# A model\n",
        "config.json": json.dumps({"model_type": "resnet"}).encode(),
        "preprocessor_config.json": b"{}",
        "onnx/model.onnx": graph.read_bytes(),
        "onnx/model.onnx_data": (graph.parent / "model.onnx_data").read_bytes(),
        "onnx/model_fp16.onnx": b"not wanted",
        "modeling_own.py": b"raise SystemExit",
        "pytorch_model.bin": b"not wanted",
        "onnx/own.py": b"raise SystemExit",
        "model.safetensors": b"not wanted",
        "deep/er/config.json": b"{}",
    }


def blob_id(data: bytes) -> str:
    """The name of an object in git, as git's own documentation has it."""
    return hashlib.sha1(f"blob {len(data)}\0".encode() + data).hexdigest()


@dataclass
class FakeHub:
    """A repository, what the server does with it, and what it was asked."""

    files: dict[str, bytes] = field(default_factory=dict)
    name: str = "someone/model"
    commit: str = COMMIT
    revisions: dict[str, str] = field(default_factory=dict)
    # what it says of itself besides its files
    says: dict[str, Any] = field(
        default_factory=lambda: {"cardData": {"license": "mit"}, "tags": ["license:mit"]}
    )
    # those whose digest is a sha256, by the ends of their names
    large: tuple[str, ...] = (".onnx", "_data", ".data", ".safetensors")
    token: str | None = None
    # answers of the interface instead of its own
    answer: bytes | None = None
    # of one file: other bytes, another size or digest in the list, a status, bytes until it breaks, seconds
    bodies: dict[str, bytes] = field(default_factory=dict)
    entries: dict[str, dict[str, Any]] = field(default_factory=dict)
    status: dict[str, int] = field(default_factory=dict)
    drops: dict[str, list[int]] = field(default_factory=dict)
    wait: float = 0.0
    trickle: bool = False
    # old names, and hosts where large files lie
    renamed_from: tuple[str, ...] = ()
    # a line instead of an answer, and an address that leads to itself
    raw: bytes | None = None
    loops: bool = False
    store: str | None = None
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    tokens: list[tuple[str, str | None]] = field(default_factory=list)
    address: str = ""

    def listing(self) -> dict[str, Any]:
        siblings = []
        for name, data in self.files.items():
            entry: dict[str, Any] = {"rfilename": name, "size": len(data), "blobId": blob_id(data)}
            if name.endswith(self.large):
                digest = hashlib.sha256(data).hexdigest()
                entry["lfs"] = {"sha256": digest, "size": len(data), "pointerSize": 134}
            siblings.append(entry | self.entries.get(name, {}))
        return {"id": self.name, "sha": self.commit, "siblings": siblings, **self.says}

    @property
    def paths(self) -> list[str]:
        """The files that were asked for, in order."""
        head = f"/{self.name}/resolve/{self.commit}/"
        return [path.removeprefix(head) for path, _ in self.asked if path.startswith(head)]


class _Handler(BaseHTTPRequestHandler):
    hub: FakeHub
    # a reader that goes away in the middle is no fault of the server
    protocol_version = "HTTP/1.0"

    def do_GET(self) -> None:
        hub = self.hub
        parts = urlsplit(self.path)
        path = unquote(parts.path)
        hub.asked.append((path, self.headers["Range"]))
        hub.tokens.append((path, self.headers["Authorization"]))
        time.sleep(hub.wait)
        if hub.raw is not None:
            self.wfile.write(hub.raw)
            return
        if hub.loops:
            self._redirect(self.path)
            return
        for old in hub.renamed_from:
            if f"/{old}/" in path:
                self._redirect(self.path.replace(f"/{old}/", f"/{hub.name}/"))
                return
        if hub.token is not None and self.headers["Authorization"] != f"Bearer {hub.token}":
            self._refuse(403 if self.headers["Authorization"] else 401)
        elif path.startswith(f"/api/models/{hub.name}/revision/"):
            self._answer(path.rpartition("/revision/")[2], parse_qs(parts.query))
        elif path.startswith(f"/{hub.name}/resolve/"):
            self._send_file(path.removeprefix(f"/{hub.name}/resolve/"))
        else:
            self._refuse(404)

    def _answer(self, revision: str, query: dict[str, list[str]]) -> None:
        hub = self.hub
        if "api" in hub.status:
            self._refuse(hub.status["api"])
            return
        known = {"main": hub.commit, hub.commit: hub.commit, **hub.revisions}
        if revision not in known or query.get("blobs") != ["true"]:
            self._refuse(404)
            return
        table = hub.listing() | {"sha": known[revision]}
        body = hub.answer if hub.answer is not None else json.dumps(table).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self._write(body)

    def _send_file(self, rest: str) -> None:
        hub = self.hub
        commit, _, name = rest.partition("/")
        if name in hub.status:
            self._refuse(hub.status[name])
            return
        if commit != hub.commit or name not in hub.files:
            self._refuse(404)
            return
        if hub.store and name.endswith(hub.large):
            self._redirect(f"{hub.store}/{name}")
            return
        self._send(hub.bodies.get(name, hub.files[name]), name)

    def _send(self, body: bytes, name: str) -> None:
        wanted = self.headers["Range"]
        start = int(wanted.removeprefix("bytes=").partition("-")[0]) if wanted else 0
        self.send_response(206 if wanted else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        self.send_header("Content-Length", str(len(body) - start))
        self.end_headers()
        drops = self.hub.drops.get(name, [])
        self._write(body[start:][: drops.pop(0) if drops else None])

    def _write(self, body: bytes) -> None:
        try:
            if not self.hub.trickle:
                self.wfile.write(body)
                return
            for byte in body:
                self.wfile.write(bytes([byte]))
                time.sleep(0.02)
        except OSError:
            self.close_connection = True

    def _redirect(self, where: str) -> None:
        self.send_response(307)
        self.send_header("Location", where)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _refuse(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class _Endless(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        try:
            while True:
                self.wfile.write(b"{" * 65536)
        except OSError:
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class _Store(BaseHTTPRequestHandler):
    """Another host, where large files lie."""

    hub: FakeHub
    seen: list[str | None]

    def do_GET(self) -> None:
        self.seen.append(self.headers["Authorization"])
        body = self.hub.files[unquote(self.path).removeprefix("/")]
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def _serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def serving_hub(hub: FakeHub) -> Iterator[FakeHub]:
    """Serve a hub at ``hub.address`` within the block."""
    with _serving(type("Handler", (_Handler,), {"hub": hub})) as address:
        hub.address = address
        yield hub


@contextmanager
def serving_store(hub: FakeHub) -> Iterator[list[str | None]]:
    """Let the hub redirect to another host for large files; give the tokens that come there."""
    seen: list[str | None] = []
    with _serving(type("Store", (_Store,), {"hub": hub, "seen": seen})) as address:
        # another name of this machine is another host
        hub.store = address.replace("127.0.0.1", "localhost")
        yield seen


@contextmanager
def serving_endless() -> Iterator[str]:
    """Serve answers that have no end."""
    with _serving(_Endless) as address:
        yield address
