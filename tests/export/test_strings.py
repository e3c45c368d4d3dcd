"""A graph that takes texts as they are gives the tokens of the tokenizers library, or is not written."""

import hashlib
import json
from dataclasses import replace
from functools import cache

import numpy as np
import onnx
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper

import featx
from featx.backbones.session import open_session
from featx.catalog import Card, File, get_card, verify_files
from featx.cli import main
from featx.demo.synthetic import make_sentences
from featx.errors import BadGraph, BadOption, BadSample, NotExportable
from featx.export import export, write_graph
from featx.export.strings import HARD, add_tokens, open_reader
from featx.graphs.builder import INT64, STRING, GraphBuilder
from featx.heads import TemperatureScaling, TrainedHead, make_head
from featx.modalities.text.settings import TextSettings
from featx.predictor import Classifier
from featx.reading import read_samples
from tests.support.text_nets import write_decoder

tokenizers = pytest.importorskip("tokenizers")

FEEDS = ("input_ids", "attention_mask", "token_type_ids")


class Graph:
    """The tokenizer of a card as a graph, beside the library's own."""

    def __init__(self, card):
        nodes = GraphBuilder()
        made = add_tokens(nodes, card)
        outputs = [helper.make_tensor_value_info(made[name], INT64, None) for name in FEEDS]
        text = helper.make_tensor_value_info("text", STRING, ["N"])
        graph = helper.make_graph(nodes.nodes, "tokens", [text], outputs, nodes.constants)
        opsets = [helper.make_opsetid(*each) for each in {"": 18, **nodes.domains}.items()]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
        self._session = open_session(model.SerializeToString(), "tokens")
        self._names = [made[name] for name in FEEDS]
        # a card that asks for letters: its reader spells what the library does not know
        self._reader = open_reader(card) if card.input.letters else None
        self._own = tokenizers.Tokenizer.from_file(str(verify_files(card)["tokenizer.json"]))
        self._own.enable_truncation(card.input.max_length, direction=card.input.truncation)
        # what a text spells of [SEP] and the like is text
        self._own.encode_special_tokens = True
        filling = self._own.token_to_id("[PAD]")
        self._own.enable_padding(pad_id=0 if filling is None else filling)

    def feeds(self, texts):
        return self._session.run(self._names, {"text": np.array(texts, object)})

    def expected(self, texts):
        made = self._own.encode_batch(texts)
        kinds = ("ids", "attention_mask", "type_ids")
        return [np.array([getattr(each, kind) for each in made]) for kind in kinds]

    def check(self, texts):
        if self._reader is not None:
            ids, mask, _ = self.feeds(texts)
            for text, row, real in zip(texts, ids, mask, strict=True):
                expected = self._reader.read(text)[0].ids
                np.testing.assert_array_equal(row[real > 0], expected, err_msg=repr(text))
            return
        for found, expected in zip(self.feeds(texts), self.expected(texts), strict=True):
            np.testing.assert_array_equal(found, expected, err_msg=repr(texts))


WORDS = "[PAD] [UNK] [CLS] [SEP] un ##able able ##d cafe café É ##é ß σ ς ##σ 漢 , . [ ] i ı ᄒ ##ᅡ"
CASES = {
    "uncased": {"lowercase": True},
    "cased": {"lowercase": False, "strip_accents": False},
    "accents kept": {"lowercase": True, "strip_accents": False},
    "cased without accents": {"lowercase": False, "strip_accents": True},
    "as it is": {"lowercase": False, "handle_chinese_chars": False, "clean_text": False},
}


def write_wordpiece(**how):
    vocabulary = {word: place for place, word in enumerate(WORDS.split())}
    made = tokenizers.Tokenizer(
        tokenizers.models.WordPiece(vocabulary, unk_token="[UNK]", max_input_chars_per_word=7)
    )
    made.normalizer = tokenizers.normalizers.BertNormalizer(**how)
    made.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    made.post_processor = tokenizers.processors.TemplateProcessing(
        single="[CLS] $A:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    made.add_special_tokens(["[PAD]", "[CLS]", "[SEP]", "[SEP] [SEP]"])
    made.add_tokens([tokenizers.AddedToken("a.+\\", normalized=False)])
    return made


def card_of(tokenizer, folder, **table):
    """A card of which nothing but the tokenizer is used, where no backbone is in the folder."""
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "backbone.onnx").open("ab").close()
    graph, words = (
        File(name, hashlib.sha256((folder / name).read_bytes()).hexdigest())
        for name in ("backbone.onnx", "tokenizer.json")
    )
    return Card(
        name="tiny-bert",
        modality="text",
        graph=graph,
        files=(words,),
        input=TextSettings.from_table(table),
        path=folder / "card.toml",
    )


