"""How new samples are: p-values that are honest for usual samples and small for others."""

import numpy as np
import pytest

from featx.heads.novelty import NoveltyReference, neighbor_distances


def draw(rng, n, center=4.0):
    rows = rng.normal(size=(n, 20))
    rows[:, 0] += center
    return rows.astype(np.float32)


def reference_of(rows, groups=None):
    halves = rows.astype(np.float16)
    return NoveltyReference.of(halves, neighbor_distances(halves, groups))


def test_usual_samples_are_taken_for_new_as_often_as_asked(rng):
    shares = []
    for _ in range(15):
        reference = reference_of(draw(rng, 200))
        shares.append((reference.p_values(draw(rng, 200)) <= 0.1).mean())
    assert 0.07 < np.mean(shares) < 0.12


def test_samples_of_another_kind_are_new(rng):
    p_values = reference_of(draw(rng, 500)).p_values(draw(rng, 100, center=-4.0))
    assert (p_values <= 0.01).mean() > 0.95
    assert p_values.min() == pytest.approx(1 / 501)


def test_distances_are_those_of_scikit_learn(rng):
    sklearn = pytest.importorskip("sklearn.neighbors")
    rows = draw(rng, 80).astype(np.float16)
    nearest = sklearn.NearestNeighbors(n_neighbors=4, metric="cosine", algorithm="brute")
    expected = nearest.fit(rows.astype(float)).kneighbors(rows.astype(float))[0][:, -1]
    np.testing.assert_allclose(neighbor_distances(rows), expected, atol=1e-5)


def test_rows_of_one_group_are_not_neighbours(rng):
    rows = draw(rng, 60).repeat(5, axis=0)
    groups = np.arange(60).repeat(5).astype(str)
    assert neighbor_distances(rows.astype(np.float16)).max() == 0
    assert neighbor_distances(rows.astype(np.float16), groups).min() > 0


@pytest.mark.parametrize("n", [1, 2, 3])
def test_a_handful_of_rows_calls_nothing_new(rng, n):
    reference = reference_of(draw(rng, n))
    assert (reference.p_values(draw(rng, 5)) >= 1 / (n + 1)).all()
    assert len(reference.p_values(np.empty((0, 20), np.float32))) == 0


def test_rows_beyond_half_precision_and_rows_of_zeros_have_p_values(rng):
    reference = reference_of(draw(rng, 50))
    odd = np.stack([np.zeros(20), np.full(20, 1e30), np.full(20, -1e30)]).astype(np.float32)
    p_values = reference.p_values(odd)
    assert ((p_values > 0) & (p_values <= 1)).all()
