"""Sounds in every format and rate, and what a broken file says."""

import contextlib
import io
import struct
import tarfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from featx.errors import BadSample
from featx.modalities.audio import decode as sounds
from featx.modalities.audio.settings import Long
from featx.reading import read_samples
from tests.support.sounds import RATE, encode, read, tone, windows_of

soundfile = pytest.importorskip("soundfile")


soxr = pytest.importorskip("soxr")


def test_every_kind_of_source_gives_the_same_sound(tmp_path):
    sound = tone()
    data = encode(sound, subtype="FLOAT")
    path = tmp_path / "a b.wav"
    path.write_bytes(data)
    with tarfile.open(tmp_path / "sounds.tar", "w") as archive:
        archive.add(path, "one/a.wav")
    [member] = read_samples(tmp_path / "sounds.tar")
    sources = [path, str(path), data, bytearray(data), io.BytesIO(data), member.data]
    sources += [sound, (sound, RATE), (sound[:, None], RATE), sound.astype(np.float64)]
    for source in sources:
        np.testing.assert_array_equal(read(source), sound)


@pytest.mark.parametrize(
    ("kind", "subtype", "error"),
    [
        ("WAV", "PCM_16", 2**-15),
        ("WAV", "PCM_24", 2**-23),
        ("WAV", "PCM_32", 2**-23),
        ("WAV", "PCM_U8", 2**-7),
        ("WAV", "FLOAT", 0),
        ("WAV", "DOUBLE", 0),
        ("WAV", "ULAW", 0.02),
        ("FLAC", "PCM_16", 2**-15),
        ("AIFF", "PCM_16", 2**-15),
        ("AU", "PCM_16", 2**-15),
        ("CAF", "PCM_16", 2**-15),
        ("W64", "PCM_16", 2**-15),
        ("OGG", "VORBIS", 0.05),
        ("OGG", "OPUS", 0.1),
        ("MP3", "MPEG_LAYER_III", 0.05),
    ],
)
def test_common_formats_are_read(kind, subtype, error):
    if kind not in soundfile.available_formats():
        pytest.skip(f"this libsndfile does not write {kind}")
    sound = tone()
    found = read(encode(sound, kind, subtype=subtype))
    assert found.shape == sound.shape
    assert np.abs(found - sound)[1000:-1000].max() <= error


@pytest.mark.parametrize("dtype", ["int16", "int32", "uint8", "float16", "float64", ">i2"])
def test_arrays_of_integers_are_scaled_as_their_files_would_be(dtype):
    sound = tone()
    scale = {"int16": 2**15, ">i2": 2**15, "int32": 2**31, "uint8": 128}.get(dtype, 1)
    zero = 128 if dtype == "uint8" else 0
    found = read((sound * np.float64(scale) + zero).astype(dtype))
    assert found.dtype == np.float32
    np.testing.assert_allclose(
        found, sound, atol={"uint8": 1 / 128, "float16": 1e-3}.get(dtype, 1e-4)
    )


@pytest.mark.parametrize("channels", [1, 2, 6])
def test_channels_are_mixed_by_their_mean(channels, rng):
    table = rng.uniform(-0.5, 0.5, (4000, channels)).astype(np.float32)
    found = read(encode(table, subtype="FLOAT"))
    np.testing.assert_allclose(found, table.mean(axis=1), atol=1e-6)
    np.testing.assert_array_equal(read(table), found)


