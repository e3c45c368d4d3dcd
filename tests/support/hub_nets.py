"""Small graphs as programs export the models of hubs: names and shapes are theirs, weights are random."""

from __future__ import annotations

import json

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tests.support.nets import FLOAT, save, weights

INT64 = TensorProto.INT64
_node = helper.make_node
# Columns of a row, and pixels of a patch's side.
DIM, PATCH = 12, 8


def ints(name, *values):
    return numpy_helper.from_array(np.array(values, np.int64), name)


def write_json(folder, name, table):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(table), encoding="utf-8")
    return path


def _tokens(source, *, registers=0, distilled=False):
    """Nodes from pictures to "tokens": a class token made of all patches, registers, and the patches."""
    nodes = [
        _node("Conv", [source, "patches"], ["grid"], strides=[PATCH, PATCH]),
        _node("GlobalAveragePool", ["grid"], ["pooled"]),
        _node("Flatten", ["pooled"], ["pool"]),
        _node("Reshape", ["grid", "as rows"], ["flat"]),
        _node("Transpose", ["flat"], ["patch tokens"], perm=[0, 2, 1]),
        _node("MatMul", ["pool", "of class"], ["class row"]),
        _node("Unsqueeze", ["class row", "one"], ["class token"]),
    ]
    parts = ["class token"] * (2 if distilled else 1)
    if registers:
        # far from all else, so that a mean with them in it is another one
        nodes.append(_node("Mul", ["class token", "far"], ["register"]))
        parts += ["register"] * registers
    nodes.append(_node("Concat", [*parts, "patch tokens"], ["last_hidden_state"], axis=1))
    constants = [
        weights("patches", DIM, 3, PATCH, PATCH),
        weights("of class", DIM, DIM),
        ints("as rows", 0, DIM, -1),
        ints("one", 1),
        numpy_helper.from_array(np.float32(100), "far"),
    ]
    return nodes, constants


def save_vit(
    path, *, source="pixel_values", size=("height", "width"), batch="batch_size", **tokens
):
    """A Vision Transformer exported as features: last_hidden_state, and a pooler that nobody trained."""
    nodes, constants = _tokens(source, **tokens)
    nodes += [
        _node("Gather", ["last_hidden_state", "zero"], ["first"], axis=1),
        _node("MatMul", ["first", "untrained"], ["pooler_output"]),
    ]
    constants += [numpy_helper.from_array(np.int64(0), "zero"), weights("untrained", DIM, DIM)]
    return _save(
        path,
        nodes,
        [(source, FLOAT, [batch, 3, *size])],
        [
            ("last_hidden_state", FLOAT, [batch, "sequence_length", DIM]),
            ("pooler_output", FLOAT, [batch, DIM]),
        ],
        constants,
    )


def save_classifier(
    path, *, source="pixel_values", scores="logits", classes=7, size=(32, 32), op="Gemm"
):
    """Scores of classes alone, as timm and classification exports have them."""
    nodes, constants = _tokens(source)
    nodes.append(_node("Gather", ["last_hidden_state", "zero"], ["first"], axis=1))
    if op == "Gemm":
        nodes.append(_node("Gemm", ["first", "head", "bias"], [scores]))
    else:
        nodes.append(_node("MatMul", ["first", "head"], ["product"]))
        nodes.append(_node("Add", ["product", "bias"], [scores]))
    constants += [
        numpy_helper.from_array(np.int64(0), "zero"),
        weights("head", DIM, classes),
        weights("bias", classes),
    ]
    image = (source, FLOAT, ["batch_size", 3, *size])
    return _save(path, nodes, [image], [(scores, FLOAT, ["batch_size", classes])], constants)


def save_maps(path, *, pooler=False, source="pixel_values"):
    """A convolutional network of transformers: a map, and what comes after its mean."""
    nodes = [_node("Conv", [source, "patches"], ["last_hidden_state"], strides=[PATCH, PATCH])]
    constants = [weights("patches", DIM, 3, PATCH, PATCH)]
    outputs = [("last_hidden_state", FLOAT, ["batch_size", DIM, "h", "w"])]
    if pooler:
        nodes += [
            _node("GlobalAveragePool", ["last_hidden_state"], ["mean"]),
            _node("Flatten", ["mean"], ["flat"]),
            _node("LayerNormalization", ["flat", "gain"], ["pooler_output"]),
        ]
        constants.append(numpy_helper.from_array(np.arange(1, DIM + 1, dtype=np.float32), "gain"))
        outputs.append(("pooler_output", FLOAT, ["batch_size", DIM]))
    image = (source, FLOAT, ["batch_size", 3, "height", "width"])
    return _save(path, nodes, [image], outputs, constants)


