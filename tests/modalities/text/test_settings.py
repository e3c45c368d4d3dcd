"""What a card may say of texts."""

import pytest

from featx.catalog import Card, default_card, get_card
from featx.errors import BadCard, BadOption, MissingExtra
from featx.modalities.text.settings import TextSettings
from featx.modalities.text.tokenizer_file import open_tokenizer
from tests.support.texts import reader_of

tokenizers = pytest.importorskip("tokenizers")


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (
            {"max_len": 3},
            "unknown key 'max_len'; known: feeds, first_position, layout, letters, long, lowercase",
        ),
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
