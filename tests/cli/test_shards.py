"""Rows in a folder of shards: the same bytes whoever made which, however often it was killed."""

import json
import os
import random
import time
from contextlib import suppress

import numpy as np
import pytest

import featx
from featx.errors import BadTable, FeatxError
from featx.tables import merge_shards
from featx.tables.shard_facts import INDEX
from featx.tables.shards import Shard
from tests.support.commands import refusal, run, start

pytest.importorskip("pyarrow")

TEXTS = [f"text {i} of {'many' if i % 3 else 'few'}" for i in range(23)]


@pytest.fixture
def table(tmp_path):
    """A table of 23 texts, one of them empty."""
    path = tmp_path / "my texts.csv"
    lines = [f"{i},{'' if i == 17 else text},{i % 2}" for i, text in enumerate(TEXTS)]
    path.write_text("id,text,label\n" + "\n".join(lines) + "\n")
    return path


def extract(table, output, *words):
    return run("extract", table, "-o", output, "--jobs", 1, "--on-error", "skip", *words)


def finish(process):
    said = process.communicate()
    assert process.returncode == 0, said


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_shards_hold_the_rows_of_one_table_in_its_order(table, tmp_path):
    assert extract(table, tmp_path / "one.parquet").exit_code == 0
    made = extract(table, tmp_path / "rows", "--shards", 4)
    assert "22 rows" in made.stderr
    assert "1 rejected" in made.stderr
    one, several = (featx.read_rows(tmp_path / name) for name in ("one.parquet", "rows"))
    assert several.ids == one.ids
    assert several.labels == one.labels
    assert several.fingerprint == one.fingerprint
    np.testing.assert_array_equal(several.embeddings, one.embeddings)
    assert [len(Shard(k, 4).of(23)) for k in range(4)] == [5, 6, 6, 6]
    assert (tmp_path / "rejects.csv").read_text().splitlines()[1].startswith("17,")


def test_other_libraries_read_the_folder(table, tmp_path):
    pandas = pytest.importorskip("pandas")
    extract(table, tmp_path / "rows", "--shard-size", 10)
    names = sorted(path.name for path in (tmp_path / "rows").glob("*.parquet"))
    assert names == [Shard(k, 3).name for k in range(3)]
    assert pandas.read_parquet(tmp_path / "rows")["id"].tolist() == [
        str(i) for i in range(23) if i != 17
    ]


@pytest.mark.parametrize("library", ["duckdb", "polars"])
def test_a_pattern_of_its_files_gives_other_libraries_every_row_once(table, tmp_path, library):
    other = pytest.importorskip(library)
    extract(table, tmp_path / "rows", "--shards", 3)
    files = str(tmp_path / "rows" / "*.parquet")
    ids = (
        [row[0] for row in other.sql(f"select id from '{files}'").fetchall()]
        if library == "duckdb"
        else other.read_parquet(files)["id"].to_list()
    )
    assert sorted(ids, key=int) == [str(i) for i in range(23) if i != 17]


def test_a_job_of_many_machines_makes_the_bytes_of_one(table, tmp_path):
    extract(table, tmp_path / "rows", "--shards", 4)
    for number in (2, 0, 3):
        assert extract(table, tmp_path / "parts", "--shard", f"{number}/4").exit_code == 0
    words = refusal(run("merge", tmp_path / "parts"))
    assert "1 of 4 shards are missing (1)" in words
    with pytest.raises(BadTable, match="featx merge"):
        featx.read_rows(tmp_path / "parts")
    extract(table, tmp_path / "parts", "--shard", "1/4")
    merged = run(
        "merge", tmp_path / "parts", "-o", tmp_path / "all.npz", "--rejects", tmp_path / "r.csv"
    )
    assert merged.exit_code == 0, merged.output
    assert contents(tmp_path / "parts") == contents(tmp_path / "rows")
    assert featx.read_rows(tmp_path / "all.npz").ids == featx.read_rows(tmp_path / "rows").ids
    assert (tmp_path / "r.csv").read_text().count("\n") == 2


def test_a_shard_that_is_there_is_kept_unless_its_samples_changed(table, tmp_path):
    folder = tmp_path / "rows"
    extract(table, folder, "--shards", 4)
    before = {path.name: path.stat().st_mtime_ns for path in folder.glob("*.parquet")}
    assert "4 of 4 shards were there" in extract(table, folder, "--shards", 4).stderr
    table.write_text(table.read_text().replace("text 22 ", "another text "))
    assert "3 of 4 shards were there" in extract(table, folder, "--shards", 4).stderr
    after = {path.name: path.stat().st_mtime_ns for path in folder.glob("*.parquet")}
    assert [name for name in before if before[name] != after[name]] == [Shard(3, 4).name]
    # What was rejected before is no longer skipped in silence.
    failed = run("extract", table, "-o", folder, "--shards", 4, "--on-error", "fail")
    assert refusal(failed).startswith("17:")