def save_clip(path):
    """Both towers of CLIP in one graph, as optimum exports them."""
    nodes, constants = _tokens("pixel_values")
    nodes += [
        _node("Gather", ["last_hidden_state", "zero"], ["first"], axis=1),
        _node("MatMul", ["first", "project"], ["image_embeds"]),
        _node("Gather", ["words", "input_ids"], ["hidden"]),
        _node("Cast", ["attention_mask"], ["mask"], to=FLOAT),
        _node("Unsqueeze", ["mask", "two"], ["column"]),
        _node("Mul", ["hidden", "column"], ["known"]),
        _node("ReduceMean", ["known"], ["text_embeds"], axes=[1], keepdims=0),
        _node("Transpose", ["text_embeds"], ["columns"], perm=[1, 0]),
        _node("MatMul", ["image_embeds", "columns"], ["logits_per_image"]),
        _node("Transpose", ["logits_per_image"], ["logits_per_text"], perm=[1, 0]),
    ]
    constants += [
        numpy_helper.from_array(np.int64(0), "zero"),
        ints("two", 2),
        weights("project", DIM, DIM),
        weights("words", 50, DIM),
    ]
    inputs = [
        ("input_ids", INT64, ["text_batch", "sequence"]),
        ("pixel_values", FLOAT, ["image_batch", "num_channels", "height", "width"]),
        ("attention_mask", INT64, ["text_batch", "sequence"]),
    ]
    outputs = [
        ("logits_per_image", FLOAT, ["image_batch", "text_batch"]),
        ("logits_per_text", FLOAT, ["text_batch", "image_batch"]),
        ("text_embeds", FLOAT, ["text_batch", DIM]),
        ("image_embeds", FLOAT, ["image_batch", DIM]),
    ]
    return _save(path, nodes, inputs, outputs, constants)


def save_bert(
    path, *, outputs=("last_hidden_state",), words=50, kind=INT64, length="sequence_length"
):
    """A text encoder: what a word gives depends on the mean of all, so that padding must be masked."""
    shape = ["batch_size", length]
    nodes = [
        _node("Gather", ["words", "input_ids"], ["hidden"]),
        _node("Cast", ["attention_mask"], ["mask"], to=FLOAT),
        _node("Unsqueeze", ["mask", "two"], ["column"]),
        _node("Mul", ["hidden", "column"], ["known"]),
        _node("ReduceSum", ["known", "one"], ["total"], keepdims=1),
        _node("ReduceSum", ["column", "one"], ["count"], keepdims=1),
        _node("Div", ["total", "count"], ["mean"]),
        _node("Add", ["hidden", "mean"], ["mixed"]),
        _node("Tanh", ["mixed"], ["last_hidden_state"]),
        _node("Identity", ["last_hidden_state"], ["token_embeddings"]),
        _node("Squeeze", ["mean", "one"], ["sentence_embedding"]),
        _node("MatMul", ["sentence_embedding", "untrained"], ["pooler_output"]),
    ]
    constants = [
        weights("words", words, DIM),
        weights("untrained", DIM, DIM),
        ints("one", 1),
        ints("two", 2),
    ]
    inputs = [(name, kind, shape) for name in ("input_ids", "attention_mask", "token_type_ids")]
    shapes = {"last_hidden_state": [*shape, DIM], "token_embeddings": [*shape, DIM]}
    given = [(name, FLOAT, shapes.get(name, ["batch_size", DIM])) for name in outputs]
    return _save(path, nodes, inputs, given, constants)


def save_quantized_bert(path, *, words=50):
    """A text encoder whose numbers are rounded by the largest of all texts of a batch."""
    save_bert(path, words=words)
    model = onnx.load(path)
    nodes = [
        _node("DynamicQuantizeLinear", ["mixed"], ["whole", "step", "zero"]),
        _node("DequantizeLinear", ["whole", "step", "zero"], ["rounded"]),
    ]
    at = next(k for k, node in enumerate(model.graph.node) if node.op_type == "Tanh")
    model.graph.node[at].input[0] = "rounded"
    for node in reversed(nodes):
        model.graph.node.insert(at, node)
    onnx.checker.check_model(model)
    onnx.save(model, path)
    return path


def save_in_half(source, path):
    """The graph of ``source`` with its weights and floats in half precision."""
    model = onnx.load(source)
    graph = model.graph
    halves = [
        numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float16), tensor.name)
        if tensor.data_type == FLOAT
        else tensor
        for tensor in graph.initializer
    ]
    del graph.initializer[:]
    graph.initializer.extend(halves)
    for value in (*graph.input, *graph.output):
        value.type.tensor_type.elem_type = TensorProto.FLOAT16
    onnx.checker.check_model(model)
    onnx.save(model, path)
    return path


