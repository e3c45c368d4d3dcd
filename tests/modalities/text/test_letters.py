"""Words that the vocabulary of the shipped backbone does not hold are spelled: no text is lost."""

import unicodedata
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.utils import murmurhash3_32

import featx
from featx.catalog import get_card
from featx.errors import BadCard, BadSample, FeatxWarning
from featx.modalities.text.letters import LETTERS, letter_number
from featx.modalities.text.marks import word_values
from featx.modalities.text.settings import TextSettings

NANO = "featx-text-nano"
SCRIPTS = {
    "Arabic": ("المنتج ممتاز", "الطعام سيئ"),
    "Chinese": ("这家餐厅的服务非常好", "我的银行卡丢了"),
    "Cyrillic": ("Это хорошая еда", "Где моя карта"),
    "Devanagari": ("नमस्ते दुनिया", "खाना खराब था"),
    "Thai": ("อาหารอร่อยมาก", "ไม่ดีเลย"),
    "Hebrew": ("שלום עולם", "האוכל היה רע"),
    "Greek": ("καλημέρα κόσμε", "το φαγητό"),
    "Korean": ("안녕하세요", "카드를 잃어버렸어요"),
    "Japanese": ("こんにちは世界", "カードをなくしました"),
    "Ethiopic": ("ሰላም ለዓለም", "ምግቡ መጥፎ ነበር"),
    "emoji": ("🥰🥰", "😡"),
    "new emoji": ("\U0001fae8", "\U0001fae9"),
    "ancient": ("\U00012000\U00012001", "\U00012399"),
    "private": ("\ue000", "\ue001"),
    "marks alone": ("\u0e34", "\u0e38"),
}


@pytest.fixture(scope="module")
def backbone():
    return featx.Backbone(NANO)


def rows_of(backbone, *texts):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FeatxWarning)
        return backbone.embed(list(texts))


def cosine(one, other):
    return float(one @ other / np.linalg.norm(one) / np.linalg.norm(other))


@pytest.mark.parametrize("texts", SCRIPTS.values(), ids=SCRIPTS)
def test_texts_of_any_script_have_rows_of_their_own(backbone, texts):
    one, other = rows_of(backbone, *texts)
    assert np.linalg.norm(one) == pytest.approx(16, abs=1e-3)
    assert cosine(one, other) < 0.9


def test_texts_of_known_words_have_the_rows_that_they_had(backbone):
    """The first 256 columns are those of the graph before it read letters, and the others 0."""
    [row] = rows_of(backbone, "This is an example sentence")
    before = [5.53804, -3.1773, -4.84873, -2.77283, 3.06244, -3.05657, -0.646856, -0.794264]
    np.testing.assert_allclose(row[:8], before, atol=1e-4)
    assert row.shape == (1024,)
    assert not row[256:].any()
    [english] = rows_of(featx.Backbone(NANO, tap="english"), "This is an example sentence")
    np.testing.assert_array_equal(row[:256], english)


def test_an_emoji_among_english_words_moves_a_row_a_little(backbone):
    plain, loved = rows_of(
        backbone,
        "I will never come back to this place with my family",
        "I will never come back to this place with my family 🥰",
    )
    assert 0.9 < cosine(plain, loved) < 0.999


def test_words_that_share_letters_are_near_each_other(backbone):
    card, lost, food = rows_of(backbone, "карточка", "карточки", "обед")
    assert cosine(card, lost) > 0.6 > cosine(card, food) + 0.2


def test_a_language_in_latin_letters_is_spelled_as_a_whole(backbone):
    reader = backbone.reader
    assert reader.read("Wo ist meine Kreditkarte geblieben?")[0].letters > 25
    assert reader.read("Where is my credit card?")[0].letters == 0
    assert reader.read("naïve café, déjà vu")[0].letters == 0


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ПРИВЕТ МИР", "привет мир"),
        ("ёж", unicodedata.normalize("NFD", "ёж")),
        ("שָׁלוֹם", "שלום"),
        ("مُحَمَّد", "محمد"),
        ("می\u200cخواهم", "میخواهم"),
        ("\u200fشكرا\u200e", "شكرا"),
        ("❤\ufe0f", "❤"),
        ("ｶｰﾄﾞ１".replace("ﾞ", ""), "カート1"),
        ("мир\u00a0мир", "мир  мир"),
        ("👩\u200d👧", "👩👧"),
    ],
)
def test_what_only_looks_different_has_the_same_row(backbone, one, other):
    first, second = rows_of(backbone, one, other)
    assert cosine(first, second) > 0.995


def test_the_number_of_a_letter_is_a_hash_of_its_character():
    """The same as scikit-learn's, whatever the number of bytes."""
    for letter in "aя中😀":
        expected = murmurhash3_32(letter.encode(), 0, positive=True) % LETTERS
        assert letter_number(letter) == expected


