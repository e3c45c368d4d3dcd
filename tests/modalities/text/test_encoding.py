"""Texts of any length and content are encoded in bounded pieces, and what they spell out is text."""

import json
from dataclasses import replace

import numpy as np
import pytest

from featx.catalog import get_card
from featx.errors import BadCard, BadSample
from featx.modalities.text.encoding import PIECE, Encoder
from featx.modalities.text.settings import TextSettings
from tests.support.text_nets import WORDS, write_tokenizer
from tests.support.texts import reader_of, windows
from tests.support.tokenizers import CORPUS, KINDS, make_tokenizer

tokenizers = pytest.importorskip("tokenizers")

WORD = CORPUS.split()


def shuffled(n, seed=0):
    return " ".join(np.random.default_rng(seed).choice(WORD, n).tolist())


LONG = {
    "prose": CORPUS * (100_000 // len(CORPUS)),
    "shuffled": shuffled(15_000),
    "lines": "\n".join(WORD * 40),
    "chinese": "这家餐厅的服务非常好。我们明天再来吧！天气很好，适合出去走走" * 900,
    "russian": "Быстрая коричневая лиса прыгает через ленивую собаку. " * 600,
    "one endless word": "x" * 60_000,
    "an endless word and more": "x" * 60_000 + " hello world",
    "words of hundreds of letters": " ".join("q" * (n * 37 % 900 + 1) for n in range(150)),
    "spaces between": "one" + " " * 40_000 + "two" + " " * 40_000 + "three",
    "marks": "e" + "\u0301" * 30_000 + " hello",
    "one letter that becomes eighteen": "ﷺ" * 20_000 + " done",
    "emoji": "👩‍👩‍👧 " * 5000,
    "numbers": " ".join(str(n * 7919) for n in range(8000)),
}


@pytest.fixture(scope="module", params=[*KINDS, "featx-text-nano"])
def tokenizer(request):
    if request.param in KINDS:
        return make_tokenizer(request.param)
    return get_card(request.param).input.open(_files(get_card(request.param))).tokenizer


def _files(card):
    from featx.catalog import verify_files

    return {"tokenizer.json": verify_files(card)["tokenizer.json"]}


@pytest.mark.slow
@pytest.mark.parametrize("name", LONG)
def test_a_long_text_has_the_tokens_that_it_has_when_encoded_at_once(tokenizer, name):
    text = LONG[name]
    assert len(text) > 2 * PIECE
    encoder = Encoder(tokenizer)
    whole = tokenizer.encode(text, add_special_tokens=False)
    found = encoder.encode(text, None)
    spaces = name == "spaces between" and len(whole.ids) > 100
    if not spaces:
        np.testing.assert_array_equal(found.ids, whole.ids)
        if name != "an endless word and more":
            assert found.offsets == whole.offsets
    for most in (1, 254, 5000):
        first = encoder.encode(text, most).ids[:most]
        np.testing.assert_array_equal(first, whole.ids[:most])
        if not spaces:
            last = encoder.encode(text, most, end="left").ids[-most:]
            np.testing.assert_array_equal(last, whole.ids[-most:])


@pytest.mark.parametrize("long", ["truncate", "chunk-mean"])
@pytest.mark.parametrize("truncation", ["right", "left"])
def test_the_windows_of_a_long_text_are_those_of_all_its_tokens(tmp_path, long, truncation):
    reader = reader_of(tmp_path, max_length=12, long=long, truncation=truncation)
    text = " ".join(WORDS[4 + n * n % (len(WORDS) - 4)] for n in range(20_000))
    ids = reader.tokenizer.encode(text, add_special_tokens=False).ids
    found = windows(reader, text)
    if long == "chunk-mean":
        assert [id for window in found for id in window[1:-1]] == ids
    else:
        assert found == [[1, *(ids[:10] if truncation == "right" else ids[-10:]), 2]]


def test_the_tokens_of_a_long_text_know_their_places(tmp_path):
    reader = reader_of(tmp_path, max_length=30, long="chunk-mean", prefix="the ")
    text = " ".join(["cat", "sat", "far"] * 8000)
    item, geometry = reader.read_with_geometry(text)
    for window, places in zip(item, geometry.windows, strict=True):
        for id, place in zip(window.ids.tolist(), places, strict=True):
            if place is not None:
                assert text[slice(*place)] == WORDS[id]


def test_of_a_text_that_is_cut_no_more_is_encoded_than_its_tokens_need(tmp_path):
    """A text whose middle would be refused if it were looked at."""
    reader = reader_of(tmp_path, max_length=12)
    text = "the cat " * 5000 + (" " * 5000 + "x") * 800 + "the dog"
    assert windows(reader, text) == [[1, *[4, 5] * 5, 2]]
    with pytest.raises(BadSample, match="hold fewer tokens than the backbone takes"):
        windows(reader_of(tmp_path, max_length=2000), (" " * 5000 + "x") * 800)


def test_characters_are_bounded_by_the_card(tmp_path):
    reader = reader_of(tmp_path, max_characters=20)
    assert windows(reader, reader.load("the cat")) == [[1, 4, 5, 2]]
    with pytest.raises(BadSample, match=r"21 characters: expected at most 20 .*max_characters"):
        reader.load("x" * 21)
    (tmp_path / "long.txt").write_bytes(b"x" * 100)
    with pytest.raises(BadSample, match="100 bytes: expected at most 20 characters"):
        reader.load(tmp_path / "long.txt")
    divided = reader_of(tmp_path, long="chunk-mean")
    with pytest.raises(BadSample, match="10,000,001 characters: expected at most 10,000,000"):
        divided.load("x" * 10_000_001)
    assert len(reader_of(tmp_path).load("x" * 10_000_001)) == 10_000_001


@pytest.mark.parametrize("value", [0, -1, 1.5, "many", True])
def test_a_bound_that_is_no_number_of_characters_is_refused(value):
    with pytest.raises(BadCard, match="max_characters"):
        TextSettings.from_table({"max_characters": value})


def test_a_new_entry_leaves_fingerprints_as_they_were():
    """The digest is the one that this card had before the entry was there."""
    now = get_card("featx-text-nano")
    graph = replace(now.graph, sha256=BEFORE_LETTERS)
    card = replace(now, graph=graph, input=replace(now.input, letters=0))
    assert card.fingerprint.startswith(FINGERPRINT)
    assert now.fingerprint != card.fingerprint
    assert card.variant(options={"max_characters": 5}).fingerprint != card.fingerprint


FINGERPRINT = "3933fa251ce4f9072075"
BEFORE_LETTERS = "eee36cbb59788b656ec38bc3a6293be36cd30bdcf31f515252534e912f8987ea"

SPELLED = {
    "wordpiece": "use [SEP] and [MASK], [UNK] or [CLS][SEP]",
    "unigram": "use </s> and <s> <unk> </s></s>",
    "bytes": "use <|endoftext|> and<|endoftext|>",
    "metaspace": "use </s> and <s> <unk>",
    "words": "use [SEP] and [UNK]",
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_control_token_that_a_text_spells_out_is_text(kind):
    tokenizer = make_tokenizer(kind)
    encoder = Encoder(tokenizer)
    ids = np.asarray(encoder.encode(SPELLED[kind], None).ids)
    assert not set(ids.tolist()) & set(encoder.controls)
    long = f"{SPELLED[kind]} {shuffled(4000)} {SPELLED[kind]}"
    assert not set(np.asarray(encoder.encode(long, None).ids).tolist()) & set(encoder.controls)


def test_the_library_agrees_where_it_can_do_so_itself():
    for kind in ("wordpiece", "bytes"):
        plain = make_tokenizer(kind)
        plain.encode_special_tokens = True
        ids = Encoder(make_tokenizer(kind)).encode(SPELLED[kind], None).ids
        assert list(ids) == plain.encode(SPELLED[kind], add_special_tokens=False).ids


def test_added_tokens_that_are_not_special_are_words():
    tokenizer = make_tokenizer("wordpiece")
    tokenizer.add_tokens(["<table>", "featx"])
    encoder = Encoder(tokenizer)
    tokens = [tokenizer.id_to_token(id) for id in encoder.encode("a <table> of featx", None).ids]
    assert "<table>" in tokens
    assert "featx" in tokens


def test_control_tokens_of_the_cards_prefix_are_meant():
    tokenizer = make_tokenizer("wordpiece")
    cls = tokenizer.token_to_id("[CLS]")
    encoder = Encoder(tokenizer, "[CLS] query: ")
    ids = list(encoder.encode("use [CLS] and [SEP]", None).ids)
    assert ids.count(cls) == 1
    assert ids[0] == cls
    assert tokenizer.token_to_id("[SEP]") not in ids


def test_a_row_of_a_text_with_control_tokens_is_not_taken_from_an_older_cache():
    reader = _reader("wordpiece")
    old = {text: _sha(text) for text in ("use [SEP]", "use ＜s＞ [sep]", "plain", "[ SEP ]")}
    same = {text: reader.digest(text) == digest for text, digest in old.items()}
    assert same == {"use [SEP]": False, "use ＜s＞ [sep]": False, "plain": True, "[ SEP ]": True}
    long = "x" * (PIECE - 3) + "[SEP]"
    assert reader.digest(long) != _sha(long)


def _sha(text):
    import hashlib

    return hashlib.sha256(text.encode()).digest()


def _reader(kind):
    from featx.modalities.text.tokenizer import TokenReader

    return TokenReader(TextSettings(), make_tokenizer(kind))


def test_rows_of_spelled_tokens_are_near_those_of_their_letters(minilm):
    texts = ["use [SEP] and [MASK] here", "use [ SEP ] and [ MASK ] here"]
    first, second = minilm.embed(texts)
    np.testing.assert_allclose(first, second, atol=1e-6)


def test_a_tokenizer_whose_special_tokens_are_words_finds_them_still(tmp_path):
    """Whether one is found is asked for all together, so texts are cut within the control tokens."""
    tokenizer = make_tokenizer("wordpiece")
    tokenizer.add_special_tokens(["featx"])
    tree = json.loads(tokenizer.to_str())
    encoder = Encoder(tokenizers.Tokenizer.from_str(json.dumps(tree)))
    ids = list(encoder.encode("featx [SEP] featx", None).ids)
    assert ids.count(tokenizer.token_to_id("featx")) == 2
    assert tokenizer.token_to_id("[SEP]") not in ids


def test_the_tokenizer_of_a_reader_is_the_librarys(tmp_path):
    write_tokenizer(tmp_path / "tokenizer.json", framed=True)
    assert windows(reader_of(tmp_path), "the [SEP] cat") == [[1, 4, 3, 3, 3, 5, 2]]