def save_decoder_with_past(path, *, outputs=("last_hidden_state",), branch=False, words=50):
    """A decoder as optimum exports it by default: it takes up where its past stopped."""
    past = ["batch_size", 1, "past_sequence_length", DIM]
    nodes = [
        _node("Gather", ["words", "input_ids"], ["hidden"]),
        _node("Unsqueeze", ["hidden", "one"], ["now"]),
        _node("Concat", ["past_key_values.0.key", "now"], ["present.0.key"], axis=2),
        _node("CumSum", ["present.0.key", "two"], ["sums"]),
        _node("Squeeze", ["sums", "one"], ["states"]),
        _node("Tanh", ["states"], ["last_hidden_state"]),
        _node("MatMul", ["last_hidden_state", "head"], ["logits"]),
    ]
    constants = [
        weights("words", words, DIM),
        weights("head", DIM, words),
        ints("one", 1),
        numpy_helper.from_array(np.array(2), "two"),
    ]
    inputs = [(name, INT64, ["batch_size", "sequence"]) for name in ("input_ids", "attention_mask")]
    inputs += [(f"past_key_values.0.{part}", FLOAT, past) for part in ("key", "value")]
    if branch:
        inputs.append(("use_cache_branch", TensorProto.BOOL, [1]))
    sequence = ["batch_size", "sequence"]
    shapes = {
        "last_hidden_state": [*sequence, DIM],
        "logits": [*sequence, words],
        "present.0.key": ["batch_size", 1, "all", DIM],
    }
    return _save(path, nodes, inputs, [(n, FLOAT, shapes[n]) for n in outputs], constants)


def save_frames(path, *, stride=320, outputs=("last_hidden_state",), classes=None, masked=False):
    """A sound encoder on samples, as Wav2Vec2 is: a frame of 320 samples gives a row."""
    source = "input_values"
    nodes = [
        _node("Unsqueeze", [source, "one"], ["channels"]),
        _node("Conv", ["channels", "filters"], ["frames"], strides=[stride]),
        _node("Relu", ["frames"], ["rectified"]),
        _node("Transpose", ["rectified"], ["last_hidden_state"], perm=[0, 2, 1]),
    ]
    constants = [weights("filters", DIM, 1, 400), ints("one", 1)]
    shapes = {"last_hidden_state": ["batch_size", "frames", DIM]}
    if classes:
        nodes.append(_node("MatMul", ["last_hidden_state", "head"], ["logits"]))
        constants.append(weights("head", DIM, classes))
        shapes["logits"] = ["batch_size", "frames", classes]
    inputs = [(source, FLOAT, ["batch_size", "sequence_length"])]
    if masked:
        inputs.append(("attention_mask", INT64, ["batch_size", "sequence_length"]))
        nodes[0].input[0] = "heard"
        nodes = [
            _node("Cast", ["attention_mask"], ["mask"], to=FLOAT),
            _node("Mul", [source, "mask"], ["heard"]),
            *nodes,
        ]
    return _save(path, nodes, inputs, [(n, FLOAT, shapes[n]) for n in outputs], constants)


def save_clap(path, *, frames=1001, mels=64):
    """The audio tower of CLAP with its fusion: four views of a sound, and whether it was longer."""
    nodes = [
        _node("ReduceMean", ["input_features"], ["profile"], axes=[1, 2], keepdims=0),
        _node("MatMul", ["profile", "project"], ["projected"]),
        _node("Cast", ["is_longer"], ["longer"], to=FLOAT),
        _node("Mul", ["longer", "zero"], ["nothing"]),
        _node("Add", ["projected", "nothing"], ["audio_embeds"]),
    ]
    inputs = [
        ("input_features", FLOAT, ["batch_size", 4, frames, mels]),
        ("is_longer", TensorProto.BOOL, ["batch_size", 1]),
    ]
    constants = [weights("project", mels, DIM), numpy_helper.from_array(np.float32(0), "zero")]
    embeds = ("audio_embeds", FLOAT, ["batch_size", DIM])
    return _save(path, nodes, inputs, [embeds], constants)


def save_spectra(path, *, mels, frames, turned=False, source="input_features"):
    """A sound encoder on bands, as Whisper's is; or on frames of bands, as that of AST."""
    nodes = [
        _node("Transpose", [source], ["bands"], perm=[0, 2, 1]) if turned else None,
        _node(
            "Conv", ["bands" if turned else source, "filters"], ["seen"], strides=[2], pads=[1, 1]
        ),
        _node("Relu", ["seen"], ["rectified"]),
        _node("Transpose", ["rectified"], ["last_hidden_state"], perm=[0, 2, 1]),
    ]
    sides = [frames, mels] if turned else [mels, frames]
    states = ("last_hidden_state", FLOAT, ["batch_size", frames // 2, DIM])
    sound = ("input_values" if turned else source, FLOAT, ["batch_size", *sides])
    nodes = list(filter(None, nodes))
    nodes[0].input[0] = sound[0]
    return _save(path, nodes, [sound], [states], [weights("filters", DIM, mels, 3)])


def _save(path, nodes, inputs, outputs, constants):
    """Save what the outputs need; graphs of hubs may have inputs that nothing reads."""
    path.parent.mkdir(parents=True, exist_ok=True)
    needed, kept = {name for name, _, _ in outputs}, []
    for node in reversed(nodes):
        if needed.intersection(node.output):
            needed.update(node.input)
            kept.insert(0, node)
    used = [tensor for tensor in constants if tensor.name in needed]
    return save(path, kept, inputs, outputs, used)
