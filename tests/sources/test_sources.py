import gzip
import io
import json
import os
import tarfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from featx.errors import BadLabels, BadOption, BadSample, BadSource
from featx.sources import (
    Columns,
    Readable,
    Sample,
    make_samples,
    read_bytes,
    read_source,
    to_label,
    to_text,
    unique_ids,
)
from featx.sources.sample import number_repeats
from featx.sources.tar import Tar
from featx.storage.blob import Blob

IMAGES = frozenset({".jpg", ".png"})

as_root = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything"
)


def grow(root, *names):
    """Files below ``root``, each with its own name as content."""
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return root


def read(source, *, split=None, stdin=None, **columns):
    asked = Columns(**{name.removesuffix("_column"): value for name, value in columns.items()})
    return read_source(source, Readable(IMAGES), split=split, columns=asked, stdin=stdin)


def pairs(samples):
    return [(sample.id, sample.label) for sample in samples]


def ids(samples):
    return [sample.id for sample in samples]


# folders


def test_class_folders_are_labels_and_ids_are_paths_below_the_source(tmp_path):
    samples = read(grow(tmp_path, "dog/b.jpg", "cat/sub/deep/c.PNG", "cat/a b.JPG", "loose.jpg"))
    assert pairs(samples) == [
        ("cat/a b.JPG", "cat"),
        ("cat/sub/deep/c.PNG", "cat"),
        ("dog/b.jpg", "dog"),
        ("loose.jpg", None),
    ]
    assert [read_bytes(sample.data).decode() for sample in samples] == ids(samples)


def test_a_flat_folder_has_no_labels(tmp_path):
    assert pairs(read(grow(tmp_path, "2.jpg", "10.jpg"))) == [("10.jpg", None), ("2.jpg", None)]


def test_the_order_is_by_name_of_each_part_of_the_path(tmp_path):
    samples = read(grow(tmp_path, "a/z.jpg", "a-b/y.jpg", "a.jpg", "B/x.jpg", "é/w.jpg"))
    assert ids(samples) == ["B/x.jpg", "a/z.jpg", "a-b/y.jpg", "a.jpg", "é/w.jpg"]


def test_hidden_files_and_those_of_systems_are_not_samples(tmp_path):
    hidden = [".DS_Store", "._a.jpg", "__MACOSX/x/a.jpg", ".git/b.jpg", "cat/.c.jpg", "Thumbs.db"]
    assert ids(read(grow(tmp_path, "cat/a.jpg", *hidden))) == ["cat/a.jpg"]


def test_a_hidden_folder_that_is_named_is_read(tmp_path):
    assert ids(read(grow(tmp_path / ".secret", "a.jpg"))) == ["a.jpg"]


@pytest.mark.parametrize(
    ("split", "expected"),
    [
        ("train", [("train/cat/1.jpg", "cat"), ("train/dog/2.jpg", "dog")]),
        ("test", [("test/cat/3.jpg", "cat")]),
        ("val", [("Valid/dog/4.jpg", "dog")]),
        ("validation", [("Valid/dog/4.jpg", "dog")]),
        (
            None,
            [
                ("Valid/dog/4.jpg", "dog"),
                ("other/5.jpg", None),
                ("test/cat/3.jpg", "cat"),
                ("train/cat/1.jpg", "cat"),
                ("train/dog/2.jpg", "dog"),
            ],
        ),
    ],
)
def test_splits_are_understood(tmp_path, split, expected):
    names = ["train/cat/1.jpg", "train/dog/2.jpg", "test/cat/3.jpg", "Valid/dog/4.jpg"]
    assert pairs(read(grow(tmp_path, *names, "other/5.jpg", "notes.txt"), split=split)) == expected


def test_a_folder_without_splits_is_read_whole_whatever_split_is_preferred(tmp_path):
    grow(tmp_path, "cat/a.jpg", "dog/b.jpg")
    assert read(tmp_path, split="test") == read(tmp_path, split="train") == read(tmp_path)


def test_a_class_called_train_is_a_class(tmp_path):
    samples = read(grow(tmp_path, "train/a.jpg", "bus/b.jpg", "car/c.jpg"), split="train")
    assert [sample.label for sample in samples] == ["bus", "car", "train"]


