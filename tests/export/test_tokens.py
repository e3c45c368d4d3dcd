"""Prompts that are not pooled, and texts that are filled up at the left, as graphs."""

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from featx.backbones.backbone import Backbone
from featx.catalog import Card, File
from featx.errors import NotExportable
from featx.export import export
from featx.heads import TemperatureScaling, TrainedHead, make_head
from featx.modalities.text.settings import TextSettings
from featx.predictor import Classifier
from tests.support.nets import save
from tests.support.row_graphs import rows_session
from tests.support.text_nets import file_of

tokenizers = pytest.importorskip("tokenizers")

FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64
WORDS = "[PAD] [UNK] [CLS] [SEP] the cat dog ##s sat on mat query : and ran far away .".split()
TEXTS = ["the cat", "", "dogs", "the dogs ran far away and the cat sat on the mat .", "query : cat"]


@pytest.fixture
def text_card(tmp_path):
    """A function that makes the card of a decoder: a running sum of tokens that are real, and of positions."""

    def make(*, framed=True, positions=False, pooling="mean", **table):
        vocabulary = {word: number for number, word in enumerate(WORDS)}
        made = tokenizers.Tokenizer(tokenizers.models.WordPiece(vocabulary, unk_token="[UNK]"))
        made.normalizer = tokenizers.normalizers.BertNormalizer(lowercase=True)
        made.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
        if framed:
            made.post_processor = tokenizers.processors.TemplateProcessing(
                single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
            )
        made.save(str(tmp_path / "tokenizer.json"))
        return Card(
            name="prompted",
            modality="text",
            graph=file_of(_save_decoder(tmp_path / "b.onnx", positions)),
            files=(File("tokenizer.json", file_of(tmp_path / "tokenizer.json").sha256),),
            input=TextSettings.from_table(table),
            pooling=pooling,
            path=tmp_path / "card.toml",
        )

    return make


def _save_decoder(path, positions):
    node = helper.make_node
    table = np.random.default_rng(0).normal(size=(len(WORDS), 6)).astype(np.float32)
    places = np.random.default_rng(1).normal(size=(64, 6)).astype(np.float32)
    nodes = [
        node("Gather", ["table", "input_ids"], ["words"]),
        node("Cast", ["attention_mask"], ["m"], to=FLOAT),
        node("Unsqueeze", ["m", "two"], ["real"]),
    ]
    inputs = [(name, INT64, ["N", "L"]) for name in ("input_ids", "attention_mask")]
    if positions:
        inputs.append(("position_ids", INT64, ["N", "L"]))
        nodes += [
            node("Gather", ["places", "position_ids"], ["p"]),
            node("Add", ["p", "words"], ["placed"]),
        ]
    seen = "placed" if positions else "words"
    nodes += [node("Mul", [seen, "real"], ["seen"]), node("CumSum", ["seen", "one"], ["hidden"])]
    constants = [
        numpy_helper.from_array(table, "table"),
        numpy_helper.from_array(places, "places"),
        numpy_helper.from_array(np.array([2]), "two"),
        numpy_helper.from_array(np.array(1), "one"),
    ]
    return save(path, nodes, inputs, [("hidden", FLOAT, ["N", "L", 6])], constants)


def feeds_of(backbone, texts, session):
    """Tokens as the caller of a graph pads them, at the side of the card."""
    reader, left = backbone.reader, backbone.card.input.padding_side == "left"
    rows = [reader.read(text)[0].ids for text in texts]
    longest = max(map(len, rows))
    feeds = {
        "input_ids": np.full((len(rows), longest), reader.pad_id, np.int64),
        "attention_mask": np.zeros((len(rows), longest), np.int64),
    }
    for number, ids in enumerate(rows):
        part = slice(longest - len(ids), None) if left else slice(len(ids))
        feeds["input_ids"][number, part] = ids
        feeds["attention_mask"][number, part] = 1
    return {value.name: feeds[value.name] for value in session.get_inputs()}


