"""Vectors that a table holds, or whose rows lie elsewhere."""

import json
import math

import numpy as np
import pytest

import featx
from featx.errors import BadArtifact, BadOption, BadSample, BadTable
from featx.inputs.encoder import read_encoder
from featx.inputs.reading import read_records
from featx.inputs.spec import InputSpec
from featx.inputs.vectors import VectorEncoder
from featx.sources.file_names import refusal_of


def fit(*cells):
    return VectorEncoder.fit(cells, "emb")[0]


def test_lists_arrays_and_json_are_their_numbers():
    cells = ([1, 2.5], (3, 4), np.array([5, 6]), "[7, 8e-1]", [np.float32(0.5), 1], None)
    encoder = fit(*cells)
    rows = encoder.encode([encoder.read(cell) for cell in cells])
    expected = [[1, 2.5, 0], [3, 4, 0], [5, 6, 0], [7, 0.8, 0], [0.5, 1, 0], [0, 0, 1]]
    assert rows == pytest.approx(np.array(expected, np.float32))


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ([1], "expected a vector of 2 numbers as in training, found 1"),
        ([1, 2, 3], "found 3"),
        ([1, "a"], "among them 'a'"),
        ([1, True], "among them the truth value True"),
        ([1, None], "among them nothing"),
        ([1, math.nan], "found nan in a vector"),
        ([1, math.inf], "found inf in a vector"),
        ([1, 1e30], "found 1e+30 in a vector"),
        ([1, 10**400], "too large"),
        ("[1, 2", "found '[1, 2'"),
        ("1 2", "found '1 2'"),
        ("[" * 100_000, "found"),
        (3, "the number 3"),
        (b"12", "2 bytes"),
        ({}, "an object"),
        (np.zeros((2, 2)), "an array of shape (2, 2)"),
        (np.array(["a", "b"]), "an array of shape (2,)"),
        ([0.0] * 70_000, "at most 65,536"),
        ([[1], [2]], "among them a list"),
    ],
)
def test_a_cell_that_is_no_vector_is_refused_by_itself(cell, said):
    encoder = fit([1, 2], [3, 4])
    with pytest.raises(BadSample) as caught:
        encoder.read(cell)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("cells", "said"),
    [((None, []), "all 2 cells are empty"), (("a", "b"), "2 of 2 cells are no vectors")],
)
def test_a_column_without_vectors_is_refused(cells, said):
    with pytest.raises(BadSample, match=said):
        fit(*cells)


@pytest.mark.parametrize(
    "change", [{"length": 0}, {"length": 1 << 20}, {"length": 2.0}, {"empty": -1}, {"more": 1}]
)
def test_what_no_encoder_can_be_is_refused_when_it_is_read(change):
    encoder = fit([1, 2])
    assert read_encoder(json.loads(json.dumps(encoder.to_dict())), "emb") == encoder
    with pytest.raises(BadArtifact):
        read_encoder({**encoder.to_dict(), **change}, "emb")


@pytest.fixture
def table(tmp_path):
    rows = featx.Rows(
        ("a", "b", "3"), (None,) * 3, np.arange(6, dtype=np.float32).reshape(3, 2), ""
    )
    featx.write_rows(tmp_path / "rows.npz", rows)
    (tmp_path / "t.csv").write_text("key,label\nb,x\n3,y\na,x\nnope,y\n,x\n")
    return tmp_path / "t.csv"


def read(table, rows):
    spec = InputSpec.parse(f"key:vector:{rows}")
    return [
        sample.data["key"]
        for sample in read_records(table, [spec, InputSpec.parse("label:category")])
    ]


def test_rows_that_lie_elsewhere_are_joined_by_their_ids(table):
    found = read(table, table.parent / "rows.npz")
    assert [one.tolist() for one in found[:3]] == [[2, 3], [4, 5], [0, 1]]
    assert "rows.npz has no row 'nope'" in refusal_of(found[3])
    assert found[4] is None
    with pytest.raises(BadSample, match="has no row 'nope'"):
        fit([1, 2]).read(found[3])


def test_rows_of_other_ids_are_refused(table):
    rows = featx.Rows(("q",), (None,), np.ones((1, 2), np.float32), "")
    featx.write_rows(table.parent / "other.npz", rows)
    with pytest.raises(BadOption, match="no cell of the column 'key' is the id of a row"):
        read(table, table.parent / "other.npz")
    with pytest.raises(BadTable):
        read(table, table.parent / "absent.npz")


@pytest.mark.filterwarnings("ignore::featx.errors.FeatxWarning")
def test_a_predictor_names_no_file_of_the_machine_that_made_it(table):
    table.write_text("key,label\nb,x\n3,y\na,x\n ,y\nb,x\n3,y\n")
    made = featx.fit(
        table,
        target="label",
        inputs={"key": f"vector:{table.parent / 'rows.npz'}"},
        engine=featx.Engine(on_error="skip"),
        head="ridge",
        baseline=False,
    )
    assert made.config.inputs == ("key:vector",)
    # The row in which nothing stands is left out, since the engine skips.
    assert [reject.id for reject in made.report.rejects] == ["row 4"]