def test_val_stands_in_for_a_missing_test_and_train_never_does(tmp_path):
    grow(tmp_path / "a", "train/x/1.jpg", "dev/x/2.jpg")
    assert ids(read(tmp_path / "a", split="test")) == ["dev/x/2.jpg"]
    grow(tmp_path / "b", "train/x/1.jpg", "train/y/2.jpg")
    with pytest.raises(BadSource, match="has no split 'test', only train"):
        read(tmp_path / "b", split="test")


def test_an_unknown_split_is_a_bad_option(tmp_path):
    with pytest.raises(BadOption, match="'cats': expected train, val or test"):
        read(tmp_path, split="cats")


def test_a_folder_without_fitting_files_says_what_was_looked_for_and_found(tmp_path):
    grow(tmp_path, "notes.txt", "a/more.txt")
    with pytest.raises(
        BadSource, match=r"ending in \.jpg, \.png; found 2 other files, such as a/m"
    ):
        read(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadSource, match="found no files at all"):
        read(tmp_path / "empty")


def test_links_in_a_circle_end(tmp_path):
    grow(tmp_path / "root", "cat/a.jpg", "dog/b.jpg")
    (tmp_path / "root/cat/up").symlink_to("..", target_is_directory=True)
    (tmp_path / "root/cat/self").symlink_to(".", target_is_directory=True)
    (tmp_path / "root/dog/far").symlink_to(tmp_path.parent, target_is_directory=True)
    (tmp_path / "root/dog/other").symlink_to("../cat", target_is_directory=True)
    (tmp_path / "root/x").symlink_to("y")
    (tmp_path / "root/y").symlink_to("x")
    assert ids(read(tmp_path / "root")) == ["cat/a.jpg", "dog/b.jpg"]


def test_a_linked_folder_is_read_once_and_a_real_one_before_a_link(tmp_path):
    grow(tmp_path / "elsewhere", "a.jpg")
    grow(tmp_path / "root", "z/b.jpg")
    for link, target in (("cat", "../elsewhere"), ("dog", "../elsewhere"), ("alias", "z")):
        (tmp_path / "root" / link).symlink_to(target, target_is_directory=True)
    assert pairs(read(tmp_path / "root")) == [("cat/a.jpg", "cat"), ("z/b.jpg", "z")]


def test_a_split_may_link_to_folders_of_another(tmp_path):
    grow(tmp_path, "train/cat/a.jpg", "test/dog/b.jpg")
    (tmp_path / "test/cat").symlink_to("../train/cat", target_is_directory=True)
    (tmp_path / "test/loop").symlink_to("..", target_is_directory=True)
    assert ids(read(tmp_path, split="test")) == ["test/cat/a.jpg", "test/dog/b.jpg"]
    assert ids(read(tmp_path)) == ["test/dog/b.jpg", "train/cat/a.jpg"]


def test_linked_files_are_samples_and_so_are_broken_links(tmp_path):
    grow(tmp_path, "real.bin", "set/a.jpg")
    (tmp_path / "set/b.jpg").symlink_to("../real.bin")
    (tmp_path / "set/c.jpg").symlink_to("nowhere")
    (tmp_path / "set/d.jpg").symlink_to("d.jpg")
    os.mkfifo(tmp_path / "set/e.jpg")
    samples = read(tmp_path / "set")
    assert ids(samples) == ["a.jpg", "b.jpg", "c.jpg", "d.jpg", "e.jpg"]
    assert read_bytes(samples[1].data) == b"real.bin"
    for sample, words in zip(samples[2:], ("not found", "circle", "regular"), strict=True):
        with pytest.raises(BadSample, match=words):
            read_bytes(sample.data)


def test_names_that_are_not_utf8_become_text_and_the_file_is_still_found(tmp_path):
    folder = os.fsencode(tmp_path) + b"/caf\xe9"
    try:
        os.mkdir(folder)  # noqa: PTH102 - pathlib takes no bytes
    except OSError:
        pytest.skip("this file system takes no such names")
    Path(os.fsdecode(folder + b"/\xff.jpg")).write_bytes(b"here")
    [sample] = read(tmp_path)
    assert (sample.id, sample.label) == (r"caf\xe9/\xff.jpg", r"caf\xe9")
    assert (sample.id + sample.label).encode("utf-8")
    assert read_bytes(sample.data) == b"here"


