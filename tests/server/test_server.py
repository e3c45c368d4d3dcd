"""Classifiers behind HTTP: right answers, failures in words, and an end to everything that waits."""

import asyncio
import base64
import fcntl
import io
import json
import os
import queue
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import numpy as np
import pytest
from click.testing import CliRunner
from fastapi.testclient import TestClient
from PIL import Image

import featx
from featx.backbones.providers import Provider
from featx.cli import main
from featx.errors import BadArtifact, BadOption
from featx.server import AccessLog, Limits, create_app
from featx.server.errors import HTTPError
from featx.server.pool import Pool
from featx.server.running import listen


def noise(base, seed, size=(48, 64, 3)):
    spread = np.random.default_rng(seed).integers(-30, 30, size)
    return (base + spread).astype(np.uint8)


def png(array):
    held = io.BytesIO()
    Image.fromarray(array).save(held, "png")
    return held.getvalue()


def code(data):
    return base64.b64encode(data).decode()


PICTURES = [noise(base, seed) for seed in range(6) for base in (40, 200)]
DARK, LIGHT = png(noise(40, 100)), png(noise(200, 100))


@pytest.fixture(scope="module")
def shade():
    return featx.fit(featx.make_samples(PICTURES, ["dark", "light"] * 6))


@pytest.fixture(scope="module")
def order():
    """Another classifier on the same backbone."""
    return featx.fit(featx.make_samples(PICTURES, ["one", "two"] * 6), head="centroid")


@pytest.fixture(scope="module")
def client(shade, order):
    with TestClient(create_app({"shade": shade, "order": order})) as held:
        yield held


def error_of(answer, status):
    """The failure in its one shape."""
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    if answer.url.path.startswith("/v2"):  # the Open Inference Protocol's own form
        assert answer.json() == {"error": str(error)}
        return error
    assert error["status"] == status
    assert error["code"]
    assert error["message"] == error["message"].strip()
    return error["message"]


def test_raw_bytes_are_answered_as_the_classifier_answers(client, shade):
    answer = client.post(
        "/v1/predict?model=shade&top_k=2", content=DARK, headers={"Content-Type": "image/png"}
    )
    [result] = answer.json()["results"]
    [said] = shade.predict_proba([DARK])
    assert (result["model"], result["label"]) == ("shade", "dark")
    shares = {each["label"]: each["probability"] for each in result["top"]}
    assert shares == pytest.approx(dict(zip(shade.classes, said.tolist(), strict=True)), abs=1e-6)


def test_files_of_a_form_keep_their_names_and_order(client):
    files = [("file", ("a.png", LIGHT)), ("other", ("b.png", DARK)), ("file", ("a.png", DARK))]
    answer = client.post("/v1/predict", files=files, data={"model": "shade", "top_k": "1"})
    found = [(each["id"], each["label"]) for each in answer.json()["results"]]
    assert found == [("a.png", "light"), ("b.png", "dark"), ("a.png", "dark")]


def test_a_sample_that_cannot_be_read_costs_the_others_nothing(client):
    samples = [
        {"data": code(DARK)},
        {"id": "broken", "data": code(LIGHT[:200])},
        {"data": "not base64!"},
        {"text": "a text"},
        {},
        {"data": f"data:image/png;base64,{code(LIGHT)}"},
    ]
    answer = client.post("/v1/predict", json={"samples": samples, "model": "shade"})
    assert answer.status_code == 200
    results = answer.json()["results"]
    assert [each.get("label") for each in results] == ["dark", *[None] * 4, "light"]
    reasons = [each["error"]["message"] for each in results if "error" in each]
    assert "damaged image" in reasons[0]
    assert reasons[1] == "data: expected base64"
    assert reasons[2] == "text: shade reads image; send it as data, in base64"
    assert reasons[3] == "expected data (base64) or text"


