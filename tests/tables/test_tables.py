import csv
import json
import os
import signal
import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import featx._extras
from featx.embedding.rows import Reject, Rows
from featx.errors import BadTable, MissingExtra, OutputFailed
from featx.tables import (
    FORMATS,
    TableWriter,
    check_output,
    read_rows,
    write_rejects,
    write_rows,
)

MADE_BY = "ab" * 32
NASTY = (
    "a/b c.jpg",
    "é☃𝄞",
    'say "x", y',
    "two\nlines",
    "\r",
    "a\r\nb",
    " b ",
    "=1+1",
    "",
    "a\\xff",
    ",",
)


def table(n=5, dim=3, start=0):
    ids = tuple(f"{number}.jpg" for number in range(start, start + n))
    labels = tuple((None, "cat", "dog")[number % 3] for number in range(start, start + n))
    numbers = np.arange(start * dim, (start + n) * dim, dtype=np.float32).reshape(n, dim) / 7
    return Rows(ids, labels, numbers, MADE_BY)


def same(one, other):
    assert one.ids == other.ids
    assert one.labels == other.labels
    assert one.fingerprint == other.fingerprint
    assert one.embeddings.dtype == np.float32
    assert one.embeddings.flags.c_contiguous
    np.testing.assert_array_equal(one.embeddings, other.embeddings)
    signs = [np.signbit(np.nan_to_num(rows.embeddings)) for rows in (one, other)]  # of zeros too
    np.testing.assert_array_equal(*signs)


@pytest.fixture(params=FORMATS)
def path(tmp_path, request):
    return tmp_path / f"rows{request.param}"


texts = st.text(st.characters(codec="utf-8"), max_size=8).filter(
    lambda text: not text.endswith("\0")
)


@st.composite
def tables(draw):
    n = draw(st.integers(1, 6))
    shape = (n, draw(st.integers(1, 4)))
    ids = tuple(draw(st.sampled_from(NASTY) | texts) for _ in range(n))
    labels = tuple(draw(st.none() | texts.filter(bool)) for _ in range(n))
    return Rows(ids, labels, draw(hnp.arrays(np.float32, shape)), draw(st.just(MADE_BY) | texts))


@given(rows=tables())
@example(rows=Rows(NASTY, (*NASTY[:8], None, "x", ","), np.zeros((11, 1), np.float32), MADE_BY))
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_what_is_written_is_read_back(path, rows):
    written = write_rows(path, [rows], fingerprint=rows.fingerprint, dim=rows.dim)
    assert written.rows == len(rows)
    same(read_rows(path), rows)


def test_every_float_comes_back_as_it_was(path, rng):
    values = rng.integers(0, 2**32, (1500, 16), dtype=np.uint32).view(np.float32)
    values[0, :8] = [np.nan, np.inf, -np.inf, -0.0, 1e-45, 3.4028235e38, 1.1754944e-38, 0.1]
    rows = Rows(tuple(map(str, range(1500))), (None,) * 1500, values, MADE_BY)
    write_rows(path, [rows], fingerprint=MADE_BY, dim=16)
    same(read_rows(path), rows)


def test_the_bytes_do_not_depend_on_the_blocks(path):
    """More rows than two row groups of Parquet have."""
    contents = []
    for sizes in ([2600], [13] * 200, [0, 1023, 1, 1024, 0, 452, 100], [1000, 1100, 500]):
        starts = np.cumsum([0, *sizes])
        blocks = [table(size, 3, start) for size, start in zip(sizes, starts, strict=False)]
        write_rows(path, blocks, fingerprint=MADE_BY, dim=3)
        contents.append(path.read_bytes())
    assert len(set(contents)) == 1
    same(read_rows(path), table(2600))


