"""``featx backbones pull``: a model of a hub is a backbone after one command; refusals name options."""

import json
import tomllib

import numpy as np
import pytest
from click.testing import CliRunner

from featx.backbones.backbone import Backbone
from featx.catalog import get_card, user_directory
from featx.cli import main
from tests.support import hub_nets
from tests.support.external_nets import save_split
from tests.support.hub_server import COMMIT, FakeHub, serving_hub

# It is said of every backbone of sounds that is added.
pytestmark = [
    pytest.mark.filterwarnings("ignore:a sound of more than:featx.errors.FeatxWarning"),
    pytest.mark.usefixtures("alone_with_a_hub"),
]


@pytest.fixture
def fake(tmp_path, monkeypatch):
    """A sound encoder as optimum exports it, its weights beside the graph."""
    one = tmp_path / "one" / "model.onnx"
    hub_nets.save_frames(one)
    graph = save_split(one, tmp_path / "split" / "model.onnx", "model.onnx_data")
    extractor = {"feature_extractor_type": "Wav2Vec2FeatureExtractor", "sampling_rate": 16000}
    files = {
        "config.json": json.dumps({"model_type": "wav2vec2"}).encode(),
        "preprocessor_config.json": json.dumps(extractor).encode(),
        "onnx/model.onnx": graph.read_bytes(),
        "onnx/model.onnx_data": (graph.parent / "model.onnx_data").read_bytes(),
    }
    with serving_hub(FakeHub(files)) as fake:
        monkeypatch.setenv("HF_ENDPOINT", fake.address)
        yield fake


def featx(*words, status=0):
    result = CliRunner().invoke(main, ["backbones", *words])
    assert result.exit_code == status, result.output
    assert "Traceback" not in result.output
    return result


def test_a_model_of_a_hub_is_added_with_nothing_typed(fake, rng):
    result = featx("pull", "hf:someone/model")
    table = tomllib.loads(result.stdout)
    assert (table["name"], table["modality"], table["license"]) == ("model", "audio", "MIT")
    assert table["source"] == f"hf:someone/model@{COMMIT}:onnx/model.onnx from {fake.address}"
    assert list(table["files"]) == ["model.onnx_data"]
    assert "licence MIT (cardData and tags)" in result.stderr
    assert "added model" in result.stderr
    lines = get_card("model").path.read_text(encoding="utf-8").splitlines()
    assert "rate = 16000  # preprocessor_config.json: sampling_rate" in lines
    assert 'license = "MIT"  # cardData and tags' in lines
    sound = rng.uniform(-0.5, 0.5, 16_000).astype(np.float32)
    assert Backbone("model").embed([(sound, 16_000)]).shape == (1, hub_nets.DIM)
    assert "model " in featx("list").stdout


def test_a_dry_run_adds_nothing_and_keeps_what_came(fake):
    featx("pull", "hf:someone/model", "--name", "other", "--dry-run")
    assert not user_directory().exists()
    fake.asked.clear()
    featx("pull", "hf:someone/model", "--name", "other")
    assert fake.paths == []
    assert get_card("other").license == "MIT"


def test_what_was_pulled_and_not_added_is_shown_and_cleared_with_the_cache(fake):
    featx("pull", "hf:someone/model", "--dry-run")
    assert "bytes of models that were pulled" in CliRunner().invoke(main, ["cache", "info"]).stderr
    cleared = CliRunner().invoke(main, ["cache", "clear", "--yes"])
    assert "removed what was pulled of 1 models" in cleared.stderr
    assert "bytes of models" not in CliRunner().invoke(main, ["cache", "info"]).stderr
    fake.asked.clear()
    featx("pull", "hf:someone/model")
    assert "onnx/model.onnx" in fake.paths


