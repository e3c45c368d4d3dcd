"""The limits of a server."""

import pytest
from starlette.testclient import TestClient

from featx.errors import BadOption
from featx.server import Limits, create_app
from tests.support.serving import DARK, PNG, error_of


def test_a_picture_over_the_limit_of_pixels_is_refused(shade):
    client = TestClient(create_app({"shade": shade}, limits=Limits(max_pixels=48 * 64 - 1)))
    response = client.post("/v1/predict", content=DARK, headers=PNG)
    assert "more than the limit of 3071" in error_of(response, 422)
    assert shade.predict([DARK]) == ["dark"]


def test_limits_that_cannot_be_are_refused():
    with pytest.raises(BadOption, match="timeout = 0"):
        Limits(timeout=0)
    with pytest.raises(BadOption, match="no classifier"):
        create_app({})
