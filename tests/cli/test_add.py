"""``featx backbones add`` of a model folder: what it prints, and its options in its own words."""

from __future__ import annotations

import tomllib

import pytest

from featx.catalog import get_card, user_directory
from tests.support import hub_nets
from tests.support.commands import run

# they are shown on standard error
pytestmark = pytest.mark.filterwarnings("default::featx.errors.FeatxWarning")


@pytest.fixture(autouse=True)
def directory(own_directory):
    """What is added lands in a model directory of the test's own."""


@pytest.fixture
def folder(tmp_path):
    """A folder with a sound encoder in two precisions."""
    folder = tmp_path / "tiny sounds"
    for name in ("model", "model_fp16"):
        hub_nets.save_frames(folder / "onnx" / f"{name}.onnx")
    hub_nets.write_json(folder, "config.json", {"model_type": "hubert"})
    table = {"feature_extractor_type": "Wav2Vec2FeatureExtractor"}
    hub_nets.write_json(folder, "preprocessor_config.json", table)
    return folder


def add(*words, status=0):
    result = run("backbones", "add", *words)
    assert result.exit_code == status, result.output
    return result


def test_a_folder_is_added_by_its_name_alone(folder):
    result = add(folder)
    assert tomllib.loads(result.stdout)["name"] == "tiny-sounds"
    assert result.stdout == get_card("tiny-sounds").path.read_text(encoding="utf-8")
    assert "rate = 16000  # default of Wav2Vec2FeatureExtractor" in result.stdout
    assert "added tiny-sounds; try: featx fit FOLDER --backbone tiny-sounds" in result.stderr
    assert "onnx/model.onnx was taken of" in result.stderr
    assert "--file names another" in result.stderr


def test_a_dry_run_prints_the_card_alone(folder):
    result = add(folder, "--dry-run", "--name", "other")
    assert tomllib.loads(result.stdout)["name"] == "other"
    assert "added" not in result.stderr
    assert not user_directory().exists()


def test_entries_are_set_by_pairs(folder):
    result = add(folder, "--set", "window=32000", "--set", "pool=max", "--dry-run")
    assert "window = 32000  # given" in result.stdout
    assert 'pool = "max"  # given' in result.stdout
    said = add(folder, "--set", "crop=160", status=1).stderr
    assert "unknown key 'crop'" in said
    assert "expected KEY=VALUE" in add(folder, "--set", "crop", status=1).stderr


def test_another_graph_is_named_by_an_option(folder):
    add(folder, "--file", "onnx/model_fp16.onnx", "--name", "half")
    assert get_card("half").output == "last_hidden_state"
    said = add(folder, "--file", "onnx/model_int4.onnx", status=1).stderr
    assert "--file onnx/model_int4.onnx: " in said
    assert "has onnx/model.onnx, onnx/model_fp16.onnx" in said


def test_what_nothing_tells_is_named_by_its_option(folder):
    hub_nets.write_json(folder, "config.json", {"model_type": "something-new"})
    said = add(folder, status=1).stderr
    assert "nothing tells how a row is made of last_hidden_state" in said
    assert "say --pooling with mean" in said
    assert 'pooling = "max"  # given' in add(folder, "--pooling", "max").stdout


def test_a_folder_without_a_graph_is_refused_in_one_line(tmp_path):
    said = add(tmp_path, status=1).stderr
    assert said.count("\n") == 1
    assert "has no ONNX graph" in said


def test_notes_name_what_can_be_set_in_the_words_of_the_command_line(folder):
    assert "--set window= sets another length" in add(folder, "--dry-run").stderr
