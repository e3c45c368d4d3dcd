"""Texts: what goes in, how tokens become batches, and an oracle that shares no code with featx."""

import json
import pickle
import tarfile
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

import featx
from featx.backbones.backbone import Backbone
from featx.catalog import Card, default_card, get_card
from featx.cli import main
from featx.embedding.engine import BaselineEmbedder, Engine
from featx.errors import BadCard, BadGraph, BadOption, BadSample, MissingExtra
from featx.modalities.guess import guess_modality
from featx.modalities.text import tokenizer as tokens_module
from featx.modalities.text.baseline import HashedWords
from featx.modalities.text.settings import TextSettings
from featx.modalities.text.tokenizer import open_tokenizer
from featx.reading import read_samples
from featx.sources import make_samples
from featx.storage.blob import Blob
from tests.support.text_nets import (
    PLACES,
    TABLE,
    WORDS,
    file_of,
    write_decoder,
    write_tokenizer,
)

tokenizers = pytest.importorskip("tokenizers")

sentences = st.lists(st.sampled_from(WORDS[4:]), min_size=1, max_size=30).map(" ".join)


@pytest.fixture
def minilm(shared_models):
    return Backbone("all-minilm-l6-v2")


def rows(backbone, texts, batch_size=None):
    reader = backbone.reader
    return backbone.embed_items([reader.read(reader.load(text)) for text in texts], batch_size)


def ids(text):
    return [WORDS.index(word) for word in text.split()]


def by_hand(folder, text, length=256):
    """One text through the tokenizer and the graph's own sentence_embedding, without featx."""
    tokenizer = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(length)
    made = tokenizer.encode(text)
    session = onnxruntime.InferenceSession(folder / "backbone.onnx")
    feeds = {"input_ids": made.ids, "attention_mask": made.attention_mask}
    feeds |= {"token_type_ids": made.type_ids}
    return session.run(["sentence_embedding"], {k: np.array([v]) for k, v in feeds.items()})[0][0]


# the real thing


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


HARD = {
    "empty": "",
    "white space": " \t\n ",
    "one letter": "a",
    "emoji": "I 💛 this 👩‍👩‍👧 very much 🏳️‍🌈",
    "right to left": "שלום עולם، مرحبا بالعالم",
    "chinese": "这家餐厅的服务非常好",
    "accents": "Crème brûlée, naïve façade, Ångström",
    "controls": "a\x00b\u200b\ufeffc",
    "a long word": "x" * 5000,
    "special tokens in words": "[SEP] [CLS] [PAD] [MASK]",
    "sentence": "The quick brown fox jumps over the lazy dog.",
    "longer than the window": "to be or not to be that is the question " * 60,
}


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


def test_flattening_texts_of_several_lengths_is_refused_in_words(shared_models):
    backbone = Backbone("all-minilm-l6-v2", pooling="flatten")
    with pytest.raises(BadGraph, match="'flatten' would give rows of several lengths"):
        rows(backbone, ["short", "one that is longer than the other " * 20])


def test_the_tokenizer_and_the_prefix_decide_the_fingerprint():
    card = get_card("all-minilm-l6-v2")
    other = card.variant(options={"prefix": "query: "})
    from dataclasses import replace

    swapped = replace(card, files=(replace(card.files[0], sha256="0" * 64),))
    assert len({card.fingerprint, other.fingerprint, swapped.fingerprint}) == 3


# decoders, whose answers are arithmetic


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


# tokens, windows, batches


def reader_of(tmp_path, **table):
    path = write_tokenizer(tmp_path / "tokenizer.json", framed=True)
    return TextSettings.from_table(table).open({"tokenizer.json": path})


def windows(reader, text):
    return [window.ids.tolist() for window in reader.read(text)]


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
        assert n == 1 or n * longest <= tokens_module.BUDGET
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


# what may be a text, and what may not


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (None, "None: expected a text"),
        (7, "the number 7: expected a text"),
        (float("nan"), "the number nan: expected a text"),
        (np.float32(1.5), "the number 1.5: expected a text"),
        (["a"], "list: expected a text"),
        ("half a pair \ud83d", r"character 13 is half of a surrogate pair, U\+D83D"),
        (b"\xff\xfetext", "not UTF-8 at byte 1; save the file as UTF-8"),
        (Path("no such file.txt"), "file not found"),
        (b"", "empty file"),
    ],
)
def test_what_is_no_text_is_refused_in_words(data, words):
    with pytest.raises(BadSample, match=words):
        HashedWords().load(data)


