"""Compare photos a second over HTTP: featx serve, the engine alone, a plain FastAPI handler, and LitServe.

    python benchmarks/serving.py                  # 8 clients, cats_dogs, mobilenetv2-1.0, three rounds
    python benchmarks/serving.py --overload       # four times its capacity: what becomes of the accepted
    python benchmarks/serving.py --soak 10000     # requests, one in twenty broken: answers and memory
    python benchmarks/serving.py --soak 10000 --beside    # with slow clients, leavers and reloads beside

Contenders take turns on the same photos. The clients (benchmarks/clients.py) have a process of their own
and share the machine with the server, unlike the engine's caller; what they take is told.
"""

from __future__ import annotations

import http.client
import json
import os
import random
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

import common
import numpy as np
from common import Unavailable, format_table, tell

BACKBONE, PORT = "mobilenetv2-1.0", 8917
# photos before any clock starts: a process's first second is slower than its third
WARM = 400


def ask(paths, clients, *, target="/v1/predict?top_k=1", form="", rate=0.0):
    """Return what became of the requests, as benchmarks/clients.py tells it."""
    job = {"port": PORT, "paths": list(map(str, paths)), "clients": clients}
    job |= {"target": target, "form": form, "rate": rate}
    done = common.run_process(
        [sys.executable, str(common.HERE / "clients.py")], stdin=json.dumps(job)
    )
    return json.loads(done.stdout)


@contextmanager
def running(command, **environment):
    """Run a server, once it answers, until the block ends."""
    around, quiet = {**os.environ, **environment}, subprocess.DEVNULL
    held = subprocess.Popen(
        list(map(str, command)), stdout=quiet, stderr=quiet, env=around, start_new_session=True
    )
    try:
        for _ in range(1200):
            if held.poll() is not None:
                raise Unavailable(f"{command[1]} has ended with {held.returncode}")
            with suppress(ConnectionError):
                connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=5)
                connection.request("GET", "/openapi.json")
                if connection.getresponse().status < 500:
                    break
            time.sleep(0.05)
        yield held
    finally:
        held.send_signal(signal.SIGTERM)
        held.wait(60)
        # LitServe's own processes outlive it, and keep the port
        with suppress(ProcessLookupError):
            os.killpg(held.pid, signal.SIGKILL)


def serve(work, *options):
    command = [sys.executable, "-m", "featx", "serve", work / "pets.featx", "--port", PORT]
    return running([*command, *options])


def quantiles(result):
    """Return p50 and p99 in milliseconds of the requests that were answered with 200."""
    times = [record[4] * 1000 for record in result["records"] if record[1] == 200]
    return [float(np.percentile(times, q)) for q in (50, 99)]


def contenders(work, given):
    """Yield each server that there is: its name, how to run it, how it wants to be asked."""
    import featx

    card = featx.get_card(BACKBONE)
    files = [common.find_file(card, card.graph.name), work / "head.npz"]
    yield "featx serve", lambda: serve(work), {}
    plain, lit = (
        [common.HERE / "servers.py", name, PORT, *files] for name in ("plain", "litserve")
    )
    as_file = {"target": "/predict", "form": "file"}
    yield "plain FastAPI", lambda: running([sys.executable, *plain]), as_file
    packages = ("onnxruntime", "numpy", "pillow", "python-multipart", "litserve")
    try:
        python = common.peer_python("litserve", packages, given.work)
    except Unavailable as reason:
        tell(f"LitServe is skipped: {reason}")
    else:
        yield (
            "LitServe",
            lambda: running([python, *lit], PYTHONPATH=""),
            as_file | {"form": "request"},
        )


def compare(photos, classifier, work, given):
    """Print photos a second of every contender, as shares of the engine in the same round."""
    classifier.predict(photos[:WARM])
    times = {}

    def engine():
        return len(photos) / common.seconds_of(lambda: classifier.predict(photos))

    def over_http(name, start, how):
        with start():
            ask(photos[:WARM], given.clients, **how)
            result = ask(photos, given.clients, **how)
        statuses = Counter(record[1] for record in result["records"])
        assert statuses == {200: len(photos)}, (name, statuses, result["failures"])
        times.setdefault(name, []).append(quantiles(result))
        share = result["cpu"] / result["seconds"] / len(os.sched_getaffinity(0))
        rate = len(photos) / result["seconds"]
        tell(f"{name}: {rate:.1f} photos/s; the clients took {share:.1%} of the machine")
        return rate

    steps = {"the engine": engine}
    for name, start, how in contenders(work, given):
        steps[name] = lambda name=name, start=start, how=how: over_http(name, start, how)
    rates, lines = common.in_turns(given.rounds, steps), []
    for name, values in rates.items():
        ratios = common.spread(np.divide(values, rates["the engine"]).tolist())
        share = f"{ratios['median']:.2f} ({ratios['low']:.2f} to {ratios['high']:.2f})"
        each = np.median(times[name], axis=0) if name in times else ()
        latencies = [f"{value:.1f}" for value in each] or ["", ""]
        lines.append([name, f"{statistics.median(values):.1f}", share, *latencies])
    print(format_table(["", "photos/s", "of the engine", "p50, ms", "p99, ms"], lines))
    return {"photos_per_second": rates, "p50_p99_ms": times}


def overload(photos, classifier, work, given):
    """Offer four times what it can do: the accepted are answered soon, the rest told when."""
    with serve(work):
        ask(photos[:WARM], given.clients)
        rounds = [overload_once(photos, given.clients) for _ in range(given.rounds)]
    lines = []
    for name in rounds[0]:
        values = [each[name] for each in rounds]
        told = ", ".join(f"{value:.1f}" for value in values)
        lines.append([name, f"{statistics.median(values):.1f}", told])
    print(format_table(["", "median", "rounds"], lines))
    return rounds


