"""Adding a model: a folder or a graph in one becomes a backbone whose card says where each entry is from."""

from __future__ import annotations

import tomllib

import numpy as np
import onnx
import pytest
from onnx import helper

from featx.backbones.adding import add_backbone, find_model, open_questions
from featx.backbones.backbone import Backbone
from featx.catalog import get_card, user_directory
from featx.errors import BadGraph, BadModelFolder, BadOption, FeatxWarning
from tests.support import hub_nets
from tests.support.nets import FLOAT, save, save_torch_net

WINDOWS = "ignore:a sound of more than:featx.errors.FeatxWarning"


@pytest.fixture(autouse=True)
def directory(own_directory):
    """What is added lands in a model directory of the test's own."""


@pytest.fixture
def wav2vec2(tmp_path):
    """A folder with a sound encoder, as optimum lays it down."""
    folder = tmp_path / "tiny-wav2vec2"
    hub_nets.save_frames(folder / "onnx" / "model.onnx")
    hub_nets.write_json(folder, "config.json", {"model_type": "wav2vec2"})
    table = {"feature_extractor_type": "Wav2Vec2FeatureExtractor", "sampling_rate": 16000}
    hub_nets.write_json(folder, "preprocessor_config.json", table)
    return folder


@pytest.mark.filterwarnings(WINDOWS)
def test_a_folder_of_sounds_is_added_with_nothing_typed(wav2vec2, rng):
    card = add_backbone(wav2vec2)
    assert (card.name, card.modality, card.output) == (
        "tiny-wav2vec2",
        "audio",
        "last_hidden_state",
    )
    assert (card.pooling, card.dim, card.batch) == ("mean", hub_nets.DIM, 0)
    assert get_card("tiny-wav2vec2") == card
    sound = rng.uniform(-0.5, 0.5, 16_000).astype(np.float32)
    assert Backbone("tiny-wav2vec2").embed([(sound, 16_000)]).shape == (1, hub_nets.DIM)


@pytest.mark.filterwarnings(WINDOWS)
def test_each_entry_of_the_saved_card_says_where_it_is_from(wav2vec2):
    lines = add_backbone(wav2vec2).path.read_text(encoding="utf-8").splitlines()
    assert "rate = 16000  # preprocessor_config.json: sampling_rate" in lines
    assert 'normalize = "clip"  # default of Wav2Vec2FeatureExtractor' in lines
    assert "pooling = \"mean\"  # what suits model_type 'wav2vec2'" in lines
    assert 'output = "last_hidden_state"  # outputs of the graph' in lines
    start = lines.index("[audio]") + 1
    table = lines[
        start : next(k for k in range(start, len(lines) + 1) if k == len(lines) or not lines[k])
    ]
    assert table
    assert all("  # " in line for line in table)


@pytest.mark.filterwarnings(WINDOWS)
@pytest.mark.parametrize("name", ["tiny-wav2vec2", "other"])
def test_a_graph_of_a_folder_finds_the_configuration(wav2vec2, name):
    card = add_backbone(wav2vec2 / "onnx" / "model.onnx", name=name)
    assert (card.name, card.modality, card.input.normalize) == (name, "audio", "clip")


@pytest.mark.filterwarnings(WINDOWS)
def test_what_is_given_wins_and_the_card_says_so(wav2vec2):
    options = {"window": 32_000, "normalize": "none"}
    card = add_backbone(wav2vec2, pooling="max", options=options)
    assert (card.pooling, card.input.window, card.input.normalize) == ("max", 32_000, "none")
    text = card.path.read_text(encoding="utf-8")
    assert "window = 32000  # given" in text
    assert 'pooling = "max"  # given' in text


@pytest.mark.filterwarnings(WINDOWS)
def test_a_dry_run_gives_the_card_and_writes_nothing(wav2vec2):
    card = add_backbone(wav2vec2, dry_run=True)
    assert card.path is None
    assert not user_directory().exists()
    added = add_backbone(wav2vec2)
    assert (card.to_toml(), card) == (added.to_toml(), added)


@pytest.mark.filterwarnings(WINDOWS)
def test_what_was_chosen_among_several_is_said(wav2vec2):
    hub_nets.save_frames(wav2vec2 / "onnx" / "model_quantized.onnx")
    with pytest.warns(FeatxWarning, match=r"onnx/model\.onnx was taken of .*; file= names another"):
        add_backbone(wav2vec2)


@pytest.mark.filterwarnings(WINDOWS)
def test_another_graph_of_the_folder_is_added_by_its_name(wav2vec2):
    hub_nets.save_frames(wav2vec2 / "onnx" / "model_fp16.onnx", stride=160)
    card = add_backbone(wav2vec2, file="onnx/model_fp16.onnx")
    wanted = wav2vec2 / "onnx" / "model_fp16.onnx"
    assert (card.path.parent / "backbone.onnx").read_bytes() == wanted.read_bytes()


@pytest.mark.filterwarnings(WINDOWS)
@pytest.mark.parametrize("outputs", [("logits",), ("logits", "last_hidden_state")])
def test_scores_of_letters_are_no_embedding(wav2vec2, outputs):
    hub_nets.save_frames(wav2vec2 / "onnx" / "model.onnx", outputs=outputs, classes=32)
    card = add_backbone(wav2vec2)
    assert card.output == ("penultimate" if len(outputs) == 1 else "last_hidden_state")
    assert card.dim == hub_nets.DIM


