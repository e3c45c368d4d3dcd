"""``/v1``: answers as the classifiers give them, and failures in words."""

import base64
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from starlette.testclient import TestClient

import featx
from featx.backbones.backbone import Backbone
from featx.server import Limits, create_app
from featx.server.answers import PredictAnswer
from tests.support.serving import DARK, LIGHT, PNG, error_of, to_base64


def test_raw_bytes_are_answered_as_the_classifier_answers(client, shade):
    response = client.post("/v1/predict?model=shade&top_k=2", content=DARK, headers=PNG)
    [result] = response.json()["results"]
    [expected] = shade.predict_proba([DARK])
    assert (result["model"], result["label"]) == ("shade", "dark")
    shares = {row["label"]: row["probability"] for row in result["top"]}
    assert shares == pytest.approx(
        dict(zip(shade.classes, expected.tolist(), strict=True)), abs=1e-6
    )


def test_files_of_a_form_keep_their_names_and_order(client):
    files = [("file", ("a.png", LIGHT)), ("other", ("b.png", DARK)), ("file", ("a.png", DARK))]
    response = client.post("/v1/predict", files=files, data={"model": "shade", "top_k": "1"})
    found = [(result["id"], result["label"]) for result in response.json()["results"]]
    assert found == [("a.png", "light"), ("b.png", "dark"), ("a.png", "dark")]


def test_a_sample_that_cannot_be_read_costs_the_others_nothing(client):
    samples = [
        {"data": to_base64(DARK)},
        {"id": "broken", "data": to_base64(LIGHT[:200])},
        {"data": "not base64!"},
        {"text": "a text"},
        {},
        {"data": f"data:image/png;base64,{to_base64(LIGHT)}"},
    ]
    response = client.post("/v1/predict", json={"samples": samples, "model": "shade"})
    assert response.status_code == 200
    PredictAnswer.model_validate_json(response.content, strict=True)
    results = response.json()["results"]
    assert [result.get("label") for result in results] == ["dark", *[None] * 4, "light"]
    reasons = [result["error"]["message"] for result in results if "error" in result]
    assert "damaged image" in reasons[0]
    assert reasons[1] == "data: expected base64"
    assert reasons[2] == "text: shade reads image; send it as data, in base64"
    assert reasons[3] == "expected data (base64) or text"


def test_where_no_sample_can_be_read_the_status_says_so(client):
    response = client.post("/v1/predict?model=shade", content=b"not a picture", headers=PNG)
    assert "not an image" in error_of(response, 422)
    response = client.post("/v1/predict", json={"samples": [{"data": "!"}, {"data": "?"}]})
    assert error_of(response, 422).startswith(
        "none of 2 samples can be read; the first: samples[0]"
    )
    assert len(response.json()["results"]) == 4


def test_classifiers_that_share_a_backbone_share_its_pass(client, shade, order, monkeypatch):
    passes = []
    embed = Backbone.embed_items
    monkeypatch.setattr(
        Backbone, "embed_items", lambda self, *given: passes.append(1) or embed(self, *given)
    )
    response = client.post("/v1/predict", content=DARK, headers=PNG)
    labels = [(result["model"], result["label"]) for result in response.json()["results"]]
    assert labels == [("shade", "dark"), ("order", "one")]
    assert len(passes) == 1


@pytest.mark.slow
def test_many_clients_at_once_get_each_its_own_answer(shade, order):
    with TestClient(
        create_app({"shade": shade, "order": order}, limits=Limits(queue=100))
    ) as client:

        def ask(k):
            samples = [
                {"id": f"{k}.{i}", "data": to_base64((DARK, LIGHT)[i % 2])}
                for i in range(k % 7 + 1)
            ]
            response = client.post("/v1/predict", json={"samples": samples, "model": "shade"})
            return [(result["id"], result["label"]) for result in response.json()["results"]]

        with ThreadPoolExecutor(16) as threads:
            answers = list(threads.map(ask, range(60)))
    for k, results in enumerate(answers):
        assert results == [(f"{k}.{i}", ("dark", "light")[i % 2]) for i in range(k % 7 + 1)]


