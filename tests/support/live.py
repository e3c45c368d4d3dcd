"""A server as a process of its own, and raw sockets to it."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager

__all__ = ["LiveServer", "serving"]

_SCRIPT = """
import json, resource, sys
given = json.loads(sys.argv[1])
if given["descriptors"]:
    resource.setrlimit(resource.RLIMIT_NOFILE, (given["descriptors"],) * 2)
import featx
from featx.server import AccessLog, Limits, create_app, run
limits, log = Limits(**given["limits"]), AccessLog(2)
served = {name: featx.load(path) for name, path in given["classifiers"].items()}
app = create_app(served, limits=limits, log=log, token=given["token"])
run(app, host="127.0.0.1", port=0, limits=limits, log=log, on_stop=log.close)
"""


class LiveServer:
    """A process that serves, its address, and the records of its log so far."""

    def __init__(self, process):
        self.process = process
        self.lines = []
        self.address = tuple(json.loads(process.stderr.readline())["address"])
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        self.lines.extend(self.process.stderr)

    def records(self):
        """Return the log, once the process has ended; every line of it is JSON."""
        self._reader.join(20)
        return [json.loads(line) for line in self.lines]

    def connect(self, timeout=20):
        """Return a new connection."""
        return socket.create_connection(self.address, timeout=timeout)

    def ask(self, data):
        """Send bytes on a new connection; return all that is answered until the server closes it."""
        with self.connect() as connection:
            connection.sendall(data)
            return self.read(connection)

    @staticmethod
    def read(connection):
        """Return what comes until the server closes a connection."""
        received = b""
        try:
            while piece := connection.recv(1 << 16):
                received += piece
        except ConnectionError:
            pass
        return received

    def get(self, path):
        """Return status and body of a GET on a connection of its own."""
        head = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        head, _, body = self.ask(head.encode()).partition(b"\r\n\r\n")
        return int(head.split()[1]), body


@contextmanager
def serving(classifiers, *, limits=None, descriptors=None, token=None):
    """Serve classifiers, given as paths by name, until the block ends."""
    given = {
        "classifiers": {name: str(path) for name, path in classifiers.items()},
        "limits": limits or {},
        "descriptors": descriptors,
        "token": token,
    }
    command = [sys.executable, "-c", _SCRIPT, json.dumps(given)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield LiveServer(process)
        finally:
            process.kill()
