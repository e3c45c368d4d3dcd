"""Objects on a web server of this machine, with every fault that one can have."""

import errno
import os

import pytest

from featx.storage.address import blob_at, to_path
from featx.storage.blob import LIMIT
from tests.support.remote_server import Objects, serving

CONTENT = bytes(range(256)) * 40


@pytest.fixture
def server():
    with serving(Objects().add({"a.jpg": CONTENT, "big.bin": os.urandom(9 << 20)})) as objects:
        yield objects


def path_of(server, name="a.jpg"):
    return to_path(f"{server.url}/{name}")


def read(server, name="a.jpg", limit=LIMIT):
    return blob_at(path_of(server, name)).read(limit)


def refusal(server, name="a.jpg", limit=LIMIT):
    with pytest.raises(OSError, match=r".") as caught:
        read(server, name, limit)
    return caught.value


def test_an_object_is_read_at_one_request(server):
    assert read(server) == CONTENT
    assert server.asked["/a.jpg"] == 1


def test_a_large_object_is_read_by_parts_and_can_be_sought_in(server):
    whole = server.content["/big.bin"]
    assert read(server, "big.bin") == whole
    with blob_at(path_of(server, "big.bin")).open() as file:
        file.seek(-5, os.SEEK_END)
        assert file.read() == whole[-5:]
        file.seek((4 << 20) - 3)
        assert file.read(6) == whole[(4 << 20) - 3 : (4 << 20) + 3]
    assert server.most_at_once > 1


def test_an_empty_object_has_no_bytes(server):
    server.add({"empty.txt": b""})
    assert read(server, "empty.txt") == b""


def test_an_object_larger_than_allowed_is_not_read(server):
    assert refusal(server, "big.bin", 1 << 20).errno == errno.EFBIG


@pytest.mark.parametrize("status", [500, 503, 429, 408])
def test_a_busy_server_is_asked_again(server, status):
    server.refusals["/a.jpg"] = (status, 2)
    assert read(server) == CONTENT
    assert server.asked["/a.jpg"] == 3


@pytest.mark.slow
def test_a_server_that_stays_busy_is_asked_five_times(server):
    server.refusals["/a.jpg"] = (503, 99)
    assert "503" in str(refusal(server))
    assert server.asked["/a.jpg"] == 5


@pytest.mark.parametrize(
    ("status", "number"), [(403, errno.EACCES), (401, errno.EACCES), (404, errno.ENOENT)]
)
def test_a_refusal_for_good_is_not_asked_again(server, status, number):
    server.refusals["/a.jpg"] = (status, 99)
    assert refusal(server).errno == number
    assert server.asked["/a.jpg"] == 1


def test_a_connection_that_is_cut_is_made_anew(server):
    server.cuts["/a.jpg"] = 2
    assert read(server) == CONTENT


@pytest.mark.parametrize("tags", [True, False])
def test_an_object_that_changes_between_two_parts_is_refused(server, tags):
    server.tags = tags
    path = path_of(server, "big.bin").pinned()
    server.content["/big.bin"] = os.urandom(9 << 20 if tags else (9 << 20) + 1)
    with pytest.raises(OSError, match="changed") as caught:
        path.read()
    assert caught.value.errno == errno.ESTALE


def test_an_object_that_changes_while_it_is_read_is_never_a_mix(server):
    old, new = b"a" * (9 << 20), b"b" * (9 << 20)
    server.content["/big.bin"], server.changes["/big.bin"] = old, new
    with pytest.raises(OSError, match="changed"):
        read(server, "big.bin")
    assert read(server, "big.bin") == new


def test_a_server_without_ranges_gives_small_objects_and_no_parts_of_large_ones(server):
    server.ranges = False
    assert read(server) == CONTENT
    assert "ranges" in str(refusal(server, "big.bin"))


