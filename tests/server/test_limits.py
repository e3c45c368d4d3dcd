"""The limits of a server."""

import gzip
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import joblib
import numpy as np
import pytest
from starlette.testclient import TestClient

import featx
from featx.errors import BadOption
from featx.server import Limits, create_app
from tests.support.serving import DARK, PNG, error_of, to_base64


def test_a_picture_over_the_limit_of_pixels_is_refused(shade):
    client = TestClient(create_app({"shade": shade}, limits=Limits(max_pixels=48 * 64 - 1)))
    response = client.post("/v1/predict", content=DARK, headers=PNG)
    assert "more than the limit of 3071" in error_of(response, 422)
    assert shade.predict([DARK]) == ["dark"]


def test_limits_that_cannot_be_are_refused():
    with pytest.raises(BadOption, match="timeout = 0"):
        Limits(timeout=0)
    with pytest.raises(BadOption, match="no classifier"):
        create_app({})


@pytest.fixture(scope="module")
def mood():
    """A classifier of texts."""
    pytest.importorskip("tokenizers")
    texts = [f"{word} {k}" for word in ("good", "bad") for k in range(6)]
    return featx.fit(texts, ["good"] * 6 + ["bad"] * 6, backbone="featx-text-nano")


@pytest.fixture(scope="module")
def texts(mood, shade):
    limits = Limits(max_characters=2000, max_samples=4)
    with TestClient(create_app({"mood": mood, "shade": shade}, limits=limits)) as client:
        yield client


LONG, FAR = "a b " * 600, "a b " * 50_000


