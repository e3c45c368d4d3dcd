"""Approximate neighbours: near pairs are found, distances are exact, and odd tables are borne."""

import numpy as np
import pytest

from featx.embedding.approximate import approximate_nearest
from featx.embedding.neighbors import nearest_among
from featx.errors import BadOption, BadTable


def cloud(n, dim=32, seed=0):
    """Return rows in few directions with some noise, as those of backbones are."""
    rng = np.random.default_rng(seed)
    basis = rng.standard_normal((10, dim))
    return (rng.standard_normal((n, 10)) @ basis + 0.3 * rng.standard_normal((n, dim))).astype(
        np.float32
    )


def test_planted_pairs_are_found_and_their_distances_are_exact(tmp_path):
    table = cloud(2600)
    rng = np.random.default_rng(1)
    first = rng.choice(1200, 100, replace=False)
    second = 1200 + rng.choice(1400, 100, replace=False)
    table[second] = table[first] + 0.05 * rng.standard_normal((100, 32)).astype(np.float32)
    np.save(tmp_path / "rows.npy", table)
    found = approximate_nearest(np.load(tmp_path / "rows.npy", mmap_mode="r"), 5)
    assert (found.indices[second] == first[:, None]).any(axis=1).mean() >= 0.99
    exact = nearest_among(table, 5)
    same = found.indices == exact.indices
    assert same.mean() > 0.99
    np.testing.assert_array_equal(found.distances[same], exact.distances[same])
    assert (np.diff(found.distances, axis=1) >= 0).all()


def test_each_neighbour_is_given_once_and_no_row_is_its_own():
    table = cloud(2100)
    found = approximate_nearest(table, 8)
    assert (found.indices != np.arange(2100)[:, None]).all()
    assert all(len(set(row)) == 8 for row in found.indices.tolist())


def test_a_part_of_equal_rows_that_is_larger_than_a_cell_is_divided():
    table = cloud(2600)
    table[400:2000] = table[0]
    found = approximate_nearest(table, 4, largest_cell=500)
    assert (found.distances[400:2000] == 0).all()
    assert (found.indices[400:2000] >= 0).all()


def test_few_rows_are_searched_exactly_and_bad_ones_refused():
    table = cloud(100)
    np.testing.assert_array_equal(
        approximate_nearest(table, 3).indices, nearest_among(table, 3).indices
    )
    with pytest.raises(BadOption, match="probes"):
        approximate_nearest(table, 3, probes=0)
    with pytest.raises(BadTable, match="NaN"):
        approximate_nearest(np.full((5000, 3), np.nan))
