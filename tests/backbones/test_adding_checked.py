"""What is looked at before a backbone of texts or sounds is added, as one of images is."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from featx.backbones.adding import add_backbone
from featx.backbones.backbone import Backbone
from featx.backbones.independence import spread
from featx.catalog import user_directory
from featx.errors import BadGraph, FeatxWarning
from featx.modalities import VARIETIES, kind_of, varied_samples
from tests.support import hub_nets
from tests.support.tokenizers import make_tokenizer

pytestmark = pytest.mark.filterwarnings("ignore::featx.errors.FeatxNotice")
SAMPLES = {
    "text": ["a dog", "the quick brown fox", "hello world"],
    "audio": [(np.sin(np.arange(16_000) * k / 9).astype(np.float32), 16_000) for k in (1, 2, 3)],
}


@pytest.fixture(autouse=True)
def directory(own_directory):
    """What is added lands in a model directory of the test's own."""


@pytest.fixture(params=["text", "audio"])
def folder(request, tmp_path):
    """A function that makes a folder whose rows go through nodes from "e" to "y" at the end."""

    def make(nodes, **constants):
        folder = tmp_path / f"tiny-{request.param}"
        path = folder / "onnx" / "model.onnx"
        if request.param == "text":
            hub_nets.save_bert(path, words=500)
            make_tokenizer("wordpiece").save(str(folder / "tokenizer.json"))
            hub_nets.write_json(folder, "tokenizer_config.json", {"model_max_length": 32})
        else:
            hub_nets.save_frames(path)
            table = {"feature_extractor_type": "Wav2Vec2FeatureExtractor"}
            hub_nets.write_json(folder, "preprocessor_config.json", table)
        kind = {"text": "bert", "audio": "wav2vec2"}[request.param]
        hub_nets.write_json(folder, "config.json", {"model_type": kind})
        append(path, nodes, constants)
        return folder

    make.samples = SAMPLES[request.param]
    return make


def append(path, nodes, constants):
    """Put nodes between the last hidden states and what the graph gives under their name."""
    model = onnx.load(path)
    maker = next(n for n in model.graph.node if "last_hidden_state" in n.output)
    maker.output[0] = "e"
    model.graph.node.extend(nodes)
    model.graph.node.append(helper.make_node("Identity", ["y"], ["last_hidden_state"]))
    arrays = [numpy_helper.from_array(np.asarray(v), name) for name, v in constants.items()]
    model.graph.initializer.extend(arrays)
    onnx.save(model, path)


def test_samples_that_mix_are_run_alone(folder):
    nodes = [
        helper.make_node("ReduceMax", ["e"], ["m"], axes=[0], keepdims=1),
        helper.make_node("ReduceMean", ["m"], ["of all"], axes=[1], keepdims=1),
        helper.make_node("Add", ["e", "of all"], ["y"]),
    ]
    made = folder(nodes)
    with pytest.warns(FeatxWarning, match="depend on the samples of their batch"):
        card = add_backbone(made)
    assert card.batch == 1
    rows = Backbone(card).embed(folder.samples)
    alone = np.concatenate([Backbone(card).embed([one]) for one in folder.samples])
    np.testing.assert_array_equal(rows, alone)


def test_a_graph_that_is_random_is_refused(folder):
    nodes = [
        helper.make_node("RandomNormalLike", ["e"], ["r"]),
        helper.make_node("Add", ["e", "r"], ["y"]),
    ]
    with pytest.raises(BadGraph, match="each time"):
        add_backbone(folder(nodes))
    assert list(user_directory().glob("tiny*")) == []


def test_rows_that_are_never_finite_are_refused(folder):
    nodes = [
        helper.make_node("Mul", ["e", "zero"], ["nothing"]),
        helper.make_node("Div", ["nothing", "nothing"], ["y"]),
    ]
    with pytest.raises(BadGraph, match=r"not finite of all (texts|sounds)"):
        add_backbone(folder(nodes, zero=np.float32(0)))


def test_rows_that_nearly_coincide_are_said(folder):
    nodes = [
        helper.make_node("Mul", ["e", "small"], ["hardly"]),
        helper.make_node("Add", ["hardly", "one of all"], ["y"]),
    ]
    constants = {"small": np.float32(1e-4), "one of all": np.float32(1)}
    with pytest.warns(
        FeatxWarning, match="nearly the same .* preprocessing or its tap is probably"
    ):
        add_backbone(folder(nodes, **constants))


@pytest.mark.parametrize("modality", VARIETIES)
def test_there_are_twenty_samples_of_each_modality_and_none_is_another(modality):
    settings = kind_of(modality).from_table({})
    samples = varied_samples(settings)
    assert len(samples) == 20
    assert (
        len({sample if isinstance(sample, str) else sample.tobytes() for sample in samples}) == 20
    )


@pytest.mark.parametrize("name", ["featx-image-nano", "featx-text-nano", "featx-audio-mel"])
def test_rows_of_what_featx_ships_lie_far_apart(name):
    assert 0.4 < spread(Backbone(name)) < 1.1
