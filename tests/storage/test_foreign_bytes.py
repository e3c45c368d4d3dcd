"""Zips, arrays and JSON of strangers: bounded before they are read, and refused in one line."""

import io
import json
import tracemalloc
import zipfile

import numpy as np
import pytest

from featx.errors import BadArtifact, BadCard
from featx.storage.archive import open_members
from featx.storage.arrays import read_arrays
from featx.storage.border import library_border
from featx.storage.json_text import parse_json_text


class Panic(BaseException):
    """What a library of another language may raise."""


@pytest.mark.parametrize(
    "raised",
    [Panic("index out of\nbounds"), MemoryError(), RecursionError("deep"), SystemError("\ud800")],
)
def test_whatever_a_library_raises_is_one_line_of_ours(raised):
    with pytest.raises(BadCard) as told, library_border("x.toml: not TOML", BadCard):
        raise raised
    assert str(told.value).startswith(f"x.toml: not TOML: {type(raised).__name__}")
    assert "\n" not in str(told.value)
    str(told.value).encode()


def test_an_interrupt_and_errors_of_ours_pass_the_border():
    with pytest.raises(KeyboardInterrupt), library_border("x"):
        raise KeyboardInterrupt
    with pytest.raises(BadCard, match=r"^said before$"), library_border("x"):
        raise BadCard("said before")
    with pytest.raises(OSError, match="full"), library_border("x", passing=(OSError,)):
        raise OSError("full")


def packed(files, method):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return stream.getvalue()


def test_members_are_given_as_they_were_written():
    data = packed({"a": b"1", "b/c": b"23"}, zipfile.ZIP_STORED)
    with open_members(data) as members:
        assert {name: members.read(name) for name in members.infos} == {"a": b"1", "b/c": b"23"}
        assert members.size("b/c") == 2
        with pytest.raises(BadArtifact, match="has no member 'd'"):
            members.read("d")


@pytest.mark.slow
def test_what_inflates_is_refused_by_the_size_that_it_declares():
    bomb = packed({"a": bytes(1 << 28)}, zipfile.ZIP_DEFLATED)
    with pytest.raises(BadArtifact, match="is compressed"), open_members(bomb):
        pass
    tracemalloc.start()
    with (
        pytest.raises(BadArtifact, match="declares 268,435,456 bytes, expected at most 1,048,576"),
        open_members(bomb, compressed_limit=1 << 20),
    ):
        pass
    assert tracemalloc.get_traced_memory()[1] < 4 << 20
    tracemalloc.stop()
    with open_members(bomb, compressed_limit=1 << 28) as members:
        assert members.read("a") == bytes(1 << 28)


def test_a_member_that_is_larger_than_it_declares_is_refused():
    data = packed({"a": b"x" * 1000}, zipfile.ZIP_DEFLATED)
    lying = data.replace((1000).to_bytes(4, "little"), (10).to_bytes(4, "little"))
    with (
        pytest.raises(BadArtifact, match="Bad CRC"),
        open_members(lying, compressed_limit=5000) as members,
    ):
        members.read("a")


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6, dtype=np.float32).reshape(2, 3),
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.array(["ä", "bcd"]),
        np.zeros((0, 4)),
        np.float64(3),
        np.array([(1, 2.0)], [("a", "i4"), ("b", "f8")]),
        np.arange(4, dtype=">i8"),
    ],
    ids=lambda array: str(array.dtype),
)
def test_arrays_are_read_as_numpy_reads_them(array):
    stream = io.BytesIO()
    np.savez(stream, one=array)
    read = read_arrays(stream.getvalue(), "a test", ["one"])["one"]
    np.testing.assert_array_equal(read, array)
    assert read.dtype == array.dtype.newbyteorder("=")
    assert read.flags.aligned
    assert read.flags.writeable


def test_json_is_bounded_before_it_is_built():
    assert parse_json_text(b'{"a": [1, "[[[["]}', "x", limit=99) == {"a": [1, "[[[["]}
    with pytest.raises(BadArtifact, match="x: 100 bytes, expected at most 99"):
        parse_json_text(b"1" * 100, "x", limit=99)
    deep = b"[" * 300 + b"]" * 300
    with pytest.raises(BadArtifact, match="nested deeper than 200"):
        parse_json_text(deep, "x", limit=9999)
    # Brackets within texts are none.
    texts = json.dumps(["[" * 300, '\\"[' * 300]).encode()
    assert parse_json_text(texts, "x", limit=9999) == ["[" * 300, '\\"[' * 300]
    with pytest.raises(BadArtifact, match="a key stands twice"):
        parse_json_text(b'{"a": 1, "a": 2}', "x", limit=99)
    with pytest.raises(BadArtifact, match="a whole number of 401 digits"):
        parse_json_text(b"9" * 401, "x", limit=9999)
    with pytest.raises(BadArtifact, match="tables and lists, or too many values"):
        parse_json_text(b"[" + b"[]," * 2_000_001 + b"1]", "x", limit=1 << 30)
