"""Ask an HTTP server from a process of their own: the clients of benchmarks/serving.py.

Reads one JSON object from standard input, writes one to standard output. A client is a thread with one
connection that is kept; bodies are made before the clock starts, and answers are parsed after it has
stopped, so that what the clients take from the server's machine is small, and told.
"""

from __future__ import annotations

import http.client
import json
import sys
import threading
import time
from pathlib import Path

EDGE = "edge-of-a-part"


def make_body(path, form):
    """Return headers and body of the request for one photo."""
    data, kind = Path(path).read_bytes(), "image/jpeg"
    if form:
        name = f'Content-Disposition: form-data; name="{form}"; filename="a.jpg"'
        head = f"--{EDGE}\r\n{name}\r\nContent-Type: image/jpeg\r\n\r\n"
        data = head.encode() + data + f"\r\n--{EDGE}--\r\n".encode()
        kind = f"multipart/form-data; boundary={EDGE}"
    return {"Content-Type": kind}, data


def ask(connection, target, headers, body):
    """Return status, body and Retry-After of an answer; a connection that was closed is opened again."""
    try:
        connection.request("POST", target, body, headers)
        response = connection.getresponse()
    except (ConnectionError, http.client.BadStatusLine):
        connection.close()
        connection.request("POST", target, body, headers)
        response = connection.getresponse()
    return response.status, response.read(), response.headers["retry-after"]


def drive(port, paths, clients, target, form, rate):
    """Return what became of each request: path, status, body, Retry-After, seconds.

    Without ``rate`` every client asks again as soon as it is answered; with it request k is sent k / rate
    seconds after the start, by whichever client is free, and its seconds count from then.
    """
    bodies = {path: make_body(path, form) for path in set(paths)}
    lock, todo, records, failures = threading.Lock(), iter(enumerate(paths)), [], []

    def client():
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        while True:
            with lock:
                number, path = next(todo, (0, None))
            if path is None:
                return
            due = start + number / rate if rate else time.perf_counter()
            time.sleep(max(0, due - time.perf_counter()))
            try:
                answer = ask(connection, target, *bodies[path])
            except OSError as error:
                failures.append(str(error))
            else:
                records.append((path, *answer, time.perf_counter() - due))

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
