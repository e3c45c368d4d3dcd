"""Bodies and base64 are read as different programs write them, and never inflate past the limit."""

import base64
import gzip
import json
import zlib

import pytest
from starlette.testclient import TestClient

from featx.server import Limits, create_app
from featx.server.encodings import decode_base64, decode_body
from featx.server.errors import HTTPError
from tests.support.serving import DARK, PNG, error_of, to_base64


@pytest.mark.parametrize(
    "write",
    [
        lambda data: base64.encodebytes(data).decode(),
        lambda data: "\r\n  ".join(to_base64(data)[k : k + 76] for k in range(0, 99_999, 76)),
        lambda data: base64.urlsafe_b64encode(data).decode(),
        lambda data: base64.urlsafe_b64encode(data).decode().rstrip("="),
        lambda data: to_base64(data).rstrip("="),
        lambda data: f"DATA:image/png;charset=utf-8;BASE64,{to_base64(data)}",
        lambda data: f"data:image/png;base64,{to_base64(data).replace('+', '%2B')}",
    ],
)
def test_base64_is_read_as_programs_write_it(client, write):
    data = bytes(range(256)) * 3 + b"?>~"
    for length in range(len(data) - 3, len(data)):
        assert decode_base64(write(data[:length])) == data[:length]
    response = client.post("/v1/predict", json={"data": write(DARK), "model": "shade"})
    assert response.json()["results"][0]["label"] == "dark"


@pytest.mark.parametrize("text", ["!", "a", "abcde", "a=b", "data:image/png,abcd", "data:;base64"])
def test_what_is_no_base64_is_refused(text):
    with pytest.raises(ValueError, match="expected"):
        decode_base64(text)


def _raw_deflate(data):
    deflater = zlib.compressobj(wbits=-15)
    return deflater.compress(data) + deflater.flush()


@pytest.mark.parametrize(
    ("encoding", "encode"),
    [
        ("gzip", gzip.compress),
        ("X-GZIP", gzip.compress),
        ("deflate", zlib.compress),
        ("deflate", _raw_deflate),
        ("identity", bytes),
    ],
)
def test_an_encoded_body_is_read_in_every_form_of_request(client, encoding, encode):
    about = {"Content-Encoding": encoding}
    response = client.post("/v1/predict?model=shade", content=encode(DARK), headers=about | PNG)
    assert response.json()["results"][0]["label"] == "dark"
    body = json.dumps({"data": to_base64(DARK), "model": "shade"}).encode()
    about["Content-Type"] = "application/json"
    response = client.post("/v1/predict", content=encode(body), headers=about)
    assert response.json()["results"][0]["label"] == "dark"
    body = json.dumps({"input": to_base64(DARK), "model": "shade"}).encode()
    response = client.post("/v1/embeddings", content=encode(body), headers=about)
    assert len(response.json()["data"][0]["embedding"]) == 384
    parts = (
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n%s\r\n--x--\r\n'
    )
    about["Content-Type"] = "multipart/form-data; boundary=x"
    response = client.post("/v1/predict?model=shade", content=encode(parts % DARK), headers=about)
    assert response.json()["results"][0]["label"] == "dark"


@pytest.mark.parametrize(
    ("encoding", "body", "status", "words"),
    [
        ("br", b"x", 415, "expected gzip, deflate or none, found br"),
        ("gzip, gzip", b"x", 415, "found gzip, gzip"),
        ("gzip", b"no gzip", 400, "the body is not gzip"),
        ("gzip", gzip.compress(DARK)[:-9], 400, "not one whole gzip stream"),
        ("gzip", gzip.compress(DARK) + b"more", 400, "not one whole gzip stream"),
        ("deflate", b"", 400, "not one whole deflate stream"),
    ],
)
def test_an_encoding_that_cannot_be_undone_is_refused_in_words(
    client, encoding, body, status, words
):
    headers = {"Content-Encoding": encoding, **PNG}
    assert words in error_of(client.post("/v1/predict", content=body, headers=headers), status)


def test_no_more_is_inflated_than_a_body_may_have(shade):
    bomb = gzip.compress(bytes(64 << 20))
    with TestClient(create_app({"shade": shade}, limits=Limits(max_body=1 << 20))) as client:
        headers = {"Content-Encoding": "gzip", **PNG}
        response = client.post("/v1/predict", content=bomb, headers=headers)
    assert "inflates to more than the limit of 1048576 bytes" in error_of(response, 413)
    with pytest.raises(HTTPError, match="inflates to more than the limit of 99 bytes"):
        decode_body(gzip.compress(bytes(100)), "gzip", limit=99)
    assert decode_body(gzip.compress(bytes(99)), "gzip", limit=99) == bytes(99)
