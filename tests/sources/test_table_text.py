"""The bytes of a table of text: encodings, byte order marks, compression, and what only looks like one."""

import bz2
import codecs
import gzip
import os

import pytest

import featx
from featx.errors import BadOption, BadSource
from featx.modalities.guess import guess_modality
from featx.reading import read_samples
from featx.sources import open_source
from featx.sources.table import Table
from tests.support.texts import TEXT

TABLE = "text,label\ncafé,a\nнет,b\n"
WEST = "text,label\ncafé,a\nnaïve “x”,b\n"


def texts(path, **options):
    return [sample.data for sample in read_samples(path, **options, **TEXT)]


@pytest.mark.parametrize(
    ("mark", "encoding"),
    [
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
        (codecs.BOM_UTF32_LE, "utf-32-le"),
        (codecs.BOM_UTF32_BE, "utf-32-be"),
    ],
)
def test_a_byte_order_mark_says_the_encoding(tmp_path, mark, encoding):
    path = tmp_path / "a.csv"
    path.write_bytes(mark + TABLE.encode(encoding))
    assert texts(path) == ["café", "нет"]
    assert texts(path, encoding=encoding) == ["café", "нет"]
    (tmp_path / "a.jsonl").write_bytes(mark + '{"text": "é"}\n'.encode(encoding))
    assert texts(tmp_path / "a.jsonl") == ["é"]


@pytest.mark.parametrize("encoding", ["cp1252", "windows-1252", "CP1252"])
def test_another_encoding_is_named_and_the_refusal_without_it_says_how(tmp_path, encoding):
    path = tmp_path / "a.csv"
    path.write_bytes(WEST.encode("cp1252"))
    with pytest.raises(BadSource, match=r"line 2: not UTF-8: byte 0xe9; .* encoding=.* cp1252"):
        texts(path)
    assert texts(path, encoding=encoding) == ["café", "naïve “x”"]
    assert guess_modality(path, encoding=encoding) == "text"


def test_a_wrong_encoding_is_refused_by_its_name_and_line(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(WEST.encode("cp1252"))
    with pytest.raises(BadSource, match=r"line 2: not ascii: .*encoding="):
        texts(path, encoding="ascii")
    (tmp_path / "odd.csv").write_bytes(codecs.BOM_UTF16_LE + b"a")
    with pytest.raises(BadSource, match="not utf-16: truncated data"):
        texts(tmp_path / "odd.csv")


@pytest.mark.parametrize("name", ["latin-99", "hex", "rot13", "idna", "unicode_escape", "a\0b", ""])
def test_what_is_no_encoding_of_a_file_is_refused(tmp_path, name):
    (tmp_path / "a.csv").write_text("text\nx\n")
    with pytest.raises(BadOption, match="expected the name of an encoding, such as cp1252"):
        texts(tmp_path / "a.csv", encoding=name)


def test_utf_16_without_a_mark_is_told_from_its_nul_characters(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes("text,label\nx,a\n".encode("utf-16-le"))
    with pytest.raises(BadSource, match=r"line 1 holds NUL characters; .*encoding='utf-16-le'"):
        texts(path)
    assert texts(path, encoding="utf-16-le") == ["x"]


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".ndjson"])
@pytest.mark.parametrize("packed", ["gz", "bz2"])
def test_a_compressed_table_is_read_like_itself(tmp_path, suffix, packed):
    content = b'{"text": "one"}\n{"text": "two"}\n' if "son" in suffix else b"text\none\ntwo\n"
    pack = {"gz": gzip.compress, "bz2": bz2.compress}[packed]
    path = tmp_path / f"data{suffix.upper()}.{packed}"
    path.write_bytes(pack(content[:9]) + pack(content[9:]))
    assert isinstance(open_source(path), Table)
    assert texts(path) == ["one", "two"]
    assert featx.read_samples(path)[0].data == "one"


def test_a_compressed_table_is_refused_before_it_fills_the_memory(tmp_path):
    path = tmp_path / "bomb.csv.gz"
    path.write_bytes(gzip.compress(b"text\n" + bytes(257 << 20), compresslevel=1))
    with pytest.raises(BadSource, match="more than 256 MiB when decompressed; decompress it first"):
        texts(path)


@pytest.mark.parametrize("cut", [3, 20, -4])
def test_a_damaged_compressed_table_is_refused(tmp_path, cut):
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(TABLE.encode() * 50)[:cut])
    with pytest.raises(BadSource, match=r"a\.csv\.gz: damaged: cannot be decompressed"):
        texts(path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"PK\x03\x04 and more", "a zip, such as an Excel workbook; save the table as CSV"),
        (b"\xd0\xcf\x11\xe0\xa1", "an old Excel workbook"),
        (b"PAR1....", "a Parquet file; name it .parquet"),
    ],
)
def test_another_kind_of_file_under_the_name_of_a_table_is_told(tmp_path, content, words):
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(BadSource, match=words):
        texts(tmp_path / "a.csv")


def test_a_pipe_under_the_name_of_a_table_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.csv")
    with pytest.raises(BadSource, match=r"pipe, socket or device|not a regular file"):
        texts(tmp_path / "a.csv")


def test_standard_input_takes_an_encoding_and_a_mark():
    assert texts("-", stdin=["café\n".encode("cp1252")], encoding="cp1252") == ["café"]
    wide = codecs.BOM_UTF16_LE + "ü\nzwei\n".encode("utf-16-le")
    assert texts("-", stdin=wide.splitlines(keepends=True)) == ["ü", "zwei"]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_two_bytes_a_letter_without_a_mark_are_named(tmp_path, encoding):
    path = tmp_path / "a.csv"
    path.write_bytes("text,label\nein schöner Tag,gut\n".encode(encoding))
    with pytest.raises(BadSource, match=f"say encoding='{encoding}'"):
        texts(path)
