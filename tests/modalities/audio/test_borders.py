"""Headers that do not know their length, values out of range, and small files that unfold to hours."""

import io
import struct

import numpy as np
import pytest

from featx.errors import BadCard, BadSample
from featx.modalities.audio.decode import stream
from featx.modalities.audio.settings import AudioSettings, Long
from tests.support.sounds import RATE, encode, read, tone

soundfile = pytest.importorskip("soundfile")


def with_lengths(kind, value, **options):
    """A tone whose header has ``value`` for each length that a program that streams does not know."""
    data = bytearray(encode(tone(), kind, **options))
    if kind in ("WAV", "WAVEX"):
        places = [(4, "<I"), (data.index(b"data") + 4, "<I")]
    elif kind == "RF64":
        places = [(20, "<Q"), (28, "<Q"), (36, "<Q")]
    elif kind == "AU":
        places = [(8, ">I")]
    elif kind == "AIFF":
        places = [(data.index(b"COMM") + 10, ">I"), (data.index(b"SSND") + 4, ">I")]
    elif kind == "CAF":
        places = [(data.index(b"data") + 4, ">Q")]
    elif kind == "W64":
        places = [(data.index(b"data") + 16, "<Q")]
    else:
        data[21] &= 0xF0
        places = [(22, ">I")]
        value = 0
    for place, form in places:
        struct.pack_into(form, data, place, value % (1 << 8 * struct.calcsize(form)))
    return bytes(data)


@pytest.mark.parametrize("value", [0, -1])
@pytest.mark.parametrize("kind", ["WAV", "WAVEX", "RF64", "AU", "AIFF", "CAF", "W64", "FLAC"])
def test_a_length_that_was_not_known_is_found_by_reading_to_the_end(kind, value, tmp_path):
    data = with_lengths(kind, value)
    np.testing.assert_allclose(read(data), tone(), atol=2**-14)
    path = tmp_path / "x"
    path.write_bytes(data)
    np.testing.assert_array_equal(np.concatenate(list(stream_of(path))), read(data))


def stream_of(path):
    from featx.storage.blob import to_blob

    return stream(to_blob(path), RATE)


def test_a_float_file_without_its_length_is_read_to_the_end():
    data = with_lengths("WAV", 0, subtype="FLOAT")
    np.testing.assert_array_equal(read(data), tone())


def test_a_large_file_without_its_length_is_read_where_it_lies(tmp_path):
    sound = np.tile(tone(1.0), 600)
    data = bytearray(encode(sound))
    struct.pack_into("<I", data, data.index(b"data") + 4, 0)
    path = tmp_path / "x.wav"
    path.write_bytes(data)
    audio = AudioSettings.from_table({"window": RATE})
    item = audio.read(audio.load(path))
    assert isinstance(item, Long)
    assert sum(len(batch.item_index) for batch in audio.batches([item], 4)) == 600


def test_an_empty_sound_with_chunks_after_it_is_empty():
    data = encode(np.empty(0, np.float32)) + b"LIST" + struct.pack("<I", 4) + b"INFO"
    with pytest.raises(BadSample, match="no samples"):
        read(data)


@pytest.mark.parametrize("factor", [32768.0, 2.0**31, 255.0])
def test_floats_far_outside_their_range_are_refused_by_name_until_their_scale_is_said(factor):
    loud = tone() * np.float32(factor)
    words = "floats are expected within -1 … 1.*range=32768"
    for data in (loud, encode(loud, subtype="FLOAT"), loud.astype(np.float64)):
        with pytest.raises(BadSample, match=words):
            read(data)
        np.testing.assert_allclose(read(data, range=factor), tone(), rtol=1e-5, atol=1e-7)


def test_the_range_of_integers_is_in_their_type():
    numbers = (tone() * 2**15).astype("i2")
    for data in (numbers, encode(tone())):
        np.testing.assert_array_equal(read(data, range=32768), read(data))


def test_floats_a_little_beyond_one_are_sounds():
    np.testing.assert_array_equal(read(tone(level=25.0)), tone(level=25.0))


def test_a_new_entry_leaves_fingerprints_as_they_were(card):
    from featx.modalities import fingerprint_entries

    plain = fingerprint_entries(card.input)
    assert " ".join(sorted(plain)) == (
        "align hop max_seconds min_length pad pool rate scale tail window"
    )
    changed = card.variant(options={"range": 32768})
    assert changed.fingerprint != card.fingerprint