def overload_once(photos, clients):
    """Ask with one client alone, then with as many as are usual, then four times what those were served."""
    calm, full = ask(photos[:300], 1), ask(photos, clients)
    capacity = len(photos) / full["seconds"]
    # long beside the burst that it begins with
    result = ask(photos * 8, 64, rate=4 * capacity)
    statuses = Counter(record[1] for record in result["records"])
    assert set(statuses) <= {200, 429}, statuses
    assert not result["failures"], result["failures"]
    # every refusal has Retry-After
    assert all(int(record[3]) >= 1 for record in result["records"] if record[1] == 429)
    (p50, p99), (unloaded, tail) = quantiles(result), quantiles(calm)
    return {
        "unloaded p50, ms": unloaded,
        "unloaded p99, ms": tail,
        "capacity, a second": capacity,
        "offered, a second": len(result["records"]) / result["seconds"],
        "accepted, a second": statuses[200] / result["seconds"],
        "accepted p50, ms": p50,
        "accepted p99, ms": p99,
        "accepted p99 / unloaded p99": p99 / tail,
        "refused": statuses[429],
    }


@contextmanager
def disturbing(classifier, work, photo):
    """Send bytes slowly, leave before the answer and replace the classifier, until the block ends."""
    import featx

    ended, counts = threading.Event(), Counter()
    body = Path(photo).read_bytes()
    head = b"POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/jpeg\r\n"
    head += b"Content-Length: %d\r\n\r\n" % len(body)

    def send_slowly(data):
        with socket.create_connection(("127.0.0.1", PORT), 10) as connection:
            for k in range(len(data)):
                connection.sendall(data[k : k + 1])
                if ended.wait(0.3):
                    return

    def leave():
        with socket.create_connection(("127.0.0.1", PORT), 10) as connection:
            connection.sendall(head + body[: random.randrange(2 * len(body))])
            ended.wait(0.03)
        ended.wait(0.3)

    def replace():
        featx.save(classifier, work / "pets.featx", overwrite=True)
        ended.wait(3)

    def go_on(name, step):
        while not ended.is_set():
            # Cut off by the server, as slow clients are.
            with suppress(OSError):
                step()
            counts[name] += 1

    steps = [("slow bodies", lambda: send_slowly(head + body))] * 8
    steps += [("slow heads", lambda: send_slowly(head))] * 8
    steps += [("leavers", leave)] * 2 + [("reloads", replace)]
    threads = [threading.Thread(target=go_on, args=each) for each in steps]
    for thread in threads:
        thread.start()
    try:
        yield counts
    finally:
        ended.set()
        for thread in threads:
            thread.join()


def soak(photos, classifier, work, given):
    """Check answers, words for broken photos, and memory that does not grow."""
    photos = sorted(set(photos))
    expected = dict(zip(photos, map(str, classifier.predict(photos)), strict=True))
    broken = str(work / "broken.jpg")
    Path(broken).write_bytes(Path(photos[0]).read_bytes()[:900])
    chooser, sizes, counts = random.Random(1), [], Counter()
    beside = disturbing(classifier, work, photos[0]) if given.beside else nullcontext(Counter())
    with serve(work, "--queue", 64) as held, beside as disturbed:
        for _ in range(20):
            draws = [chooser.random() < 0.05 for _ in range(max(1, given.soak // 20))]
            paths = [broken if draw else chooser.choice(photos) for draw in draws]
            result = ask(paths, given.clients)
            assert len(result["records"]) == len(paths), result["failures"]
            for path, status, body, *_ in result["records"]:
                counts[status] += 1
                if path == broken:
                    assert status == 422, body
                    assert "damaged image" in body["error"]["message"], body
                else:
                    assert (status, body["results"][0]["label"]) == (200, expected[path]), body
            text = Path(f"/proc/{held.pid}/status").read_text()
            sizes.append(int(text.partition("VmRSS:")[2].split()[0]) / 1024)
    print(f"beside: {dict(disturbed)}")
    print(f"all answers right: {dict(counts)}; RSS in MiB: {' '.join(f'{s:.0f}' for s in sizes)}")
    print(f"last tenth over second tenth: {np.mean(sizes[18:]) / np.mean(sizes[2:4]):.3f}")
    return {"statuses": counts, "rss_mib": sizes}


def main():
    """Fit a classifier of cats and dogs, save it with its head as arrays, and measure."""
    parser = common.make_parser(__doc__)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--photos", type=int, default=1000)
    parser.add_argument("--overload", action="store_true")
    parser.add_argument("--soak", type=int, default=0, metavar="N")
    parser.add_argument("--beside", action="store_true", help="slow clients, leavers and reloads")
    given = common.parse(parser)
    import featx

    found = common.find_photos(given.data / "cats_dogs" / "test")
    photos = (found * (given.photos // len(found) + 1))[: given.photos]
    train = common.find_photos(given.data / "cats_dogs" / "train")
    random.Random(0).shuffle(train)
    labels = [Path(path).parent.name for path in train[:200]]
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        classifier = featx.fit(train[:200], labels, backbone=BACKBONE)
        common.save_bare(classifier, featx.get_card(BACKBONE), work / "head.npz")
        classifier = featx.load(featx.save(classifier, work / "pets.featx"))
        measure = soak if given.soak else overload if given.overload else compare
        common.write_json(given.json, measure(photos, classifier, work, given))


if __name__ == "__main__":
    main()