def test_texts_that_turn_out_equal_still_make_different_ids(tmp_path):
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.jpg")).write_bytes(b"1")
    (tmp_path / r"\xff.jpg").write_bytes(b"2")
    assert sorted(ids(read(tmp_path))) == [r"\xff.jpg", r"\xff.jpg#2"]


@as_root
def test_a_folder_that_may_not_be_read_is_refused_by_name(tmp_path):
    grow(tmp_path, "a/1.jpg", "b/2.jpg")
    (tmp_path / "b").chmod(0)
    with pytest.raises(BadSource, match=r"b: cannot be read: permission denied"):
        read(tmp_path)
    (tmp_path / "b").chmod(0o700)


# other sources


def test_a_single_file_is_one_sample(tmp_path):
    path = grow(tmp_path, "a.JPG") / "a.JPG"
    assert read(path) == [Sample(str(path), Blob.of_path(path))]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nowhere", "no such file or folder"),
        ("a.zip", "expected a folder, a table"),
        ("a\0b", "not a name"),
    ],
)
def test_what_is_no_source_is_refused_in_words(tmp_path, name, words):
    grow(tmp_path, "a.zip")
    with pytest.raises(BadSource, match=words):
        read(f"{tmp_path}/{name}")


def test_columns_of_a_source_without_columns_are_a_bad_option(tmp_path):
    with pytest.raises(BadOption, match=r"label_column: .* is a folder and has no columns"):
        read(grow(tmp_path, "a.jpg"), label_column="kind")


def test_standard_input_is_a_list_of_paths():
    lines = [b"b.jpg\n", b"\n", "é c.jpg\r\n", b"\xff.txt\n", b"b.jpg"]
    samples = read("-", stdin=lines)
    assert ids(samples) == ["b.jpg", "é c.jpg", r"\xff.txt", "b.jpg#2"]
    assert samples[2].data == Blob.of_path("\udcff.txt")
    assert {sample.label for sample in samples} == {None}


def test_standard_input_may_be_separated_by_nul_or_begin_with_a_mark():
    assert ids(read("-", stdin=[b"a\nb.jpg\0c.jpg\0"])) == ["a\nb.jpg", "c.jpg"]
    assert ids(read("-", stdin=io.BytesIO(b"\xef\xbb\xbfa.jpg\n"))) == ["a.jpg"]


def test_empty_standard_input_is_refused():
    with pytest.raises(BadSource, match="standard input: expected paths"):
        read("-", stdin=[b"\n", b"  \n"])


# tables


def table(tmp_path, text, name="list.csv"):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_csv_has_paths_relative_to_itself_labels_and_ids(tmp_path):
    path = table(
        tmp_path, '\ufeffLabel,Path,x\ncat,"a, b.jpg",1\n ,sub/c.jpg,2\n\n7,/d.jpg,3\ndog,e.jpg\n'
    )
    samples = read(path)
    assert pairs(samples) == [
        ("a, b.jpg", "cat"),
        ("sub/c.jpg", None),
        ("/d.jpg", "7"),
        ("e.jpg", "dog"),
    ]
    assert [sample.data for sample in samples[1:3]] == [
        Blob.of_path(tmp_path / "sub/c.jpg"),
        Blob.of_path("/d.jpg"),
    ]


@pytest.mark.parametrize(("name", "mark"), [("a.csv", ";"), ("a.tsv", "\t"), ("a.csv", "\t")])
def test_other_separators_are_understood(tmp_path, name, mark):
    path = table(tmp_path, f"file{mark}class\nx,1.jpg{mark}cat\n", name)
    assert pairs(read(path)) == [("x,1.jpg", "cat")]


def test_named_columns_are_used(tmp_path):
    path = table(tmp_path, "path,photo,label,kind,id,key\nno,a.jpg,no,cat,no,7\n")
    samples = read(path, path_column="photo", label_column="kind", id_column="key")
    assert samples == [Sample("7", Blob.of_path(tmp_path / "a.jpg"), "cat")]


