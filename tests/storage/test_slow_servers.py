"""Servers that never end: each is left after the time that its bytes have, however they are handed out."""

import socket
import threading
import time
from contextlib import contextmanager
from itertools import repeat

import pytest

from featx.storage.address import to_path
from featx.storage.remote_http import HttpStore
from featx.storage.remote_store import PassingError

HEAD = b"HTTP/1.1 206 -\r\nContent-Length: 10000\r\nContent-Range: bytes 0-9999/10000\r\n"


@contextmanager
def sending(pieces, pause):
    """A server that sends pieces for ever, with pauses too short to count as silence."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve(connection):
        with connection:
            connection.recv(65536)
            for piece in pieces():
                try:
                    connection.sendall(piece)
                except OSError:
                    return
                time.sleep(pause)

    def accept():
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield to_path(f"http://127.0.0.1:{listener.getsockname()[1]}/a.jpg")
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def head_then(*pieces):
    yield HEAD + b"\r\n"
    yield from repeat(pieces[0])


FOREVER = {
    "an answer that is announced again and again": lambda: repeat(b"HTTP/1.1 100 Continue\r\n\r\n"),
    "a status line without end": lambda: repeat(b"H"),
    "headers letter by letter": lambda: iter([HEAD, *repeat(b"x", 10**6)]),
    "a body byte by byte": lambda: head_then(b"x"),
}


@pytest.mark.parametrize("kind", FOREVER)
def test_a_server_that_sends_for_ever_is_left(kind):
    with sending(FOREVER[kind], 0.01) as path, pytest.raises(PassingError, match="too slow"):
        HttpStore(patience=0.3).read(path, 0, 10_000, None)