def test_a_licence_that_is_not_free_is_accepted_by_an_option(fake):
    fake.says = {"cardData": {"license": "other", "license_name": "own", "license_link": "LICENSE"}}
    refusal = featx("pull", "hf:someone/model", status=1)
    assert "say --accept-licence if you accept it" in refusal.stderr
    assert "LICENSE" in refusal.stderr
    assert not user_directory().exists()
    assert (
        tomllib.loads(featx("pull", "hf:someone/model", "--accept-licence").stdout)["license"]
        == "own"
    )


def test_offline_nothing_is_asked_and_the_way_out_is_said(fake, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    refusal = featx("pull", "hf:someone/model", status=1)
    assert "HF_HUB_OFFLINE is set" in refusal.stderr
    assert "featx backbones add FOLDER" in refusal.stderr
    assert fake.asked == []


def test_a_token_is_used_and_never_shown(fake, monkeypatch):
    fake.token = "hf_right"
    assert "set HF_TOKEN" in featx("pull", "hf:someone/model", status=1).stderr
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    refusal = featx("pull", "hf:someone/model", status=1)
    assert "answered 403" in refusal.stderr
    assert "hf_wrong" not in refusal.output
    monkeypatch.setenv("HF_TOKEN", "hf_right")
    assert "hf_right" not in featx("pull", "hf:someone/model").output


def test_a_name_that_nothing_has_is_refused_with_the_nearest(fake):
    assert "did you mean 'dinov2-small'" in featx("pull", "dinov2-smal", status=1).stderr
    assert "expected hf:OWNER/NAME" in featx("pull", "hf:model", status=1).stderr


def test_a_name_that_is_taken_is_refused_by_option(fake):
    featx("pull", "hf:someone/model")
    refusal = featx("pull", "hf:someone/model", status=1)
    assert "or choose another with --name" in refusal.stderr


def test_a_backbone_whose_card_says_all_takes_no_options(fake):
    refusal = featx("pull", "vgg16-12", "--tap", "x", status=2)
    assert "leave --tap out" in refusal.stderr


@pytest.mark.parametrize("name", ["efficientnet-lite2", "efficientnet_lite2"])
def test_a_model_that_no_hub_has_as_a_graph_is_told_how_to_be_added(fake, name):
    said = featx("pull", name, status=1).stderr
    assert "no repository of a hub with an ONNX graph of it is known" in said
    recipe = "--resize 292 --crop 260 --interpolation bicubic --scale 0.0078125 --mean 0.9921875"
    assert f"featx backbones add FILE {recipe}" in said


def test_what_a_repository_of_a_short_name_leaves_out_is_told_with_who_says_it(
    tmp_path, monkeypatch
):
    hub_nets.save_classifier(tmp_path / "m.onnx", size=(224, 224))
    graph = (tmp_path / "m.onnx").read_bytes()
    name = "onnxmodelzoo/efficientnet_lite0_Opset18"
    with serving_hub(FakeHub({"efficientnet_lite0_Opset18.onnx": graph}, name=name)) as fake:
        monkeypatch.setenv("HF_ENDPOINT", fake.address)
        said = featx("pull", "efficientnet-lite0", status=1).stderr
        words = "--like torch --resize 256 --crop 224 --interpolation bicubic"
        assert f"timm, whose model it is by its name, says {words}" in said
        table = tomllib.loads(featx("pull", "efficientnet-lite0", *words.split()).stdout)
    assert (table["name"], table["image"]["crop"]) == ("efficientnet-lite0", 224)


def test_the_list_shows_what_can_be_pulled_by_a_short_name(fake):
    rows = {line.split()[0]: line.split() for line in featx("list").stdout.splitlines()}
    assert rows["dinov2-small"] == [
        "dinov2-small",
        "image",
        "?",
        "?",
        "Apache-2.0",
        "on",
        "a",
        "hub",
    ]
    facts = {fact["name"]: fact for fact in json.loads(featx("list", "--format", "json").stdout)}
    assert facts["bge-small"]["address"] == "hf:BAAI/bge-small-en-v1.5:onnx/model.onnx"
    assert facts["whisper-tiny"]["where"] == "on a hub"
    assert facts["whisper-tiny"]["dim"] is None
