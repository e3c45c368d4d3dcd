"""Remote samples are fetched before they are asked for, within bounds, and in their order."""

import threading
import time

import pytest

from featx.sources import Sample, read_bytes
from featx.sources.read_ahead import fetching
from featx.sources.record import Record
from featx.sources.segment import Segment
from featx.storage.address import blob_at, to_path
from tests.support.remote_server import Objects, serving


@pytest.fixture
def server():
    with serving(Objects().add({f"{n}.bin": b"%d" % n * 100 for n in range(600)})) as objects:
        yield objects


def samples_of(server, numbers):
    return [Sample(f"{n}", blob_at(to_path(f"{server.url}/{n}.bin"))) for n in numbers]


def test_contents_come_in_the_order_of_the_samples_with_many_requests_at_once(server):
    server.latency = 0.02
    found = [(s.id, read_bytes(s.data)) for s in fetching(iter(samples_of(server, range(300))))]
    assert found == [(f"{n}", b"%d" % n * 100) for n in range(300)]
    assert server.most_at_once > 8
    assert server.asked.total() == 300


def test_no_more_objects_are_fetched_ahead_than_the_bound(server):
    samples = fetching(iter(samples_of(server, range(600))))
    next(samples)
    end = time.monotonic() + 5
    while server.asked.total() < 256 and time.monotonic() < end:
        time.sleep(0.01)
    time.sleep(0.1)
    assert server.asked.total() == 256


def test_what_waits_for_room_is_read_by_who_wants_it(server):
    # Nobody takes the first ones: the last is past the bound of what is fetched.
    samples = list(fetching(iter(samples_of(server, range(600)))))
    assert read_bytes(samples[-1].data) == b"599" * 100
    assert read_bytes(samples[0].data) == b"0" * 100


def test_samples_that_are_taken_at_once_are_all_read(server):
    server.latency = 0.02
    samples = list(fetching(iter(samples_of(server, range(250)))))
    assert [read_bytes(s.data) for s in samples] == [b"%d" % n * 100 for n in range(250)]
    assert server.asked.total() == 250


def test_content_can_be_read_twice_and_is_asked_for_twice(server):
    [sample] = fetching(iter(samples_of(server, [7])))
    assert read_bytes(sample.data) == read_bytes(sample.data) == b"7" * 100
    assert server.asked["/7.bin"] == 2


def test_one_that_cannot_be_read_is_told_by_its_own_name(server):
    server.refusals["/1.bin"] = (404, 99)
    first, second, third = fetching(iter(samples_of(server, range(3))))
    with pytest.raises(ValueError, match=r"1\.bin: the server answered 404, not found"):
        read_bytes(second.data)
    assert (read_bytes(first.data), read_bytes(third.data)) == (b"0" * 100, b"2" * 100)


def test_samples_of_this_machine_and_parts_of_recordings_pass_among_them(server):
    remote, *_ = samples_of(server, [3])
    local = Sample("text", "a text")
    part = Sample("part", Segment(remote.data, 0.0, 1.0))
    record = Sample("both", Record({"photos": (remote.data, remote.data), "price": 2}))
    a, b, c, d = fetching(iter([remote, local, part, record]))
    assert (b, c.data.start, d.data["price"]) == (local, 0.0, 2)
    found = [a.data, c.data.data, *d.data["photos"]]
    assert list(map(read_bytes, found)) == [b"3" * 100] * 4
    assert server.asked["/3.bin"] == 4
    assert [s.is_remote for s in (remote, local, part, record)] == [True, False, True, True]


def test_threads_end_when_nobody_takes_samples_any_more(server):
    before = set(threading.enumerate())

    def own():
        new = set(threading.enumerate()) - before
        return [thread for thread in new if thread.name.startswith("remote-fetch")]

    samples = fetching(iter(samples_of(server, range(300))))
    next(samples)
    assert own()
    samples.close()
    end = time.monotonic() + 5
    while own() and time.monotonic() < end:
        time.sleep(0.01)
    assert not own()