@pytest.mark.filterwarnings(WINDOWS)
def test_a_name_that_is_taken_is_refused(wav2vec2):
    add_backbone(wav2vec2)
    with pytest.raises(BadOption, match="a backbone of that name is at"):
        add_backbone(wav2vec2)


def test_an_entry_that_there_is_not_is_refused_and_leaves_nothing(wav2vec2):
    with pytest.raises(BadOption, match="unknown key 'crop'"):
        add_backbone(wav2vec2, options={"crop": 3})
    assert not user_directory().exists()


def test_a_graph_of_images_that_lies_alone_is_asked_about(tmp_path):
    found = find_model(save_torch_net(tmp_path / "my net.onnx"))
    assert found.name == "my-net"
    assert [question.option for question in open_questions(found, {})] == [
        "like",
        "resize",
        "interpolation",
        "tap",
    ]
    with pytest.raises(BadOption, match=r"say also like= .* resize= .* tap="):
        add_backbone(found.graph)
    card = add_backbone(found.graph, tap="embedding", options={"like": "torch", "resize": 16})
    assert (card.name, card.input.resize, card.dim, card.comments) == ("my-net", 16, 5, ())


def test_a_folder_of_images_without_a_recipe_is_asked_about(tmp_path):
    (tmp_path / "net").mkdir()
    save_torch_net(tmp_path / "net" / "model.onnx")
    hub_nets.write_json(tmp_path / "net", "config.json", {"model_type": "resnet"})
    with pytest.raises(BadOption, match="the graph does not tell all; say also like="):
        add_backbone(tmp_path / "net")


def test_the_images_of_a_graph_with_texts_beside_them_are_taken(tmp_path):
    """Three inputs: what the image tower reads is one."""
    path = hub_nets.save_clip(tmp_path / "clip.onnx")
    options = {"like": "torch", "resize": (32, 32), "layout": "NCHW"}
    card = add_backbone(path, tap="image_embeds", options=options)
    assert (card.modality, card.output, card.dim) == ("image", "image_embeds", hub_nets.DIM)
    picture = np.zeros((40, 40, 3), np.uint8)
    assert Backbone(card).embed([picture]).shape == (1, hub_nets.DIM)


def test_a_tensor_of_both_towers_is_refused(tmp_path):
    path = hub_nets.save_clip(tmp_path / "clip.onnx")
    with pytest.raises(BadGraph, match="are of several kinds; say tap= with a tensor that needs"):
        add_backbone(path, tap="logits_per_image")


def test_an_input_that_nothing_reads_is_dropped(tmp_path):
    path = save_torch_net(tmp_path / "net.onnx")
    model = onnx.load(path)
    del model.graph.output[0]
    value = onnx.helper.make_tensor_value_info("unused", FLOAT, ["N", 7])
    model.graph.input.append(value)
    onnx.save(model, path)
    card = add_backbone(path, options={"like": "torch", "resize": 16})
    assert Backbone(card).embed([np.zeros((40, 40, 3), np.uint8)]).shape == (1, 5)


@pytest.mark.parametrize(
    ("inputs", "shown"),
    [
        ([("x", FLOAT, ["N", 3])], r"found x \[N, 3\] of float32"),
        ([("x", FLOAT, ["N", 3, 4, 4, 4])], r"found x \[N, 3, 4, 4, 4\] of float32"),
    ],
)
def test_a_graph_of_nothing_that_featx_reads_is_refused(tmp_path, inputs, shown):
    path = save(
        tmp_path / "net.onnx",
        [helper.make_node("Relu", ["x"], ["y"])],
        inputs,
        [("y", FLOAT, inputs[0][2])],
    )
    with pytest.raises(BadGraph, match=shown):
        add_backbone(path)


def test_a_folder_without_a_graph_is_refused(tmp_path):
    with pytest.raises(BadModelFolder, match="has no ONNX graph"):
        add_backbone(tmp_path)


def test_a_file_name_is_for_folders(tmp_path):
    path = save_torch_net(tmp_path / "net.onnx")
    with pytest.raises(BadOption, match=r"net\.onnx is no folder"):
        add_backbone(path, file="onnx/model.onnx")


@pytest.mark.filterwarnings(WINDOWS)
def test_a_card_of_a_folder_is_toml_that_anybody_reads(wav2vec2):
    text = add_backbone(wav2vec2).path.read_text(encoding="utf-8")
    assert tomllib.loads(text)["audio"]["rate"] == 16_000


@pytest.mark.filterwarnings(WINDOWS)
def test_a_mask_beside_sounds_is_theirs(wav2vec2, rng):
    plain = Backbone(add_backbone(wav2vec2, name="plain"))
    hub_nets.save_frames(wav2vec2 / "onnx" / "model.onnx", masked=True)
    masked = Backbone(add_backbone(wav2vec2, name="masked"))
    sounds = [(rng.uniform(-0.5, 0.5, n).astype(np.float32), 16_000) for n in (16_000, 9_000)]
    np.testing.assert_allclose(masked.embed(sounds), plain.embed(sounds), atol=1e-5)
