"""Sounds of which a backbone hears features, or windows one by one, are the predictor's own in a graph."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from featx.backbones.backbone import Backbone
from featx.backbones.session import open_session
from featx.export import export
from featx.export.names import Names
from featx.export.rows import add_rows
from featx.graphs.builder import GraphBuilder
from featx.graphs.cut import read_by
from featx.heads import TemperatureScaling, TrainedHead, make_head
from featx.modalities.audio.settings import AudioSettings
from featx.predictor import Classifier
from tests.support.nets import save, weights
from tests.support.row_graphs import rows_session
from tests.support.sound_nets import sound_card, speech_cards

FLOAT, INT64, BOOL = TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL
# samples of half a second, so that a graph of it is small
WINDOW = 8000


def waves_of(lengths, seed=0):
    """Sounds whose loudness goes from nothing to full scale, and with a constant beside."""
    rng = np.random.default_rng(seed)
    levels = np.geomspace(1e-5, 0.9, len(lengths))
    return [
        (level * np.clip(rng.normal(0, 0.3, length) + 0.1, -1, 1)).astype(np.float32)
        for level, length in zip(levels, lengths, strict=True)
    ]


def save_hearing(path, feed, features, *, channels=None, masked=False, longer=False):
    """A graph of (N, channels?, *features): a position for each two of the last axis but one or the last."""
    node = helper.make_node
    shape = ["N", *features] if channels is None else ["N", channels, *features]
    inputs = [(feed, FLOAT, shape)]
    nodes, heard = [], feed
    if masked:
        inputs.append(("attention_mask", INT64, ["N", "F"]))
        nodes += [
            node("Cast", ["attention_mask"], ["m0"], to=FLOAT),
            node("Unsqueeze", ["m0", "axis1"], ["m1"]),
            node("Add", [feed, "m1"], ["with mask"]),
        ]
        heard = "with mask"
    if longer:
        inputs.append(("is_longer", BOOL, ["N", 1]))
        nodes += [
            node("Cast", ["is_longer"], ["l0"], to=FLOAT),
            node("Unsqueeze", ["l0", "axes23"], ["l1"]),
            node("Add", [heard, "l1"], ["with longer"]),
        ]
        heard = "with longer"
    constants = [
        helper.make_tensor("axis1", INT64, [1], [1]),
        helper.make_tensor("axes23", INT64, [2], [2, 3]),
        helper.make_tensor("flat", INT64, [3], [0, 5, -1]),
    ]
    if len(shape) == 3:
        constants.append(weights("filters", 5, features[0], 3))
        nodes.append(node("Conv", [heard, "filters"], ["map"], strides=[2], pads=[1, 1]))
    else:
        constants.append(weights("filters", 5, channels, 3, 3))
        nodes.append(node("Conv", [heard, "filters"], ["maps"], strides=[2, 2], pads=[1, 1, 1, 1]))
        nodes.append(node("Reshape", ["maps", "flat"], ["map"]))
    nodes.append(node("Transpose", ["map"], ["last_hidden_state"], perm=[0, 2, 1]))
    return save(path, nodes, inputs, [("last_hidden_state", FLOAT, ["N", "P", 5])], constants)


def check(card, waves, atol=1e-4):
    """The rows of a graph are the backbone's, alone and together with another sound of the same length."""
    session = rows_session(card)
    assert [value.name for value in session.get_inputs()] == ["waveform"]
    expected = Backbone(card).embed([(wave, card.input.rate) for wave in waves])
    assert np.ptp(expected, axis=0).max() > 0.01
    scale = max(1.0, np.abs(expected).max())
    for wave, row in zip(waves, expected, strict=True):
        two = np.stack([wave[::-1], wave])
        [rows] = session.run(None, {"waveform": np.ascontiguousarray(two)})
        np.testing.assert_allclose(rows[1], row, atol=atol * scale)


LENGTHS = (1, 200, 399, 400, 4000, WINDOW - 1, WINDOW, WINDOW + 1, 2 * WINDOW + 333)


@pytest.mark.parametrize(
    "table",
    [
        {},
        {"stride": 320, "attention_mask": True},
        {"stride": 320, "align": "end", "hop": 5000, "pool": "mean+max"},
        {"mels": 7, "n_fft": 255, "frame_hop": 100, "pad": "repeat"},
        {"pad": "repeat-whole", "stride": 320, "scale": 3.0},
    ],
)
def test_what_whisper_hears_is_made_in_the_graph(table, tmp_path):
    table = {"features": "whisper", "window": WINDOW, "tail": "pad", **table}
    size = (AudioSettings.from_table(table).mels, "frames")
    net = save_hearing(
        tmp_path / "b.onnx", "input_features", size, masked="attention_mask" in table
    )
    check(sound_card(net, **table), waves_of(LENGTHS))


