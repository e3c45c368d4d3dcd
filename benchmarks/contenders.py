"""Run one contender of benchmarks/speed.py: featx, or one of the libraries that it is compared with.

A process reads one job as JSON from standard input and prints its answer as JSON on the last line of
standard output. It runs in an environment of its own, so nothing here needs more than NumPy at the top.
A job has ``contender``, ``items`` (paths or sentences), ``warm`` (how many of them go before the clock
starts), ``out`` (a .npy file for the rows), ``cores``, ``settings`` and the backbone's files.
"""

from __future__ import annotations

import json
import math
import multiprocessing
import os
import resource
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

Embed = Callable[[Sequence[str]], np.ndarray]
Job = dict[str, Any]
SPECIAL = {f"{name}_token": f"[{name.upper()}]" for name in ("pad", "cls", "sep", "unk", "mask")}
FILTERS = {"nearest": 0, "lanczos": 1, "bilinear": 2, "bicubic": 3}


def main() -> None:
    """Do the job that standard input describes.

    The answer has ``n``, ``seconds`` from items to rows on disk, ``busy_seconds`` that all cores together
    worked meanwhile, and ``extra_seconds``, which the process spent for the measurement alone.
    """
    job = json.load(sys.stdin)
    os.sched_setaffinity(0, job["cores"])
    if job["contender"] == "parts":
        say(**(measure_products if "tokenizer" in job else measure_parts)(job))
        return
    embed, items = globals()[f"open_{job['contender']}"](job), job["items"]
    start = time.perf_counter()
    if not hasattr(embed, "lead"):
        embed(items[: job["warm"]])
    extra, start = time.perf_counter() - start, time.perf_counter()
    busy = busy_seconds()
    rows = embed(items)
    np.save(job["out"], np.ascontiguousarray(rows, np.float32))
    seconds = time.perf_counter() - getattr(embed, "began", start)
    extra += getattr(embed, "idle", 0) + getattr(embed, "lead", 0) * seconds / max(1, len(rows))
    say(n=len(rows), seconds=seconds, busy_seconds=busy_seconds() - busy, extra_seconds=extra)


def say(**figures: float) -> None:
    figures["cpu_seconds"] = busy_seconds()
    print(json.dumps(figures), flush=True)


def busy_seconds() -> float:
    """Return the processor seconds of this process, and of its children that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def open_featx(job: Job) -> Embed:
    """featx, as anyone would call it."""
    import featx

    backbone, engine = featx.Backbone(job["backbone"]), featx.Engine()
    return lambda items: engine.embed(featx.make_samples(items), backbone).embeddings


def open_fastembed_images(job: Job) -> Embed:
    """fastembed by its public arguments alone; its rows are of unit length.

    It has no custom models for images: ``specific_model_path`` gives one of its own names another folder,
    with our graph and the card's preprocessing.
    """
    from fastembed import ImageEmbedding

    image, setting = job["image"], job["settings"]
    config = {"image_processor_type": "CLIPImageProcessor", "do_resize": True, "do_rescale": True}
    config |= {"size": {"shortest_edge": image["resize"]}, "rescale_factor": 1 / 255}
    config |= {"resample": FILTERS[image["interpolation"]], "do_center_crop": True}
    config |= {"crop_size": image["crop"], "do_normalize": True}
    config |= {"image_mean": image["mean"], "image_std": image["std"]}
    folder, name = write_folder(job, preprocessor_config=config), "Qdrant/resnet50-onnx"
    model = ImageEmbedding(name, specific_model_path=folder, threads=setting["threads"])
    batch, parallel = setting["batch"], setting["parallel"]
    if parallel is None:
        return lambda paths: np.stack(list(model.embed(list(paths), batch_size=batch)))

    def feed(paths: Sequence[str]) -> Iterator[str]:
        # Worker processes start with every call: they warm up on its head and are awaited before the rest.
        yield from paths[: embed.lead]
        embed.idle = await_idle_workers()
        embed.began = time.perf_counter()
        yield from paths

    def embed(paths: Sequence[str]) -> np.ndarray:
        rows = list(model.embed(feed(paths), batch_size=batch, parallel=parallel))
        return np.stack(rows[embed.lead :])

    # whole batches, so that none waits for what comes after the pause
    embed.lead = min(-(-max(job["warm"], batch * parallel) // batch) * batch, len(job["items"]))
    return embed


def await_idle_workers(still: float = 0.5) -> float:
    """Return ``still`` once no worker process has used a processor for so many seconds."""
    before, since = -1, time.perf_counter()
    while time.perf_counter() - since < still:
        time.sleep(0.05)
        files = [Path(f"/proc/{child.pid}/stat") for child in multiprocessing.active_children()]
        fields = [file.read_text().rpartition(")")[2].split() for file in files]
        used = sum(int(field[11]) + int(field[12]) for field in fields)
        if used != before or not used:
            before, since = used, time.perf_counter()
    return still


def write_folder(job: Job, **tables: Any) -> str:
    """Return a folder with the graph and the tables that a contender reads."""
    folder = Path(job["work"]) / job["contender"].removeprefix("open_") / job["backbone"]
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "model.onnx").exists():
        (folder / "model.onnx").write_bytes(Path(job["graph"]).read_bytes())
    for name, table in tables.items():
        (folder / f"{name}.json").write_text(json.dumps(table), encoding="utf-8")
    return str(folder)


def open_keras(job: Job) -> Embed:
    """Keras' own MobileNetV2 and ``predict`` over a tf.data pipeline; its weights are random."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import keras
    import tensorflow as tf

    given, image = job["settings"], job["image"]
    tf.config.threading.set_intra_op_parallelism_threads(given["threads"])
    tf.config.threading.set_inter_op_parallelism_threads(given["threads"])
    keras.utils.set_random_seed(0)
    side = image["crop"]
    model = keras.applications.MobileNetV2(
        weights=None, include_top=False, pooling="avg", input_shape=(side, side, 3)
    )

    def read(path: Any) -> Any:
        photo = tf.io.decode_jpeg(tf.io.read_file(path), channels=3)
        sides = tf.shape(photo)[:2]
        scale = image["resize"] / tf.reduce_min(sides)
        wanted = tf.cast(tf.round(tf.cast(sides, tf.float64) * scale), tf.int32)
        photo = tf.image.resize_with_crop_or_pad(tf.image.resize(photo, wanted), side, side)
        return keras.applications.mobilenet_v2.preprocess_input(photo)

    def embed(paths: Sequence[str]) -> np.ndarray:
        photos = tf.data.Dataset.from_tensor_slices(list(paths))
        photos = photos.map(read, num_parallel_calls=tf.data.AUTOTUNE)
        batches = photos.batch(given["batch"]).prefetch(tf.data.AUTOTUNE)
        return model.predict(batches, verbose=0)

    return embed