@pytest.fixture(
    scope="module",
    params=[
        "uncased",
        "as it is",
        "featx-text-nano",
        *(
            pytest.param(name, marks=pytest.mark.slow)
            for name in ("cased", "accents kept", "cased without accents")
        ),
    ],
)
def graph(request, tmp_path_factory):
    if request.param not in CASES:
        return Graph(get_card(request.param))
    tokenizer = write_wordpiece(**CASES[request.param])
    return Graph(card_of(tokenizer, tmp_path_factory.mktemp("card"), max_length=12))


pieces = st.sampled_from(
    [
        *WORDS.replace("##", "").split(),
        *"UN able ABLE [SEP]_[SEP] a.+\\ a.+ ## Σ İ 한 e\u0301".split(),
        " ",
        "\n",
    ]
)
texts = st.one_of(
    st.text(max_size=40), st.lists(pieces | st.characters(codec="utf-8"), max_size=20).map("".join)
)


@pytest.mark.slow
@settings(max_examples=150, deadline=None, derandomize=True)
@given(batch=st.lists(texts, min_size=1, max_size=4))
def test_any_texts_have_the_librarys_tokens(graph, batch):
    graph.check([f"{text} a" for text in batch])


def test_what_tokenizers_disagree_about_is_no_different_here(graph):
    graph.check([f"{text} a" for text in HARD])
    graph.check(["un[SEP] [SEP]d", "[SEP] [SEP", "[[SEP] [SEP]]", "a.+\\+"])


@pytest.mark.parametrize(
    "text",
    [
        "Привет, мир! hello",
        "我有iPhone手机。",
        "ไม่ดี ไม่เป็นไร",
        "I love it 🥰 and ❤\ufe0f",
        "Wo ist meine Kreditkarte geblieben?",
        "שָׁלוֹם עולם",
        "می\u200cخواهم \u200fشكرا",
        "ＦＵＬＬ ｗｉｄｔｈ",
        "я" * 3000,
        "слово " * 400,
        "漢" * 300 + " the end",
    ],
)
def test_words_are_spelled_in_the_graph_as_by_the_classifier(text):
    graph = _spelling_graph()
    graph.check([text])
    graph.check(["plain words", text, "🥰"])


@cache
def _spelling_graph():
    return Graph(get_card("featx-text-nano"))


def test_what_the_graph_cannot_spell_is_refused(tmp_path):
    card = get_card("featx-text-nano")
    left = replace(card, input=replace(card.input, truncation="left"))
    with pytest.raises(NotExportable, match="spells words in letters, and has truncation = 'left'"):
        add_tokens(GraphBuilder(), left)


@pytest.mark.filterwarnings("ignore:.*mostly unknown words")
def test_texts_of_other_scripts_have_the_classifiers_answers(tmp_path):
    good, bad = ["хорошая еда", "很好吃", "nice food"], ["плохая еда", "不好吃", "bad food"]
    texts = [*good, *bad, "🥰🥰", "😡😡"]
    samples = featx.make_samples(texts, [*"+++---+-"])
    classifier = featx.fit(samples, head="centroid", backbone="featx-text-nano")
    made = export(classifier, tmp_path / "m.onnx", samples=texts, strings=True)
    assert (made.n, made.worst < 1e-5) == (8, True)


def test_texts_in_one_batch_have_the_tokens_that_each_has_alone(graph):
    batch = ["able", "a " * 300, "unable, abled.", "x" * 300]
    ids, mask, _ = graph.feeds(batch)
    for text, row, real in zip(batch, ids, mask, strict=True):
        np.testing.assert_array_equal(graph.feeds([text])[0][0], row[real > 0])


@pytest.mark.slow
@pytest.mark.parametrize("name", [*CASES, "featx-text-nano", "all-minilm-l6-v2"])
def test_every_character_of_unicode_has_the_librarys_tokens(name, request, tmp_path):
    if name in CASES:
        card = card_of(write_wordpiece(**CASES[name]), tmp_path)
    else:
        if name != "featx-text-nano":
            request.getfixturevalue("shared_models")
        card = get_card(name)
    graph = Graph(replace(card, input=replace(card.input, max_length=9999)))
    codes = [code for code in range(0x110000) if not 0xD800 <= code < 0xE000]
    lines = [
        " ".join(f"un{chr(code)}d {chr(code)}" for code in codes[k::4096]) for k in range(4096)
    ]
    for start in range(0, len(lines), 8):
        graph.check(lines[start : start + 8])


