"""One graph with an input each of a predictor of several inputs, with the predictor's own answers."""

import json
from datetime import datetime, timedelta

import numpy as np
import pytest

import featx
from featx.backbones.session import open_session
from featx.errors import BadOption, FeatxWarning
from featx.export import export
from tests.support.goods import draw_goods

pytestmark = pytest.mark.filterwarnings("ignore::featx.errors.FeatxNotice")
INPUTS = {
    "photo": "image",
    "caption": "text",
    "price": "number",
    "brand": "category",
    "made": "date",
    "rows": "vector",
}


@pytest.fixture(scope="module")
def goods():
    rows = draw_goods(40)
    rng = np.random.default_rng(0)
    start = datetime(2019, 2, 20)
    for index, row in enumerate(rows):
        row["made"] = start + timedelta(days=37 * index, hours=index)
        row["rows"] = rng.standard_normal(3).tolist()
    for index in (1, 3, 12):
        rows[index] |= {"price": None, "brand": None, "made": None, "rows": None}
    return rows


@pytest.fixture(scope="module")
def predictor(goods):
    return featx.fit(goods, target="sold", inputs=INPUTS, head="ridge", baseline=False)


@pytest.mark.slow
def test_the_graph_gives_the_answers_of_the_predictor(predictor, goods, tmp_path):
    checked = export(predictor, tmp_path / "goods.onnx", samples=goods)
    assert (checked.n, checked.real) == (40, True)
    assert checked.worst < 1e-4


def test_samples_that_the_graph_does_not_take_are_left_out_and_counted(predictor, goods, tmp_path):
    two = {**goods[1], "photo": [goods[0]["photo"], goods[1]["photo"]]}
    rows = [goods[0], two, {**goods[2], "price": "cheap"}]
    said = (
        "2 of 3 samples are not compared with the graph, such as 1: photo: has 2 values, expected 1"
    )
    with pytest.warns(FeatxWarning, match=said):
        assert export(predictor, tmp_path / "goods.onnx", samples=rows).n == 1


@pytest.mark.slow
def test_it_is_fed_by_the_names_of_the_inputs_and_says_what_they_are(predictor, goods, tmp_path):
    export(predictor, tmp_path / "goods.onnx", strings=True)
    session = open_session((tmp_path / "goods.onnx").read_bytes(), tmp_path / "goods.onnx")
    assert [one.name for one in session.get_inputs()] == list(INPUTS)
    some = goods[:5]
    given = [
        {name: np.nan if row[name] is None else row[name] for name in ("price",)} for row in some
    ]
    answers = session.run(
        ["probabilities", "label"],
        {
            "photo": np.stack([row["photo"] for row in some]),
            "caption": np.array([row["caption"] for row in some], object),
            "price": np.array([row["price"] for row in given], np.float64),
            "brand": np.array([row["brand"] or "" for row in some], object),
            "made": np.array(
                [np.nan if row["made"] is None else row["made"].timestamp() for row in some]
            ),
            "rows": np.array([row["rows"] or [np.nan] * 3 for row in some], np.float32),
        },
    )
    np.testing.assert_allclose(answers[0], predictor.predict_proba(some), atol=1e-4)
    assert answers[1].tolist() == predictor.predict(some).tolist()
    described = json.loads(session.get_modelmeta().custom_metadata_map["inputs"])
    assert [one["kind"] for one in described] == list(INPUTS.values())
    assert described[0]["backbone"] == "featx-image-nano"


@pytest.mark.slow
def test_a_pair_has_two_inputs_and_the_weights_of_its_backbone_once(tmp_path):
    words = ("red apple", "green pear", "blue car", "old house", "big fire", "fast train")
    texts = [(a, b) for a in words for b in words]
    rows = [{"a": a, "b": b, "same": "yes" if a == b else "no"} for a, b in texts]
    inputs = {"a": "text", "b": "text"}
    predictor = featx.fit(rows, target="same", inputs=inputs, pairs=[("a", "b")], baseline=False)
    export(predictor, tmp_path / "pair.onnx", strings=True, samples=rows)
    data = (tmp_path / "pair.onnx").read_bytes()
    session = open_session(data, tmp_path / "pair.onnx")
    assert [one.name for one in session.get_inputs()] == ["a", "b"]
    weights = featx.get_card("featx-text-nano").graph.size
    assert weights < len(data) < 1.9 * weights


def test_strings_of_a_predictor_without_a_text_are_refused(goods, tmp_path):
    inputs = {"price": "number", "brand": "category"}
    predictor = featx.fit(goods[13:], target="sold", inputs=inputs, baseline=False)
    with pytest.raises(BadOption, match="no input of this predictor is a text"):
        export(predictor, tmp_path / "goods.onnx", strings=True)
    assert export(predictor, tmp_path / "goods.onnx").n == 6
