"""Texts and sounds as graphs: what stands between tokens or a waveform and a row is inside."""

import json
from dataclasses import replace

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper

from featx.backbones.session import open_session
from featx.catalog import Card, get_card
from featx.demo.synthetic import SOUNDS, TOPICS, make_sentences, make_sounds
from featx.errors import BadSample, NotExportable
from featx.export import export, write_graph
from featx.export.audio import add_scaled, add_whole, add_windows
from featx.export.sound_rows import pooled
from featx.graphs.builder import FLOAT, INT64, GraphBuilder
from featx.heads import TemperatureScaling, TrainedHead, make_head
from featx.modalities.audio.settings import AudioSettings
from featx.predictor import Classifier
from featx.reading import read_samples
from tests.support.nets import save
from tests.support.sound_nets import speech_cards
from tests.support.text_nets import file_of


def fitted(card, samples, labels, head="logistic"):
    """A classifier without the search for what suits it best."""
    rows = Classifier.from_card(card, None).embed(samples).embeddings
    return Classifier.from_card(
        card,
        TrainedHead.from_estimator(
            head, make_head(head).fit(rows, labels), TemperatureScaling(0.7)
        ),
    )


def trained(card, samples, head="logistic"):
    return fitted(card, samples, [sample.label for sample in samples], head)


def session_of(classifier):
    return open_session(write_graph(classifier).SerializeToString(), "graph")


@pytest.fixture(scope="module")
def sentences():
    drawn = make_sentences(shots=6)
    assert len(TOPICS) > 2
    return replace(drawn, test=drawn.test[:40])


@pytest.fixture(scope="module")
def sounds():
    drawn = make_sounds(shots=5, tests=4)
    assert len(SOUNDS) > 2
    return drawn


def tokens_of(classifier, texts, session):
    """A batch of several texts, as someone pads it who has the tokenizer and not featx."""
    reader = classifier.open().reader
    items = [reader.read(text)[0].ids for text in texts]
    feeds = {
        "input_ids": np.zeros((len(items), max(map(len, items))), np.int64),
        "attention_mask": np.zeros((len(items), max(map(len, items))), np.int64),
    }
    feeds["token_type_ids"] = feeds["attention_mask"].copy()
    for row, ids in enumerate(items):
        feeds["input_ids"][row, : len(ids)] = ids
        feeds["attention_mask"][row, : len(ids)] = 1
    return {value.name: feeds[value.name] for value in session.get_inputs()}


@pytest.mark.parametrize("head", ["logistic", "rbf-svm"])
def test_a_text_classifier_takes_tokens(head, sentences, tmp_path):
    classifier = trained(get_card("featx-text-nano"), sentences.train, head)
    checked = export(classifier, tmp_path / "m.onnx", samples=sentences.test)
    assert checked.n == len(sentences.test)
    assert checked.worst < 1e-5
    session = open_session(tmp_path / "m.onnx", "m")
    texts = [sample.data for sample in sentences.test]
    feeds = tokens_of(classifier, texts, session)
    labels, shares = session.run(["label", "probabilities"], feeds)
    np.testing.assert_allclose(shares, classifier.predict_proba(texts), atol=1e-5)
    assert labels.tolist() == classifier.predict(texts).tolist()


@pytest.mark.parametrize("pooling", ["mean", "masked-mean", "max", "cls", "last"])
@pytest.mark.parametrize("normalize", [False, True])
def test_every_pooling_looks_at_tokens_only(pooling, normalize, decoder):
    card = replace(decoder(pooling=pooling).card, dim=6, normalize=normalize)
    check_tokens(card)