def open_fastembed_texts(job: Job) -> Embed:
    """fastembed with the same graph; without the file's padding to 128 tokens, which would slow it down."""
    from fastembed import TextEmbedding
    from fastembed.common.model_description import ModelSource, PoolingType

    tokenizer = json.loads(Path(job["tokenizer"]).read_text(encoding="utf-8"))
    folder = write_folder(
        job,
        tokenizer=tokenizer | {"padding": None, "truncation": None},
        config={"pad_token_id": 0},
        special_tokens_map=SPECIAL,
        tokenizer_config=SPECIAL | {"model_max_length": 256},
    )
    about = {"pooling": PoolingType.MEAN, "normalization": True, "dim": 384}
    about |= {"sources": ModelSource(hf="local/minilm"), "model_file": "model.onnx"}
    TextEmbedding.add_custom_model(model="local/minilm", **about)
    threads, batch = job["settings"]["threads"], job["settings"]["batch"]
    model = TextEmbedding("local/minilm", specific_model_path=folder, threads=threads)
    return lambda texts: np.stack(list(model.embed(texts, batch_size=batch)))


def open_libembedding(job: Job) -> Embed:
    """libembedding-ng with the same graph and tokenizer, read from a folder."""
    from libembedding import TextEmbedding

    tokenizer = json.loads(Path(job["tokenizer"]).read_text(encoding="utf-8"))
    folder, setting = write_folder(job, tokenizer=tokenizer), job["settings"]
    about = {"dim": 384, "pooling": "mean", "max_length": 256, "offline": True}
    model = TextEmbedding(folder, threads=setting["threads"], batch_size=setting["batch"], **about)
    return lambda texts: model.embed(list(texts))


def open_torch(job: Job) -> Embed:
    """torch eager behind a DataLoader whose workers persist, with the graph's weights.

    Batch norm is folded into them: the same arithmetic as a checkpoint's, and faster.
    """
    import torch

    given, chosen = job["settings"], list[int]()
    torch.set_num_threads(given["threads"])
    layout = torch.channels_last if given["channels_last"] else torch.contiguous_format
    network, _ = read_network(job["graph"], layout)
    loader = torch.utils.data.DataLoader(
        TorchPhotos(job["items"], job["image"]),
        batch_size=given["batch"],
        sampler=chosen,
        num_workers=given["workers"],
        persistent_workers=given["workers"] > 0,
    )

    def embed(paths: Sequence[str]) -> np.ndarray:
        chosen[:] = range(len(paths))
        with torch.inference_mode():
            return torch.cat([network(part.to(memory_format=layout)) for part in loader]).numpy()

    return embed


