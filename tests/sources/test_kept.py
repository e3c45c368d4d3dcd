"""Columns that samples carry along, each with values of one type, and lines of a stream in batches."""

import io
import os
import threading

import pytest

from featx.errors import BadSource, FeatxWarning
from featx.sources.kept import asked_columns, column_types, kept_cells, renamed_columns
from featx.sources.line_batches import read_batches
from featx.sources.sample import Sample


def test_columns_are_asked_for_one_by_one_together_or_all():
    columns = ["id", "a,b", "text", "label"]
    assert asked_columns(["text, label", "id"], columns, "t") == ["text", "label", "id"]
    assert asked_columns(["a,b"], columns, "t") == ["a,b"]
    assert asked_columns(["all"], columns, "t") == columns
    assert asked_columns(["text", "all"], columns, "t") == ["text", "id", "a,b", "label"]
    assert asked_columns([], columns, "t") == []
    with pytest.raises(BadSource, match="t: expected a column 'Text' to keep; found columns 'id'"):
        asked_columns(["Text"], columns, "t")
    with pytest.raises(BadSource, match="the column 'x' is there 2 times"):
        asked_columns(["all"], ["x", "x"], "t")


def test_a_column_has_values_of_one_type():
    names = ["whole", "share", "mixed", "truth", "huge", "none", "odd"]
    rows = [
        [1, 1, 1, True, 2**80, None, float("nan")],
        [None, 0.5, "x", False, 1, None, float("inf")],
    ]
    first, second = kept_cells(names, rows, names, "t")
    assert first == {
        "whole": 1, "share": 1.0, "mixed": "1", "truth": True, "huge": str(2**80), "none": None,
        "odd": None,
    }  # fmt: skip
    assert (second["share"], second["mixed"], second["huge"], second["odd"]) == (
        0.5,
        "x",
        "1",
        "inf",
    )
    types = column_types([Sample("a", "", None, first), Sample("b", "", None, second)])
    assert types == {
        "whole": int, "share": float, "mixed": str, "truth": bool, "huge": str, "none": str, "odd": str,
    }  # fmt: skip


def test_dates_and_decimals_become_text_and_bytes_are_left_out():
    import datetime
    import decimal

    rows = [[datetime.date(2026, 1, 2), decimal.Decimal("1.50"), b"\xff\xd8"]]
    with pytest.warns(FeatxWarning, match="'picture' holds values of type bytes and is not kept"):
        [cells] = kept_cells(["day", "price", "picture"], rows, ["all"], "t")
    assert cells == {"day": "2026-01-02", "price": "1.50"}


def test_a_name_that_is_taken_gets_another_that_is_free():
    assert renamed_columns(["label", "source_label", "x"], ["label"]) == {
        "label": "source_source_label",
        "source_label": "source_label",
        "x": "x",
    }


def test_the_first_batch_is_one_line_and_the_others_grow_to_the_most():
    stream = io.BytesIO(b"".join(b"%d\n" % k for k in range(3000)))
    batches = list(read_batches(stream, 1024, 0.05, nul=True))
    assert [len(batch) for batch in batches] == [1, 4, 16, 64, 256, 1024, 1024, 611]
    assert [int(line) for batch in batches for line in batch] == list(range(3000))


def lines_of(data, **options):
    batches = read_batches(io.BytesIO(data), options.pop("most", 100), 0.05, nul=True)
    return [line for batch in batches for line in batch]


def test_lines_end_in_newline_or_nul_and_the_last_needs_no_end():
    assert lines_of(b"\xef\xbb\xbfa\nb") == [b"a", b"b"]
    assert lines_of(b"a\nb\0c\0") == [b"a\nb", b"c"]
    assert lines_of(b"") == []
    assert lines_of(b"\n\n") == [b"", b""]
    long = b"x" * 300_000
    assert lines_of(long + b"\n" + long) == [long, long]


def test_a_batch_has_at_most_so_many_lines():
    batches = read_batches(io.BytesIO(b"a\n" * 7), 3, 0.05, nul=False)
    assert [len(batch) for batch in batches] == [1, 3, 3]


def test_lines_that_are_there_are_given_while_the_sender_waits():
    reading, writing = os.pipe()
    asked = threading.Event()

    def send():
        os.write(writing, b"a\nb\nhalf of ")
        asked.wait(60)
        os.write(writing, b"c\n")
        os.close(writing)

    threading.Thread(target=send).start()
    with os.fdopen(reading, "rb") as stream:
        batches = read_batches(stream, 100, 0.05, nul=True)
        assert next(batches) == [b"a"]
        assert next(batches) == [b"b"]
        asked.set()
        assert list(batches) == [[b"half of c"]]


def test_a_line_without_end_is_refused_before_it_fills_the_memory():
    class Endless(io.RawIOBase):
        def read(self, size=-1):
            return b"x" * size

    with pytest.raises(BadSource, match="a line has more than 64 MiB"):
        list(read_batches(Endless(), 10, 0.05, nul=True))


def test_a_stream_that_cannot_be_read_is_said():
    class Broken(io.RawIOBase):
        def read(self, size=-1):
            raise PermissionError(13, os.strerror(13))

    with pytest.raises(BadSource, match="standard input: cannot be read: permission denied"):
        list(read_batches(Broken(), 10, 0.05, nul=True))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32-be"])
def test_lines_of_wide_characters_come_as_utf_8(encoding):
    data = "é\n日本\n".encode(encoding)
    named = None if encoding == "utf-16" else encoding
    batches = read_batches(io.BytesIO(data), 10, 0.05, nul=False, encoding=named)
    assert [line.decode() for batch in batches for line in batch] == ["é", "日本"]
    with pytest.raises(BadSource, match="standard input: not utf-"):
        list(read_batches(io.BytesIO(data[:-1]), 10, 0.05, nul=False, encoding=named))


def test_python_keeps_columns_too(tmp_path):
    import featx

    (tmp_path / "t.csv").write_text("text,label,stars\nfine,up,5\npoor,down,1\n")
    samples = featx.read_samples(tmp_path / "t.csv", keep=["stars", "text"])
    assert [sample.columns for sample in samples] == [
        {"stars": "5", "text": "fine"},
        {"stars": "1", "text": "poor"},
    ]
    assert featx.read_samples(tmp_path / "t.csv", keep="all")[0].columns == {
        "text": "fine", "label": "up", "stars": "5",
    }  # fmt: skip
    assert featx.read_samples(tmp_path / "t.csv")[0].columns is None
    assert featx.make_samples(samples)[0].columns == {"stars": "5", "text": "fine"}
