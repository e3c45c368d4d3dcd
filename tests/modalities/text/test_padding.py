"""Sides and tokens of padding, lower case, prompts that are not pooled, positions; none changes older cards."""

import numpy as np
import pytest

from featx.catalog import get_card
from featx.errors import BadCard, FeatxWarning
from featx.modalities import fingerprint_entries
from featx.modalities.text.settings import TextSettings
from tests.support.text_nets import PLACES, TABLE, WORDS, decoder_maker
from tests.support.texts import ids, reader_of, rows

TEXTS = ["the cat", "the dog sat on mat and ran far away", "cat"]
LATER = ("padding_side", "pad_id", "lowercase", "mask_prefix", "first_position")


@pytest.fixture
def make_decoder(tmp_path):
    return decoder_maker(tmp_path)


def batch_of(reader, texts):
    items = [reader.read(text) for text in texts]
    [batch] = reader.batches(items, len(items))
    return batch


def test_an_older_card_keeps_its_fingerprint():
    assert not set(LATER) & fingerprint_entries(TextSettings()).keys()
    assert not set(LATER) & fingerprint_entries(get_card("featx-text-nano").input).keys()
    assert fingerprint_entries(TextSettings(padding_side="left"))["padding_side"] == "left"


def test_short_texts_are_filled_up_at_the_side_and_with_the_token_that_the_card_says(tmp_path):
    reader = reader_of(tmp_path, padding_side="left", pad_id=3)
    batch = batch_of(reader, ["cat", "the cat sat"])
    np.testing.assert_array_equal(
        batch.feeds["input_ids"],
        [[3, 3, *ids("[CLS] cat [SEP]")], ids("[CLS] the cat sat [SEP]")],
    )
    np.testing.assert_array_equal(batch.feeds["attention_mask"], [[0, 0, 1, 1, 1], [1] * 5])
    np.testing.assert_array_equal(batch.mask, batch.feeds["attention_mask"].astype(bool))
    np.testing.assert_array_equal(batch.feeds["position_ids"], [[0, 0, 0, 1, 2], [0, 1, 2, 3, 4]])


def test_a_graph_that_takes_one_length_alone_is_filled_up_at_the_left_too(tmp_path):
    reader = reader_of(tmp_path, padding_side="left", pad=True, max_length=6)
    batch = batch_of(reader, ["cat"])
    np.testing.assert_array_equal(batch.feeds["input_ids"], [[0, 0, 0, *ids("[CLS] cat [SEP]")]])


def test_positions_count_from_the_first_that_the_card_says(tmp_path):
    reader = reader_of(tmp_path, first_position=2)
    batch = batch_of(reader, ["cat", "the cat"])
    np.testing.assert_array_equal(batch.feeds["position_ids"], [[2, 3, 4, 5], [2, 3, 4, 5]])


@pytest.mark.parametrize("positions", [False, True])
def test_a_decoder_that_sees_padding_at_its_left_is_run_alone(positions, make_decoder):
    """Its graph adds up all tokens before one, padding too."""
    backbone = make_decoder(positions=positions, padding_side="left", pad_id=0)
    with pytest.warns(FeatxWarning, match="so each is run alone"):
        assert backbone.batch == 1
    expected = []
    for text in TEXTS:
        values = TABLE[ids(text)]
        if positions:
            values = values + PLACES[: len(values)]
        expected.append(values.sum(axis=0))
    np.testing.assert_allclose(rows(backbone, TEXTS), expected, rtol=1e-5)


def test_letters_are_made_small_before_the_tokenizer_sees_them(tmp_path):
    import tokenizers

    path = tmp_path / "tokenizer.json"
    words = {word: number for number, word in enumerate(WORDS)}
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel(words, unk_token="[UNK]"))
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    made.save(str(path))
    files = {"tokenizer.json": path}
    plain = TextSettings().open(files)
    small = TextSettings(lowercase=True).open(files)
    assert plain.read("The CAT")[0].ids.tolist() == ids("[UNK] [UNK]")
    assert small.read("The CAT")[0].ids.tolist() == ids("the cat")
    _, geometry = small.read_with_geometry("The CAT")
    assert geometry.locate((1,), (2,)) == (4, 7)


def test_the_tokens_of_a_prompt_are_read_and_not_pooled(tmp_path):
    reader = reader_of(tmp_path, prefix="the dog ", mask_prefix=True)
    batch = batch_of(reader, ["cat sat", "mat"])
    np.testing.assert_array_equal(
        batch.feeds["input_ids"],
        [ids("[CLS] the dog mat [SEP] [PAD]"), ids("[CLS] the dog cat sat [SEP]")],
    )
    np.testing.assert_array_equal(batch.feeds["attention_mask"], [[1, 1, 1, 1, 1, 0], [1] * 6])
    expected = [[0, 0, 0, 1, 1, 0], [0, 0, 0, 1, 1, 1]]
    np.testing.assert_array_equal(batch.mask, np.array(expected, bool))
    np.testing.assert_array_equal(batch.feeds["pooling_mask"], expected)


def test_a_map_leaves_out_the_prompt_and_each_token_is_where_it_stands(make_decoder):
    backbone = make_decoder(prefix="the dog ", mask_prefix=True)
    [found] = backbone.embed_maps(["cat sat"])
    [features] = found.maps
    assert features.shape == (2, 6)
    assert found.geometry.locate((1,), (2,)) == (4, 7)


def test_only_the_first_window_of_a_long_text_has_a_prompt(tmp_path):
    reader = reader_of(tmp_path, prefix="the ", mask_prefix=True, long="chunk-mean", max_length=5)
    windows = reader.read("cat dog sat on mat")
    assert [window.lead for window in windows] == [2, 0]


@pytest.mark.parametrize(
    "table",
    [
        {"padding_side": "middle"},
        {"padding_side": 1},
        {"pad_id": -1},
        {"pad_id": True},
        {"pad_id": 1 << 40},
        {"pad_id": float("nan")},
        {"lowercase": 1},
        {"mask_prefix": "yes"},
        {"first_position": None},
        {"first_position": 1.5},
    ],
)
def test_entries_that_cannot_be_are_refused(table):
    with pytest.raises(BadCard, match=next(iter(table))):
        TextSettings.from_table(table)
