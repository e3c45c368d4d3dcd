"""Parquet: contents of files in cells, names of classes in the schema, pieces of tables, and damage."""

import pickle
import random

import numpy as np
import pytest

import featx
from featx.errors import BadSample, BadSource, FeatxWarning
from featx.reading import read_samples
from featx.sources import read_bytes
from tests.support.sounds import encode, tone
from tests.support.sources import ids, pairs, read
from tests.support.texts import TEXT

pa = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")

from tests.support.parquet import contents, write_hub_table  # noqa: E402

CLASSES = {"label": {"names": ["cat", "dog"], "_type": "ClassLabel"}}
ITEMS = [f"content {n}".encode() for n in range(11)]


def test_a_column_of_bytes_and_path_is_read_by_row_with_the_names_of_its_classes(tmp_path):
    columns = {"image": contents(ITEMS), "label": [n % 2 for n in range(11)]}
    path = write_hub_table(tmp_path / "t.parquet", columns, CLASSES)
    samples = read(path)
    assert pairs(samples) == [(f"{n}.jpg", ("cat", "dog")[n % 2]) for n in range(11)]
    assert [sample.data.read() for sample in samples] == ITEMS
    assert str(samples[3].data) == f"3.jpg in {path}"


def test_contents_may_be_read_in_any_order_and_by_other_processes(tmp_path):
    path = write_hub_table(tmp_path / "t.parquet", {"image": contents(ITEMS)})
    samples = list(enumerate(read(path)))
    random.Random(0).shuffle(samples)
    for n, sample in samples:
        copied = pickle.loads(pickle.dumps(sample))
        assert copied == sample
        assert hash(copied) == hash(sample)
        assert read_bytes(copied.data) == ITEMS[n]


@pytest.mark.parametrize("name", ["image", "img", "picture of it", "scan.left"])
def test_a_column_of_contents_is_found_whatever_its_name(tmp_path, name):
    path = write_hub_table(tmp_path / "t.parquet", {name: contents(ITEMS), "n": list(range(11))})
    assert [sample.data.read() for sample in read(path)] == ITEMS


def test_contents_within_other_structs_are_found_and_can_be_named(tmp_path):
    nested = [{"left": cell, "right": {"deep": cell}} for cell in contents(ITEMS)]
    path = write_hub_table(tmp_path / "t.parquet", {"scan": nested})
    assert [sample.data.read() for sample in read(path)] == ITEMS
    assert [s.data.read() for s in read(path, path_column="scan.right.deep")] == ITEMS


def test_of_a_picture_and_a_sound_the_modality_decides(tmp_path):
    columns = {"audio": contents([b"heard"], ".wav"), "image": contents([b"seen"])}
    features = {"audio": {"_type": "Audio"}, "image": {"_type": "Image"}}
    path = write_hub_table(tmp_path / "t.parquet", columns, features)
    for modality, content in (("image", b"seen"), ("audio", b"heard")):
        [sample] = read_samples(path, modality=modality)
        assert sample.data.read() == content


def test_cells_without_bytes_name_a_file_and_empty_ones_are_rejects(tmp_path):
    (tmp_path / "b.jpg").write_bytes(b"on disk")
    cells = [
        {"bytes": b"in cell", "path": None},
        {"bytes": None, "path": "b.jpg"},
        {"bytes": None, "path": None},
        None,
    ]
    samples = read(write_hub_table(tmp_path / "t.parquet", {"image": cells}))
    assert ids(samples) == ["row 1", "b.jpg", "row 3", "row 4"]
    assert [sample.data.read() for sample in samples[:2]] == [b"in cell", b"on disk"]
    for sample in samples[2:]:
        with pytest.raises(BadSample, match="the cell is empty"):
            read_bytes(sample.data)


def test_a_plain_column_of_bytes_is_read_under_a_usual_name_or_a_named_one(tmp_path):
    path = write_hub_table(tmp_path / "t.parquet", {"image": ITEMS, "other": ITEMS[::-1]})
    assert [sample.data.read() for sample in read(path)] == ITEMS
    assert [sample.data.read() for sample in read(path, path_column="other")] == ITEMS[::-1]


def test_sounds_in_cells_are_taken_for_sounds_and_give_the_rows_of_their_files(tmp_path):
    waves = [encode(tone(0.3, hertz=hertz)) for hertz in (300, 600, 900)]
    columns = {"recording": [{"bytes": wave, "path": None} for wave in waves]}
    samples = featx.read_samples(write_hub_table(tmp_path / "t.parquet", columns))
    backbone = featx.Backbone("featx-audio-mel")
    np.testing.assert_array_equal(backbone.embed(samples), backbone.embed(waves))


@pytest.mark.parametrize(
    ("names", "value", "expected"),
    [
        (["a", "b"], 1, "b"),
        ({"0": "a", "1": "b"}, 1, "b"),
        (["a", "b"], -1, None),
        (["a", "b"], None, None),
    ],
)
def test_a_class_has_the_name_that_the_schema_says(tmp_path, names, value, expected):
    columns = {"text": ["x"], "label": pa.array([value], pa.int64())}
    features = {"label": {"names": names, "_type": "ClassLabel"}}
    path = write_hub_table(tmp_path / "t.parquet", columns, features)
    assert [sample.label for sample in read_samples(path, **TEXT)] == [expected]


