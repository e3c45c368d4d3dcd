"""Pulling weights, against a server on this machine."""

from __future__ import annotations

import hashlib
import multiprocessing
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from featx.catalog import (
    Card,
    File,
    get_card,
    locate,
    missing_bytes,
    pull,
    user_directory,
    verify_files,
)
from featx.errors import DownloadFailed, MissingWeights, OutputFailed, WrongDigest
from featx.modalities import read_settings

BYTES = bytes(range(256)) * 2000  # the weights: what they are does not matter here


@dataclass
class World:
    """What the server does, and what it was asked."""

    body: bytes = BYTES
    ranges: bool = True
    etag: str = '"one"'
    drop_after: list[int] = field(default_factory=list)  # for each answer, bytes until it breaks
    status: list[int] = field(default_factory=list)  # for each answer, what it is instead
    asked: list[tuple[str, str | None]] = field(default_factory=list)  # path, Range
    address: str = ""


class Handler(BaseHTTPRequestHandler):
    world: World

    def do_GET(self) -> None:
        world = self.world
        world.asked.append((self.path, self.headers["Range"]))
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", f"{world.address}/weights")
            self.end_headers()
            return
        if self.path == "/elsewhere":
            self.send_response(302)
            self.send_header("Location", "file:///etc/hostname")
            self.end_headers()
            return
        if self.path != "/weights" or (world.status and (status := world.status.pop(0)) != 200):
            self.send_error(404 if self.path != "/weights" else status)
            return
        start = self.start()
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(world.body) - start))
        self.send_header("ETag", world.etag)
        if start:
            self.send_header(
                "Content-Range", f"bytes {start}-{len(world.body) - 1}/{len(world.body)}"
            )
        self.end_headers()
        stop = start + world.drop_after.pop(0) if world.drop_after else None
        self.wfile.write(world.body[start:stop])
        self.close_connection = True

    def start(self) -> int:
        wanted = self.headers["Range"]
        fresh = self.headers["If-Range"] in (None, self.world.etag)
        if not (wanted and self.world.ranges and fresh):
            return 0
        return int(wanted.removeprefix("bytes=").partition("-")[0])

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def world(monkeypatch, tmp_path) -> Iterator[World]:
    monkeypatch.setenv("FEATX_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("FEATX_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("FEATX_MODELS", raising=False)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    world = World()
    handler = type("Handler", (Handler,), {"world": world})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        world.address = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield world
        server.shutdown()
        thread.join()


def card_for(url: str | None, *, body: bytes = BYTES, size: int | None = len(BYTES)) -> Card:
    graph = File("backbone.onnx", hashlib.sha256(body).hexdigest(), size, url)
    return Card("pulled", "image", graph, read_settings("image", {}), dim=4)


@pytest.fixture
def card(world) -> Card:
    return card_for(f"{world.address}/weights")


def part_of(card: Card) -> Path:
    return user_directory() / card.name / "backbone.onnx.part"


def leave(card: Card, body: bytes) -> None:
    """What a download that was killed leaves."""
    part_of(card).parent.mkdir(parents=True)
    part_of(card).write_bytes(body)


def test_bytes_arrive_whole_beside_nothing_else(world, card):
    graph = pull(card)
    path = graph.path
    assert path == user_directory() / "pulled" / "backbone.onnx"
    assert path.read_bytes() == BYTES
    assert list(path.parent.iterdir()) == [path]
    assert verify_files(card) == {"backbone.onnx": graph}


def test_bytes_that_are_here_are_not_asked_for_again(world, card):
    pull(card)
    assert missing_bytes(card) == 0
    pull(card)
    assert len(world.asked) == 1


def test_progress_counts_every_byte(world, card):
    counts: list[int] = []
    assert missing_bytes(card) == len(BYTES)
    pull(card, progress=counts.append)
    assert sum(counts) == len(BYTES)


def test_a_redirect_is_followed(world):
    assert pull(card_for(f"{world.address}/moved")).read() == BYTES
    assert [path for path, _ in world.asked] == ["/moved", "/weights"]


@pytest.mark.parametrize("url", ["file:///etc/hostname", "ftp://127.0.0.1/weights", "weights"])
def test_only_http_is_spoken(world, url):
    with pytest.raises(DownloadFailed, match="https://"):
        pull(card_for(url))


def test_a_redirect_to_a_file_is_not_followed(world):
    with pytest.raises(DownloadFailed, match="302"):
        pull(card_for(f"{world.address}/elsewhere"))


def test_other_bytes_are_refused_and_not_kept(world, card):
    world.body = BYTES[::-1]
    with pytest.raises(WrongDigest, match="not those of the card"):
        pull(card)
    assert not part_of(card).parent.exists()
    assert locate(card, card.graph) is None


@pytest.mark.parametrize("body", [BYTES[:-1], BYTES + b"!"], ids=["shorter", "longer"])
def test_a_file_of_another_size_is_refused_before_it_is_fetched(world, card, body):
    world.body = body
    counts: list[int] = []
    with pytest.raises(WrongDigest, match=f"expected {len(BYTES)} bytes"):
        pull(card, progress=counts.append)
    assert sum(counts) == 0


def test_a_dropped_connection_is_continued_where_it_broke(world, card):
    world.drop_after = [1000]
    counts: list[int] = []
    assert pull(card, progress=counts.append, pause=0).read() == BYTES
    assert [wanted for _, wanted in world.asked] == [None, "bytes=1000-"]
    assert sum(counts) == len(BYTES)


def test_a_file_that_changed_between_two_answers_is_begun_again(world, card):
    world.drop_after = [1000]

    counts: list[int] = []

    def change(count: int) -> None:
        counts.append(count)
        if count == 1000:
            world.etag = '"two"'

    pull(card, progress=change, pause=0)
    assert min(counts) == -1000
    assert sum(counts) == len(BYTES)


def test_what_a_broken_pull_leaves_is_continued_by_the_next(world, card):
    world.drop_after = [1000, 0, 0]
    with pytest.raises(DownloadFailed, match="go on from byte 1000"):
        pull(card, tries=3, pause=0)
    assert part_of(card).read_bytes() == BYTES[:1000]
    assert locate(card, card.graph) is None
    assert pull(card).read() == BYTES
    assert world.asked[-1] == ("/weights", "bytes=1000-")
    assert not part_of(card).exists()


def test_what_a_broken_pull_leaves_counts_as_progress(world, card):
    leave(card, BYTES[:3000])
    counts: list[int] = []
    pull(card, progress=counts.append)
    assert counts[0] == 3000
    assert sum(counts) == len(BYTES)


def test_a_server_without_ranges_is_asked_for_everything_again(world, card):
    world.ranges = False
    leave(card, BYTES[:3000])
    assert pull(card).read() == BYTES
    assert world.asked == [("/weights", "bytes=3000-")]


def test_remains_of_another_file_do_not_spoil_the_download(world, card):
    leave(card, b"?" * 3000)
    assert pull(card).read() == BYTES
    assert [wanted for _, wanted in world.asked] == ["bytes=3000-", None]


def test_other_bytes_are_not_fetched_twice_to_be_sure(world, card):
    world.ranges, world.body = False, BYTES[::-1]
    leave(card, b"?" * 3000)
    with pytest.raises(WrongDigest):
        pull(card)
    assert len(world.asked) == 1


def test_a_file_system_without_locks_is_no_hindrance(world, card, monkeypatch):
    def refuse(stream, how):
        raise OSError("no locks available")

    monkeypatch.setattr("fcntl.flock", refuse)
    world.drop_after, world.ranges = [1000], False
    path = pull(card, pause=0).path
    assert path.read_bytes() == BYTES
    assert list(path.parent.iterdir()) == [path]


def test_remains_longer_than_the_file_are_dropped(world, card):
    leave(card, b"?" * (len(BYTES) + 1))
    assert pull(card).read() == BYTES
    assert world.asked == [("/weights", None)]


def test_remains_that_are_whole_need_no_network(world, card):
    leave(card, BYTES)
    assert pull(card).read() == BYTES
    assert world.asked == []


def test_a_size_that_the_card_does_not_know_is_no_hindrance(world, card):
    card = replace(card, graph=replace(card.graph, size=None))
    assert missing_bytes(card) is None
    world.drop_after = [1000]
    assert pull(card, pause=0).read() == BYTES


def test_an_address_without_a_file_is_named(world):
    with pytest.raises(DownloadFailed, match="/nothing: the server answered 404"):
        pull(card_for(f"{world.address}/nothing"))
    assert not (user_directory() / "pulled").exists()


def test_a_busy_server_is_asked_again(world, card):
    world.status = [503, 429]
    assert pull(card, pause=0).read() == BYTES
    assert len(world.asked) == 3


def test_no_server_is_said_at_once(world):
    with pytest.raises(DownloadFailed, match="no answer from the server"):
        pull(card_for("http://127.0.0.1:1/weights"))


def test_a_card_without_an_address_says_where_the_file_belongs(world):
    with pytest.raises(MissingWeights, match="put the file into"):
        pull(card_for(None))


def test_a_model_directory_that_cannot_be_written_is_said_in_words(world, card, tmp_path):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(OutputFailed, match="is a file, not a folder"):
        pull(card, directory=tmp_path / "file" / "directory")
    assert world.asked == []


def test_a_full_disk_leaves_nothing_behind(world, card, monkeypatch):
    import resource
    import signal

    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # then a write fails instead
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        with pytest.raises(OutputFailed, match="cannot be written: file too large"):
            pull(card)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert not (user_directory() / "pulled").exists()


def test_another_directory_can_be_named(world, card, tmp_path):
    path = pull(card, directory=tmp_path / "mine").path
    assert path == tmp_path / "mine" / "pulled" / "backbone.onnx"


def test_wrong_bytes_in_the_directory_are_replaced(world, card):
    part_of(card).parent.mkdir(parents=True)
    part_of(card).with_suffix("").write_bytes(b"rotten")
    with pytest.raises(WrongDigest, match="run: featx backbones pull pulled"):
        verify_files(card)
    assert pull(card).read() == BYTES


def test_further_files_are_fetched_too(world, card):
    card = replace(card, files=(File("words.json", card.graph.sha256, None, card.graph.url),))
    pull(card)
    assert sorted(verify_files(card)) == ["backbone.onnx", "words.json"]


def _pull_in_a_process(card: Card, start: threading.Barrier) -> None:
    start.wait()
    pull(card)


def test_two_processes_at_once_end_with_one_whole_file(world, card):
    spawn = multiprocessing.get_context("spawn")
    start = spawn.Barrier(3)
    processes = [
        spawn.Process(target=_pull_in_a_process, args=(card, start), daemon=True) for _ in range(2)
    ]
    for process in processes:
        process.start()
    start.wait(60)
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0]
    [path] = (user_directory() / "pulled").iterdir()
    assert (path.name, path.read_bytes()) == ("backbone.onnx", BYTES)
    assert world.asked == [("/weights", None)]


def test_a_pulled_backbone_is_found_for_the_card_of_another_directory(
    world, card, monkeypatch, tmp_path
):
    directory = tmp_path / "cards"
    (directory / "pulled").mkdir(parents=True)
    (directory / "pulled" / "card.toml").write_text(card.to_toml(), encoding="utf-8")
    monkeypatch.setenv("FEATX_MODELS", str(directory))
    with pytest.raises(MissingWeights, match="run: featx backbones pull pulled"):
        verify_files(get_card("pulled"))
    assert pull(get_card("pulled")).path == user_directory() / "pulled" / "backbone.onnx"
    assert verify_files(get_card("pulled"))["backbone.onnx"].read() == BYTES
