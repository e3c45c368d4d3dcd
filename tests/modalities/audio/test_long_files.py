"""Long files are read window by window."""

import tarfile
import tracemalloc

import numpy as np
import pytest

from featx.errors import BadSample
from featx.modalities.audio.settings import AudioSettings, Long
from featx.reading import read_samples
from featx.storage.blob import Blob
from tests.support.sounds import read, tone, windows_of

soundfile = pytest.importorskip("soundfile")


soxr = pytest.importorskip("soxr")


def test_of_a_long_file_only_a_few_windows_are_in_memory(three_hours):
    audio = AudioSettings.from_table({"rate": 1000, "window": 1000, "hop": 1000})
    content = audio.load(three_hours)
    assert content == Blob.of_path(three_hours)  # no bytes of it
    item = audio.read(content)
    assert isinstance(item, Long)
    whole = 3 * 3600 * 1000 * np.dtype(np.float32).itemsize
    tracemalloc.start()
    given = sum(batch.feeds["waveform"].nbytes for batch in audio.batches([item], 4))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert given == whole
    assert peak < whole / 20


def test_a_long_file_gives_the_row_of_its_windows(three_hours):
    audio = AudioSettings.from_table({"rate": 1000, "window": 1000, "hop": 1000})
    item = audio.read(audio.load(three_hours))
    rows, item_index = [], []
    for batch in audio.batches([item], 64):
        rows.append(batch.feeds["waveform"][:, :5])
        item_index.append(batch.item_index)
    assert sum(map(len, rows)) == 3 * 3600
    merged = audio.merge(np.concatenate(rows), np.concatenate(item_index), 1)
    np.testing.assert_allclose(merged[0], tone(1, 1000, 50)[:5], atol=2**-14)


def test_a_long_file_has_the_digest_of_its_bytes(three_hours):
    audio = AudioSettings()
    assert audio.digest(audio.load(three_hours)) == audio.digest(three_hours.read_bytes())


def test_a_long_sound_without_windows_or_beyond_the_limit_is_refused(three_hours):
    with pytest.raises(BadSample, match="longer than 600 seconds"):
        read(three_hours, rate=1000)
    with pytest.raises(BadSample, match="longer than 5 seconds"):
        read(three_hours, rate=1000, window=1000, max_seconds=5)


def test_a_long_member_of_a_tar_is_read_where_it_lies(three_hours, tmp_path):
    with tarfile.open(tmp_path / "long.tar", "w") as archive:
        archive.add(three_hours, "x.wav")
    [sample] = read_samples(tmp_path / "long.tar")
    audio = AudioSettings.from_table({"rate": 1000, "window": 1000})
    content = audio.load(sample.data)
    assert content is sample.data
    assert audio.digest(content) == audio.digest(audio.load(three_hours))
    first = next(audio.batches([audio.read(content)], 2)).feeds["waveform"]
    np.testing.assert_array_equal(
        first,
        windows_of((tone(1, 1000, 50) * 2**15).astype("i2"), rate=1000, window=1000).repeat(
            2, axis=0
        ),
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    "table",
    [
        {"normalize": "clip", "tail": "short", "stride": 20},
        {"features": "whisper", "mels": 8, "n_fft": 64, "frame_hop": 100},
        {"features": "ast", "mels": 8, "hop": 0},
    ],
)
def test_of_a_long_file_features_of_a_few_windows_are_in_memory(three_hours, table):
    audio = AudioSettings.from_table({"rate": 1000, "window": 30_000, **table})
    item = audio.read(audio.load(three_hours))
    tracemalloc.start()
    entries = sum(len(batch.item_index) for batch in audio.batches([item], 2))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert entries == 360
    # its samples alone are 43 MB
    assert peak < 16e6
