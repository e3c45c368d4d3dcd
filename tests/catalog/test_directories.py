"""Model directories, and whether the bytes in them are the right ones."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from featx.catalog import (
    Card,
    bundled_directory,
    get_card,
    list_cards,
    locate,
    model_directories,
    remove,
    user_directory,
    verify_files,
)
from featx.errors import BadCard, BadOption, MissingWeights, UnknownBackbone, WrongDigest
from featx.storage.blob import Blob

GRAPH = b"a graph"


@pytest.fixture(autouse=True)
def folders(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("FEATX_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("FEATX_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("FEATX_MODELS", raising=False)


@pytest.fixture
def directory(monkeypatch, tmp_path) -> Path:
    directory = tmp_path / "directory"
    directory.mkdir()
    monkeypatch.setenv("FEATX_MODELS", str(directory))
    return directory


def put(directory: Path, name: str, *, graph: bytes | None = GRAPH, extra: str = "") -> Path:
    """A backbone in a model directory; the path of its graph."""
    folder = directory / name
    folder.mkdir(parents=True)
    digest = hashlib.sha256(graph or GRAPH).hexdigest()
    text = f'name = "{name}"\nmodality = "image"\ndim = 4\n{extra}[graph]\nsha256 = "{digest}"\n'
    (folder / "card.toml").write_text(text + "[image]\n", encoding="utf-8")
    if graph is not None:
        (folder / "backbone.onnx").write_bytes(graph)
    return folder / "backbone.onnx"


def test_the_directory_that_featx_ships_comes_last_and_has_the_default():
    assert model_directories()[-1] == bundled_directory()
    assert get_card("featx-image-nano").name == "featx-image-nano"


def test_model_directories_are_searched_in_order(directory, tmp_path, monkeypatch):
    other = tmp_path / "other"
    put(directory, "net", extra='license = "first"\n')
    put(other, "net", extra='license = "second"\n')
    put(user_directory(), "net", extra='license = "third"\n')
    put(user_directory(), "mine")
    monkeypatch.setenv("FEATX_MODELS", os.pathsep.join([str(directory), "", str(other)]))
    assert model_directories() == [directory, other, user_directory(), bundled_directory()]
    assert get_card("net").license == "first"
    listed = {card.name: card.license for card in list_cards()}
    assert listed["net"] == "first"
    assert listed.keys() > {"mine", "featx-image-nano"}


def test_cards_are_listed_by_name(directory):
    for name in ("zebra", "ant", "moth"):
        put(directory, name)
    names = [card.name for card in list_cards()]
    assert names == sorted(names)
    assert {"zebra", "ant", "moth"} < set(names)


def test_a_model_directory_that_does_not_exist_is_skipped_with_a_warning(
    directory, monkeypatch, tmp_path
):
    put(directory, "net")
    monkeypatch.setenv("FEATX_MODELS", os.pathsep.join([str(tmp_path / "typo"), str(directory)]))
    with pytest.warns(UserWarning, match="FEATX_MODELS names .*typo.* not a folder"):
        assert get_card("net").name == "net"


def test_an_unknown_name_is_answered_with_the_nearest(directory):
    put(directory, "resnet50")
    with pytest.raises(UnknownBackbone, match="did you mean 'resnet50'"):
        get_card("resnet5")


@pytest.mark.parametrize("name", ["", ".", "..", "../directory/net", "net/", "a/b", "nul\0"])
def test_a_name_is_never_a_path(directory, name):
    put(directory, "net")
    with pytest.raises(UnknownBackbone):
        get_card(name)
    with pytest.raises(UnknownBackbone):
        remove(name)


def test_a_damaged_card_is_left_out_of_the_list_and_refused_by_name(directory):
    put(directory, "good")
    (put(directory, "bad").parent / "card.toml").write_bytes(b"\xff")
    with pytest.warns(UserWarning, match=r"bad.card\.toml: cannot be read"):
        names = {card.name for card in list_cards()}
    assert "good" in names
    assert "bad" not in names
    with pytest.raises(BadCard, match="cannot be read"):
        get_card("bad")


def test_a_card_in_a_folder_of_another_name_is_refused(directory):
    put(directory, "net").parent.rename(directory / "copy")
    with pytest.raises(BadCard, match="says name = 'net': expected that of its folder"):
        get_card("copy")


def test_bytes_may_lie_in_another_directory_than_the_card(directory, tmp_path, monkeypatch):
    put(directory, "net", graph=None)
    bytes_only = tmp_path / "bytes"
    (bytes_only / "net").mkdir(parents=True)
    (bytes_only / "net" / "backbone.onnx").write_bytes(GRAPH)
    monkeypatch.setenv("FEATX_MODELS", os.pathsep.join([str(directory), str(bytes_only)]))
    graph = Blob.of_path(bytes_only / "net" / "backbone.onnx")
    assert locate(get_card("net"), get_card("net").graph) == graph
    assert verify_files(get_card("net")) == {"backbone.onnx": graph}


def test_the_right_bytes_are_taken_where_a_nearer_file_is_wrong(directory):
    path = put(directory, "net")
    card = get_card("net")
    path.write_bytes(b"other")
    (user_directory() / "net").mkdir(parents=True)
    (user_directory() / "net" / "backbone.onnx").write_bytes(GRAPH)
    assert verify_files(card)["backbone.onnx"].path == user_directory() / "net" / "backbone.onnx"


def test_a_card_is_bound_to_no_directory(tmp_path):
    path = put(tmp_path / "anywhere", "net")
    text = (path.parent / "card.toml").read_text(encoding="utf-8")
    card = Card.from_toml(text, path=path.parent / "card.toml")
    assert verify_files(card)["backbone.onnx"].path == path


def test_missing_bytes_are_said_with_what_to_do(directory):
    put(directory, "net", graph=None)
    with pytest.raises(
        MissingWeights, match=r"net: .* is not on this machine; put it beside the card"
    ):
        verify_files(get_card("net"))


def test_changed_bytes_are_refused_by_name(directory):
    path = put(directory, "net")
    card = get_card("net")
    verify_files(card)
    path.write_bytes(b"b graph")
    with pytest.raises(WrongDigest, match="expected the bytes of net, sha256"):
        verify_files(card)


def test_a_digest_is_remembered_by_size_times_and_inode(directory, tmp_path):
    path = put(directory, "net")
    verify_files(get_card("net"))
    kept = tmp_path / "cache" / "verified.json"
    memory = json.loads(kept.read_text())
    status = path.stat()
    assert memory[str(path.resolve())] == [
        *(status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino),
        hashlib.sha256(GRAPH).hexdigest(),
    ]
    # nothing is read where all of that is the same: what is remembered is believed
    memory[str(path.resolve())][-1] = "0" * 64
    kept.write_text(json.dumps(memory))
    with pytest.raises(WrongDigest):
        verify_files(get_card("net"))


def test_a_file_of_the_same_size_and_modification_time_is_read_again(directory):
    path = put(directory, "net")
    verify_files(get_card("net"))
    before = path.stat()
    path.write_bytes(GRAPH[::-1])
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    after = path.stat()
    assert (after.st_size, after.st_mtime_ns, after.st_ino) == (
        *(before.st_size, before.st_mtime_ns, before.st_ino),
    )
    with pytest.raises(WrongDigest):
        verify_files(get_card("net"))


def test_what_an_earlier_version_remembered_of_a_file_is_not_believed(directory, tmp_path):
    path = put(directory, "net")
    status = path.stat()
    entry = [status.st_size, status.st_mtime_ns, status.st_ino, hashlib.sha256(GRAPH).hexdigest()]
    path.write_bytes(GRAPH[::-1])
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "verified.json").write_text(json.dumps({str(path.resolve()): entry}))
    with pytest.raises(WrongDigest):
        verify_files(get_card("net"))


@pytest.mark.parametrize("text", ["", "[]", "{", '{"x": 3}', "\xff"])
def test_a_damaged_file_of_digests_is_ignored(directory, tmp_path, text):
    put(directory, "net")
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "verified.json").write_text(text, encoding="latin-1")
    verify_files(get_card("net"))
    assert len(json.loads((tmp_path / "cache" / "verified.json").read_text())) == 1


def test_a_file_of_digests_that_cannot_be_written_is_done_without(directory, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("FEATX_CACHE_DIR", str(tmp_path / "file" / "cache"))
    put(directory, "net")
    assert verify_files(get_card("net"))


def test_only_the_users_own_directory_is_cleared(directory):
    put(directory, "theirs")
    put(user_directory(), "mine")
    assert remove("mine") == user_directory() / "mine"
    assert not (user_directory() / "mine").exists()
    for name in ("theirs", "featx-image-nano"):
        with pytest.raises(BadOption, match="is left alone"):
            remove(name)
        assert get_card(name)
    with pytest.raises(UnknownBackbone):
        remove("mine")


def test_the_catalogue_loads_nothing_heavy():
    code = "import sys, featx.catalog as c; c.list_cards(); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"sklearn", "onnx", "onnxruntime", "urllib.request", "http.client", "pyarrow", "scipy"}
    assert not heavy & set(done.stdout.split())
