"""What each input of a record adds to a score, in Python and on the command line."""

from __future__ import annotations

import json
from datetime import date, timedelta

import numpy as np
import pytest
from starlette.testclient import TestClient

import featx
from featx.cli import main
from featx.errors import BadOption, NoExactSum, UnknownTap
from featx.explanation.explaining import Explainer
from featx.explanation.explanation import Explanation
from featx.explanation.input_parts import InputParts
from featx.export import export
from featx.server import create_app
from featx.server.answers import PredictAnswer
from tests.support.goods import draw_goods, write_goods
from tests.support.sounds import encode, tone

pytestmark = pytest.mark.filterwarnings("ignore::featx.errors.FeatxNotice")
INPUTS = {
    "photo": "image",
    "photos": "image",
    "caption": "text",
    "other": "text",
    "clip": "audio",
    "price": "number",
    "brand": "category",
    "made": "date",
    "rows": "vector",
}


@pytest.fixture(scope="module")
def goods():
    rows, rng = draw_goods(24), np.random.default_rng(0)
    for index, row in enumerate(rows):
        row["photos"] = [row["photo"], 255 - row["photo"]]
        row["other"] = rows[(7 * index) % 24]["caption"]
        row["clip"] = encode(tone(0.2, hertz=200.0 + 40 * index))
        row["made"] = date(2024, 1, 1) + timedelta(days=11 * index)
        row["rows"] = rng.normal(size=3).tolist()
    return rows


@pytest.fixture(scope="module")
def predictor(goods):
    return featx.fit(
        goods,
        target="sold",
        inputs=INPUTS,
        pairs=[("caption", "other")],
        missing="zero",
        head="ridge",
        baseline=False,
    )


def score_of(predictor, found, record):
    [scores] = predictor.head.scorer.scores(predictor.embed([record]).embeddings)
    places = [predictor.head.classes.index(name) for name in (found.target, found.against)]
    return scores[places[0]] - scores[places[1]]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::featx.errors.FeatxWarning")
def test_the_inputs_of_all_kinds_and_the_bias_add_up_to_the_score(predictor, goods):
    rows = [*goods[:3], {**goods[3], "photo": None, "price": None}]
    for found, record in zip(featx.explain(predictor, rows), rows, strict=True):
        assert (found.method, found.modality) == ("exact", "record")
        assert [one.name for one in found.inputs] == [one.name for one in predictor.inputs]
        score = score_of(predictor, found, record)
        assert found.score == pytest.approx(score, abs=1e-5)
        added = sum(one.value for one in found.inputs)
        assert found.bias + added == pytest.approx(score, abs=1e-5)
        assert found.total == pytest.approx(score, abs=1e-5)
        assert [part.name for part in found.parts] == [one.name for one in found.inputs]
    missing = {one.name: one for one in found.inputs}["photo"]
    assert missing.value == pytest.approx(0, abs=1e-5)
    assert missing.reason == "it is missing: the mean of training stands for it"


def test_columns_photos_of_a_list_and_halves_of_a_pair_add_up_to_their_input(predictor, goods):
    parts = InputParts(predictor, featx.Engine())
    [sample] = predictor.make_samples(goods[5:6])
    [(_, row)] = parts.stream([sample])
    rng = np.random.default_rng(1)
    center = predictor.embed(goods).embeddings.mean(axis=0).astype(np.float64)
    weights = rng.normal(size=len(row)) / 20
    shares = {one.name: one for one in parts.shares(sample, row, weights, center)}
    total = float(weights @ (row - center))
    assert sum(one.value for one in shares.values()) == pytest.approx(total, abs=1e-5)
    names = {name: [part.name for part in one.parts] for name, one in shares.items()}
    assert names["photos"] == ["photos 1", "photos 2"]
    assert names["caption,other"] == ["how far they differ", "what they share"]
    assert "no sum over places" in shares["caption,other"].reason
    assert names["brand"] == list(predictor.inputs[5].encoder.names)
    assert [one.name for one in shares.values() if not one.parts] == ["photo", "clip"]
    for one in shares.values():
        assert abs(one.value) > 1e-4
        if one.parts:
            assert sum(part.value for part in one.parts) == pytest.approx(one.value, abs=1e-5)


@pytest.fixture(scope="module")
def placed(goods):
    """A photo by a backbone whose rows are sums over places, and a price."""
    inputs = {"photo": "image:featx-image-nano@last-map:mean", "price": "number"}
    return featx.fit(goods, target="sold", inputs=inputs, head="ridge", baseline=False)


@pytest.mark.slow
def test_another_tap_and_pooling_of_an_input_are_saved_with_it(placed, goods, tmp_path):
    assert placed.inputs[0].card.output == "last-map"
    assert placed.inputs[0].dim == 512
    loaded = featx.load(featx.save(placed, tmp_path / "goods.featx"))
    assert np.array_equal(loaded.predict_proba(goods), placed.predict_proba(goods))
    assert loaded.config.inputs == ("photo:image:featx-image-nano@last-map:mean", "price:number")
    assert export(placed, tmp_path / "goods.onnx", samples=goods).worst < 1e-4
    with pytest.raises(UnknownTap, match="no tensor named 'nope'"):
        featx.fit(goods, target="sold", inputs={"photo": "image:featx-image-nano@nope:mean"})


def test_a_photo_is_taken_apart_by_its_places(placed, goods, tmp_path):
    [found] = featx.explain(placed, goods[:1])
    photo, price = found.inputs
    assert len(photo.places) == 49
    assert photo.extent == (9, 9)
    assert sum(value for _, value in photo.places) == pytest.approx(photo.value, abs=1e-5)
    assert found.bias + photo.value + price.value == pytest.approx(
        score_of(placed, found, goods[0]), abs=1e-5
    )
    again = Explanation.from_dict(json.loads(json.dumps(found.to_dict())))
    assert again.inputs == found.inputs
    assert again.parts == found.parts
    table = pytest.importorskip("pandas") and found.to_frame()
    assert table.groupby("input").value.sum()["photo"] == pytest.approx(photo.value, abs=1e-5)


