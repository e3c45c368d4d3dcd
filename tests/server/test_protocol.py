"""Connections: heads and the time for them are bounded, and slow clients do not keep others out."""

import json
import re
import socket
import time
from contextlib import ExitStack

import pytest

import featx
from tests.support.live import serving
from tests.support.serving import DARK, LIGHT

HOST = b"Host: localhost\r\n"
POST = b"POST /v1/predict HTTP/1.1\r\n" + HOST + b"Content-Type: image/png\r\n"


@pytest.fixture(scope="module")
def path(shade, tmp_path_factory):
    return featx.save(shade, tmp_path_factory.mktemp("served") / "shade.featx")


@pytest.fixture(scope="module")
def server(path):
    """A server whose clients have little time."""
    limits = {"workers": 1, "queue": 2, "head_timeout": 1.0, "stall_timeout": 1.0, "min_rate": 2000}
    with serving({"shade": path}, limits=limits) as server:
        yield server


def refusal(answer, status):
    """Return the message of the one answer that is a refusal in the common form."""
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.split()[1] == str(status).encode(), answer[:200]
    assert b"application/json" in head
    error = json.loads(body)["error"]
    assert error["status"] == status
    return error["message"]


def send_on(connection, data, times, pause=0.0):
    """Send the same again and again."""
    for _ in range(times):
        connection.sendall(data)
        time.sleep(pause)


@pytest.mark.parametrize(
    "lines",
    [
        [b"a: b"] * 101,
        [b"X-Long: " + b"a" * 40_000],
        [b"a" * 40_000 + b": b"],
        [b"a%d: " % k + b"b" * 1000 for k in range(40)],
        [b"X-Endless: " + b"a" * 3_000_000],
        [b"a: b"] * 500_000,
    ],
    ids=["many", "long value", "long name", "long together", "huge", "huge in many"],
)
@pytest.mark.parametrize("whole", [True, False])
def test_a_head_that_is_too_large_is_refused_before_it_is_built(server, lines, whole):
    head = b"GET /v1/models HTTP/1.1\r\n" + HOST + b"\r\n".join(lines)
    end = b"\r\n\r\n" if whole else b"\r\n"
    with server.connect() as connection:
        try:
            connection.sendall(head + end)
        except ConnectionError:
            # It was closed while we sent; the answer may be lost then, as this is no client that reads.
            assert len(head) > 1_000_000
            return
        words = refusal(server.read(connection), 431)
        assert "larger than 32768 bytes" in words or "more than 100 headers" in words


