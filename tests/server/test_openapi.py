"""The OpenAPI document holds: the server answers as it says what schemathesis makes from it."""

import numpy as np
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance

import featx
from featx.server import Limits, create_app

NAMES = ("shade", "none")
LABELS = (
    "POST /v1/predict",
    "POST /v1/embeddings",
    "GET /v1/models",
    "GET /v2",
    "GET /v2/health/live",
    "GET /v2/health/ready",
    "GET /v2/models/{name}",
    "GET /v2/models/{name}/ready",
    "POST /v2/models/{name}/infer",
    "GET /healthz",
    "GET /readyz",
    "GET /metrics",
)


@pytest.fixture(scope="module")
def operations():
    """The operations of the document, by method and path."""
    pictures = [np.full((9, 9, 3), value, np.uint8) for value in (0, 20, 40, 200, 220, 240)]
    shade = featx.fit(featx.make_samples(pictures, ["dark"] * 3 + ["light"] * 3))
    app = create_app({"shade": shade}, limits=Limits(workers=1))
    schema = schemathesis.openapi.from_asgi("/openapi.json", app)
    return {result.ok().label: result.ok() for result in schema.get_all_operations()}


@pytest.mark.slow
def test_every_operation_is_tried(operations):
    assert sorted(operations) == sorted(LABELS)


@pytest.mark.parametrize("label", LABELS)
def test_what_the_document_allows_is_answered_as_the_document_says(operations, label):
    """No 500, and only such statuses, types and forms of answers as are documented."""
    tried = []

    @settings(
        max_examples=12,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.explicit, Phase.generate],
    )
    @given(case=operations[label].as_strategy())
    def ask(case):
        # A name made at random is never one that is served.
        name = NAMES[len(tried) % 3 == 2]
        if "name" in (case.path_parameters or {}):
            case.path_parameters["name"] = name
        if isinstance(case.body, dict) and "model" in case.body:
            case.body["model"] = name
        if case.query:
            case.query = {**case.query, "model": [name]}
        answer = case.call()
        tried.append(answer.status_code)
        # What fits the document need not be a picture, and is then refused.
        case.validate_response(answer, excluded_checks=[positive_data_acceptance])

    ask()
    assert tried


def test_the_page_of_docs_shows_code_as_code(client):
    page = client.get("/docs").text
    assert "``" not in page
    assert "<code>error</code>" in page
