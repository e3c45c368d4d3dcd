"""Joining: one graph that says what two said, one after the other."""

import hashlib

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper

from featx import graphs
from featx.backbones.backbone import Backbone
from featx.errors import BadGraph, UnknownTap
from featx.graphs import Between
from tests.support import audio_oracle as oracle_sound
from tests.support.nets import FLOAT, save, save_torch_net, weights


def run(model, feed):
    source = model if isinstance(model, bytes) else str(model)
    session = onnxruntime.InferenceSession(source, providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: feed})[0]


def save_dense(path, *, opset=17, output="y"):
    """From ``x`` [N, 5] to ``output`` [N, 3]."""
    nodes = [
        helper.make_node("MatMul", ["x", "head"], ["product"]),
        helper.make_node("Softmax", ["product"], [output], axis=1),
    ]
    save(
        path, nodes, [("x", FLOAT, ["N", 5])], [(output, FLOAT, ["N", 3])], [weights("head", 5, 3)]
    )
    model = onnx.load(path)
    model.opset_import[0].version = opset
    onnx.save(model, path)
    return path


@pytest.fixture
def first(tmp_path):
    return save_torch_net(tmp_path / "first.onnx")


@pytest.fixture
def feed(rng):
    return rng.normal(size=(2, 3, 16, 16)).astype(np.float32)


def test_the_joined_graph_says_what_one_says_of_the_other(first, feed, tmp_path):
    second = save_dense(tmp_path / "second.onnx")
    expected = run(second, run(graphs.cut_graph(first, "embedding"), feed))
    joined = graphs.join_graphs(first, second, tap="embedding")
    np.testing.assert_allclose(run(joined, feed), expected, atol=1e-6)


@pytest.mark.parametrize(
    "between", [Between(), Between(0.1, 2.0), Between(axes=(1, 0)), Between(-3.0, 0.5, (1, 0))]
)
def test_what_stands_between_is_done_in_its_order(between, tmp_path, rng):
    dense = save_dense(tmp_path / "dense.onnx")
    square = save(
        tmp_path / "square.onnx",
        [helper.make_node("Mul", ["a", "a"], ["b"])],
        [("a", FLOAT, ["N", "M"])],
        [("b", FLOAT, ["N", "M"])],
    )
    feed = rng.normal(size=(5, 5)).astype(np.float32)
    expected = feed**2 * between.scale + between.offset
    expected = expected.transpose(between.axes) if between.axes else expected
    found = run(graphs.join_graphs(square, dense, between=between), feed)
    np.testing.assert_allclose(found, run(dense, expected.astype(np.float32)), atol=1e-6)


def test_names_that_both_use_are_told_apart(first, feed, tmp_path):
    second = save_dense(tmp_path / "second.onnx", output="map")  # as the first calls a tensor
    joined = tmp_path / "joined.onnx"
    joined.write_bytes(graphs.join_graphs(first, second, tap="embedding"))
    assert [tensor.name for tensor in graphs.inputs_of(joined)] == ["image"]
    [given] = graphs.outputs_of(joined)
    assert given.name == "second/map"
    expected = run(second, run(graphs.cut_graph(first, "embedding"), feed))
    np.testing.assert_allclose(run(joined, feed), expected, atol=1e-6)


def test_a_joined_graph_can_be_joined_again(tmp_path, rng):
    square = save(
        tmp_path / "square.onnx",
        [helper.make_node("Mul", ["a", "a"], ["b"])],
        [("a", FLOAT, ["N", 5])],
        [("b", FLOAT, ["N", 5])],
    )
    path, feed = tmp_path / "joined.onnx", rng.normal(size=(2, 5)).astype(np.float32)
    path.write_bytes(graphs.join_graphs(square, square, between=Between(offset=1.0)))
    again = graphs.join_graphs(path, path, between=Between(offset=1.0))
    once = (feed**2 + 1) ** 2 + 1
    np.testing.assert_allclose(run(again, feed), (once**2 + 1) ** 2, rtol=1e-5)


@pytest.mark.parametrize("opset", [13, 20])
def test_graphs_of_two_versions_of_onnx_are_joined(first, feed, tmp_path, opset):
    second = save_dense(tmp_path / "second.onnx", opset=opset)
    expected = run(second, run(graphs.cut_graph(first, "embedding"), feed))
    joined = graphs.join_graphs(first, second, tap="embedding")
    np.testing.assert_allclose(run(joined, feed), expected, atol=1e-6)
    versions = onnx.load_from_string(joined).opset_import
    assert [(each.domain, each.version) for each in versions] == [("", max(17, opset))]