@pytest.mark.parametrize(
    "table",
    [
        {"pad": True, "max_length": 20},
        {"positions": True},
        {"positions": True, "pad": True, "max_length": 40},
        {"framed": True},
        {
            "graph": {"ids": "input1", "rank": 3},
            "layout": "N1L",
            "feeds": {"input1": "input_ids"},
            "axis": -1,
        },
    ],
)
def test_what_a_graph_wants_beside_tokens_is_made_inside(table, decoder):
    session = check_tokens(replace(decoder(**table).card, dim=6))
    given = {value.name for value in session.get_inputs()}
    assert given <= {"input_ids", "attention_mask"}


def check_tokens(card):
    texts = ["the cat", "dog sat on the mat", "cat", "the dog ran far away and the cat sat"]
    classifier = fitted(card, texts, [*"aabb"])
    session = session_of(classifier)
    expected = classifier.predict_proba(texts)
    assert np.ptp(expected) > 0.05  # it does tell them apart
    [shares] = session.run(["probabilities"], tokens_of(classifier, texts, session))
    np.testing.assert_allclose(shares, expected, atol=1e-5)
    return session


def test_a_text_that_is_read_in_windows_is_refused_by_name(sentences):
    card = get_card("featx-text-nano").variant(options={"long": "chunk-mean"})
    with pytest.raises(NotExportable, match="long = 'chunk-mean': cannot be exported"):
        write_graph(trained(replace(card, dim=1024), sentences.train))


def test_a_sound_classifier_takes_waveforms(sounds, tmp_path):
    classifier = trained(get_card("featx-audio-mel"), sounds.train, "logistic")
    checked = export(classifier, tmp_path / "m.onnx", samples=sounds.test)
    assert checked.worst < 1e-4
    facts = open_session(tmp_path / "m.onnx", "m").get_modelmeta().custom_metadata_map
    assert json.loads(facts["labels"]) == list(classifier.classes)
    assert (facts["modality"], facts["rate"]) == ("audio", "16000")