@pytest.mark.parametrize("rate", [8000, 11_025, 22_050, 44_100, 48_000, 96_000])
def test_any_rate_becomes_that_of_the_card(rate):
    found = read((tone(rate=rate), rate))
    assert abs(len(found) - RATE // 2) <= 1
    np.testing.assert_allclose(found[800:7200], tone()[800:7200], atol=2e-3)


@given(
    rate=st.sampled_from([8000, 22_050, 44_100, 48_000]),
    length=st.integers(1, 200_000),
    channels=st.integers(1, 3),
)
@settings(max_examples=25, deadline=None)
def test_resampling_block_by_block_is_resampling_the_whole(rate, length, channels):
    table = np.random.default_rng(length).normal(0, 0.2, (length, channels)).astype(np.float32)
    whole = soxr.resample(table.mean(axis=1, dtype=np.float32), rate, RATE)
    found = np.concatenate(list(sounds.stream(sounds.Wave(table, rate), RATE)))
    assert len(found) == len(whole)
    np.testing.assert_allclose(found, whole, atol=1e-6)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"this is a text file called .wav\n" * 9, "not a sound in a format"),
        (b"", "empty"),
        (b"\0" * 500, "not a sound"),
        (encode(tone())[:8000], "header promises 16,000 bytes, there are 7,956"),
        (encode(tone(), "AIFF")[:8000], "header promises"),
        (encode(tone(), "AU")[:8000], "header promises"),
        (encode(tone())[:30], "damaged sound"),
        (encode(tone(), "FLAC")[:2000], "damaged sound"),
        (encode(tone(), "OGG")[:60], "damaged sound"),
        (encode(np.empty(0, np.float32)), "no samples"),
        (encode(np.array([0.1, np.nan], np.float32), subtype="FLOAT"), "sample 1 is not a finite"),
        (encode(np.array([np.inf, 0], np.float32), subtype="FLOAT"), "sample 0 is not a finite"),
        (encode(tone(), rate=7), "7 samples a second: expected 100 to"),
    ],
    # encoders write numbers and times of their own, and a test has the same name in every process
    ids=range(13),
)
def test_broken_bytes_are_refused_in_words(data, words):
    with pytest.raises(BadSample, match=words):
        read(data)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (np.empty(0, np.float32), "no samples"),
        (np.zeros((0, 2), np.float32), "no samples"),
        (np.array([1e300, 0.0]), "sample 0 is not a finite number"),
        (np.array([0, np.nan]), "sample 1 is not a finite number"),
        (np.zeros((2, 16_000), np.float32), "transpose it"),
        (np.zeros((2, 3, 4), np.float32), r"expected \(samples,\)"),
        (np.zeros(5, np.int64), "expected .* of float32"),
        (np.zeros(5, complex), "expected .* of float32"),
        ((np.zeros(5, np.float32), "16 kHz"), "rate '16 kHz': expected samples a second"),
        ((np.zeros(5, np.float32), 3), "3 samples a second"),
        ((16_000, np.zeros(5, np.float32)), "expected an array and its rate"),
        ([0.0, 0.1], "list: expected a path"),
        ("absent.wav", "absent.wav: file not found"),
        (".", "expected a file, found a folder"),
    ],
)
def test_what_is_no_sound_is_refused_in_words(data, words):
    with pytest.raises(BadSample, match=words):
        read(data)


def test_a_length_that_was_not_known_when_it_was_written_is_forgiven():
    """What ffmpeg writes into a pipe."""
    data = bytearray(encode(tone()))
    data[4:8] = data[40:44] = b"\xff" * 4
    np.testing.assert_allclose(read(bytes(data)), tone(), atol=2**-15)


@pytest.mark.parametrize("field", [(22, "<H", 0), (24, "<I", 0), (34, "<H", 77), (20, "<H", 999)])
def test_a_wrong_header_is_refused(field):
    offset, form, value = field
    data = bytearray(encode(tone()))
    struct.pack_into(form, data, offset, value)
    with pytest.raises(BadSample):
        read(bytes(data))


def test_a_header_that_leads_out_of_its_file_is_a_refusal_and_nothing_else():
    """libsndfile then seeks to before the beginning, which a file of Python's answers with an error."""
    data = bytearray(encode(tone(), "AIFF"))
    data[33:39] = bytes.fromhex("00008080ffaa")
    with pytest.raises(BadSample):
        read(bytes(data))


def test_a_clipped_sound_is_a_sound():
    loud = np.clip(tone(level=5.0), -1, 1)
    np.testing.assert_allclose(read(encode(loud)), loud, atol=2**-14)
    assert read(tone(level=5.0)).max() > 4  # float files may go beyond 1


@pytest.mark.parametrize("rate", [8000, 16_000, 96_000])
def test_one_sample_is_a_sound(rate):
    found = windows_of((np.ones(1, np.float32), rate), window=100)
    assert found.shape == (1, 100)
    assert np.isfinite(found).all()


def test_what_a_file_is_called_plays_no_part(tmp_path):
    for name in ("a.raw", "b.mp3", "c"):
        (tmp_path / name).write_bytes(encode(tone()))
        np.testing.assert_allclose(read(tmp_path / name), tone(), atol=2**-15)


@given(st.binary(max_size=200), st.sampled_from(["WAV", "FLAC", "OGG", "AIFF"]), st.data())
@settings(max_examples=100, deadline=None)
def test_no_bytes_make_anything_but_a_sound_or_a_refusal(noise, kind, data):
    good = bytearray(encode(tone(0.05), kind))
    at = data.draw(st.integers(0, len(good)))
    good[at : at + len(noise)] = noise
    with contextlib.suppress(BadSample):
        found = read(bytes(good), window=100, max_seconds=1000)
        assert isinstance(found, Long) or np.isfinite(found).all()