class TorchPhotos:
    """Resize, CenterCrop, ToTensor and Normalize, as timm's evaluation transform does them."""

    def __init__(self, paths: Sequence[str], image: dict[str, Any]) -> None:
        self.paths, self.image = paths, image

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Any:
        import torch
        from PIL import Image

        resize, crop = self.image["resize"], self.image["crop"]
        mean, std = (torch.tensor(self.image[key]).view(-1, 1, 1) for key in ("mean", "std"))
        with Image.open(self.paths[index]) as opened:
            photo = opened.convert("RGB")
        size = tuple(int(resize * side / min(photo.size)) for side in photo.size)
        left, top = (round((side - crop) / 2) for side in size)
        photo = photo.resize(size, FILTERS[self.image["interpolation"]])
        photo = photo.crop((left, top, left + crop, top + crop))
        values = torch.from_numpy(np.array(photo)).permute(2, 0, 1).contiguous()
        return values.float().div_(255).sub_(mean).div_(std)


def read_network(
    graph: str, layout: Any, *, pooled: bool = True
) -> tuple[Callable[[Any], Any], dict[str, Any]]:
    """Return the convolutional network of an ONNX file as calls of torch's own operators, and its weights.

    The bounds of Clip are taken for 0 and 6; not ``pooled``, the map is returned of which the mean is taken.
    """
    import onnx
    import torch
    from torch.nn import functional

    loaded = onnx.load(graph).graph
    held = {
        tensor.name: torch.from_numpy(onnx.numpy_helper.to_array(tensor).copy())
        for tensor in loaded.initializer
    }
    held = {k: v.to(memory_format=layout) if v.ndim == 4 else v for k, v in held.items()}
    nodes = [
        (n.op_type, [*n.input], {a.name: onnx.helper.get_attribute_value(a) for a in n.attribute})
        for n in loaded.node
    ]

    def run(x: Any) -> Any:
        values = {loaded.input[0].name: x}
        for (kind, names, options), node in zip(nodes, loaded.node, strict=True):
            first, *rest = (values[name] if name in values else held[name] for name in names)
            if kind == "Conv":
                top, left, bottom, right = options["pads"]
                pads, stride, groups = [top, left], options["strides"], options["group"]
                if pads != [bottom, right]:
                    first, pads = functional.pad(first, (left, right, top, bottom)), [0, 0]
                result = functional.conv2d(first, *rest, stride, pads, groups=groups)
            elif kind == "Clip":
                result = functional.relu6(first, inplace=True)
            elif kind == "Add":
                result = first + rest[0]
            elif kind in ("GlobalAveragePool", "ReduceMean"):
                if not pooled:
                    return first
                result = first.mean((2, 3), keepdim=bool(options.get("keepdims", 1)))
            else:
                result = first.flatten(1) if kind == "Flatten" else first
            values[node.output[0]] = result
        return values[loaded.output[0].name]

    return run, held


def open_sentence_transformers(job: Job) -> Embed:
    """sentence-transformers with a BERT of MiniLM's shape; its weights are random."""
    import torch
    from sentence_transformers import SentenceTransformer, models
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    torch.set_num_threads(job["settings"]["threads"])
    folder = str(Path(job["work"]) / "sentence-transformers")
    shape = {"hidden_size": 384, "num_hidden_layers": 6, "num_attention_heads": 12}
    config = BertConfig(intermediate_size=1536, **shape)
    BertModel(config, add_pooling_layer=False).save_pretrained(folder)
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=job["tokenizer"], **SPECIAL)
    tokenizer.save_pretrained(folder)
    modules = [models.Transformer(folder, max_seq_length=256), models.Pooling(384, "mean")]
    model = SentenceTransformer(modules=[*modules, models.Normalize()], device="cpu")
    return lambda texts: model.encode(texts, batch_size=job["settings"]["batch"])