def test_a_table_without_rows_is_well_formed(path):
    written = write_rows(path, [], fingerprint=MADE_BY, dim=4)
    assert written.rows == 0
    rows = read_rows(path)
    assert len(rows) == 0
    assert rows.embeddings.shape == ((0, 0) if path.suffix == ".jsonl" else (0, 4))
    assert rows.fingerprint == ("" if path.suffix in (".csv", ".jsonl") else MADE_BY)


def test_rows_are_written_as_they_are_and_read_back(path):
    written = write_rows(str(path), table())
    assert (written.rows, written.rejects) == (5, ())
    same(read_rows(str(path)), table())


def test_what_made_the_rows_and_their_width_are_those_of_the_first_block(path):
    write_rows(path, iter([table(2), table(3, start=2)]))
    same(read_rows(path), table(5))
    with pytest.raises(BadTable, match="3 columns, found a block of 4"):
        write_rows(path, [table(), table(dim=4)])
    same(read_rows(path), table(5))


def test_no_block_at_all_is_refused_where_nobody_says_of_what(path):
    with pytest.raises(BadTable, match=r"no rows to write; .* fingerprint= and dim="):
        write_rows(path, [])
    with pytest.raises(BadTable, match="one column or more, found 0"):
        write_rows(path, Rows((), (), np.empty((0, 0), np.float32), ""))
    assert list(path.parent.iterdir()) == []


def test_a_writer_takes_blocks_and_the_file_is_there_when_it_is_closed(path):
    with TableWriter(path) as writer:
        writer.write(table(2))
        assert not path.exists()
        writer.write(table(3, start=2))
        assert writer.written.rows == 5
    same(read_rows(path), table(5))


class Shards:
    """Every block in a file of its own: a writer that wraps another."""

    def __init__(self, folder, suffix):
        self.folder, self.suffix, self.count = folder, suffix, 0

    def __enter__(self):
        return self

    def write(self, block):
        with TableWriter(self.folder / f"{self.count}{self.suffix}") as writer:
            writer.write(block)
        self.count += 1

    def __exit__(self, *failure):
        pass


def test_a_writer_may_wrap_another(path):
    with Shards(path.parent, path.suffix) as writer:
        for block in (table(2), table(3, start=2)):
            writer.write(block)
    parts = [read_rows(path.with_name(f"{number}{path.suffix}")) for number in (0, 1)]
    same(Rows.concatenate(parts), table(5))


def test_a_type_that_a_format_cannot_hold_is_refused_by_name(path):
    with pytest.raises(BadTable, match=rf"\{path.suffix} cannot hold int7; expected float"):
        write_rows(path, table(), dtype="int7")
    assert list(path.parent.iterdir()) == []


def test_half_the_bytes_come_back_as_float32_to_three_digits(tmp_path, rng):
    values = rng.normal(size=(500, 64)).astype(np.float32)
    values[0, :4] = [np.nan, np.inf, -np.inf, -0.0]
    rows = Rows(tuple(map(str, range(500))), (None,) * 500, values, MADE_BY)
    whole, half = tmp_path / "32.parquet", tmp_path / "16.parquet"
    write_rows(whole, rows)
    write_rows(half, rows, dtype="float16")
    back = read_rows(half)
    same(back, Rows(rows.ids, rows.labels, values.astype(np.float16).astype(np.float32), MADE_BY))
    np.testing.assert_allclose(back.embeddings, values, rtol=1e-3, atol=1e-7)
    assert half.stat().st_size < 0.6 * whole.stat().st_size
    assert pd.read_parquet(half)["embedding"][1].dtype == np.float16


@pytest.mark.parametrize("suffix", [".npz", ".csv", ".jsonl"])
def test_a_format_without_halves_names_the_one_that_has_them(tmp_path, suffix):
    path = tmp_path / f"rows{suffix}"
    with pytest.raises(BadTable, match=rf"\{suffix} cannot hold float16; write \.parquet"):
        write_rows(path, table(), dtype="float16")
    assert not path.exists()