@pytest.mark.parametrize("truncation", ["left", "right"])
def test_long_texts_are_cut_at_the_cards_end(truncation, tmp_path):
    tokenizer = write_wordpiece(**CASES["uncased"])
    table = {"max_length": 6, "truncation": truncation}
    card = card_of(tokenizer, tmp_path, **table)
    Graph(card).check(["un able , . ß 漢 able", "un", "un able , ß", "unable unable unable"])


@pytest.mark.slow
def test_a_prefix_stands_before_every_text(tmp_path):
    card = card_of(write_wordpiece(**CASES["uncased"]), tmp_path, prefix="Un, É [SEP]e")
    graph = Graph(card)
    graph._own.encode_special_tokens = False
    batch = ["d able", "", "\u0301 un"]
    np.testing.assert_array_equal(
        graph.feeds(batch)[0], graph.expected([f"Un, É [SEP]e{text}" for text in batch])[0]
    )


def test_an_empty_text_is_what_stands_around_it(tmp_path):
    graph = Graph(card_of(write_wordpiece(**CASES["uncased"]), tmp_path))
    graph.check(["", "un", " \n\u0301"])
    assert graph.feeds(["", ""])[0].tolist() == [[2, 3], [2, 3]]


@pytest.mark.filterwarnings("ignore:.*mostly unknown words")
@pytest.mark.parametrize(
    "table",
    [
        {"pad": True, "max_length": 12},
        {"layout": "N1L", "feeds": {"words:0": "input_ids"}, "truncation": "left", "max_length": 9},
    ],
)
def test_a_backbone_is_fed_from_strings_as_from_tokens(table, tmp_path, rng):
    """One that wants a fixed length and places of tokens; one with names and axes of its own."""
    how = {"ids": "words:0", "rank": 3} if "layout" in table else {}
    padded = "pad" in table
    words = rng.normal(size=(50, 6)).astype(np.float32)
    write_decoder(tmp_path / "backbone.onnx", positions=padded, table=words, **how)
    card = card_of(write_wordpiece(**CASES["uncased"]), tmp_path, **table)
    pooling = {"pooling": "masked-mean"} if padded else {"pooling": "last", "channel_axis": 3}
    card = replace(card, dim=6, **pooling)
    given = ["un able d", "café , ß 漢 . " * 4, "", "able unabled", "É", "[SEP] i"]
    rows = Classifier.from_card(card, None).embed(given).embeddings
    head = TrainedHead.from_estimator(
        "ridge", make_head("ridge").fit(rows, [*"aababb"]), TemperatureScaling(0.7)
    )
    classifier = Classifier.from_card(card, head)
    session = open_session(write_graph(classifier, strings=True).SerializeToString(), "m")
    [shares] = session.run(["probabilities"], {"text": np.array(given, object)})
    np.testing.assert_allclose(shares, classifier.predict_proba(given), atol=1e-6)


@pytest.fixture(scope="module")
def sentences():
    drawn = make_sentences(shots=6)
    return replace(drawn, test=drawn.test[:40])


@pytest.fixture(scope="module")
def classifier(sentences):
    return featx.fit(sentences.train, backbone="featx-text-nano", head="centroid")


@pytest.mark.slow
def test_a_text_without_tokens_fails_in_words_as_the_classifier_does(classifier):
    session = open_session(write_graph(classifier, strings=True).SerializeToString(), "m")
    with pytest.raises(BadSample, match="has no tokens; expected at least one word"):
        classifier.predict(["fine", " "])
    with pytest.raises(Exception, match="a text has no tokens; expected at least one word"):
        session.run(["label"], {"text": np.array(["fine", " "], object)})


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*mostly unknown words")
def test_the_command_writes_a_graph_that_answers_texts(classifier, sentences, tmp_path):
    featx.save(classifier, tmp_path / "x.featx")
    words = ["export", str(tmp_path / "x.featx"), "--to", str(tmp_path / "m.onnx"), "--strings"]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 0, result.output
    onnx.checker.check_model(onnx.load(tmp_path / "m.onnx"))
    session = open_session(tmp_path / "m.onnx", "m")
    assert [(each.name, each.type) for each in session.get_inputs()] == [("text", "tensor(string)")]
    assert [each.name for each in session.get_outputs()] == ["label", "probabilities"]
    given = [str(sample.data) for sample in sentences.test] + [
        "ΟΔΥΣΣΕΥΣ İstanbul 한국어",
        "word " * 600,
    ]
    labels, shares = session.run(None, {"text": np.array(given, object)})
    np.testing.assert_allclose(shares, classifier.predict_proba(given), atol=1e-5)
    assert labels.tolist() == classifier.predict(given).tolist()


