"""Small text backbones made by hand: a tokenizer of a few words and a decoder of a table."""

import hashlib

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from featx.backbones.backbone import Backbone
from featx.catalog import Card, File
from featx.modalities.text.settings import TextSettings
from tests.support.nets import save

tokenizers = pytest.importorskip("tokenizers")

WORDS = ["[PAD]", "[CLS]", "[SEP]", "[UNK]", *"the cat dog sat on mat and ran far away".split()]
INT64 = TensorProto.INT64
TABLE = np.random.default_rng(0).normal(size=(len(WORDS), 6)).astype(np.float32)
PLACES = np.random.default_rng(1).normal(size=(64, 6)).astype(np.float32)


def write_tokenizer(path, *, framed):
    """A tokenizer of whole words; one that is framed puts [CLS] and [SEP] around, as BERT's does."""
    vocabulary = {word: i for i, word in enumerate(WORDS)}
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel(vocabulary, unk_token="[UNK]"))
    made.normalizer = tokenizers.normalizers.Lowercase()
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    if framed:
        specials = [("[CLS]", 1), ("[SEP]", 2)]
        made.post_processor = tokenizers.processors.TemplateProcessing(
            single="[CLS] $A [SEP]", special_tokens=specials
        )
    made.enable_padding(length=128)  # what featx must turn off
    made.enable_truncation(5)
    made.save(str(path))
    return path


def write_decoder(path, *, positions, ids="input_ids", rank=2, table=TABLE):
    """As GPT-2: what a token gives depends on those before it, never on those after.

    ``table`` has a row of six numbers for each token.
    """
    node = helper.make_node
    nodes = [node("Gather", ["table", ids], ["words"])]
    inputs = [(ids, INT64, ["N", "L"] if rank == 2 else ["N", "C", "L"])]
    seen = "words"
    if positions:
        nodes += [
            node("Gather", ["places", "position_ids"], ["p"]),
            node("Add", ["p", "words"], ["s"]),
        ]
        inputs.append(("position_ids", INT64, ["N", "L"]))
        seen = "s"
    nodes.append(node("CumSum", [seen, "axis"], ["hidden"]))
    constants = [
        numpy_helper.from_array(table, "table"),
        numpy_helper.from_array(PLACES, "places"),
        numpy_helper.from_array(np.array(rank - 1), "axis"),
    ]
    shape = ["N", "L", 6] if rank == 2 else ["N", "C", "L", 6]
    return save(path, nodes, inputs, [("hidden", TensorProto.FLOAT, shape)], constants)


def file_of(path):
    return File(path.name, hashlib.sha256(path.read_bytes()).hexdigest())


def decoder_maker(tmp_path):
    """Return a function that makes a backbone of a tiny decoder; ``framed`` is of its tokenizer."""

    def make(*, positions=False, framed=False, pooling="last", axis=None, graph=None, **table):
        folder = tmp_path / f"decoder {len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        net = write_decoder(folder / "backbone.onnx", positions=positions, **(graph or {}))
        words = write_tokenizer(folder / "tokenizer.json", framed=framed)
        card = Card(
            name="tiny-decoder",
            modality="text",
            graph=file_of(net),
            files=(file_of(words),),
            input=TextSettings.from_table(table),
            pooling=pooling,
            channel_axis=axis,
            path=folder / "card.toml",
        )
        return Backbone(card)

    return make
