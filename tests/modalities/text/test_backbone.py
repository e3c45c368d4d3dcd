"""Rows of texts: real backbones against an oracle without featx, and decoders whose answers are arithmetic."""

import pickle

import numpy as np
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

import featx
from featx.backbones.backbone import Backbone
from featx.catalog import Card, get_card
from featx.embedding.engine import Engine
from featx.errors import BadGraph, BadSample
from featx.modalities.text.settings import TextSettings
from featx.sources import make_samples
from tests.support.text_nets import (
    PLACES,
    TABLE,
    WORDS,
    file_of,
    write_decoder,
    write_tokenizer,
)
from tests.support.texts import HARD, ids, rows

tokenizers = pytest.importorskip("tokenizers")


sentences = st.lists(st.sampled_from(WORDS[4:]), min_size=1, max_size=30).map(" ".join)


def by_hand(folder, text, length=256):
    """One text through the tokenizer and the graph's own sentence_embedding, without featx."""
    tokenizer = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(length)
    # what a text spells of [SEP] and the like is text
    tokenizer.encode_special_tokens = True
    made = tokenizer.encode(text)
    session = onnxruntime.InferenceSession(folder / "backbone.onnx")
    feeds = {"input_ids": made.ids, "attention_mask": made.attention_mask}
    feeds |= {"token_type_ids": made.type_ids}
    return session.run(["sentence_embedding"], {k: np.array([v]) for k, v in feeds.items()})[0][0]


@pytest.mark.slow
def test_sentences_are_as_near_as_the_authors_of_the_model_say(minilm):
    person, *others = rows(
        minilm,
        [
            "That is a happy person",
            "That is a happy dog",
            "That is a very happy person",
            "Today is a sunny day",
        ],
    )
    np.testing.assert_allclose(np.stack(others) @ person, [0.6946, 0.9429, 0.2569], atol=1e-4)


def test_the_canary_begins_as_published(minilm):
    [row] = rows(minilm, [minilm.card.input.canary()])
    np.testing.assert_allclose(row[:4], [0.0677, 0.0635, 0.0487, 0.0793], atol=1e-4)
    np.testing.assert_allclose(row[:16], minilm.card.canary, atol=1e-5)


@pytest.mark.slow
def test_a_row_alone_equals_the_row_in_any_company_and_that_of_an_independent_script(
    minilm, shared_models
):
    texts = list(HARD.values())
    alone = np.concatenate([rows(minilm, [text]) for text in texts])
    expected = [by_hand(shared_models / "all-minilm-l6-v2", text) for text in texts]
    np.testing.assert_allclose(alone, expected, atol=1e-5)
    for size in (2, 5, 128):
        np.testing.assert_allclose(rows(minilm, texts, size), alone, atol=1e-5)
    backwards = rows(minilm, texts[::-1])[::-1]
    np.testing.assert_allclose(backwards, alone, atol=1e-5)


def test_every_hard_text_has_a_finite_row_of_unit_length(minilm):
    np.testing.assert_allclose(np.linalg.norm(rows(minilm, HARD.values()), axis=1), 1, atol=1e-5)


@pytest.mark.slow
def test_a_document_of_a_hundred_thousand_characters_is_one_row_either_way(minilm):
    begins, ends = "the weather is lovely today. " * 40, "my credit card was stolen. " * 40
    document = begins * 40 + ends * 50
    assert len(document) > 100_000 - 1000
    [cut] = rows(minilm, [document])
    [start] = rows(minilm, [begins])
    assert cut @ start > 0.99
    left = Backbone("all-minilm-l6-v2", options={"truncation": "left"})
    assert rows(left, [document])[0] @ rows(minilm, [ends])[0] > 0.95
    whole = Backbone("all-minilm-l6-v2", options={"long": "chunk-mean"})
    [mean] = rows(whole, [document])
    assert mean @ start < 0.95
    assert mean @ rows(minilm, [ends])[0] > 0.5
    np.testing.assert_allclose(np.linalg.norm(mean), 1, atol=1e-5)


def test_capitals_do_not_matter_to_an_uncased_tokenizer(minilm):
    upper, lower = rows(minilm, ["HELLO World", "hello world"])
    np.testing.assert_array_equal(upper, lower)


@pytest.mark.parametrize("pooling", ["cls", "last", "max", "mean", "masked-mean"])
def test_no_pooling_lets_a_row_see_its_neighbours(shared_models, pooling):
    backbone = Backbone("all-minilm-l6-v2", pooling=pooling)
    texts = ["short", "a sentence of some more words than the other one", HARD["emoji"]]
    alone = np.concatenate([rows(backbone, [text]) for text in texts])
    np.testing.assert_allclose(rows(backbone, texts), alone, atol=1e-5)


def test_flattening_texts_of_several_lengths_is_refused_in_words(decoder):
    backbone = decoder(pooling="flatten")
    with pytest.raises(BadGraph, match="'flatten' would give rows of several lengths"):
        rows(backbone, [WORDS[-1], f"{WORDS[-1]} " * 9])