def test_the_same_files_give_the_same_bytes_whatever_they_are_called(first, tmp_path):
    second = save_dense(tmp_path / "second.onnx")
    other = first.rename(tmp_path / "other name.onnx")
    once = graphs.join_graphs(other, second, tap="embedding")
    assert graphs.join_graphs(other.rename(first), second, tap="embedding") == once


def test_a_fixed_batch_is_what_the_joined_graph_insists_on(first, tmp_path):
    second, joined = save_dense(tmp_path / "second.onnx"), tmp_path / "joined.onnx"
    joined.write_bytes(graphs.join_graphs(first, second, tap="embedding", batch=1))
    [wanted], [given] = graphs.inputs_of(joined), graphs.outputs_of(joined)
    assert wanted.shape == (1, 3, "H", "W")
    assert given.shape == (1, 3)


def test_graphs_that_do_not_fit_are_refused_in_one_line(first, tmp_path):
    dense = save_dense(tmp_path / "dense.onnx")
    with pytest.raises(BadGraph, match="do not fit together") as refusal:
        graphs.join_graphs(first, dense, tap="map")
    assert "\n" not in str(refusal.value)
    with pytest.raises(UnknownTap, match="did you mean 'embedding'"):
        graphs.join_graphs(first, dense, tap="embeding")
    two = save(
        tmp_path / "two.onnx",
        [helper.make_node("Add", ["a", "b"], ["c"])],
        [("a", FLOAT, ["N", 5]), ("b", FLOAT, ["N", 5])],
        [("c", FLOAT, ["N", 5])],
    )
    with pytest.raises(BadGraph, match="expected one input, found a, b"):
        graphs.join_graphs(first, two, tap="embedding")
    (tmp_path / "text.onnx").write_text("no graph", encoding="utf-8")
    with pytest.raises(BadGraph, match="not an ONNX graph"):
        graphs.join_graphs(first, tmp_path / "text.onnx")


# -- the two stages of speech-embedding ------------------------------------------------------------


@pytest.fixture
def stages(shared_models):
    folder = shared_models / "speech-embedding"
    return folder / "melspectrogram.onnx", folder / "embedding_model.onnx"


@pytest.fixture
def speech(speech_directory):
    return Backbone("speech-embedding")


def test_the_recipe_gives_the_bytes_that_the_card_names(speech, speech_directory):
    made = (speech_directory / "speech-embedding" / "backbone.onnx").read_bytes()
    assert hashlib.sha256(made).hexdigest() == speech.card.graph.sha256
    assert len(made) == speech.card.graph.size


def test_windows_of_the_waveform_are_the_windows_of_76_frames(speech, stages, rng):
    """On a whole spectrogram of noise, whose loudness is even, two stages say the same."""
    sound = rng.normal(0, 0.1, 12_512 + 20 * 1280).astype(np.float32)
    whole = oracle_sound.one_stage(sound[None] * 32767, "output", stages[0]) / 10 + 2
    frames = whole.reshape(-1, 32)
    assert len(frames) == 76 + 20 * 8
    table = np.stack([frames[k : k + 76] for k in range(0, 161, 8)])[..., None]
    expected = oracle_sound.one_stage(table.astype(np.float32), "conv2d_19", stages[1])
    [row] = speech.embed_items([speech.reader.read(speech.reader.load(sound))])
    both = np.concatenate([expected.mean(axis=0), expected.max(axis=0)])
    np.testing.assert_allclose(row, both, atol=2e-4 * np.abs(both).max())


def test_the_row_of_a_window_does_not_hang_on_a_louder_one(speech, rng):
    """The first graph alone mixes its batch: it cuts off what is 80 dB below the loudest sample of all."""
    quiet, loud = (rng.normal(0, level, 24_000).astype(np.float32) for level in (1e-5, 0.3))
    items = [speech.reader.read(speech.reader.load(sound)) for sound in (quiet, loud)]
    np.testing.assert_allclose(
        speech.embed_items(items)[0], speech.embed_items(items[:1])[0], atol=1e-4
    )
