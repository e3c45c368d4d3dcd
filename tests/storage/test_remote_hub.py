"""A data set of a hub, at an address of hf://, on a server of this machine."""

import hashlib
import json
import os
import re
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

import pytest

from tests.support.commands import ROOT
from tests.support.remote_server import list_page

NAME = "someone/flowers"
FILES = {"/photos/cat/1.jpg": b"\xff\xd8\xff\xe0 one", "/photos/dog/2.jpg": b"\xff\xd8\xff\xe0 two"}


class Hub(BaseHTTPRequestHandler):
    """The part of the interface by which folders are listed and files are read."""

    def log_message(self, *said):
        pass

    def do_GET(self):
        path = unquote(urlsplit(self.path).path)
        tree = re.fullmatch(rf"/api/datasets/{NAME}/tree/main(/.*)?", path)
        file = re.fullmatch(rf"/datasets/{NAME}/resolve/main(/.*)", path)
        if tree:
            found = self.below(f"{(tree[1] or '').rstrip('/')}/")
            self.answer(200 if found else 404, json.dumps(found).encode())
        elif file and file[1] in FILES:
            data = FILES[file[1]]
            self.answer(200, data, ETag=f'"{hashlib.sha1(data).hexdigest()}"')
        elif path == f"/api/datasets/{NAME}":
            self.answer(200, json.dumps({"id": NAME, "sha": "0" * 40, "siblings": []}).encode())
        else:
            self.answer(404, b"{}")

    def below(self, folder):
        page = list_page(FILES, folder) or ""
        names = re.findall(r'<li><a href="([^"]+)"', page)
        return [
            {"type": "directory", "path": (folder + name).strip("/"), "oid": "0" * 40}
            if name.endswith("/")
            else {
                "type": "file",
                "path": (folder + name).strip("/"),
                "size": len(FILES[folder + name]),
                "oid": hashlib.sha1(FILES[folder + name]).hexdigest(),
            }
            for name in names
        ]

    def answer(self, status, body, **headers):
        self.send_response(status)
        headers |= {"Content-Type": "application/json", "Content-Length": str(len(body))}
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def hub():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


@pytest.mark.slow
def test_a_folder_of_a_hub_gives_labelled_samples(hub, tmp_path):
    """The library reads where the hub is when it is imported, so that a process of its own asks."""
    pytest.importorskip("fsspec")
    pytest.importorskip("huggingface_hub")
    code = f"""
import featx
from featx.sources import read_bytes

for sample in featx.read_samples("hf://datasets/{NAME}/photos", modality="image"):
    print(sample.id, sample.label, read_bytes(sample.data)[5:].decode())
try:
    featx.read_samples("hf://datasets/{NAME}/none", modality="image")
except featx.FeatxError as error:
    print(error)
"""
    own = {"HF_ENDPOINT": hub, "HF_HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **own},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == [
        "cat/1.jpg cat one",
        "dog/2.jpg dog two",
        f"hf://datasets/{NAME}/none: cannot be read: no such object, or bucket",
    ]