@pytest.mark.parametrize("suffix", ["jsonl", "ndjson", "parquet"])
def test_json_lines_and_parquet_say_the_same(tmp_path, suffix):
    path = tmp_path / f"list.{suffix}"
    rows = [{"image": "a.jpg", "target": 3.0, "id": 1}, {"image": "b.jpg", "target": None, "id": 2}]
    if suffix == "parquet":
        pd.DataFrame(rows).to_parquet(path)
    else:
        path.write_text("\n".join(map(json.dumps, rows)) + "\n\n")
    assert read(path) == [
        Sample("1", Blob.of_path(tmp_path / "a.jpg"), "3"),
        Sample("2", Blob.of_path(tmp_path / "b.jpg")),
    ]


def test_a_column_split_selects_rows(tmp_path):
    path = table(
        tmp_path, "path,label,split\na.jpg,x,train\nb.jpg,x,Test\nc.jpg,y,training\nd.jpg,y,\n"
    )
    assert ids(read(path, split="train")) == ["a.jpg", "c.jpg"]
    assert ids(read(path, split="test")) == ["b.jpg"]
    assert len(read(path)) == 4
    with pytest.raises(BadSource, match="no split 'val'"):
        read(path, split="val")


def test_a_path_listed_twice_gets_a_number(tmp_path):
    assert ids(read(table(tmp_path, "path\na.jpg\na.jpg\n"))) == ["a.jpg", "a.jpg#2"]


@pytest.mark.parametrize(
    ("text", "options", "words"),
    [
        ("name,kind\na,b\n", {}, "a column named path or file or .*; found columns 'name', 'kind'"),
        ("path\na\n", {"label_column": "kind"}, "expected a column 'kind'; found columns 'path'"),
        ("path\na\n", {"path_column": "Path"}, "expected a column 'Path'"),
        ("path\na\n", {"id_column": "key"}, "expected a column 'key'"),
        ("path,label\na,x\n ,y\n", {}, "line 3: the path is empty"),
        ('path,label\n"a\nb",x\n,y\n', {}, "line 4: the path is empty"),
        ("path,id\na,1\nb,2\nc,1\n", {}, "line 4: the id '1' is already taken in line 2"),
        ("path,id\na,\n", {}, "line 2: the id is empty"),
        ("path,label\na,b,c\n", {}, "line 2: expected 2 cells, found 3"),
        ("path,path\na,b\n", {}, "'path' is there 2 times"),
        ('path,label\n"a,b\n', {}, "line 2: unexpected end of data"),
        ("path\n", {}, "found no rows"),
        ("", {}, "found columns none"),
    ],
)
def test_a_csv_that_makes_no_sense_is_refused_with_its_line(tmp_path, text, options, words):
    with pytest.raises(BadSource, match=words):
        read(table(tmp_path, text), **options)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{", "line 2: not JSON"),
        ("[1]", "line 2: expected an object"),
        ('{"path": 3}', "line 2: expected a path, found int"),
        (
            '{"path": "a", "label": ["x"]}',
            "line 2: label .*: expected a text or a number, found list",
        ),
        ("{}", "line 2: the path is empty"),
    ],
)
def test_json_lines_that_make_no_sense_are_refused_with_their_line(tmp_path, line, words):
    path = table(tmp_path, '{"path": "a"}\n' + line, "list.jsonl")
    with pytest.raises(BadSource, match=words):
        read(path)


def test_a_table_in_another_encoding_is_refused_with_its_line(tmp_path):
    (tmp_path / "a.csv").write_bytes(b"path\nok.jpg\ncaf\xe9.jpg\n")
    with pytest.raises(BadSource, match="line 3: not UTF-8"):
        read(tmp_path / "a.csv")


