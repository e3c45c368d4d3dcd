"""How long a command takes to start: featx beside the least that can do the same work.

    python benchmarks/startup.py                        # 15 rounds of each, interleaved; the medians
    python benchmarks/startup.py --json startup.json

``featx predict`` of one photo stands beside a script that imports ONNX Runtime, Pillow and NumPy and nothing
else: it decodes, resizes, crops, standardises, runs the graph and the linear head, and prints the same JSON
line. Both read the weights and the head from files, in a process of their own. ``featx --help`` stands beside
``import click``. The classifier is trained on noise, for its time does not depend on what it learned;
featx runs with its cache of rows emptied, so that both compute. Every module is compiled once, in the round
that warms up, as an installer does it: a source tree with ``PYTHONDONTWRITEBYTECODE`` would pay each time.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from shelves import stock

ROOT = Path(__file__).resolve().parent.parent
SHARED = (ROOT / "../shared").resolve()
BARE = """
import json, sys
import numpy as np
import onnxruntime
from PIL import Image

graph, head, photo, resize, crop, mean, std = sys.argv[1:]
resize, crop = int(resize), int(crop)
mean, std = (np.array(json.loads(v), np.float32)[:, None, None] for v in (mean, std))
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
image = Image.open(photo).convert("RGB")
width, height = image.size
scale = resize / min(width, height)
image = image.resize((max(resize, int(width * scale)), max(resize, int(height * scale))), 2)
left, top = round((image.width - crop) / 2), round((image.height - crop) / 2)
pixels = np.asarray(image.crop((left, top, left + crop, top + crop)), np.float32)
tensor = (pixels.transpose(2, 0, 1) / 255 - mean) / std
row = session.run(["embedding"], {session.get_inputs()[0].name: tensor[None].astype(np.float32)})[0]
with np.load(head) as kept:
    scores = ((row - kept["mean"]) / kept["scale"]) @ kept["coef"].T + kept["intercept"]
    classes, temperature = kept["classes"], kept["temperature"]
values = np.concatenate([np.zeros_like(scores), scores], 1)[0] / temperature
shares = np.exp(values - values.max())
shares /= shares.sum()
best = int(shares.argmax())
print(json.dumps({"id": photo, "label": str(classes[best]), "probability": float(shares[best])}))
"""


def prepare(work: Path, backbone: str) -> dict[str, list[str]]:
    """The commands that are compared, by name."""
    import featx
    from featx.catalog import locate
    from featx.training import fit_head
    from featx.tuning import Recipe

    card = featx.get_card(backbone)
    rng = np.random.default_rng(0)
    rows = rng.normal(0.4, 0.4, (60, card.dim)).astype(np.float32)
    trained = fit_head(rows, ["cat", "dog"] * 30, Recipe("logistic"))
    saved = featx.save(featx.Classifier(card, trained.head, {}), work / "x.featx")
    with np.load(saved / "head.npz") as kept:
        np.savez(work / "head.npz", temperature=trained.head.temperature, **kept)
    photo = work / "photo.jpg"
    card.input.canary().resize((464, 404)).save(photo, quality=90)
    settings = card.input
    (work / "bare.py").write_text(BARE, encoding="utf-8")
    given = [str(locate(card, card.graph)), str(work / "head.npz"), str(photo)]
    given += [str(settings.resize), str(settings.crop)]
    given += [json.dumps(settings.mean or [0] * 3), json.dumps(settings.std or [1] * 3)]
    door = [sys.executable, str(ROOT / "cli.py")]
    return {
        "bare script": [sys.executable, str(work / "bare.py"), *given],
        "featx predict": [*door, "predict", str(saved), str(photo)],
        "featx predict --no-cache": [*door, "predict", "--no-cache", str(saved), str(photo)],
        "import click": [sys.executable, "-c", "import click"],
        "featx --help": [*door, "--help"],
    }


PAIRS = {
    "featx predict": "bare script",
    "featx predict --no-cache": "bare script",
    "featx --help": "import click",
}


def measure(
    commands: dict[str, list[str]], work: Path, rounds: int
) -> tuple[dict[str, list[float]], dict[str, str]]:
    """Seconds of each command, one a round, in turns; and what each said."""
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    said = {}
    environment = {**os.environ, "FEATX_CACHE_DIR": str(work / "cache"), "PYTHONPATH": str(ROOT)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    environment["PYTHONPYCACHEPREFIX"] = str(work / "compiled")
    for turn in range(rounds + 1):
        for name, words in commands.items():
            (work / "cache" / "rows.sqlite").unlink(missing_ok=True)
            start = time.perf_counter()
            done = subprocess.run(
                words, check=True, env=environment, stdout=subprocess.PIPE, text=True
            )
            if turn:  # the first warms the disk, and the digests that featx remembers
                seconds[name].append(time.perf_counter() - start)
            said[name] = done.stdout
    return seconds, said


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--backbone", default="mobilenetv2-1.0")
    parser.add_argument("--models", type=Path, default=SHARED / "models")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--json", type=Path, help="where to write the figures")
    given = parser.parse_args()
    stock(given.models)
    sys.path.insert(0, str(ROOT))
    with tempfile.TemporaryDirectory() as folder:
        commands = prepare(Path(folder), given.backbone)
        seconds, said = measure(commands, Path(folder), given.rounds)
    answers = [json.loads(said[name]) for name in ("bare script", "featx predict")]
    apart = abs(answers[0]["probability"] - answers[1]["probability"])
    if apart > 0.01:
        raise SystemExit(f"not the same work: {answers}")
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    print(f"{'':<26} median s   fastest   beside")
    for name, median in medians.items():
        beside = PAIRS.get(name)
        ratio = f"{median / medians[beside]:.2f} × {beside}" if beside else ""
        print(f"{name:<26} {median:8.3f} {min(seconds[name]):9.3f}   {ratio}")
    if given.json:
        ratios = {name: medians[name] / medians[beside] for name, beside in PAIRS.items()}
        facts = {"backbone": given.backbone, "seconds": seconds, "medians": medians}
        given.json.write_text(json.dumps({**facts, "ratios": ratios}, indent=1) + "\n")


if __name__ == "__main__":
    main()