def test_letters_stand_at_their_place_in_the_text(backbone):
    text = "hello прив"
    [window], geometry = backbone.reader.read_with_geometry(text)
    places = geometry.windows[0]
    assert len(places) == len(window.ids)
    [hello, unknown] = places[:2]
    assert (text[slice(*hello)], text[slice(*unknown)]) == ("hello", "прив")
    letters = [text[slice(*place)] for place in places[2:]]
    assert letters == ["п", "п", "р", "и", "в", "в"]


def test_a_word_and_its_letters_are_marked_once_with_all_they_add():
    spans = [((0, 4), 1.0), ((0, 1), 0.5), ((1, 2), 0.25), ((3, 4), 0.25)]
    assert word_values("прив", spans) == [(0, 4, 2.0)]


@pytest.mark.filterwarnings("ignore:.*mostly unknown words")
def test_heads_on_the_mean_of_tokens_and_letters_are_explained_exactly():
    good = ["хорошая еда", "отлично, спасибо", "очень вкусно", "nice food"]
    bad = ["плохая еда", "ужасно, никогда", "очень плохо", "bad food"]
    mean = get_card(NANO).variant(tap="each_token", pooling="masked-mean")
    predictor = featx.fit(
        featx.make_samples(good + bad, ["+"] * 4 + ["-"] * 4), head="ridge", backbone=mean
    )
    text = "ужасно bad"
    [scores] = predictor.head.scorer.scores(predictor.embed([text]).embeddings)
    [found] = featx.explain(predictor, [text], target="+", method="exact")
    total = found.bias + sum(part.value for part in found.parts)
    assert abs(total) == pytest.approx(abs(scores[0] - scores[1]), abs=1e-4)
    assert abs(total) > 0.01


@pytest.mark.parametrize(
    ("things", "good", "bad"),
    [
        ("المنتج الطعام الفندق التوصيل", "ممتاز رائع لذيذ", "سيئ قذر مزعج"),
        ("еда доставка комната услуга", "хорошая отличная вкусная", "плохая ужасная грязная"),
        ("餐厅 服务 酒店 快递", "很好吃 非常棒 很干净", "太难吃 非常差 很脏乱"),
        ("อาหาร ห้อง บริการ ราคา", "อร่อย ดีมาก สะอาด", "แย่ สกปรก แพงไป"),
    ],
    ids=["Arabic", "Russian", "Chinese", "Thai"],
)
@pytest.mark.filterwarnings("ignore:.*mostly unknown words")
def test_heads_learn_from_words_that_the_vocabulary_does_not_hold(things, good, bad):
    """Every word of a test text was met in training, though never beside the other."""
    texts, labels = [], []
    for k, thing in enumerate(things.split()):
        for label, words in (("+", good), ("-", bad)):
            for j, word in enumerate(words.split()):
                texts.append(f"{thing} {word}")
                labels.append((label, (k + j) % 4 == 0))
    parts = [
        [(text, label) for text, (label, held) in zip(texts, labels, strict=True) if held == part]
        for part in (False, True)
    ]
    train, test = ([list(column) for column in zip(*part, strict=True)] for part in parts)
    classifier = featx.fit(featx.make_samples(*train), head="ridge", backbone=NANO)
    assert classifier.predict(test[0]).tolist() == test[1]


def test_windows_of_a_long_text_have_the_letters_of_their_own_words():
    card = get_card(NANO).variant(options={"long": "chunk-mean", "max_length": 4})
    reader = featx.Backbone(card).reader
    windows = reader.read("один два три четыре пять шесть")
    assert [window.letters for window in windows] == [14, 19]


def test_letters_are_bounded_and_a_text_of_a_million_is_read(backbone):
    [window] = backbone.reader.read("я" * 1_000_000)
    assert window.letters == 1024
    [window] = backbone.reader.read("🥰 " * 300_000)
    assert window.letters <= 1024


def test_an_empty_text_is_refused_as_before(backbone):
    for text in ("", "  \n"):
        with pytest.raises(BadSample, match="has no tokens"):
            backbone.reader.read(text)


@pytest.mark.parametrize("table", [{"letters": -1}, {"letters": 9, "pad": True}, {"letters": "a"}])
def test_letters_that_cannot_be_are_refused(table):
    with pytest.raises(BadCard, match="letters"):
        TextSettings.from_table(table)


def test_doubts_say_that_spelling_is_all_that_is_known(backbone):
    with pytest.warns(FeatxWarning, match="how the words are spelled, not what they mean"):
        featx.FeatureExtractor(NANO).transform(["Это хорошая еда"])


@pytest.mark.slow
@settings(max_examples=50, deadline=None, derandomize=True)
@given(
    st.lists(st.text(st.characters(codec="utf-8"), min_size=1, max_size=30), min_size=1, max_size=3)
)
def test_any_text_that_is_not_white_space_has_a_row_alone_as_in_company(texts):
    backbone = featx.Backbone(NANO)
    kept = [text for text in texts if text.strip()]
    visible = [t for t in kept if any(letter_number(c) is not None and not c.isspace() for c in t)]
    if not visible:
        return
    together = rows_of(backbone, *visible)
    assert np.isfinite(together).all()
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 16, atol=1e-2)
    np.testing.assert_allclose(rows_of(backbone, visible[0]), together[:1], atol=1e-4)