@pytest.mark.parametrize("value", [0, -1, float("inf"), float("nan"), "16", True])
def test_a_scale_that_is_none_is_refused(value):
    for name in ("range", "scale"):
        with pytest.raises(BadCard, match=name):
            AudioSettings.from_table({name: value})
    with pytest.raises(BadCard, match="rate"):
        AudioSettings.from_table({"rate": 10**9})


@pytest.mark.parametrize("dtype", ["int64", "int8", "uint16", "uint32", "uint64"])
def test_integers_whose_full_scale_nobody_knows_are_refused(dtype):
    with pytest.raises(BadSample, match=f"array of {dtype}: its type.*expected one of int16"):
        read(np.zeros(5, dtype))


def silence(seconds, kind):
    """Silence at 8 kHz, written a second at a time: libsndfile's encoders fail on much at once."""
    buffer = io.BytesIO()
    with soundfile.SoundFile(buffer, "w", 8000, 1, format=kind) as file:
        for _ in range(seconds):
            file.write(np.zeros(8000, np.float32))
    return buffer.getvalue()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["FLAC", "OGG", "MP3", "WAV"])
def test_a_small_file_of_hours_is_refused_by_its_header(kind):
    if kind not in soundfile.available_formats():
        pytest.skip(f"this libsndfile does not write {kind}")
    data = silence(700, kind)
    with pytest.raises(BadSample, match="longer than 600 seconds"):
        read(data)
    with pytest.raises(BadSample, match="longer than 5 seconds"):
        read(data, window=1000, max_seconds=5)


def test_a_header_that_promises_less_than_there_is_does_not_lift_the_limit():
    """A FLAC that says 0, which is: unknown."""
    data = bytearray(encode(np.zeros(8000 * 20, np.float32), "FLAC", rate=8000))
    data[21] &= 0xF0
    data[22:26] = bytes(4)
    with pytest.raises(BadSample, match="longer than 5 seconds"):
        read(bytes(data), max_seconds=5)
    assert len(read(bytes(data), max_seconds=25)) == 20 * RATE


def test_channels_and_rate_together_are_bounded():
    data = encode(np.zeros((650_000, 8), np.float32), "FLAC", rate=655_350)
    with pytest.raises(BadSample, match="8 channels of 655,350 samples a second"):
        read(data, max_seconds=1)
    with pytest.raises(BadSample, match="1000 channels: expected at most 256"):
        read(encode(np.zeros((3, 1000), np.float32)))
    with pytest.raises(BadSample, match="1000 channels: expected at most 256"):
        read(np.zeros((2000, 1000), np.float32))


def test_nothing_is_printed_where_results_go(capfd):
    """libsndfile itself prints each damaged block of a sample dump."""
    data = bytearray(encode(tone(), "SDS", subtype="PCM_16"))
    data[1000:3000] = bytes(2000)
    with pytest.raises(BadSample, match="a MIDI sample dump: expected WAV"):
        read(bytes(data))
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("rate", [0, 1, 50, 10**9, 2**31, 2**32 - 1])
def test_rates_that_cannot_be_are_refused(rate):
    data = bytearray(encode(tone()))
    struct.pack_into("<I", data, 24, rate)
    with pytest.raises(BadSample):
        read(bytes(data))


@pytest.mark.parametrize("value", [0.0, 0.5, -1.0])
def test_silence_and_constant_sounds_are_sounds(value):
    sound = np.full(8000, value, np.float32)
    np.testing.assert_array_equal(read(sound), sound)
    audio = AudioSettings()
    row = audio.baseline().read(sound_of(sound))
    assert np.isfinite(row).all()


def sound_of(values):
    return AudioSettings().load(values)


@pytest.mark.parametrize("name", ["clipped_96k.flac", "one_sample.wav", "tone_440.ogg"])
def test_odd_files_of_others_are_read_or_refused(name, request):
    from pathlib import Path

    folder = Path(__file__).parents[4] / "shared" / "odd_files" / "audio"
    if not folder.is_dir():
        pytest.skip("no odd files beside the checkout")
    assert np.isfinite(read(folder / name)).all()
