"""Which rows are trained on, chosen by and measured on: each class in its share, each group on one side."""

import numpy as np
import pytest

from featx.errors import BadLabels
from featx.many_rows.parts import draw_parts


def parts_of(codes, **options):
    rng = np.random.default_rng(0)
    return draw_parts(codes, int(codes.max()) + 1, options.pop("dim", 8), rng, **options)


def test_each_class_has_its_share_and_keeps_a_row_for_training(rng):
    codes = rng.permutation(np.repeat(np.arange(12), [1000, 500, 2, 2, 3, *[10] * 7]))
    parts = parts_of(codes)
    n = len(codes)
    assert len(parts.test) == pytest.approx(n / 5, abs=8)
    assert len(parts.tune) == pytest.approx(n * 0.08, abs=8)
    assert parts.train.sum() + len(parts.test) + len(parts.tune) == n
    assert not set(parts.test) & set(parts.tune)
    assert not parts.train[np.concatenate([parts.test, parts.tune])].any()
    assert np.bincount(codes[parts.test])[0] == pytest.approx(200, abs=1)
    assert set(codes[parts.train]) == set(range(12))


def test_many_small_classes_are_measured_too():
    parts = parts_of(np.arange(30_000) // 3, dim=1280)
    assert len(parts.test) == pytest.approx(4000, abs=2000)
    assert len(set((np.arange(30_000) // 3)[parts.train])) == 10_000


def test_what_is_held_in_memory_has_a_limit():
    codes = np.arange(400_000) % 10
    parts = parts_of(codes, dim=4096)
    most = (256 << 20) // (4 * 4096)
    assert len(parts.test) == len(parts.tune) == most
    assert parts.train.sum() == len(codes) - 2 * most
    assert len(parts_of(codes, dim=64, test_size=0.5).test) == 200_000


def test_a_group_is_on_one_side_and_training_has_every_class(rng):
    groups = rng.integers(50, size=3000)
    codes = np.where(groups < 25, 0, np.where(groups < 49, 1, 2))
    for seed in range(20):
        drawn = draw_parts(codes, 3, 8, np.random.default_rng(seed), groups=groups)
        sides = [set(groups[drawn.train]), set(groups[drawn.tune]), set(groups[drawn.test])]
        assert not sides[0] & sides[1]
        assert not sides[0] & sides[2]
        assert not sides[1] & sides[2]
        assert set(codes[drawn.train]) == {0, 1, 2}
        assert 0.05 * 3000 < len(drawn.test) < 0.3 * 3000


def test_the_same_seed_draws_the_same():
    codes = np.arange(500) % 3
    one, other = parts_of(codes), parts_of(codes)
    np.testing.assert_array_equal(one.test, other.test)
    np.testing.assert_array_equal(one.tune, other.tune)


@pytest.mark.parametrize(("n", "groups"), [(4, None), (100, np.arange(100) % 2)])
def test_too_few_to_leave_any_out_is_said(n, groups):
    with pytest.raises(BadLabels, match=r"too few (rows|groups) to choose a penalty"):
        parts_of(np.arange(n) % 2, groups=groups)
