"""A server as a process of its own, and raw sockets to it."""

from __future__ import annotations

import json
import re
import resource
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager, suppress
from pathlib import Path

import featx
from featx.heads import TemperatureScaling, TrainedHead
from featx.server import AccessLog, Limits, create_app, run
from tests.support.hostile_graphs import endless_card

__all__ = ["LiveServer", "constant_classifier", "endless_classifier", "serving"]

ROOT = Path(__file__).parents[2]


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
    def read(connection, *, until_closed=False):
        """Return what comes until the last answer is whole, or until the server closes the connection.

        The last answer says that the connection is closed behind it; the server may wait a second before it
        does, for a client that still sends.
        """
        received = b""
        try:
            while piece := connection.recv(1 << 16):
                received += piece
                if not until_closed and is_last_answer(received[received.rfind(b"HTTP/1.1 ") :]):
                    break
        except ConnectionError:
            pass
        return received

    def get(self, path):
        """Return status and body of a GET on a connection of its own."""
        head = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        head, _, body = self.ask(head.encode()).partition(b"\r\n\r\n")
        return int(head.split()[1]), body


def is_last_answer(answer):
    """Return whether an answer is whole, and says that its connection is closed behind it."""
    head, blank, body = answer.partition(b"\r\n\r\n")
    length = re.search(rb"\r\ncontent-length: *(\d+)", head.lower())
    closes = re.search(rb"\r\nconnection: *close", head.lower())
    return bool(blank and length and closes) and len(body) >= int(length[1])


class ConstantScorer:
    """A scorer that says the same of every row, or raises what it is told to."""

    n_outputs = 1
    scaling = None

    def __init__(self, dim):
        self.dim = dim
        self.error = None

    def scores(self, rows):
        """Return the first column."""
        if self.error is not None:
            raise self.error
        return rows[:, :1]


def constant_classifier(card):
    """Return a classifier that knows one label, and its scorer."""
    scorer = ConstantScorer(card.dim)
    head = TrainedHead("constant", ("only",), scorer, TemperatureScaling(1.0))
    return featx.Classifier.from_card(card, head), scorer


def endless_classifier(folder):
    """Return a classifier whose graph goes on for ever; its files go to a folder."""
    return constant_classifier(endless_card(folder))[0]


@contextmanager
def serving(classifiers, *, limits=None, descriptors=None, token=None):
    """Serve classifiers, given as paths by name, until the block ends; "endless" has a folder to use."""
    given = {
        "classifiers": {name: str(path) for name, path in classifiers.items()},
        "limits": limits or {},
        "descriptors": descriptors,
        "token": token,
    }
    command = [sys.executable, "-m", "tests.support.live", json.dumps(given)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=ROOT) as process:
        try:
            yield LiveServer(process)
        finally:
            process.kill()


def _main():
    given = json.loads(sys.argv[1])
    if given["descriptors"]:
        resource.setrlimit(resource.RLIMIT_NOFILE, (given["descriptors"],) * 2)
    limits, log = Limits(**given["limits"]), AccessLog(2)
    served = {
        name: endless_classifier(path) if name == "endless" else featx.load(path)
        for name, path in given["classifiers"].items()
    }
    app = create_app(served, limits=limits, log=log, token=given["token"])
    # The command line turns it into words.
    with suppress(KeyboardInterrupt):
        run(app, host="127.0.0.1", port=0, limits=limits, log=log, on_stop=log.close)


if __name__ == "__main__":
    _main()
