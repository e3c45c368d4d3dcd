"""Texts are divided into batches of equal length, or nearly so, whose rows are those of any other division."""

from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from featx.backbones.backbone import Backbone
from featx.embedding.engine import Engine
from featx.modalities.text.grouping import BUDGET, divide
from featx.sources import make_samples
from tests.support.texts import ids, reader_of, rows

tokenizers = pytest.importorskip("tokenizers")


def cost(lengths, bounds):
    """Return tokens with padding, and 16 more a batch."""
    return sum((stop - start) * lengths[stop - 1] + 16 for start, stop in pairwise(bounds))


@settings(deadline=None, max_examples=40)
@given(lengths=st.lists(st.integers(1, 30), min_size=1, max_size=9), most=st.integers(1, 9))
def test_no_other_division_pads_less_and_runs_less(lengths, most):
    lengths.sort()
    changes = [k for k in range(1, len(lengths)) if lengths[k] != lengths[k - 1]]
    every = [
        [0, *chosen, len(lengths)]
        for n in range(len(changes) + 1)
        for chosen in combinations(changes, n)
    ]
    found = divide(lengths, most)
    assert max(stop - start for start, stop in pairwise(found)) <= most
    allowed = [bounds for bounds in every if max(b - a for a, b in pairwise(bounds)) <= most]
    if allowed:
        assert cost(lengths, found) <= min(cost(lengths, bounds) for bounds in allowed)


@settings(deadline=None, max_examples=40)
@given(lengths=st.lists(st.integers(0, 3000), max_size=80), most=st.integers(1, 300))
def test_every_window_is_in_one_batch_that_fits(lengths, most):
    lengths.sort()
    found = divide(lengths, most)
    assert found[0] == 0
    assert found[-1] == len(lengths)
    for start, stop in pairwise(found):
        assert 1 <= stop - start <= most
        assert stop - start == 1 or (stop - start) * lengths[stop - 1] <= BUDGET


def test_texts_of_a_few_lengths_are_not_padded(tmp_path):
    reader = reader_of(tmp_path)
    texts = ["cat"] * 20 + ["the cat sat on the mat"] * 20
    batches = list(reader.batches([reader.read(text) for text in texts], 128))
    assert all(batch.mask.all() for batch in batches)
    assert len(batches) == 2


def test_one_batch_of_all_holds_texts_however_unlike_their_lengths_are(tmp_path):
    reader = reader_of(tmp_path)
    texts = ["cat"] * 20 + ["the cat sat on the mat"] * 20
    batch = reader.batch_of_all([reader.read(text) for text in texts])
    assert sorted(batch.item_index.tolist()) == list(range(40))
    lengths = [2 + len(ids(texts[k])) for k in batch.item_index]
    assert batch.mask.sum(axis=1).tolist() == lengths


def test_texts_that_are_all_filled_up_to_one_length_share_batches_whatever_their_own(tmp_path):
    reader = reader_of(tmp_path, pad=True, max_length=20)
    texts = ["cat"] * 20 + ["the cat sat on the mat"] * 20
    batches = list(reader.batches([reader.read(text) for text in texts], 128))
    assert [batch.feeds["input_ids"].shape for batch in batches] == [(40, 20)]


def test_rows_do_not_depend_on_how_many_texts_there_are():
    backbone = Backbone("featx-text-nano")
    texts = ["number " + "and " * (k % 7) + str(k) for k in range(300)]
    many = Engine(n_jobs=2).embed(make_samples(texts), backbone).embeddings
    np.testing.assert_allclose(many[::50], rows(backbone, texts[::50]), atol=1e-5)
