"""Execution providers side by side: photos a second, and how near their rows are to those of the CPU provider.

    python -m venv ov && ov/bin/pip install . && ov/bin/pip uninstall -y onnxruntime
    ov/bin/pip install onnxruntime-openvino
    ov/bin/python benchmarks/providers.py --provider cpu --provider openvino --provider openvino:bf16

Rates are of the whole engine, from files to rows, without its cache, in turns; medians of the rounds. ``infer``
is the graph alone with a worker a core. Every backbone after the first is another form of the first (its int8
twin, say): cosines are to the first backbone's rows on the first provider.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from shelves import stock

ROOT = Path(__file__).resolve().parent.parent
SHARED = (ROOT / "../shared").resolve()


def cosines(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    norms = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    return (one * other).sum(axis=1) / norms


def rate_alone(backbone, items: list, workers: int, batch: int) -> float:
    """Samples a second of the graph, called from so many threads at once."""
    batches = [items[start : start + batch] for start in range(0, len(items), batch)]
    with ThreadPoolExecutor(workers) as pool:
        start = time.perf_counter()
        list(pool.map(lambda part: backbone.embed_items(part, batch), batches))
        return len(items) / (time.perf_counter() - start)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--backbone", action="append", metavar="NAME")
    parser.add_argument("--provider", action="append", metavar="NAME")
    parser.add_argument("--models", type=Path, default=SHARED / "models")
    parser.add_argument("--data", type=Path, default=SHARED / "data" / "cats_dogs")
    parser.add_argument("--photos", type=int, default=160)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--json", type=Path, help="where to write the figures")
    given = parser.parse_args()
    stock(given.models)
    sys.path.insert(0, str(ROOT))
    import featx
    from featx.embedding.engine import count_workers

    workers = count_workers(None)
    samples = featx.make_samples(sorted(given.data.rglob("*.jpg"))[::2][: given.photos])
    opened = {
        (name, provider): featx.Backbone(name, provider=provider)
        for name in given.backbone or ["mobilenetv2-1.0"]
        for provider in given.provider or ["cpu"]
    }
    engine = featx.Engine(batch_size=given.batch, n_jobs=workers)
    rows = {key: engine.embed(samples, backbone).embeddings for key, backbone in opened.items()}
    found: dict = {key: {"rate": [], "infer": []} for key in opened}
    for _ in range(given.rounds):
        for key, backbone in opened.items():
            start = time.perf_counter()
            engine.embed(samples, backbone)
            found[key]["rate"].append(len(samples) / (time.perf_counter() - start))
            items = [backbone.reader.read(s.data.read_bytes()) for s in samples[:48]]
            found[key]["infer"].append(rate_alone(backbone, items, workers, given.batch))
    reference = rows[next(iter(rows))]
    first = statistics.median(next(iter(found.values()))["rate"])
    print(f"{'':<44} photos/s  ratio  infer/s  cosine mean, least  alone = in a batch")
    facts = []
    for (name, provider), each in found.items():
        rate, infer = (statistics.median(each[k]) for k in ("rate", "infer"))
        near = cosines(reference, rows[name, provider])
        backbone = opened[name, provider]
        alone = backbone.embed_items([backbone.reader.read(samples[0].data.read_bytes())])
        same = bool(np.array_equal(alone, rows[name, provider][:1]))
        print(
            f"{name + ' on ' + provider:<44} {rate:8.0f} {rate / first:6.2f} {infer:8.0f}"
            f"   {near.mean():.6f}, {near.min():.6f}   {same}"
        )
        facts.append({"backbone": name, "provider": provider, **each, "same_alone": same})
        facts[-1] |= {"cosine_mean": float(near.mean()), "cosine_least": float(near.min())}
    if given.json:
        given.json.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
