"""A predictor of a photo and a caption: trained, asked, saved and loaded."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import featx
from featx.errors import BadOption, BadSource, MissingInput
from tests.support.goods import draw_goods

pytestmark = pytest.mark.filterwarnings("ignore::featx.errors.FeatxNotice")
INPUTS = {"photo": "image", "caption": "text"}


@pytest.fixture(scope="module")
def goods():
    return draw_goods(24)


@pytest.fixture(scope="module")
def predictor(goods):
    return featx.fit(goods, target="sold", inputs=INPUTS, head="ridge", baseline=False)


def test_a_row_is_the_rows_of_both_backbones_beside_each_other(predictor, goods):
    rows = predictor.embed(goods)
    photos = featx.Backbone("featx-image-nano").embed([row["photo"] for row in goods])
    captions = featx.Backbone("featx-text-nano").embed([row["caption"] for row in goods])
    assert np.array_equal(rows.embeddings, np.hstack([photos, captions]))
    assert rows.fingerprint == predictor.fingerprint


def test_it_answers_rows_and_frames_alike_and_its_records_carry_their_order(predictor, goods):
    pandas = pytest.importorskip("pandas")
    labels = predictor.predict(goods)
    assert (labels == [row["sold"] for row in goods]).mean() > 0.8
    assert predictor.predict(pandas.DataFrame(goods)).tolist() == labels.tolist()
    columns = {name: [row[name] for row in goods] for name in INPUTS}
    assert predictor.predict(columns).tolist() == labels.tolist()
    records = predictor.predict_samples(predictor.make_samples(goods))
    assert [one.label for one in records] == labels.tolist()


def test_a_loaded_one_answers_to_the_bit_and_says_the_same_of_itself(predictor, goods, tmp_path):
    loaded = featx.load(featx.save(predictor, tmp_path / "goods.featx"))
    assert np.array_equal(loaded.predict_proba(goods), predictor.predict_proba(goods))
    assert loaded.inputs == predictor.inputs
    assert loaded.config == predictor.config
    assert loaded.config.inputs == ("photo:image", "caption:text")
    assert loaded.report.contributions == predictor.report.contributions
    assert repr(loaded) == repr(predictor)


def test_a_row_without_its_caption_is_a_reject_that_names_it(predictor, goods):
    rows = [goods[0], {**goods[1], "caption": "  "}, {"photo": None, "caption": float("nan")}]
    engine = featx.Engine(on_error="skip")
    _, *rejects = predictor.predict_samples(predictor.make_samples(rows), engine=engine)
    assert [(one.id, one.reason) for one in rejects] == [
        ("1", "caption: is missing"),
        ("2", "every input is missing"),
    ]
    with pytest.raises(featx.BadSample, match="1: caption: is missing"):
        predictor.predict(rows)


def test_a_missing_input_is_an_error_of_its_own_and_zero_is_named_for_it_alone(goods):
    specs = {"inputs": INPUTS, "head": "ridge", "baseline": False}
    with pytest.raises(MissingInput, match=r"1: caption: is missing; .* with missing='zero'$"):
        featx.fit([goods[0], {**goods[1], "caption": None}, *goods[2:]], target="sold", **specs)
    broken = {**goods[1], "photo": b": is missing;"}
    with pytest.raises(featx.BadSample, match="photo: not an image") as refused:
        featx.fit([goods[0], broken, *goods[2:]], target="sold", **specs)
    assert not isinstance(refused.value, MissingInput)
    assert "zero" not in str(refused.value)


def test_columns_that_are_not_there_are_named(predictor, goods):
    rows = [{"photo": goods[0]["photo"], "title": "x"}]
    with pytest.raises(BadSource, match=r"column 'caption' not there; .* found photo, title"):
        predictor.predict(rows)
    with pytest.raises(BadSource, match="found int"):
        predictor.predict([3])


def test_the_card_and_backbone_of_several_inputs_are_refused_in_words(predictor):
    for refused in (lambda: predictor.card, predictor.open):
        with pytest.raises(BadOption, match="reads 2 inputs of a table"):
            refused()


def test_the_target_is_no_input_and_needs_inputs(goods):
    with pytest.raises(BadOption, match="is an input as well"):
        featx.fit(goods, target="photo", inputs=INPUTS)
    with pytest.raises(BadOption, match="is said of the columns of a table"):
        featx.fit(goods, target="sold")
    with pytest.raises(BadOption, match="give the column or the labels"):
        featx.fit(goods, ["a"] * len(goods), target="sold", inputs=INPUTS)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"inputs": INPUTS, "target": 3}, "target = 3: expected a column, or several"),
        ({"inputs": INPUTS, "backbone": "featx-image-nano"}, "each input has its own"),
        ({"inputs": INPUTS, "missing": "guess"}, "expected 'reject' or 'zero'"),
        ({"inputs": INPUTS, "pool_by": 3}, "the name of a column"),
        ({"inputs": INPUTS, "pairs": [3]}, "a list of pairs of columns"),
        ({"inputs": INPUTS, "pairs": "ab"}, "a list of pairs of columns"),
        ({"inputs": {}}, "expected at least one"),
        ({"missing": "zero"}, "is said of the columns of a table"),
        ({"pool_by": "house"}, "is said of the columns of a table"),
    ],
)
def test_what_is_said_of_inputs_is_refused_in_words(goods, asked, words):
    with pytest.raises(BadOption, match=words):
        featx.fit(goods, **{"target": None, **asked})


def test_rows_of_other_inputs_are_refused(predictor, goods):
    rows = predictor.embed(goods[:2])
    with pytest.raises(BadOption, match=r"expected .* that of featx-image-nano"):
        list(predictor.predict_rows(replace(rows, fingerprint="0" * 64)))
