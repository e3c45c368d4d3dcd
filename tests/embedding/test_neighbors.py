"""Nearest rows are those that scikit-learn's brute force finds, whatever the blocks."""

from itertools import pairwise

import numpy as np
import pytest
from sklearn.metrics import pairwise_distances
from sklearn.neighbors import NearestNeighbors

from featx.embedding.neighbors import (
    PreparedRows,
    close_pairs,
    nearest_among,
    nearest_in_blocks,
    nearest_rows,
)
from featx.errors import BadOption, BadTable

METRICS = ["cosine", "euclidean"]
# the least that a search takes: many blocks
SMALL = 1 << 20


@pytest.fixture
def rows():
    """Two clouds of very different size, so that they are far from zero and unlike in scale."""
    rng = np.random.default_rng(0)
    near, far = rng.standard_normal((400, 24)), 30 * rng.standard_normal((250, 24)) + 50
    return np.vstack([near, far]).astype(np.float32)


def oracle(queries, rows, k, metric):
    found = NearestNeighbors(n_neighbors=k, metric=metric, algorithm="brute")
    return found.fit(rows.astype(np.float64)).kneighbors(queries.astype(np.float64))


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("memory", [SMALL, 1 << 30])
def test_the_nearest_of_queries_are_those_of_scikit_learn(rows, metric, memory):
    queries = rows[::7] + np.float32(0.01)
    distances, indices = oracle(queries, rows, 9, metric)
    found = nearest_rows(queries, rows, 9, metric=metric, memory=memory)
    np.testing.assert_array_equal(found.indices, indices)
    np.testing.assert_allclose(found.distances, distances, rtol=1e-4, atol=1e-6)
    assert found.distances.dtype == np.float32


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("memory", [SMALL, 1 << 30])
def test_the_nearest_others_are_those_of_scikit_learn_without_the_row_itself(rows, metric, memory):
    distances, indices = oracle(rows, rows, 8, metric)
    found = nearest_among(rows, 7, metric=metric, memory=memory)
    np.testing.assert_array_equal(found.indices, indices[:, 1:])
    np.testing.assert_allclose(found.distances, distances[:, 1:], rtol=1e-4, atol=1e-6)
    own = nearest_rows(rows, rows, 7, metric=metric, own=np.arange(len(rows)), memory=memory)
    np.testing.assert_array_equal(own.indices, found.indices)
    np.testing.assert_array_equal(own.distances, found.distances)


@pytest.mark.parametrize("metric", METRICS)
def test_blocks_in_any_order_and_rows_on_disk_change_no_bit(rows, metric, tmp_path):
    whole = nearest_rows(rows, rows, 5, metric=metric)
    cuts = [0, 3, 200, 201, 500, len(rows)]
    blocks = [(a, rows[a:b]) for a, b in pairwise(cuts)]
    streamed = nearest_in_blocks(rows, reversed(blocks), 5, metric=metric, memory=SMALL)
    np.save(tmp_path / "rows.npy", rows)
    mapped = np.load(tmp_path / "rows.npy", mmap_mode="r")
    on_disk = nearest_rows(mapped, mapped, 5, metric=metric, memory=SMALL)
    for found in (streamed, on_disk):
        np.testing.assert_array_equal(found.indices, whole.indices)
        np.testing.assert_array_equal(found.distances, whole.distances)
    among = nearest_among(mapped, 5, metric=metric, memory=SMALL)
    np.testing.assert_array_equal(among.indices, nearest_among(rows, 5, metric=metric).indices)


@pytest.mark.parametrize("metric", METRICS)
def test_ties_are_in_the_order_of_their_indices_and_equal_rows_at_distance_0(metric):
    rng = np.random.default_rng(1)
    rows = np.repeat(rng.standard_normal((60, 16)).astype(np.float32), 5, axis=0)
    order = rng.permutation(len(rows))
    rows = rows[order]
    found = nearest_among(rows, 4, metric=metric, memory=SMALL)
    for i in range(len(rows)):
        copies = np.flatnonzero((rows == rows[i]).all(axis=1))
        assert found.indices[i].tolist() == copies[copies != i].tolist()
    assert (found.distances == 0).all()


@pytest.mark.parametrize("metric", METRICS)
def test_thousands_of_equal_rows_are_each_other_s_nearest(metric):
    rows = np.ones((3000, 8), np.float32)
    rows[-1] = -1
    found = nearest_among(rows, 3, metric=metric)
    assert (found.distances[:-1] == 0).all()
    assert found.distances[-1] == pytest.approx([2 if metric == "cosine" else np.sqrt(32)] * 3)


def test_rows_sorted_by_class_are_searched_as_well():
    rng = np.random.default_rng(2)
    rows = np.repeat(10 * np.eye(12), 60, axis=0) + rng.standard_normal((720, 12))
    found = nearest_among(rows.astype(np.float32), 6, metric="euclidean", memory=SMALL)
    _, indices = oracle(rows.astype(np.float32), rows.astype(np.float32), 7, "euclidean")
    np.testing.assert_array_equal(found.indices, indices[:, 1:])


@pytest.mark.parametrize("metric", METRICS)
def test_rows_of_one_group_are_not_neighbours(rows, metric):
    groups = np.arange(len(rows)) // 50
    found = nearest_among(rows, 3, metric=metric, groups=groups, memory=SMALL)
    distances = pairwise_distances(rows.astype(np.float64), metric=metric)
    distances[groups[:, None] == groups] = np.inf
    nearest = np.argsort(distances, axis=1, kind="stable")[:, :3]
    np.testing.assert_array_equal(found.indices, nearest)


