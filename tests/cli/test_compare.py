"""``featx compare`` and ``featx fit --backbone auto`` on the command line."""

from __future__ import annotations

import json
import os

import pytest
from PIL import Image

from featx.reporting.comparison import Comparison
from tests.support import tiny_backbones as tiny
from tests.support.commands import refusal, run
from tests.support.targets import make_records, write_records


@pytest.fixture
def pictures(tmp_path, monkeypatch):
    """A folder of two classes of pictures, and two backbones of which one knows colours."""
    folder = tmp_path / "models"
    tiny.add_colors(folder)
    tiny.add_brightness(folder)
    monkeypatch.setenv("FEATX_MODELS", os.fspath(folder))
    drawn, labels, _ = tiny.colored_pictures(n=40)
    for number, (picture, label) in enumerate(zip(drawn, labels, strict=True)):
        path = tmp_path / "data" / label / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(path)
    return tmp_path / "data"


@pytest.mark.slow
def test_the_table_names_the_best_first_and_the_command_that_trains_it(pictures, tmp_path):
    result = run("compare", pictures, "--backbone", "brightness", "--backbone", "colors")
    assert result.exit_code == 0, result.output
    lines = [line.split()[0] for line in result.stdout.splitlines() if line[:1].isalpha()]
    assert lines.index("colors") < lines.index("brightness") < lines.index("always")
    assert "the same head on raw pixels" in result.stdout
    [command] = [line for line in result.stderr.splitlines() if line.startswith("Next: ")]
    words = command.removeprefix("Next: featx ").split()
    words[words.index("NAME.featx")] = str(tmp_path / "x.featx")
    trained = run(*words)
    assert trained.exit_code == 0, trained.output
    assert "Head logistic" in trained.stdout


def test_all_is_all_that_are_here_and_json_is_read_back(pictures):
    result = run(
        "compare",
        pictures,
        "--all",
        "--format",
        "json",
        "--logme",
        "--best",
        "1",
        "--head",
        "ridge",
    )
    assert result.exit_code == 0, result.output
    found = Comparison.from_dict(json.loads(result.stdout))
    assert {"colors", "brightness", "featx-image-nano"} <= {one.name for one in found.backbones}
    # The best of the quick pass, and the one that is best on average elsewhere.
    measured = {one.name for one in found.backbones if one.score is not None}
    assert measured == {"colors", "featx-image-nano"}
    assert all("logme" in one.quick for one in found.backbones)
    # What is known to be on a hub alone is named with how to get it.
    assert any("featx backbones pull" in one.reason for one in found.left_out)


def test_taps_of_each_backbone_are_ranked_where_they_are_asked_for(pictures):
    result = run("compare", pictures, "--backbone", "colors", "--taps", "--head", "ridge")
    assert result.exit_code == 0, result.output
    assert "Left out: colors: other taps: none was found behind its layers." in result.stdout


def test_limits_are_refused_in_the_words_of_options(pictures):
    for words, message in (
        (("--max-latency", "fast"), "--max-latency fast: expected a time above 0"),
        (("--max-size", "0"), "--max-size 0: expected a size above 0"),
        (("--time-limit", "-1s"), "--time-limit -1s: expected a time above 0"),
        (("--max-size", "10", "--all"), "expected one or more to compare, found none"),
        (("--max-latency", "1e-6ms"), "above --max-latency 1e-06 ms"),
        (("--head", "logistik"), "did you mean 'logistic'"),
        (("--backbone", "color"), "did you mean 'colors'"),
        (("--plot", "ranking.bmp"), "expected the name of a file that ends in"),
    ):
        assert message in refusal(run("compare", pictures, *words))


def test_all_and_names_together_are_a_wrong_use(pictures):
    result = run("compare", pictures, "--all", "--backbone", "colors")
    assert result.exit_code == 2
    assert "--all, --backbone: name one of the two" in result.stderr


def test_taps_and_heads_are_named_on_the_command_line(pictures):
    words = ("--backbone", "colors", "--backbone", "featx-image-nano@last-map:max")
    result = run("compare", pictures, *words, "--head", "ridge", "--head", "knn")
    assert result.exit_code == 0, result.output
    assert "featx-image-nano@" in result.stdout
    assert {"ridge", "knn"} <= set(result.stdout.split())


@pytest.mark.slow
def test_a_table_of_texts_is_compared_with_groups_and_several_labels(tmp_path):
    path = write_records(tmp_path / "texts.jsonl", make_records())
    words = ("--text-column", "text", "--target-column", "topics", "--task", "multilabel")
    result = run("compare", path, *words, "--group-column", "person", "--format", "json")
    assert result.exit_code == 0, result.output
    found = Comparison.from_dict(json.loads(result.stdout))
    assert (found.score, found.best.name) == ("micro_f1", "featx-text-nano")
    assert any("hashed words" in one.name for one in found.baselines)


@pytest.mark.slow
def test_fit_with_auto_trains_the_winner_and_tells_what_was_compared(pictures, tmp_path):
    output = tmp_path / "x.featx"
    result = run("fit", pictures, "--backbone", "auto", "--time-limit", "10min", "-o", output)
    assert result.exit_code == 0, result.output
    assert "on colors, trained on 40 samples" in result.stdout
    assert "Compared before:" in result.stdout
    shown = run("inspect", output)
    assert "brightness" in shown.stdout
    again = run("inspect", output, "--config")
    assert 'backbone = "colors"' in again.stdout


def test_auto_takes_no_changes_of_one_backbone(pictures, tmp_path):
    for words in (("--tap", "x"), ("--set", "resize=4"), ("--normalize",), ("--pooling", "max")):
        result = run("fit", pictures, "--backbone", "auto", *words, "-o", tmp_path / "x.featx")
        assert result.exit_code == 2
        assert f"{words[0]}: --backbone auto compares backbones as they are" in result.stderr
    result = run(
        "fit", pictures, "--backbone", "colors", "--max-latency", "5ms", "-o", tmp_path / "x.featx"
    )
    assert "--max-latency 5ms: only --backbone auto chooses by it" in refusal(result)


def test_progress_of_a_comparison_is_told_on_a_terminal_alone(pictures):
    result = run("compare", pictures, "--backbone", "colors")
    assert "ranking" not in result.stderr


def test_the_command_to_type_takes_a_pooling_with_a_number_for_one(pictures):
    result = run("compare", pictures, "--backbone", "featx-image-nano@last-map:gem:4.5")
    assert result.exit_code == 0, result.output
    [command] = [line for line in result.stderr.splitlines() if line.startswith("Next: ")]
    assert "--backbone featx-image-nano --tap last-map --pooling gem:4.5 " in command
