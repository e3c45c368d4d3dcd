"""A blob is bytes that lie somewhere; whoever reads one need not know where."""

import io
import os
import pickle
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from featx.errors import BadArtifact, BadSample
from featx.storage.blob import Blob, Location, read_bytes, suffix_of, to_blob
from featx.storage.container import member_at, write_container

CONTENT = b"0123456789" * 100


def in_a_file(folder):
    (folder / "A.JPG").write_bytes(CONTENT)
    return Blob.of_path(folder / "A.JPG")


def in_a_tar(folder):
    path = folder / "x.tar"
    with tarfile.open(path, "w") as archive:
        info = tarfile.TarInfo("sub/A.JPG")
        info.size = len(CONTENT)
        archive.addfile(info, io.BytesIO(CONTENT))
        offset = archive.getmember("sub/A.JPG").offset_data or 512
    return Blob.of_section(path, "sub/A.JPG", offset, len(CONTENT))


def in_a_zip(folder):
    write_container(folder / "x.zip", {"sub/A.JPG": CONTENT, "other": b""})
    return member_at(folder / "x.zip", "sub/A.JPG")


def in_memory(folder):
    return Blob.of_bytes(CONTENT, "sub/A.JPG")


@pytest.fixture(params=[in_a_file, in_a_tar, in_a_zip, in_memory])
def blob(request, tmp_path):
    return request.param(tmp_path)


def test_a_blob_has_a_name_a_suffix_a_size_and_bytes(blob):
    assert blob.name.endswith("A.JPG")
    assert (blob.suffix, blob.size) == (".jpg", len(CONTENT))
    assert blob.read() == read_bytes(blob) == CONTENT


def test_a_blob_opens_as_a_file_that_can_seek_and_be_opened_again(blob):
    for _ in range(2):
        with blob.open() as file:
            assert file.read(3) == b"012"
            file.seek(-2, os.SEEK_END)
            assert file.read() == b"89"
            file.seek(5)
            assert file.read(2) == b"56"


def test_equal_blobs_are_one_key_and_come_back_from_a_pickle(blob):
    again = pickle.loads(pickle.dumps(blob))
    assert again == blob
    assert len({blob, again}) == 1
    assert again.read() == CONTENT


def test_a_blob_cannot_be_changed(blob):
    with pytest.raises(AttributeError):
        blob.name = "other"


def test_more_than_the_limit_is_refused_before_it_is_read(blob):
    assert blob.read(1000) == CONTENT
    with pytest.raises(OSError, match="1,000 bytes, expected at most 999"):
        blob.read(999)
    with pytest.raises(BadSample, match=r"A\.JPG.*: 1,000 bytes, expected at most 999"):
        read_bytes(blob, limit=999)


def test_only_a_file_of_its_own_has_a_path(tmp_path):
    assert in_a_file(tmp_path).path == tmp_path / "A.JPG"
    assert [make(tmp_path).path for make in (in_a_tar, in_a_zip, in_memory)] == [None] * 3


def test_a_blob_says_where_it_is(tmp_path):
    assert str(in_a_file(tmp_path)) == str(tmp_path / "A.JPG")
    assert str(in_a_tar(tmp_path)) == f"sub/A.JPG in {tmp_path / 'x.tar'}"
    assert str(in_a_zip(tmp_path)) == f"sub/A.JPG in {tmp_path / 'x.zip'}"
    assert CONTENT.decode() not in repr(in_memory(tmp_path))


def test_making_a_blob_reads_nothing(tmp_path):
    gone = Blob.of_path(tmp_path / "gone")
    with pytest.raises(FileNotFoundError):
        gone.read()
    with pytest.raises(BadSample, match="gone: file not found"):
        read_bytes(gone)


def test_a_pipe_is_refused_instead_of_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="not a regular file"):
        Blob.of_path(tmp_path / "pipe").open()


def test_a_name_with_a_line_break_still_makes_a_message_of_one_line(tmp_path):
    with pytest.raises(BadSample, match=r"two\\nlines': file not found$"):
        read_bytes(tmp_path / "two\nlines")


def test_a_zip_that_is_damaged_or_lacks_the_member_is_refused(tmp_path):
    blob = in_a_zip(tmp_path)
    path = tmp_path / "x.zip"
    assert path.read_bytes().count(b"0123") > 1
    path.write_bytes(path.read_bytes().replace(b"0123", b"9999", 1))
    with pytest.raises(BadArtifact, match=r"x\.zip: damaged"):
        blob.read()
    with pytest.raises(BadSample, match="damaged"):
        read_bytes(blob)
    with pytest.raises(FileNotFoundError, match="no such file in the archive"):
        member_at(path, "nothing").read()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("sub/A.JPG", CONTENT)
    with pytest.raises(BadArtifact, match="is compressed"):
        blob.open()


def test_a_section_ends_where_it_ends(tmp_path):
    (tmp_path / "x").write_bytes(b"before|inside|after")
    with Blob.of_section(tmp_path / "x", "inside", 7, 6).open() as file:
        assert file.read(100) == b"inside"
        assert file.seek(100) == 6
        assert file.read() == b""


@dataclass(frozen=True, slots=True)
class Shelf(Location):
    """A location that is none of featx's own: each byte of a number, once."""

    number: int

    container = "the shelf"

    def size(self):
        return len(str(self.number))

    def open(self):
        return io.BytesIO(str(self.number).encode())


def test_another_place_is_one_class():
    blob = Blob("twelve.txt", Shelf(12))
    assert read_bytes(blob) == b"12"
    assert (blob.suffix, blob.size, str(blob)) == (".txt", 2, "twelve.txt in the shelf")
    with pytest.raises(BadSample, match=r"twelve.txt in the shelf: 2 bytes, expected at most 1"):
        read_bytes(blob, limit=1)


def test_what_holds_bytes_becomes_a_blob(tmp_path):
    blob = in_a_file(tmp_path)
    assert to_blob(blob) is blob
    assert to_blob(blob.path) == to_blob(str(blob.path)) == blob
    assert to_blob(bytearray(b"a")) == to_blob(b"a") == Blob.of_bytes(b"a")
    assert to_blob(io.BytesIO(b"a")).read() == b"a"
    with pytest.raises(BadSample, match="int: expected a path"):
        to_blob(3)


@pytest.mark.parametrize(
    ("name", "suffix"),
    [("a.JPG", ".jpg"), ("a.tar.gz", ".gz"), (".jpg", ""), ("a", ""), ("a.", ".")],
)
def test_a_suffix_is_what_stands_after_the_last_dot(name, suffix):
    assert suffix_of(name) == suffix
    assert Blob.of_path(Path("folder.d") / name).suffix == suffix