@pytest.mark.filterwarnings("ignore:.*shorter than a frame:featx.errors.FeatxWarning")
@pytest.mark.parametrize(
    "table", [{}, {"attention_mask": True, "tail": "drop"}, {"mels": 16, "mean": 0.0, "std": 0.5}]
)
def test_what_ast_hears_is_made_in_the_graph(table, tmp_path):
    table = {"features": "ast", "window": WINDOW, "hop": 7840, **table}
    size = (1 + (WINDOW - 400) // 160, AudioSettings.from_table(table).mels)
    net = save_hearing(tmp_path / "b.onnx", "input_values", size)
    check(sound_card(net, **table), waves_of(LENGTHS))


@pytest.mark.parametrize("fuse", [True, False])
@pytest.mark.parametrize(
    "table", [{}, {"pad": "zeros", "low": 50.0}, {"pad": "repeat", "normalize": "clip"}]
)
def test_what_clap_hears_is_made_in_the_graph(fuse, table, tmp_path):
    table = {"features": "clap", "window": WINDOW, "fuse": fuse, "rate": 48_000, **table}
    settings = AudioSettings.from_table(table)
    size = (1 + WINDOW // settings.frame_hop, settings.mels)
    net = save_hearing(
        tmp_path / "b.onnx", "input_features", size, channels=4 if fuse else 1, longer=fuse
    )
    lengths = (1, 700, WINDOW // 3, WINDOW, WINDOW + 1, WINDOW + 479, WINDOW + 480, 9 * WINDOW + 77)
    check(sound_card(net, **table), waves_of(lengths))


@pytest.fixture
def speech(tmp_path):
    return speech_cards(tmp_path)


@pytest.mark.parametrize("mask", [True, False])
@pytest.mark.parametrize(
    "table",
    [
        {"window": 50},
        {"window": 50, "hop": 30, "tail": "drop", "align": "center", "pooling": "max"},
        {"window": 50, "tail": "short"},
        {"window": 50, "hop": 20, "tail": "short", "pad": "repeat", "min_length": 9},
        {"window": 50, "tail": "short", "min_length": 11, "align": "end", "pool": "mean+std"},
        {"min_length": 9, "align": "center"},
        {"window": 40, "min_length": 90, "pad": "repeat-whole", "align": "end"},
    ],
)
def test_windows_and_their_filling_are_the_readers(mask, table, speech):
    lengths = (1, 2, 3, 4, 5, 8, 49, 50, 51, 52, 60, 97, 100, 101, 151)
    check(speech(attention_mask=mask, **table), waves_of(lengths), atol=1e-5)


@pytest.mark.slow
def test_a_window_of_a_sound_that_goes_through_alone_is_run_for_each(tmp_path):
    node = helper.make_node
    nodes = [
        node("ReduceMax", ["waveform"], ["loudest"], keepdims=1),
        node("Sub", ["waveform", "loudest"], ["heard"]),
        node("Unsqueeze", ["heard", "two"], ["map"]),
    ]
    net = save(
        tmp_path / "backbone.onnx",
        nodes,
        [("waveform", FLOAT, [1, "T"])],
        [("map", FLOAT, [1, "T", 1])],
        [helper.make_tensor("two", INT64, [1], [2])],
    )
    card = sound_card(net, window=8, hop=4, tail="short", min_length=2, pool="mean+max")
    check(card, waves_of((1, 7, 8, 9, 30)), atol=1e-6)


def test_a_predictor_of_features_is_exported_and_checked(tmp_path):
    table = {"features": "whisper", "window": WINDOW, "stride": 320}
    net = save_hearing(tmp_path / "b.onnx", "input_features", (80, "frames"))
    card = sound_card(net, **table)
    waves = waves_of((400, 4000, 9000, 12_000))
    rows = Classifier.from_card(card, None).embed(waves).embeddings
    head = make_head("logistic").fit(rows, [*"aabb"])
    trained = TrainedHead.from_estimator("logistic", head, TemperatureScaling(0.7))
    checked = export(Classifier.from_card(card, trained), tmp_path / "m.onnx")
    assert (checked.n, checked.worst < 1e-5) == (3, True)
    graph = onnx.load(tmp_path / "m.onnx").graph
    # of what nothing reads ONNX Runtime warns whoever loads the graph
    read = {name for node in graph.node for name in read_by(node)}
    assert {tensor.name for tensor in graph.initializer} <= read
    made = {name for node in graph.node for name in node.output}
    assert made <= read | {value.name for value in graph.output}


def test_two_sounds_of_a_graph_are_heard_one_by_one_each(speech):
    card = speech(window=50, tail="short", attention_mask=True)
    graph = GraphBuilder()
    backbone = Backbone(card)
    parts = [
        add_rows(graph, backbone, names=Names(name, f"{name}/0/")) for name in ("first", "second")
    ]
    outputs = [helper.make_tensor_value_info(part.rows, FLOAT, ["N", "D"]) for part in parts]
    constants = [tensor for part in parts for tensor in part.constants]
    inputs = [value for part in parts for value in part.inputs]
    whole = helper.make_graph(graph.nodes, "rows", inputs, outputs, [*constants, *graph.constants])
    model = helper.make_model(whole, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    onnx.checker.check_model(model)
    one, two = waves_of((130, 20))
    session = open_session(model.SerializeToString(), "two")
    rows = session.run(None, {"first": one[None], "second": two[None]})
    expected = backbone.embed([(one, 100), (two, 100)])
    np.testing.assert_allclose(np.concatenate(rows), expected, atol=1e-5)
