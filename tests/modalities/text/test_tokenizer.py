"""Texts become windows of tokens, and windows become batches."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from featx.embedding.engine import Engine
from featx.modalities.text.grouping import BUDGET
from featx.modalities.text.tokenizer_file import open_tokenizer
from featx.sources import make_samples
from tests.support.text_nets import (
    TABLE,
    write_tokenizer,
)
from tests.support.texts import ids, reader_of, rows, windows

tokenizers = pytest.importorskip("tokenizers")


def test_a_long_text_is_cut_at_the_end_that_the_card_says(tmp_path):
    text = "the cat sat on the mat"
    whole = ids(text)
    assert windows(reader_of(tmp_path), text) == [[1, *whole, 2]]
    assert windows(reader_of(tmp_path, max_length=5), text) == [[1, *whole[:3], 2]]
    left = reader_of(tmp_path, max_length=5, truncation="left")
    assert windows(left, text) == [[1, *whole[-3:], 2]]


def test_the_windows_of_a_long_text_hold_all_of_it_and_are_of_about_one_length(tmp_path):
    reader = reader_of(tmp_path, max_length=5, long="chunk-mean")
    text = "the cat sat on the mat and ran"
    made = windows(reader, text)
    assert [token for window in made for token in window[1:-1]] == ids(text)
    assert [len(window) for window in made] == [5, 5, 4]
    assert all(window[0] == 1 and window[-1] == 2 for window in made)


def test_the_mean_of_windows_is_the_mean_over_all_tokens_when_they_are_equal(decoder):
    text = "the cat sat on the mat"
    parts = decoder(max_length=3, long="chunk-mean", pooling="masked-mean")
    two = rows(decoder(pooling="masked-mean"), ["the cat sat", "on the mat"])
    np.testing.assert_allclose(rows(parts, [text])[0], two.mean(0), atol=1e-5)
    together = rows(parts, ["dog", text, "cat", text])
    np.testing.assert_allclose(together[1], two.mean(0), atol=1e-5)
    np.testing.assert_allclose(together[0], TABLE[ids("dog")[0]], atol=1e-6)


def test_a_prefix_stands_before_every_text(tmp_path):
    assert windows(reader_of(tmp_path, prefix="the "), "cat") == [[1, *ids("the cat"), 2]]


@settings(deadline=None, max_examples=50)
@given(
    lengths=st.lists(st.integers(1, 700), min_size=1, max_size=60),
    size=st.integers(1, 64),
)
def test_batches_hold_every_window_once_within_the_budget(tmp_path_factory, lengths, size):
    folder = tmp_path_factory.getbasetemp()
    reader = reader_of(folder, max_length=600, long="chunk-mean")
    items = [reader.read(" ".join(["cat"] * n)) for n in lengths]
    item_index = []
    for batch in reader.batches(items, size):
        n, longest = batch.feeds["input_ids"].shape
        assert n <= size
        assert n == 1 or n * longest <= BUDGET
        assert batch.mask.any(axis=0).all()  # nobody is padded further than the longest
        assert (batch.feeds["attention_mask"] == batch.mask).all()
        assert (batch.feeds["input_ids"][~batch.mask] == 0).all()
        assert (batch.feeds["position_ids"] == np.arange(longest)).all()
        item_index += batch.item_index.tolist()
    assert sorted(item_index) == [i for i, item in enumerate(items) for _ in item]


def test_what_the_tokenizer_file_says_of_padding_and_truncation_is_not_used(tmp_path):
    made = open_tokenizer(write_tokenizer(tmp_path / "t.json", framed=True))
    assert made.padding is None
    assert made.truncation is None


def test_one_reader_serves_many_threads(minilm):
    texts = [f"sentence number {i} of a few" + " and more" * (i % 9) for i in range(60)]
    samples = make_samples(texts)
    whole = Engine(n_jobs=4, batch_size=7).embed(samples, minilm)
    np.testing.assert_allclose(whole.embeddings, rows(minilm, texts), atol=1e-5)
    assert whole.ids == tuple(texts)
