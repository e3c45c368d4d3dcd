"""Who may ask a server without a token: names of this machine, its own page, and programs."""

import pytest
from starlette.testclient import TestClient

from featx.errors import BadOption
from featx.server import create_app
from featx.server.hosts import HostPolicy, is_loopback
from tests.support.serving import DARK, PNG, error_of

INFER = b'{"inputs": []}'


def asking(client, method="GET", path="/v1/models", content=None, **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.request(method, path, content=content, headers=named)


@pytest.fixture(scope="module")
def local(shade):
    app = create_app({"shade": shade}, hosts=["photos.example"])
    with TestClient(app, base_url="http://localhost:8000") as client:
        yield client


@pytest.mark.parametrize(
    "host",
    "localhost localhost:8000 LOCALHOST localhost. a.localhost 127.0.0.1 127.8.9.1:80 [::1] [::1]:8000 "
    "photos.example photos.example:443 Photos.Example".split(),
)
def test_names_of_this_machine_and_those_that_are_allowed_are_answered(local, host):
    assert asking(local, Host=host).status_code == 200


@pytest.mark.parametrize(
    "host",
    "evil.example localhost.evil.example 127.0.0.1.evil.example 10.0.0.1 [fe80::1] 0.0.0.0 "
    "photos.example.evil.example evil.example:8000 127.0.0.1evil 127.1.evil localhost@evil.example".split(),
)
@pytest.mark.parametrize("path", ["/", "/docs", "/healthz", "/metrics", "/v1/models", "/v2"])
def test_another_name_is_refused_on_every_path(local, host, path):
    response = asking(local, path=path, Host=host)
    assert "is not a name of this server" in error_of(response, 403)


def test_a_request_of_two_hosts_is_refused(shade, local):
    secret = TestClient(create_app({"shade": shade}, token="secret"))
    for client in (local, secret):
        for second in ("localhost", "evil.example"):
            hosts = [("Host", "localhost"), ("host", second), ("Authorization", "Bearer secret")]
            response = client.get("/v1/models", headers=hosts)
            assert "more than one header Host" in error_of(response, 400)


def test_behind_an_address_that_others_reach_every_name_is_answered(shade):
    client = TestClient(create_app({"shade": shade}))
    assert asking(client, Host="any.example").status_code == 200


def test_a_token_is_enough_under_every_name(shade):
    client = TestClient(create_app({"shade": shade}, token="secret", hosts=[]))
    headers = {
        "Host": "any.example",
        "Authorization": "Bearer secret",
        "Origin": "http://evil.example",
    }
    response = client.post(
        "/v1/predict", content=DARK, headers={**headers, **PNG, "Sec-Fetch-Site": "cross-site"}
    )
    assert response.status_code == 200
    form = {**headers, "Content-Type": "text/plain"}
    response = client.post("/v2/models/shade/infer", content=INFER, headers=form)
    assert "expected one tensor" in error_of(response, 422)


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:3000"},
        {"Origin": "http://[broken"},
        {
            "Origin": "http://localhost:8000",
            "Sec-Fetch-Site": "cross-site",
            "Host": "localhost:9000",
        },
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "http://evil.example", "Sec-Fetch-Site": "cross-site"},
    ],
)
@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/v1/predict", "text/plain"),
        ("/v1/predict", "image/png"),
        ("/v1/predict", "multipart/form-data; boundary=x"),
        ("/v1/embeddings", "text/plain"),
        ("/v2/models/shade/infer", "application/json"),
    ],
)
def test_what_a_page_of_another_site_sends_is_refused(local, path, kind, headers):
    response = local.post(path, content=b"x", headers={"Content-Type": kind, **headers})
    assert "another site" in error_of(response, 403)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "http://localhost:8000"},
        {"Origin": "http://localhost:8000", "Sec-Fetch-Site": "same-origin"},
        {"Origin": "https://photos.example", "Sec-Fetch-Site": "same-origin"},
        {"Origin": "https://photos.example"},
        {"Sec-Fetch-Site": "none"},
    ],
)
def test_programs_and_the_own_page_are_answered(local, headers):
    assert local.post("/v1/predict", content=DARK, headers={**PNG, **headers}).status_code == 200


def test_a_page_of_an_allowed_origin_is_answered(shade):
    app = create_app({"shade": shade}, hosts=[], cors=["https://front.example"])
    client = TestClient(app, base_url="http://127.0.0.1")
    headers = {**PNG, "Sec-Fetch-Site": "cross-site"}
    mine = {**headers, "Origin": "https://front.example"}
    assert client.post("/v1/predict", content=DARK, headers=mine).status_code == 200
    other = {**headers, "Origin": "https://back.example"}
    assert error_of(client.post("/v1/predict", content=DARK, headers=other), 403)


@pytest.mark.parametrize("path", ["/v1/embeddings", "/v2/models/shade/infer"])
@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "Text/Plain; a=b"]
)
def test_json_of_a_type_that_browsers_send_without_asking_is_refused(local, path, kind):
    response = local.post(path, content=INFER, headers={"Content-Type": kind})
    assert "expected application/json" in error_of(response, 415)


def test_a_name_that_is_none_is_refused_at_the_start(shade):
    for name in ("http://a.example", "a.example/path", "a.example:80", "", "a b", "*"):
        with pytest.raises(BadOption, match="expected the name of a host"):
            HostPolicy([name])
    with pytest.raises(BadOption, match="token"):
        create_app({"shade": shade}, token=" ")


def test_an_address_of_the_loopback_is_one_in_every_way_of_writing_it():
    assert all(map(is_loopback, ["127.0.0.1", "127.255.0.3", "::1", "[::1]", "[::ffff:127.0.0.1]"]))
    assert not any(map(is_loopback, ["0.0.0.0", "::", "128.0.0.1", "127.example.org", ""]))


def test_the_docs_have_a_policy_as_the_page_has(local):
    for path in ("/", "/docs"):
        policy = asking(local, path=path).headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
    assert "script-src" not in asking(local, path="/docs").headers["content-security-policy"]
    assert asking(local).headers["x-content-type-options"] == "nosniff"