def test_where_no_sample_can_be_read_the_status_says_so(client):
    headers = {"Content-Type": "image/png"}
    answer = client.post("/v1/predict?model=shade", content=b"not a picture", headers=headers)
    assert "not an image" in error_of(answer, 422)
    answer = client.post("/v1/predict", json={"samples": [{"data": "!"}, {"data": "?"}]})
    assert error_of(answer, 422).startswith("none of 2 samples can be read; the first: samples[0]")
    assert len(answer.json()["results"]) == 4


def test_a_text_or_an_id_that_names_a_file_is_never_opened(client, tmp_path):
    (tmp_path / "secret.png").write_bytes(DARK)
    path = str(tmp_path / "secret.png")
    for sample in ({"text": path}, {"data": code(path.encode())}, {"id": path, "data": ""}):
        answer = client.post("/v1/predict", json={"samples": [sample], "model": "shade"})
        assert error_of(answer, 422)


def test_classifiers_that_share_a_backbone_share_its_pass(client, shade, order, monkeypatch):
    from featx.backbones.backbone import Backbone

    passes = []
    embed = Backbone.embed
    monkeypatch.setattr(
        Backbone, "embed", lambda self, *given: passes.append(1) or embed(self, *given)
    )
    answer = client.post("/v1/predict", content=DARK, headers={"Content-Type": "image/png"})
    said = [(each["model"], each["label"]) for each in answer.json()["results"]]
    assert said == [("shade", "dark"), ("order", "one")]
    assert len(passes) == 1


@pytest.mark.parametrize(
    ("given", "status", "words"),
    [
        ({"params": {"model": "shape"}, "content": DARK}, 404, "no model named 'shape'"),
        ({"params": {"top_k": "0"}, "content": DARK}, 422, "top_k: "),
        ({"params": {"top_k": "many"}, "content": DARK}, 422, "top_k: "),
        ({"content": DARK, "headers": {"Content-Type": "video/mp4"}}, 415, "found video/mp4"),
        ({"content": DARK, "headers": {"Content-Type": "audio/wav"}}, 415, "reads image"),
        ({"content": DARK, "headers": {"Content-Type": ""}}, 415, "found none"),
        ({"content": b"", "headers": {"Content-Type": "image/png"}}, 422, "empty"),
        ({"json": {"samples": []}}, 422, "no sample"),
        ({"json": {"samples": [{"date": ""}]}}, 422, "samples.0.date: "),
        ({"json": []}, 422, "the body: "),
        ({"json": {"samples": [{"data": ""}] * 65}}, 413, "65 samples: expected at most 64"),
        ({"files": {"file": ("a.png", DARK)}, "data": {"modle": "shade"}}, 422, "field 'modle'"),
        ({"files": [("file", (str(k), b"x")) for k in range(65)]}, 413, "65 samples"),
        ({"files": [("file", (str(k), b"x")) for k in range(80)]}, 400, "Too many files"),
    ],
)
def test_what_is_wrong_with_a_request_is_said_in_words(client, given, status, words):
    if "content" in given:
        given = {"headers": {"Content-Type": "image/png"}, **given}
    assert words in error_of(client.post("/v1/predict", **given), status)


@pytest.mark.parametrize("body", [b"{", b"\xff", b"[" * 100_000, b'{"samples":' + b"9" * 9000])
def test_a_body_that_is_no_json_is_refused_in_words(client, body):
    headers = {"Content-Type": "application/json"}
    for path in ("/v1/predict", "/v1/embeddings", "/v2/models/shade/infer"):
        assert "not JSON" in error_of(client.post(path, content=body, headers=headers), 400)