def test_the_tokenizer_and_the_prefix_decide_the_fingerprint():
    card = get_card("all-minilm-l6-v2")
    other = card.variant(options={"prefix": "query: "})
    from dataclasses import replace

    swapped = replace(card, files=(replace(card.files[0], sha256="0" * 64),))
    assert len({card.fingerprint, other.fingerprint, swapped.fingerprint}) == 3


@pytest.mark.parametrize("positions", [False, True])
@settings(deadline=None, max_examples=30)
@given(texts=st.lists(sentences, min_size=1, max_size=12), size=st.integers(1, 12))
def test_the_last_token_of_a_decoder_has_seen_all_of_its_text_and_nothing_else(
    tmp_path_factory, positions, texts, size
):
    backbone = _cached_decoder(tmp_path_factory, positions)
    expected = [TABLE[ids(text)].sum(0) for text in texts]
    if positions:
        expected = [
            e + PLACES[: len(t.split())].sum(0) for e, t in zip(expected, texts, strict=True)
        ]
    np.testing.assert_allclose(rows(backbone, texts, size), expected, atol=1e-4)


_decoders = {}


def _cached_decoder(factory, positions):
    if positions not in _decoders:
        folder = factory.mktemp("decoder")
        net = write_decoder(folder / "backbone.onnx", positions=positions)
        words = write_tokenizer(folder / "tokenizer.json", framed=False)
        card = Card(
            name="tiny-decoder",
            modality="text",
            graph=file_of(net),
            files=(file_of(words),),
            input=TextSettings(),
            pooling="last",
            path=folder / "card.toml",
        )
        _decoders[positions] = Backbone(card)
    return _decoders[positions]


def test_a_graph_with_names_and_axes_of_its_own_is_fed_as_its_card_says(decoder):
    graph = {"ids": "input1", "rank": 3}
    feeds = {"input1": "input_ids"}
    backbone = decoder(graph=graph, layout="N1L", feeds=feeds, axis=-1)
    expected = [TABLE[ids("the cat")].sum(0), TABLE[ids("dog")].sum(0)]
    np.testing.assert_allclose(rows(backbone, ["the cat", "dog"]), expected, atol=1e-5)


def test_padding_to_the_full_length_changes_nothing_but_the_time(decoder):
    texts = ["the cat", "dog sat on the mat"]
    padded = decoder(pad=True, max_length=20)
    [batch] = padded.reader.batches([padded.reader.read(text) for text in texts], 8)
    assert batch.feeds["input_ids"].shape == (2, 20)
    np.testing.assert_allclose(rows(padded, texts), rows(decoder(), texts), atol=1e-5)


def test_an_input_that_texts_do_not_give_is_refused_by_name(decoder):
    backbone = decoder(graph={"ids": "past_key_values"})
    with pytest.raises(
        BadGraph, match="wants an input 'past_key_values'; text cards feed input_ids"
    ):
        rows(backbone, ["the cat"])


def test_a_text_without_tokens_is_a_reject_where_nothing_stands_around_it(decoder):
    with pytest.raises(BadSample, match="no tokens"):
        rows(decoder(), [" "])
    framed = rows(decoder(framed=True), [""])
    np.testing.assert_allclose(framed[0], TABLE[[1, 2]].sum(0), atol=1e-6)


def test_texts_go_through_a_scikit_learn_pipeline(shared_models, tmp_path):
    texts = ["good film", "fine film", "bad film", "poor film"] * 2
    extractor = featx.FeatureExtractor("all-minilm-l6-v2", cache=tmp_path / "rows.sqlite")
    pipeline = clone(make_pipeline(extractor, LogisticRegression()))
    pipeline.fit(texts, ["up", "up", "down", "down"] * 2)
    again = pickle.loads(pickle.dumps(pipeline))
    assert again.predict(["a good one", "a bad one"]).tolist() == ["up", "down"]
    column = np.array(texts, dtype=object)[:, None]
    np.testing.assert_array_equal(extractor.transform(column), extractor.transform(texts))


def test_texts_are_fitted_and_predicted_as_they_are(shared_models):
    texts = ["good film", "fine film", "lovely film", "bad film", "poor film", "awful film"]
    labels = ["up"] * 3 + ["down"] * 3
    classifier = featx.fit(texts, labels, backbone="all-minilm-l6-v2", head="centroid")
    assert classifier.predict(["a great one", "a terrible one"]).tolist() == ["up", "down"]
    with pytest.raises(BadSample, match="1: None: expected a text"):
        classifier.predict(["fine", None])


@pytest.mark.filterwarnings("ignore:.*mostly unknown words")
def test_the_cache_changes_no_row(minilm, tmp_path):
    samples = make_samples(list(HARD.values()))
    plain = Engine().embed(samples, minilm).embeddings
    for _ in range(2):
        kept = Engine(cache=tmp_path / "rows.sqlite").embed(samples, minilm).embeddings
        np.testing.assert_allclose(kept, plain, atol=1e-5)