def windows_of(audio):
    """What a waveform is cut into, and rows of its windows pooled, as one graph."""
    graph = GraphBuilder()
    whole = add_whole(graph, add_scaled(graph, "waveform", audio), audio)
    windows, count = add_windows(graph, whole, audio)
    for name, value in zip(("windows", "first", "last"), windows, strict=True):
        graph.named(name, "Identity", value)
    rows = graph.add(
        "Slice", windows.samples, graph.int_const(0), graph.int_const(3), graph.int_const(1)
    )
    graph.named("row", "Identity", pooled(graph, rows, count, audio.pool))
    graph.named("count", "Identity", count)
    given = helper.make_tensor_value_info("waveform", FLOAT, ["N", "samples"])
    made = [
        helper.make_tensor_value_info("windows", FLOAT, ["W", "L"]),
        helper.make_tensor_value_info("row", FLOAT, ["N", "D"]),
        helper.make_tensor_value_info("count", INT64, []),
        *(helper.make_tensor_value_info(end, INT64, ["W"]) for end in ("first", "last")),
    ]
    whole = helper.make_graph(graph.nodes, "sounds", [given], made, graph.constants)
    model = helper.make_model(whole, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    onnx.checker.check_model(model)
    return open_session(model.SerializeToString(), "sounds")


@pytest.mark.slow
@settings(max_examples=80, deadline=None, derandomize=True)
@given(
    length=st.integers(1, 60),
    window=st.integers(0, 20),
    overlap=st.integers(0, 19),
    least=st.integers(0, 40),
    align=st.sampled_from(["start", "center", "end"]),
    pad=st.sampled_from(["zeros", "repeat", "repeat-whole"]),
    tail=st.sampled_from(["pad", "drop"]),
    pool=st.sampled_from(["mean", "max", "mean+std", "mean+max"]),
)
def test_windows_are_those_of_the_reader(length, window, overlap, least, align, pad, tail, pool):
    audio = AudioSettings(
        window=window,
        hop=max(0, window - overlap),
        min_length=max(least, 3),
        align=align,
        pad=pad,
        tail=tail,
        pool=pool,
        scale=3.0,
    )
    waves = np.random.default_rng(length).normal(size=(2, length)).astype(np.float32)
    items = [audio.read(audio.load(wave)) for wave in waves]
    [*batches] = audio.batches(items, 1000)
    expected = np.concatenate([batch.feeds["waveform"] for batch in batches])
    session = windows_of(audio)
    names = ["windows", "first", "last", "row", "count"]
    found, first, last, row, count = session.run(names, {"waveform": waves})
    np.testing.assert_array_equal(found, expected)
    assert len(found) == 2 * count
    ends = [window[1:] for wave in waves for window in audio.windowing.cut([wave])]
    np.testing.assert_array_equal(np.stack([first, last], axis=1), ends)
    item_index = np.concatenate([batch.item_index for batch in batches])
    np.testing.assert_allclose(row, audio.merge(expected[:, :3], item_index, 2), atol=1e-6)


@pytest.fixture
def speech(tmp_path):
    return speech_cards(tmp_path, dim=3)


@pytest.mark.parametrize("mask", [True, False])
@pytest.mark.parametrize("align", ["start", "center", "end"])
def test_clips_are_standardised_and_masked_in_the_graph(speech, mask, align):
    rng = np.random.default_rng(0)
    waves = [rng.normal(0.1, 0.2, length).astype(np.float32) for length in (1, 2, 3, 4, 5, 50, 97)]
    classifier = fitted(speech(attention_mask=mask, align=align), waves, [*"abababa"])
    session = session_of(classifier)
    for wave in waves:
        [shares] = session.run(["probabilities"], {"waveform": wave[None]})
        np.testing.assert_allclose(shares, classifier.predict_proba([wave]), atol=1e-5)


def test_a_backbone_that_takes_one_sample_at_a_time_is_run_for_each(tmp_path, rng):
    """Its row depends on the whole batch, as that of some graphs does: the graph's is of each alone."""
    node = helper.make_node
    net = save(
        tmp_path / "backbone.onnx",
        [
            node("ReduceMax", ["waveform"], ["loudest"], keepdims=1),
            node("Sub", ["waveform", "loudest"], ["row"]),
        ],
        [("waveform", FLOAT, [1, 8])],
        [("row", FLOAT, [1, 8])],
    )
    card = Card(
        name="one",
        modality="audio",
        graph=file_of(net),
        input=AudioSettings(window=8, hop=4, pool="mean+max"),
        dim=16,
        path=tmp_path / "card.toml",
    )
    waves = [rng.uniform(-1, 1, 30).astype(np.float32) for _ in range(4)]
    classifier = fitted(card, waves, [*"aabb"])
    [shares] = session_of(classifier).run(["probabilities"], {"waveform": np.stack(waves)})
    np.testing.assert_allclose(shares, classifier.predict_proba(waves), atol=1e-6)


REAL = [
    ("all-minilm-l6-v2", "banking77"),
    ("yamnet", "fsdd"),
    ("speech-embedding", "fsdd"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "data"), REAL)
def test_real_backbones_answer_alike_on_real_samples(
    name, data, shared_data, speech_directory, tmp_path
):
    train, test = (read_samples(shared_data / data, split=part) for part in ("train", "test"))
    labels = sorted({sample.label for sample in train})[:5]
    few = [s for label in labels for s in [s for s in train if s.label == label][:6]]
    unseen = [s for label in labels for s in [s for s in test if s.label == label][:6]]
    classifier = trained(get_card(name), few, "logistic")
    assert export(classifier, tmp_path / "m.onnx", samples=unseen).worst < 1e-5


def test_a_sound_that_cannot_be_read_is_no_sample_to_compare(sounds, tmp_path):
    classifier = trained(get_card("featx-audio-mel"), sounds.train)
    with pytest.raises(BadSample, match="no samples"):
        export(classifier, tmp_path / "m.onnx", samples=[np.zeros(0, np.float32)])
    assert not list(tmp_path.iterdir())
