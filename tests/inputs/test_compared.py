"""Backbones of each input, inputs left out, and learning curves of several inputs."""

from __future__ import annotations

import json

import pytest

import featx
from featx.cli import main
from featx.errors import BadOption
from featx.metrics.report import ShownReport
from featx.reporting.comparison import Comparison
from featx.selection.compare import compare
from featx.selection.curve import learning_curve
from tests.support.goods import draw_goods, write_goods

pytestmark = pytest.mark.filterwarnings("ignore::featx.errors.FeatxNotice")
INPUTS = {"photo": "image", "caption": "text", "price": "number"}
OTHER = featx.get_card("featx-image-nano").variant(tap="last-map", pooling="mean")


@pytest.fixture(scope="module")
def found():
    return compare(
        draw_goods(40), target="sold", inputs=INPUTS, backbones=[OTHER], heads="ridge", n_best=1
    )


def test_each_input_is_left_out_and_other_backbones_stand_in(found):
    assert isinstance(found, ShownReport)
    assert {one.name for one in found.backbones} == {
        "all inputs as named",
        "photo: featx-image-nano@last-map:mean",
        "without photo",
        "without caption",
        "without price",
    }
    scores = {one.name: one.score for one in found.backbones}
    assert found.best.score == max(scores.values())
    assert scores["without photo"] < scores["all inputs as named"]
    widths = {one.name: one.dim for one in found.backbones}
    assert widths["all inputs as named"] - widths["without photo"] == 384
    assert widths["without price"] + 1 == widths["all inputs as named"]
    assert widths["photo: featx-image-nano@last-map:mean"] == 512 + widths["without photo"]
    behind = {one.name: one.difference for one in found.backbones}["without photo"]
    assert behind is not None
    assert behind.value == pytest.approx(found.best.score - scores["without photo"])
    assert [one.name for one in found.baselines] == ["always the most frequent class"]


def test_they_are_measured_as_fit_measures(found):
    fitted = featx.fit(draw_goods(40), target="sold", inputs=INPUTS, head="ridge")
    scores = {one.name: one.score for one in found.backbones}
    assert scores["all inputs as named"] == fitted.report.validation.report.accuracy
    for one in fitted.report.contributions:
        assert scores[f"without {one.name}"] == pytest.approx(one.score_without)


def test_it_is_told_and_read_back(found):
    assert "5 choices of inputs and backbones measured as fit measures" in found.format_table()
    assert "without caption nothing is lost beyond chance" in found.format_table()
    assert Comparison.from_dict(json.loads(json.dumps(found.to_dict()))) == found


def test_what_is_not_looked_at_is_refused():
    rows = draw_goods(12)
    for wrong, said in (
        ({"time_limit": "1min"}, "time_limit = '1min': is not for several inputs"),
        ({"logme": True}, "logme = True"),
        ({"taps": True}, "taps = True"),
        ({"heads": ["ridge", "logistic"]}, "expected one with several inputs, found 2"),
        ({"backbones": ["featx-audio-mel"]}, "is a backbone for audio; the inputs with one are"),
    ):
        with pytest.raises(BadOption, match=said):
            compare(rows, target="sold", inputs=INPUTS, **wrong)
    with pytest.raises(BadOption, match="each of several inputs has its own"):
        learning_curve(rows, target="sold", inputs=INPUTS, backbone="featx-image-nano")


def test_large_backbones_are_left_out_and_the_rest_is_compared():
    inputs = {"photo": "image", "price": "number"}
    found = compare(
        draw_goods(20),
        target="sold",
        inputs=inputs,
        backbones=[OTHER],
        heads="ridge",
        max_size="1kB",
    )
    [left] = found.left_out
    assert left.name == "photo: featx-image-nano@last-map:mean"
    assert left.reason.endswith("MB, above max_size = 0.001 MB")
    assert len(found.backbones) == 3


def test_a_learning_curve_is_that_of_joint_rows():
    inputs = {"price": "number", "brand": "category"}
    curve = learning_curve(draw_goods(60), target="sold", inputs=inputs, head="ridge", draws=3)
    [own] = curve.curves
    assert own.name == "price + brand"
    assert own.labels[-1] == 48
    assert own.points[-1].mean > own.points[0].mean - 0.1
    assert curve.n == 60


@pytest.mark.slow
def test_the_commands_compare_and_draw_curves(tmp_path, capsys):
    table = write_goods(tmp_path, 40)
    asked = ["--label-column", "sold", "--input", "price:number", "--input", "brand:category"]
    main(["compare", str(table), *asked, "--head", "ridge"], standalone_mode=False)
    said = capsys.readouterr()
    assert "without brand" in said.out
    assert "Next: featx fit" in said.err
    assert "--input price:number" in said.err
    main(["curve", str(table), *asked, "--head", "ridge", "--draws", "2"], standalone_mode=False)
    assert "head ridge, 2 draws of each number out of 40" in capsys.readouterr().out