def test_half_a_surrogate_is_no_failure_of_the_server(client):
    body = b'{"samples": [{"id": "\\ud800", "data": "\\udfff"}], "model": "\\ud800"}'
    answer = client.post("/v1/predict", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in (404, 422)


def test_embeddings_have_the_form_of_openai(client, shade):
    body = {"model": "shade", "input": [code(DARK), code(LIGHT)]}
    plain = client.post("/v1/embeddings", json=body).json()
    expected = shade.embed([DARK, LIGHT]).embeddings
    assert plain["object"] == "list"
    assert [each["index"] for each in plain["data"]] == [0, 1]
    np.testing.assert_allclose([e["embedding"] for e in plain["data"]], expected, atol=1e-4)
    packed = client.post("/v1/embeddings", json={**body, "encoding_format": "base64"}).json()
    rows = [np.frombuffer(base64.b64decode(e["embedding"]), "<f4") for e in packed["data"]]
    np.testing.assert_allclose(rows, expected, atol=1e-4)


@pytest.mark.parametrize(
    ("change", "status", "words"),
    [
        ({"model": "gpt"}, 404, "no model named 'gpt'"),
        ({"input": ["", "!"]}, 422, "input[0]: "),
        ({"input": [1, 2]}, 422, "input.str: "),
        ({"input": []}, 422, "no sample"),
        ({"dimensions": 3}, 422, "dimensions: shade gives 384, found 3"),
    ],
)
def test_embeddings_that_cannot_be_made_are_refused_in_words(client, change, status, words):
    body = {"model": "shade", "input": code(DARK), **change}
    assert words in error_of(client.post("/v1/embeddings", json=body), status)


def infer(client, model="shade", **change):
    tensor = {"name": "image", "shape": [2], "datatype": "BYTES", "data": [code(DARK), code(LIGHT)]}
    outputs = change.pop("outputs", [])
    body = {"id": "7", "inputs": [tensor | change], "outputs": outputs}
    return client.post(f"/v2/models/{model}/infer", json=body)


def test_the_open_inference_protocol_gives_the_same_answers(client, shade):
    server = client.get("/v2").json()
    assert server == {"name": "featx", "version": featx.__version__, "extensions": []}
    facts = client.get("/v2/models/shade").json()
    assert facts == client.get("/v2/models/shade/versions/1").json()
    assert facts["inputs"] == [{"name": "image", "datatype": "BYTES", "shape": [-1]}]
    assert facts["parameters"]["classes"] == ["dark", "light"]
    body = infer(client).json()
    assert body == infer(client, "shade/versions/1").json()
    assert (body["model_name"], body["model_version"]) == ("shade", facts["versions"][0])
    assert body["id"] == "7"
    for said, made in zip(facts["outputs"], body["outputs"], strict=True):
        assert (said["name"], said["datatype"]) == (made["name"], made["datatype"])
        assert [2, *said["shape"][1:]] == made["shape"]
        assert len(made["data"]) == np.prod(made["shape"])
    [one] = infer(client, outputs=[{"name": "label"}]).json()["outputs"]
    assert one["name"] == "label"
    made = {each["name"]: each for each in body["outputs"]}
    assert made["label"]["data"] == ["dark", "light"]
    table = np.reshape(made["probabilities"]["data"], made["probabilities"]["shape"])
    np.testing.assert_allclose(table, shade.predict_proba([DARK, LIGHT]), atol=1e-5)


def test_a_picture_may_also_come_as_numbers(client):
    pixels = np.stack([noise(40, 7, (9, 8, 3)), noise(200, 7, (9, 8, 3))])
    answer = infer(client, datatype="UINT8", shape=[2, 9, 8, 3], data=pixels.ravel().tolist())
    assert answer.json()["outputs"][0]["data"] == ["dark", "light"]


@pytest.mark.parametrize(
    ("change", "status", "words"),
    [
        ({"model": "shape"}, 404, "no model named 'shape'"),
        ({"model": "shade/versions/2"}, 404, "shade: no version '2'; served: 1"),
        ({"datatype": "FP32"}, 422, "takes BYTES"),
        ({"shape": [3]}, 422, "shape: found [3] for 2 values"),
        ({"shape": []}, 422, "shape: found []"),
        ({"shape": [1000]}, 413, "at most 64"),
        ({"data": [1, 2]}, 422, "expected strings"),
        ({"data": ["", "!"]}, 422, "data[0]: "),
        ({"datatype": "UINT8", "shape": [1, 1, 1, 3], "data": [1, 2, 256]}, 422, "0 to 255"),
        (
            {"datatype": "UINT8", "shape": [1, 1, 3], "data": [1, 2, 3]},
            422,
            "[n, height, width, 3]",
        ),
        ({"outputs": [{"name": "logits"}]}, 422, "no tensor named 'logits'"),
    ],
)
def test_an_inference_that_cannot_be_made_is_refused_in_words(client, change, status, words):
    assert words in error_of(infer(client, **change), status)


@pytest.mark.parametrize(
    "path",
    "/healthz /readyz /v2/health/live /v2/health/ready /v2/models/shade/ready /v1/models".split(),
)
def test_health_and_readiness_are_told(client, path):
    answer = client.get(path)
    assert answer.status_code == 200
    assert answer.json()


def test_a_path_or_a_method_that_there_is_not_is_refused_in_words(client):
    assert error_of(client.get("/v1/nothing"), 404) == "Not Found"
    assert error_of(client.get("/v1/predict"), 405) == "Method Not Allowed"
    assert "no model named" in error_of(client.get("/v2/models/none"), 404)


def test_the_page_and_the_docs_load_nothing_from_elsewhere(client):
    for path in ("/", "/docs"):
        text = client.get(path).text
        assert text.startswith("<!doctype html>")
        assert "//" not in text.replace("http://www.w3.org/2000/svg", "").replace("://", ":")
        assert "http:" not in text.replace("http://www.w3.org/2000/svg", "")
    assert "/v2/models/{name}/infer" in client.get("/docs").text


def test_every_reference_in_the_openapi_document_is_in_it(client):
    document = client.get("/openapi.json").json()
    held = document["components"]["schemas"]

    def references(value):
        if isinstance(value, dict):
            yield from [value["$ref"]] if isinstance(value.get("$ref"), str) else []
            value = list(value.values())
        if isinstance(value, list):
            for each in value:
                yield from references(each)

    found = set(references(document))
    assert found
    assert {each.rpartition("/")[2] for each in found} <= set(held)


def test_a_token_is_asked_of_everything_but_the_page_and_health(shade):
    client = TestClient(create_app({"shade": shade}, token="open sesame"))
    for path in ("/", "/docs", "/healthz", "/readyz", "/v2/health/live"):
        assert client.get(path).status_code == 200
    for path in ("/metrics", "/v2", "/v1/models", "/v2/models/shade", "/nowhere"):
        answer = client.get(path)
        assert "Authorization: Bearer" in error_of(answer, 401)
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        wrong = {"Authorization": "Bearer sesame"}
        assert error_of(client.get(path, headers=wrong), 401)
    assert client.get("/v2", headers={"Authorization": "Bearer open sesame"}).status_code == 200


def test_a_body_over_the_limit_is_refused_with_or_without_its_length(shade):
    client = TestClient(create_app({"shade": shade}, limits=Limits(max_body=1000)))
    headers = {"Content-Type": "image/png"}
    whole = client.post("/v1/predict", content=bytes(1001), headers=headers)
    assert "limit of 1000 bytes" in error_of(whole, 413)
    parts = (bytes(400) for _ in range(3))
    assert error_of(client.post("/v1/predict", content=parts, headers=headers), 413)
    form = client.post("/v1/predict", files={"file": ("a.png", bytes(1000))})
    assert error_of(form, 413)


def test_a_picture_over_the_limit_of_pixels_is_refused(shade):
    client = TestClient(create_app({"shade": shade}, limits=Limits(max_pixels=48 * 64 - 1)))
    answer = client.post("/v1/predict", content=DARK, headers={"Content-Type": "image/png"})
    assert "more than the limit of 3071" in error_of(answer, 422)
    assert shade.predict([DARK]) == ["dark"]


def test_many_clients_at_once_get_each_its_own_answer(shade, order):
    with TestClient(
        create_app({"shade": shade, "order": order}, limits=Limits(queue=100))
    ) as client:

        def ask(k):
            samples = [
                {"id": f"{k}.{i}", "data": code((DARK, LIGHT)[i % 2])} for i in range(k % 7 + 1)
            ]
            answer = client.post("/v1/predict", json={"samples": samples, "model": "shade"})
            return [(each["id"], each["label"]) for each in answer.json()["results"]]

        with ThreadPoolExecutor(16) as threads:
            found = list(threads.map(ask, range(60)))
    for k, results in enumerate(found):
        assert results == [(f"{k}.{i}", ("dark", "light")[i % 2]) for i in range(k % 7 + 1)]


class Slow:
    """A head whose answers wait for a sign; what is around it is real."""

    classes = ("slow",)

    def __init__(self):
        self.begun, self.go = threading.Semaphore(0), threading.Event()
        self.estimator = None

    def predict_proba(self, rows):
        self.begun.release()
        assert self.go.wait(20)
        return np.ones((len(rows), 1), np.float32)


@pytest.fixture
def slow(shade):
    head = Slow()
    yield featx.Classifier.from_card(shade.card, head), head
    head.go.set()


def test_what_cannot_wait_is_told_when_to_come_back(slow):
    classifier, head = slow
    limits = Limits(workers=1, queue=1)
    headers = {"Content-Type": "image/png"}
    with TestClient(create_app({"slow": classifier}, limits=limits)) as client:

        def ask(_):
            return client.post("/v1/predict", content=DARK, headers=headers)

        with ThreadPoolExecutor(4) as threads:
            first = threads.submit(ask, 0)
            assert head.begun.acquire(timeout=20)
            others = [threads.submit(ask, k) for k in range(3)]
            refused = [next(f for f in _finished(others)) for _ in range(1)]
            head.go.set()
            answers = [each.result() for each in (first, *others)]
        assert sorted(each.status_code for each in answers) == [200, 200, 429, 429]
        assert refused[0].status_code == 429
        assert "no more may wait" in error_of(refused[0], 429)
        assert int(refused[0].headers["Retry-After"]) >= 1
        assert client.get("/healthz").status_code == 200
        text = client.get("/metrics").text
        assert 'featx_requests_total{method="POST",route="/v1/predict",status="429"} 2.0' in text
        assert "featx_requests_held 0.0" in text


def _finished(futures):
    from concurrent.futures import as_completed

    return (each.result() for each in as_completed(futures, timeout=20))


def test_what_takes_too_long_is_given_up_in_words(slow):
    classifier, head = slow
    limits = Limits(workers=1, queue=4, timeout=0.3)
    with TestClient(create_app({"slow": classifier}, limits=limits)) as client:
        answer = client.post("/v1/predict", content=DARK, headers={"Content-Type": "image/png"})
        assert error_of(answer, 504) == "not answered within 0.3 s; given up"
        head.go.set()
        again = client.post("/v1/predict", content=DARK, headers={"Content-Type": "image/png"})
        assert again.json()["results"][0]["label"] == "slow"


def test_the_log_has_a_line_a_request_and_nothing_of_what_was_sent(shade):
    lines = []
    client = TestClient(create_app({"shade": shade}, log=lines.append))
    headers = {"Content-Type": "image/png", "X-Request-ID": "mine-1"}
    answer = client.post("/v1/predict?model=shade", content=DARK, headers=headers)
    assert answer.headers["X-Request-ID"] == "mine-1"
    strange = client.get("/healthz", headers={"X-Request-ID": "no spaces, please"})
    assert len(strange.headers["X-Request-ID"]) == 32
    first, second = lines
    assert (first["path"], first["status"], first["bytes"]) == ("/v1/predict", 200, len(DARK))
    assert first["request_id"] == "mine-1"
    assert second["request_id"] == strange.headers["X-Request-ID"]
    assert set(first) == set("time request_id client method path status seconds bytes".split())


def test_metrics_count_requests_samples_labels_and_drift(shade):
    client = TestClient(create_app({"shade": shade}))

    def drift():
        lines = client.get("/metrics").text.splitlines()
        [line] = [each for each in lines if each.startswith("featx_drift{")]
        return float(line.split()[-1])

    usual = [{"data": code(png(picture))} for picture in PICTURES]
    for _ in range(3):
        client.post("/v1/predict", json={"samples": usual})
    near = drift()
    strange = [{"data": code(png(np.full((9, 9, 3), (255, 0, 255), np.uint8)))}] * 50
    client.post("/v1/predict", json={"samples": [*strange, {"data": "!"}]})
    assert near < 0.1 < drift()
    text = client.get("/metrics").text
    assert 'featx_samples_total{model="shade",outcome="predicted"} 86.0' in text
    assert 'featx_samples_total{model="shade",outcome="rejected"} 1.0' in text
    assert 'featx_predictions_total{label="dark",model="shade"}' in text
    assert 'featx_request_seconds_count{route="/v1/predict"} 4.0' in text


def test_a_saved_linear_head_is_followed_without_the_library_that_fitted_it(shade, tmp_path):
    stored = featx.load(featx.save(shade, tmp_path / "shade.featx"))
    drifts = []
    for each in (shade, stored):
        client = TestClient(create_app({"shade": each}))
        client.post("/v1/predict", content=DARK, headers={"Content-Type": "image/png"})
        drifts += re.findall(r"featx_drift{.*} (.+)", client.get("/metrics").text)
    assert float(drifts[0]) == pytest.approx(float(drifts[1]), rel=1e-5)
    assert "estimator" not in vars(stored.head)  # nobody asked for it: nothing was imported


def test_a_classifier_that_is_replaced_on_disk_is_replaced_without_a_lost_request(
    shade, order, tmp_path
):
    path = featx.save(shade, tmp_path / "shade.featx")
    app = create_app({"shade": featx.load(path)}, sources={"shade": path}, reload_every=0.02)
    headers = {"Content-Type": "image/png"}
    with TestClient(app) as client:

        def ask():
            answer = client.post("/v1/predict", content=DARK, headers=headers)
            assert answer.status_code == 200, answer.text
            return answer.json()["results"][0]["label"]

        assert ask() == "dark"
        featx.save(order, path, overwrite=True)
        labels = [ask()]
        while labels[-1] != "one" and len(labels) < 2000:
            labels.append(ask())
        assert set(labels) <= {"dark", "one"}
        assert labels[-1] == "one"
        (path / "head.skops").write_bytes(b"broken")
        (path / "manifest.json").touch()
        failed = 'featx_reloads_total{model="shade",outcome="failed"} 1.0'
        while failed not in client.get("/metrics").text:
            assert ask() == "one"
        assert ask() == "one"


def test_clients_who_ask_while_a_classifier_is_replaced_again_and_again_lose_nothing(
    shade, order, tmp_path
):
    path = featx.save(shade, tmp_path / "shade.featx")
    told, ended, answers = queue.Queue(), threading.Event(), []
    app = create_app(
        {"shade": featx.load(path)},
        sources={"shade": path},
        reload_every=0.02,
        log=lambda record: told.put(record["reload"]) if "reload" in record else None,
    )
    with TestClient(app) as client, ThreadPoolExecutor(3) as threads:

        def ask_on():
            while not ended.is_set():
                headers = {"Content-Type": "image/png"}
                answers.append(client.post("/v1/predict", content=DARK, headers=headers))

        clients = [threads.submit(ask_on) for _ in range(3)]
        try:
            for k in range(4):
                featx.save((order, shade)[k % 2], path, overwrite=True)
                assert told.get(timeout=60) == "done"
        finally:
            ended.set()
        for each in clients:
            each.result()
    assert {each.status_code for each in answers} == {200}
    labels = {each.json()["results"][0]["label"] for each in answers}
    assert {"dark"} <= labels <= {"dark", "one"}


def test_a_classifier_that_is_replaced_stays_with_its_provider(shade, order, tmp_path, monkeypatch):
    asked = []

    def load(path, *, provider):
        asked.append(provider)
        return featx.load(path, provider=provider)

    monkeypatch.setattr("featx.server.reloading.load", load)
    path = featx.save(shade, tmp_path / "shade.featx")
    second = Provider("cpu", "fp32", device=1)  # of the same name, and another
    app = create_app({"shade": featx.load(path, provider=second)}, sources={"shade": path})
    app.state.reload()
    assert asked == [second]


def test_a_classifier_that_vanishes_or_is_replaced_while_it_is_read_is_no_failure(
    shade, order, tmp_path, monkeypatch
):
    path = featx.save(shade, tmp_path / "shade.featx")
    records = []
    app = create_app(
        {"shade": featx.load(path)}, sources={"shade": path}, reload_every=None, log=records.append
    )

    def load(given, *, provider):
        monkeypatch.undo()
        featx.save(order, path, overwrite=True)
        raise BadArtifact("half old, half new")

    monkeypatch.setattr("featx.server.reloading.load", load)
    app.state.reload()
    assert records == []
    app.state.reload()
    assert [record["reload"] for record in records] == ["done"]
    shutil.rmtree(path)
    app.state.reload()
    assert len(records) == 1
    client = TestClient(app)
    answer = client.post("/v1/predict", content=DARK, headers={"Content-Type": "image/png"})
    assert answer.json()["results"][0]["label"] == "one"


def test_while_requests_are_refused_none_may_wait():
    now = 0.0
    pool = Pool(4, 8, clock=lambda: now)
    with ExitStack() as held:
        for _ in range(12):  # a burst fills every place
            held.enter_context(pool.place())
        with pytest.raises(HTTPError, match="no more may wait"):
            held.enter_context(pool.place())
    now = 0.9
    with ExitStack() as held:
        for _ in range(4):
            held.enter_context(pool.place())
        with pytest.raises(HTTPError):
            held.enter_context(pool.place())
    now = 2.0
    with ExitStack() as held:
        for _ in range(12):  # none was refused for a second
            held.enter_context(pool.place())
    pool.close()


def test_an_answer_is_not_held_back_for_the_next_segment():
    """Nagle's algorithm and delayed acknowledgements make 40 ms of two small writes."""

    async def told():
        with listen("127.0.0.1", 0) as listening:
            made = asyncio.Queue()
            server = await asyncio.start_server(lambda _, writer: made.put(writer), sock=listening)
            async with server:
                _, ours = await asyncio.open_connection(*listening.getsockname())
                theirs = await made.get()
                held = theirs.get_extra_info("socket")
                said = held.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
                for each in (ours, theirs):
                    each.close()
                    await each.wait_closed()
                return said

    assert asyncio.run(told())


def test_a_log_that_nobody_reads_holds_up_nothing_and_what_is_lost_is_counted(shade):
    reading, writing = os.pipe()
    os.set_blocking(writing, True)
    room = fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    journal = AccessLog(writing, lines=5)
    with TestClient(create_app({"shade": shade}, log=journal)) as client:
        for _ in range(room // 200 + 50):  # a line has more than 200 bytes
            assert client.get("/healthz").status_code == 200
        [count] = re.findall(r"featx_log_lines_dropped_total (\d+)", client.get("/metrics").text)
    assert int(count) > 0
    lost = journal.dropped
    os.set_blocking(reading, True)
    seen = b""
    while seen.count(b"\n") < room // 200 + 51 - lost:
        seen += os.read(reading, 1 << 16)
    journal.close()
    assert all(json.loads(line)["status"] == 200 for line in seen.splitlines())
    os.close(writing)
    assert os.read(reading, 1) == b""
    os.close(reading)


@pytest.fixture
def process(shade, tmp_path):
    """A server as the command starts it, and its address."""
    path = featx.save(shade, tmp_path / "shade.featx")
    command = [sys.executable, "-m", "featx", "serve", str(path), "--port", "0", "--jobs", "1"]
    command += ["--no-reload"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as held:
        yield held, json.loads(held.stderr.readline())["address"]
        held.kill()


def test_on_sigterm_what_is_in_flight_ends_and_nothing_new_is_accepted(process):
    held, (host, port) = process
    head = f"POST /v1/predict HTTP/1.1\r\nHost: a\r\nContent-Length: {len(DARK)}\r\n"
    with socket.create_connection((host, port), timeout=20) as flight:
        flight.sendall(f"{head}Content-Type: image/png\r\n\r\n".encode() + DARK[:100])
        with socket.create_connection((host, port), timeout=20) as other:
            other.sendall(b"GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            seen = other.makefile("rb").read()
            assert b"200 OK" in seen
        held.send_signal(signal.SIGTERM)
        refused = False
        while not refused:
            try:
                socket.create_connection((host, port), timeout=20).close()
            except ConnectionError:
                refused = True
        flight.sendall(DARK[100:])
        said = flight.makefile("rb").read()
    assert said.startswith(b"HTTP/1.1 200 OK")
    assert b'"label":"dark"' in said
    held.wait(20)
    lines = [json.loads(line) for line in held.stderr]
    assert [(line["path"], line["status"]) for line in lines] == [
        ("/metrics", 200),
        ("/v1/predict", 200),
    ]


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="this system has no SIGHUP")
def test_on_sighup_a_classifier_is_read_again(process, order):
    held, (host, port) = process
    [path] = [word for word in held.args if word.endswith(".featx")]
    featx.save(order, path, overwrite=True)
    held.send_signal(signal.SIGHUP)
    record = json.loads(held.stderr.readline())
    assert (record["model"], record["reload"]) == ("shade", "done")
    request = f"POST /v1/predict HTTP/1.1\r\nHost: a\r\nContent-Length: {len(DARK)}\r\n"
    with socket.create_connection((host, port), timeout=20) as connection:
        request += "Connection: close\r\nContent-Type: image/png\r\n\r\n"
        connection.sendall(request.encode() + DARK)
        assert b'"label":"one"' in connection.makefile("rb").read()


def test_a_process_whose_log_is_never_read_answers_and_ends_on_sigterm(process):
    held, (host, port) = process
    with socket.create_connection((host, port), timeout=20) as connection:
        answers = connection.makefile("rb")
        for _ in range(1000):  # 200 kB of lines: a pipe holds 64
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
            assert answers.readline() == b"HTTP/1.1 200 OK\r\n"
            while answers.readline() != b"\r\n":
                pass
            answers.read(len(b'{"status":"ok"}'))
    held.send_signal(signal.SIGTERM)
    assert held.wait(20) == -signal.SIGTERM


@pytest.mark.parametrize("form", ["float", "base64"])
def test_the_client_of_openai_is_answered_in_the_form_that_it_sends(client, shade, form):
    """The body as its library writes it, with what else it may hold; base64 is its default."""
    body = {"input": [code(DARK)], "model": "shade", "encoding_format": form, "user": "someone"}
    headers = {"Authorization": "Bearer sk-none", "User-Agent": "OpenAI/Python 1.0"}
    answer = client.post("/v1/embeddings", json=body, headers=headers).json()
    assert set(answer) == {"object", "data", "model", "usage"}
    assert set(answer["usage"]) == {"prompt_tokens", "total_tokens"}
    [made] = answer["data"]
    assert (made["object"], made["index"]) == ("embedding", 0)
    row = made["embedding"]
    row = np.frombuffer(base64.b64decode(row), np.float32) if form == "base64" else row
    np.testing.assert_allclose(row, shade.embed([DARK]).embeddings[0], atol=1e-4)


def test_the_command_refuses_in_words_what_it_cannot_serve(shade, tmp_path):
    path = featx.save(shade, tmp_path / "shade.featx")
    (tmp_path / "b").mkdir()
    twin = featx.save(shade, tmp_path / "b" / "shade.featx")
    packed = featx.save(shade, tmp_path / "shade.featx.zip")
    for arguments, words in (
        ([tmp_path / "none.featx"], "not a featx classifier"),
        ([path, twin], "has the name shade already"),
        ([path, packed], "has the name shade already"),
        ([path, "--queue", "-1"], "queue = -1: expected 0 or more"),
        ([path, "--host", "256.0.0.1"], "cannot be listened on"),
    ):
        result = CliRunner().invoke(main, ["serve", *map(str, arguments)])
        assert result.exit_code == 1, result.output
        assert words in result.output


def test_limits_that_cannot_be_are_refused():
    with pytest.raises(BadOption, match="timeout = 0"):
        Limits(timeout=0)
    with pytest.raises(BadOption, match="no classifier"):
        create_app({})
