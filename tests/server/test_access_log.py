"""The access log: a reader that is slow or gone delays no request."""

import fcntl
import json
import os
import re

from starlette.testclient import TestClient

from featx.server import AccessLog, create_app


def test_a_log_that_nobody_reads_holds_up_nothing_and_what_is_lost_is_counted(shade):
    reading, writing = os.pipe()
    os.set_blocking(writing, True)
    room = fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    access_log = AccessLog(writing, lines=5)
    with TestClient(create_app({"shade": shade}, log=access_log)) as client:
        # A line has more than 200 bytes.
        for _ in range(room // 200 + 50):
            assert client.get("/healthz").status_code == 200
        [count] = re.findall(r"featx_log_lines_dropped_total (\d+)", client.get("/metrics").text)
    assert int(count) > 0
    lost = access_log.dropped
    os.set_blocking(reading, True)
    seen = b""
    while seen.count(b"\n") < room // 200 + 51 - lost:
        seen += os.read(reading, 1 << 16)
    access_log.close()
    assert all(json.loads(line)["status"] == 200 for line in seen.splitlines())
    os.close(writing)
    assert os.read(reading, 1) == b""
    os.close(reading)


def test_a_record_that_cannot_be_written_ends_no_log():
    reading, writing = os.pipe()
    circle = {}
    circle["itself"] = circle
    access_log = AccessLog(writing)
    for record in ({"n": 1}, circle, {("a", "pair"): 2}, {"n": 3, "path": os.path}):
        access_log(record)
    access_log.close()
    os.close(writing)
    with os.fdopen(reading) as lines:
        written = [json.loads(line)["n"] for line in lines]
    assert written == [1, 3]
    assert access_log.dropped == 2
