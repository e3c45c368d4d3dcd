"""What every request passes: the token, the limits, the line in the log."""

from starlette.testclient import TestClient

from featx.server import Limits, create_app
from tests.support.serving import DARK, PNG, error_of


def test_a_token_is_asked_of_everything_but_the_page_and_health(shade):
    client = TestClient(create_app({"shade": shade}, token="open sesame"))
    for path in ("/", "/docs", "/healthz", "/readyz", "/v2/health/live"):
        assert client.get(path).status_code == 200
    for path in ("/metrics", "/v2", "/v1/models", "/v2/models/shade", "/nowhere"):
        response = client.get(path)
        assert "Authorization: Bearer" in error_of(response, 401)
        assert response.headers["WWW-Authenticate"] == "Bearer"
        wrong = {"Authorization": "Bearer sesame"}
        assert error_of(client.get(path, headers=wrong), 401)
    assert client.get("/v2", headers={"Authorization": "Bearer open sesame"}).status_code == 200


def test_a_body_over_the_limit_is_refused_with_or_without_its_length(shade):
    client = TestClient(create_app({"shade": shade}, limits=Limits(max_body=1000)))
    whole = client.post("/v1/predict", content=bytes(1001), headers=PNG)
    assert "limit of 1000 bytes" in error_of(whole, 413)
    parts = (bytes(400) for _ in range(3))
    assert error_of(client.post("/v1/predict", content=parts, headers=PNG), 413)
    form = client.post("/v1/predict", files={"file": ("a.png", bytes(1000))})
    assert error_of(form, 413)


def test_what_takes_too_long_is_given_up_in_words(slow):
    classifier, head = slow
    limits = Limits(workers=1, queue=4, timeout=0.3)
    with TestClient(create_app({"slow": classifier}, limits=limits)) as client:
        response = client.post("/v1/predict", content=DARK, headers=PNG)
        assert error_of(response, 504) == "not answered within 0.3 s; given up"
        head.go.set()
        again = client.post("/v1/predict", content=DARK, headers=PNG)
        assert again.json()["results"][0]["label"] == "slow"


def test_the_log_has_a_line_a_request_and_nothing_of_what_was_sent(shade):
    lines = []
    client = TestClient(create_app({"shade": shade}, log=lines.append))
    headers = {"Content-Type": "image/png", "X-Request-ID": "mine-1"}
    response = client.post("/v1/predict?model=shade", content=DARK, headers=headers)
    assert response.headers["X-Request-ID"] == "mine-1"
    strange = client.get("/healthz", headers={"X-Request-ID": "no spaces, please"})
    assert len(strange.headers["X-Request-ID"]) == 32
    first, second = lines
    assert (first["path"], first["status"], first["bytes"]) == ("/v1/predict", 200, len(DARK))
    assert first["request_id"] == "mine-1"
    assert second["request_id"] == strange.headers["X-Request-ID"]
    assert set(first) == set("time request_id client method path status seconds bytes".split())
