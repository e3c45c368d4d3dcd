"""Compare the start of featx predict with the least that does the same work, of featx --help with click.

    python benchmarks/startup.py                        # 15 rounds of each, in turns; the medians

``featx predict`` of one photo stands beside a script that imports ONNX Runtime, Pillow and NumPy and nothing
else: it decodes, resizes, crops, standardises, runs the graph and the linear head, and prints the same JSON
line. Both read the weights and the head from files, in a process of their own. The classifier is trained on
noise, for its time does not depend on what it learned; featx runs with its cache of rows emptied, so that
both compute. Every module is compiled once, in the round that warms up, as an installer does it.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path

import common
import numpy as np
from common import format_table

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
    scores = (row @ kept["coef"] + kept["intercept"])[0] / kept["temperature"]
    classes = kept["classes"]
values = np.concatenate([[0], scores])
shares = np.exp(values - values.max())
shares /= shares.sum()
best = int(shares.argmax())
print(json.dumps({"id": photo, "label": str(classes[best]), "probability": float(shares[best])}))
"""
PAIRS = {
    "featx predict": "bare script",
    "featx predict --no-cache": "bare script",
    "featx --help": "import click",
}


def prepare(work: Path, backbone: str) -> dict[str, list[str]]:
    """Return the commands that are compared, by name."""
    import featx

    card, rng = featx.get_card(backbone), np.random.default_rng(0)
    # two kinds of noise, which any backbone tells apart
    pictures = [rng.integers(0, most, (64, 64, 3), np.uint8) for most in (120, 256) * 12]
    classifier = featx.fit(pictures, ["cat", "dog"] * 12, backbone=backbone)
    saved = featx.save(classifier, work / "x.featx")
    np.savez(work / "head.npz", **common.linear_head(classifier))
    photo, image = work / "photo.jpg", card.input
    image.canary().resize((464, 404)).save(photo, quality=90)
    (work / "bare.py").write_text(BARE, encoding="utf-8")
    graph = common.find_file(card, card.graph.name)
    given = [graph, work / "head.npz", photo, image.resize, image.crop]
    given += [json.dumps(image.mean or [0] * 3), json.dumps(image.std or [1] * 3)]
    featx_command = [sys.executable, str(common.ROOT / "cli.py")]
    predict = [*featx_command, "predict", str(saved), str(photo)]
    return {
        "bare script": [sys.executable, str(work / "bare.py"), *map(str, given)],
        "featx predict": predict,
        "featx predict --no-cache": [*predict, "--no-cache"],
        "import click": [sys.executable, "-c", "import click"],
        "featx --help": [*featx_command, "--help"],
    }


def main() -> None:
    """Measure all commands in turns, and print medians and the median of the rounds' ratios."""
    parser = common.make_parser(__doc__, rounds=15)
    parser.add_argument("--backbone", default="mobilenetv2-1.0")
    given = common.parse(parser)
    with tempfile.TemporaryDirectory() as folder:
        commands = prepare(Path(folder), given.backbone)
        around = {**os.environ, "FEATX_CACHE_DIR": f"{folder}/cache"}
        around["PYTHONPYCACHEPREFIX"] = f"{folder}/compiled"
        around.pop("PYTHONDONTWRITEBYTECODE", None)

        def run(command: list[str]) -> tuple[float, str]:
            Path(folder, "cache", "rows.sqlite").unlink(missing_ok=True)
            done = common.run_process(command, environment=around)
            return done.seconds, done.stdout

        steps = {name: lambda command=command: run(command) for name, command in commands.items()}
        # the first round warms the disk, and the digests that featx remembers
        results = common.in_turns(given.rounds, steps, warm=1)
    answers = [json.loads(results[name][0][1]) for name in ("bare script", "featx predict")]
    if abs(answers[0]["probability"] - answers[1]["probability"]) > 0.01:
        raise SystemExit(f"not the same work: {answers}")
    seconds = {name: [result[0] for result in rounds] for name, rounds in results.items()}
    lines = []
    for name, values in seconds.items():
        beside, medians = PAIRS.get(name), common.spread(values)
        line = [name, f"{medians['median']:.3f}", f"{medians['low']:.3f}", ""]
        if beside:
            ratio, low, high = common.ratio_interval(values, seconds[beside])
            line[-1] = f"{ratio:.2f} ({low:.2f} to {high:.2f}) × {beside}"
        lines.append(line)
    print(format_table(["", "median s", "fastest", "beside (95 % interval)"], lines))
    common.write_json(given.json, {"backbone": given.backbone, "seconds": seconds})


if __name__ == "__main__":
    main()
