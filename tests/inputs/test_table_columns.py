"""A predictor of a photo, a caption, a price and a brand; what it says of cells and of itself."""

from __future__ import annotations

import numpy as np
import pytest

import featx
from featx.cli import main
from tests.support.goods import draw_goods

pytestmark = pytest.mark.filterwarnings("ignore::featx.errors.FeatxNotice")
INPUTS = {"photo": "image", "caption": "text", "price": "number", "brand": "category"}


@pytest.fixture(scope="module")
def goods():
    return draw_goods(24)


@pytest.fixture(scope="module")
def predictor(goods):
    return featx.fit(goods, target="sold", inputs=INPUTS, head="ridge", missing="zero")


@pytest.mark.slow
def test_all_kinds_are_read_saved_and_loaded(predictor, goods, tmp_path):
    loaded = featx.load(featx.save(predictor, tmp_path / "goods.featx.zip"))
    assert [one.name for one in loaded.inputs] == list(INPUTS)
    assert np.array_equal(loaded.predict_proba(goods), predictor.predict_proba(goods))
    assert loaded.fingerprint == predictor.fingerprint
    photo, caption = featx.get_card("featx-image-nano"), featx.get_card("featx-text-nano")
    encoded = 1 + len(predictor.inputs[3].encoder.names)
    assert predictor.head.dim == photo.dim + caption.dim + encoded


@pytest.mark.filterwarnings("ignore::featx.errors.FeatxWarning")
def test_a_missing_value_says_nothing_or_is_known_to_the_encoder(predictor, goods):
    missing = {**goods[0], "photo": None, "price": None}
    rows = predictor.embed([goods[0], missing]).embeddings
    assert np.array_equal(rows[1, :384], predictor.inputs[0].filling)
    scorer = predictor.head.scorer
    mean = predictor.embed(goods).embeddings[:, :384].mean(axis=0)
    scaled = (rows[1, :384] - mean) / scorer.scaling[1][:384]
    assert np.abs(scaled).max() < 1e-4
    assert np.isfinite(predictor.predict_proba([missing])).all()


@pytest.mark.filterwarnings("ignore::featx.errors.FeatxWarning")
def test_a_cell_of_another_type_is_the_reject_of_its_row(predictor, goods):
    engine = featx.Engine(on_error="skip")
    rows = [{**goods[0], "price": "cheap"}, goods[1], {**goods[2], "photo": b"no photo"}]
    answers = list(predictor.predict_samples(predictor.make_samples(rows), engine=engine))
    assert [one.id for one in answers] == ["1", "0", "2"]
    assert answers[1].reason == "price: expected a number, found 'cheap'"
    assert answers[2].reason.startswith("photo: not an image")


def test_a_category_never_seen_is_answered_and_told(predictor, goods):
    with pytest.warns(featx.FeatxWarning, match="brand: 1 of 1 values is unlike all of training"):
        assert len(predictor.predict([{**goods[0], "brand": "Never"}])) == 1


def test_it_is_measured_on_a_table(predictor, goods):
    unseen = draw_goods(12, seed=1)
    report = featx.evaluate(predictor, unseen, target="sold")
    assert report.n == 12
    assert report.accuracy >= 0.75


def test_inspect_shows_each_input(predictor, tmp_path, capsys):
    path = featx.save(predictor, tmp_path / "goods.featx")
    main(["inspect", str(path)], standalone_mode=False)
    shown = capsys.readouterr().out
    assert "Input photo: image of the column photo; backbone featx-image-nano" in shown
    assert "Input price: number of the column price; a number, from " in shown
    assert "Input brand: category of the column brand; 3 categories; 4 columns," in shown
    assert "price brings" in shown
    assert "Format 3" in shown


def test_the_report_tells_the_score_without_each_input(predictor):
    report = predictor.report
    assert [one.name for one in report.contributions] == list(INPUTS)
    for one in report.contributions:
        assert one.score_name == "accuracy"
        own = report.validation.report.accuracy
        assert one.difference.value == pytest.approx(own - one.score_without)
        assert one.difference.low <= one.difference.value <= one.difference.high
    assert "caption brings" in report.format_table()
    assert featx.FitReport.from_dict(report.to_dict()).contributions == report.contributions


@pytest.mark.slow
def test_one_column_may_be_read_by_two_backbones_and_several_photos_are_one_mean(goods):
    rows = [{"photos": [row["photo"], row["photo"][::-1]], "sold": row["sold"]} for row in goods]
    specs = ["photos:image", "photos:image:featx-image-nano"]
    made = featx.fit(rows, target="sold", inputs=specs, head="centroid", baseline=False)
    assert [one.name for one in made.inputs] == ["photos", "photos (featx-image-nano)"]
    backbone = featx.Backbone("featx-image-nano")
    expected = backbone.embed(rows[0]["photos"]).mean(axis=0)
    found = made.embed(rows[:1]).embeddings[0, :384]
    assert np.allclose(found, expected, atol=1e-6)


def test_a_table_is_trained_on_by_its_path_and_rows_of_one_group_are_one_sample(tmp_path):
    from PIL import Image

    lines = ["photo,price,house,sold"]
    for index, row in enumerate(draw_goods(24)):
        Image.fromarray(row["photo"]).save(tmp_path / f"{index}.png")
        house = index // 4 * 2 + index % 2
        lines.append(f"{index}.png,{house}.5,{house},{row['sold']}")
    table = tmp_path / "goods.csv"
    table.write_text("\n".join(lines) + "\n", encoding="utf-8")
    made = featx.fit(
        table,
        target="sold",
        inputs={"photo": "image", "price": "number"},
        pool_by="house",
        head="centroid",
        baseline=False,
    )
    assert made.report.data.n == 12
    assert made.config.pool_by == "house"
    rows = featx.Backbone("featx-image-nano").embed([tmp_path / "0.png", tmp_path / "2.png"])
    frame = {"photo": [[str(tmp_path / "0.png"), str(tmp_path / "2.png")]], "price": [0.5]}
    found = made.embed(frame).embeddings[0]
    assert np.allclose(found[:384], rows.mean(axis=0), atol=1e-6)
    assert made.samples.ids[:2].tolist() == ["0", "1"]


def test_an_array_with_its_rate_is_one_sound():
    times = np.arange(8000) / 8000
    tones = [
        np.sin(2 * np.pi * (200 + n + 400 * (n % 2)) * times).astype(np.float32) for n in range(12)
    ]
    rows = [{"tone": (tone, 8000), "high": str(n % 2)} for n, tone in enumerate(tones)]
    made = featx.fit(rows, target="high", inputs={"tone": "audio"}, head="centroid", baseline=False)
    own = featx.Backbone(made.inputs[0].card.name).embed([rows[0]["tone"]])
    assert np.allclose(made.embed(rows[:1]).embeddings, own, atol=1e-6)
    twice = made.embed([{"tone": [rows[0]["tone"], rows[1]["tone"]]}]).embeddings
    both = made.embed(rows[:2]).embeddings
    assert np.allclose(twice, both.mean(axis=0), atol=1e-6)
