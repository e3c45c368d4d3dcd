"""Folders of texts: real ones as hubs publish them, and each thing that a file may say."""

import json
from pathlib import Path

import pytest

from featx.errors import BadModelFolder, BadOption
from featx.hub.folder import ModelFolder
from featx.hub.text import read_text_recipe

REAL = Path(__file__).parents[3] / "shared" / "hub"
TRANSFORMER = {
    "idx": 0,
    "name": "0",
    "path": "",
    "type": "sentence_transformers.models.Transformer",
}
POOLING = {"path": "1_Pooling", "type": "sentence_transformers.models.Pooling"}
NORMALIZE = {"path": "2_Normalize", "type": "sentence_transformers.models.Normalize"}
MINILM = {
    "modules.json": [TRANSFORMER, POOLING, NORMALIZE],
    "1_Pooling/config.json": {
        "word_embedding_dimension": 384,
        "pooling_mode_cls_token": False,
        "pooling_mode_mean_tokens": True,
    },
    "sentence_bert_config.json": {"max_seq_length": 256, "do_lower_case": False},
    "tokenizer_config.json": {"model_max_length": 512, "do_lower_case": True},
    "config.json": {"model_type": "bert", "max_position_embeddings": 512, "pad_token_id": 0},
    "tokenizer.json": {
        "truncation": {"max_length": 128},
        "padding": {"pad_id": 0, "direction": "Right"},
        "model": {"type": "WordPiece", "vocab": {"[PAD]": 0}},
    },
}


def folder_of(path, files):
    """Write a model folder: names with the values of JSON files, or with text."""
    for name, content in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        text = content if isinstance(content, str) else json.dumps(content)
        (path / name).write_text(text, encoding="utf-8")
    return ModelFolder(path)


def real(name):
    if not (REAL / name).is_dir():
        pytest.skip(f"the folder {name} is not here")
    return read_text_recipe(ModelFolder(REAL / name), {})


def values(recipe):
    return {key: one.value for key, one in {**recipe.settings, **recipe.graph}.items()}


def test_a_folder_of_sentence_transformers_says_all_and_each_entry_says_where_it_is_from(tmp_path):
    recipe = read_text_recipe(folder_of(tmp_path, MINILM), {})
    assert values(recipe) == {
        "tokenizer": "tokenizer.json",
        "pad_id": 0,
        "padding_side": "right",
        "truncation": "right",
        "max_length": 256,
        "pooling": "mean",
        "normalize": True,
    }
    assert {key: one.origin for key, one in {**recipe.settings, **recipe.graph}.items()} == {
        "tokenizer": "tokenizer.json",
        "pad_id": "tokenizer.json: padding.pad_id",
        "padding_side": "tokenizer.json: padding.direction",
        "truncation": "default of transformers",
        "max_length": "sentence_bert_config.json: max_seq_length",
        "pooling": "1_Pooling/config.json: pooling_mode_mean_tokens",
        "normalize": "modules.json: Normalize",
    }
    assert recipe.files == ["tokenizer.json"]
    assert recipe.layers == ()