def measure_parts(job: Job) -> dict[str, float]:
    """Return mean seconds a photo on one core, without an engine around: decoding, and the graph alone.

    Decoding is measured as featx does it and as plain Pillow does it best; the graph in bare ONNX
    Runtime with one thread, one photo at a time.
    """
    import onnx.utils
    import onnxruntime

    import featx

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    graph = onnx.load(job["graph"])
    name = graph.graph.input[0].name
    # no other output is computed
    graph = onnx.utils.Extractor(graph).extract_model([name], [job["output"]])
    session = onnxruntime.InferenceSession(
        graph.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    plain = plain_reader(job["image"])
    reader = featx.Backbone(job["backbone"]).reader
    paths = job["items"]
    tensors = [plain(path)[None] for path in paths[:32]]
    tensors *= max(1, 160 // len(tensors))
    steps: dict[str, tuple[Callable[[Any], object], Sequence[Any]]] = {
        "decode_featx": (lambda path: reader.read(reader.load(path)), paths),
        "decode_plain": (plain, paths),
        "infer": (lambda tensor: session.run(None, {name: tensor}), tensors),
    }
    for step, given in steps.values():
        mean_seconds(step, given[: job["warm"]])
    return {key: mean_seconds(step, given) for key, (step, given) in steps.items()}


def measure_products(job: Job) -> dict[str, float]:
    """Return tokens and operations a sentence of the matrix products of a graph, and their rate on one core.

    Counted are the products of real tokens, without padding; the rate is that of ONNX Runtime, in
    operations a processor second, with the weights of the graph's own shapes and 384 tokens.
    """
    import onnx

    import featx

    reader = featx.Backbone(job["backbone"]).reader
    lengths = [len(window.ids) for text in job["items"] for window in reader.read(text)]
    graph = onnx.load(job["graph"]).graph
    known = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    casts = {n.output[0]: known.get(n.input[0]) for n in graph.node if n.op_type == "Cast"}
    products = [
        known.get(n.input[1]) or casts.get(n.input[1]) for n in graph.node if n.op_type == "MatMul"
    ]
    dense = [shape for shape in products if shape]
    # scores of tokens for tokens, and sums by them: each as wide as a token
    width = dense[0][0]
    between = 2 * width * (len(products) - len(dense))
    a_token = 2 * sum(rows * columns for rows, columns in dense)
    n = len(job["items"])
    operations = (a_token * sum(lengths) + between * sum(length**2 for length in lengths)) / n
    seconds = sum(dense.count(shape) * product_seconds(*shape) for shape in set(dense))
    return {
        "tokens": sum(lengths) / n,
        "operations": operations,
        "rate": 384 * a_token / seconds,
    }


def product_seconds(rows: int, columns: int, tokens: int = 384) -> float:
    """Return the median processor seconds of one product of ONNX Runtime, in one thread."""
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper

    rng = np.random.default_rng(0)
    weights = numpy_helper.from_array(rng.standard_normal((rows, columns), np.float32), "w")
    values = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [tokens, side])
        for name, side in (("x", rows), ("y", columns))
    ]
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    graph = helper.make_graph([node], "product", values[:1], values[1:], [weights])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    given, taken = rng.standard_normal((tokens, rows), np.float32), []
    for _ in range(60):
        start = time.thread_time()
        session.run(None, {"x": given})
        taken.append(time.thread_time() - start)
    return float(np.median(taken[10:]))


def mean_seconds(step: Callable[[Any], object], given: Sequence[Any]) -> float:
    start = time.perf_counter()
    for item in given:
        step(item)
    return (time.perf_counter() - start) / max(1, len(given))


def plain_reader(image: dict[str, Any]) -> Callable[[str], np.ndarray]:
    """Return a function from a path to a tensor of shape (3, crop, crop), float32, without featx.

    It decodes at a scale that leaves enough pixels, and resizes once what the crop keeps.
    """
    from PIL import Image

    resize, crop = image["resize"], image["crop"]
    mean = np.array(image["mean"] or [0.0] * 3, np.float32) / np.float32(image["scale"])
    gain = np.float32(image["scale"]) / np.array(image["std"] or [1.0] * 3, np.float32)

    def read(path: str) -> np.ndarray:
        with Image.open(path) as photo:
            scale = image["draft"] * resize / min(photo.size)
            photo.draft("RGB", tuple(math.ceil(side * scale) for side in photo.size))
            seen = photo.convert("RGB")
        box = [0.0] * 4
        for axis, side in enumerate(seen.size):
            # sides and corners are rounded as torchvision rounds them
            wide = int(resize * side / min(seen.size))
            first = round((wide - crop) / 2)
            box[axis], box[axis + 2] = first * side / wide, (first + crop) * side / wide
        kind = Image.Resampling(FILTERS[image["interpolation"]])
        values = np.asarray(seen.resize((crop, crop), kind, tuple(box)), np.float32)
        return np.ascontiguousarray(((values - mean) * gain).transpose(2, 0, 1))

    return read


if __name__ == "__main__":
    main()
