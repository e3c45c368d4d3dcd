"""Shards that are not what they say, and outputs that would replace what is read."""

import hashlib
import json
import os
import shutil

import numpy as np
import pytest

import featx
from featx.errors import BadOption, BadTable, FeatxWarning
from featx.retrieval import find_similar
from featx.tables import merge_shards
from featx.tables.shards import Shard
from tests.support.commands import run
from tests.support.shards import write_shards

pytest.importorskip("pyarrow")

NUMBERS = np.random.default_rng(0).normal(size=(9, 4)).astype(np.float32)


def rows_of(ids, fingerprint="f" * 64):
    return featx.Rows(tuple(ids), (None,) * len(ids), NUMBERS[: len(ids)], fingerprint)


@pytest.fixture
def folder(tmp_path):
    return write_shards(tmp_path / "rows", rows_of("abcdefghi"))


def put(folder, number, rows, said=None):
    """Exchange a shard; its facts fit its bytes."""
    shard = Shard(number, 3)
    featx.write_rows(folder / shard.name, rows)
    data = (folder / shard.name).read_bytes()
    facts = json.loads((folder / shard.facts_name).read_text())
    facts |= {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    facts["rows"] = len(rows) if said is None else said
    (folder / shard.facts_name).write_text(json.dumps(facts))


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize(
    ("rows", "said", "words"),
    [
        (rows_of("xxy"), None, "'x' is in another shard too, or twice in this one"),
        (rows_of("xya"), None, "'a' is in another shard too"),
        (rows_of("xyz"), 4, "is not the shard that _part-00002-of-00003.json tells of"),
        (rows_of("xyz", "e" * 64), None, "is not the shard that"),
    ],
)
def test_a_shard_that_its_facts_do_not_fit_is_not_merged(folder, rows, said, words):
    put(folder, 2, rows, said)
    with pytest.raises(BadTable, match=rf"part-00002-of-00003\.parquet: {words}"):
        merge_shards(folder)


def test_a_shard_in_the_place_of_another_is_no_silent_loss(folder):
    """Two shards may have the same size: three rows would come twice, and three not at all."""
    first, last = folder / Shard(0, 3).name, folder / Shard(2, 3).name
    shutil.copy(last, first)
    assert first.stat().st_size == last.stat().st_size
    for read in (featx.read_rows, lambda path: find_similar(path, rows_of("q"), 1)):
        with pytest.raises(BadTable, match=r"part-00000.*not the bytes that were written"):
            read(folder)


@pytest.mark.skipif(os.name != "posix", reason="there are no pipes")
@pytest.mark.parametrize("name", ["_index.json", "part-00001-of-00003.parquet"])
def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(folder, name):
    (folder / name).unlink()
    os.mkfifo(folder / name)
    with pytest.raises(BadTable, match=rf"{name}: cannot be read: not a regular file"):
        featx.read_rows(folder)


@pytest.mark.parametrize(
    "words",
    [
        ["merge", "rows", "-o", "rows/part-00000-of-00003.parquet"],
        ["merge", "rows", "-o", "rows/all.parquet"],
        ["merge", "rows", "--rejects", "rows/_index.json"],
        ["merge", "rows", "-o", "all.npz", "--rejects", "all.npz"],
        ["similar", "rows", "q.txt", "-o", "rows/part-00000-of-00003.parquet"],
        ["similar", "rows", "q.txt", "--html", "rows/part-00000-of-00003.parquet"],
        ["similar", "link.parquet", "q.txt", "-o", "one.parquet"],
        ["similar", "one.parquet", "q.txt", "-o", "link.parquet"],
    ],
)
def test_no_output_replaces_what_is_read(folder, tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "q.txt").write_text("words")
    featx.write_rows("one.parquet", rows_of("abc"))
    (tmp_path / "link.parquet").symlink_to("one.parquet")
    before = contents(folder) | {"one": (tmp_path / "one.parquet").read_bytes()}
    done = run(*words)
    assert done.exit_code in (1, 2)
    assert "which is read; name another place" in done.stderr or "the same file" in done.stderr
    assert contents(folder) | {"one": (tmp_path / "one.parquet").read_bytes()} == before


def test_more_neighbors_than_rows_are_all_rows_and_too_many_are_refused(folder):
    queries = rows_of("q")
    assert len(find_similar(folder, queries, 10**30)) == 9
    assert len(find_similar(rows_of("abc"), queries, 10**12)) == 3
    many = np.zeros((5000, 1), np.float32)
    names = tuple(map(str, range(5000)))
    table = featx.Rows(names, (None,) * 5000, many, "")
    with pytest.raises(BadOption, match=r"25,000,000 rows of 5,000 queries.*ask for k = 4000"):
        find_similar(table, table, 10**9)
    for k in (0, -1, 1.5, True, "3"):
        with pytest.raises(BadOption, match="expected a whole number, 1 or more"):
            find_similar(table, table, k)


def test_rows_of_which_there_are_none_or_some_twice_are_said():
    queries = rows_of("q")
    with pytest.warns(FeatxWarning, match="hold no row"):
        assert find_similar(rows_of(""), queries) == []
    with pytest.warns(FeatxWarning, match="the id 'a' is there twice"):
        assert len(find_similar(rows_of("aab"), queries)) == 3
