"""``?explain=1``: predictions with what speaks for them, of a few samples a request."""

import pytest
from starlette.testclient import TestClient

import featx
from featx.server import Limits, create_app
from featx.server.explain import MOST_EXPLAINED
from tests.support.serving import DARK, LIGHT, PICTURES, PNG, error_of, to_base64
from tests.support.sounds import encode, tone


@pytest.fixture(scope="module")
def sums():
    card = featx.get_card("featx-image-nano").variant(tap="last-map", pooling="mean")
    labels = ["dark", "light"] * 6
    return featx.fit(PICTURES, labels, backbone=card, baseline=False)


@pytest.fixture(scope="module")
def served(sums, shade):
    with TestClient(create_app({"sums": sums, "shade": shade})) as client:
        yield client


def ask(client, content, query, headers=PNG):
    return client.post(f"/v1/predict?{query}", content=content, headers=headers)


def test_an_answer_says_what_adds_up_to_its_score(served, sums):
    [plain] = ask(served, DARK, "model=sums").json()["results"]
    assert "explanation" not in plain
    [found] = ask(served, DARK, "model=sums&explain=1").json()["results"]
    table = found.pop("explanation")
    assert found == plain
    [expected] = featx.explain(sums, [DARK])
    assert table["target"] == "dark"
    assert table["extent"] == [64, 48]
    assert table["score"] == pytest.approx(expected.score, rel=1e-5)
    total = table["bias"] + sum(part["value"] for part in table["parts"])
    assert total == pytest.approx(table["score"], abs=1e-4)


def test_places_are_hidden_where_there_is_no_sum_and_that_is_said(served):
    [found] = ask(served, DARK, "model=shade&explain=true").json()["results"]
    table = found["explanation"]
    assert (table["method"], table["bias"], len(table["parts"])) == ("occlusion", None, 49)
    assert "stands between the map and the row" in table["reason"]


def test_what_cannot_be_read_has_no_explanation_and_the_others_have(served):
    samples = [{"data": to_base64(one)} for one in (DARK, b"none", LIGHT)]
    body = served.post("/v1/predict?explain=1&model=sums", json={"samples": samples}).json()
    assert ["explanation" in result for result in body["results"]] == [True, False, True]
    targets = [result["explanation"]["target"] for result in body["results"][::2]]
    assert targets == ["dark", "light"]


def test_each_classifier_explains_its_own_answer(served):
    results = ask(served, LIGHT, "explain=1").json()["results"]
    assert [(one["model"], one["explanation"]["method"]) for one in results] == [
        ("sums", "exact"),
        ("shade", "occlusion"),
    ]


def test_more_than_a_few_are_refused_before_the_work(served):
    samples = [{"data": to_base64(DARK)}] * (MOST_EXPLAINED + 1)
    answer = served.post("/v1/predict?explain=1&model=sums", json={"samples": samples})
    assert "explain: 9 answers: expected at most 8 a request" in error_of(answer, 413)


def test_sounds_that_would_be_read_for_too_long_are_refused_before_the_work():
    tones = [encode(tone(0.3 + 0.01 * k, hertz=hertz)) for k in range(6) for hertz in (300, 3000)]
    pitch = featx.fit(
        featx.make_samples(tones, ["low", "high"] * 6), backbone="featx-audio-mel", baseline=False
    )
    limits = Limits(max_seconds=60, max_total_seconds=100)
    with TestClient(create_app({"pitch": pitch}, limits=limits)) as client:
        wav = {"Content-Type": "audio/wav"}
        long, short = encode(tone(5)), encode(tone(1))
        assert ask(client, long, "", wav).status_code == 200
        refused = error_of(ask(client, long, "explain=1", wav), 413)
        assert "165 seconds together: expected at most 100" in refused
        [found] = ask(client, short, "explain=1", wav).json()["results"]
        assert len(found["explanation"]["parts"]) == 32


def test_texts_that_would_be_read_too_often_are_refused_before_the_work():
    pytest.importorskip("tokenizers")
    good, bad = ["good", "great", "fine", "lovely"], ["bad", "awful", "poor", "sad"]
    mood = featx.fit(
        featx.make_samples(good + bad, ["up"] * 4 + ["down"] * 4),
        backbone="featx-text-nano",
        baseline=False,
    )
    with TestClient(create_app({"mood": mood}, limits=Limits(max_characters=1000))) as client:
        long, short = "a good day, " * 2, "a good day"
        assert client.post("/v1/predict", json={"text": long}).status_code == 200
        refused = client.post("/v1/predict?explain=1", json={"text": long})
        assert "1,560 characters together: expected at most 1,000" in error_of(refused, 413)
        [found] = client.post("/v1/predict?explain=1", json={"text": short}).json()["results"]
        assert len(found["explanation"]["parts"]) >= 3


def test_what_explain_is_not_is_refused(served):
    assert "query.explain" in error_of(ask(served, DARK, "explain=maybe"), 422)
