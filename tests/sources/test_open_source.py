"""One source accepts what a name stands for, and says what it holds before it is read."""

import io
import tarfile

import pytest

import featx.sources
from featx.errors import BadSource, FeatxWarning
from featx.modalities.guess import guess_modality
from featx.reading import read_samples
from featx.sources import Columns, Peek, Readable, Sample, open_source, read_source
from featx.sources.folder import Folder
from featx.sources.single_file import SingleFile
from featx.sources.source import TABLE_SUFFIXES
from featx.sources.standard_input import StandardInput
from featx.sources.table import Table
from featx.sources.table_folder import TableFolder
from featx.sources.tar import Tar


@pytest.fixture
def folder(tmp_path):
    """A source of each kind, by the class that accepts it."""
    for name in ("photos/cat/1.jpg", "photos/dog/2.JPG", "photos/.hidden/3.png", "one.wav", "odd"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "paths.csv").write_text("path,label\na.jpg,x\nb.wav,y\nc.jpg,x\n")
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "train.csv").write_text("text,label\nhello,x\n")
    with tarfile.open(tmp_path / "x.tar.gz", "w:gz") as archive:
        info = tarfile.TarInfo("a.flac")
        info.size = 1
        archive.addfile(info, io.BytesIO(b"x"))
    return tmp_path


@pytest.mark.parametrize(
    ("name", "kind", "suffixes", "texts"),
    [
        ("photos", Folder, {".jpg": 2}, False),
        ("paths.csv", Table, {".jpg": 2, ".wav": 1}, False),
        ("texts", TableFolder, {".csv": 1}, True),
        ("x.tar.gz", Tar, {".flac": 1}, False),
        ("one.wav", SingleFile, {".wav": 1}, False),
        ("odd", SingleFile, {"": 1}, False),
    ],
)
def test_one_source_accepts_a_name_and_tells_what_it_holds(folder, name, kind, suffixes, texts):
    source = open_source(folder / name)
    assert isinstance(source, kind)
    assert source.peek() == Peek(suffixes, texts)


def test_standard_input_is_not_looked_at():
    source = open_source("-", stdin=[b"a.jpg\n"])
    assert isinstance(source, StandardInput)
    assert source.peek() == Peek()
    assert [sample.id for sample in source.samples(Readable(frozenset()))] == ["a.jpg"]


def test_columns_that_were_named_are_looked_at(folder):
    (folder / "two.csv").write_text("photo,sound,body\na.jpg,b.wav,hello\n")
    assert open_source(folder / "two.csv").peek() == Peek()
    assert open_source(folder / "two.csv", Columns(path="sound")).peek() == Peek({".wav": 1})
    assert open_source(folder / "two.csv", Columns(text="body")).peek() == Peek(texts=True)


@pytest.mark.parametrize(
    ("name", "content"),
    [("x.tar", b"no tar"), ("x.csv", b"path\n\xff"), ("x.parquet", b"PAR1"), ("x.jsonl", b"{")],
)
def test_what_cannot_be_looked_at_is_refused_by_name(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BadSource, match=rf"{name}"):
        open_source(tmp_path / name).peek()
    assert guess_modality(tmp_path / name) == "image"


def test_a_folder_of_tables_is_a_folder_of_files_where_texts_are_no_samples(folder):
    (folder / "photos" / "train.csv").write_text("text,label\nhello,x\n")
    source = open_source(folder / "photos")
    with pytest.warns(FeatxWarning, match="1 other file left out: 1 .csv"):
        files = source.samples(Readable(frozenset({".jpg"})))
    assert [s.id for s in files] == ["cat/1.jpg", "dog/2.JPG"]
    with pytest.warns(FeatxWarning, match="1 sample; 2 other files left out: 2 folders"):
        texts = source.samples(Readable(frozenset(), string_is_sample=True))
    assert [s.id for s in texts] == ["train.csv: row 1"]


class Numbers:
    """A source that is none of featx's own."""

    def __init__(self, uri, columns, stdin):
        self.count = int(uri.removeprefix("numbers:"))

    @classmethod
    def accepts(cls, uri):
        return uri.startswith("numbers:")

    def samples(self, readable, split=None):
        return [Sample(str(number), b"x" * number) for number in range(1, self.count + 1)]

    def peek(self):
        return Peek()


def test_another_kind_of_source_is_a_row_in_one_table(monkeypatch):
    monkeypatch.setattr(featx.sources, "SOURCES", (Numbers, *featx.sources.SOURCES))
    assert [sample.id for sample in read_source("numbers:3", Readable(frozenset()))] == list("123")
    assert [sample.id for sample in read_samples("numbers:2")] == ["1", "2"]


def test_every_suffix_of_a_table_and_of_a_tar_is_asked_of_its_class(tmp_path):
    for suffix in TABLE_SUFFIXES:
        (tmp_path / f"a{suffix}").touch()
        assert isinstance(open_source(tmp_path / f"a{suffix}"), Table)
    for ending in (".tar", ".tgz", ".tbz2", ".txz", ".tar.gz", ".tar.bz2", ".TAR.XZ"):
        (tmp_path / f"b{ending}").touch()
        assert isinstance(open_source(tmp_path / f"b{ending}"), Tar)
