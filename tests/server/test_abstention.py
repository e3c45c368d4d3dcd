"""Sets, withheld answers and new samples over HTTP: the answers are those of the library."""

import numpy as np
import pytest
from starlette.testclient import TestClient

import featx
from featx.server import create_app
from tests.support.serving import DARK, LIGHT, PNG, error_of, noise, to_base64, to_png
from tests.support.targets import make_records

PICTURES = [noise(base, seed) for seed in range(12) for base in (40, 200)]
LABELS = ["dark", "light"] * 12
RECORDS = make_records()
TEXTS = [one["text"] for one in RECORDS]


@pytest.fixture(scope="module")
def shade():
    return featx.fit(PICTURES, LABELS, baseline=False)


@pytest.fixture(scope="module")
def topics():
    return featx.fit(TEXTS, [one["topics"] for one in RECORDS], task="multilabel", baseline=False)


@pytest.fixture(scope="module")
def client(shade, topics):
    bare = featx.fit(PICTURES, LABELS, baseline=False, keep_rows=False)
    with TestClient(create_app({"shade": shade, "topics": topics, "bare": bare})) as client:
        yield client


def answers(predictor, data, **asked):
    careful = predictor.with_abstention(**asked)
    return [one.to_dict() for one in careful.predict_samples(featx.make_samples(data), top_k=3)]


def without_id(result):
    return {key: value for key, value in result.items() if key not in ("id", "model")}


@pytest.mark.slow
def test_a_query_a_form_and_json_ask_for_the_same_sets(client, shade):
    [expected] = answers(shade, [DARK], coverage=0.8, novelty=0.1, per_class=True, method="aps")
    assert expected["set"] == ["dark"]
    assert set(expected) == {"label", "probability", "top", "set", "answered", "novelty", "novel"}
    query = "coverage=0.8&novelty=0.1&per_class=true&sets=aps"
    raw = client.post(f"/v1/predict?model=shade&{query}", content=DARK, headers=PNG)
    fields = {"coverage": 0.8, "novelty": 0.1, "per_class": True, "sets": "aps", "model": "shade"}
    body = client.post("/v1/predict", json={"data": to_base64(DARK), **fields})
    form = client.post(
        "/v1/predict",
        files={"file": ("a.png", DARK)},
        data={key: str(value) for key, value in fields.items()},
    )
    for response in (raw, body, form):
        assert response.status_code == 200, response.text
        assert without_id(response.json()["results"][0]) == expected


def test_what_a_request_does_not_ask_is_not_said(client, shade):
    plain = client.post("/v1/predict?model=shade", content=DARK, headers=PNG).json()["results"][0]
    assert set(plain) == {"id", "model", "label", "probability", "top"}


def test_a_sample_of_another_kind_is_new_and_is_not_answered(client, shade):
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[::4] = (255, 0, 0)
    query = "novelty=0.1&abstain=true"
    for picture, label in ((stripes, "unsure"), (noise(200, 8), "light")):
        response = client.post(
            f"/v1/predict?model=shade&{query}", content=to_png(picture), headers=PNG
        )
        result = response.json()["results"][0]
        assert result["label"] == label
        assert result["novel"] is (label == "unsure")


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("coverage=1", "query.coverage: Input should be less than 1"),
        ("coverage=x", "query.coverage: Input should be a valid number"),
        ("novelty=0", "query.novelty: Input should be greater than 0"),
        ("sets=raps&coverage=0.9", "query.sets: Input should be 'lac' or 'aps'"),
        ("per_class=true", "per_class=True: is of the sets that a coverage makes"),
    ],
)
def test_what_cannot_be_asked_is_refused_in_words(client, query, words):
    response = client.post(f"/v1/predict?model=shade&{query}", content=DARK, headers=PNG)
    assert error_of(response, 422).startswith(words)


def test_a_predictor_that_kept_no_rows_says_so(client):
    response = client.post("/v1/predict?model=bare&novelty=0.1", content=DARK, headers=PNG)
    assert "keeps no rows of its training samples" in error_of(response, 422)


def test_the_open_inference_protocol_has_tensors_of_sets(client, shade):
    body = {
        "parameters": {"coverage": 0.8, "novelty": 0.1},
        "inputs": [
            {
                "name": "image",
                "shape": [2],
                "datatype": "BYTES",
                "data": [to_base64(DARK), to_base64(LIGHT)],
                "parameters": {"content_type": "base64"},
            }
        ],
    }
    response = client.post("/v2/models/shade/infer", json=body)
    tensors = {one["name"]: one for one in response.json()["outputs"]}
    assert tensors["set"]["shape"] == [2, 2]
    assert tensors["set"]["data"] == [1, 0, 0, 1]
    assert tensors["answered"]["data"] == [1, 1]
    expected = [one["novelty"] for one in answers(shade, [DARK, LIGHT], novelty=0.1)]
    assert tensors["novelty"]["data"] == pytest.approx(expected)
    assert tensors["novel"]["data"] == [0, 0]
    wrong = {**body, "parameters": {"coverage": 7}}
    message = error_of(client.post("/v2/models/shade/infer", json=wrong), 422)
    assert message.startswith("parameters.coverage: Input should be less than 1")


def test_several_labels_say_which_are_open(client, topics):
    expected = answers(topics, TEXTS[:5], coverage=0.7, abstain=True)
    response = client.post(
        "/v1/predict",
        json={
            "samples": [{"text": text} for text in TEXTS[:5]],
            "model": "topics",
            "coverage": 0.7,
            "abstain": True,
        },
    )
    found = [without_id(result) for result in response.json()["results"]]
    for one, other in zip(found, expected, strict=True):
        assert one["set"] == other["set"]
        assert one["unsure"] == other["unsure"]
        assert one["labels"] == other["labels"]
        assert one["answered"] is (not one["unsure"])


def test_the_openapi_document_names_what_may_be_asked(client):
    document = client.get("/openapi.json").json()
    names = {one["name"] for one in document["paths"]["/v1/predict"]["post"]["parameters"]}
    assert {"coverage", "per_class", "sets", "abstain", "novelty"} <= names
    schema = document["components"]["schemas"]["PredictRequest"]["properties"]
    assert schema["coverage"]["exclusiveMaximum"] == 1


def test_an_error_threshold_is_held_without_being_asked_for():
    rng = np.random.default_rng(0)
    texts = [f"{'red' if k % 2 else 'blue'} thing number {k}" for k in range(300)]
    labels = ["warm" if k % 2 else "cold" for k in range(300)]
    for k in rng.choice(300, 6, replace=False):
        labels[k] = "cold"
    careful = featx.fit(texts, labels, target_error=0.1, baseline=False)
    assert careful.error_threshold.threshold is not None
    with TestClient(create_app({"x": careful})) as client:
        result = client.post("/v1/predict", json={"text": "red thing"}).json()["results"][0]
        assert result["answered"] is (result["label"] != "unsure")
        names = [one["name"] for one in client.get("/v2/models/x").json()["outputs"]]
        assert names == ["label", "probability", "probabilities", "answered"]
