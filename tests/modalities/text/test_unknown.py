"""Texts that a tokenizer does not know are told, once, by every command."""

import json
import warnings

import pytest
from click.testing import CliRunner

import featx
from featx.cli import main
from featx.embedding.engine import Engine
from featx.errors import FeatxWarning
from featx.modalities.text.settings import TextSettings
from featx.modalities.text.tokenizer import TokenReader
from featx.sources import make_samples
from tests.support.tokenizers import make_tokenizer

GOOD = ["المنتج ممتاز رائع", "التوصيل سريع سعيد", "المنتج نظيف سعيد", "الطعام لذيذ رائع"]
BAD = ["الطعام بطيء غالي", "التوصيل غالي قذر", "الطعام سيئ قذر", "الفندق مزعج غالي"]
ARABIC = [*GOOD, *BAD]
TOLD = "mostly unknown words to the tokenizer of"


@pytest.fixture
def table(tmp_path):
    rows = [f"{text},{label}" for text, label in zip(ARABIC, ["+"] * 4 + ["-"] * 4, strict=True)]
    path = tmp_path / "arabic.csv"
    path.write_text("\n".join(["text,label", *rows]) + "\n", encoding="utf-8")
    return path


def run(*words):
    result = CliRunner().invoke(main, [str(word) for word in words])
    assert result.exit_code == 0, result.output
    return result


@pytest.mark.filterwarnings("default")
def test_every_command_tells_once_of_texts_that_the_backbone_does_not_know(table, tmp_path):
    saved = tmp_path / "x.featx"
    trained = run("fit", table, "--output", saved, "--format", "json")
    for result in (
        trained,
        run("extract", table, "--output", tmp_path / "rows.npz"),
        run("extract", table, "--output", tmp_path / "again.npz"),
        run("predict", saved, table),
        run("evaluate", saved, table),
    ):
        assert result.stderr.count(f"8 of 8 texts are {TOLD} featx-text-nano (100%)") == 1
        assert "tell how the words are spelled, not what they mean" in result.stderr
        assert "such as a multilingual one" in result.stderr
    [note] = json.loads(trained.stdout)["notes"]
    assert TOLD in note
    assert TOLD in featx.load(saved).report.format_table()


def test_python_is_warned_too(table):
    extractor = featx.FeatureExtractor("featx-text-nano")
    with pytest.warns(FeatxWarning, match=f"8 of 9 texts are {TOLD}"):
        extractor.transform([*ARABIC, "a fine day by the sea"])
    with pytest.warns(FeatxWarning, match=f"1 of 2 texts is {TOLD}"):
        extractor.transform(["a fine day by the sea", ARABIC[0]])


def test_nothing_is_said_of_texts_that_are_known():
    texts = ["a fine day", "Crème brûlée, naïve façade", "12.5 % of 3", "", "b c d", "x = y + 1"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Engine().embed(
            make_samples([text + " sea" for text in texts]), featx.Backbone("featx-text-nano")
        )


@pytest.mark.parametrize(
    "text", [*ARABIC[:2], "这家餐厅的服务非常好", "Это хорошая еда", "한국어 문장", "नमस्ते दुनिया"]
)
def test_other_scripts_are_unknown_to_an_english_backbone(minilm, text):
    """Its vocabulary has letters of them, and no words."""
    with pytest.warns(FeatxWarning, match=f"1 of 1 text is {TOLD} all-minilm-l6-v2"):
        Engine().embed(make_samples([text]), minilm)


def doubtful(kind, text):
    reader = TokenReader(TextSettings(), make_tokenizer(kind))
    return reader.is_doubtful(reader.read(text))


@pytest.mark.parametrize("kind", ["wordpiece", "unigram", "bytes", "metaspace", "words"])
def test_every_kind_of_tokenizer_tells_what_it_does_not_know(kind):
    assert doubtful(kind, "τὸ μέλλον ἄδηλον")
    assert not doubtful(kind, "the quick brown fox jumps over the lazy dog")


def test_bytes_are_no_words():
    """A tokenizer without an unknown token spells what it does not know byte by byte."""
    tokenizer = make_tokenizer("bytes")
    assert tokenizer.token_to_id("[UNK]") is None
    assert doubtful("bytes", "😀😀😀")
    assert doubtful("bytes", "ไทยไทยไทย")
    assert not doubtful("bytes", "naïve café, one two three and the quick fox")


def test_the_words_of_a_prefix_do_not_hide_those_of_the_text():
    reader = TokenReader(TextSettings(prefix="the quick brown fox: "), make_tokenizer("wordpiece"))
    assert reader.is_doubtful(reader.read("θάλαττα"))
