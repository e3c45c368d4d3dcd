"""Pages of other origins may ask from a browser where --cors names them, and nowhere else."""

import pytest
from starlette.testclient import TestClient

from featx.errors import BadOption
from featx.server import create_app
from tests.support.serving import DARK, PNG

SITE = "https://example.org"


def preflight(client, origin):
    headers = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization, content-type",
    }
    return client.options("/v1/predict", headers=headers)


def test_a_page_of_a_named_origin_may_ask_with_a_token(shade):
    app = create_app({"shade": shade}, cors=[SITE], token="secret")
    with TestClient(app) as client:
        allowed = preflight(client, SITE)
        assert allowed.status_code == 200
        assert allowed.headers["access-control-allow-origin"] == SITE
        assert "authorization" in allowed.headers["access-control-allow-headers"].lower()
        about = {"Origin": SITE, "Authorization": "Bearer secret", **PNG}
        answer = client.post("/v1/predict", content=DARK, headers=about)
        assert answer.json()["results"][0]["label"] == "dark"
        assert answer.headers["access-control-allow-origin"] == SITE
        # The page can also read why it was refused.
        refused = client.post("/v1/predict", content=DARK, headers={"Origin": SITE, **PNG})
        assert refused.status_code == 401
        assert refused.headers["access-control-allow-origin"] == SITE
        other = preflight(client, "https://example.com")
        assert other.status_code == 400
        assert "access-control-allow-origin" not in other.headers


def test_every_origin_may_ask_where_that_is_said_and_none_by_default(client, shade):
    with TestClient(create_app({"shade": shade}, cors=["*"])) as everyone:
        assert preflight(everyone, SITE).headers["access-control-allow-origin"] == "*"
    answer = client.get("/v1/models", headers={"Origin": SITE})
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize(
    "origin", ["", "example.org", f"{SITE}/", f"{SITE}/app", "null", "ftp://x"]
)
def test_what_is_no_origin_is_refused(shade, origin):
    with pytest.raises(BadOption, match=r"expected \* or an origin such as"):
        create_app({"shade": shade}, cors=[origin])
