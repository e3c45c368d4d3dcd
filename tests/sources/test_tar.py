"""Tars: labels beside the samples, links, and archives that are cut short or damaged."""

import gzip
import io
import os
import tarfile

import pytest

from featx.errors import BadOption, BadSample, BadSource, FeatxWarning
from featx.sources import (
    Columns,
    Readable,
    read_bytes,
)
from featx.sources.tar import Tar
from featx.storage.blob import Blob
from tests.support.sources import pack, pairs, read


@pytest.fixture(params=["", "gz", "bz2", "xz"])
def packing(request):
    return request.param


def pack_as(tmp_path, packing, files):
    name = f"set.tar.{packing}" if packing else "set.tar"
    return pack(tmp_path / name, files, f"w:{packing}")


def test_a_tar_of_keys_has_labels_beside_the_samples(tmp_path, packing):
    files = {
        "b.jpg": b"B",
        "b.cls": b"3\n",
        "a.jpg": b"A",
        "a.json": b'{"other": 1, "label": "cat"}',
        "d/c.left.jpg": b"L",
        "d/c.right.jpg": b"R",
        "d/c.cls": "é".encode(),
        "e.png": b"E",
        "e.json": b"3.0",
        "f.png": b"F",
        "f.cls": b"",
        "readme.txt": b"no",
        "._b.jpg": b"no",
    }
    with pytest.warns(FeatxWarning, match=r"6 samples; 1 other file left out: 1 \.txt$"):
        samples = read(pack_as(tmp_path, packing, files))
    assert pairs(samples) == [
        ("b.jpg", "3"),
        ("a.jpg", "cat"),
        ("d/c.left.jpg", "é"),
        ("d/c.right.jpg", "é"),
        ("e.png", "3"),
        ("f.png", None),
    ]
    assert b"".join(read_bytes(sample.data) for sample in samples) == b"BALREF"
    assert isinstance(samples[0].data, Blob)
    assert (samples[0].data.name, samples[0].data.path) == ("b.jpg", None)


def test_a_tar_of_class_folders_is_like_a_folder(tmp_path, packing):
    files = {"./train/cat/1.jpg": b"1", "/train/dog/../2.jpg": b"2", "./test/cat/3.jpg": b"3"}
    path = pack_as(tmp_path, packing, files)
    assert pairs(read(path, split="test")) == [("test/cat/3.jpg", "cat")]
    assert pairs(read(path, split="train")) == [
        ("train/cat/1.jpg", "cat"),
        ("train/dog/../2.jpg", "dog"),
    ]


def test_a_key_of_the_json_can_be_named(tmp_path):
    path = pack(tmp_path / "a.tar", {"a.jpg": b"A", "a.json": b'{"label": 1, "breed": "pug"}'})
    assert pairs(read(path, label_column="breed")) == [("a.jpg", "pug")]
    with pytest.raises(BadSource, match="'size' beside a sample, found none"):
        read(path, label_column="size")
    with pytest.raises(BadOption, match="path_column"):
        read(path, path_column="x")


def test_links_in_a_tar_are_nothing_unless_to_one_of_its_files(tmp_path, packing):
    path = tmp_path / "a.tar"
    with tarfile.open(path, f"w:{packing}") as archive:
        info = tarfile.TarInfo("a.jpg")
        info.size = 5
        archive.addfile(info, io.BytesIO(b"bytes"))
        for name, kind, target in (
            ("b.jpg", tarfile.LNKTYPE, "a.jpg"),
            ("c.jpg", tarfile.LNKTYPE, "/etc/passwd"),
            ("d.jpg", tarfile.SYMTYPE, "/etc/passwd"),
            ("d2.jpg", tarfile.SYMTYPE, "a.jpg"),
            ("e.jpg", tarfile.FIFOTYPE, ""),
        ):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, target
            archive.addfile(info)
    with pytest.warns(
        FeatxWarning, match="4 other files left out: 3 links, 1 pipe, socket or device file"
    ):
        samples = read(path)
    assert [(sample.id, read_bytes(sample.data)) for sample in samples] == [
        ("a.jpg", b"bytes"),
        ("b.jpg", b"bytes"),
    ]


@pytest.mark.parametrize("cut", [0, 100, 700, 1100, 5000])
def test_a_tar_cut_short_is_refused(tmp_path, packing, cut):
    files = {f"{number}.jpg": os.urandom(3000) for number in range(3)}
    path = pack_as(tmp_path, packing, files)
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(BadSource, match=r"set\.tar") as refused:
        read(path)
    assert "\n" not in str(refused.value)


def test_a_damaged_header_within_a_tar_is_not_its_end(tmp_path, packing):
    files = {f"{number}.jpg": b"x" * 600 for number in range(3)}
    plain = bytearray(pack(tmp_path / "a.tar", files).read_bytes())
    plain[1536 + 148 : 1536 + 156] = b"garbage!"  # the checksum of the second header
    (tmp_path / "a.tar").write_bytes(gzip.compress(plain) if packing else plain)
    with pytest.raises(BadSource, match="damaged after 1,536 bytes"):
        read(tmp_path / "a.tar")


def test_a_label_file_that_makes_no_sense_is_refused_by_name(tmp_path):
    for content, words in ((b"{", "Expecting"), (b"[[1]]", "found list"), (b"\xff", "utf-8")):
        path = pack(tmp_path / "a.tar", {"a.jpg": b"A", "a.json": content})
        with pytest.raises(BadSource, match=rf"a\.tar: a\.json: .*{words}"):
            read(path)


def test_a_large_compressed_tar_is_refused_and_a_plain_one_is_not(tmp_path):
    files = {f"{number}.jpg": bytes(400_000) for number in range(3)}
    packed = pack(tmp_path / "a.tgz", files, "w:gz")
    plain = pack(tmp_path / "a.tar", files)
    readable = Readable(frozenset({".jpg"}))
    with pytest.raises(BadSource, match=r"more than 1 MiB .*; decompress it first"):
        Tar(str(packed), Columns(), compressed_limit=1 << 20).samples(readable)
    assert len(Tar(str(plain), Columns(), compressed_limit=1 << 20).samples(readable)) == 3


def test_a_tar_without_fitting_members_says_what_it_holds(tmp_path):
    with pytest.raises(BadSource, match=r"found 1 other file, a.txt"):
        read(pack(tmp_path / "a.tar", {"a.txt": b"x"}))
    with pytest.raises(BadSource, match="found no files"):
        read(pack(tmp_path / "a.tar", {}))


def test_a_member_of_a_tar_that_changed_is_refused(tmp_path):
    path = pack(tmp_path / "a.tar", {"a.jpg": b"A" * 600})
    [sample] = read(path)
    path.write_bytes(path.read_bytes()[:900])
    with pytest.raises(BadSample, match="was it changed"):
        read_bytes(sample.data)
    path.unlink()
    with pytest.raises(BadSample, match=r"a\.jpg in .*a\.tar: file not found"):
        read_bytes(sample.data)