def test_embeddings_have_the_form_of_openai(client, shade):
    body = {"model": "shade", "input": [to_base64(DARK), to_base64(LIGHT)]}
    plain = client.post("/v1/embeddings", json=body).json()
    expected = shade.embed([DARK, LIGHT]).embeddings
    assert plain["object"] == "list"
    assert [item["index"] for item in plain["data"]] == [0, 1]
    np.testing.assert_allclose([item["embedding"] for item in plain["data"]], expected, atol=1e-4)
    packed = client.post("/v1/embeddings", json={**body, "encoding_format": "base64"}).json()
    rows = [np.frombuffer(base64.b64decode(item["embedding"]), "<f4") for item in packed["data"]]
    np.testing.assert_allclose(rows, expected, atol=1e-4)


@pytest.mark.parametrize(
    ("change", "status", "words"),
    [
        ({"model": "gpt"}, 404, "no model named 'gpt'"),
        ({"input": ["", "!"]}, 422, "input[0]: "),
        ({"input": [1, 2]}, 422, "token ids"),
        ({"input": [[1, 2], [3]]}, 422, "send the texts themselves"),
        ({"input": []}, 422, "no sample"),
        ({"dimensions": 3}, 422, "dimensions: shade gives 384, found 3"),
    ],
)
def test_embeddings_that_cannot_be_made_are_refused_in_words(client, change, status, words):
    body = {"model": "shade", "input": to_base64(DARK), **change}
    assert words in error_of(client.post("/v1/embeddings", json=body), status)


@pytest.mark.parametrize("form", ["float", "base64"])
def test_the_client_of_openai_is_answered_in_the_form_that_it_sends(client, shade, form):
    """The body is as OpenAI's library writes it, with what else it may hold; base64 is its default."""
    body = {
        "input": [to_base64(DARK)],
        "model": "shade",
        "encoding_format": form,
        "user": "someone",
    }
    headers = {"Authorization": "Bearer sk-none", "User-Agent": "OpenAI/Python 1.0"}
    response = client.post("/v1/embeddings", json=body, headers=headers).json()
    assert set(response) == {"object", "data", "model", "usage"}
    assert set(response["usage"]) == {"prompt_tokens", "total_tokens"}
    [item] = response["data"]
    assert (item["object"], item["index"]) == ("embedding", 0)
    row = item["embedding"]
    row = np.frombuffer(base64.b64decode(row), np.float32) if form == "base64" else row
    np.testing.assert_allclose(row, shade.embed([DARK]).embeddings[0], atol=1e-4)


def test_usage_counts_the_tokens_that_the_backbone_sees():
    texts = [
        f"{text} {n}"
        for n in range(4)
        for text in ("good morning", "a rainy day in the harbour", "hello")
    ]
    words = featx.fit(texts, ["one", "two", "one"] * 4, backbone="featx-text-nano")
    tokenizer = featx.Backbone("featx-text-nano").reader.tokenizer
    with TestClient(create_app({"words": words})) as client:
        body = {"model": "words", "input": texts[:3]}
        usage = client.post("/v1/embeddings", json=body).json()["usage"]
    seen = sum(len(tokenizer.encode(text).ids) for text in texts[:3])
    assert seen >= 10
    assert usage == {"prompt_tokens": seen, "total_tokens": seen}


def test_a_sample_whose_kind_is_known_needs_no_name_of_a_classifier(shade):
    texts = [f"{text} {n}" for n in range(6) for text in ("good morning", "a rainy day")]
    words = featx.fit(texts, ["one", "two"] * 6, backbone="featx-text-nano")
    with TestClient(create_app({"shade": shade, "words": words})) as client:

        def models(**given):
            response = client.post("/v1/predict", **given)
            assert response.status_code == 200, response.text
            return [result["model"] for result in response.json()["results"]]

        assert models(content=DARK, headers=PNG) == ["shade"]
        assert models(content=b"a text", headers={"Content-Type": "text/plain"}) == ["words"]
        assert models(json={"text": "a text"}) == ["words"]
        assert models(json={"data": f"data:image/png;base64,{to_base64(DARK)}"}) == ["shade"]
        assert models(files={"file": ("a.png", DARK, "image/png")}) == ["shade"]
        both = {"samples": [{"text": "a"}, {"data": f"data:image/png;base64,{to_base64(DARK)}"}]}
        assert "name those that are meant" in error_of(client.post("/v1/predict", json=both), 422)
