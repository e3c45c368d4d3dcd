"""``featx backbones``: results on standard output, words on standard error, a status that tells."""

from __future__ import annotations

import hashlib
import json
import os
import pty
import subprocess
import sys
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from onnx import helper

from featx.catalog import get_card, user_directory
from featx.cli import main
from tests.support.nets import FLOAT, convolutions, save

NANO = "featx-image-nano"
COMMAND = [sys.executable, "-m", "featx", "backbones"]


@pytest.fixture(autouse=True)
def directory(own_directory):
    """What is added lands in a model directory of the test's own."""


def featx(*words, status=0):
    """Run featx; what it said, where it should have ended with ``status``."""
    result = CliRunner().invoke(main, ["backbones", *map(str, words)])
    assert result.exit_code == status, result.output
    assert "Traceback" not in result.stderr
    return result


def test_the_list_says_where_the_bytes_are():
    lines = featx("list").stdout.splitlines()
    assert lines[0].split() == ["name", "modality", "dim", "size", "licence", "where"]
    rows = {line.split()[0]: line for line in lines[1:]}
    assert rows[NANO].endswith("shipped")
    assert rows["vgg16-12"].endswith("to pull")
    assert "553.4 MB" in rows["vgg16-12"]


def test_the_list_can_be_read_by_a_program():
    facts = {fact["name"]: fact for fact in json.loads(featx("list", "--format", "json").stdout)}
    assert facts[NANO]["where"] == "shipped"
    assert facts["resnet50-v1-12"]["dim"] == 2048
    assert facts["resnet50-v1-12"]["bytes"] == 102576593


def test_a_card_is_shown_as_toml_with_its_fingerprint():
    shown = featx("show", NANO).stdout
    assert tomllib.loads(shown)["name"] == NANO
    assert f"# fingerprint: {get_card(NANO).fingerprint}" in shown
    assert "# graph: not on this machine" in featx("show", "vgg16-12").stdout


def test_a_check_says_what_is_missing_and_is_content():
    said = featx("check").stdout
    assert f"{NANO} " in said
    assert "absent" in said
    assert "featx backbones pull vgg16-12" in said


def test_a_check_of_spoilt_weights_ends_with_status_1(tmp_path, monkeypatch):
    card = get_card(NANO)
    folder = tmp_path / "directory" / "spoilt"
    folder.mkdir(parents=True)
    text = replace(card, name="spoilt", canary=(99.0,)).to_toml()
    (folder / "card.toml").write_text(text, encoding="utf-8")
    (folder / "backbone.onnx").symlink_to(card.path.parent / "backbone.onnx")
    monkeypatch.setenv("FEATX_MODELS", str(tmp_path / "directory"))
    assert "failed" in featx("check", "spoilt", status=1).stdout


def test_layers_are_listed_from_shallow_to_deep():
    listed = json.loads(featx("layers", NANO, "--format", "json").stdout)
    named = [layer["name"] for layer in listed if "tensor" in layer]
    layers = listed[: len(listed) - len(named)]
    depths = [layer["depth"] for layer in layers]
    assert depths == sorted(depths)
    assert [layer["name"] for layer in layers if layer["output"]] == ["embedding"]
    # Names of taps stand behind the layers of the graph.
    assert named == ["one-view", "mean-map"]
    lines = featx("layers", NANO).stdout.splitlines()
    assert [line.split()[-1] for line in lines[-5:-2]] == ["embedding", *named]


def test_layers_of_a_file_can_be_listed_before_it_is_added(keras_net):
    last = featx("layers", keras_net).stdout.splitlines()[-1]
    assert last.split(maxsplit=2) == ["8", "Transpose", "[N, 4, 4, 5]    features"]


def test_a_graph_is_added_and_removed(keras_net):
    added = featx("add", keras_net, "--name", "mine", "--like", "caffe", "--mean", "1,2,3")
    assert tomllib.loads(added.stdout)["image"]["mean"] == [1.0, 2.0, 3.0]
    assert "added mine" in added.stderr
    assert "missing" in featx("check", "mine").stdout
    assert "removed" in featx("remove", "mine").stderr
    assert "no backbone named 'mine'" in featx("show", "mine", status=1).stderr


def test_a_graph_is_called_like_its_file_unless_told_otherwise(torch_net):
    file = torch_net.rename(torch_net.with_name("my net (2).onnx"))
    options = ("--like", "torch", "--resize", 16, "--tap", "logits")
    assert "added my-net-2;" in featx("add", file, *options).stderr


def test_an_output_that_may_be_scores_is_mentioned(tmp_path):
    nodes, weights = convolutions("image")
    nodes += [
        helper.make_node("GlobalMaxPool", ["map"], ["p"]),
        helper.make_node("Flatten", ["p"], ["y"]),
    ]
    image = ("image", FLOAT, ["N", 3, 16, 16])
    path = save(tmp_path / "net.onnx", nodes, [image], [("y", FLOAT, ["N", 5])], weights)
    assert "the 5 values of y; if those are scores" in featx("add", path, "--like", "tf").stderr


def test_a_model_directory_that_does_not_exist_is_mentioned_once(monkeypatch, tmp_path):
    monkeypatch.setenv("FEATX_MODELS", str(tmp_path / "typo"))
    done = subprocess.run([*COMMAND, "list"], capture_output=True, text=True, check=True)
    assert done.stderr.count("FEATX_MODELS names") == 1
    assert NANO in done.stdout


def test_what_a_graph_cannot_tell_is_demanded_where_nobody_can_be_asked(torch_net):
    said = featx("add", torch_net, status=1).stderr
    assert len(said.splitlines()) == 1
    assert "--like" in said
    assert "--tap" in said


def test_what_a_graph_cannot_tell_is_asked_on_a_terminal(torch_net):
    ours, theirs = pty.openpty()
    os.write(ours, b"asked\ntorch\n20\n\nmap\nflatten\n")
    done = subprocess.run(
        [*COMMAND, "add", str(torch_net)], stdin=theirs, capture_output=True, text=True, timeout=60
    )
    os.close(ours)
    os.close(theirs)
    assert done.returncode == 0, done.stderr
    card = get_card("asked")
    assert (card.input.resize, card.input.crop, card.output) == (20, 20, "map")
    assert (card.dim, card.pooling, card.input.interpolation) == (125, "flatten", "bilinear")


@pytest.mark.parametrize(
    "size", ["224,,224", "big", "224 224", "1.5"], ids=["commas", "word", "space", "fraction"]
)
def test_a_size_that_is_none_is_a_misuse(keras_net, size):
    assert "expected numbers such as" in featx("add", keras_net, "--resize", size, status=2).stderr


def test_a_pull_that_cannot_be_says_why():
    assert f"{NANO}: nothing" in featx("remove", NANO, status=1).stderr
    assert "did you mean 'vgg16-12'" in featx("pull", "vgg16-13", status=1).stderr


def test_pulling_what_is_here_prints_where_it_is():
    path = Path(featx("pull", NANO).stdout.strip())
    assert hashlib.sha256(path.read_bytes()).hexdigest() == get_card(NANO).graph.sha256
    assert not user_directory().exists()
