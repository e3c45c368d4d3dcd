"""How far joint rows are apart: with every input alike, whatever the scale of its numbers."""

from __future__ import annotations

import numpy as np
import pytest

from featx.errors import BadTable
from featx.heads.novelty import NoveltyReference, neighbor_distances
from featx.inputs.comparing import FARTHEST, RowSpace
from featx.inputs.scaling import InputBlock

BLOCKS = InputBlock.of_widths(["a", "b"], [1, 3])


@pytest.fixture
def rows():
    return np.random.default_rng(0).normal(size=(50, 4)).astype(np.float32)


def test_the_unit_of_an_input_decides_nothing(rows):
    other = rows * np.array([1000, 1, 1, 1], np.float32) + np.array([50, 0, 0, 0], np.float32)
    near = [RowSpace.of(one, BLOCKS).nearest_among(one, 3) for one in (rows, other)]
    assert np.array_equal(near[0].indices, near[1].indices)
    np.testing.assert_allclose(near[0].distances, near[1].distances, rtol=1e-3)
    spread = [
        RowSpace.of(rows, BLOCKS).apply(rows)[:, block.columns].var(axis=0) for block in BLOCKS
    ]
    assert [float(one.sum()) for one in spread] == pytest.approx([2, 2], rel=1e-3)


def test_rows_of_one_backbone_are_compared_as_they_are(rows):
    space = RowSpace.of(rows)
    assert space.metric == "cosine"
    assert np.array_equal(space.apply(rows), rows)


def test_what_is_far_beyond_all_others_is_far_and_finite(rows):
    space = RowSpace.of(rows, BLOCKS)
    far = space.apply(np.full((1, 4), 1e30, np.float32))
    assert far.tolist() == [[FARTHEST] * 4]
    assert np.isfinite(space.prepare(rows).nearest(far, 1).distances).all()
    same = np.zeros((5, 4), np.float32)
    assert RowSpace.of(same, BLOCKS).nearest_among(same, 1).distances.max() == 0


def test_rows_of_one_group_alone_have_no_neighbour_and_are_as_far_as_can_be(rows):
    distances = neighbor_distances(rows.astype(np.float16), np.zeros(50), BLOCKS)
    assert set(distances.tolist()) == {float(np.finfo(np.float32).max)}
    reference = NoveltyReference.of(rows.astype(np.float16), distances, BLOCKS)
    assert reference.p_values(rows[:2]).tolist() == [1.0, 1.0]


def test_rows_of_another_width_than_the_inputs_are_refused(rows):
    with pytest.raises(BadTable, match="rows: 4 columns, expected 3"):
        RowSpace.of(rows, InputBlock.of_widths(["a", "b"], [1, 2]))
