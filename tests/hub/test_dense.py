"""Layers after the pooling: they are joined to graphs of any age, and weights that do not fit are refused."""

import json

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto

from featx.errors import BadGraph, BadModelFolder
from featx.hub.dense import ROWS, append_layers
from featx.hub.folder import ModelFolder
from featx.hub.safetensors import read_tensors
from featx.hub.sentence import TextModule
from tests.support.nets import save
from tests.support.text_folders import save_tensors

INT64, FLOAT = TensorProto.INT64, TensorProto.FLOAT
POOL = TextModule("Pooling", "1_Pooling", "", in_features=3)
DENSE = TextModule("Dense", "2_Dense", "", in_features=3, out_features=2, activation="Tanh")
NORM = TextModule("LayerNorm", "3_LayerNorm", "", in_features=2, out_features=2)
UNIT = TextModule("Normalize", "", "")
TABLE = np.arange(12, dtype=np.float32).reshape(4, 3) / 10
WEIGHT = np.array([[1, 2, -1], [0.5, 0, 1]], np.float32)
BIAS = np.array([0.1, -0.2], np.float32)
IDS = np.array([[0, 1, 2], [3, 0, 0]])
MASK = np.array([[1, 1, 1], [1, 0, 0]])


def words(path, version, *, mask=True):
    """A graph that looks three numbers up for each token."""
    nodes = [onnx.helper.make_node("Gather", ["table", "input_ids"], ["hidden"])]
    inputs = [("input_ids", INT64, ["N", "L"])]
    if mask:
        inputs.append(("attention_mask", INT64, ["N", "L"]))
    constants = [onnx.numpy_helper.from_array(TABLE, "table")]
    save(path, nodes, inputs, [("hidden", FLOAT, ["N", "L", 3])], constants)
    model = onnx.load(path)
    del model.opset_import[:]
    model.opset_import.append(onnx.helper.make_opsetid("", version))
    model.ir_version = 6
    onnx.save(model, path)
    return path


@pytest.fixture
def folder(tmp_path):
    save_tensors(
        tmp_path / "2_Dense" / "model.safetensors", {"linear.weight": WEIGHT, "linear.bias": BIAS}
    )
    save_tensors(
        tmp_path / "3_LayerNorm" / "model.safetensors",
        {"norm.weight": np.array([2, 1], np.float32), "norm.bias": np.array([0, 1], np.float32)},
    )
    return ModelFolder(tmp_path)


def run(data):
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    [output] = session.get_outputs()
    assert output.name == ROWS
    return session.run(None, {"input_ids": IDS, "attention_mask": MASK})[0]


def expected_means():
    return np.stack([TABLE[:3].mean(axis=0), TABLE[3]])


@pytest.mark.parametrize("version", [11, 12, 13, 15, 17, 18, 21])
def test_layers_are_joined_to_graphs_of_any_version(version, folder, tmp_path):
    graph = words(tmp_path / "model.onnx", version)
    layers = (POOL, DENSE, NORM, UNIT)
    rows = run(append_layers(graph, folder, layers, output="hidden", pooling="mean"))
    dense = np.tanh(expected_means() @ WEIGHT.T + BIAS)
    centred = dense - dense.mean(axis=1, keepdims=True)
    normed = centred / np.sqrt((centred**2).mean(axis=1, keepdims=True) + 1e-5) * [2, 1] + [0, 1]
    unit = normed / np.linalg.norm(normed, axis=1, keepdims=True)
    np.testing.assert_allclose(rows, unit, atol=1e-5)


@pytest.mark.parametrize("version", [11, 14, 18])
@pytest.mark.parametrize("pooling", ["cls", "first", "max", "last", "weighted-mean", "mean-sqrt"])
def test_every_pooling_is_joined_to_graphs_of_any_version(version, pooling, folder, tmp_path):
    from featx.graphs.pooling import read_pooling

    graph = words(tmp_path / "model.onnx", version)
    identity = TextModule("Dense", "2_Dense", "", in_features=3, out_features=2)
    rows = run(append_layers(graph, folder, (POOL, identity), output="hidden", pooling=pooling))
    pooled = read_pooling(pooling).rows(TABLE[IDS], MASK.astype(bool), None)
    np.testing.assert_allclose(rows, pooled @ WEIGHT.T + BIAS, atol=1e-5)


def test_a_graph_without_a_mask_is_given_one(folder, tmp_path):
    graph = words(tmp_path / "model.onnx", 17, mask=False)
    data = append_layers(graph, folder, (POOL, DENSE), output="hidden", pooling="mean")
    dense = np.tanh(expected_means() @ WEIGHT.T + BIAS)
    np.testing.assert_allclose(run(data), dense, atol=1e-6)


def test_the_same_folder_gives_the_same_bytes(folder, tmp_path):
    graph = words(tmp_path / "model.onnx", 17)
    first, again = (
        append_layers(graph, folder, (POOL, DENSE), output="hidden", pooling="mean")
        for _ in range(2)
    )
    assert first == again