def test_a_str_is_the_text_and_a_path_names_its_file(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"\xef\xbb\xbfgr\xc3\xbc\xc3\x9fe\r\n")
    reader = HashedWords()
    assert reader.load(str(path)) == str(path)
    assert reader.load(path) == reader.load(path.read_bytes()) == "grüße\r\n"
    with path.open("rb") as file:
        assert reader.load(file) == "grüße\r\n"
    archive = tmp_path / "a.tar"
    with tarfile.open(archive, "w") as tar:
        tar.add(path, "a.txt")
    [sample] = read_samples(archive, **TEXT)
    member = sample.data
    assert isinstance(member, Blob)
    assert reader.load(member) == "grüße\r\n"
    assert reader.digest(reader.load(member)) == reader.digest("grüße\r\n")


def test_bad_texts_are_rejects_and_the_others_have_their_rows(minilm, tmp_path):
    samples = make_samples(["fine", None, 3, "", "\ud800", tmp_path / "gone.txt", "also fine"])
    found = Engine(on_error="skip").embed(samples, minilm)
    assert len(found) == 3
    assert len(found.rejects) == 4
    with pytest.raises(BadSample, match="1: None"):
        Engine().embed(samples, minilm)


def test_an_id_is_the_text_or_how_it_begins():
    assert [sample.id for sample in make_samples(["a", "b" * 300, "a"])] == [
        "a",
        "b" * 199 + "…",
        "a#2",
    ]


# cards


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"max_len": 3}, "unknown key 'max_len'; known: feeds, layout, long, max_length"),
        ({"max_length": 0}, "max_length = 0: expected tokens"),
        ({"max_length": True}, "max_length = True"),
        ({"truncation": "middle"}, "truncation = 'middle': expected one of right, left"),
        ({"long": "split"}, "expected one of truncate, chunk-mean"),
        ({"prefix": 3}, "prefix = 3: expected text"),
        ({"pad": 1}, "pad = 1: expected true or false"),
        ({"feeds": {"x": "tokens"}}, "feeds = 'tokens': expected one of input_ids"),
        ({"feeds": "input_ids"}, "feeds = 'input_ids': expected a table"),
    ],
)
def test_a_table_that_cannot_be_is_refused(table, words):
    with pytest.raises(BadCard, match=words):
        TextSettings.from_table(table)


def test_a_window_without_room_for_a_text_is_refused(tmp_path):
    with pytest.raises(BadCard, match="max_length = 2: the tokenizer puts 2 tokens around"):
        reader_of(tmp_path, max_length=2)


def test_a_card_without_its_tokenizer_is_refused_by_name(tmp_path):
    with pytest.raises(BadCard, match=r'the card has no \[files."tokenizer.json"\]'):
        TextSettings().open({})
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(BadCard, match=r"not a tokenizer.json"):
        open_tokenizer(tmp_path / "tokenizer.json")


def test_without_the_library_the_extra_is_named(monkeypatch, tmp_path):
    import sys

    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(MissingExtra, match=r"pip install 'featx\[text\]'"):
        open_tokenizer(tmp_path / "tokenizer.json")


def test_a_card_survives_being_written_and_read():
    for name in ("all-minilm-l6-v2", "bert-squad-encoder-12", "gpt2-10"):
        shipped = get_card(name)
        assert Card.from_toml(shipped.to_toml()) == shipped
        assert hash(shipped)


def test_the_default_of_a_modality_that_is_not_there_is_refused_in_words():
    with pytest.raises(
        BadOption, match="featx-text-none is in no model directory; name one: all-minilm"
    ):
        default_card("text", defaults={"text": "featx-text-none"})


# the baseline


def test_the_baseline_counts_words_at_unit_length():
    baseline = BaselineEmbedder(TextSettings())
    assert baseline.dim == 1024
    reader = baseline.reader
    same, other = reader.read("The CAT, the cat!"), reader.read("a dog")
    assert same.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(same), 1, atol=1e-6)
    np.testing.assert_array_equal(same, reader.read("cat the"))
    assert same @ other == 0
    assert not reader.read("").any()
    found = Engine().embed(make_samples(["a b", "a b", "c"]), baseline)
    np.testing.assert_array_equal(found.embeddings[0], found.embeddings[1])


# sources


TEXT = {"modality": "text"}


def listed(samples):
    return [(sample.id, sample.data, sample.label) for sample in samples]


@pytest.mark.parametrize("kind", ["csv", "tsv", "jsonl", "parquet"])
def test_a_manifest_of_texts_is_read_whatever_its_format(tmp_path, kind):
    table = [("a, b", "x"), ("ü\nnext line", "y"), ("", "x")]
    path = write_table(tmp_path / f"data.{kind}", ["sentence", "label"], table)
    expected = [(f"row {i}", text, label) for i, (text, label) in enumerate(table, 1)]
    assert listed(read_samples(path, **TEXT)) == expected


