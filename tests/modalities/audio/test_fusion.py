"""The four spectra of a long sound are the same streamed as in memory."""

import tracemalloc

import numpy as np
import pytest

from featx.modalities.audio.features import FRONT_ENDS
from featx.modalities.audio.fusion import fuse
from featx.modalities.audio.settings import AudioSettings, Long
from featx.modalities.audio.windows import SoundWindow

TABLE = {
    "features": "clap",
    "rate": 1000,
    "window": 1000,
    "mels": 8,
    "n_fft": 64,
    "frame_hop": 10,
    "high": 500.0,
}


@pytest.fixture
def parameters():
    return AudioSettings.from_table(TABLE).parameters


@pytest.mark.parametrize("block", [1, 17, 64, 5000])
@pytest.mark.parametrize("length", [1010, 1011, 1999, 4321])
def test_four_spectra_are_the_whole_shrunk_and_its_beginning_middle_and_end(
    parameters, length, block
):
    sound = np.random.default_rng(length).normal(0, 0.2, length).astype(np.float32)
    blocks = [sound[start : start + block] for start in range(0, length, block)]
    shrunk, *windows = fuse(blocks, length, parameters)
    whole = FRONT_ENDS["clap"].compute(SoundWindow(sound, 0, length), parameters)[0]
    n = 1 + length // 10
    assert len(whole) == n
    for found, start in zip(windows, (0, (n - 101) // 2, n - 101), strict=True):
        np.testing.assert_allclose(found, whole[start : start + 101], atol=1e-5)
    places = np.clip((np.arange(101) + 0.5) * n / 101 - 0.5, 0, n - 1)
    for band in range(8):
        expected = np.interp(places, np.arange(n), whole[:, band])
        np.testing.assert_allclose(shrunk[:, band], expected, atol=0.01)


def test_of_a_sound_of_hours_a_few_frames_are_in_memory(three_hours):
    audio = AudioSettings.from_table({**TABLE, "frame_hop": 500, "n_fft": 500})
    item = audio.read(audio.load(three_hours))
    assert isinstance(item, Long)
    tracemalloc.start()
    [batch] = audio.batches([item], 4)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert batch.feeds["input_features"].shape == (1, 4, 3, 8)
    assert batch.feeds["is_longer"].tolist() == [[True]]
    # its samples alone are 43 MB
    assert peak < 16e6
