"""Rows at addresses: whole tables, and shards that continue after a run that was killed."""

import io

import numpy as np
import pytest

from featx import Rows, read_rows, write_rows
from featx.errors import BadTable, OutputFailed
from featx.retrieval import find_similar
from featx.sources import Sample
from featx.storage.address import to_path
from featx.tables import merge_shards, write_rejects
from featx.tables.records import RecordWriter, check_records_output
from featx.tables.shards import Shard, ShardFolder
from featx.tables.stored_rows import is_rows, open_stored_rows
from tests.support.remote_server import Objects, serving

pytest.importorskip("pyarrow")
ROWS = Rows(("a", "b", "c"), ("x", None, "y"), np.eye(3, dtype=np.float32), "print")


@pytest.fixture
def memory():
    system = pytest.importorskip("fsspec").filesystem("memory")
    yield system
    system.store.clear()


@pytest.mark.parametrize("suffix", [".parquet", ".npz", ".csv", ".jsonl"])
def test_rows_come_back_as_they_were_with_the_bytes_of_a_local_table(memory, suffix, tmp_path):
    write_rows(f"memory://box/rows{suffix}", ROWS)
    write_rows(tmp_path / f"rows{suffix}", ROWS)
    assert memory.cat_file(f"/box/rows{suffix}") == (tmp_path / f"rows{suffix}").read_bytes()
    back = read_rows(f"memory://box/rows{suffix}")
    assert (back.ids, back.labels) == (ROWS.ids, ROWS.labels)
    np.testing.assert_array_equal(back.embeddings, ROWS.embeddings)


def test_a_table_that_fails_leaves_what_stood_there(memory):
    write_rows("memory://box/rows.npz", ROWS)
    before = memory.cat_file("/box/rows.npz")

    def blocks():
        yield ROWS
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_rows("memory://box/rows.npz", blocks())
    assert memory.find("/box") == ["/box/rows.npz"]
    assert memory.cat_file("/box/rows.npz") == before


def test_shards_that_are_there_are_kept_and_merged(memory):
    folder = ShardFolder(to_path("memory://box/rows"), 3, "print", 3, "float32", {})
    samples = [Sample(name, name) for name in ROWS.ids]
    folder.open()
    for number in (0, 2):
        with folder.writing(Shard(number, 3), samples[number : number + 1]) as writer:
            writer.write(ROWS.slice(number, number + 1))
    with pytest.raises(BadTable, match=r"1 of 3 shards are missing \(1\)"):
        merge_shards("memory://box/rows")
    folder.open()
    assert folder.written(Shard(0, 3), samples[:1]).rows == 1
    assert folder.written(Shard(1, 3), samples[1:2]) is None
    assert folder.written(Shard(0, 3), samples[1:2]) is None
    with folder.writing(Shard(1, 3), samples[1:2]) as writer:
        writer.write(ROWS.slice(1, 2))
    assert merge_shards("memory://box/rows") == (3, ())
    assert read_rows("memory://box/rows").ids == ROWS.ids
    assert is_rows("memory://box/rows")
    assert open_stored_rows("memory://box/rows").facts().labels == list(ROWS.labels)
    [found] = find_similar("memory://box/rows", ROWS.slice(0, 1), 1)
    assert found.id in "bc"
    memory.pipe_file("/box/rows/part-00001-of-00003.parquet", b"x")
    with pytest.raises(BadTable, match="make it again"):
        read_rows("memory://box/rows")
    with pytest.raises(BadTable, match="not the bytes"):
        merge_shards("memory://box/rows")


def test_rows_are_read_of_a_web_server_and_not_written_there():
    data = io.BytesIO()
    np.savez(data, x=1)
    with serving(Objects().add({"bad.npz": data.getvalue()})) as server:
        with pytest.raises(BadTable, match=rf"^{server.url}/bad\.npz"):
            read_rows(f"{server.url}/bad.npz")
        with pytest.raises(BadTable, match="the server answered 404"):
            read_rows(f"{server.url}/none.npz")
        with pytest.raises(OutputFailed, match="object store"):
            write_rows(f"{server.url}/rows.npz", ROWS)


def test_records_and_rejects_are_written_to_addresses(memory):
    check_records_output("memory://box/found.csv")
    assert memory.find("/box") == []
    with RecordWriter("memory://box/found.csv", {"id": str}) as writer:
        writer.write({"id": "a"})
    write_rejects("memory://box/rejects.csv", [])
    assert memory.cat_file("/box/found.csv") == b"id\na\n"
    assert memory.cat_file("/box/rejects.csv").startswith(b"id,reason")


def test_rows_that_say_to_be_larger_than_the_disk_are_not_copied():
    with serving(Objects().add({"rows.npz": b"x" * 100})) as objects:
        objects.lies["/rows.npz"] = {"Content-Range": f"bytes 0-0/{10**17}"}
        for ask in (read_rows, open_stored_rows):
            with pytest.raises(BadTable, match=r"100,000,000,000,000,000 bytes, and .* are free"):
                ask(f"{objects.url}/rows.npz")
