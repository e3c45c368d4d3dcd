"""How each training part would standardise its rows, found from sums over the rows that parts share."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from sklearn.preprocessing import StandardScaler

from featx.tuning.solvers.standardization import ColumnScales, SharedRows, part_weights

TRAINS = (np.arange(40), np.arange(10, 60), np.r_[:20, 30:60])


@pytest.fixture
def rows(rng):
    """70 rows: far from zero, constant, constant in a part alone, of one value that is large, and tiny."""
    table = rng.normal(size=(70, 7))
    table[:, 0] += 1e6
    table[:, 1] = 5
    table[:40, 2] = 0
    table[:40, 3] = 0.1
    table[45, 3] = 1e7
    table[:, 4] *= 1e-20
    table[:, 5] = 1e7
    return table.astype(np.float32)


@pytest.mark.parametrize("weighted", [False, True])
def test_parts_are_standardised_as_scikit_learn_does(rows, weighted, rng):
    weight = rng.integers(0, 4, size=70).astype(float) if weighted else None
    ours = ColumnScales.of(rows, part_weights(70, TRAINS, weight))
    for part, train in enumerate(TRAINS):
        own = None if weight is None else weight[train]
        theirs = StandardScaler().fit(rows[train].astype(np.float64), sample_weight=own)
        np.testing.assert_allclose(ours.means[part], theirs.mean_, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(ours.scales[part], theirs.scale_, rtol=1e-6)
        np.testing.assert_array_equal(ours.varied[part], theirs.var_ > 0)


def test_the_shared_table_stretched_and_shifted_is_what_each_part_sees(rows):
    weights = part_weights(70, TRAINS)
    with ThreadPoolExecutor(3) as pool:
        shared, again = (SharedRows.of(rows, weights, fn) for fn in (map, pool.map))
    np.testing.assert_array_equal(shared.table, again.table)
    np.testing.assert_array_equal(shared.stretch, again.stretch)
    assert np.isfinite(shared.table).all()
    for part, train in enumerate(TRAINS):
        scaler = StandardScaler().fit(rows[train].astype(np.float64))
        seen = shared.table[train] * shared.stretch[part, :, 0] + shared.shift[part, :, 0]
        np.testing.assert_allclose(
            seen, scaler.transform(rows[train].astype(np.float64)), atol=1e-3
        )


def test_columns_that_keep_their_scale_are_centred_alone(rows):
    own = ColumnScales.of(rows, part_weights(70, TRAINS), standardize=False)
    assert (own.scales == 1).all()
    assert own.varied.all()
    np.testing.assert_allclose(own.means[0], rows[:40].astype(float).mean(axis=0), rtol=1e-9)
