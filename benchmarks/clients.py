"""Ask an HTTP server from a process of their own: clients that cost little, for benchmarks/serving.py.

Reads one JSON object from standard input, writes one to standard output. A client is a thread with one
connection that is kept; requests are made of bytes before the clock starts, and answers are parsed after it
has stopped, so that what the clients take from the server's machine is small, and told.
"""

from __future__ import annotations

import json
import socket
import sys
import threading
import time
from pathlib import Path

EDGE = "edge-of-a-part"


def write_request(path, target, form):
    """Return the whole request for one photo as bytes."""
    data, kind = Path(path).read_bytes(), "image/jpeg"
    if form:
        name = f'Content-Disposition: form-data; name="{form}"; filename="a.jpg"'
        head = f"--{EDGE}\r\n{name}\r\nContent-Type: image/jpeg\r\n\r\n"
        data = head.encode() + data + f"\r\n--{EDGE}--\r\n".encode()
        kind = f"multipart/form-data; boundary={EDGE}"
    head = f"POST {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {kind}\r\n"
    return f"{head}Content-Length: {len(data)}\r\n\r\n".encode() + data


class Connection:
    """One connection, opened again when the server closes it."""

    def __init__(self, port):
        self._port, self._held = port, None

    def ask(self, request):
        """Return status, head and body of the answer to a request."""
        for _ in range(2):
            if self._held is None:
                self._held = socket.create_connection(("127.0.0.1", self._port), timeout=60)
                self._held.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            try:
                self._held.sendall(request)
                return self._read()
            except (BrokenPipeError, ConnectionResetError, EOFError):
                self._close()
        raise ConnectionError("the server closes every connection")

    def _read(self):
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += self._more()
        head, _, body = answer.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        fields = {k.lower(): v for k, _, v in (line.partition(": ") for line in lines[1:])}
        while len(body) < int(fields["content-length"]):
            body += self._more()
        if fields.get("connection") == "close":
            self._close()
        return int(lines[0].split()[1]), fields, body

    def _more(self):
        part = self._held.recv(1 << 16)
        if not part:
            raise EOFError
        return part

    def _close(self):
        self._held.close()
        self._held = None


def drive(port, paths, clients, target, form, rate):
    """Return what became of each request: path, status, body, seconds, and the Retry-After header.

    Without ``rate`` every client asks again as soon as it is answered; with it request k is sent k / rate
    seconds after the start, by whichever client is free, and its seconds count from then.
    """
    requests = {path: write_request(path, target, form) for path in set(paths)}
    lock, todo, records, failures = threading.Lock(), iter(enumerate(paths)), [], []

    def client():
        connection = Connection(port)
        while True:
            with lock:
                number, path = next(todo, (0, None))
            if path is None:
                return
            due = start + number / rate if rate else time.perf_counter()
            time.sleep(max(0, due - time.perf_counter()))
            try:
                status, fields, body = connection.ask(requests[path])
            except OSError as error:
                failures.append(str(error))
                continue
            seconds = time.perf_counter() - due
            records.append((path, status, body, seconds, fields.get("retry-after")))

    threads = [threading.Thread(target=client) for _ in range(clients)]
    start, cpu = time.perf_counter(), time.process_time()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    answers = [(path, status, json.loads(body), *rest) for path, status, body, *rest in records]
    return {"seconds": seconds, "cpu": cpu, "records": answers, "failures": failures}


if __name__ == "__main__":
    json.dump(drive(**json.load(sys.stdin)), sys.stdout)
