"""How often sets cover, over many draws: what conformal prediction promises, and no more."""

import io

import numpy as np
import pytest

from featx.errors import BadArtifact, BadOption
from featx.heads.conformity import Conformity, check_share


def kept(scores, strata=None, **more):
    scores = np.atleast_2d(np.asarray(scores, np.float32).T).T
    strata = np.zeros((len(scores), 1), np.int32) if strata is None else strata
    return Conformity.of(scores, np.asarray(strata, np.int32).reshape(len(scores), -1), **more)


@pytest.mark.parametrize(("n", "coverage"), [(1000, 0.9), (200, 0.8), (40, 0.95)])
def test_a_new_sample_is_covered_as_often_as_asked_over_many_draws(rng, n, coverage):
    draws = rng.gamma(2, size=(2000, n + 1)).astype(np.float32)
    hits = [kept(row[:-1]).threshold(0, coverage) >= row[-1] for row in draws]
    exact = np.ceil((n + 1) * coverage) / (n + 1)
    assert abs(np.mean(hits) - exact) < 4 * np.sqrt(exact * (1 - exact) / 2000)


def test_each_stratum_is_covered_where_they_are_told_apart(rng):
    hits = {0: [], 1: []}
    for _ in range(1500):
        strata = rng.random(301) < 0.2
        scores = (rng.random(301) * np.where(strata, 1.0, 0.3)).astype(np.float32)
        one = kept(scores[:-1], strata[:-1])
        hits[int(strata[-1])].append(one.threshold(0, 0.9, int(strata[-1])) >= scores[-1])
    assert np.mean(hits[0]) > 0.88
    assert np.mean(hits[1]) > 0.88
    # Without, those that are seldom pay for the others.
    assert one.threshold(0, 0.9) < one.threshold(0, 0.9, 1)


def test_a_new_group_is_covered_where_samples_have_groups(rng):
    hits, naive = [], []
    for _ in range(800):
        levels = rng.gamma(1, size=21).repeat(10)
        scores = (levels * rng.uniform(0.9, 1.1, 210)).astype(np.float32)
        groups = np.arange(21).repeat(10).astype(str)
        new = scores[rng.integers(200, 210)]
        hits.append(kept(scores[:200], groups=groups[:200]).threshold(0, 0.9) >= new)
        naive.append(kept(scores[:200]).threshold(0, 0.9) >= new)
    assert np.mean(hits) > 0.88
    assert np.mean(naive) < np.mean(hits)


def test_too_few_samples_cover_with_everything():
    assert kept(np.linspace(0, 1, 8)).threshold(0, 0.9) == np.inf
    assert kept(np.linspace(0, 1, 9)).threshold(0, 0.9) == 1
    assert kept(np.linspace(0, 1, 20), [0] * 20).threshold(0, 0.5, 3) == np.inf
    groups = np.array(list("aabbccddee"))
    assert kept(np.linspace(0, 1, 10), groups=groups).threshold(0, 0.9) == np.inf


def test_samples_count_by_their_weights():
    scores = np.arange(20.0)
    weights = np.where(scores < 10, 3.0, 1.0)
    assert kept(scores, weights=weights).threshold(0, 0.6) < kept(scores).threshold(0, 0.6)


def test_a_part_is_drawn_of_many_samples_and_their_order_is_not_kept(rng):
    scores = rng.random((120_000, 2)).astype(np.float32)
    some = kept(scores)
    assert len(some) == 100_000
    assert (np.diff(some.scores[:, 0]) >= 0).all()
    assert abs(some.threshold(1, 0.9) - 0.9) < 0.01
    assert len(kept(rng.random((3000, 2000)).astype(np.float32))) == 2000


def test_equal_arrays_give_equal_bytes_and_are_read_back(rng):
    one = kept(
        rng.random((30, 2)),
        rng.integers(0, 3, 30),
        groups=np.arange(30).astype(str),
        weights=rng.random(30),
    )
    data = one.to_bytes()
    again = Conformity.from_bytes(data, (2, 1, 3))
    assert again.to_bytes() == data
    for name in ("scores", "strata", "groups", "weights"):
        np.testing.assert_array_equal(getattr(again, name), getattr(one, name))


def packed(**changed):
    table = {"scores": np.full((5, 2), 0.5, np.float32), "strata": np.zeros((5, 1), np.int32)}
    table |= changed
    stream = io.BytesIO()
    np.savez_compressed(stream, **{k: v for k, v in table.items() if v is not None})
    return stream.getvalue()


@pytest.mark.slow
@pytest.mark.parametrize(
    "changed",
    [
        {"scores": None},
        {"scores": np.zeros((0, 2), np.float32), "strata": np.zeros((0, 1), np.int32)},
        {"scores": np.full((5, 2), 0.5)},
        {"scores": np.full((5, 3), 0.5, np.float32)},
        {"scores": np.full((5, 2), np.nan, np.float32)},
        {"scores": np.full((5, 2), -1, np.float32)},
        {"scores": np.float32(1)},
        {"strata": np.zeros((4, 1), np.int32)},
        {"strata": np.full((5, 1), 3, np.int32)},
        {"strata": np.full((5, 1), -1, np.int32)},
        {"strata": np.zeros((5, 1), np.int64)},
        {"groups": np.zeros(4, np.int32)},
        {"groups": np.array(list("aabbc"))},
        {"weights": np.zeros(5)},
        {"weights": np.full(5, np.inf)},
        {"weights": np.full(5, 1e308)},
        {"weights": np.full(5, -1.0)},
        {"more": np.zeros(5)},
        {"scores": np.zeros((2 * 10**7, 2), np.float32)},
    ],
)
def test_arrays_that_contradict_each_other_are_refused(changed):
    with pytest.raises(BadArtifact, match="not the arrays of conformal calibration"):
        Conformity.from_bytes(packed(**changed), (2, 1, 3))


@pytest.mark.parametrize("value", [0, 1, -0.5, 1.5, True, "0.9", None, float("nan")])
def test_what_is_no_share_is_refused_by_name(value):
    with pytest.raises(BadOption, match=r"coverage = .*: expected a number between 0 and 1"):
        check_share("coverage", value)