@pytest.mark.parametrize("text", [LONG, FAR, "é" * 2001])
@pytest.mark.parametrize(
    "ask",
    [
        lambda client, text: client.post("/v1/predict?model=mood", json={"text": text}),
        lambda client, text: client.post(
            "/v1/predict", json={"model": "mood", "samples": [{"text": text[: len(text) // 2]}] * 3}
        ),
        lambda client, text: client.post(
            "/v1/predict?model=mood", json={"samples": [{"data": to_base64(text.encode())}]}
        ),
        lambda client, text: client.post(
            "/v1/predict?model=mood", content=text.encode(), headers={"Content-Type": "text/plain"}
        ),
        lambda client, text: client.post(
            "/v1/predict?model=mood", data={"text": text}, files={"f": b"a"}
        ),
        lambda client, text: client.post("/v1/predict?model=mood", files={"f": text.encode()}),
        lambda client, text: client.post("/v1/embeddings", json={"model": "mood", "input": [text]}),
        lambda client, text: client.post(
            "/v2/models/mood/infer",
            json={"inputs": [{"name": "x", "shape": [1], "datatype": "BYTES", "data": [text]}]},
        ),
    ],
    ids=["json", "together", "base64", "raw", "field", "file", "embeddings", "infer"],
)
def test_texts_longer_than_the_limit_are_refused_in_every_form(texts, ask, text):
    assert "more than 2,000 characters" in error_of(ask(texts, text), 413)
    assert ask(texts, "a good day").status_code == 200


def test_the_characters_of_what_is_no_text_are_not_counted(texts):
    picture = to_base64(DARK)
    assert len(picture) > 2000
    assert texts.post("/v1/predict?model=shade", json={"data": picture}).status_code == 200


@pytest.mark.parametrize("count", [5, 500_000])
@pytest.mark.parametrize(
    ("path", "head", "value"),
    [
        ("/v1/predict", '{"model":"mood","samples":[', '{"text":"a"}'),
        ("/v1/predict", '{"model":"mood","samples":[', "1234567"),
        ("/v1/embeddings", '{"model":"mood","input":[', '"a"'),
        ("/v1/embeddings", '{"model":"mood","input":[', "null"),
        ("/v2/models/mood/infer", '{"outputs":[],"inputs":[', "{}"),
    ],
)
def test_too_many_samples_are_refused_before_they_are_looked_at(texts, path, head, value, count):
    body = head + ",".join([value] * count) + "]}"
    response = texts.post(path, content=body, headers={"Content-Type": "application/json"})
    if count == 5:
        assert response.status_code in (413, 422)
    else:
        assert "values" in error_of(response, 413)


def test_a_list_within_many_others_is_refused_whatever_stands_beside_it(client):
    numbers, deep = ",".join(["7"] * 20_000), "[" * 30 + "]" * 30
    tensor = f'"name":"image","datatype":"UINT8","shape":[1,1,1,3],"data":[{numbers},{deep}]'
    body = f'{{"inputs":[{{{tensor}}}]}}'
    headers = {"Content-Type": "application/json"}
    response = client.post("/v2/models/shade/infer", content=body, headers=headers)
    assert "within more than 8 others" in error_of(response, 422)
    deeper = body.replace(deep, "[" * 900 + "]" * 900).replace(numbers, numbers * 20)
    response = client.post("/v2/models/shade/infer", content=deeper, headers=headers)
    assert "nested deeper than 32 levels" in error_of(response, 400)


def test_a_large_picture_of_numbers_has_the_answer_of_a_small_one(client, shade):
    """Many numbers are parsed in slices, and few at once."""
    [large] = shade.predict_proba([np.full((300, 301, 3), 44, np.uint8)])
    for nested in (True, False):
        pixels = np.full((1, 300, 301, 3), 44, np.uint8)
        data = (pixels if nested else pixels.ravel()).tolist()
        tensor = {"name": "image", "shape": [1, 300, 301, 3], "datatype": "UINT8", "data": data}
        response = client.post("/v2/models/shade/infer", json={"inputs": [tensor]})
        found = {output["name"]: output["data"] for output in response.json()["outputs"]}
        np.testing.assert_allclose(found["probabilities"], large, atol=1e-5)


def test_bodies_count_together_until_they_are_answered(slow):
    classifier, head = slow
    limits = Limits(workers=1, queue=8, max_body=10_000, max_bodies=15_000)
    with TestClient(create_app({"slow": classifier}, limits=limits)) as client:
        body = DARK + bytes(9000 - len(DARK) % 9000)

        def ask(_):
            return client.post("/v1/predict", content=body, headers=PNG)

        with ThreadPoolExecutor(3) as threads:
            first = threads.submit(ask, 0)
            assert head.begun.acquire(timeout=20)
            assert "more than 15000 bytes together" in error_of(ask(1), 429)
            head.go.set()
            assert first.result().status_code == 200
        assert ask(2).status_code == 200


def test_a_body_that_inflates_counts_as_what_it_inflates_to(slow):
    classifier, head = slow
    limits = Limits(workers=1, queue=8, max_body=10_000, max_bodies=25_000)
    with TestClient(create_app({"slow": classifier}, limits=limits)) as client:
        # A picture hardly becomes smaller, and what it inflates to is beside it.
        packed = gzip.compress(DARK + bytes(9000 - len(DARK) % 9000))

        def ask(_):
            headers = {**PNG, "Content-Encoding": "gzip"}
            return client.post("/v1/predict", content=packed, headers=headers)

        with ThreadPoolExecutor(3) as threads:
            first = threads.submit(ask, 0)
            assert head.begun.acquire(timeout=20)
            assert error_of(ask(1), 429)
            head.go.set()
            assert first.result().status_code == 200


@pytest.mark.parametrize(
    "name",
    "timeout max_body max_bodies max_samples max_characters max_pixels max_seconds max_connections "
    "head_timeout stall_timeout min_rate".split(),
)
@pytest.mark.parametrize("value", [0, -1, float("nan")])
def test_no_limit_is_nothing_or_less(name, value):
    with pytest.raises(BadOption, match=f"{name} = {value}: expected a number above 0"):
        Limits(**{name: value})


def test_the_docs_name_the_number_of_workers_that_there_is():
    text = (Path(__file__).parents[2] / "docs" / "deploy.md").read_text(encoding="utf-8")
    said = re.findall(r"(\w+) workers?(?: threads?)? a core", text)
    assert len(said) > 1
    assert set(said) <= {"a", "one"}
    # Of another number than that of the cores nothing is said.
    assert not re.search(r"(?i)\b(?:twice|half) as many (?:workers|threads)|two workers", text)
    assert Limits().threads == joblib.cpu_count()
