"""A vocabulary alone becomes the tokenizer that transformers makes of it."""

import json

import pytest

from featx.errors import BadModelFolder
from featx.hub.text import read_text_recipe
from featx.modalities.text.settings import TextSettings
from featx.storage.blob import Blob
from tests.support.text_folders import write_files

pytest.importorskip("tokenizers")
WORDS = "[PAD] [UNK] [CLS] [SEP] [MASK] the dog ##s É e run ! 漢 漢字".split()


def tokens(path, text, words=WORDS, **said):
    files = {"vocab.txt": "\n".join(words) + "\n", "tokenizer_config.json": said}
    recipe = read_text_recipe(write_files(path, files), {})
    assert recipe.files == []
    assert recipe.settings["tokenizer"].origin == "vocab.txt: made into BERT's WordPiece"
    blob = Blob.of_bytes(recipe.made["tokenizer.json"])
    reader = TextSettings.from_table(recipe.table()).open({"tokenizer.json": blob})
    return [words[number] for number in reader.read(text)[0].ids]


def test_words_become_pieces_between_cls_and_sep(tmp_path):
    found = tokens(tmp_path, "The dogs run! cat")
    assert found == "[CLS] the dog ##s run ! [UNK] [SEP]".split()


@pytest.mark.parametrize(
    ("said", "text", "found"),
    [
        ({}, "THE É", "the e"),
        ({"do_lower_case": False}, "THE É the", "[UNK] É the"),
        ({"strip_accents": False}, "É", "[UNK]"),
        ({"do_lower_case": False, "strip_accents": True}, "É", "[UNK]"),
        ({}, "漢字", "漢 [UNK]"),
        ({"tokenize_chinese_chars": False}, "漢字", "漢字"),
    ],
)
def test_case_accents_and_chinese_are_as_the_configuration_says(said, text, found, tmp_path):
    assert tokens(tmp_path, text, **said) == ["[CLS]", *found.split(), "[SEP]"]


def test_other_control_tokens_are_those_that_the_configuration_names(tmp_path):
    words = ["<s>", "<pad>", "</s>", "[UNK]", "<mask>", "the"]
    found = tokens(tmp_path, "the", words=words, tokenizer_class="MPNetTokenizer")
    assert found == ["<s>", "the", "</s>"]
    named = {"cls_token": {"content": "<s>"}, "sep_token": "</s>"}
    assert tokens(tmp_path, "the", words=words, **named) == ["<s>", "the", "</s>"]


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"tokenizer_class": "BertJapaneseTokenizer"}, "tokenizer_class = 'BertJapanese'"),
        ({"do_basic_tokenize": False}, "do_basic_tokenize = false"),
        ({"never_split": ["a"]}, "never_split"),
        ({"cls_token": "<cls>"}, "has no token '<cls>', which is the cls_token"),
        ({"strip_accents": 3}, "strip_accents = 3: expected true or false"),
    ],
)
def test_what_no_vocabulary_can_say_is_refused(said, words, tmp_path):
    with pytest.raises(BadModelFolder, match=words):
        tokens(tmp_path, "the", **said)


def test_a_vocabulary_that_is_no_text_is_refused(tmp_path):
    (tmp_path / "vocab.txt").write_bytes(b"[PAD]\n\xff\n")
    with pytest.raises(BadModelFolder, match="not UTF-8 at byte 7"):
        read_text_recipe(write_files(tmp_path, {}), {})


def test_the_last_of_two_equal_lines_has_the_number(tmp_path):
    words = [*WORDS, "the"]
    files = write_files(tmp_path, {"vocab.txt": "\n".join(words)})
    tree = json.loads(read_text_recipe(files, {}).made["tokenizer.json"])
    assert tree["model"]["vocab"]["the"] == len(words) - 1
