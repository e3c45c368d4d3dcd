"""Addresses: their parts, what is left out of messages, and which stores there are."""

import sys

import pytest

from featx import read_samples
from featx.errors import BadOption, MissingExtra
from featx.storage.address import is_remote, to_path
from featx.storage.remote import RemotePath, redact
from featx.storage.remote_store import store_of


@pytest.mark.parametrize(
    ("uri", "name", "parent", "below"),
    [
        ("s3://bucket/a/b.JPG", "b.JPG", "s3://bucket/a", "s3://bucket/a/b.JPG/x"),
        ("s3://bucket/a/", "a", "s3://bucket", "s3://bucket/a/x"),
        ("s3://bucket", "", "s3://bucket", "s3://bucket/x"),
        (
            "s3://bucket/a?b#c%20d.jpg",
            "a?b#c%20d.jpg",
            "s3://bucket",
            "s3://bucket/a?b#c%20d.jpg/x",
        ),
        (
            "https://h.example/a%20b.csv?key=1",
            "a b.csv",
            "https://h.example",
            "https://h.example/a b.csv/x",
        ),
    ],
)
def test_an_address_has_the_parts_of_a_path(uri, name, parent, below):
    path = RemotePath(uri)
    assert (path.name, str(path.parent), str(path / "x")) == (name, parent, below)


def test_names_of_a_web_address_are_quoted_and_of_a_store_taken_as_they_are():
    assert (
        RemotePath("http://h.example/f") / "ä #?.jpg"
    ).uri == "http://h.example/f/%C3%A4%20%23%3F.jpg"
    assert (RemotePath("s3://bucket/f") / "ä #?.jpg").uri == "s3://bucket/f/ä #?.jpg"


@pytest.mark.parametrize(
    "text", ["a.jpg", "/a/b", "C:/a", "c://a", "a b://c", "://x", "1s://x", "-"]
)
def test_a_path_is_no_address(text):
    assert not is_remote(text)


def test_no_message_has_a_password_or_a_signature():
    uri = "https://me:word@h.example/a.jpg?X-Signature=1f"
    assert "word" not in f"{RemotePath(uri)}{RemotePath(uri)!r}{redact('of ' + uri)}"
    assert "1f" not in f"{RemotePath(uri)}{RemotePath(uri)!r}{redact('of ' + uri)}"
    assert str(RemotePath("s3://key:word@bucket/a.jpg")) == "s3://bucket/a.jpg"
    assert str(RemotePath("abfs://box@account.example/a.jpg")) == "abfs://box@account.example/a.jpg"


@pytest.mark.parametrize("uri", ["ftp://h.example/a.jpg", "file:///etc/passwd", "javascript://x"])
def test_an_address_of_another_scheme_is_refused_with_those_there_are(uri):
    with pytest.raises(BadOption, match="expected an address of s3://"):
        read_samples(uri, modality="image")


def test_a_scheme_without_its_package_names_the_package(monkeypatch):
    pytest.importorskip("fsspec")
    monkeypatch.setitem(sys.modules, "gcsfs", None)
    with pytest.raises(MissingExtra, match=r"gs:// needs gcsfs.*pip install gcsfs"):
        store_of("gs")


def test_without_fsspec_the_extra_is_named(monkeypatch):
    store_of.cache_clear()
    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(MissingExtra, match=r"featx\[remote\]"):
        read_samples("az://box/photos", modality="image")


def test_a_local_path_is_a_path_as_before(tmp_path):
    assert to_path(str(tmp_path)) == tmp_path
