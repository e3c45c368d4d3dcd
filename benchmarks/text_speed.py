"""Sentences a second: featx beside sentence-transformers (torch) and fastembed, same weights, same threads.

    python benchmarks/text_speed.py                     # BANKING77's 10 003 training sentences, three rounds
    python benchmarks/text_speed.py --sentences 2000 --rounds 5

The peers live in an environment of their own (``--env``), which the first run makes. They read the same
weights from local files: fastembed the same graph, sentence-transformers a torch BERT that is given the
graph's own numbers. Contenders take turns, each in a process of its own; loading and a warm-up are not
counted. The medians are compared, and the first rows, which must agree.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable
from pathlib import Path

import numpy as np
from shelves import stock

HERE = Path(__file__).resolve().parent
MODEL = "all-minilm-l6-v2"
PEERS = (["torch==2.13.0"], ["sentence-transformers", "fastembed", "onnx"])
WARM = 64

Embed = Callable[[list[str]], np.ndarray]


def open_featx(models: Path, work: Path, threads: int) -> Embed:
    sys.path.insert(0, str(HERE.parent))
    stock(models)
    import featx

    backbone, engine = featx.Backbone(MODEL), featx.Engine(n_jobs=threads)
    return lambda texts: engine.embed(featx.make_samples(texts), backbone).embeddings


def open_fastembed(models: Path, work: Path, threads: int, size: int) -> Embed:
    from fastembed import TextEmbedding
    from fastembed.common.model_description import ModelSource, PoolingType

    folder = work / "fastembed"
    folder.mkdir(exist_ok=True)
    if not (folder / "model.onnx").exists():
        (folder / "model.onnx").symlink_to(models / MODEL / "backbone.onnx")
    describe(folder, models / MODEL / "tokenizer.json")
    TextEmbedding.add_custom_model(
        model="local/minilm",
        pooling=PoolingType.MEAN,
        normalization=True,
        sources=ModelSource(hf="local/minilm"),
        dim=384,
        model_file="model.onnx",
    )
    model = TextEmbedding("local/minilm", specific_model_path=str(folder), threads=threads)
    return lambda texts: np.stack(list(model.embed(texts, batch_size=size)))


def open_sentence_transformers(models: Path, work: Path, threads: int, size: int) -> Embed:
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers import models as parts
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    torch.set_num_threads(threads)
    folder = work / "torch"
    if not (folder / "config.json").exists():
        config = BertConfig(
            hidden_size=384, num_hidden_layers=6, num_attention_heads=12, intermediate_size=1536
        )
        bert = BertModel(config, add_pooling_layer=False)
        bert.load_state_dict(weights(models / MODEL / "backbone.onnx", bert.state_dict()))
        bert.save_pretrained(folder)
        PreTrainedTokenizerFast(
            tokenizer_file=str(models / MODEL / "tokenizer.json"),
            pad_token="[PAD]",
            cls_token="[CLS]",
            sep_token="[SEP]",
            unk_token="[UNK]",
            mask_token="[MASK]",
        ).save_pretrained(folder)
    bert = parts.Transformer(str(folder), max_seq_length=256)
    pooled = [parts.Pooling(384, "mean"), parts.Normalize()]
    model = SentenceTransformer(modules=[bert, *pooled], device="cpu")
    return lambda texts: model.encode(texts, batch_size=size)


def weights(graph: Path, wanted: dict) -> dict:
    """The graph's numbers by torch's names; dense layers are stored the other way round."""
    import onnx
    import torch

    held = {
        tensor.name.removesuffix("_f16"): onnx.numpy_helper.to_array(tensor).astype(np.float32)
        for tensor in onnx.load(graph).graph.initializer
    }
    found = {}
    for name, tensor in wanted.items():
        if name.endswith(("position_ids", "token_type_ids")):
            found[name] = tensor
            continue
        short = name.removeprefix("embeddings.").removesuffix("_embeddings.weight")
        key = name if name in held else f"{short}_embeddings"
        values = held[key]
        if "_embeddings" not in name and values.ndim == 2:
            values = values.T
        found[name] = torch.from_numpy(np.ascontiguousarray(values))
    return found


def describe(folder: Path, tokenizer: Path) -> None:
    """What fastembed reads; without the file's padding to 128 tokens, which would slow it down."""
    table = json.loads(tokenizer.read_text(encoding="utf-8"))
    table |= {"padding": None, "truncation": None}
    (folder / "tokenizer.json").write_text(json.dumps(table), encoding="utf-8")
    special = {"pad_token": "[PAD]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    special |= {"unk_token": "[UNK]", "mask_token": "[MASK]"}
    (folder / "config.json").write_text(json.dumps({"pad_token_id": 0}))
    (folder / "special_tokens_map.json").write_text(json.dumps(special))
    table = {**special, "model_max_length": 256}
    (folder / "tokenizer_config.json").write_text(json.dumps(table))


CONTENDERS: dict[str, Callable[[Path, Path, int], Embed]] = {
    "featx": open_featx,
    "fastembed, batch 256": lambda m, w, t: open_fastembed(m, w, t, 256),
    "fastembed, batch 16": lambda m, w, t: open_fastembed(m, w, t, 16),
    "sentence-transformers, batch 32": lambda m, w, t: open_sentence_transformers(m, w, t, 32),
    "sentence-transformers, batch 8": lambda m, w, t: open_sentence_transformers(m, w, t, 8),
}


def run(given: argparse.Namespace) -> None:
    """One contender, once: seconds and the first row, as JSON on the last line."""
    embed = CONTENDERS[given.contender](given.models, given.work, given.threads)
    texts = sentences(given)
    embed(texts[:WARM])
    start = time.perf_counter()
    rows = embed(texts)
    seconds = time.perf_counter() - start
    print(json.dumps({"seconds": seconds, "n": len(rows), "row": rows[0].tolist()}))


def sentences(given: argparse.Namespace) -> list[str]:
    """The set's training sentences, or as many of them drawn at random."""
    with (given.data / "banking77" / "train.csv").open(encoding="utf-8", newline="") as file:
        texts = [row["text"] for row in csv.DictReader(file)]
    n = given.sentences or len(texts)
    return [texts[i] for i in np.random.default_rng(0).permutation(len(texts))[:n]]


def prepare(env: Path) -> Path:
    """The Python of the peers' environment, which is made where it is missing."""
    python = env / ("Scripts" if os.name == "nt" else "bin") / "python"
    if not (env / "ready").exists():
        venv.create(env, with_pip=True)
        for names in PEERS:
            subprocess.run([python, "-m", "pip", "install", "--quiet", *names], check=True)
        (env / "ready").touch()
    return python


def take_turns(given: argparse.Namespace) -> dict[str, list[dict]]:
    """Every contender's results, one a round."""
    peer = prepare(given.env)
    found: dict[str, list[dict]] = {name: [] for name in given.only or CONTENDERS}
    offline = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
    for _ in range(given.rounds):
        for name in found:
            words = [sys.executable if name == "featx" else str(peer), __file__]
            words += ["--contender", name, "--work", str(given.work)]
            words += ["--data", str(given.data), "--models", str(given.models)]
            words += ["--threads", str(given.threads), "--sentences", str(given.sentences or 0)]
            environment = {**os.environ, **offline, "OMP_NUM_THREADS": str(given.threads)}
            done = subprocess.run(
                words, check=True, env=environment, stdout=subprocess.PIPE, text=True
            )
            found[name].append(json.loads(done.stdout.splitlines()[-1]))
            last = found[name][-1]
            print(f"  {name}: {last['n'] / last['seconds']:.0f}", file=sys.stderr, flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=(HERE.parent / "../shared/data").resolve())
    parser.add_argument("--models", type=Path, default=(HERE.parent / "../shared/models").resolve())
    parser.add_argument("--sentences", type=int, help="only so many")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument(
        "--env", type=Path, default=Path(tempfile.gettempdir()) / "featx-text-peers"
    )
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--only", action="append", choices=CONTENDERS)
    parser.add_argument("--contender", choices=CONTENDERS, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.contender:
        run(given)
        return
    with tempfile.TemporaryDirectory() as work:
        given.work = Path(work)
        found = take_turns(given)
    reference = found["featx"][0] if "featx" in found else next(iter(found.values()))[0]
    medians = {n: statistics.median(r["n"] / r["seconds"] for r in rs) for n, rs in found.items()}
    print(f"{'':<33} sentences/s  featx is  cosine of the first row with featx's")
    for name, results in found.items():
        cosine = np.dot(results[0]["row"], reference["row"])
        ratio = medians.get("featx", float("nan")) / medians[name]
        print(f"{name:<33} {medians[name]:11.0f}  {ratio:6.2f} ×  {cosine:.6f}")


if __name__ == "__main__":
    main()
