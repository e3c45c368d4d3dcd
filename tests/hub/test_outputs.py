"""Which tensor of a model's graph is the embedding, and how a row is made of it."""

from __future__ import annotations

import pytest
from onnx import helper

from featx.errors import BadModelFolder
from featx.graphs.facts import describe_graph
from featx.hub.outputs import choose_output, choose_pooling
from tests.support import hub_nets
from tests.support.nets import FLOAT, save


def graph(path, **outputs):
    """A graph that says of its outputs what an export says; what they hold is not looked at."""
    nodes = [helper.make_node("Identity", [f"of {name}"], [name]) for name in outputs]
    inputs = [(f"of {name}", FLOAT, shape) for name, shape in outputs.items()]
    return save(path, nodes, inputs, [(n, FLOAT, s) for n, s in outputs.items()])


def chosen(path, config):
    facts = describe_graph(path)
    tap = choose_output(facts, config)
    pooling = choose_pooling(facts.tensor(tap.value), config)
    return tap.value, pooling and pooling.value


SEQUENCE = ["N", 50, 12]
MAP = ["N", 12, 7, 7]
ROW = ["N", 12]
BOTH = {"last_hidden_state": SEQUENCE, "pooler_output": ROW}


@pytest.mark.parametrize(
    ("config", "outputs", "expected"),
    [
        ({"model_type": "vit"}, BOTH, ("last_hidden_state", "cls")),
        ({"model_type": "deit"}, BOTH, ("last_hidden_state", "cls")),
        ({"model_type": "beit"}, BOTH, ("last_hidden_state", "patch-mean")),
        ({"model_type": "data2vec-vision"}, BOTH, ("last_hidden_state", "patch-mean")),
        ({"model_type": "dinov2"}, BOTH, ("last_hidden_state", "cls")),
        (
            {"model_type": "dinov3_vit", "num_register_tokens": 4},
            BOTH,
            ("last_hidden_state", "cls"),
        ),
        (
            {"model_type": "beit", "num_register_tokens": 4},
            BOTH,
            ("last_hidden_state", "patch-mean:5"),
        ),
        ({"model_type": "ijepa"}, BOTH, ("last_hidden_state", "mean")),
        ({"model_type": "swin"}, BOTH, ("last_hidden_state", "mean")),
        ({"model_type": "swinv2"}, {"last_hidden_state": SEQUENCE}, ("last_hidden_state", "mean")),
        (
            {"model_type": "convnext"},
            {"last_hidden_state": MAP, "pooler_output": ROW},
            ("pooler_output", "none"),
        ),
        ({"model_type": "convnextv2"}, {"last_hidden_state": MAP}, ("last_hidden_state", "mean")),
        (
            {"model_type": "resnet"},
            {"last_hidden_state": MAP, "pooler_output": ["N", 12, 1, 1]},
            ("last_hidden_state", "mean"),
        ),
        ({"model_type": "efficientnet"}, {"last_hidden_state": MAP}, ("last_hidden_state", "mean")),
        ({"model_type": "dinov3_convnext"}, BOTH, ("last_hidden_state", "cls")),
        ({"model_type": "clip"}, {**BOTH, "image_embeds": ROW}, ("pooler_output", "none")),
        (
            {"model_type": "clip"},
            {"image_embeds": ROW, "last_hidden_state": SEQUENCE},
            ("image_embeds", "none"),
        ),
        ({"model_type": "siglip"}, BOTH, ("pooler_output", "none")),
        ({"model_type": "siglip2_vision_model"}, BOTH, ("pooler_output", "none")),
        ({"model_type": "bert"}, {"last_hidden_state": SEQUENCE}, ("last_hidden_state", None)),
        ({"model_type": "bert"}, BOTH, ("last_hidden_state", None)),
        (
            {"model_type": "bert"},
            {"token_embeddings": SEQUENCE, "sentence_embedding": ROW},
            ("sentence_embedding", "none"),
        ),
        (
            {"model_type": "wav2vec2"},
            {"last_hidden_state": SEQUENCE},
            ("last_hidden_state", "mean"),
        ),
        ({"model_type": "whisper"}, {"last_hidden_state": SEQUENCE}, ("last_hidden_state", "mean")),
        (
            {"model_type": "audio-spectrogram-transformer"},
            BOTH,
            ("last_hidden_state", "first-mean"),
        ),
        ({"model_type": "clap"}, {"audio_embeds": ROW}, ("audio_embeds", "none")),
        ({"model_type": "wavlm"}, {"logits": ROW, "embeddings": ROW}, ("embeddings", "none")),
        ({}, {"embedding": ROW}, ("embedding", "none")),
        ({}, {"1234": ROW}, ("1234", "none")),
        ({}, {"features": ["N", 7, 7, 12]}, ("features", "mean")),
        ({"architecture": "resnet18", "num_features": 12}, {"output": ROW}, ("output", "none")),
    ],
)
def test_the_type_of_the_model_and_its_outputs_decide(tmp_path, config, outputs, expected):
    assert chosen(graph(tmp_path / "net.onnx", **outputs), config) == expected


