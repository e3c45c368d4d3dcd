"""Answers of every form: read alike, and never taken for the beginning or the end of another one."""

import socket
import threading
import time
from collections import Counter
from contextlib import contextmanager, suppress

import pytest

from featx.storage.address import to_path
from featx.storage.remote_http import HttpStore
from tests.support.fuzzing import mutated
from tests.support.remote_server import Objects, serving

BODY = bytes(range(256)) * 3
OTHER = BODY[::-1]
LINES = [
    "HTTP/1.1 206 Partial Content",
    f"Content-Length: {len(BODY)}",
    f"Content-Range: bytes 0-{len(BODY) - 1}/{len(BODY)}",
    'ETag: "x"',
]
CHUNKS = b"".join(b"%x\r\n%b\r\n" % (256, BODY[k : k + 256]) for k in range(0, len(BODY), 256))


def head(*lines, end="\r\n"):
    return end.join([*lines, "", ""]).encode("latin-1")


# What is sent, in pieces, and whether the connection serves the next request too.
ANSWERS = {
    "as nearly all send it": ([head(*LINES) + BODY], True),
    "the head and the body apart": ([head(*LINES), BODY[:5], BODY[5:]], True),
    "a head in pieces": ([head(*LINES)[:30], head(*LINES)[30:], BODY], True),
    "small and large letters, and tabs": (
        [
            head(LINES[0], LINES[1].upper(), LINES[2].replace("Content-R", "cONTENT-r"), "etag:\tx")
            + BODY
        ],
        True,
    ),
    "lines that end as on Unix": ([head(*LINES, end="\n") + BODY], True),
    "a header that goes on in the next line": ([head(*LINES, "X-A: b", "  c") + BODY], True),
    "a header that comes twice": ([head(*LINES, "Via: a", "Via: b") + BODY], True),
    "a length that comes twice": ([head(*LINES, LINES[1]) + BODY], True),
    "another answer first": ([b"HTTP/1.1 100 Continue\r\n\r\n" + head(*LINES) + BODY], True),
    "in chunks": (
        [head(LINES[0], *LINES[2:], "Transfer-Encoding: chunked") + CHUNKS + b"0\r\n\r\n"],
        False,
    ),
    "the last on its connection": ([head(*LINES, "Connection: Close") + BODY], False),
    "of the version before": ([head("HTTP/1.0 206 x", *LINES[1:]) + BODY], False),
    "with more than it announced": ([head(*LINES) + BODY + b"HTTP/1.1 200 OK\r\n"], False),
    "with many headers": ([head(*LINES, *(f"X-{k}: y" for k in range(90))) + BODY], True),
}


@contextmanager
def answering(pieces, ends=False):
    """A server that gives the first request the pieces, and perhaps ends, and any other OTHER as usual."""
    listener = socket.create_server(("127.0.0.1", 0))
    connections = []

    def serve(connection):
        with connection:
            while b"\r\n\r\n" in connection.recv(65536):
                first = not answered.is_set()
                answered.set()
                for piece in pieces if first else [head(*LINES) + OTHER]:
                    connection.sendall(piece)
                    time.sleep(0.01)
                if ends and first:
                    return

    def accept():
        while True:
            try:
                connections.append(listener.accept()[0])
            except OSError:
                return
            threading.Thread(target=serve, args=(connections[-1],), daemon=True).start()

    answered = threading.Event()
    threading.Thread(target=accept, daemon=True).start()
    try:
        yield to_path(f"http://127.0.0.1:{listener.getsockname()[1]}/a.jpg"), connections
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def read(path):
    return HttpStore(patience=5).read(path, 0, len(BODY), None)[0]


@pytest.mark.parametrize("form", ANSWERS)
def test_an_answer_of_any_form_is_read_and_the_next_is_its_own(form):
    pieces, stays = ANSWERS[form]
    with answering(pieces) as (path, connections):
        assert read(path) == BODY
        assert read(path) == OTHER
        assert len(connections) == (1 if stays else 2)


@pytest.mark.parametrize(
    "lines",
    [
        [*LINES, *(f"X-{k}: y" for k in range(120))],
        [*LINES[:2], "Content-Range: bytes 5-9/10"],
        ["HTTP/9.9 206 x", *LINES[1:]],
        ["no answer at all"],
    ],
)
def test_an_answer_that_makes_no_sense_is_an_error_in_words(lines):
    with (
        answering([head(*lines) + BODY], ends=True) as (path, _),
        pytest.raises(OSError, match=r"no answer: .|another part"),
    ):
        read(path)


def test_damaged_heads_give_the_bytes_or_an_error():
    """What says no length ends with its connection, and what says a smaller one is as long as that."""
    outcomes = Counter()
    for damaged in mutated(head(*LINES), 19, 60):
        with answering([damaged + BODY], ends=True) as (path, _), suppress(OSError):
            content = read(path)
            outcomes[content == OTHER or content[:10] in damaged + BODY] += 1
    assert set(outcomes) == {True}


@pytest.mark.parametrize(
    ("address", "host"),
    [
        ("http://photos.example/a.jpg", "photos.example"),
        ("http://usual.example:80/a.jpg", "usual.example"),
        ("http://Other.example:8080/a.jpg", "other.example:8080"),
        ("http://me:word@mine.example/a.jpg", "mine.example"),
        ("http://[2001:db8::1]/a.jpg", "[2001:db8::1]"),
        ("http://bücher.example/a.jpg", "xn--bcher-kva.example"),
    ],
)
def test_a_proxy_is_asked_for_whole_addresses_by_the_name_of_the_server(monkeypatch, address, host):
    with serving(Objects().add({"a.jpg": BODY})) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.delenv("no_proxy", raising=False)
        assert read(to_path(address)) == BODY
        assert proxy.headers["/a.jpg"]["Host"] == host


@pytest.mark.parametrize(
    "address",
    [
        "http://a b.example/x",
        "http://a\r\nX-B: c/x",
        "http://" + "a" * 64 + ".example/x",
        "http://[::1/x",
        "http://h:99999/x",
        "http://h:x/x",
        "http:///x",
        "http://\ud800.example/x",
    ],
)
def test_an_address_that_cannot_be_asked_is_refused_in_words(address):
    with pytest.raises(OSError, match=r"no address that can be asked|address of a host"):
        read(to_path(address))
