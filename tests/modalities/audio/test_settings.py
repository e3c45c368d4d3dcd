"""Windows of sounds, and what a card may say of them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from featx.catalog import Card
from featx.errors import BadCard
from featx.modalities.audio.settings import AudioSettings
from tests.support.sounds import RATE, read, tone, windows_of

soundfile = pytest.importorskip("soundfile")


soxr = pytest.importorskip("soxr")


def test_windows_follow_each_other_by_a_hop():
    sound = np.arange(1, 26, dtype=np.float32)
    found = windows_of(sound, window=10, hop=5)
    np.testing.assert_array_equal(found, [sound[k : k + 10] for k in (0, 5, 10, 15)])
    assert len(windows_of(sound, window=10)) == 3  # 5 samples and silence
    np.testing.assert_array_equal(windows_of(sound, window=10)[-1], [*range(21, 26), *[0] * 5])
    assert len(windows_of(sound, window=10, tail="drop")) == 2
    assert len(windows_of(sound[:20], window=10)) == 2
    assert len(windows_of(sound[:21], window=10, hop=5)) == 4


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ({}, [1, 2, 3, 0, 0, 0, 0, 0]),
        ({"tail": "drop"}, [1, 2, 3, 0, 0, 0, 0, 0]),
        ({"align": "end"}, [0, 0, 0, 0, 0, 1, 2, 3]),
        ({"align": "center"}, [0, 0, 1, 2, 3, 0, 0, 0]),
        ({"pad": "repeat"}, [1, 2, 3, 1, 2, 3, 1, 2]),
    ],
)
@pytest.mark.parametrize("kind", [{"window": 8}, {"min_length": 8}])
def test_a_short_sound_is_filled_up_as_the_card_says(kind, table, expected):
    found = windows_of(np.array([1, 2, 3], np.float32), **kind, **table)
    np.testing.assert_array_equal(found, [expected])


def test_a_graph_in_sixteen_bit_numbers_is_given_such():
    np.testing.assert_allclose(read(tone(), scale=32767.0), tone() * 32767, rtol=1e-6)


@given(
    lengths=st.lists(st.integers(1, 300), min_size=1, max_size=6),
    window=st.integers(0, 50),
    size=st.integers(1, 7),
    tail=st.sampled_from(["pad", "drop"]),
)
@settings(max_examples=60, deadline=None)
def test_every_window_of_every_sound_comes_once_and_in_order(lengths, window, size, tail):
    audio = AudioSettings.from_table({"window": window, "hop": (window + 1) // 2, "tail": tail})
    rng = np.random.default_rng(sum(lengths))
    items = [audio.read(audio.load(rng.normal(size=n).astype("f4"))) for n in lengths]
    batches = list(audio.batches(items, size))
    assert max(len(batch.item_index) for batch in batches) <= size
    item_index = np.concatenate([batch.item_index for batch in batches])
    assert sorted(set(item_index)) == list(range(len(items)))
    assert (np.diff(item_index) >= 0).all()
    alone = [w for item in items for b in audio.batches([item], 1) for w in b.feeds["waveform"]]
    together = [w for batch in batches for w in batch.feeds["waveform"]]
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("pool", ["mean", "max", "mean+std", "mean+max"])
def test_rows_of_windows_are_pooled_sound_by_sound(pool, rng):
    rows = rng.normal(size=(9, 4)).astype(np.float32)
    item_index = np.array([0, 0, 0, 1, 2, 2, 2, 2, 2])
    parts = [rows[:3], rows[3:4], rows[4:]]
    ways = {"mean": np.mean, "max": np.max, "std": np.std}
    expected = [
        np.concatenate([ways[way](part, axis=0) for way in pool.split("+")]) for part in parts
    ]
    found = AudioSettings(pool=pool).merge(rows, item_index, 3)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize(
    "table",
    [
        {"rate": 0},
        {"rate": 16_000.5},
        {"window": -1},
        {"window": 100, "hop": 101},
        {"hop": 5},
        {"window": 16_000 * 61},
        {"align": "middle"},
        {"pad": "reflect"},
        {"tail": "keep"},
        {"pool": "mean+min"},
        {"scale": 0},
        {"scale": "int16"},
        {"max_seconds": -1},
        {"windows": 5},
    ],
)
def test_a_table_that_cannot_be_is_refused(table):
    with pytest.raises(BadCard, match=r"\[audio\]"):
        AudioSettings.from_table(table)


def test_a_card_of_sounds_survives_its_toml(card):
    again = Card.from_toml(card.to_toml())
    assert again == card
    assert again.fingerprint == card.fingerprint


def test_equal_content_has_an_equal_digest_and_other_content_another():
    audio, sound = AudioSettings(), tone()
    same = audio.digest(audio.load(sound))
    assert len(same) == 32
    assert audio.digest(audio.load((sound.copy(), RATE))) == same
    assert audio.digest(audio.load((sound, 8000))) != same
    assert audio.digest(audio.load(sound[:-1])) != same
    assert audio.digest(audio.load(sound.astype(np.float64))) != same
    assert audio.digest(audio.load(sound[::-1])) != same
