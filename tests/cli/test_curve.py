"""``featx curve`` and ``featx backbones layers --probe``: what they print, draw and refuse."""

import importlib.util
import json

import pytest

import featx
from tests.support.commands import refusal, run
from tests.support.targets import make_records, write_records

drawn = pytest.mark.skipif(
    importlib.util.find_spec("matplotlib") is None,
    reason="matplotlib is not installed: nothing is drawn",
)
COLUMNS = ("--text-column", "text", "--target-column", "kind")
QUICK = ("--head", "ridge", "--draws", 2, "--no-baseline")


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """A table of texts, of which all but the test part are for training."""
    return write_records(tmp_path_factory.mktemp("texts") / "texts.csv", make_records(90))


def test_a_curve_is_printed_with_what_it_foretells(table):
    result = run("curve", table, *COLUMNS, *QUICK)
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert (
        lines[0]
        == "Accuracy by the number of labels, head ridge, 2 draws of each number out of 90."
    )
    assert lines[2].split() == ["labels", "featx-text-nano", "95", "%", "of", "draws"]
    assert lines[-1].startswith("With all 90 labels accuracy is about")


def test_the_part_for_testing_is_left_alone(table):
    result = run("curve", table, *COLUMNS, *QUICK, "--split-column", "part", "--format", "json")
    assert json.loads(result.stdout)["n"] == 72


def test_json_is_the_curve_of_the_library_with_its_options(table):
    asked = (
        "--sizes",
        30,
        "--sizes",
        60,
        "--groups",
        "row ([0-9])",
        "--seed",
        3,
        "--format",
        "json",
    )
    result = run("curve", table, *COLUMNS, "--head", "ridge", "--draws", 3, *asked)
    assert result.exit_code == 0, result.output
    curve = featx.LearningCurve.from_dict(json.loads(result.stdout))
    samples = featx.read_samples(table, text_column="text", target="kind")
    options = {"backbone": "featx-text-nano", "head": "ridge", "draws": 3, "random_state": 3}
    asked = {"sizes": [30, 60], "groups": "row ([0-9])"}
    assert curve == featx.learning_curve(samples, **asked, **options)
    assert curve.groups
    assert len(curve.curves) == 2


@pytest.mark.slow
@drawn
def test_plots_of_a_curve_of_layers_and_of_a_ranking_are_written_beside_what_is_printed(
    table, tmp_path
):
    result = run("curve", table, *COLUMNS, *QUICK, "--plot", tmp_path / "curve.png")
    assert (tmp_path / "curve.png").read_bytes()[1:4] == b"PNG"
    assert "drawn in" in result.stderr
    probe = ("--probe", table, *COLUMNS, "--plot", tmp_path / "layers.svg")
    assert run("backbones", "layers", "featx-text-nano", *probe).exit_code == 0
    assert b"<svg" in (tmp_path / "layers.svg").read_bytes()
    ranked = ("--backbone", "featx-text-nano", "--plot", tmp_path / "ranking.pdf")
    assert "drawn in" in run("compare", table, *COLUMNS, *ranked).stderr
    assert (tmp_path / "ranking.pdf").read_bytes().startswith(b"%PDF")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--plot", "curve.bmp"), "expected the name of a file that ends in"),
        (("--head", "forest"), "no head named 'forest'"),
        (("--sizes", 400), "--sizes: expected at most"),
        (("--task", "regression"), "number"),
    ],
)
def test_what_cannot_be_is_refused_in_the_words_of_the_command_line(words, said, table):
    line = refusal(run("curve", table, *COLUMNS, *QUICK, *words))
    assert said in line
    assert "=" not in line


def test_a_probe_prints_a_row_a_layer_and_the_tap_to_use(table):
    result = run("backbones", "layers", "featx-text-nano", "--probe", table, *COLUMNS)
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0].startswith("Accuracy by depth of featx-text-nano, by a ridge on 90 samples")
    assert lines[2].split()[:4] == ["tap", "pooling", "depth", "made"]
    assert lines[-1].startswith(("Keep its own tap, embedding", "Use --tap"))


def test_a_probe_of_named_taps_is_that_of_the_library(table):
    asked = ("--tap", "token_sum", "--tap", "direction", "--format", "json")
    result = run("backbones", "layers", "featx-text-nano", "--probe", table, *COLUMNS, *asked)
    probe = featx.LayerProbe.from_dict(json.loads(result.stdout))
    samples = featx.read_samples(table, text_column="text", target="kind")
    alone = featx.probe_layers(samples, backbone="featx-text-nano", taps=["token_sum", "direction"])
    assert [layer.tap for layer in probe.layers] == ["token_sum", "direction", "embedding"]
    assert probe == alone


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--tap", "nothing"), "nothing"),
        (("--max-samples", 40, "--task", "multilabel", "--log-target"), "--log-target"),
    ],
)
def test_what_a_probe_cannot_do_is_refused(words, said, table):
    line = refusal(
        run("backbones", "layers", "featx-text-nano", "--probe", table, *COLUMNS, *words)
    )
    assert said in line


@pytest.mark.parametrize(
    "words", [("--tap", "a"), ("--seed", 3), ("--plot", "x.png"), ("--no-cache",)]
)
def test_options_of_a_probe_without_one_are_refused(words):
    result = run("backbones", "layers", "featx-text-nano", *words)
    assert result.exit_code == 2
    assert (
        f"{words[0]}: only with --probe DATA" in result.stderr
        or "--cache: only with" in result.stderr
    )


def test_layers_are_scored_by_a_ridge_and_no_other_head(table):
    result = run(
        *("backbones", "layers", "featx-text-nano", "--probe", table, *COLUMNS, "--head", "knn")
    )
    assert result.exit_code == 2
    assert "--head: layers are scored by a ridge" in result.stderr


def test_a_graph_alone_cannot_be_probed(torch_net, table):
    line = refusal(run("backbones", "layers", torch_net, "--probe", table))
    assert "make it a backbone first with `featx backbones add`" in line
