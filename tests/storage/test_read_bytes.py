"""Bytes of samples come from all that holds bytes, or are refused in words."""

import io

import numpy as np
import pytest

from featx.errors import BadSample
from featx.sources import (
    read_bytes,
)
from featx.storage.blob import Blob
from tests.support.sources import as_root, grow


class Pipe(io.RawIOBase):
    def read(self, size=-1):
        return b"streamed"

    def seekable(self):
        return False


def test_bytes_come_from_all_that_holds_bytes(tmp_path):
    path = grow(tmp_path, "a") / "a"
    for data in (path, str(path), b"a", bytearray(b"a"), memoryview(b"a"), io.BytesIO(b"a")):
        assert read_bytes(data) == b"a"
    assert read_bytes(Pipe()) == b"streamed"


def test_a_file_object_can_be_read_again_from_where_it_stood():
    stream = io.BytesIO(b"header content")
    stream.seek(7)
    assert read_bytes(stream) == read_bytes(stream) == b"content"


def test_what_cannot_be_read_is_a_bad_sample_in_words(tmp_path):
    grow(tmp_path, "file", "large")
    (tmp_path / "empty").touch()
    closed = io.BytesIO(b"x")
    closed.close()
    cases = [
        (tmp_path / "nowhere.jpg", "nowhere.jpg: file not found"),
        (tmp_path / "file" / "a.jpg", "file not found"),
        (tmp_path, "expected a file, found a folder"),
        (tmp_path / "empty", "empty: empty file"),
        (tmp_path / ("x" * 300), "the name is too long"),
        ("a\0b", "not a name that a file can have"),
        ("\ud800", "not a name that a file can have"),
        (b"", "bytes: empty file"),
        (io.BytesIO(), "file object: empty file"),
        (io.StringIO("text"), "open it in 'rb' mode"),
        (closed, "closed file"),
        (None, "NoneType: expected a path"),
        (np.zeros(3), "ndarray: expected a path"),
    ]
    for data, words in cases:
        with pytest.raises(BadSample, match=words):
            read_bytes(data)


@as_root
def test_a_file_that_may_not_be_read_is_a_bad_sample(tmp_path):
    path = grow(tmp_path, "a.jpg") / "a.jpg"
    path.chmod(0)
    with pytest.raises(BadSample, match="permission denied"):
        read_bytes(path)


def test_too_much_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "huge.jpg"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(BadSample, match="1,099,511,627,776 bytes, expected at most 1,073,741,824"):
        read_bytes(path)
    for data in (b"abc", io.BytesIO(b"abc"), Blob.of_section(path, "a.jpg", 0, 3)):
        with pytest.raises(BadSample, match="3 bytes, expected at most 2"):
            read_bytes(data, limit=2)