@pytest.mark.filterwarnings("ignore::featx.errors.FeatxWarning")
def test_with_a_head_that_is_no_sum_each_input_is_left_out_in_turn(goods):
    inputs = {"price": "number", "brand": "category"}
    made = featx.fit(goods, target="sold", inputs=inputs, head="rbf-svm", baseline=False)
    [found] = featx.explain(made, goods[:1])
    assert (found.method, found.bias, found.total) == ("occlusion", None, None)
    row = made.embed(goods[:1]).embeddings
    mean = made.embed(goods).embeddings.mean(axis=0)
    for share, block in zip(found.inputs, (slice(0, 1), slice(1, None)), strict=True):
        hidden = row.copy()
        hidden[:, block] = mean[block]
        index = made.head.classes.index(found.target)
        pair = [made.head.scorer.scores(rows)[0] for rows in (row, hidden)]
        apart = [scores[index] - scores[1 - index] for scores in pair]
        assert share.value == pytest.approx(apart[0] - apart[1], abs=1e-4)
    with pytest.raises(NoExactSum, match=r"no exact sum over inputs; .* hides one input"):
        featx.explain(made, goods[:1], method="exact")
    with pytest.raises(BadOption, match="each of several inputs is left out as a whole"):
        featx.explain(made, goods[:1], places=9)


def run(*args):
    main(list(map(str, args)), standalone_mode=False)


@pytest.mark.slow
def test_the_commands_say_it_in_json_and_on_pages(tmp_path, capsys):
    table, path = write_goods(tmp_path, 24), tmp_path / "goods.featx"
    inputs = ["--input", "photo:image", "--input", "caption:text", "--input", "price:number"]
    run("fit", table, "-o", path, "--label-column", "sold", "--head", "ridge", *inputs)
    capsys.readouterr()
    run("explain", path, table)
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [one["id"] for one in found[:2]] == ["g0", "g1"]
    for one in found:
        added = one["bias"] + sum(each["value"] for each in one["inputs"])
        assert added == pytest.approx(one["score"], abs=1e-4)
    run("predict", path, table, "--explain")
    inner = json.loads(capsys.readouterr().out.splitlines()[0])["explanation"]
    assert inner["inputs"] == found[0]["inputs"]
    run("explain", path, table, "--output", tmp_path / "page.html", "--neighbours", "2")
    page = (tmp_path / "page.html").read_text("utf-8")
    assert page.count("<img ") == 24
    assert "a fire number 0" in page or "a house number 0" in page
    assert "Inputs, by what each adds" in page
    assert "Nearest training samples" in page
    run("explain", path, table, "--output", tmp_path / "folder")
    assert len(list((tmp_path / "folder").glob("*.html"))) == 24


def test_what_is_unlike_training_is_told_once_and_rejects_keep_their_places(goods):
    inputs = {"price": "number", "brand": "category"}
    made = featx.fit(goods, target="sold", inputs=inputs, head="ridge", baseline=False)
    rows = [{**goods[k % 24], "brand": "Never"} for k in range(100)]
    rows[70] = {**rows[70], "price": "cheap"}
    explainer = Explainer(made, engine=featx.Engine(on_error="skip"))
    with pytest.warns(featx.FeatxWarning) as said:
        found = list(explainer.stream(made.make_samples(rows)))
    assert [one.id for one in found] == [str(k) for k in range(100)]
    assert found[70].reason == "price: expected a number, found 'cheap'"
    assert [str(one.message) for one in said] == [
        "brand: 100 of 100 values are unlike all of training ('Never'): categories that were rare or not "
        "there in training count as one"
    ]


def test_a_server_says_what_each_input_adds(goods):
    inputs = {"caption": "text", "price": "number", "brand": "category"}
    made = featx.fit(goods, target="sold", inputs=inputs, head="ridge", baseline=False)
    body = {"samples": [{"values": {name: goods[0][name] for name in inputs}}]}
    with TestClient(create_app({"goods": made})) as client:
        answer = client.post("/v1/predict?explain=1", json=body)
    [result] = PredictAnswer.model_validate_json(answer.content, strict=True).results
    [expected] = featx.explain(made, goods[:1])
    shown = result.explanation.inputs
    assert [one.name for one in shown] == list(inputs)
    assert [one.value for one in shown] == pytest.approx(
        [one.value for one in expected.inputs], abs=1e-5
    )
    assert [part.name for part in shown[2].parts] == [
        part.name for part in expected.inputs[2].parts
    ]


def test_an_input_without_weight_adds_nothing_and_not_what_rounding_leaves():
    records = [
        {"price": float(i), "brand": "ab"[i % 2], "sold": "no" if i < 20 else "yes"}
        for i in range(40)
    ]
    predictor = featx.fit(
        records, target="sold", inputs={"price": "number", "brand": "category"}, baseline=False
    )
    samples = predictor.make_samples(records[:1])
    parts = InputParts(predictor, featx.Engine())
    row = predictor.embed(records[:1]).embeddings[0]
    weights = np.where(np.arange(len(row)) < 1, -1.0, -1e-25)
    price, brand = parts.shares(samples[0], row, weights, np.ones(len(row)))
    assert price.value == pytest.approx(1.0 - row[0])
    assert str(brand.value) == "0.0"
    assert {str(part.value) for part in brand.parts} == {"0.0"}
