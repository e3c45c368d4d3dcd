"""Sounds that are damaged or made to harm: each is read or refused in words, in bounded time and memory."""

import random
import struct
from functools import cache

import numpy as np
import pytest

from featx.modalities.audio.settings import AudioSettings
from tests.support.fuzzing import EDGES, attack, mutated
from tests.support.sounds import encode, tone

soundfile = pytest.importorskip("soundfile")

KINDS = (
    *(
        ("WAV", "PCM_16"),
        ("WAV", "FLOAT"),
        ("WAV", "IMA_ADPCM"),
        ("WAV", "ULAW"),
        ("WAVEX", "PCM_24"),
    ),
    *(
        ("RF64", "PCM_16"),
        ("W64", "PCM_16"),
        ("AIFF", "PCM_16"),
        ("AU", "PCM_16"),
        ("CAF", "ALAC_16"),
    ),
    *(
        ("CAF", "PCM_16"),
        ("FLAC", "PCM_16"),
        ("OGG", "VORBIS"),
        ("OGG", "OPUS"),
        ("MP3", "MPEG_LAYER_III"),
    ),
    *(
        ("NIST", "PCM_16"),
        ("VOC", "PCM_16"),
        ("MAT5", "PCM_16"),
        ("SDS", "PCM_16"),
        ("XI", "DPCM_16"),
    ),
)


def read(data):
    """Read a sound as two kinds of cards do, and as the baseline does."""
    for table in ({"max_seconds": 600}, {"window": 1600, "hop": 800, "max_seconds": 600}):
        audio = AudioSettings.from_table(table)
        content = audio.load(data)
        audio.digest(content)
        for batch in audio.batches([audio.read(content)], 4):
            assert np.isfinite(batch.feeds["waveform"]).all()
    assert np.isfinite(audio.baseline().read(content)).all()


@cache
def samples():
    """Short sounds in every format that this libsndfile writes."""
    table = np.stack([tone(0.1), tone(0.1, hertz=880)], axis=1)
    known = soundfile.available_formats()
    return tuple(
        encode(table if kind not in ("XI", "SDS") else table[:, 0], kind, subtype=subtype)
        for kind, subtype in KINDS
        if kind in known and subtype in soundfile.available_subtypes(kind)
    )


def with_fields(data, fields):
    """Yield the bytes with each of the numbers at a border of its type in each of the fields."""
    for place, form in fields:
        size = struct.calcsize(form)
        for number in (*EDGES, 2**40, 2**63, 2**64 - 1, 10**9, 44_100):
            changed = bytearray(data)
            changed[place : place + size] = struct.pack(form, number % (1 << 8 * size))
            yield bytes(changed)


def made_by_hand():
    """Yield headers that lie: lengths, channels, rates and widths, alone and together."""
    wav = encode(tone(0.1))
    yield from with_fields(wav, [(4, "<I"), (16, "<I"), (20, "<H"), (22, "<H"), (24, "<I")])
    yield from with_fields(wav, [(28, "<I"), (32, "<H"), (34, "<H"), (40, "<I")])
    flac = encode(tone(0.1), "FLAC")
    yield from with_fields(flac, [(4, ">I"), (8, ">H"), (10, ">H"), (18, ">I"), (22, ">I")])
    aiff = encode(tone(0.1), "AIFF")
    common, data = aiff.index(b"COMM"), aiff.index(b"SSND")
    places = [(4, ">I"), (common + 8, ">H"), (common + 10, ">I"), (common + 14, ">H")]
    yield from with_fields(aiff, [*places, (common + 16, ">Q"), (data + 4, ">I"), (data + 8, ">I")])
    au = encode(tone(0.1), "AU")
    yield from with_fields(au, [(place, ">I") for place in (4, 8, 12, 16, 20)])
    long = encode(tone(0.1), "RF64")
    yield from with_fields(long, [(16, "<I"), (20, "<Q"), (28, "<Q"), (36, "<Q"), (44, "<I")])
    caf = encode(tone(0.1), "CAF")
    chunk = caf.index(b"data")
    yield from with_fields(caf, [(12, ">Q"), (20, ">Q"), (40, ">I"), (44, ">I"), (chunk + 4, ">Q")])
    # chunks without end, and chunks that lead back
    head = wav[:12]
    yield head + b"JUNK\0\0\0\0" * 100_000
    yield head + wav[12:36] + b"LIST\xff\xff\xff\xff" + wav[36:]
    yield head + wav[12:36] * 1000 + wav[36:]
    yield head + wav[36:] + wav[12:36]
    yield caf[:8] + b"junk\xff\xff\xff\xff\xff\xff\xff\xf0" * 1000
    yield long[:80] + b"\0" * 1000
    # small files of much
    yield encode(np.zeros((1 << 20, 8), np.int16), "FLAC", rate=655_350)
    yield encode(np.zeros(1 << 24, np.int16), "FLAC", rate=8000)
    yield encode(np.full(2000, 1e38, np.float32), subtype="FLOAT")
    yield encode(np.full(2000, np.inf, np.float32), subtype="FLOAT")
    yield encode(np.full(2000, 1e308), subtype="DOUBLE")
    yield encode(tone(0.1), rate=100)
    yield encode(tone(0.1), rate=4_000_000)
    # arrays
    yield from (np.full(5, np.nan), np.zeros((0, 3)), np.zeros((3, 0)), np.zeros((1, 1, 1)))
    yield from (np.zeros(5, dtype) for dtype in ("i8", "u2", "c8", "O", "U3", "?", "M8[s]", "V4"))
    for rate in (0, -1, 1, 10**9, 2**70, 1.5, float("nan"), None, "16000", True, 100, 4_000_000):
        yield np.zeros(500, np.float32), rate
    yield from (
        (),
        (1,),
        (1, 2),
        (tone(0.1), 16_000, 1),
        [0.0],
        None,
        7,
        b"",
        "absent.wav",
        "/",
        "a\0b",
    )


@pytest.mark.slow
def test_headers_that_lie_are_read_or_refused():
    tally = attack(read, made_by_hand(), seconds=20, memory=1 << 29)
    assert not tally.faults, str(tally)
    assert tally.counts["ok"] > 100, str(tally)
    assert tally.counts["refused"] > 100, str(tally)


def damaged(seed, count):
    rng = random.Random(seed)
    for data in samples():
        yield from mutated(data, rng.randrange(1 << 30), count // len(samples()))


@pytest.mark.slow
def test_a_few_damaged_sounds_are_read_or_refused():
    tally = attack(read, damaged(1, 200), memory=1 << 29)
    assert not tally.faults, str(tally)


@pytest.mark.slow
def test_many_damaged_sounds_are_read_or_refused():
    tally = attack(read, damaged(2, 2000), memory=1 << 29)
    assert not tally.faults, str(tally)
