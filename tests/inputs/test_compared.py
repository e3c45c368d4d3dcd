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


@pytest.mark.slow
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
    trivial, raw = found.baselines
    assert trivial.name == "always the most frequent class"
    assert raw.name == "the same head on raw pixels + hashed words + price"
    assert trivial.score < raw.score <= 1
    assert raw.difference.value == pytest.approx(found.best.score - raw.score)
    # Raw pixels tell light photos from dark ones as well as any backbone.
    assert any(note.startswith(f"Nothing beats {raw.name}") for note in found.notes)


def test_a_choice_costs_what_all_its_inputs_cost(found):
    costs = {one.name: (one.milliseconds, one.bytes) for one in found.backbones}
    size = {n: featx.get_card(f"featx-{n}-nano") for n in ("image", "text")}
    size = {n: sum(f.size for f in (c.graph, *c.files)) for n, c in size.items()}
    assert costs["all inputs as named"][1] == size["image"] + size["text"]
    assert costs["without photo"][1] == size["text"]
    # Another layer of the same graph is the same file.
    assert costs["photo: featx-image-nano@last-map:mean"][1] == size["image"] + size["text"]
    whole = costs["all inputs as named"][0]
    lost = [whole - costs[f"without {name}"][0] for name in INPUTS]
    assert min(lost) > 0
    assert sum(lost) == pytest.approx(whole)


@pytest.mark.slow
def test_other_backbones_are_compared_where_some_rows_have_no_photo():
    rows = draw_goods(20)
    for row in rows[::7]:
        row["photo"] = None
    found = compare(
        rows,
        target="sold",
        inputs={"photo": "image", "price": "number"},
        backbones=[OTHER],
        heads="ridge",
        missing="zero",
    )
    assert found.left_out == ()
    assert "photo: featx-image-nano@last-map:mean" in {one.name for one in found.backbones}
    assert found.n_measured == 20


@pytest.mark.slow
def test_one_backbone_for_two_inputs_is_counted_once():
    card = featx.get_card("featx-image-nano")
    rows = [{"a": row["photo"], "b": row["photo"], "sold": row["sold"]} for row in draw_goods(16)]
    found = compare(
        rows, target="sold", inputs={"a": "image", "b": "image"}, backbones=card, heads="ridge"
    )
    named = next(one for one in found.backbones if one.name == "all inputs as named")
    assert named.bytes == sum(file.size for file in (card.graph, *card.files))


@pytest.mark.slow
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
        ({"taps": True}, "taps = True"),
        ({"max_latency": "1ns"}, "max_latency = '1ns': expected a time"),
        (
            {"max_latency": "1us"},
            "none is left: all inputs as named: .* above max_latency = 0.001 ms",
        ),
        ({"backbones": ["featx-audio-mel"]}, "is a backbone for audio; the inputs with one are"),
    ):
        with pytest.raises(BadOption, match=said):
            compare(rows, target="sold", inputs=INPUTS, **wrong)
    with pytest.raises(BadOption, match="each input has its own; name it there"):
        learning_curve(rows, target="sold", inputs=INPUTS, backbone="featx-image-nano")


def test_choices_of_large_backbones_are_left_out_and_the_rest_is_compared():
    found = compare(
        draw_goods(20),
        target="sold",
        inputs={"photo": "image", "price": "number"},
        backbones=[OTHER],
        heads="ridge",
        max_size="1kB",
    )
    left = {one.name: one.reason for one in found.left_out}
    assert set(left) == {
        "all inputs as named",
        "photo: featx-image-nano@last-map:mean",
        "without price",
    }
    assert all(reason.endswith("MB, above max_size = 0.001 MB") for reason in left.values())
    assert [one.name for one in found.backbones] == ["without photo"]
    assert found.best.bytes == 0
    assert "1 choice of inputs and backbones measured as fit measures" in found.format_table()
    assert Comparison.from_dict(json.loads(json.dumps(found.to_dict()))) == found


@pytest.mark.slow
def test_slow_choices_are_left_out_by_the_sum_of_their_inputs():
    inputs = {"photo": "image", "price": "number"}
    rows = draw_goods(20)
    named = compare(rows, target="sold", inputs=inputs, backbones=[OTHER], heads="ridge")
    slow = max(one.milliseconds for one in named.backbones)
    assert next(one.milliseconds for one in named.backbones if one.name == "without photo") < slow
    found = compare(
        rows, target="sold", inputs=inputs, backbones=[OTHER], heads="ridge", max_latency="0.2ms"
    )
    assert [one.name for one in found.backbones] == ["without photo"]
    assert all("ms a sample, above max_latency = 0.2 ms" in one.reason for one in found.left_out)