def write_table(path, columns, table):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(table, columns=columns)
    if path.suffix == ".parquet":
        frame.to_parquet(path)
    elif path.suffix == ".jsonl":
        frame.to_json(path, orient="records", lines=True, force_ascii=False)
    else:
        frame.to_csv(path, index=False, sep="\t" if path.suffix == ".tsv" else ",")
    return path


def test_a_cell_may_hold_a_whole_document(tmp_path):
    document = "word " * 40_000
    path = write_table(tmp_path / "d.csv", ["text"], [(document,)])
    assert read_samples(path, **TEXT)[0].data == document


def test_columns_may_be_named_and_ids_taken_from_one(tmp_path):
    path = write_table(
        tmp_path / "d.csv", ["key", "body", "mood"], [("k1", "hi", "up"), ("k2", "ho", "down")]
    )
    found = read_samples(path, text_column="body", label_column="mood", id_column="key", **TEXT)
    assert listed(found) == [("k1", "hi", "up"), ("k2", "ho", "down")]
    with pytest.raises(featx.FeatxError, match="expected a column named text or sentence"):
        read_samples(path, **TEXT)
    with pytest.raises(featx.FeatxError, match="expected a column 'txt'; found columns 'key'"):
        read_samples(path, text_column="txt", **TEXT)


def test_what_is_no_text_in_a_table_is_left_for_the_reader_to_refuse(tmp_path):
    path = tmp_path / "d.jsonl"
    path.write_text('{"text": null, "label": 1}\n{"text": 5}\n{"label": 2}\n{"text": "fine"}\n')
    assert [sample.data for sample in read_samples(path, **TEXT)] == [None, 5, None, "fine"]


def test_a_manifest_of_paths_still_names_files(tmp_path):
    (tmp_path / "a.txt").write_text("hello")
    path = write_table(tmp_path / "d.csv", ["path", "label"], [("a.txt", "x")])
    assert listed(read_samples(path, **TEXT)) == [("a.txt", Blob.of_path(tmp_path / "a.txt"), "x")]
    both = write_table(tmp_path / "b.csv", ["path", "text"], [("a.txt", "inside")])
    assert read_samples(both, **TEXT)[0].data == "inside"
    assert read_samples(both, path_column="path", **TEXT)[0].data == Blob.of_path(
        tmp_path / "a.txt"
    )
    with pytest.raises(BadOption, match="name one of the two"):
        read_samples(both, path_column="path", text_column="text", **TEXT)


def test_a_column_of_texts_is_refused_for_a_backbone_that_reads_files(tmp_path):
    path = write_table(tmp_path / "d.csv", ["path", "text"], [("a.jpg", "x")])
    with pytest.raises(BadOption, match="the backbone reads files, not texts"):
        read_samples(path, modality="image", text_column="text")


def test_a_folder_with_a_manifest_for_each_part_gives_the_part_that_is_meant(tmp_path):
    for part in ("train", "test", "dev"):
        write_table(tmp_path / f"{part}.csv", ["text", "label"], [(f"{part} text", "x")])
    (tmp_path / "SOURCE.md").write_text("about")
    read = lambda split: [s.data for s in read_samples(tmp_path, split=split, **TEXT)]  # noqa: E731
    assert read("train") == ["train text"]
    assert read("test") == ["test text"]
    assert read("val") == ["dev text"]
    assert read(None) == ["dev text", "test text", "train text"]
    whole = read_samples(tmp_path, **TEXT)
    assert whole[2].id == "train.csv: row 1"
    assert len({sample.id for sample in whole}) == 3
    (tmp_path / "test.csv").unlink()
    assert read("test") == ["dev text"]
    (tmp_path / "train.jsonl").write_text("{}")
    with pytest.raises(featx.FeatxError, match=r"has both train.csv and train.jsonl"):
        read("train")


def test_class_folders_of_txt_are_read_as_pictures_are(tmp_path):
    for label in ("ham", "spam"):
        (tmp_path / label).mkdir()
        (tmp_path / label / "1.txt").write_text(label)
    found = read_samples(tmp_path, **TEXT)
    assert [(s.id, s.label) for s in found] == [("ham/1.txt", "ham"), ("spam/1.txt", "spam")]


def test_standard_input_is_one_text_a_line(tmp_path):
    lines = [b"\xef\xbb\xbfone\r\n", "zwei ü\n".encode(), b"\n", b"\xff\n", b"last"]
    found = read_samples("-", stdin=lines, **TEXT)
    assert [s.data for s in found] == ["one", "zwei ü", "", b"\xff", "last"]
    assert [s.id for s in found] == [f"line {i}" for i in range(1, 6)]
    with pytest.raises(featx.FeatxError, match="expected texts, one a line"):
        read_samples("-", stdin=[], **TEXT)


# which modality a source holds