@pytest.mark.parametrize(("value", "names"), [(2, ["a", "b"]), (-2, ["a", "b"]), (0, [3])])
def test_a_class_without_a_name_in_the_schema_is_refused(tmp_path, value, names):
    columns = {"text": ["x"], "label": [value]}
    features = {"label": {"names": names, "_type": "ClassLabel"}}
    path = write_hub_table(tmp_path / "t.parquet", columns, features)
    with pytest.raises(BadSource, match=r"row 1: class -?2: expected 0 to 1|no list of texts"):
        read_samples(path, **TEXT)


@pytest.mark.parametrize("raw", [b"", b"no json", b"[" * 100_000, b'{"info": 3}', b'{"info": {}}'])
def test_a_description_that_makes_no_sense_is_no_description(tmp_path, raw):
    table = pa.table({"text": ["x"], "label": [1]}).replace_schema_metadata({b"huggingface": raw})
    parquet.write_table(table, tmp_path / "t.parquet")
    assert [sample.label for sample in read_samples(tmp_path / "t.parquet", **TEXT)] == ["1"]


def hub_folder(folder):
    folder.mkdir(parents=True)
    for number in range(2):
        columns = {
            "image": contents([f"train {number}".encode()]),
            "label": [number],
        }
        write_hub_table(folder / f"train-0000{number}-of-00002.parquet", columns, CLASSES)
    columns = {"image": contents([b"test 0"]), "label": [1]}
    write_hub_table(folder / "test-00000-of-00001.parquet", columns, CLASSES)
    return folder


@pytest.mark.parametrize("below", ["", "data"])
def test_the_pieces_of_a_folder_are_read_by_their_splits(tmp_path, below):
    hub_folder(tmp_path / "set" / below)
    options = {"modality": "image"}
    train = read_samples(tmp_path / "set", split="train", **options)
    assert pairs(train) == [
        ("train-00000-of-00002.parquet: 0.jpg", "cat"),
        ("train-00001-of-00002.parquet: 0.jpg", "dog"),
    ]
    assert [sample.data.read() for sample in train] == [b"train 0", b"train 1"]
    [test] = read_samples(tmp_path / "set", split="test", **options)
    assert test.data.read() == b"test 0"
    assert len(read_samples(tmp_path / "set")) == 3


def test_a_missing_piece_is_told(tmp_path):
    hub_folder(tmp_path / "set")
    (tmp_path / "set" / "train-00000-of-00002.parquet").unlink()
    with pytest.warns(FeatxWarning, match="1 of the 2 files of train are missing"):
        assert len(read_samples(tmp_path / "set", split="train")) == 1


def test_two_sets_of_pieces_of_one_name_are_refused(tmp_path):
    hub_folder(tmp_path / "set")
    write_hub_table(tmp_path / "set" / "train-00000-of-00003.parquet", {"image": contents([b""])})
    with pytest.raises(BadSource, match=r"has both .*; name the one to read"):
        read_samples(tmp_path / "set", modality="image")


def test_pieces_of_a_table_of_texts_without_splits_are_one_table(tmp_path):
    for number, texts in enumerate((["a", "b"], ["c"])):
        write_hub_table(tmp_path / f"part-{number}-of-2.parquet", {"text": texts})
    assert [s.data for s in read_samples(tmp_path, split="train", **TEXT)] == ["a", "b", "c"]


@pytest.mark.slow
def test_the_memory_does_not_grow_with_a_group_of_rows(tmp_path):
    cell = bytes(1 << 20)
    path = tmp_path / "t.parquet"
    columns = {"image": [{"bytes": cell, "path": f"{n}.jpg"} for n in range(160)]}
    write_hub_table(path, columns, rows_a_group=1000)
    del columns
    before = pa.total_allocated_bytes()
    pool = 0
    for sample in read(path):
        assert sample.data.size == 1 << 20
        pool = max(pool, pa.total_allocated_bytes() - before)
    assert pool < 110 << 20


def test_more_rows_than_a_file_can_hold_are_refused(tmp_path):
    table = pa.table({"text": pa.array(["x"] * 1_100_000)})
    parquet.write_table(table, tmp_path / "t.parquet", compression="zstd")
    with pytest.raises(BadSource, match=r"damaged: says that .* bytes hold 1,100,000 rows"):
        read_samples(tmp_path / "t.parquet", **TEXT)


def test_a_cell_that_is_damaged_is_a_reject(tmp_path):
    path = write_hub_table(tmp_path / "t.parquet", {"image": contents([bytes(5000)] * 3)})
    samples = read(path)
    damaged = bytearray(path.read_bytes())
    damaged[4:40] = b"\xff" * 36
    path.write_bytes(damaged)
    for sample in samples:
        with pytest.raises(BadSample, match="the cell is damaged"):
            read_bytes(sample.data)