@pytest.mark.slow
def test_the_same_classifier_gives_the_same_bytes(classifier, tmp_path):
    for name in "ab":
        export(classifier, tmp_path / f"{name}.onnx", strings=True)
    assert (tmp_path / "a.onnx").read_bytes() == (tmp_path / "b.onnx").read_bytes()


class ReadsLess(Classifier):
    """A classifier that cuts texts where its card, and so its graph, does not."""

    # the graph is written of what is opened first
    opened = 0

    def open(self):
        ReadsLess.opened += 1
        options = {} if ReadsLess.opened == 1 else {"max_length": 32}
        return featx.Backbone(self.card.variant(options=options))


@pytest.mark.slow
def test_a_graph_with_other_tokens_is_not_written(classifier, tmp_path):
    ReadsLess.opened = 0
    other = ReadsLess.from_card(classifier.card, classifier.head)
    with pytest.raises(
        BadGraph, match=r"not exported: 'xxx.* has other tokens in the graph, \[\d+,"
    ):
        export(other, tmp_path / "m.onnx", samples=["a short text"], strings=True)
    assert not list(tmp_path.iterdir())


def refused(tokenizer, folder, words, **table):
    with pytest.raises(NotExportable, match=words):
        add_tokens(GraphBuilder(), card_of(tokenizer, folder, **table))


def test_tokenizers_of_another_kind_are_refused_by_name(tmp_path):
    other = write_wordpiece()
    other.normalizer = tokenizers.normalizers.NFKC()
    refused(other, tmp_path, "of tiny-bert is model WordPiece, normalizer NFKC.*feed tokens")
    other = tokenizers.Tokenizer(tokenizers.models.BPE())
    refused(other, tmp_path, "is model BPE, normalizer none, pre_tokenizer none; expected BERT's")


@pytest.mark.parametrize("option", ["lstrip", "rstrip", "single_word", "normalized"])
def test_added_tokens_that_are_more_than_their_letters_are_refused(option, tmp_path):
    tokenizer = write_wordpiece()
    plain = {"normalized": False, option: True}
    tokenizer.add_tokens([tokenizers.AddedToken("<x>", **plain)])
    refused(
        tokenizer, tmp_path, f"'<x>' of tiny-bert is {option}; expected one that is found as it"
    )


def test_a_prefix_in_which_an_added_token_could_begin_is_refused(tmp_path):
    refused(write_wordpiece(), tmp_path, "ends as the added token", prefix="query a.")


def test_what_a_text_spells_of_control_tokens_is_text_in_the_graph_too(tmp_path):
    graph = Graph(card_of(write_wordpiece(**CASES["uncased"]), tmp_path))
    [spelled, apart] = graph.feeds(["un [SEP] able", "un [ SEP ] able"])[0].tolist()
    assert spelled == apart
    assert spelled.count(WORDS.split().index("[SEP]")) == 1


def test_tokens_with_marks_that_change_places_are_refused(tmp_path):
    tokenizer = write_wordpiece()
    spec = json.loads(tokenizer.to_str())
    spec["model"]["vocab"]["a\u302e"] = len(spec["model"]["vocab"])
    tokenizer = tokenizers.Tokenizer.from_str(json.dumps(spec))
    refused(tokenizer, tmp_path, r"hold combining marks \(U\+302E\)")


def test_only_classifiers_of_texts_take_strings(photos, tmp_path):
    classifier = featx.fit(read_samples(photos), head="centroid")
    with pytest.raises(BadOption, match="is of modality 'image'; expected 'text'"):
        export(classifier, tmp_path / "m.onnx", strings=True)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["featx-text-nano", "all-minilm-l6-v2"])
def test_real_questions_are_answered_as_by_the_classifier(
    name, shared_models, shared_data, tmp_path
):
    train, test = (
        read_samples(shared_data / "banking77", split=part) for part in ("train", "test")
    )
    labels = sorted({sample.label for sample in train})[:5]
    few = [s for label in labels for s in [s for s in train if s.label == label][:8]]
    classifier = featx.fit(few, backbone=name, head="centroid")
    made = export(classifier, tmp_path / "m.onnx", samples=test, strings=True)
    assert (made.n, made.worst < 1e-5) == (200, True)
    graph = Graph(get_card(name))
    every = [f"{sample.data}" for sample in (*train, *test)]
    for start in range(0, len(every), 128):
        graph.check(every[start : start + 128])
