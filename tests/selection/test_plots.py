"""Plots: files that appear whole, what is drawn in them, and a word where matplotlib is missing."""

import importlib.util
import sys
import warnings

import pytest
from PIL import Image

from featx.errors import BadOption, MissingExtra, OutputFailed
from featx.metrics.paired import Difference
from featx.selection.curve_report import CurvePoint, LearningCurve, ScoreCurve, ScoreForecast
from featx.selection.layer_report import LayerProbe, LayerScore
from featx.selection.plots import check_plot, plot_ranking, save_plot

drawn = pytest.mark.skipif(
    importlib.util.find_spec("matplotlib") is None,
    reason="matplotlib is not installed: nothing is drawn",
)


@pytest.fixture
def curve():
    curves = []
    for name, shift in (("nano", 0.0), ("raw pixels", 0.2)):
        points = tuple(CurvePoint(n, (1 - shift - n**-0.5,) * 2) for n in (16, 22, 32, 64))
        value = 1 - shift - 160**-0.5
        fitted = tuple((n, ScoreForecast(value, value - 0.02, value + 0.02)) for n in (64, 80, 160))
        curves.append(ScoreCurve(name, points, fitted))
    return LearningCurve("classification", "accuracy", "logistic", 80, 2, tuple(curves))


@pytest.fixture
def probe():
    layers = tuple(
        LayerScore(
            f"block{k}", pooling, k, "Add", (17, 12), 12, 0.6 + k / 20, Difference(0.1, 0.05, 0.15)
        )
        for k in (1, 2)
        for pooling in ("cls", "patch-mean")
    )
    own = LayerScore("embedding", "none", 9, "Gather", (12,), 12, 0.6)
    return LayerProbe("vit", "classification", "accuracy", 99, (*layers, own))


@pytest.fixture
def ax():
    figure = pytest.importorskip("matplotlib.figure", reason="matplotlib is not installed")
    return figure.Figure().add_subplot()


@drawn
@pytest.mark.parametrize("suffix", [".png", ".svg", ".pdf", ".PNG"])
def test_a_plot_is_written_in_the_format_of_its_suffix(suffix, curve, probe, tmp_path):
    for number, result in enumerate((curve, probe)):
        path = tmp_path / f"plot{number}{suffix}"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            save_plot(result, path)
        start = path.read_bytes()[:200]
        assert {"png": b"PNG", "svg": b"<?xml", "pdf": b"%PDF"}[suffix.lower()[1:]] in start
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"plot{n}{suffix}" for n in (0, 1)]
    if suffix == ".png":
        with Image.open(path) as picture:
            assert picture.width > 800


@drawn
def test_a_curve_is_drawn_with_its_means_and_dashed_what_is_foretold(curve, ax):
    assert curve.plot(ax) is ax
    measured = [line for line in ax.lines if line.get_label() in ("nano", "raw pixels")]
    for line, one in zip(measured, curve.curves, strict=True):
        assert line.get_xdata().tolist() == list(one.labels)
        assert line.get_ydata().tolist() == list(one.means)
    dashed = [line for line in ax.lines if line.get_linestyle() == "--"]
    assert [line.get_xdata().tolist() for line in dashed] == [[64, 80, 160]] * 2
    assert ax.get_ylabel() == "accuracy"
    assert [label.get_text() for label in ax.get_xticklabels()] == ["16", "32", "64", "160"]


@drawn
def test_layers_are_drawn_a_line_a_pooling_with_the_one_to_use_marked(probe, ax):
    probe.plot(ax)
    names = [text.get_text() for text in ax.get_legend().get_texts()]
    assert {"cls", "patch-mean", "the tap to use", "its own tap"} <= set(names)
    stars = [one for one in ax.collections if one.get_label() == "the tap to use"]
    [[at, score]] = stars[0].get_offsets().tolist()
    assert (at, score) == (1, probe.chosen.score)


@drawn
def test_a_ranking_is_drawn_from_top_to_bottom_with_baselines_as_lines(ax):
    entries = [("best", 0.9, 0.85, 0.93), ("a name " * 9, 0.8, 0.7, 0.86)]
    plot_ranking(entries, score="accuracy", baselines={"majority": 0.5}, ax=ax)
    labels = [label.get_text() for label in ax.get_yticklabels()]
    assert labels[0] == "best"
    assert len(labels[1]) <= 40
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["majority"]
    assert ax.get_yticks().tolist() == [1, 0]


@drawn
def test_a_file_of_another_kind_or_in_no_folder_is_refused_before_the_work(tmp_path):
    with pytest.raises(BadOption, match=r"ends in \.png, \.svg, \.pdf"):
        check_plot(tmp_path / "plot.bmp")
    with pytest.raises(OutputFailed):
        check_plot(tmp_path / "nowhere" / "plot.png")
    assert list(tmp_path.iterdir()) == []


def test_without_matplotlib_a_plot_is_refused_with_what_to_install(curve, monkeypatch, tmp_path):
    # As if it were not installed: the import system finds no such module.
    for name in [name for name in sys.modules if name.partition(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [_Hidden(), *sys.meta_path])
    for draw in (curve.plot, lambda: save_plot(curve, tmp_path / "plot.png")):
        with pytest.raises(
            MissingExtra, match=r"matplotlib is not installed; run: pip install 'featx\[plot\]'"
        ):
            draw()
    assert list(tmp_path.iterdir()) == []


class _Hidden:
    """A finder that knows of no matplotlib."""

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "matplotlib":
            raise ModuleNotFoundError(f"No module named {name!r}", name="matplotlib")