def test_a_number_beyond_float16_is_refused_not_made_infinite(tmp_path):
    rows = Rows(("a",), (None,), np.array([[1.0, 70000.0]], np.float32), MADE_BY)
    with pytest.raises(BadTable, match="70000 is beyond float16, which ends at 65504"):
        write_rows(tmp_path / "rows.parquet", rows, dtype="float16")
    assert list(tmp_path.iterdir()) == []


def test_rejects_are_handed_back_by_the_writer(path):
    one = Rows((), (), np.empty((0, 3), np.float32), MADE_BY, (Reject("a", "empty file"),))
    written = write_rows(path, [one, table(2)], fingerprint=MADE_BY, dim=3)
    assert written.rejects == (Reject("a", "empty file"),)
    assert len(read_rows(path)) == 2


def test_a_failing_run_leaves_the_old_table_and_nothing_else(path):
    write_rows(path, [table(2)], fingerprint=MADE_BY, dim=3)

    def failing():
        yield table(3)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_rows(path, failing(), fingerprint=MADE_BY, dim=3)
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    same(read_rows(path), table(2))


@pytest.mark.parametrize(
    ("fingerprint", "dim", "words"),
    [("cd" * 32, 3, "backbone cdcd"), (MADE_BY, 4, "4 columns, found a block of 3")],
)
def test_a_block_of_another_backbone_or_width_is_refused(path, fingerprint, dim, words):
    with pytest.raises(BadTable, match=words):
        write_rows(path, [table()], fingerprint=fingerprint, dim=dim)
    assert not path.exists()


def test_a_missing_folder_is_told_before_anything_is_computed(path):
    def never():
        pytest.fail("asked for rows")
        yield table()

    with pytest.raises(OutputFailed, match="does not exist"):
        write_rows(path.parent / "no" / path.name, never(), fingerprint=MADE_BY, dim=3)


@pytest.mark.parametrize("name", ["rows", "rows.xlsx", "rows.csv.gz"])
def test_an_unknown_suffix_is_refused_with_the_known_ones(tmp_path, name):
    for use in (check_output, read_rows):
        with pytest.raises(BadTable, match=r"\.parquet, \.npz, \.csv, \.jsonl"):
            use(tmp_path / name)


def test_suffixes_are_known_in_any_case(tmp_path):
    write_rows(tmp_path / "R.CSV", [table()], fingerprint=MADE_BY, dim=3)
    same(read_rows(tmp_path / "R.CSV"), table())


def test_parquet_without_pyarrow_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtra, match=r"pip install 'featx\[parquet\]'"):
        check_output(tmp_path / "rows.parquet")


def test_a_missing_library_is_named_with_its_extra():
    with pytest.raises(MissingExtra, match=r"no_such_library is not installed.*featx\[x\]"):
        featx._extras.require("no_such_library.part", extra="x")


def test_a_broken_library_is_not_reported_as_a_missing_one(tmp_path, monkeypatch):
    (tmp_path / "broken_library.py").write_text("import what_it_needs_and_has_not")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="what_it_needs"):
        featx._extras.require("broken_library", extra="any")


def test_a_missing_file_is_told_in_words(path):
    with pytest.raises(BadTable, match="no such file"):
        read_rows(path)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.98])
def test_a_damaged_file_is_a_bad_table(path, share):
    write_rows(path, [table(200, 30)], fingerprint=MADE_BY, dim=30)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    if share == 0.0 and path.suffix == ".jsonl":
        assert len(read_rows(path)) == 0
        return
    with pytest.raises(BadTable, match=path.name) as refused:
        read_rows(path)
    assert "\n" not in str(refused.value)