def check(card, texts, *, strings):
    """Rows of the graph are the backbone's, of tokens and of texts, in one batch and of each text alone."""
    backbone = Backbone(card)
    expected = backbone.embed(texts)
    for asked in strings:
        session = rows_session(card, strings=asked)
        for part in (texts, texts[:1], texts[3:4]):
            fed = {"text": np.array(part, object)} if asked else feeds_of(backbone, part, session)
            [rows] = session.run(None, fed)
            np.testing.assert_allclose(
                rows, expected[[texts.index(one) for one in part]], atol=1e-5
            )


@pytest.mark.parametrize("strings", [False, pytest.param(True, marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    ("pooling", "table"),
    [
        ("mean", {"prefix": "query: ", "pad": True, "max_length": 20}),
        ("first", {"prefix": "query: the ", "max_length": 6}),
        ("max", {"prefix": "query: ", "framed": False}),
    ],
)
def test_a_prompt_that_is_not_pooled_is_read_all_the_same(pooling, table, strings, text_card):
    check(text_card(pooling=pooling, mask_prefix=True, **table), TEXTS, strings=[strings])


@pytest.mark.parametrize("strings", [False, pytest.param(True, marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    ("pooling", "table"),
    [
        ("last", {"positions": True, "pad": True, "max_length": 20, "first_position": 2}),
        ("mean", {"mask_prefix": True, "prefix": "query: ", "pad": True, "max_length": 9}),
        ("weighted-mean", {"prefix": "the ", "max_length": 7, "truncation": "left"}),
    ],
)
def test_texts_are_filled_up_at_the_left(pooling, table, strings, text_card):
    card = text_card(pooling=pooling, padding_side="left", **table)
    if pooling == "weighted-mean":
        # counts from where a batch begins: only texts of one length have the rows of each alone
        check(card, ["the cat", "a dog", "dog sat", "dogs"], strings=[strings])
    else:
        check(card, TEXTS, strings=[strings])


@pytest.mark.parametrize(
    "table",
    [
        {"mask_prefix": True, "prefix": "query: the cat ", "max_length": 5},
        {"mask_prefix": True, "prefix": ""},
        {"padding_side": "left"},
        {"mask_prefix": True, "prefix": "query: ", "padding_side": "left", "positions": True},
    ],
)
@pytest.mark.parametrize("pooling", ["mean", "first", "last", "max", "mean-sqrt"])
def test_every_pooling_of_tokens_that_are_fed_leaves_the_same_out(pooling, table, text_card):
    check(text_card(pooling=pooling, **table), TEXTS, strings=[False])


@pytest.mark.parametrize("side", ["left", "right"])
def test_of_a_prompt_that_is_cut_off_at_the_left_strings_alone_tell_how_much(side, text_card):
    card = text_card(
        mask_prefix=True, prefix="query: the ", truncation="left", max_length=9, padding_side=side
    )
    texts = [*TEXTS, "the dogs ran far away", "cat sat on the mat"]
    check(card, texts, strings=[True])
    with pytest.raises(NotExportable, match=r"do not say how many of the prefix .* with strings"):
        rows_session(card)


@pytest.mark.parametrize("strings", [False, True])
def test_a_predictor_of_prompted_texts_is_exported_and_checked(strings, text_card, tmp_path):
    card = text_card(
        mask_prefix=True, prefix="query: ", padding_side="left", pad=True, max_length=16
    )
    rows = Classifier.from_card(card, None).embed(TEXTS[:4]).embeddings
    head = make_head("logistic").fit(rows, [*"abab"])
    trained = TrainedHead.from_estimator("logistic", head, TemperatureScaling(0.7))
    predictor = Classifier.from_card(card, trained)
    checked = export(predictor, tmp_path / "m.onnx", samples=TEXTS, strings=strings)
    assert (checked.n, checked.worst < 1e-5) == (len(TEXTS), True)
