"""Folders of sound models, with configurations as published, are added with nothing typed."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from featx.backbones.adding import add_backbone
from featx.backbones.backbone import Backbone
from featx.errors import BadGraph
from tests.support.nets import FLOAT, save, weights

FOUND = Path(__file__).parents[3] / "shared" / "hub"
INT64, BOOL = TensorProto.INT64, TensorProto.BOOL
node = helper.make_node

pytestmark = pytest.mark.filterwarnings(
    "ignore:a? ?(of a )?sound of more than:featx.errors.FeatxWarning"
)


@pytest.fixture(autouse=True)
def directory(own_directory):
    """What is added lands in a model directory of the test's own."""


@pytest.fixture
def folder(tmp_path):
    """A function that makes a folder of a published configuration, or of one that is given, and a graph."""

    def build(configuration, nodes, inputs, output, constants=()):
        path = tmp_path / "sound-model"
        if isinstance(configuration, dict):
            path.mkdir()
            (path / "preprocessor_config.json").write_text(
                json.dumps(configuration), encoding="utf-8"
            )
        elif (FOUND / configuration).is_dir():
            shutil.copytree(FOUND / configuration, path, copy_function=shutil.copyfile)
            path.chmod(0o755)
        else:
            pytest.skip(
                "no ../shared/hub beside the checkout: configurations as published are not added"
            )
        (path / "onnx").mkdir()
        save(path / "onnx" / "model.onnx", nodes, inputs, [output], list(constants))
        return path

    return build


def speech_net(values="input_values"):
    """Convolutions of samples as wav2vec2 has them, of 400 every 320, and the mask beside them."""
    nodes = [
        node("Cast", ["attention_mask"], ["real"], to=FLOAT),
        node("Mul", [values, "real"], ["heard"]),
        node("Unsqueeze", ["heard", "one"], ["channels"]),
        node("Conv", ["channels", "filters"], ["convolved"], strides=[320]),
        node("Abs", ["convolved"], ["positive"]),
        node("Transpose", ["positive"], ["last_hidden_state"], perm=[0, 2, 1]),
    ]
    inputs = [(values, FLOAT, ["N", "T"]), ("attention_mask", INT64, ["N", "T"])]
    constants = [weights("filters", 5, 1, 400), helper.make_tensor("one", INT64, [1], [1])]
    return nodes, inputs, ("last_hidden_state", FLOAT, ["N", "P", 5]), constants


def test_wav2vec2_with_a_mask_is_added_and_a_long_sound_is_the_mean_of_its_windows(folder):
    card = add_backbone(folder("wav2vec2", *speech_net()))
    assert (card.modality, card.pooling, card.dim, card.batch) == ("audio", "mean", 5, 0)
    backbone = Backbone(card)
    sound = np.random.default_rng(0).normal(0.1, 0.2, 31 * 16_000).astype(np.float32)
    whole = (sound - sound.mean()) / sound.std()
    kernels = numpy_helper.to_array(weights("filters", 5, 1, 400))[:, 0]
    rows = []
    for part in (whole[: 30 * 16_000], whole[30 * 16_000 :]):
        frames = np.lib.stride_tricks.sliding_window_view(part, 400)[::320]
        rows.append(np.abs(frames @ kernels.T).mean(axis=0))
    np.testing.assert_allclose(backbone.embed([sound])[0], np.mean(rows, axis=0), rtol=1e-4)


def test_whisper_is_added_and_its_row_is_the_mean_of_the_frames_that_are_sound(folder):
    nodes = [
        node("Conv", ["input_features", "filters"], ["halved"], strides=[2], pads=[1, 1]),
        node("Transpose", ["halved"], ["last_hidden_state"], perm=[0, 2, 1]),
    ]
    path = folder(
        "whisper-v5-nested-processor_config",
        nodes,
        [("input_features", FLOAT, ["N", 80, 3000])],
        ("last_hidden_state", FLOAT, ["N", 1500, 4]),
        [weights("filters", 4, 80, 3)],
    )
    card = add_backbone(path)
    assert (card.input.features, card.input.mels, card.pooling) == ("whisper", 80, "mean")
    backbone = Backbone(card)
    sound = np.random.default_rng(0).normal(0, 0.2, 8000).astype(np.float32)
    [found] = backbone.embed_maps([sound])
    # half a second is 25 positions of 20 ms
    [window] = found.maps
    np.testing.assert_allclose(backbone.embed([sound])[0], window[:25].mean(axis=0), rtol=1e-4)


def test_ast_is_added_and_its_row_is_the_mean_of_its_first_two_tokens(folder):
    nodes = [
        node("Transpose", ["input_values"], ["bands"], perm=[0, 2, 1]),
        node("Conv", ["bands", "filters"], ["tokens"], strides=[128]),
        node("Transpose", ["tokens"], ["last_hidden_state"], perm=[0, 2, 1]),
    ]
    path = folder(
        "quoted-ast-audioset",
        nodes,
        [("input_values", FLOAT, ["N", 1024, 128])],
        ("last_hidden_state", FLOAT, ["N", 8, 4]),
        [weights("filters", 4, 128, 128)],
    )
    card = add_backbone(path)
    assert (card.input.features, card.pooling, card.dim) == ("ast", "first-mean", 4)
    sound = np.random.default_rng(0).normal(0, 0.2, 8000).astype(np.float32)
    [found] = Backbone(card).embed_maps([sound])
    row = Backbone(card).embed([sound])[0]
    np.testing.assert_allclose(row, found.maps[0][:2].mean(axis=0), rtol=1e-4)


def test_clap_with_both_its_inputs_is_added(folder):
    nodes = [
        node("ReduceMean", ["input_features"], ["bands"], axes=[1, 2], keepdims=0),
        node("Cast", ["is_longer"], ["longer"], to=FLOAT),
        node("Concat", ["bands", "longer"], ["audio_embeds"], axis=1),
    ]
    path = folder(
        "quoted-clap-htsat-fused",
        nodes,
        [("input_features", FLOAT, ["N", 4, 1001, 64]), ("is_longer", BOOL, ["N", 1])],
        ("audio_embeds", FLOAT, ["N", 65]),
    )
    card = add_backbone(path)
    assert (card.output, card.pooling, card.dim) == ("audio_embeds", "none", 65)
    noise = np.random.default_rng(0).normal(0, 0.2, 11 * 48_000).astype(np.float32)
    rows = Backbone(card).embed([(noise, 48_000), (noise[:48_000], 48_000)])
    assert rows[:, -1].tolist() == [1, 1]
    assert np.abs(rows[0] - rows[1]).max() > 1e-3


def test_a_graph_of_other_features_than_its_folder_says_is_refused(folder):
    nodes = [node("ReduceMean", ["input_features"], ["embedding"], axes=[2], keepdims=0)]
    path = folder(
        {"feature_extractor_type": "WhisperFeatureExtractor", "feature_size": 80},
        nodes,
        [("input_features", FLOAT, ["N", 128, 3000])],
        ("embedding", FLOAT, ["N", 128]),
    )
    with pytest.raises(
        BadGraph, match=r"128 × 3000 a sample, its card.s .audio. table makes 80 × 3000"
    ):
        add_backbone(path)
