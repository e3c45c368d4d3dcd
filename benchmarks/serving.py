"""Photos a second over HTTP: featx serve beside the engine alone, a plain FastAPI handler, and LitServe.

    python benchmarks/serving.py                  # 8 clients, cats_dogs, mobilenetv2-1.0, three rounds
    python benchmarks/serving.py --overload       # four times its capacity: what becomes of the accepted
    python benchmarks/serving.py --soak 10000     # requests, one in twenty broken: answers and memory

Contenders take turns on the same photos, and the medians over rounds are told; so are those of an overload. The
clients (benchmarks/clients.py) have a process of their own and share the machine with the server, unlike the
engine's caller; what they take is told. LitServe is installed into an environment of its own, ``--peer``: this
needs a network, once.
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
import time
import venv
from collections import Counter
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
from shelves import stock

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
BACKBONE, PORT = "mobilenetv2-1.0", 8917
WARM = 400  # photos before any clock starts: a process's first second is slower than its third
PEER = ("litserve", "onnxruntime", "numpy", "pillow", "python-multipart")


def ask(paths, clients, *, target="/v1/predict?top_k=1", form="", rate=0.0):
    """What became of the requests, as benchmarks/clients.py tells it."""
    given = {"paths": list(map(str, paths)), "clients": clients, "target": target}
    given |= {"form": form, "rate": rate, "port": PORT}
    made = subprocess.run(
        [sys.executable, HERE / "clients.py"],
        input=json.dumps(given),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(made.stdout)


@contextmanager
def running(*command, **environment):
    """A server, once it answers, until it has ended."""
    held = subprocess.Popen(
        list(map(str, command)),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(HERE.parent), **environment},
        cwd=HERE,
        start_new_session=True,
    )
    try:
        for _ in range(1200):
            assert held.poll() is None, f"{command} has ended"
            try:
                connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=5)
                connection.request("GET", "/openapi.json")
                if connection.getresponse().status < 500:
                    break
            except ConnectionError:
                time.sleep(0.05)
        yield held
    finally:
        held.send_signal(signal.SIGTERM)
        held.wait(60)
        with suppress(ProcessLookupError):  # LitServe's own processes outlive it, and keep the port
            os.killpg(held.pid, signal.SIGKILL)


def serve(path, *options):
    return running(sys.executable, "-m", "featx", "serve", path, "--port", PORT, *options)


def fit(data, work):
    """A classifier of cats and dogs, saved; and its head as arrays, for those who have no featx."""
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
    return featx.load(featx.save(classifier, work / "pets.featx"))


def quantiles(made):
    """(p50, p99) in milliseconds of the requests that were answered with 200."""
    times = [each[3] * 1000 for each in made["records"] if each[1] == 200]
    return [float(np.percentile(times, q)) for q in (50, 99)]


def peer(folder):
    """The Python of an environment with LitServe, made where it is not there yet."""
    python = folder / "bin/python"
    if not python.exists():
        venv.create(folder, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *PEER], check=True)
    return python


def contenders(work, options):
    graph = str(options.models / BACKBONE / "backbone.onnx")
    given = {"GRAPH": graph, "HEAD": str(work / "head.npz"), "PYTHONPATH": ""}
    plain = (sys.executable, "-m", "uvicorn", "plain_server:app", "--port", PORT)
    lit = (peer(options.peer), HERE / "litserve_server.py", PORT)
    yield "featx serve", serve(work / "pets.featx"), {}
    yield (
        "plain FastAPI",
        running(*plain, "--log-level", "error", **given),
        {"target": "/predict", "form": "file"},
    )
    yield "LitServe", running(*lit, **given), {"target": "/predict", "form": "request"}


def compare(photos, classifier, work, options):
    classifier.predict(photos[:WARM])
    rates, times = {"engine": []}, {}
    for _ in range(options.rounds):
        start = time.perf_counter()
        classifier.predict(photos)
        rates["engine"].append(len(photos) / (time.perf_counter() - start))
        for name, server, how in contenders(work, options):
            with server:
                ask(photos[:WARM], options.clients, **how)
                made = ask(photos, options.clients, **how)
            statuses = Counter(each[1] for each in made["records"])
            assert statuses == {200: len(photos)}, (name, statuses, made["failures"])
            rates.setdefault(name, []).append(len(photos) / made["seconds"])
            times.setdefault(name, []).append(quantiles(made))
            share = made["cpu"] / made["seconds"] / len(os.sched_getaffinity(0))
            print(f"{name}: {rates[name][-1]:.1f} of {rates['engine'][-1]:.1f} photos/s; ", end="")
            print(f"the clients took {share:.1%} of the machine", flush=True)
    table = {}
    for name, values in rates.items():
        ratios = [value / engine for value, engine in zip(values, rates["engine"], strict=True)]
        table[name] = {
            "photos_per_second": statistics.median(values),
            "of_engine": statistics.median(ratios),
        }
        told = ""
        if name in times:
            p50, p99 = np.median(times[name], axis=0)
            table[name] |= {"p50_ms": p50, "p99_ms": p99}
            told = f"p50 {p50:.1f} ms, p99 {p99:.1f} ms"
        print(f"{name:14} {statistics.median(values):6.1f} photos/s", end="  ")
        print(f"{statistics.median(ratios):.2f} of the engine  {told}")
    return table


def overload(photos, classifier, work, options):
    """Offered four times what it can do: the accepted are answered soon, the rest told when; medians."""
    with serve(work / "pets.featx"):
        ask(photos[:WARM], options.clients)
        rounds = [overload_once(photos, options) for _ in range(options.rounds)]
    table = {name: statistics.median(each[name] for each in rounds) for name in rounds[0]}
    for name, value in table.items():
        print(f"{name:22} {value:8.1f}   of {', '.join(f'{each[name]:.1f}' for each in rounds)}")
    return table | {"rounds": rounds}


def overload_once(photos, options):
    """One client alone, then as many as are usual, then four times what those were served."""
    calm = ask(photos[:300], 1)
    full = ask(photos, options.clients)
    capacity = len(photos) / full["seconds"]
    made = ask(photos * 8, 64, rate=4 * capacity)  # long beside the burst that it begins with
    statuses = Counter(each[1] for each in made["records"])
    refused = [each for each in made["records"] if each[1] == 429]
    assert set(statuses) == {200, 429}, statuses
    assert not made["failures"], made["failures"]
    assert all(int(each[4]) >= 1 for each in refused)  # every one has Retry-After
    (p50, p99), (unloaded, tail) = quantiles(made), quantiles(calm)
    return {
        "unloaded_p50_ms": unloaded,
        "unloaded_p99_ms": tail,
        "capacity_per_second": capacity,
        "offered_per_second": len(made["records"]) / made["seconds"],
        "accepted_per_second": statuses[200] / made["seconds"],
        "accepted_p50_ms": p50,
        "accepted_p99_ms": p99,
        "of_unloaded_p99": p99 / tail,
        "refused": statuses[429],
    }


def soak(photos, classifier, work, options):
    """Right answers, words for broken photos, and memory that does not grow."""
    photos = sorted(set(photos))
    expected = dict(zip(map(str, photos), map(str, classifier.predict(photos)), strict=True))
    broken = work / "broken.jpg"
    broken.write_bytes(photos[0].read_bytes()[:900])
    chooser, sizes, counts = random.Random(1), [], Counter()
    with serve(work / "pets.featx") as held:
        for _ in range(20):
            paths = [
                broken if chooser.random() < 0.05 else chooser.choice(photos)
                for _ in range(options.soak // 20)
            ]
            made = ask(paths, options.clients)
            assert len(made["records"]) == len(paths), made["failures"]
            for each, status, body, *_ in made["records"]:
                counts[status] += 1
                if each == str(broken):
                    assert status == 422, body
                    assert "damaged image" in body["error"]["message"], body
                else:
                    assert status == 200, body
                    assert body["results"][0]["label"] == expected[each], (each, body)
            status = Path(f"/proc/{held.pid}/status").read_text()
            sizes.append(int(status.partition("VmRSS:")[2].split()[0]) / 1024)
    second, last = float(np.mean(sizes[2:4])), float(np.mean(sizes[18:]))
    print(f"all answers right: {dict(counts)}; RSS in MiB:", " ".join(f"{s:.0f}" for s in sizes))
    print(f"last tenth over second tenth: {last / second:.3f}")
    return {"statuses": counts, "rss_mib": sizes, "last_over_second": last / second}


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, default=HERE.parents[1] / "shared/data/cats_dogs")
    parser.add_argument("--models", type=Path, default=HERE.parents[1] / "shared/models")
    parser.add_argument("--peer", type=Path, default=Path(tempfile.gettempdir()) / "featx-litserve")
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--photos", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--overload", action="store_true")
    parser.add_argument("--soak", type=int, default=0, metavar="N")
    parser.add_argument("--json", type=Path, help="file for the figures")
    options = parser.parse_args()
    stock(options.models)
    found = sorted((options.data / "test").rglob("*.jpg"))
    photos = (found * (options.photos // len(found) + 1))[: options.photos]
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        classifier = fit(options.data, work)
        mode = soak if options.soak else overload if options.overload else compare
        table = mode(photos, classifier, work, options)
    if options.json:
        options.json.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
