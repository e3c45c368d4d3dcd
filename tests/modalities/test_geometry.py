"""Geometry: characters of tokens and times of windows, held against the sample itself."""

import numpy as np
import pytest

from featx.backbones.backbone import Backbone
from featx.modalities.audio.settings import AudioSettings

TEXT = "Grüße 🎉 from the naïve café — İstanbul!"


@pytest.mark.slow
def test_the_characters_of_a_token_are_the_word_that_it_stands_for(shared_models):
    reader = Backbone("all-minilm-l6-v2").reader
    item, geometry = reader.read_with_geometry(TEXT)
    np.testing.assert_array_equal(item[0].ids, reader.read(TEXT)[0].ids)
    [spans] = geometry.windows
    assert len(spans) == len(item[0].ids)
    assert (spans[0], spans[-1]) == (None, None)
    words = {}
    for id, span in zip(item[0].ids[1:-1], spans[1:-1], strict=True):
        words[reader.tokenizer.id_to_token(int(id))] = TEXT[slice(*span)]
    assert words["from"] == "from"
    assert words["cafe"] == "café"
    assert words["istanbul"] == "İstanbul"
    assert "".join(words.values()).replace(" ", "") in TEXT.replace(" ", "")


@pytest.mark.parametrize("truncation", ["left", "right"])
def test_the_characters_are_those_of_the_text_whatever_stands_before_or_is_cut_off(
    shared_models, truncation
):
    table = {"prefix": "query: ", "max_length": 7, "truncation": truncation}
    reader = Backbone("all-minilm-l6-v2", options=table).reader
    text = "one two three four five six seven"
    item, geometry = reader.read_with_geometry(text)
    for k, id in enumerate(item[0].ids):
        span, token = geometry.locate((k,), (7,)), reader.tokenizer.id_to_token(int(id))
        expected = None if token in ("[CLS]", "[SEP]", "query", ":") else token
        assert (None if span is None else text[slice(*span)]) == expected


def ramp(n):
    """A sound whose every sample is its own number; its range is said to be 1, so that it may go beyond."""
    return np.arange(1, n + 1, dtype=np.float32)


@pytest.mark.parametrize("align", ["start", "center", "end"])
@pytest.mark.parametrize("tail", ["pad", "drop"])
@pytest.mark.parametrize(
    ("window", "hop", "min_length"), [(0, 0, 0), (0, 0, 70), (40, 0, 0), (40, 25, 0), (40, 15, 90)]
)
@pytest.mark.parametrize("n", [1, 39, 40, 41, 65, 66, 80, 95, 133])
def test_a_window_holds_the_samples_of_its_time(n, window, hop, min_length, tail, align):
    rate = 100
    audio = AudioSettings(
        range=1.0, rate=rate, window=window, hop=hop, min_length=min_length, tail=tail, align=align
    )
    content = audio.load(ramp(n))
    item, geometry = audio.read_with_geometry(content)
    np.testing.assert_array_equal(item, audio.read(content))
    assert geometry.duration == n / rate
    windows = [row for batch in audio.batches([item], 1) for row in batch.feeds["waveform"]]
    assert len(windows) == len(geometry.windows)
    for values, (start, stop) in zip(windows, geometry.windows, strict=True):
        numbers = np.arange(round(start * rate), round(stop * rate)) + 1
        np.testing.assert_array_equal(values, np.where((numbers >= 1) & (numbers <= n), numbers, 0))


def test_a_sound_longer_than_memory_has_the_times_of_all_its_windows():
    audio = AudioSettings(rate=100, window=1000, range=1.0)
    item, geometry = audio.read_with_geometry(audio.load(ramp(7050)))
    assert geometry.duration == 70.5
    assert geometry.windows[-1] == (70.0, 80.0)
    assert len(geometry.windows) == sum(len(batch.item_index) for batch in audio.batches([item], 3))


def test_a_part_of_a_window_is_inside_the_sound():
    _, geometry = AudioSettings(rate=100, window=100, range=1.0).read_with_geometry(
        AudioSettings(rate=100).load(ramp(150))
    )
    assert geometry.locate((1,), (4,), window=0) == (0.25, 0.5)
    assert geometry.locate((1,), (4,), window=1) == (1.25, 1.5)
    assert geometry.locate((2,), (4,), window=1) == (1.5, 1.5)
