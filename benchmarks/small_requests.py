"""Measure what single requests cost that are small to send: time, memory, and /healthz meanwhile.

    python benchmarks/small_requests.py                        # this checkout
    python benchmarks/small_requests.py --checkout OLD         # another one, by the same requests
    python benchmarks/small_requests.py --only text json       # those whose names hold a word

Each request has a server of its own (``featx serve``, three small classifiers, 256 descriptors). A process
beside it asks /healthz on a new connection every 20 ms, from before the request until its answer. Memory is
the highest resident size since the server was ready, above what it was then. Whoever does not answer within
``--patience`` seconds is given up.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import http.client
import io
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import common
import numpy as np

DESCRIPTORS = 256
JSON, TEXT = "application/json", "text/plain"
PROBE_SECONDS = 0.02


def post(target, body, kind, patience, **headers):
    """Return a function of a port that sends one request, and returns the status of its answer."""

    def send(port):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=patience)
        with contextlib.closing(connection):
            # It may be answered before the body is whole.
            with contextlib.suppress(ConnectionError):
                connection.request("POST", target, body, {"Content-Type": kind, **headers})
            with connection.getresponse() as response:
                return response.status

    return send


def many_headers(patience):
    """Return a function that sends 64 MB of headers, and no token."""

    def send(port):
        line = b"a:b\r\n"
        with socket.create_connection(("127.0.0.1", port), patience) as connection:
            connection.sendall(b"GET /v1/models HTTP/1.1\r\nHost: localhost\r\n")
            with contextlib.suppress(ConnectionError):
                for _ in range(1280):
                    connection.sendall(line * 10_000)
                connection.sendall(b"\r\n")
            return int(connection.recv(100).split()[1])

    return send


def sockets(count, data, seconds):
    """Return a function that holds connections which sent something and then nothing; asks for a prediction."""

    def send(port):
        held = []
        with contextlib.suppress(OSError):
            for _ in range(count):
                held.append(socket.create_connection(("127.0.0.1", port), 2))
                held[-1].sendall(data)
        time.sleep(seconds)
        try:
            return post("/v1/predict?model=image", picture(64), "image/png", 5)(port)
        except OSError as error:
            return type(error).__name__
        finally:
            for each in held:
                each.close()

    return send


@functools.cache
def picture(side, mode="RGB"):
    """Return a plain PNG."""
    from PIL import Image

    file = io.BytesIO()
    options = {"transparency": bytes(256)} if mode == "P" else {}
    shade = (200, 30, 30) if mode == "RGB" else 200
    Image.new(mode, (side, side), shade).save(file, "png", **options)
    return file.getvalue()


def flac():
    """Return ten minutes of silence, eight channels, in FLAC."""
    import soundfile

    file = io.BytesIO()
    soundfile.write(file, np.zeros((600 * 48_000, 8), np.int16), 48_000, format="FLAC")
    return file.getvalue()


def requests(patience):
    """Return the requests by name."""
    ask = functools.partial(post, patience=patience)
    infer, predict, embed = "/v2/models/image/infer", "/v1/predict?model=", "/v1/embeddings"
    text = predict + "text"
    tensor = '{"inputs":[{"name":"image","shape":[1,577,577,3],"datatype":"UINT8","data":%s}]}'
    numbers = ",".join(["7"] * 250_000)
    form = b"--x\r\nContent-Disposition: form-data; name=file; filename=a\r\n\r\n"
    eight = b"POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\n"
    eight += b"Content-Length: 999\r\n\r\na"
    return {
        "a picture": lambda: ask(f"{predict}image", picture(300), "image/png"),
        "text of 2 MB": lambda: ask(text, b"a longer word " * 150_000, TEXT),
        "text of 2 MB without a space": lambda: ask(text, b"a" * 2_000_000, TEXT),
        "text of 1 MB": lambda: ask(text, b"a longer word " * 71_000, TEXT),
        "64 texts of 1 MB together": lambda: ask(
            text, json.dumps({"samples": [{"text": "a1!-é" * 3100}] * 64}), JSON
        ),
        "json nested 900 deep beside 0.5 MB of numbers": lambda: ask(
            infer, tensor % ("[" + numbers + "," + "[" * 900 + "]" * 901), JSON
        ),
        "json of 1 MB, 500 000 empty lists": lambda: ask(
            infer, tensor % ("[" + ",".join(["[]"] * 333_000) + "]"), JSON
        ),
        "json of 8 MB, 1 million numbers as samples": lambda: ask(
            text, many('{"samples":[', "1234567", 1_000_000), JSON
        ),
        "json of 8 MB, 700 000 samples": lambda: ask(
            text, many('{"samples":[', '{"text":"a"}', 620_000), JSON
        ),
        "json of 8 MB, 2 million inputs": lambda: ask(
            embed, many('{"model":"text","input":[', '"a"', 2_000_000), JSON
        ),
        "json of 30 MB, empty objects": lambda: ask(
            embed, many('{"model":"text","input":"a","x":[', "{}", 10_000_000), JSON
        ),
        "json of 8 MB of numbers as a picture": lambda: ask(
            infer, tensor % ("[" + ",".join(["7"] * 4_000_000) + "]"), JSON
        ),
        "json of 30 MB, one string": lambda: ask(
            f"{predict}image", '{"data":"%s"}' % ("A" * 30_000_000), JSON
        ),
        "form of 30 MB, one file": lambda: ask(
            f"{predict}image",
            form + bytes(30_000_000) + b"\r\n--x--\r\n",
            "multipart/form-data; boundary=x",
        ),
        "form of 30 MB, nearly a boundary": lambda: ask(
            f"{predict}image",
            form + b"\r\n--" * 7_500_000 + b"\r\n--x--\r\n",
            "multipart/form-data; boundary=x",
        ),
        "64 MB of headers": lambda: many_headers(patience),
        "picture of 40 megapixels": lambda: ask(f"{predict}image", picture(6320), "image/png"),
        "picture of 40 megapixels, palette with transparency": lambda: ask(
            f"{predict}image", picture(6320, "P"), "image/png"
        ),
        "picture of 40 megapixels, 16 bits": lambda: ask(
            f"{predict}image", picture(6320, "I;16"), "image/png"
        ),
        "64 pictures of 40 megapixels": lambda: ask(
            f"{predict}image",
            b"".join(form + picture(6320) + b"\r\n" for _ in range(64)) + b"--x--\r\n",
            "multipart/form-data; boundary=x",
        ),
        "10 pictures of 40 megapixels": lambda: ask(
            f"{predict}image",
            b"".join(form + picture(6320) + b"\r\n" for _ in range(10)) + b"--x--\r\n",
            "multipart/form-data; boundary=x",
        ),
        "flac of 10 minutes, 8 channels": lambda: ask(f"{predict}sound", flac(), "audio/flac"),
        "8 sockets that sent one byte of a body": lambda: sockets(8, eight, 1),
        "250 sockets with half a head": lambda: sockets(250, b"GET / HTTP/1.1\r\nHost: l", 1),
    }


def many(head, value, count):
    """Return an object in JSON that ends with a list of one value, many times."""
    return head + ",".join([value] * count) + "]}"


def probe(port):
    """Ask /healthz until standard input ends; print when each was asked, its seconds, and if it was fine."""
    ended, times = threading.Event(), []
    threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
    while not ended.is_set():
        start = time.perf_counter()
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            connection.request("GET", "/healthz")
            fine = connection.getresponse().status == 200
            connection.close()
        except (OSError, http.client.HTTPException):
            fine = False
        times.append([start, time.perf_counter() - start, fine])
        time.sleep(PROBE_SECONDS)
    print(json.dumps(times))


def memory(process, name):
    """Return a size of a process in MiB, as Linux tells it."""
    text = Path(f"/proc/{process.pid}/status").read_text()
    return int(text.partition(f"{name}:")[2].split()[0]) / 1024


@contextlib.contextmanager
def serving(folder, checkout):
    """Run a server of the classifiers in a folder, with few descriptors, until the block ends."""
    command = [sys.executable, "-m", "featx", "serve", "--port", "0", "--no-reload"]
    command += [str(path) for path in sorted(folder.glob("*.featx"))]
    limit = functools.partial(resource.setrlimit, resource.RLIMIT_NOFILE, (DESCRIPTORS,) * 2)
    around = {**os.environ, "PYTHONPATH": str(checkout)}
    with tempfile.TemporaryFile() as rest:
        process = subprocess.Popen(
            command, stderr=subprocess.PIPE, env=around, preexec_fn=limit, cwd=folder
        )
        address = json.loads(process.stderr.readline())["address"]
        copying = threading.Thread(
            target=lambda: rest.writelines(iter(process.stderr.readline, b"")), daemon=True
        )
        copying.start()
        try:
            yield process, address[1]
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            copying.join()
            process.stderr.close()


def measure(send, folder, checkout):
    """Return what one request costs a fresh server."""
    with serving(folder, checkout) as (process, port):
        for name in ("image", "text", "sound"):
            post(f"/v1/predict?model={name}", picture(8), "application/octet-stream", 20)(port)
        before = memory(process, "VmRSS")
        prober = subprocess.Popen(
            [sys.executable, __file__, "--probe", str(port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        time.sleep(0.5)
        start = time.perf_counter()
        try:
            status = send(port)
        except (OSError, http.client.HTTPException, IndexError) as error:
            status = type(error).__name__
        end = time.perf_counter()
        # Those that were asked before the answer and not answered before the request.
        time.sleep(0.1)
        output, _ = prober.communicate()
        probes = [each for each in json.loads(output) if each[0] < end and sum(each[:2]) > start]
        times = [took * 1000 for _, took, fine in probes if fine] or [float("nan")]
        return {
            "status": status,
            "seconds": end - start,
            "MiB": memory(process, "VmHWM") - before,
            "healthz p50, ms": float(np.percentile(times, 50)),
            "healthz p99, ms": float(np.percentile(times, 99)),
            "healthz max, ms": max(times),
            "not answered": sum(not fine for *_, fine in probes),
        }


def make_classifiers(folder):
    """Save a small classifier of pictures, of texts and of sounds."""
    import featx

    pictures = [np.full((64, 64, 3), shade, np.uint8) for shade in range(0, 240, 20)]
    texts = [f"{word} number {k}" for word in ("good", "bad") for k in range(6)]
    sounds = [np.sin(np.arange(16_000) * 0.01 * (1 + k)).astype(np.float32) for k in range(12)]
    for name, samples, options in (
        ("image", pictures, {}),
        ("text", texts, {"backbone": "featx-text-nano"}),
        ("sound", sounds, {"backbone": "featx-audio-mel"}),
    ):
        featx.save(featx.fit(samples, ["a"] * 6 + ["b"] * 6, **options), folder / f"{name}.featx")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--checkout", type=Path, default=common.ROOT)
    parser.add_argument("--only", nargs="*", default=[""])
    parser.add_argument("--patience", type=float, default=60.0)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--probe", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.probe:
        probe(given.probe)
    else:
        compare(given)


def compare(given):
    """Measure the requests one by one, and print a table."""
    print(common.machine(), flush=True)
    results = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_classifiers(folder)
        for title, make in requests(given.patience).items():
            if any(word in title for word in given.only):
                results[title] = measure(make(), folder, given.checkout.resolve())
                print(
                    title,
                    *(f"{v:.4g}" if isinstance(v, float) else v for v in results[title].values()),
                    sep="; ",
                    flush=True,
                )
    titles = ["", *next(iter(results.values()))]
    rows = [
        [title, *(f"{v:.4g}" if isinstance(v, float) else str(v) for v in row.values())]
        for title, row in results.items()
    ]
    print(common.format_table(titles, rows))
    common.write_json(given.json, results)


if __name__ == "__main__":
    main()
