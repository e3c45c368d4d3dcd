"""The metrics of a server."""

import re

import numpy as np
import pytest
from starlette.testclient import TestClient

import featx
from featx.server import create_app
from tests.support.serving import DARK, PICTURES, PNG, to_base64, to_png


def test_metrics_count_requests_samples_labels_and_drift(shade):
    client = TestClient(create_app({"shade": shade}))

    def drift():
        lines = client.get("/metrics").text.splitlines()
        [line] = [line for line in lines if line.startswith("featx_drift{")]
        return float(line.split()[-1])

    usual = [{"data": to_base64(to_png(picture))} for picture in PICTURES]
    for _ in range(3):
        client.post("/v1/predict", json={"samples": usual})
    near = drift()
    strange = [{"data": to_base64(to_png(np.full((9, 9, 3), (255, 0, 255), np.uint8)))}] * 50
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
    for classifier in (shade, stored):
        client = TestClient(create_app({"shade": classifier}))
        client.post("/v1/predict", content=DARK, headers=PNG)
        drifts += re.findall(r"featx_drift{.*} (.+)", client.get("/metrics").text)
    assert float(drifts[0]) == pytest.approx(float(drifts[1]), rel=1e-5)
    # Nobody asked for the estimator, so scikit-learn was not imported.
    assert "estimator" not in vars(stored.head)
