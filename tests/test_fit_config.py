"""What fit was asked for is written into a predictor and can be run again."""

import json
import tomllib
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import featx
from featx.cli import main
from featx.errors import BadOption
from featx.fit_config import FitConfig

OLD = Path(__file__).parent / "data" / "format-1"


def run(*arguments):
    return CliRunner().invoke(main, list(map(str, arguments)))


def test_a_config_survives_toml_and_json():
    config = FitConfig(
        backbone="featx-image-nano",
        options={"resize": 64, "crop": [64, 64], "draft": 2.5},
        class_weight="balanced",
        random_state=3,
        normalize=True,
        target_column=("größe", "b"),
    )
    assert FitConfig.from_toml(config.to_toml()) == config
    assert FitConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("heads = 'ridge'", "'heads': expected keys among"),
        ("random_state = 'three'", "random_state = 'three': expected int"),
        ("random_state = true", "random_state = True: expected int"),
        ("normalize = 1", "normalize = 1: expected bool"),
        ("head = [", "not TOML"),
        ("head = " + "[" * 50_000, "not TOML"),
    ],
)
def test_what_is_no_config_is_refused_in_words(text, words):
    with pytest.raises(BadOption, match=words.replace("[", r"\[")):
        FitConfig.from_toml(text)


def test_a_call_in_python_is_written_down_with_what_it_changed_of_the_card(photos):
    backbone = featx.Backbone("featx-image-nano", normalize=True, options={"draft": 0.0})
    samples = featx.read_samples(photos)
    classifier = featx.fit(samples, backbone=backbone, head="centroid", random_state=5)
    config = classifier.config
    assert (config.backbone, config.head, config.random_state) == (
        "featx-image-nano",
        "centroid",
        5,
    )
    assert config.normalize is True
    assert config.options == {"draft": 0.0}
    assert config.tap is None


def test_a_saved_classifier_prints_its_config_and_it_gives_the_same_again(photos, tmp_path):
    first, second = tmp_path / "first.featx", tmp_path / "second.featx"
    asked = ["--head", "ridge", "--seed", "4", "--balance", "--normalize", "--set", "draft=0"]
    assert run("fit", photos, "-o", first, *asked).exit_code == 0
    printed = run("inspect", first, "--config").stdout
    assert tomllib.loads(printed)["class_weight"] == "balanced"
    (tmp_path / "fit.toml").write_text(printed, encoding="utf-8")
    again = run("fit", photos, "-o", second, "--config", tmp_path / "fit.toml")
    assert again.exit_code == 0, again.output
    one, two = featx.load(first), featx.load(second)
    assert one.config == two.config
    X = sorted(photos.rglob("*.png"))
    np.testing.assert_array_equal(one.predict_proba(X), two.predict_proba(X))


def test_a_typed_option_wins_over_the_config_and_an_unknown_key_is_refused(photos, tmp_path):
    path = tmp_path / "fit.toml"
    path.write_text("head = 'ridge'\nrandom_state = 4\n", encoding="utf-8")
    run("fit", photos, "-o", tmp_path / "x.featx", "--config", path, "--head", "centroid")
    config = featx.load(tmp_path / "x.featx").config
    assert (config.head, config.random_state) == ("centroid", 4)
    path.write_text("hed = 'ridge'\n", encoding="utf-8")
    refused = run("fit", photos, "-o", tmp_path / "y.featx", "--config", path)
    assert refused.exit_code == 1
    assert "'hed': expected keys among" in refused.stderr


def test_a_classifier_without_a_config_says_so(tmp_path):
    refused = run("inspect", OLD / "whole.featx.zip", "--config")
    assert refused.exit_code == 1
    assert "was saved without its configuration" in refused.stderr


@pytest.mark.parametrize(
    ("text", "words"),
    [("heads = 'ridge'", "mine.toml: 'heads': expected keys"), ("head =", "mine.toml: not TOML")],
)
def test_a_config_that_cannot_be_used_is_named_by_its_file(photos, tmp_path, text, words):
    config = tmp_path / "mine.toml"
    config.write_text(text, encoding="utf-8")
    result = run("fit", photos, "--config", config, "--output", tmp_path / "a.featx")
    assert result.exit_code == 1
    assert words in result.stderr
