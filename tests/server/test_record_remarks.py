"""What an answer says of its sample beside the prediction, and how far late samples are from training."""

from __future__ import annotations

import base64
import io
import re

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

import featx
from featx.server import create_app
from featx.server.answers import PredictAnswer
from tests.support.goods import draw_goods

pytestmark = pytest.mark.filterwarnings("ignore::featx.errors.FeatxNotice")
INPUTS = {"photo": "image", "caption": "text", "price": "number", "brand": "category"}


@pytest.fixture(scope="module")
def predictor():
    rows = draw_goods(24)
    return featx.fit(rows, target="sold", inputs=INPUTS, head="ridge", baseline=False)


@pytest.fixture
def client(predictor):
    with TestClient(create_app({"goods": predictor})) as client:
        yield client


def png(photo):
    buffer = io.BytesIO()
    Image.fromarray(photo).save(buffer, "PNG")
    return buffer.getvalue()


def values_of(row, **changed):
    encoded = base64.b64encode(png(row["photo"])).decode()
    return {name: row[name] for name in INPUTS} | {"photo": encoded} | changed


def ask(client, *samples):
    answer = client.post("/v1/predict", json={"samples": [{"values": one} for one in samples]})
    assert answer.status_code == 200, answer.text
    PredictAnswer.model_validate(answer.json())
    return answer.json()["results"]


def test_a_value_unlike_training_is_told_with_its_sample_alone(client):
    plain, new, far = ask(
        client,
        values_of(draw_goods(1)[0]),
        values_of(draw_goods(1)[0], brand="Nobody & Sons", price=None),
        values_of(draw_goods(1)[0], price=1e5),
    )
    assert "remarks" not in plain
    price, brand = new["remarks"]
    assert brand == (
        "brand: 'Nobody & Sons' is unlike all of training: categories that were rare or not there in "
        "training count as one"
    )
    assert price == "price: an empty cell is unlike all of training: the median stands in for it"
    # Whoever asks need not learn the numbers of training.
    assert far["remarks"] == ["price: 100000.0 is unlike all of training"]


def test_words_that_nobody_knows_are_told_once_however_many_texts_there_are(client):
    [found] = ask(client, values_of(draw_goods(1)[0], caption=["ጤና ይስጥልኝ", "ደህና ሁን"]))
    [caption] = found["remarks"]
    assert caption.startswith("caption: most words are unknown to the tokenizer of featx-text-nano")


def test_remarks_are_told_of_one_input_as_of_several():
    texts = [f"{color} {noun}" for noun in ("bags", "shoes") for color in "abcdef"]
    alone = featx.fit(texts, ["bag"] * 6 + ["shoe"] * 6, baseline=False)
    with TestClient(create_app({"texts": alone})) as client:
        known, unknown = client.post(
            "/v1/predict", json={"samples": [{"text": "a bag"}, {"text": "ጤና ይስጥልኝ"}]}
        ).json()["results"]
    assert "remarks" not in known
    assert unknown["remarks"] == [
        "most words are unknown to the tokenizer of featx-text-nano: the row tells how they are spelled"
    ]


def test_the_page_shows_remarks(client):
    page = client.get("/").text
    assert "prediction.remarks" in page


def drifts(client):
    text = client.get("/metrics").text
    by_input = re.findall(r'featx_input_drift{input="(.+)",model="goods"} (.+)', text)
    [whole] = re.findall(r'featx_drift{model="goods"} (.+)', text)
    return float(whole), {name: float(value) for name, value in by_input}


@pytest.mark.slow
def test_drift_is_told_of_all_inputs_and_of_each(client):
    usual = [values_of(row) for row in draw_goods(24)]
    ask(client, *usual)
    whole, near = drifts(client)
    assert set(near) == set(INPUTS)
    assert whole == pytest.approx(float(np.sqrt(np.mean(np.square(list(near.values()))))))
    # The same samples: only how rows are kept, and a photo is sent, tells them apart.
    assert whole < 0.1
    prices = np.array([row["price"] for row in draw_goods(24)])
    for _ in range(12):
        ask(
            client,
            *[values_of(row, price=row["price"] + 3 * prices.std()) for row in draw_goods(24)],
        )
    later, far = drifts(client)
    assert far["price"] == pytest.approx(3 * 0.93, abs=0.25)
    assert later > 1
    assert all(far[name] < 0.1 for name in ("photo", "caption", "brand"))


def test_without_kept_rows_drift_is_measured_as_the_head_weighs_the_inputs():
    rows = draw_goods(24)
    bare = featx.fit(
        rows, target="sold", inputs=INPUTS, head="ridge", baseline=False, keep_samples=False
    )
    with TestClient(create_app({"goods": bare})) as client:
        ask(client, *[values_of(row) for row in rows])
        whole, by_input = drifts(client)
    assert by_input == {}
    assert 0 <= whole < 0.1