def test_a_file_of_garbage_is_a_bad_table(path, rng):
    for content in (
        b"\xff\xfe\0garbage" * 50,
        rng.bytes(3000),
        b"PK\x03\x04" + rng.bytes(500),
        b'"',
    ):
        path.write_bytes(content)
        with pytest.raises(BadTable, match=path.name):
            read_rows(path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("id,label,e0,e1\na,,1\n", "line 2: expected 4 cells, found 3"),
        ("id,label,e0\na,,x\n", "line 2: not numbers"),
        ("id,label,e1\na,,1\n", "expected columns"),
        ("label,e0\na,1\n", "expected columns"),
        ("id,fingerprint,e0\na,x,1\nb,y,1\n", "2 backbones"),
    ],
)
def test_a_csv_of_others_is_refused_in_words(tmp_path, content, words):
    path = tmp_path / "rows.csv"
    path.write_text(content)
    with pytest.raises(BadTable, match=words):
        read_rows(path)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('{"id": "b", "embedding": [1, 2]}', "line 2: expected 1 numbers, found 2"),
        ('{"id": "b", "embedding": ["x"]}', "line 2: not numbers"),
        ('{"id": 7, "embedding": [1]}', "line 2: expected an object"),
        ('{"id": "b"}', "line 2: expected an object"),
        ('{"id": "b", "embedding": [1]', "line 2: expected an object"),
        ("[" * 100_000, "line 2: expected an object"),
        ('{"id": "\\ud800", "embedding": [1]}', "not text that UTF-8 can hold"),
    ],
)
def test_json_lines_of_others_are_refused_in_words(tmp_path, line, words):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"id": "a", "embedding": [1]}\n' + line + "\n")
    with pytest.raises(BadTable, match=words):
        read_rows(path)


def test_a_csv_without_fingerprint_says_no_backbone(tmp_path):
    (tmp_path / "rows.csv").write_text("id,label,e0\na,,0.5\n")
    rows = read_rows(tmp_path / "rows.csv")
    assert (rows.ids, rows.labels, rows.fingerprint) == (("a",), (None,), "")


def test_pandas_numpy_json_and_csv_read_what_we_wrote(tmp_path):
    for suffix in FORMATS:
        write_rows(tmp_path / f"r{suffix}", [table(4)], fingerprint=MADE_BY, dim=3)
    expected = table(4).embeddings
    frame = pd.read_parquet(tmp_path / "r.parquet")
    assert list(frame.columns) == ["id", "label", "embedding"]
    np.testing.assert_array_equal(np.stack(frame["embedding"]), expected)
    with np.load(tmp_path / "r.npz", allow_pickle=False) as arrays:
        assert arrays["labels"].tolist() == ["", "cat", "dog", ""]
        assert arrays["ids"].tolist() == list(table(4).ids)
        assert str(arrays["fingerprint"]) == MADE_BY
        np.testing.assert_array_equal(arrays["embeddings"], expected)
    with (tmp_path / "r.csv").open(newline="") as file:
        first, *_ = csv.DictReader(file)
    assert list(first) == ["id", "label", "fingerprint", "e0", "e1", "e2"]
    for line in (tmp_path / "r.jsonl").read_text().splitlines():
        assert list(json.loads(line)) == ["id", "label", "fingerprint", "embedding"]


def test_a_parquet_that_pandas_rewrote_is_read(tmp_path):
    path = tmp_path / "rows.parquet"
    write_rows(path, [table(9)], fingerprint=MADE_BY, dim=3)
    pd.read_parquet(path).iloc[2:5].to_parquet(path, index=False)
    rows = read_rows(path)
    assert rows.ids == ("2.jpg", "3.jpg", "4.jpg")
    np.testing.assert_array_equal(rows.embeddings, table(9).embeddings[2:5])


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        ({"id": ["a"]}, "found id"),
        ({"id": ["a"], "embedding": ["x"]}, "lists of floats"),
        ({"id": ["a", "b"], "embedding": [[1.0], [1.0, 2.0]]}, "found lengths 1, 2"),
        ({"id": ["a", "b"], "embedding": [[1.0], None]}, "lengths 1, None"),
    ],
)
def test_a_parquet_of_others_is_refused_in_words(tmp_path, frame, words):
    pd.DataFrame(frame).to_parquet(tmp_path / "rows.parquet")
    with pytest.raises(BadTable, match=words):
        read_rows(tmp_path / "rows.parquet")


