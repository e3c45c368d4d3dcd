"""Photos a second over HTTP: featx serve beside the engine alone, and beside a plain FastAPI handler.

    python benchmarks/serving.py                  # 8 clients, cats_dogs, mobilenetv2-1.0, three rounds
    python benchmarks/serving.py --overload       # more clients than places: what becomes of the accepted
    python benchmarks/serving.py --soak 10000     # requests, one in twenty broken: answers and memory

Contenders take turns on the same photos; the medians are compared. The clients, in a process of their own,
share the machine with the server, as the engine's caller does not. Photos go as they are on disk.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
BACKBONE, PORT = "mobilenetv2-1.0", 8765


def drive(given):
    """Clients in a closed loop until the photos are used up: a record of (path, status, label, seconds)."""
    todo = iter(given["paths"])
    lock, records = threading.Lock(), []

    def client():
        connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=60)
        while True:
            with lock:
                path = next(todo, None)
            if path is None:
                return
            data = Path(path).read_bytes()
            headers = {"Content-Type": "image/jpeg"}
            if given["form"]:
                edge = b"edge-of-a-part"
                name = b'Content-Disposition: form-data; name="file"; filename="a.jpg"'
                data = b"--%b\r\n%b\r\n\r\n%b\r\n--%b--\r\n" % (edge, name, data, edge)
                headers = {"Content-Type": f"multipart/form-data; boundary={edge.decode()}"}
            while True:
                start = time.perf_counter()
                connection.request("POST", given["target"], data, headers)
                answer = connection.getresponse()
                body = json.loads(answer.read())
                seconds = time.perf_counter() - start
                said = body.get("label") or body.get("results", [{}])[0].get("label")
                with lock:
                    records.append((path, answer.status, said or body.get("error"), seconds))
                if answer.status != 429:
                    break
                time.sleep(random.uniform(0.02, 0.1))  # what an eager client does

    threads = [threading.Thread(target=client) for _ in range(given["clients"])]
    start = time.perf_counter()
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    return {"seconds": time.perf_counter() - start, "records": records}


def ask(paths, clients, *, target="/v1/predict?top_k=1", form=False):
    given = {"paths": list(map(str, paths)), "clients": clients, "target": target, "form": form}
    made = subprocess.run(
        [sys.executable, __file__, "--drive"],
        input=json.dumps(given),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(made.stdout)


@contextmanager
def running(*command, **environment):
    held = subprocess.Popen(
        [sys.executable, "-m", *map(str, command)],
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(HERE.parent), **environment},
        cwd=HERE,
    )
    try:
        for _ in range(600):
            try:
                connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=5)
                connection.request("GET", "/openapi.json")
                connection.getresponse().read()
                break
            except ConnectionError:
                time.sleep(0.05)
        yield held
    finally:
        held.send_signal(signal.SIGTERM)
        held.wait(60)


def fit(data, work):
    import featx

    train = sorted((data / "train").rglob("*.jpg"))
    samples = featx.make_samples(train, [path.parent.name for path in train])
    random.Random(0).shuffle(samples)
    classifier = featx.fit(samples[:200], backbone=BACKBONE)
    scaler, last = classifier.head.estimator[0], classifier.head.estimator[-1]
    coefficients = last.coef_.T / scaler.scale_[:, None]
    np.savez(
        work / "head.npz",
        coef=coefficients.astype(np.float32),
        intercept=np.float32(last.intercept_ - scaler.mean_ @ coefficients),
        classes=np.array(classifier.classes),
    )
    return classifier, featx.save(classifier, work / "pets.featx")


def quantiles(records):
    times = np.array([each[3] for each in records if each[1] == 200]) * 1000
    return f"p50 {np.percentile(times, 50):.1f} ms, p99 {np.percentile(times, 99):.1f} ms"


def compare(photos, classifier, path, models, options):
    graph = Path(models) / BACKBONE / "backbone.onnx"
    rates = {"engine": [], "featx serve": [], "plain FastAPI": []}
    for _ in range(options.rounds):
        start = time.perf_counter()
        classifier.predict(photos)
        rates["engine"].append(len(photos) / (time.perf_counter() - start))
        with running("featx", "serve", path, "--port", PORT):
            ask(photos[:32], options.clients)
            made = ask(photos, options.clients)
        rates["featx serve"].append(len(photos) / made["seconds"])
        print("featx serve:", quantiles(made["records"]), flush=True)
        command = ("uvicorn", "plain_server:app", "--port", PORT, "--log-level", "error")
        head = path.parent / "head.npz"
        with running(*command, GRAPH=str(graph), HEAD=str(head)):
            ask(photos[:32], options.clients, target="/predict", form=True)
            made = ask(photos, options.clients, target="/predict", form=True)
        rates["plain FastAPI"].append(len(photos) / made["seconds"])
        print("plain FastAPI:", quantiles(made["records"]), flush=True)
    medians = {name: statistics.median(values) for name, values in rates.items()}
    for name, median in medians.items():
        print(f"{name:14} {median:6.1f} photos/s  {median / medians['engine']:.2f} of the engine")


def overload(photos, path, options):
    """Accepted requests under four times as many clients as there are places."""
    import featx.server

    limits = featx.server.Limits()
    places = limits.threads + limits.waiting
    with running("featx", "serve", path, "--port", PORT):
        ask(photos[:32], 2)
        calm = ask(photos, limits.threads)
        full = ask(photos, places)
        over = ask(photos * 2, 4 * places)
    for name, made in (("a client a worker", calm), ("a client a place", full), ("over", over)):
        lost = sum(each[1] == 429 for each in made["records"])
        served = len(made["records"]) - lost
        rate = served / made["seconds"]
        print(f"{name}: {rate:.1f} photos/s, {lost} refused, accepted {quantiles(made['records'])}")


def soak(photos, classifier, path, options, work):
    """Right answers, words for broken photos, and memory that does not grow."""
    expected = dict(zip(map(str, photos), map(str, classifier.predict(photos)), strict=True))
    broken = work / "broken.jpg"
    broken.write_bytes(photos[0].read_bytes()[:900])
    chooser, sizes = random.Random(1), []
    with running("featx", "serve", path, "--port", PORT) as held:
        for _ in range(20):
            paths = [
                broken if chooser.random() < 0.05 else chooser.choice(photos)
                for _ in range(options.soak // 20)
            ]
            made = ask(paths, options.clients)
            for each, status, said, _ in made["records"]:
                if each == str(broken):
                    assert status == 422, said
                    assert said["message"], said
                else:
                    assert (status, said) == (200, expected[each]), (each, status, said)
            status = Path(f"/proc/{held.pid}/status").read_text()
            sizes.append(int(status.partition("VmRSS:")[2].split()[0]) / 1024)
    print("all answers right; RSS in MiB:", " ".join(f"{size:.0f}" for size in sizes))
    second, last = np.mean(sizes[2:4]), np.mean(sizes[18:])
    print(f"last tenth over second tenth: {last / second:.3f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, default=HERE.parents[1] / "shared/data/cats_dogs")
    parser.add_argument("--models", default=str(HERE.parents[1] / "shared/models"))
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--photos", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--overload", action="store_true")
    parser.add_argument("--soak", type=int, default=0, metavar="N")
    parser.add_argument("--drive", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.drive:
        json.dump(drive(json.load(sys.stdin)), sys.stdout)
        return
    os.environ["FEATX_MODELS"] = os.pathsep.join([str(HERE.parent / "tests/cards"), options.models])
    found = sorted((options.data / "test").rglob("*.jpg"))
    photos = (found * (options.photos // len(found) + 1))[: options.photos]
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        classifier, path = fit(options.data, work)
        if options.soak:
            soak(found, classifier, path, options, work)
        elif options.overload:
            overload(photos, path, options)
        else:
            compare(photos, classifier, path, options.models, options)


if __name__ == "__main__":
    main()
