"""The application: its pages, its health, and what it does not have."""

import pytest

from tests.support.serving import error_of


@pytest.mark.parametrize(
    "path",
    "/healthz /readyz /v2/health/live /v2/health/ready /v2/models/shade/ready /v1/models".split(),
)
def test_health_and_readiness_are_told(client, path):
    response = client.get(path)
    assert response.status_code == 200
    assert response.json()


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
    schemas = document["components"]["schemas"]

    def references(value):
        if isinstance(value, dict):
            yield from [value["$ref"]] if isinstance(value.get("$ref"), str) else []
            value = list(value.values())
        if isinstance(value, list):
            for item in value:
                yield from references(item)

    referenced = {reference.rpartition("/")[2] for reference in references(document)}
    assert referenced == set(schemas)


@pytest.mark.parametrize("path", "/ /docs /openapi.json /healthz /v1/models /v2".split())
def test_whoever_asks_for_the_head_alone_is_answered_without_a_body(client, path):
    whole, head = client.get(path), client.head(path)
    assert head.status_code == 200
    assert head.headers["content-length"] == whole.headers["content-length"]


def test_every_operation_of_the_document_has_an_id_and_words(client):
    document = client.get("/openapi.json").json()
    operations = [
        operation for methods in document["paths"].values() for operation in methods.values()
    ]
    ids = [operation["operationId"] for operation in operations]
    assert len(set(ids)) == len(ids)
    assert all(operation["description"] for operation in operations)


def test_head_answers_as_get_does_without_a_body(client):
    for path in ("/", "/docs", "/healthz", "/readyz", "/v1/models", "/v2", "/metrics"):
        got, head = client.get(path), client.head(path)
        assert (head.status_code, head.content) == (200, b""), path
        assert head.headers["content-type"] == got.headers["content-type"]
    assert client.head("/v1/predict").status_code == 405