@pytest.mark.parametrize("op", ["Gemm", "MatMul"])
@pytest.mark.parametrize(
    ("scores", "config"),
    [
        ("logits", {"model_type": "vit", "architectures": ["ViTForImageClassification"]}),
        ("logits", {"architecture": "vit_tiny_patch16_224", "pretrained_cfg": {"num_classes": 7}}),
        ("output", {"architecture": "resnet18", "num_classes": 7, "num_features": 12}),
        ("1234", {"model_type": "vit", "id2label": {str(k): f"class {k}" for k in range(7)}}),
    ],
)
def test_of_scores_of_classes_what_the_last_layer_reads_is_taken(tmp_path, scores, config, op):
    path = hub_nets.save_classifier(tmp_path / "net.onnx", scores=scores, op=op)
    assert chosen(path, config) == ("penultimate", "none")


def test_both_towers_give_that_of_images_and_the_other_is_said(tmp_path):
    path = hub_nets.save_clip(tmp_path / "clip.onnx")
    facts = describe_graph(path)
    found = choose_output(facts, {"model_type": "clip"})
    assert found.value == "image_embeds"
    assert "tap='text_embeds' adds the other one" in found.remark
    assert [one.name for one in facts.inputs("image_embeds")] == ["pixel_values"]
    assert [one.name for one in facts.inputs("text_embeds")] == ["input_ids", "attention_mask"]


def test_a_missing_norm_after_the_pooling_is_said(tmp_path):
    path = hub_nets.save_maps(tmp_path / "net.onnx")
    remark = choose_output(describe_graph(path), {"model_type": "convnext"}).remark
    assert "has a LayerNorm after its pooling, in pooler_output alone" in remark


@pytest.mark.parametrize("named", ["BertForMaskedLM", "BertForQuestionAnswering"])
def test_a_head_that_is_no_embedding_is_refused_by_name(tmp_path, named):
    path = graph(tmp_path / "net.onnx", logits=["N", "L", 50])
    with pytest.raises(
        BadModelFolder, match=f"exported as {named}, .* export it for feature extraction"
    ):
        choose_output(describe_graph(path), {"model_type": "bert", "architectures": [named]})


def test_outputs_that_nobody_knows_are_a_question(tmp_path):
    path = graph(tmp_path / "net.onnx", a=ROW, b=ROW)
    with pytest.raises(BadModelFolder, match=r"gives a, b, and nothing tells .* say tap= with one"):
        choose_output(describe_graph(path), {})


@pytest.mark.parametrize(
    "config", [{"model_type": 3}, {"model_type": ["vit"]}, {"architectures": "x"}]
)
def test_a_configuration_of_wrong_kinds_says_nothing(tmp_path, config):
    path = graph(tmp_path / "net.onnx", last_hidden_state=MAP)
    assert chosen(path, config) == ("last_hidden_state", "mean")


@pytest.mark.parametrize(
    ("pool", "positions", "expected"),
    [
        ("token", 197, "cls"),
        ("token", "L", "cls"),
        ("avg", 196, "mean"),
        ("avg", 197, "patch-mean:1"),
        ("avg", 261, "patch-mean:5"),
        ("avg", 160, None),
        ("avg", "L", None),
        ("map", 197, None),
        (["token"], 197, None),
        (None, 197, None),
    ],
)
def test_the_tokens_of_timm_are_pooled_as_its_configuration_says(
    pool, positions, expected, tmp_path
):
    facts = describe_graph(graph(tmp_path / "m.onnx", output=["N", positions, 12]))
    config = {"architecture": "vit_tiny_patch16_224", "global_pool": pool}
    found = choose_pooling(facts.tensor("output"), config)
    assert (found and found.value) == expected
    if found:
        assert found.origin == "config.json: global_pool"
        assert ("norm behind this mean" in found.remark) == (pool == "avg")
    assert choose_pooling(facts.tensor("output"), {"global_pool": pool}) is None