def test_a_damaged_parquet_is_refused(tmp_path):
    (tmp_path / "a.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(BadSource, match="not a Parquet file"):
        read(tmp_path / "a.parquet")


def test_a_file_that_a_table_lists_and_is_missing_is_a_reject_when_read(tmp_path):
    [sample] = read(table(tmp_path, "path\nnowhere.jpg\n"))
    with pytest.raises(BadSample, match="file not found"):
        read_bytes(sample.data)


# tars


def pack(path, files, mode="w"):
    with tarfile.open(path, mode) as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


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
    for content, words in ((b"{", "Expecting"), (b"[1]", "found list"), (b"\xff", "utf-8")):
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


# lists


def test_a_list_becomes_samples_in_its_order():
    picture = np.zeros((2, 2, 3), np.uint8)
    samples = make_samples(["a.jpg", Path("b/c.jpg"), b"bytes", picture, "a.jpg", None])
    assert ids(samples) == ["a.jpg", str(Path("b/c.jpg")), "2", "3", "a.jpg#2", "5"]
    assert samples[3].data is picture
    assert samples[1].data == Path("b/c.jpg")


@pytest.mark.parametrize(
    "X",
    [
        ("a", "b"),
        iter(["a", "b"]),
        np.array(["a", "b"]),
        np.array([["a"], ["b"]], object),
        pd.Series(["a", "b"], index=[5, 7]),
        pd.DataFrame({"path": ["a", "b"]}),
        [Sample("a", "a"), Sample("b", "b")],
    ],
    ids=lambda X: type(X).__name__,
)
def test_anything_like_a_list_or_a_column_will_do(X):
    samples = make_samples(X, y=np.array([1, 2]))
    assert samples == [Sample("a", "a", "1"), Sample("b", "b", "2")]
    assert {type(sample.data) for sample in samples} == {str}


def test_an_array_of_images_is_a_list_of_them():
    images = np.zeros((3, 4, 5, 3), np.uint8)
    assert [sample.data.shape for sample in make_samples(images)] == [(4, 5, 3)] * 3


@pytest.mark.parametrize("X", [[], np.array([]), np.empty((0, 1), object), pd.DataFrame({"p": []})])
def test_nothing_is_no_samples(X):
    assert make_samples(X) == []


def test_samples_keep_their_labels_unless_others_are_given():
    samples = [Sample("x", b"1", "cat")]
    assert make_samples(samples) == samples
    assert make_samples(samples, ["dog"], ["y"]) == [Sample("y", b"1", "dog")]


@pytest.mark.parametrize(
    ("X", "y", "names", "kind", "words"),
    [
        ("a.jpg", None, None, BadSource, "found one str; put it in a list"),
        (b"x", None, None, BadSource, "found one bytes"),
        (Path("a"), None, None, BadSource, "Path"),
        (3, None, None, BadSource, "found one int"),
        (np.zeros(3), None, None, BadSource, "numbers of shape"),
        (np.array([["a", "b"]]), None, None, BadSource, r"one column .* \(1, 2\)"),
        (["a", "b"], ["x"], None, BadLabels, "expected 2 labels, one a sample; found 1"),
        (["a"], [["x"]], None, BadLabels, "found list"),
        (["a", "b"], None, ["x"], BadSource, "expected 2, one a sample; found 1"),
        (["a", "b", "c"], None, ["x", "y", "x"], BadSource, "'x' at 2 is already taken at 0"),
    ],
)
def test_a_list_that_makes_no_sense_is_refused(X, y, names, kind, words):
    with pytest.raises(kind, match=words):
        make_samples(X, y, names)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.int64(3), "3"),
        (np.float32(3), "3"),
        (0.5, "0.5"),
        (0, "0"),
        (False, "False"),
        (b"cat", "cat"),
        (np.str_(" a b "), "a b"),
        ("caf\udce9", r"caf\xe9"),
        (pd.NA, None),
        (pd.NaT, None),
        (np.nan, None),
        ("  ", None),
    ],
)
def test_labels_are_text(value, expected):
    assert to_label(value) == expected


@given(st.lists(st.text("a#2", max_size=4)))
def test_numbered_ids_are_all_different_and_the_first_of_each_stays(names):
    numbered = number_repeats(names)
    assert len(set(numbered)) == len(names)
    assert all(new.startswith(old) for new, old in zip(numbered, names, strict=True))
    assert number_repeats(numbered) == numbered
    assert numbered[:1] == names[:1]


@given(st.text(st.characters()))
def test_any_name_becomes_text_that_utf8_can_hold(name):
    text = to_text(name)
    assert text.encode("utf-8").decode("utf-8") == text
    assert to_text(text) == text


def test_joined_sources_get_distinct_ids():
    joined = unique_ids([Sample("a", 1, "x"), Sample("b", 2), Sample("a", 3)])
    assert joined == [Sample("a", 1, "x"), Sample("b", 2), Sample("a#2", 3)]


# content


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