def test_damage_is_told_by_the_name_of_the_shard(table, tmp_path):
    folder = tmp_path / "rows"
    extract(table, folder, "--shards", 3)
    second, third = folder / Shard(1, 3).name, folder / Shard(2, 3).name
    whole = second.read_bytes()
    second.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    assert Shard(1, 3).name in refusal(run("merge", folder))
    second.write_bytes(whole[:-9])
    with pytest.raises(BadTable, match=r"part-00001-of-00003.*bytes, expected"):
        featx.read_rows(folder)
    assert "2 of 3 shards were there" in extract(table, folder, "--shards", 3).stderr
    third.write_bytes(whole)
    facts = folder / Shard(1, 3).facts_name
    (folder / Shard(2, 3).facts_name).write_bytes(facts.read_bytes())
    with pytest.raises(BadTable, match="is in another shard too"):
        merge_shards(folder)
    assert "one of 3 shards, and 5 were asked for" in refusal(extract(table, folder, "--shards", 5))


def test_hostile_facts_are_refused_in_words(table, tmp_path):
    folder = tmp_path / "rows"
    extract(table, folder, "--shards", 2)
    draw = random.Random(0)
    files = [folder / INDEX, folder / Shard(0, 2).facts_name]
    originals = [file.read_bytes() for file in files]
    others = ["null", "[]", "1e999", '{"shards": [{}]}', "[" * 5000, '{"a": 1, "a": 2}', "\x00"]
    others += ['{"fingerprint": "", "dim": 1, "shards": [{"name": "../../x", "rows": 1}]}']
    for file, original in zip(files, originals, strict=True):
        for trial in range(60):
            damaged = bytearray(original)
            for _ in range(draw.randint(1, 4)):
                damaged[draw.randrange(len(damaged))] = draw.randrange(256)
            file.write_bytes(others[trial].encode() if trial < len(others) else bytes(damaged))
            for ask in (featx.read_rows, merge_shards):
                with suppress(FeatxError):
                    ask(folder)
            # The index may have been written anew, and the facts are needed for it.
            for each, content in zip(files, originals, strict=True):
                each.write_bytes(content)


def test_an_index_that_contradicts_itself_is_refused(table, tmp_path):
    folder = tmp_path / "rows"
    extract(table, folder, "--shards", 2)
    index = json.loads((folder / INDEX).read_text())
    first, second = index["shards"]
    whole = "expected all shards of one number of shards, each once and in order"
    counts = "expected the name, rows, bytes and digest of each shard"
    for change, said in (
        ({"shards": [first, first, second]}, whole),
        ({"shards": [second, first]}, whole),
        # Rows of a shard that is not named would be lost.
        ({"shards": [first], "rows": first["rows"]}, whole),
        ({"shards": [first, second | {"name": "../part-00001-of-00002.parquet"}]}, whole),
        ({"shards": [first, second | {"name": "part-00001-of-00002.parquet\n"}]}, whole),
        ({"shards": [first | {"rows": -1}, second]}, counts),
        ({"shards": [first | {"bytes": -1}, second]}, counts),
        ({"shards": [first | {"sha256": "0"}, second]}, counts),
        ({"shards": [first | {"rows": 1e999}, second]}, "."),
        ({"dim": 0}, counts),
        ({"rows": index["rows"] + 1}, f"says {index['rows'] + 1} rows, its shards have"),
        ({"rows": None}, "expected fingerprint, dim, rows, shards"),
    ):
        (folder / INDEX).write_text(json.dumps(index | change))
        with pytest.raises(BadTable, match=said):
            featx.read_rows(folder)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--shards", 2, "--shard", "0/2"], "expected one of them"),
        (["--shard", "2/2"], "expected i/n"),
        (["--shard-size", "many"], "100k"),
        (["--shards", 0], "1<=x<=99999"),
    ],
)
def test_options_that_make_no_sense_are_refused(table, tmp_path, words, said):
    result = extract(table, tmp_path / "rows", *words)
    assert result.exit_code != 0
    assert said in result.stderr
    assert not (tmp_path / "rows").exists()


def test_shards_of_standard_input_and_to_standard_output_are_refused(table):
    assert "counted first" in run("extract", "-", "-o", "x", "--shards", 2, input="a\n").stderr
    assert "folder" in extract(table, "-", "--shards", 2).stderr


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
def test_killed_at_any_moment_the_bytes_are_the_same(tmp_path):
    texts = [f"text number {i} is about {'cats' if i % 2 else 'dogs'}" for i in range(4000)]
    table = tmp_path / "texts.csv"
    table.write_text("text\n" + "\n".join(texts) + "\n")
    words = ["extract", table, "--shards", 40, "--jobs", 1, "-o"]
    began = time.perf_counter()
    finish(start(*words, "whole", folder=tmp_path))
    took = time.perf_counter() - began
    draw = random.Random(0)
    for _ in range(8):
        process = start(*words, "killed", folder=tmp_path)
        time.sleep(took * draw.uniform(0.3, 0.9))
        process.kill()
        process.communicate()
    finish(start(*words, "killed", folder=tmp_path))
    assert contents(tmp_path / "killed") == contents(tmp_path / "whole")
    assert json.loads((tmp_path / "killed" / INDEX).read_text())["rows"] == 4000
