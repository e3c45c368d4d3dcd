"""Rows of a predictor of several inputs: extracted, parted into shards, and compared."""

from __future__ import annotations

import csv
import json
import warnings

import numpy as np
import pytest

import featx
from featx.inputs.comparing import RowSpace
from featx.inputs.joint import joint_blocks
from featx.tables import read_rows
from featx.tables.shards import read_shards
from tests.support.commands import refusal, run
from tests.support.goods import write_goods

pytestmark = pytest.mark.filterwarnings("default::featx.errors.FeatxWarning")
COLUMNS = ("--label-column", "sold", "--input", "photo:image", "--input", "price:number")


@pytest.fixture(scope="module")
def goods(tmp_path_factory):
    """Return a table and a predictor of two of its columns."""
    folder = tmp_path_factory.mktemp("goods")
    table = write_goods(folder, 20)
    done = run("fit", table, *COLUMNS, "--head", "ridge", "--no-baseline", "-o", folder / "g.featx")
    assert done.exit_code == 0, done.output
    return table, folder / "g.featx"


@pytest.fixture(scope="module")
def rows(goods):
    table, saved = goods
    words = ("--predictor", saved, "--label-column", "sold", "-o", table.parent / "rows.npz")
    done = run("extract", table, *words)
    assert done.exit_code == 0, done.output
    return table.parent / "rows.npz"


def lines_of(done):
    assert done.exit_code == 0, done.output
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_extracted_rows_are_those_that_the_head_is_given(goods, rows):
    table, saved = goods
    predictor, found = featx.load(saved), read_rows(rows)
    with table.open(newline="") as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        records = [
            {"photo": str(table.parent / row["photo"]), "price": row["price"]}
            for row in csv.DictReader(file)
        ]
    expected = predictor.embed(records)
    assert found.ids == tuple(f"g{number}" for number in range(20))
    assert np.array_equal(found.embeddings, expected.embeddings)
    assert found.fingerprint == predictor.fingerprint == expected.fingerprint
    assert set(found.labels) == {"yes", "no"}
    answers = [one.label for one in predictor.predict_rows(found)]
    assert answers == [one["label"] for one in lines_of(run("predict", saved, table))]


def test_shards_hold_the_same_rows_and_are_kept_when_started_again(goods, rows, tmp_path):
    table, saved = goods
    words = ("extract", table, "--predictor", saved, "-o", tmp_path / "shards", "--shards", "3")
    assert run(*words).exit_code == 0
    parts = list(read_shards(tmp_path / "shards"))
    assert np.array_equal(
        np.concatenate([part.embeddings for part in parts]), read_rows(rows).embeddings
    )
    again = run(*words)
    assert "3 of 3 shards were there" in again.stderr
    table.with_name("other.csv").write_text(table.read_text().replace("Acme", "Xcme"))
    assert (
        "columns"
        in run("similar", tmp_path / "shards", table, "--backbone", "featx-image-nano").stderr
    )


def test_similar_rows_are_near_with_all_inputs_alike(goods, rows, tmp_path):
    table, saved = goods
    found = lines_of(run("similar", rows, table, "--predictor", saved, "-k", "2"))
    kept, predictor = read_rows(rows), featx.load(saved)
    space = RowSpace.of(kept.embeddings, joint_blocks(predictor.inputs))
    scaled = space.apply(kept.embeddings).astype(np.float64)
    distances = np.linalg.norm(scaled[:, None] - scaled[None], axis=2)
    np.fill_diagonal(distances, np.inf)
    nearest = [kept.ids[place] for place in distances.argmin(axis=1)]
    first = [one for one in found if one["rank"] == 1]
    assert [one["id"] for one in first] == nearest
    assert [one["distance"] for one in first] == pytest.approx(distances.min(axis=1), rel=1e-3)
    run("extract", table, "--predictor", saved, "-o", tmp_path / "s", "--shards", "3")
    of_shards = lines_of(run("similar", tmp_path / "s", table, "--predictor", saved, "-k", "2"))
    assert [one["id"] for one in of_shards] == [one["id"] for one in found]
    page = tmp_path / "page.html"
    words = ("--html", page, "--samples", table)
    assert run("similar", rows, table, "--predictor", saved, *words).exit_code == 0
    assert page.read_text().count("<img") >= 20
    assert "price: " in page.read_text()


def test_a_space_of_parts_is_that_of_the_whole():
    rng = np.random.default_rng(0)
    table = rng.normal(5, [1, 3, 0.1], (50, 3)).astype(np.float32)
    blocks = joint_blocks(
        featx.fit(
            [
                {"a": float(x), "b": [float(y), float(z)], "c": "xy"[k % 2]}
                for k, (x, y, z) in enumerate(table)
            ],
            target="c",
            inputs={"a": "number", "b": "vector"},
            head="ridge",
            baseline=False,
        ).inputs
    )
    whole = RowSpace.of(table, blocks)
    parts = RowSpace.of_parts([table[:7], table[:0], table[7:8], table[8:]], blocks)
    assert np.allclose(whole.apply(table), parts.apply(table), atol=1e-5)
    assert RowSpace.of_parts([], blocks).scaling is None


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ("--input", "photo:image"),
            "train with `featx fit` and name what it wrote: --predictor NAME.featx",
        ),
        (
            ("--predictor", "SAVED", "--backbone", "featx-image-nano"),
            "--backbone: the predictor has its own",
        ),
        (("--predictor", "SAVED", "--input", "photo:image"), "the predictor has its own inputs"),
    ],
)
def test_what_cannot_make_rows_is_refused_in_words(goods, rows, tmp_path, words, said):
    table, saved = goods
    words = [saved if word == "SAVED" else word for word in words]
    for start in (("extract", table, "-o", tmp_path / "x.npz"), ("similar", rows, table)):
        done = run(*start, *words)
        assert done.exit_code in (1, 2)
        assert said in done.stderr


def test_the_layers_of_a_backbone_are_scored_on_a_column_that_is_named(goods):
    table, _ = goods
    words = ("backbones", "layers", "featx-image-nano", "--probe", table, "--label-column", "sold")
    named = run(*words, "--path-column", "photo", "--tap", "/Concat_1_output_0", "--format", "json")
    as_input = run(
        *words, "--input", "photo:image", "--tap", "/Concat_1_output_0", "--format", "json"
    )
    assert as_input.exit_code == 0, as_input.output
    scores = [
        [one["score"] for one in json.loads(done.stdout)["layers"]] for done in (named, as_input)
    ]
    assert scores[0] == scores[1]
    for wrong in ("caption:text", "photo:image:mobilenetv2-12"):
        said = refusal(run(*words, "--input", wrong))
        assert "expected a column of what featx-image-nano reads" in said
