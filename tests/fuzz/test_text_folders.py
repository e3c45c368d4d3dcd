"""Folders of texts by strangers: whatever their files hold, they are read or refused in words."""

import json
import tempfile
from pathlib import Path

import pytest

from featx.graphs.pooling import read_pooling
from featx.hub.dense import join_layers
from featx.hub.folder import ModelFolder
from featx.hub.text import read_text_recipe
from featx.modalities.text.settings import TextSettings
from featx.storage.blob import Blob
from tests.support.fuzzing import altered_trees, attack, mutated
from tests.support.text_folders import DENSE, MINILM, POOLING, TRANSFORMER, pinned, write_case

tokenizers = pytest.importorskip("tokenizers")
CASE = next(name for name in pinned()["cases"] if "not pooled, dense" in name)
VOCABULARY = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nthe\ndog\n##s\n"
FILES = {
    **MINILM,
    "modules.json": [TRANSFORMER, POOLING, DENSE],
    "2_Dense/config.json": {
        "in_features": 8,
        "out_features": 6,
        "bias": True,
        "activation_function": "torch.nn.modules.activation.Tanh",
    },
    "3_LayerNorm/config.json": {"dimension": 6},
    "config_sentence_transformers.json": {
        "prompts": {"query": "q: ", "document": "d: "},
        "default_prompt_name": None,
    },
    "special_tokens_map.json": {"pad_token": {"content": "[PAD]"}, "cls_token": "[CLS]"},
}


def read_files(changed):
    """Read a folder in which some files are other bytes, as adding it does, and join its layers."""
    with tempfile.TemporaryDirectory() as name:
        path = write_case(Path(name), CASE)
        for file, data in changed.items():
            (path / file).parent.mkdir(parents=True, exist_ok=True)
            if data is None:
                (path / file).unlink(missing_ok=True)
            else:
                (path / file).write_bytes(data)
        folder = ModelFolder(path)
        recipe = read_text_recipe(folder, {"dim": 4})
        settings = TextSettings.from_table(recipe.table())
        made = {key: Blob.of_bytes(data) for key, data in recipe.made.items()}
        if settings.tokenizer in made:
            settings.open(made).read("The dogs")
        if "pooling" in recipe.graph:
            read_pooling(recipe.graph["pooling"].value)
            recipe.set_graph("output", "last_hidden_state", "the graph")
            join_layers(recipe, path / "onnx" / "model.onnx", folder)


def _json_files(seed, rounds):
    """Yield folders with one configuration altered as a tree or as bytes."""
    for name, tree in FILES.items():
        plain = {} if name != "tokenizer.json" else {"1_Pooling/config.json": b"{}"}
        for altered in altered_trees(tree, seed, rounds):
            yield {**plain, name: json.dumps(altered).encode("utf-8", "surrogatepass")}
        for data in mutated(json.dumps(tree).encode(), seed, rounds // 3):
            yield {**plain, name: data}


def _vocabularies(seed, rounds):
    tree = {"tokenizer_class": "BertTokenizer", "do_lower_case": True, "strip_accents": None}
    for data in mutated(VOCABULARY.encode(), seed, rounds):
        yield {"tokenizer.json": None, "vocab.txt": data}
    for altered in altered_trees(tree, seed, rounds):
        said = json.dumps(altered).encode("utf-8", "surrogatepass")
        yield {
            "tokenizer.json": None,
            "vocab.txt": VOCABULARY.encode(),
            "tokenizer_config.json": said,
        }


def _weights(seed, rounds):
    """Yield folders whose dense layer has a damaged header, or other bytes."""
    entries = {
        "linear.weight": {"dtype": "F32", "shape": [6, 8], "data_offsets": [0, 192]},
        "linear.bias": {"dtype": "F32", "shape": [6], "data_offsets": [192, 216]},
    }
    for altered in altered_trees(entries, seed, rounds):
        text = json.dumps(altered).encode("utf-8", "surrogatepass")
        data = len(text).to_bytes(8, "little") + text + b"\0" * 216
        yield {"2_Dense/model.safetensors": data}
    text = json.dumps(entries).encode()
    whole = len(text).to_bytes(8, "little") + text + b"\0" * 216
    for data in mutated(whole, seed, rounds):
        yield {"2_Dense/model.safetensors": data}


def hostile_folders(seed, rounds):
    """Yield the files of damaged folders."""
    yield from _json_files(seed, rounds)
    yield from _vocabularies(seed, rounds)
    yield from _weights(seed, rounds)


@pytest.mark.slow
def test_a_damaged_folder_of_texts_is_read_or_refused():
    tally = attack(read_files, hostile_folders(0, 8))
    assert not tally.faults, str(tally)
    assert tally.counts["refused"] > 20
    assert tally.counts["ok"] > 20


@pytest.mark.slow
def test_many_damaged_folders_of_texts_are_read_or_refused():
    tally = attack(read_files, hostile_folders(1, 100))
    assert not tally.faults, str(tally)
