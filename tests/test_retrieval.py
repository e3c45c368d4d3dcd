"""The nearest of kept rows: those of scikit-learn, whether rows lie in one file, in shards or in memory."""

import json

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

import featx
from featx.errors import BadTable
from featx.retrieval import find_similar
from tests.support.commands import refusal, run

TEXTS = [
    f"{noun} number {i} on the {place}"
    for i in range(12)
    for noun, place in (("cat", "mat"), ("dog", "log"))
]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Texts, their rows in one file, and in shards."""
    pytest.importorskip("pyarrow")
    root = tmp_path_factory.mktemp("similar")
    lines = [f"{i},{text},{text[:3]}" for i, text in enumerate(TEXTS)]
    (root / "texts.csv").write_text("id,text,label\n" + "\n".join(lines) + "\n")
    for output in (["rows.npz"], ["shards", "--shards", 5]):
        name, *words = output
        assert (
            run("extract", root / "texts.csv", "-o", root / name, "--jobs", 1, *words).exit_code
            == 0
        )
    return root


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
@pytest.mark.parametrize("source", ["rows.npz", "shards", None])
def test_the_nearest_are_those_of_scikit_learn(world, rng, metric, source):
    rows = featx.read_rows(world / "rows.npz")
    noise = rng.normal(0, 0.01, (4, rows.dim)).astype(np.float32)
    queries = featx.Rows(tuple("abcd"), (None,) * 4, rows.embeddings[:4] + noise, rows.fingerprint)
    found = find_similar(rows if source is None else world / source, queries, 3, metric=metric)
    theirs = NearestNeighbors(n_neighbors=3, metric=metric).fit(rows.embeddings)
    distances, indices = theirs.kneighbors(queries.embeddings)
    assert [one.id for one in found] == [rows.ids[i] for i in indices.ravel()]
    assert [one.label for one in found] == [rows.labels[i] for i in indices.ravel()]
    assert [(one.query, one.rank) for one in found] == [(q, r) for q in "abcd" for r in (1, 2, 3)]
    np.testing.assert_allclose([one.distance for one in found], distances.ravel(), atol=1e-5)


def test_a_query_that_is_among_the_rows_is_not_its_own_neighbour(world):
    rows = featx.read_rows(world / "shards")
    found = find_similar(world / "shards", rows, 1)
    assert all(one.query != one.id for one in found)
    assert len(find_similar(rows, rows.slice(0, 1), 100)) == len(rows) - 1


def test_rows_of_another_backbone_are_refused(world):
    rows = featx.read_rows(world / "rows.npz")
    other = featx.Rows(rows.ids, rows.labels, rows.embeddings, "0" * 64)
    with pytest.raises(BadTable, match="another backbone"):
        find_similar(world / "shards", other)


def test_the_command_finds_the_backbone_by_the_rows(world, tmp_path):
    words = ["similar", world / "shards", world / "texts.csv", "-k", 2, "--jobs", 1]
    page, table = tmp_path / "page.html", tmp_path / "found.csv"
    result = run(*words, "--html", page, "--samples", world / "texts.csv")
    assert result.exit_code == 0, result.output
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [line["rank"] for line in lines] == [1, 2] * len(TEXTS)
    assert all(line["label"] == TEXTS[int(line["query"])][:3] for line in lines[::2])
    assert TEXTS[0] in page.read_text()
    assert "http" not in page.read_text().replace("http-equiv", "")
    assert run(*words, "-o", table).exit_code == 0
    assert table.read_text().splitlines()[0] == "query,rank,id,label,distance"


def test_what_makes_no_sense_is_refused(world, tmp_path):
    words = ["similar", world / "rows.npz", world / "texts.csv"]
    assert "another backbone" in refusal(
        run(*words, "--backbone", "featx-text-nano", "--normalize")
    )
    assert "--html" in run(*words, "--samples", "x").stderr
    (tmp_path / "empty").mkdir()
    assert "_index.json" in refusal(run("similar", tmp_path / "empty", world / "texts.csv"))
