"""Numbers and several labels over HTTP: the answers are those of the command line."""

import json

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from starlette.testclient import TestClient

import featx
from featx.server import create_app
from featx.server.answers import InferAnswer, PredictAnswer
from tests.support.commands import run
from tests.support.targets import make_records

RECORDS = make_records()
TEXTS = [one["text"] for one in RECORDS]
NAMES = ("topics", "price", "both")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A predictor of several labels, one of a number, and one of two numbers."""
    root = tmp_path_factory.mktemp("served")
    pair = np.array([[one["price"], one["area"]] for one in RECORDS])
    for name, task, targets in (
        ("topics", "multilabel", [one["topics"] for one in RECORDS]),
        ("price", "regression", pair[:, 0]),
        ("both", "regression", pair),
    ):
        head = "ridge"
        made = featx.fit(TEXTS, targets, task=task, head=head, baseline=False)
        featx.save(made, root / f"{name}.featx")
    return root


@pytest.fixture(scope="module")
def client(folder):
    loaded = {name: featx.load(folder / f"{name}.featx") for name in NAMES}
    with TestClient(create_app(loaded)) as client:
        yield client


@pytest.mark.parametrize("name", NAMES)
def test_answers_have_the_documented_form(client, name):
    body = {"samples": [{"text": text} for text in (*TEXTS[:3], "")], "model": name}
    given = client.post("/v1/predict", json=body)
    results = PredictAnswer.model_validate_json(given.content, strict=True).results
    sent = [one.model_dump(exclude_none=True) for one in results]
    assert sent == given.json()["results"]
    tensor = {"name": "text", "shape": [2], "datatype": "BYTES", "data": TEXTS[:2]}
    given = client.post(f"/v2/models/{name}/infer", json={"inputs": [tensor]})
    assert len(InferAnswer.model_validate_json(given.content, strict=True).outputs) >= 1
    documented = client.get("/openapi.json").json()["components"]["schemas"]
    assert documented["PredictedSample"]["properties"].keys() >= sent[0].keys()


def typed(folder, name, top_k=3):
    """Return what the command line says of every text."""
    words = ["predict", folder / f"{name}.featx", "-", "--top-k", top_k, "--jobs", 1]
    result = run(*words, input="\n".join(TEXTS))
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def flat(answer):
    """Return the numbers of an answer in order, and all else with their places."""
    numbers, words = [], []

    def walk(value, path):
        if isinstance(value, float):
            numbers.append(value)
            words.append((*path, float))
        elif isinstance(value, (dict, list)):
            pairs = value.items() if isinstance(value, dict) else enumerate(value)
            for key, one in pairs:
                walk(one, (*path, key))
        else:
            words.append((*path, value))

    walk({key: one for key, one in answer.items() if key not in ("id", "model")}, ())
    return numbers, words


@pytest.mark.parametrize("top_k", [1, 3, 10])
@pytest.mark.parametrize("name", NAMES)
def test_v1_says_what_the_command_line_says(client, folder, name, top_k):
    body = {"model": name, "top_k": top_k, "samples": [{"text": text} for text in TEXTS[:40]]}
    response = client.post("/v1/predict", json=body)
    assert response.status_code == 200, response.text
    results = response.json()["results"]
    assert {result["model"] for result in results} == {name}
    for ours, told in zip(results, typed(folder, name, top_k), strict=False):
        numbers, words = flat(ours)
        expected, others = flat(told)
        assert words == others
        # the command line rounds to six digits
        np.testing.assert_allclose(numbers, expected, rtol=1e-5, atol=1e-6)


def infer(client, name, texts):
    tensor = {"name": "text", "shape": [len(texts)], "datatype": "BYTES", "data": texts}
    response = client.post(f"/v2/models/{name}/infer", json={"inputs": [tensor]})
    assert response.status_code == 200, response.text
    described = client.get(f"/v2/models/{name}").json()
    tables = {}
    for facts, one in zip(described["outputs"], response.json()["outputs"], strict=True):
        assert (facts["name"], facts["datatype"]) == (one["name"], one["datatype"])
        assert facts["shape"][1:] == one["shape"][1:]
        tables[one["name"]] = np.reshape(one["data"], one["shape"])
    return described["parameters"]["classes"], tables


@pytest.mark.parametrize("name", ["price", "both"])
def test_v2_gives_the_numbers_and_their_intervals(client, folder, name):
    columns, tables = infer(client, name, TEXTS[:30])
    answers = typed(folder, name)[:30]
    for index, column in enumerate(columns):
        for key in ("value", "low", "high"):
            told = [one[key] if name == "price" else one["values"][column][key] for one in answers]
            np.testing.assert_allclose(tables[key][:, index], told, rtol=1e-5)


def test_v2_gives_every_label_its_probability_and_whether_it_is_given(client, folder):
    columns, tables = infer(client, "topics", TEXTS[:30])
    for answer, shares, given in zip(
        typed(folder, "topics", 10), tables["probabilities"], tables["labels"], strict=False
    ):
        assert sorted(answer["labels"]) == np.compress(given, columns).tolist()
        told = {one["label"]: one["probability"] for one in answer["top"]}
        assert told == pytest.approx(dict(zip(columns, shares.tolist(), strict=True)), abs=1e-6)


def test_the_description_of_the_interface_has_each_kind_of_answer(client):
    text = client.get("/openapi.json").json()["paths"]["/v1/predict"]["post"]["description"]
    for word in ("``labels``", "``value``", "``low``", "``high``", "``values``"):
        assert word in text


def test_labels_given_are_counted_and_numbers_are_none(client):
    infer(client, "topics", ["the apple is red, number 0"])
    infer(client, "price", TEXTS[:1])
    lines = client.get("/metrics").text.splitlines()
    assert any('label="food"' in line and 'model="topics"' in line for line in lines)
    assert not any("label=" in line and 'model="price"' in line for line in lines)


def test_a_search_over_pipelines_is_served_with_its_own_answers(tmp_path):
    middle = np.median([one["price"] for one in RECORDS])
    labels = ["cheap" if one["price"] < middle else "dear" for one in RECORDS]
    pipeline = make_pipeline(featx.FeatureExtractor("featx-text-nano"), LogisticRegression())
    searched = GridSearchCV(pipeline, {"logisticregression__C": [0.1, 1.0]}, cv=2)
    predictor = featx.from_pipeline(searched.fit(TEXTS, labels))
    loaded = featx.load(featx.save(predictor, tmp_path / "search.featx"))
    with TestClient(create_app({"search": loaded})) as client:
        answer = client.post("/v1/predict", json={"samples": [{"text": TEXTS[0]}], "top_k": 2})
    [result] = answer.json()["results"]
    shares = dict(zip(searched.classes_, searched.predict_proba(TEXTS[:1])[0], strict=True))
    assert result["label"] == searched.predict(TEXTS[:1])[0]
    for one in result["top"]:
        assert one["probability"] == pytest.approx(shares[one["label"]], abs=1e-6)