def test_a_target_that_is_too_long_is_refused(server):
    answer = server.ask(b"GET /" + b"a" * 40_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n")
    assert "larger than 32768 bytes" in refusal(answer, 431)


def test_lines_behind_a_chunked_body_are_counted_as_a_head(server):
    chunked = POST + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n" + b"a: b\r\n" * 200
    assert refusal(server.ask(chunked + b"\r\n"), 431)


def test_chunks_that_hold_next_to_nothing_are_cut_off(server):
    with server.connect() as connection:
        connection.sendall(POST + b"Transfer-Encoding: chunked\r\n\r\n")
        with pytest.raises(ConnectionError):
            send_on(connection, (b"1;" + b"x" * 1000 + b"\r\na\r\n") * 20, 5000)


def test_what_is_no_request_is_refused_in_the_common_form(server):
    for data in (
        b"\0\1\2\3\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"\x16\x03\x01\x02\0\1\0",
    ):
        assert "not a request of HTTP" in refusal(server.ask(data), 400)


@pytest.mark.slow
@pytest.mark.parametrize(
    "data", [b"", b"G", b"GET / HTTP/1.1\r\nHost: loc", b"\r\n\r\n", POST], ids=range(5)
)
def test_a_head_that_does_not_come_to_its_end_gets_408(server, data):
    start = time.monotonic()
    assert "no whole head within 1 s" in refusal(server.ask(data), 408)
    # Long before a client of any patience has gone.
    assert time.monotonic() - start < 15


@pytest.mark.slow
def test_a_body_that_stands_still_gets_408(server):
    with server.connect() as connection:
        connection.sendall(POST + b"Content-Length: 1000\r\n\r\na")
        # And the connection is closed behind it.
        answer = server.read(connection, until_closed=True)
    assert "1 bytes of the body came" in refusal(answer, 408)


def test_slow_bodies_hold_no_place_of_those_that_are_whole(server):
    """There are three places, and many more clients that send a byte."""
    with ExitStack() as stack:
        for _ in range(12):
            connection = stack.enter_context(server.connect())
            connection.sendall(POST + b"Content-Length: 1000\r\n\r\na")
        whole = POST + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(DARK) + DARK
        assert server.ask(whole).startswith(b"HTTP/1.1 200 OK")


@pytest.mark.slow
def test_whoever_sends_on_after_a_refusal_is_cut_off(server):
    with server.connect() as connection:
        connection.sendall(POST + b"Content-Length: 999999999\r\n\r\n")
        with pytest.raises(ConnectionError):
            send_on(connection, bytes(1000), 2000, 0.005)


@pytest.mark.slow
def test_whoever_does_not_read_answers_is_cut_off(server):
    ask = b"GET /openapi.json HTTP/1.1\r\n" + HOST + b"\r\n"
    with socket.socket() as connection:
        # Little is kept on our side, so that the server has to keep it.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(15)
        connection.connect(server.address)
        with pytest.raises(ConnectionError):
            send_on(connection, ask, 3000, 0.005)
        # The server is not held up meanwhile.
        assert server.get("/healthz")[0] == 200


@pytest.mark.slow
def test_an_answer_that_took_long_is_not_taken_for_one_that_is_not_read(server):
    """The times of a connection count from when it waits for its client."""
    ask = b"GET /openapi.json HTTP/1.1\r\n" + HOST + b"\r\n"
    with server.connect() as connection:
        for _ in range(6):
            connection.sendall(ask)
            received = b""
            while not received.endswith(b"}"):
                received += connection.recv(1 << 16)
            time.sleep(0.4)
        connection.sendall(ask * 10)
        while received.count(b"200 OK") < 11:
            received += connection.recv(1 << 16)


@pytest.mark.parametrize("chunked", [True, False])
def test_a_large_body_that_comes_behind_its_head_is_read(server, chunked):
    body = DARK + bytes(3_000_000)
    framing, data = b"Content-Length: %d" % len(body), body
    if chunked:
        framing, data = b"Transfer-Encoding: chunked", b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    for size in (len(data), 500_000, 70_000):
        with server.connect() as connection:
            connection.sendall(POST + b"Connection: close\r\n" + framing + b"\r\n\r\n")
            for start in range(0, len(data), size):
                time.sleep(0.01)
                connection.sendall(data[start : start + size])
            assert server.read(connection).startswith(b"HTTP/1.1 200 OK")


def labels_of(answers):
    """Return the label of each answer."""
    return re.findall(rb'"model":"shade","label":"(\w+)"', answers)


@pytest.mark.parametrize("protocol", [b"h2c", b"websocket"])
@pytest.mark.parametrize("chunked", [True, False])
def test_a_request_that_would_rather_speak_another_protocol_keeps_its_body(
    server, protocol, chunked
):
    head = POST + b"Connection: Upgrade\r\nUpgrade: " + protocol + b"\r\n"
    sized, whole = (b"Content-Length: %d\r\n\r\n" % len(LIGHT), LIGHT)
    if chunked:
        sized = b"Transfer-Encoding: chunked\r\n\r\n"
        whole = b"%x\r\n%s\r\n0\r\n\r\n" % (len(LIGHT), LIGHT)
    asked = head + sized + whole
    last = POST + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(DARK) + DARK
    assert labels_of(server.ask(asked + asked + last)) == [b"light", b"light", b"dark"]
    with server.connect() as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        send_pieces(connection, asked[:400], 7)
        connection.sendall(asked[400:] + last)
        assert labels_of(server.read(connection)) == [b"light", b"dark"]


def send_pieces(connection, data, size):
    """Send data a few bytes at a time."""
    for start in range(0, len(data), size):
        connection.sendall(data[start : start + size])


@pytest.mark.parametrize(
    "line",
    [
        b"Host: evil.example",
        b"Origin: http://evil.example",
        b"Content-Type: text/plain",
        b"Content-Encoding: gzip",
        b"X-Request-Id: behind",
    ],
)
def test_lines_behind_a_body_change_nothing_that_its_head_has_said(server, line):
    head = POST + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    answer = server.ask(head + b"%x\r\n%s\r\n0\r\n%s\r\n\r\n" % (len(LIGHT), LIGHT, line))
    assert labels_of(answer) == [b"light"], answer
    assert b"behind" not in answer


def test_many_requests_in_one_piece_are_answered_in_order_or_refused(server):
    ask = b"GET /healthz HTTP/1.1\r\n" + HOST + b"\r\n"
    few = server.ask(ask * 9 + ask.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
    assert few.count(b"200 OK") == 10
    server.ask(ask * 5000)
    assert server.get("/healthz")[0] == 200


def test_an_answer_leaves_in_one_piece_and_the_next_begins_behind_it(server):
    asks = {
        b"GET /healthz HTTP/1.1\r\n" + HOST + b"\r\n": (200, True),
        b"HEAD /healthz HTTP/1.1\r\n" + HOST + b"\r\n": (200, False),
        b"GET /nowhere HTTP/1.1\r\n" + HOST + b"\r\n": (404, True),
        POST + b"Content-Length: %d\r\n\r\n" % len(DARK) + DARK: (200, True),
    }
    with server.connect() as connection:
        for data, (status, has_body) in [*asks.items()] * 2:
            connection.sendall(data)
            # Of two writes the first would come alone.
            head, _, body = connection.recv(1 << 16).partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 %d " % status)
            length = int(re.search(rb"content-length: (\d+)", head)[1])
            assert len(body) == (length if has_body else 0)
            assert length > 0
        connection.sendall(b"GET /openapi.json HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n")
        head, _, body = server.read(connection, until_closed=True).partition(b"\r\n\r\n")
    assert json.loads(body)["openapi"]
    assert head.lower().count(b"connection: close") == 1


def test_whoever_waits_to_be_told_to_go_on_is_told_and_answered(server):
    head = POST + b"Expect: 100-continue\r\nConnection: close\r\n"
    with server.connect() as connection:
        connection.sendall(head + b"Content-Length: %d\r\n\r\n" % len(LIGHT))
        assert connection.recv(1 << 16) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(LIGHT)
        assert labels_of(server.read(connection)) == [b"light"]


@pytest.mark.slow
def test_what_waits_for_a_client_that_has_left_is_taken_off(tmp_path):
    limits = {"workers": 1, "queue": 4, "timeout": 8.0}
    whole = POST + b"Content-Length: %d\r\n\r\n" % len(DARK) + DARK

    def held():
        [count] = re.findall(rb"\nfeatx_requests_held (\d+)", server.get("/metrics")[1])
        return int(count)

    def until_held(count):
        deadline = time.monotonic() + 5
        while held() != count and time.monotonic() < deadline:
            time.sleep(0.05)
        return held()

    with serving({"endless": tmp_path}, limits=limits) as server, server.connect() as first:
        first.sendall(whole)
        with server.connect() as second, server.connect() as third:
            for connection in (second, third):
                connection.sendall(whole)
            assert until_held(3) == 3
        assert until_held(1) == 1


@pytest.mark.slow
def test_half_sent_heads_do_not_keep_others_out_where_descriptors_are_few(path):
    with serving({"shade": path}, descriptors=128) as server, ExitStack() as stack:
        held = []
        for k in range(300):
            try:
                connection = stack.enter_context(server.connect(2))
                connection.sendall(b"GET / HTTP/1.1\r\nHost: l")
            except OSError:
                continue
            held.append(connection)
            if k % 25 == 0:
                assert server.get("/healthz") == (200, b'{"status":"ok"}')
        assert len(held) > 100
        whole = POST + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(DARK) + DARK
        assert server.ask(whole).startswith(b"HTTP/1.1 200 OK")
        assert server.get("/healthz")[0] == 200


@pytest.mark.slow
def test_the_log_has_records_only_and_calls_no_leaver_a_failure(path):
    with serving({"shade": path}) as server:
        for data in (
            POST + b"Content-Length: 1000\r\n\r\na",
            POST.replace(b"image/png", b"application/json") + b"Content-Length: 1000\r\n\r\n{",
            POST.replace(b"image/png", b"multipart/form-data; boundary=x")
            + b"Content-Length: 1000\r\n\r\n--x",
            POST + b"Transfer-Encoding: chunked\r\n\r\n5\r\nab",
            POST + b"Content-Length: %d\r\n\r\n" % len(DARK) + DARK,
            b"GET /openapi.json HTTP/1.1\r\n" + HOST + b"\r\n",
        ):
            with server.connect() as connection:
                connection.sendall(data)
                # Whoever sent all of it is answered before it leaves.
                if data.endswith((DARK, b"\r\n" + HOST + b"\r\n")):
                    assert connection.recv(12) == b"HTTP/1.1 200"
                time.sleep(0.05)
        server.ask(b"nonsense\r\n\r\n")
        metrics = server.get("/metrics")[1].decode()
        server.process.terminate()
        assert server.process.wait(20) is not None
        records = server.records()
    statuses = [record["status"] for record in records if "status" in record]
    assert statuses.count(499) == 4
    assert set(statuses) == {200, 499}
    assert not [record for record in records if "traceback" in record]
    assert len(re.findall(r'status="499"} 4.0', metrics)) == 1