def test_where_there_are_fewer_rows_than_asked_for_the_rest_is_marked():
    found = nearest_among(np.eye(3, dtype=np.float32), 4)
    assert found.indices.tolist() == [[1, 2, -1, -1], [0, 2, -1, -1], [0, 1, -1, -1]]
    assert np.isinf(found.distances[:, 2:]).all()
    nothing = nearest_rows(np.empty((0, 3)), np.eye(3), 2)
    assert nothing.indices.shape == nothing.distances.shape == (0, 2)
    assert (nearest_rows(np.eye(3), np.empty((0, 3)), 2).indices == -1).all()
    assert nearest_among(np.ones((1, 3)), 1).indices.tolist() == [[-1]]


def test_a_row_of_zeros_is_at_the_cosine_distance_1_of_all():
    rows = np.asarray([[0, 0], [3, 4], [0, 0], [-3, -4]], np.float32)
    found = nearest_among(rows, 3)
    assert found.distances.tolist() == [[1, 1, 1], [1, 1, 2], [1, 1, 1], [1, 1, 2]]
    assert nearest_among(rows, 3, metric="euclidean").distances[0].tolist() == [0, 5, 5]


@pytest.mark.parametrize("scale", [1e-30, 1e-6, 1e6, 1e30])
@pytest.mark.parametrize("metric", METRICS)
def test_the_scale_of_the_rows_changes_no_neighbour(rows, metric, scale):
    scaled = (rows * np.float32(scale)).astype(np.float32)
    found = nearest_among(scaled, 3, metric=metric)
    distances, indices = oracle(rows, rows, 4, metric)
    np.testing.assert_array_equal(found.indices, indices[:, 1:])
    factor = 1 if metric == "cosine" else scale
    np.testing.assert_allclose(found.distances / factor, distances[:, 1:], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("dtype", [np.float16, np.float64, np.int8, np.bool_])
def test_rows_of_other_numbers_are_searched_as_float32_would_be(dtype):
    rows = (np.random.default_rng(3).random((200, 7)) * 9).astype(dtype)
    found = nearest_among(rows, 2, metric="euclidean")
    same = nearest_among(rows.astype(np.float32), 2, metric="euclidean")
    np.testing.assert_array_equal(found.distances, same.distances)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("memory", [SMALL, 1 << 30])
def test_all_pairs_below_a_distance_are_found_once(rows, metric, memory):
    distances = pairwise_distances(rows.astype(np.float64), metric=metric)
    # between two distances: not at one
    limit = 1.00001 * float(np.quantile(distances, 0.002))
    pairs = close_pairs(rows, limit, metric=metric, memory=memory)
    first, second = np.nonzero(np.triu(distances <= limit, k=1))
    assert pairs.first.tolist() == first.tolist()
    assert pairs.second.tolist() == second.tolist()
    np.testing.assert_allclose(pairs.distances, distances[first, second], rtol=1e-4, atol=1e-6)


def test_the_pairs_at_distance_0_are_the_equal_rows(rows):
    doubled = np.vstack([rows, rows[:40]])
    for metric in METRICS:
        pairs = close_pairs(doubled, 0, metric=metric)
        assert pairs.first.tolist() == list(range(40))
        assert (pairs.second == pairs.first + len(rows)).all()
    assert len(close_pairs(np.eye(4), 0.5)) == len(close_pairs(np.empty((0, 4)), 1)) == 0


@pytest.mark.parametrize(
    ("arguments", "options", "error"),
    [
        (([[np.nan, 1]],), {}, BadTable),
        (([[np.inf, 1]],), {"metric": "euclidean"}, BadTable),
        (([1.0, 2.0],), {}, BadTable),
        (([["a"]],), {}, BadTable),
        (([[1e300, 1.0]],), {}, BadTable),
        (([[1.0]], 0), {}, BadOption),
        (([[1.0]],), {"metric": "manhattan"}, BadOption),
        (([[1.0]],), {"memory": 10}, BadOption),
        (([[1.0]],), {"groups": np.arange(2)}, BadOption),
    ],
)
def test_what_cannot_be_searched_is_refused_in_words(arguments, options, error):
    with pytest.raises(error, match=r"expected|NaN"):
        nearest_among(*arguments, **options)


def test_widths_and_distances_that_do_not_fit_are_refused():
    with pytest.raises(BadTable, match="expected 2 columns, found 3"):
        nearest_rows(np.ones((1, 2)), np.ones((1, 3)))
    with pytest.raises(BadOption, match="0 or more"):
        close_pairs(np.ones((2, 2)), float("nan"))
    with pytest.raises(BadOption, match="more than 10 pairs are as near"):
        close_pairs(np.ones((9, 2)), 0.1, most=10)


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_prepared_rows_have_the_same_neighbours(rng, metric):
    rows, queries = rng.normal(size=(300, 12)), rng.normal(size=(40, 12))
    kept = PreparedRows(rows, metric=metric)
    for some in (queries, queries[:1], rows[:5]):
        found, expected = kept.nearest(some, 4), nearest_rows(some, rows, 4, metric=metric)
        np.testing.assert_array_equal(found.indices, expected.indices)
        np.testing.assert_allclose(found.distances, expected.distances, atol=1e-6)
    with pytest.raises(BadTable):
        kept.nearest(queries[:, :5], 4)