def test_an_npz_with_pickles_is_refused(tmp_path):
    path = tmp_path / "rows.npz"
    objects = np.array([{"a": 1}], object)
    np.savez(path, ids=objects, labels=objects, embeddings=np.zeros((1, 1)), fingerprint="")
    with pytest.raises(BadTable, match="damaged"):
        read_rows(path)


def test_an_id_that_npz_cannot_keep_is_refused_not_changed(tmp_path):
    rows = Rows(("a\0",), (None,), np.zeros((1, 1), np.float32), "")
    with pytest.raises(BadTable, match="NUL"):
        write_rows(tmp_path / "rows.npz", [rows], fingerprint="", dim=1)


@pytest.mark.skipif(os.name != "posix", reason="only POSIX limits the size of files")
def test_a_full_disk_is_told_and_leaves_nothing(path):
    import resource

    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, old[1]))
        values = np.random.default_rng(0).normal(size=(2000, 100)).astype(np.float32)
        rows = Rows(tuple(map(str, range(2000))), (None,) * 2000, values, MADE_BY)
        with pytest.raises(OutputFailed):
            write_rows(path, [rows], fingerprint=MADE_BY, dim=100)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
        signal.signal(signal.SIGXFSZ, handler)
    assert list(path.parent.iterdir()) == []


@pytest.mark.parametrize(
    ("ids", "labels", "embeddings", "words"),
    [
        (("a",), (), np.zeros((1, 2), np.float32), "1 ids and 0 labels for 1 rows"),
        (("a",), (None,), np.zeros((2, 2), np.float32), "for 2 rows"),
        (("a",), (None,), np.zeros((1, 2)), "found float64"),
        (("a",), (None,), np.zeros(2, np.float32), "shape"),
        (("a",), ("",), np.zeros((1, 2), np.float32), "blank label"),
        (("\udcff",), (None,), np.zeros((1, 2), np.float32), "UTF-8"),
    ],
)
def test_rows_that_do_not_fit_are_refused(ids, labels, embeddings, words):
    with pytest.raises(BadTable, match=words):
        Rows(ids, labels, embeddings, MADE_BY)


def test_blocks_are_joined_with_their_rejects():
    reject = Reject("x", "empty file")
    empty = Rows((), (), np.empty((0, 3), np.float32), MADE_BY, (reject,))
    joined = Rows.concatenate([table(2), empty, table(3, start=2)])
    same(joined, table(5))
    assert joined.rejects == (reject,)
    assert joined.dim == 3
    with pytest.raises(BadTable, match="found none"):
        Rows.concatenate([])
    with pytest.raises(BadTable, match="columns"):
        Rows.concatenate([table(), table(dim=4)])


def test_rejects_are_a_table_and_none_is_its_header(tmp_path):
    path = tmp_path / "rejects.csv"
    rejects = [Reject("a b.jpg", 'not an image: "x", y'), Reject("two\nlines", "empty file")]
    write_rejects(path, rejects)
    with path.open(newline="", encoding="utf-8") as file:
        header, *lines = csv.reader(file)
    assert header == ["id", "reason"]
    assert [Reject(*line) for line in lines] == rejects
    write_rejects(path, [])
    assert path.read_text() == "id,reason\n"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes are POSIX")
@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".npz", ".parquet"])
def test_a_pipe_is_no_file_of_rows_and_not_waited_for(tmp_path, suffix):
    os.mkfifo(tmp_path / f"rows{suffix}")
    with pytest.raises(BadTable, match="cannot be read: not a regular file"):
        read_rows(tmp_path / f"rows{suffix}")
