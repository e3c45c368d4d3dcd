"""The server opens no address that a client names."""

import pytest

from tests.support.remote_server import Objects, serving


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/predict", lambda address: {"data": address}),
        ("/v1/predict", lambda address: {"samples": [{"data": address}]}),
        ("/v1/predict", lambda address: {"samples": [{"path": address}]}),
        ("/v1/embeddings", lambda address: {"input": [address], "model": "shade"}),
        ("/v1/explain", lambda address: {"data": address}),
    ],
)
def test_an_address_in_a_request_is_not_asked(client, path, body):
    with serving(Objects().add({"a.png": b"x"})) as server:
        address = f"{server.url}/a.png"
        assert 400 <= client.post(path, json=body(address)).status_code < 500
        files = {"file": (address, address.encode())}
        assert 400 <= client.post(path, files=files).status_code < 500
        assert not server.asked