def test_layers_that_do_not_fit_each_other_are_refused(folder, tmp_path):
    graph = words(tmp_path / "model.onnx", 17)
    wide = TextModule("Dense", "2_Dense", "", in_features=4, out_features=2)
    with pytest.raises(BadModelFolder, match="takes 4 columns, and 3 are given"):
        append_layers(graph, folder, (POOL, wide), output="hidden", pooling="mean")
    with pytest.raises(BadModelFolder, match="takes 3 columns, and 6 are given"):
        append_layers(graph, folder, (POOL, DENSE), output="hidden", pooling="cls,mean")
    other = TextModule("Dense", "2_Dense", "", in_features=3, out_features=5)
    with pytest.raises(BadModelFolder, match=r"has shape \[2, 3\]; its config.json says \[5, 3\]"):
        append_layers(graph, folder, (POOL, other), output="hidden", pooling="mean")


def test_a_graph_in_an_onnx_that_is_too_old_is_refused(folder, tmp_path):
    graph = words(tmp_path / "model.onnx", 9)
    with pytest.raises(BadGraph, match="version 9 of ONNX's operators; expected 11 or later"):
        append_layers(graph, folder, (POOL, DENSE), output="hidden", pooling="mean")


def test_weights_that_are_missing_or_pickled_are_refused_with_what_to_do(folder, tmp_path):
    graph = words(tmp_path / "model.onnx", 17)
    lost = TextModule("Dense", "4_Dense", "", in_features=3, out_features=2)
    with pytest.raises(BadModelFolder, match=r"4_Dense.model\.safetensors: no such file"):
        append_layers(graph, folder, (POOL, lost), output="hidden", pooling="mean")
    (tmp_path / "4_Dense").mkdir()
    (tmp_path / "4_Dense" / "pytorch_model.bin").write_bytes(b"")
    with pytest.raises(BadModelFolder, match="is a pickle, which may run code, and is not read"):
        append_layers(graph, folder, (POOL, lost), output="hidden", pooling="mean")


def with_header(path, header, data=b"\0" * 24):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)
    return path


@pytest.mark.parametrize(
    ("kind", "values"),
    [("F32", "<f4"), ("F16", "<f2"), ("F64", "<f8"), ("BF16", None)],
)
def test_tensors_of_each_type_are_read_as_float32(kind, values, tmp_path):
    numbers = np.array([1, -2.5], np.float32)
    data = numbers.astype(values).tobytes() if values else numbers.view(np.uint16)[1::2].tobytes()
    entry = {"dtype": kind, "shape": [2], "data_offsets": [0, len(data)]}
    path = with_header(tmp_path / "x", {"b": entry, "__metadata__": {"format": "pt"}}, data)
    np.testing.assert_array_equal(read_tensors(path, {"b": (2,)})["b"], numbers)


@pytest.mark.parametrize(
    "entry",
    [
        {"dtype": "I64", "shape": [2], "data_offsets": [0, 16]},
        {"dtype": ["F32"], "shape": [2], "data_offsets": [0, 8]},
        {"dtype": "F32", "shape": [3], "data_offsets": [0, 12]},
        {"dtype": "F32", "shape": "2", "data_offsets": [0, 8]},
        {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]},
        {"dtype": "F32", "shape": [2], "data_offsets": [-8, 0]},
        {"dtype": "F32", "shape": [2], "data_offsets": [20, 28]},
        {"dtype": "F32", "shape": [2], "data_offsets": [1e300, 8]},
        {"dtype": "F32", "shape": [2], "data_offsets": [0, True]},
        {"dtype": "F32", "shape": [2], "data_offsets": [1 << 70, (1 << 70) + 8]},
        {"dtype": "F32", "shape": [2]},
        {"dtype": "F32", "shape": [True, 2], "data_offsets": [0, 8]},
        [],
        None,
    ],
)
def test_a_header_that_cannot_be_is_refused(entry, tmp_path):
    with pytest.raises(BadModelFolder):
        read_tensors(with_header(tmp_path / "x", {"b": entry}), {"b": (2,)})


@pytest.mark.parametrize(
    "data",
    [b"", b"\xff" * 8, b"\xff" * 30, (1 << 19).to_bytes(8, "little") + b"{}", b"\x02" + b"\0" * 7],
)
def test_what_is_no_safetensors_file_is_refused(data, tmp_path):
    (tmp_path / "x").write_bytes(data)
    with pytest.raises(BadModelFolder, match="not a safetensors file"):
        read_tensors(tmp_path / "x", {"b": (2,)})


def test_values_that_are_not_finite_are_refused(tmp_path):
    save_tensors(tmp_path / "x", {"b": np.array([1, np.nan], np.float32)})
    with pytest.raises(BadModelFolder, match="b has values that are not finite"):
        read_tensors(tmp_path / "x", {"b": (2,)})
