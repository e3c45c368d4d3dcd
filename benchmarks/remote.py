"""Compare extraction from a server that takes 50 ms for each answer with extraction from local disk.

    python benchmarks/remote.py                          # 1200 photos, five rounds, on the cores there are
    python benchmarks/remote.py --photos 300 --rounds 1 --latency 0.2
    python benchmarks/remote.py --apart                  # featx on all cores but one, the server on that one
    python benchmarks/remote.py --tls                    # by https, with a certificate that openssl makes here

The photos, drawn here and of about 70 kB each, lie in a folder, and the same ones in a tar. They are read as a
web server and, with the extra ``remote``, as S3 gives them. The server, in a process of its own, has them in
memory; by default it shares the cores, which a store does not. Contenders take turns in each round, rows are
not cached, and the last lines are the ratios of medians: of photos a second, and of the processor time that
featx itself took a photo, which no neighbour on the machine changes. The rows are compared to the bit.
"""

from __future__ import annotations

import argparse
import io
import os
import resource
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

import featx
from featx.embedding.engine import Engine

HERE = Path(__file__).parent


class Taken(NamedTuple):
    """Seconds of one extraction, and of the processor in this process."""

    wall: float
    cpu: float


def draw(folder: Path, count: int) -> None:
    """Write photos with grain into two class folders, and all of them into a tar."""
    rng = np.random.default_rng(0)
    with tarfile.open(folder / "photos.tar", "w") as archive:
        for number in range(count):
            coarse = Image.fromarray(rng.integers(0, 256, (6, 8, 3), dtype=np.uint8))
            pixels = np.asarray(coarse.resize((800, 600), Image.Resampling.BICUBIC)).astype(int)
            pixels += rng.integers(-12, 13, pixels.shape)
            data = io.BytesIO()
            Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(data, "JPEG", quality=80)
            name = f"{'ab'[number % 2]}/{number:05d}.jpg"
            path = folder / "photos" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data.getvalue())
            member = tarfile.TarInfo(name)
            member.size = len(data.getvalue())
            archive.addfile(member, io.BytesIO(data.getvalue()))


def make_certificate(folder: Path) -> str:
    """Return a file with a certificate of this machine and its key, which is trusted from now on."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=127.0.0.1"]
    command += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate]
    subprocess.run(command, check=True, capture_output=True)
    os.environ["SSL_CERT_FILE"] = str(certificate)
    both = folder / "both.pem"
    both.write_bytes(key.read_bytes() + certificate.read_bytes())
    return str(both)


def extract(source: str, backbone: featx.Backbone) -> tuple[Taken, featx.Rows]:
    """Return what it takes from a source to its rows, and these."""
    wall, cpu = time.perf_counter(), time.process_time()
    samples = featx.read_samples(source, modality="image")
    rows = Engine(cache=None).embed(samples, backbone)
    return Taken(time.perf_counter() - wall, time.process_time() - cpu), rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=int, default=1200)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--latency", type=float, default=0.05, help="seconds before each answer")
    parser.add_argument("--backbone", default="featx-image-nano")
    parser.add_argument("--apart", action="store_true", help="give the server a core of its own")
    parser.add_argument("--tls", action="store_true", help="speak TLS; S3 is left out")
    asked = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        draw(folder, asked.photos)
        size = sum(path.stat().st_size for path in (folder / "photos").rglob("*.jpg"))
        own = cores[:-1] if asked.apart else cores
        trusted = [make_certificate(folder)] if asked.tls else []
        print(f"{asked.photos} photos of {size / asked.photos / 1e3:.0f} kB, {len(own)} cores")
        server = subprocess.Popen(
            [sys.executable, str(HERE / "object_server.py"), name, str(asked.latency), *trusted],
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert server.stdout is not None
            url = server.stdout.readline().strip()
            if asked.apart:
                os.sched_setaffinity(server.pid, cores[-1:])
                os.sched_setaffinity(0, own)
            measure(folder, url, asked)
        finally:
            server.terminate()
            server.wait()


def measure(folder: Path, url: str, asked: argparse.Namespace) -> None:
    """Let the sources take turns, and print the photos a second of each."""
    backbone = featx.Backbone(asked.backbone)
    sources = {
        "local folder": str(folder / "photos"),
        "web folder": f"{url}/photos/",
        "local tar": str(folder / "photos.tar"),
        "web tar": f"{url}/photos.tar",
    }
    if find_spec("s3fs") and not asked.tls:
        os.environ |= {"AWS_ENDPOINT_URL": url, "AWS_DEFAULT_REGION": "us-east-1"}
        os.environ |= {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "word"}
        sources |= {"S3 folder": "s3://bucket/photos/", "S3 tar": "s3://bucket/photos.tar"}
    # The first use of a library is not measured.
    for source in sources.values():
        rows = extract(source, backbone)[1]
    taken: dict[str, list[Taken]] = {name: [] for name in sources}
    seen = set()
    for number in range(asked.rounds):
        turns = list(sources)
        for name in turns if number % 2 == 0 else reversed(turns):
            one, rows = extract(sources[name], backbone)
            taken[name].append(one)
            seen.add(rows.embeddings[np.argsort(rows.ids)].tobytes())
    assert len(seen) == 1, "the rows differ"
    wall = {name: statistics.median(one.wall for one in all_) for name, all_ in taken.items()}
    cpu = {name: statistics.median(one.cpu for one in all_) for name, all_ in taken.items()}
    for name in sources:
        rate, each = asked.photos / wall[name], cpu[name] / asked.photos
        print(f"{name:13} {rate:7.1f} photos/s {each * 1e3:7.2f} ms of the processor a photo")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak memory {peak:.0f} MiB; remote / local:")
    for name in sources:
        place, kind = name.split()
        if place != "local":
            ratios = (each[f"local {kind}"] / each[name] for each in (wall, cpu))
            print("{:13} rate {:.2f}, by processor time {:.2f}".format(name, *ratios))


if __name__ == "__main__":
    main()
