"""The server as a process: it listens, handles signals and ends."""

import asyncio
import json
import signal
import socket
import subprocess
import sys

import pytest

import featx
from featx.server.running import listen
from tests.support.serving import DARK


def test_an_answer_is_not_held_back_for_the_next_segment():
    """Nagle's algorithm and delayed acknowledgements make 40 ms of two small writes."""

    async def no_delay():
        with listen("127.0.0.1", 0) as listening:
            writers = asyncio.Queue()
            server = await asyncio.start_server(
                lambda _, writer: writers.put(writer), sock=listening
            )
            async with server:
                _, ours = await asyncio.open_connection(*listening.getsockname())
                theirs = await writers.get()
                accepted = theirs.get_extra_info("socket")
                option = accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
                for writer in (ours, theirs):
                    writer.close()
                    await writer.wait_closed()
                return option

    assert asyncio.run(no_delay())


@pytest.fixture
def process(shade, tmp_path):
    """A server as the command starts it, and its address."""
    path = featx.save(shade, tmp_path / "shade.featx")
    command = [sys.executable, "-m", "featx", "serve", str(path), "--port", "0", "--jobs", "1"]
    command += ["--no-reload"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
        yield server, json.loads(server.stderr.readline())["address"]
        server.kill()


@pytest.mark.slow
def test_on_sigterm_what_is_in_flight_ends_and_nothing_new_is_accepted(process):
    server, (host, port) = process
    head = f"POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(DARK)}\r\n"
    with socket.create_connection((host, port), timeout=20) as flight:
        flight.sendall(f"{head}Content-Type: image/png\r\n\r\n".encode() + DARK[:100])
        with socket.create_connection((host, port), timeout=20) as other:
            other.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            assert b"200 OK" in other.makefile("rb").read()
        server.send_signal(signal.SIGTERM)
        refused = False
        while not refused:
            try:
                socket.create_connection((host, port), timeout=20).close()
            except ConnectionError:
                refused = True
        flight.sendall(DARK[100:])
        response = flight.makefile("rb").read()
    assert response.startswith(b"HTTP/1.1 200 OK")
    assert b'"label":"dark"' in response
    server.wait(20)
    lines = [json.loads(line) for line in server.stderr]
    assert [(line["path"], line["status"]) for line in lines] == [
        ("/metrics", 200),
        ("/v1/predict", 200),
    ]


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="this system has no SIGHUP")
def test_on_sighup_a_classifier_is_read_again(process, order):
    server, (host, port) = process
    [path] = [word for word in server.args if word.endswith(".featx")]
    featx.save(order, path, overwrite=True)
    server.send_signal(signal.SIGHUP)
    record = json.loads(server.stderr.readline())
    assert (record["model"], record["reload"]) == ("shade", "done")
    request = f"POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(DARK)}\r\n"
    with socket.create_connection((host, port), timeout=20) as connection:
        request += "Connection: close\r\nContent-Type: image/png\r\n\r\n"
        connection.sendall(request.encode() + DARK)
        assert b'"label":"one"' in connection.makefile("rb").read()


@pytest.mark.slow
def test_a_process_whose_log_is_never_read_answers_and_ends_on_sigterm(process):
    server, (host, port) = process
    with socket.create_connection((host, port), timeout=20) as connection:
        responses = connection.makefile("rb")
        # 200 kB of lines, where a pipe holds 64.
        for _ in range(1000):
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert responses.readline() == b"HTTP/1.1 200 OK\r\n"
            while responses.readline() != b"\r\n":
                pass
            responses.read(len(b'{"status":"ok"}'))
    server.send_signal(signal.SIGTERM)
    assert server.wait(20) == -signal.SIGTERM
