"""Rows that stay on disk: the same from every format and in blocks of any size, or refused in words."""

import json

import numpy as np
import pytest

import featx
from featx.errors import BadTable
from featx.tables.shard_facts import INDEX
from featx.tables.shards import Shard
from featx.tables.stored_rows import is_rows, open_stored_rows
from tests.support.commands import run
from tests.support.shards import write_shards

pytest.importorskip("pyarrow")

N, DIM = 3000, 5


@pytest.fixture
def rows(rng):
    """Rows with labels, one without, and a further column."""
    labels = ("", *("ab"[i % 2] for i in range(1, N)))
    return featx.Rows(
        tuple(f"r{i}" for i in range(N)),
        tuple(label or None for label in labels),
        rng.normal(size=(N, DIM)).astype(np.float32),
        "f" * 64,
        columns={"site": tuple(f"s{i % 7}" for i in range(N))},
    )


def blocks_of(path, size):
    return list(open_stored_rows(path).blocks(size))


@pytest.mark.parametrize("name", ["shards", "x.parquet", "x.npz", "x.csv", "x.jsonl"])
def test_facts_and_blocks_are_those_of_the_rows(tmp_path, rows, name):
    path = tmp_path / name
    write_shards(path, rows) if name == "shards" else featx.write_rows(path, rows)
    assert is_rows(path)
    stored = open_stored_rows(path)
    assert (stored.dim, stored.fingerprint) == (DIM, rows.fingerprint)
    facts = stored.facts(["site"])
    assert tuple(facts.ids) == rows.ids
    assert tuple(facts.labels) == rows.labels
    assert tuple(facts.columns["site"]) == rows.columns["site"]
    blocks = list(stored.blocks(700))
    assert [len(block) for block in blocks] == [700, 700, 700, 700, 200]
    np.testing.assert_array_equal(np.concatenate(blocks), rows.embeddings)
    with pytest.raises(BadTable, match="has no column 'age'; extract it with keep='age'"):
        stored.facts(["age"])


def test_an_array_has_the_numbers_of_its_rows_for_ids(tmp_path, rows):
    for name, table in (("x.npy", rows.embeddings), ("half.npy", rows.embeddings.astype("f2"))):
        np.save(tmp_path / name, table)
        stored = open_stored_rows(tmp_path / name)
        assert (stored.dim, stored.fingerprint) == (DIM, "")
        assert stored.facts().ids[:2] == ["0", "1"]
        found = np.concatenate(list(stored.blocks(1024)))
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, rows.embeddings, rtol=2e-3)


def test_an_npz_of_others_needs_no_more_than_embeddings(tmp_path, rows):
    np.savez_compressed(tmp_path / "x.npz", embeddings=rows.embeddings)
    stored = open_stored_rows(tmp_path / "x.npz")
    assert stored.facts().labels == [None] * N
    np.testing.assert_array_equal(np.concatenate(list(stored.blocks(99))), rows.embeddings)


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (np.zeros(3, np.float32), r"expected floats of shape \(n, dim\)"),
        (np.zeros((3, 2), np.int64), "expected floats"),
        (np.asfortranarray(np.ones((3, 2))), "a column after the other"),
        (np.zeros((3, 0), np.float32), "expected floats"),
    ],
)
def test_arrays_of_another_form_are_refused(tmp_path, table, words):
    np.save(tmp_path / "x.npy", table)
    with pytest.raises(BadTable, match=words):
        open_stored_rows(tmp_path / "x.npy")


@pytest.mark.parametrize("name", ["x.npy", "x.npz", "x.parquet"])
@pytest.mark.parametrize("share", [0.0, 0.02, 0.6])
def test_a_file_that_is_cut_off_is_refused_in_words(tmp_path, rows, name, share):
    path = tmp_path / name
    np.save(path, rows.embeddings) if name == "x.npy" else featx.write_rows(path, rows)
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(BadTable, match=name):
        list(open_stored_rows(path).blocks(512))


def test_a_shard_that_changed_is_refused_before_its_rows_are_given(tmp_path, rows):
    folder = write_shards(tmp_path / "shards", rows)
    second = folder / Shard(1, 3).name
    data = bytearray(second.read_bytes())
    data[len(data) // 2] ^= 1
    second.write_bytes(data)
    stored = open_stored_rows(folder)
    given = []
    with pytest.raises(BadTable, match=r"part-00001-of-00003\.parquet: not the bytes that were"):
        given += stored.blocks(100)
    assert sum(map(len, given)) <= N // 3
    second.write_bytes(data[:-1])
    with pytest.raises(BadTable, match=r"part-00001-of-00003\.parquet: has .* bytes, expected"):
        open_stored_rows(folder).facts()
    second.unlink()
    with pytest.raises(BadTable, match=r"part-00001-of-00003\.parquet: cannot be read: no such"):
        open_stored_rows(folder).facts()


def test_a_file_that_changes_between_two_readings_is_refused(tmp_path, rows):
    path = tmp_path / "x.npz"
    featx.write_rows(path, rows)
    stored = open_stored_rows(path)
    stored.facts()
    featx.write_rows(path, rows.slice(0, N - 1))
    with pytest.raises(BadTable, match=r"x\.npz: changed while it was read"):
        list(stored.blocks(100))


def test_a_folder_that_is_not_whole_says_what_ends_it(tmp_path, rows):
    folder = write_shards(tmp_path / "shards", rows)
    (folder / INDEX).unlink()
    assert is_rows(folder)
    with pytest.raises(BadTable, match="featx merge"):
        open_stored_rows(folder)


def test_an_index_that_tells_of_other_rows_is_refused(tmp_path, rows):
    folder = write_shards(tmp_path / "shards", rows)
    index = json.loads((folder / INDEX).read_text())
    for change in ({"dim": 6}, {"fingerprint": "0" * 64}):
        (folder / INDEX).write_text(json.dumps(index | change))
        with pytest.raises(BadTable, match=r"is not the shard that _index\.json tells of"):
            open_stored_rows(folder)
    index["shards"][0]["rows"] += 1
    index["rows"] += 1
    (folder / INDEX).write_text(json.dumps(index))
    with pytest.raises(BadTable, match=r"is not the shard that _index\.json tells of"):
        open_stored_rows(folder).facts()


def test_an_id_that_is_there_twice_is_refused_by_name(tmp_path, rows):
    np.savez(tmp_path / "x.npz", ids=["a", "b", "a"], embeddings=rows.embeddings[:3])
    with pytest.raises(BadTable, match="the id 'a' is there twice"):
        open_stored_rows(tmp_path / "x.npz").facts()


def test_what_holds_samples_is_no_file_of_rows(tmp_path):
    table = tmp_path / "x.csv"
    table.write_text("id,label,text\n1,a,hello\n")
    (tmp_path / "photos").mkdir()
    pandas = pytest.importorskip("pandas")
    pandas.DataFrame({"text": ["a"], "label": ["b"]}).to_parquet(tmp_path / "x.parquet")
    (tmp_path / "broken.parquet").write_bytes(b"no")
    for name in ("x.csv", "photos", "x.parquet", "broken.parquet", "missing.npz"):
        assert not is_rows(tmp_path / name)
    assert run("fit", table, "-o", tmp_path / "x.featx", "--on-disk").exit_code == 2