def test_the_modality_is_what_most_files_are(photos, tmp_path):
    assert guess_modality(photos) == "image"
    (photos / "README.txt").write_text("about")
    assert guess_modality(photos) == "image"
    folder = tmp_path / "notes"
    folder.mkdir()
    for i in range(3):
        (folder / f"{i}.txt").write_text("x")
    (folder / "scan.png").write_bytes(b"")
    assert guess_modality(folder) == "text"
    with tarfile.open(tmp_path / "notes.tar", "w") as tar:
        tar.add(folder, "notes")
    assert guess_modality(tmp_path / "notes.tar") == "text"
    assert guess_modality(folder / "0.txt") == "text"


def test_a_column_of_texts_is_text_unless_there_are_paths_of_something_else(tmp_path):
    texts = write_table(tmp_path / "train.csv", ["text", "label"], [("hello", "x")])
    assert guess_modality(texts) == guess_modality(tmp_path) == "text"
    paths = write_table(tmp_path / "p.csv", ["path", "label"], [("a.jpg", "x")])
    assert guess_modality(paths) == "image"
    both = write_table(tmp_path / "b.csv", ["path", "text"], [("a.jpg", "a cat")])
    assert guess_modality(both) == "image"
    assert guess_modality(both, text_column="text") == "text"


@pytest.mark.parametrize("source", ["-", "no/such/thing", "nothing.xyz"])
def test_a_source_that_tells_nothing_is_taken_for_images(source):
    assert guess_modality(source) == "image"


# the whole way


@pytest.fixture
def intents(tmp_path):
    """Two intents in a folder of manifests, told apart by their words."""
    folder = tmp_path / "my intents"
    folder.mkdir()
    card = [
        "my card was stolen",
        "block my credit card",
        "the card is lost",
        "where is my new card",
    ]
    rate = [
        "what is the exchange rate",
        "how much is a dollar",
        "euro to pound rate",
        "rates today",
    ]
    table = [(text, "card") for text in card] + [(text, "rate") for text in rate]
    write_table(folder / "train.csv", ["text", "label"], table)
    unseen = [("I lost my card", "card"), ("exchange rate please", "rate")]
    write_table(folder / "test.csv", ["text", "label"], unseen)
    return folder


def run(*words, **options):
    return CliRunner().invoke(main, [str(word) for word in words], **options)


def test_from_a_folder_of_manifests_to_a_classifier_of_lines(shared_models, intents, tmp_path):
    out = tmp_path / "intents.featx"
    fitted = run("fit", intents, "--backbone", "all-minilm-l6-v2", "-o", out, "--head", "centroid")
    assert fitted.exit_code == 0, fitted.output
    measured = run("evaluate", out, intents, "--format", "json")
    assert json.loads(measured.stdout)["accuracy"] == 1
    said = run("predict", out, "-", input="somebody stole my card\nhow much is a euro\n")
    labels = [json.loads(line)["label"] for line in said.stdout.splitlines()]
    assert labels == ["card", "rate"]
    note = tmp_path / "note.txt"
    note.write_text("my card does not work")
    assert json.loads(run("predict", out, note).stdout)["label"] == "card"


def test_extract_fit_and_predict_take_the_same_columns(shared_models, tmp_path):
    rows = [("good film", "up"), ("fine film", "up"), ("bad film", "down"), ("poor film", "down")]
    path = write_table(tmp_path / "d.csv", ["said", "mood"], rows)
    columns = ["--text-column", "said", "--label-column", "mood"]
    backbone = ["--backbone", "all-minilm-l6-v2"]
    out = tmp_path / "rows.npz"
    assert run("extract", path, *columns, *backbone, "-o", out).exit_code == 0
    table = featx.read_rows(out)
    assert table.ids == ("row 1", "row 2", "row 3", "row 4")
    assert table.labels == ("up", "up", "down", "down")
    made = run("fit", path, *columns, *backbone, "-o", tmp_path / "m.featx")
    assert made.exit_code == 0, made.output
    said = run("predict", tmp_path / "m.featx", path, "--text-column", "said")
    assert len(said.stdout.splitlines()) == 4


def test_a_modality_that_does_not_fit_the_backbone_is_refused(intents, tmp_path):
    out = tmp_path / "x.featx"
    said = run("fit", intents, "--backbone", "featx-image-nano", "--modality", "text", "-o", out)
    assert said.exit_code == 1
    assert "featx-image-nano is a backbone for image" in said.stderr
    said = run("fit", intents, "--modality", "video", "-o", out)
    assert "modality 'video': expected one of image, text" in said.stderr


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


def test_the_cache_changes_no_row(minilm, tmp_path):
    samples = make_samples(list(HARD.values()))
    plain = Engine().embed(samples, minilm).embeddings
    for _ in range(2):
        kept = Engine(cache=tmp_path / "rows.sqlite").embed(samples, minilm).embeddings
        np.testing.assert_allclose(kept, plain, atol=1e-5)
