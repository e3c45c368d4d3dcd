"""Records of named cells appear whole in a file of each format, or not at all; rows carry columns."""

import json

import numpy as np
import pytest

from featx.embedding.rows import Rows
from featx.errors import BadTable, OutputFailed
from featx.tables import FORMATS, TableWriter, read_rows, write_rows
from featx.tables.records import RECORD_FORMATS, RecordWriter, check_records_output

COLUMNS = {"id": str, "share": float, "n": int, "good": bool}
RECORDS = [
    {"id": 'say "x", y\nz', "share": 0.25, "n": 3, "good": True},
    {"id": "=1+1", "share": None, "n": None, "good": None},
]


def test_each_format_holds_every_cell(tmp_path):
    for suffix in RECORD_FORMATS:
        with RecordWriter(tmp_path / f"x{suffix}", COLUMNS) as writer:
            writer.write_all(RECORDS)
    lines = (tmp_path / "x.csv").read_text(encoding="utf-8")
    assert lines == 'id,share,n,good\n"say ""x"", y\nz",0.25,3,true\n=1+1,,,\n'
    lines = (tmp_path / "x.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines] == RECORDS
    parquet = pytest.importorskip("pyarrow.parquet")
    table = parquet.read_table(tmp_path / "x.parquet")
    assert table.to_pylist() == RECORDS
    assert [str(kind) for kind in table.schema.types] == ["string", "double", "int64", "bool"]


@pytest.mark.parametrize("suffix", RECORD_FORMATS)
def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path, suffix):
    path = tmp_path / f"x{suffix}"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError), RecordWriter(path, COLUMNS) as writer:  # noqa: PT012
        writer.write(RECORDS[0])
        raise ZeroDivisionError
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_name_or_a_place_that_cannot_be_is_refused_beforehand(tmp_path):
    with pytest.raises(BadTable, match=r"expected a name ending in \.csv, \.jsonl, \.parquet"):
        check_records_output(tmp_path / "x.npz")
    with pytest.raises(OutputFailed, match="create it first"):
        check_records_output(tmp_path / "absent" / "x.csv")


def rows_of(n, **columns):
    ids = tuple(f"{number}" for number in range(n))
    cells = {name: tuple(values) for name, values in columns.items()}
    return Rows(ids, ("a",) * n, np.ones((n, 2), np.float32), "f", columns=cells)


@pytest.mark.parametrize("suffix", FORMATS)
def test_columns_come_back_from_every_format(tmp_path, suffix):
    path = tmp_path / f"x{suffix}"
    block = rows_of(2, note=['é, "q"\n', None], count=[1, None], share=[0.5, 2.0])
    write_rows(path, [block, rows_of(1)])
    columns = read_rows(path).columns
    assert list(columns) == ["note", "count", "share"]
    assert columns["note"][0] == 'é, "q"\n'
    assert columns["note"][1] in (None, "")
    found = [
        [None if cell in ("", None) else float(cell) for cell in columns[n]]
        for n in ("count", "share")
    ]
    assert found == [[1, None, None], [0.5, 2, None]]


def test_a_column_may_not_have_the_name_of_one_of_ours(tmp_path):
    for name in ("id", "label", "embedding", "fingerprint", "e0", "e17"):
        with pytest.raises(BadTable, match=r"has a column .* of its own"):
            write_rows(tmp_path / "x.csv", rows_of(1, **{name: ["x"]}))
    with pytest.raises(BadTable, match="found also 'more'"):
        write_rows(tmp_path / "x.csv", [rows_of(1, note=["x"]), rows_of(1, more=["y"])])
    with pytest.raises(BadTable, match="expected a cell a row, found 1 of 'note' for 2 rows"):
        rows_of(2, note=["x"])
    with pytest.raises(BadTable, match="expected texts, numbers or truth values"):
        TableWriter(tmp_path / "x.csv", columns={"note": list})


def test_what_others_put_beside_our_arrays_is_no_column(tmp_path):
    path = tmp_path / "x.npz"
    write_rows(path, rows_of(2))
    arrays = dict(np.load(path))
    odd = {"pickled": np.array([{}], object), "matrix": np.eye(2), "short": np.ones(1)}
    np.savez(path, **arrays, **odd, share=np.array([0.5, np.nan]))
    assert read_rows(path).columns == {"share": (0.5, None)}


def test_rows_that_are_joined_have_the_columns_of_all():
    joined = Rows.concatenate([rows_of(1, a=["x"]), rows_of(1, b=[2])])
    assert joined.columns == {"a": ("x", None), "b": (None, 2)}
    assert joined.slice(1, 2).columns == {"a": (None,), "b": (2,)}