@pytest.mark.slow
def test_several_heads_are_compared_with_inputs_as_named_and_with_other_backbones():
    found = compare(
        draw_goods(20),
        target="sold",
        inputs={"photo": "image", "price": "number"},
        backbones=[OTHER],
        heads=["ridge", "knn"],
        n_best=2,
        logme=True,
    )
    pairs = [(one.name, one.head) for one in found.backbones]
    assert len(set(pairs)) == len(pairs) == 6
    for name in ("all inputs as named", "photo: featx-image-nano@last-map:mean"):
        assert {(name, "ridge"), (name, "knn")} <= set(pairs)
        quick = [one.quick for one in found.backbones if one.name == name]
        assert all({"head", "ridge", "logme", "rank"} <= set(one) for one in quick)
    named = [one for one in found.backbones if one.name == "all inputs as named"]
    best = max(named, key=lambda one: one.score).head
    assert {head for name, head in pairs if name.startswith("without")} == {best}
    fewer = compare(
        draw_goods(20),
        target="sold",
        inputs={"photo": "image", "price": "number"},
        backbones=[OTHER],
        heads=["ridge", "knn"],
        n_best=1,
    )
    # The beaten heads are told with what the quick pass knows of them.
    beaten = [one for one in fewer.backbones if one.score is None]
    assert len(beaten) == 2
    assert all(one.quick["head"] <= 1 for one in beaten)
    assert fewer.best.score is not None


def test_what_comes_too_late_is_left_out_and_told():
    found = compare(
        draw_goods(20),
        target="sold",
        inputs={"photo": "image", "price": "number"},
        backbones=[OTHER],
        heads=["ridge", "knn"],
        time_limit="1us",
    )
    late = "time_limit was over before it was ranked"
    assert [(one.name, one.reason) for one in found.left_out] == [
        ("photo: featx-image-nano@last-map:mean", late),
        ("all inputs as named with knn", late),
    ]
    assert [one.score for one in found.contenders] == [None]
    assert found.best.name == "all inputs as named"
    assert 0 < found.best.quick["ridge"] <= 1
    table = found.format_table()
    assert "1 choice of inputs and backbones ranked by a quick pass over 20 of 20 samples" in table
    assert "No time was left to measure any as fit measures" in table
    assert Comparison.from_dict(json.loads(json.dumps(found.to_dict()))) == found


@pytest.mark.slow
def test_a_learning_curve_is_that_of_joint_rows():
    inputs = {"price": "number", "brand": "category"}
    curve = learning_curve(draw_goods(60), target="sold", inputs=inputs, head="ridge", draws=3)
    [own] = curve.curves
    assert "no input has a backbone: there is no baseline without one" in curve.notes
    assert own.name == "price + brand"
    assert own.labels[-1] == 48
    assert own.points[-1].mean > own.points[0].mean - 0.1
    assert curve.n == 60


@pytest.mark.slow
def test_a_learning_curve_has_a_baseline_without_the_backbones():
    rows = draw_goods(40)
    inputs = {"photo": "image", "price": "number"}
    curve = learning_curve(rows, target="sold", inputs=inputs, head="ridge", draws=2)
    own, raw = curve.curves
    assert (own.name, raw.name) == ("photo + price", "raw pixels + price")
    assert raw.labels == own.labels
    # Light photos are sold: raw pixels tell it, and the price helps them.
    assert raw.points[-1].mean > 0.8
    alone = learning_curve(
        rows, target="sold", inputs=inputs, head="ridge", draws=2, baseline=False
    )
    assert [one.name for one in alone.curves] == ["photo + price"]
    assert alone.curves[0] == own


def test_a_baseline_of_rows_without_a_photo_says_nothing_of_it():
    rows = draw_goods(40)
    for row in rows[::5]:
        row["photo"] = None
    curve = learning_curve(
        rows,
        target="sold",
        inputs={"photo": "image", "price": "number"},
        head="ridge",
        draws=2,
        missing="zero",
    )
    assert [one.name for one in curve.curves] == ["photo + price", "raw pixels + price"]
    assert curve.n == 40


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