@pytest.mark.slow
@pytest.mark.parametrize(
    "lies",
    [
        {"Content-Length": str(1 << 50)},
        {"Content-Range": "bytes 0-10239/99999999999999"},
        {"Content-Range": "bytes 5-10239/10240"},
        {"Content-Range": "bytes 0-99999999/10240"},
        {"Content-Range": "nothing"},
        {"Content-Length": "-1"},
    ],
)
def test_a_server_that_lies_of_a_size_gives_no_wrong_bytes(server, lies):
    server.lies["/a.jpg"] = lies
    # A connection that never gives what it promised would be waited for.
    server.cuts["/a.jpg"] = 99 if "Content-Length" in lies else 0
    refusal(server)


def test_a_redirect_on_the_same_host_is_followed(server):
    server.redirects["/old.jpg"] = "/a.jpg"
    assert read(server, "old.jpg") == CONTENT


@pytest.mark.parametrize(
    "target",
    [
        "http://169.254.169.254/latest/meta-data/?secret=1",
        "https://h.example/a.jpg",
        "file:///etc/passwd",
        "ftp://127.0.0.1/a",
        "//h.example/a.jpg",
        "http://[",
        "",
    ],
)
def test_a_redirect_to_another_place_is_refused_with_its_name(server, target):
    server.redirects["/old.jpg"] = target
    error = refusal(server, "old.jpg")
    assert error.errno == errno.EACCES
    assert "another place" in error.strerror
    assert "secret" not in str(error)


def test_a_redirect_in_a_circle_ends(server):
    server.redirects |= {"/x": "/y", "/y": "/x"}
    assert refusal(server, "x").errno == errno.ELOOP


def test_a_password_goes_to_the_server_and_into_no_message(server):
    uri = server.url.replace("http://", "http://me:word@") + "/a.jpg"
    assert blob_at(to_path(uri)).read() == CONTENT
    assert server.headers["/a.jpg"]["Authorization"] == "Basic bWU6d29yZA=="
    server.refusals["/a.jpg"] = (403, 9)
    with pytest.raises(PermissionError) as caught:
        blob_at(to_path(uri)).read()
    assert "word" not in f"{caught.value} {to_path(uri)}"


def test_a_folder_is_listed_with_what_lies_below_it_alone(server):
    server.add({"f/a.jpg": b"1", "f/g/ä #?.jpg": b"2", "fg/b.jpg": b"3"})
    found = sorted(path.uri.removeprefix(server.url) for path in path_of(server, "f/").walk())
    assert found == ["/f/a.jpg", "/f/g/%C3%A4%20%23%3F.jpg"]


def test_links_that_lead_elsewhere_are_left_out(server):
    links = [
        "../x.jpg",
        "/etc/passwd",
        "http://h.example/a.jpg",
        "%2e%2e/x.jpg",
        "a/b.jpg",
        "?C=N",
        "#x",
        "ok.jpg",
        "..%2Fx.jpg",
        "file:///x",
        "javascript:x",
        "http://[/",
        "ok.jpg",
    ]
    server.page = lambda path: "".join(f"<a href='{link}'>" for link in links)
    found = [path.uri.removeprefix(server.url) for path in path_of(server, "f/").iterdir()]
    assert found == ["/f/ok.jpg"]


def test_folders_in_folders_without_an_end_are_refused(server):
    server.page = lambda path: '<a href="a/">'
    with pytest.raises(OSError, match="folders") as caught:
        list(path_of(server, "f/").walk())
    assert caught.value.errno == errno.EFBIG


def test_a_page_of_links_without_an_end_is_refused(server):
    server.page = lambda path: "<a href='x'>" * (2 << 20)
    with pytest.raises(OSError, match="page of links"):
        list(path_of(server, "f/").iterdir())


def test_nothing_is_written_to_a_web_server(server, tmp_path):
    (tmp_path / "x").write_bytes(b"x")
    with pytest.raises(OSError, match="object store"):
        path_of(server).put(tmp_path / "x")
