"""Requests that are small to send: each is answered or refused, in little memory, and health is told."""

import sys
from importlib import import_module
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="the benchmark reads Linux' /proc"),
]


@pytest.fixture(scope="module")
def suite():
    pytest.importorskip("tokenizers")
    pytest.importorskip("soundfile")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(CHECKOUT / "benchmarks"))
        yield import_module("small_requests")


@pytest.fixture(scope="module")
def folder(suite, tmp_path_factory):
    folder = tmp_path_factory.mktemp("classifiers")
    suite.make_classifiers(folder)
    return folder


@pytest.mark.parametrize(
    ("title", "status", "mebibytes"),
    [
        ("a picture", 200, 20),
        ("text of 2 MB", 413, 40),
        ("text of 2 MB without a space", 413, 40),
        ("json nested 900 deep beside 0.5 MB of numbers", 400, 60),
        ("json of 1 MB, 500 000 empty lists", 400, 80),
        ("json of 8 MB, 1 million numbers as samples", 413, 100),
        ("json of 8 MB, 700 000 samples", 413, 100),
        ("json of 8 MB, 2 million inputs", 413, 100),
        ("json of 30 MB, empty objects", 413, 160),
        ("json of 8 MB of numbers as a picture", 422, 250),
        ("json of 30 MB, one string", 422, 250),
        ("form of 30 MB, one file", 422, 250),
        ("form of 30 MB, nearly a boundary", 422, 250),
        ("64 MB of headers", 431, 30),
        ("8 sockets that sent one byte of a body", 200, 30),
        ("250 sockets with half a head", 200, 60),
    ],
)
def test_a_small_request_costs_little_and_keeps_nobody_out(suite, folder, title, status, mebibytes):
    send = suite.requests(60.0)[title]()
    cost = suite.measure(send, folder, CHECKOUT)
    # Whoever sends on after a refusal may find the connection closed before it reads the answer.
    assert cost["status"] in (status, *(("ConnectionResetError",) if status == 431 else ()))
    assert cost["not answered"] == 0
    assert cost["MiB"] < mebibytes
