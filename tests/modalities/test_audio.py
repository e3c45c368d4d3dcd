"""Sound: what goes in, what windows come out, and what a broken file says."""

import contextlib
import hashlib
import io
import json
import struct
import tarfile
import tomllib
import tracemalloc
import wave
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

import featx
from featx import FeatureExtractor
from featx.backbones.backbone import Backbone
from featx.backbones.selfcheck import check
from featx.catalog import Card, File, get_card
from featx.cli import main
from featx.embedding.engine import BaselineEmbedder, Engine
from featx.errors import BadCard, BadSample, FeatxWarning
from featx.modalities.audio import decode as sounds
from featx.modalities.audio.settings import AudioSettings, Long
from featx.reading import read_samples
from featx.sources import Sample, make_samples
from featx.storage.blob import Blob
from tests.support import audio_oracle as oracle_sound
from tests.support.nets import FLOAT, save, weights

soundfile = pytest.importorskip("soundfile")
soxr = pytest.importorskip("soxr")

RATE = 16_000


def read(data, **table):
    audio = AudioSettings.from_table(table)
    return audio.read(audio.load(data))


def encode(sound, kind="WAV", rate=RATE, **options):
    buffer = io.BytesIO()
    soundfile.write(buffer, sound, rate, format=kind, **options)
    return buffer.getvalue()


def tone(seconds=0.5, rate=RATE, hertz=440.0, level=0.3):
    return (level * np.sin(2 * np.pi * hertz * np.arange(int(seconds * rate)) / rate)).astype("f4")


def windows_of(sound, **table):
    """All windows of one sound, in order."""
    audio = AudioSettings.from_table(table)
    batches = audio.batches([audio.read(audio.load(sound))], 3)
    return np.concatenate([batch.feeds["waveform"] for batch in batches])


# -- sources and formats ---------------------------------------------------------------------------


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


# -- windows ---------------------------------------------------------------------------------------


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


# -- bad input -------------------------------------------------------------------------------------


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


# -- long files ------------------------------------------------------------------------------------


@pytest.fixture
def three_hours(tmp_path):
    """A file of three hours at 1 kHz, larger than what is read whole."""
    path, second = tmp_path / "three hours.wav", (tone(1, 1000, 50) * 2**15).astype("<i2").tobytes()
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(1000)
        for _ in range(3 * 60):
            file.writeframes(second * 60)
    assert path.stat().st_size > sounds.SMALL
    return path


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


# -- through the engine ----------------------------------------------------------------------------


@pytest.fixture
def card(tmp_path, monkeypatch):
    """A small backbone of sounds in a model directory: a filter bank of eight, then the mean square of each."""
    node = helper.make_node
    folder = tmp_path / "models" / "small-sound"
    folder.mkdir(parents=True)
    graph = save(
        folder / "backbone.onnx",
        [
            node("Unsqueeze", ["waveform", "one"], ["x"]),
            node("Conv", ["x", "filters"], ["y"], strides=[8]),
            node("Mul", ["y", "y"], ["z"]),
            node("GlobalAveragePool", ["z"], ["pooled"]),
            node("Flatten", ["pooled"], ["embedding"]),
        ],
        [("waveform", FLOAT, ["N", "T"])],
        [("embedding", FLOAT, ["N", 8])],
        [weights("filters", 8, 1, 64), helper.make_tensor("one", 7, [1], [1])],
    )
    file = File("backbone.onnx", hashlib.sha256(graph.read_bytes()).hexdigest())
    table = AudioSettings.from_table({"window": 1600, "hop": 800, "pool": "mean+max"})
    (folder / "card.toml").write_text(
        Card("small-sound", "audio", file, table, dim=16).to_toml(), encoding="utf-8"
    )
    monkeypatch.setenv("FEATX_MODELS", str(tmp_path / "models"))
    return get_card("small-sound")


@pytest.fixture
def recordings(tmp_path, rng):
    """Twelve files of low and high tones, of several lengths, rates and formats."""
    root = tmp_path / "my recordings"
    for k in range(12):
        label, hertz = ("low", 300) if k % 2 else ("high", 3000)
        (root / label).mkdir(parents=True, exist_ok=True)
        rate = (16_000, 8000, 44_100)[k % 3]
        sound = tone(0.05 + 0.1 * k, rate, hertz * (1 + 0.02 * k))
        sound += rng.normal(0, 0.01, sound.shape).astype(np.float32)
        soundfile.write(root / label / f"{k:02}.{'flac' if k % 4 else 'wav'}", sound, rate)
    return root


def test_a_card_of_sounds_survives_its_toml(card):
    again = Card.from_toml(card.to_toml())
    assert again == card
    assert again.fingerprint == card.fingerprint


def test_a_row_does_not_depend_on_its_neighbours(card, recordings):
    backbone = Backbone(card)
    items = [backbone.reader.read(path.read_bytes()) for path in sorted(recordings.rglob("*.*"))]
    together = backbone.embed_items(items, 5)
    for row, item in zip(together, items, strict=True):
        np.testing.assert_allclose(row, backbone.embed_items([item])[0], rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(
        backbone.embed_items(items[::-1], 2)[::-1], together, rtol=1e-5, atol=1e-7
    )


def test_a_broken_file_among_good_ones_is_a_reject(card, recordings, three_hours):
    backbone = Backbone(card)
    spoilt = bytearray(three_hours.read_bytes())
    struct.pack_into("<I", spoilt, 40, len(spoilt) * 2)
    late = np.zeros(70 * RATE, np.float32)
    late[-1] = np.nan  # known only while the rest is embedded
    samples = read_samples(recordings)
    bad = {2: b"no sound", 5: bytes(spoilt), 6: late, 9: "absent.wav"}
    mixed = [Sample(s.id, bad.get(k, s.data), s.label) for k, s in enumerate(samples)]
    rows = Engine(on_error="skip").embed(mixed, backbone)
    assert [reject.id for reject in rows.rejects] == [mixed[k].id for k in bad]
    said = " | ".join(reject.reason for reject in rows.rejects)
    for words in ("not a sound", "header promises", "sample 1119999 is not", "file not found"):
        assert words in said
    alone = Engine().embed([s for k, s in enumerate(samples) if k not in bad], backbone)
    np.testing.assert_allclose(rows.embeddings, alone.embeddings, rtol=1e-5, atol=1e-7)
    with pytest.raises(BadSample, match=f"^{mixed[2].id}: not a sound"):
        Engine().embed(mixed, backbone)


def test_rows_are_equal_with_and_without_the_cache(card, recordings, tmp_path):
    backbone = Backbone(card)
    samples = read_samples(recordings)
    plain = Engine().embed(samples, backbone)
    for _ in range(2):
        kept = Engine(cache=tmp_path / "rows.sqlite").embed(samples, backbone)
        np.testing.assert_allclose(kept.embeddings, plain.embeddings, rtol=1e-5, atol=1e-7)


def test_an_extractor_takes_paths_and_arrays_with_their_rate_in_a_pipeline(card, recordings):
    paths = sorted(recordings.rglob("*.*"))
    labels = [path.parent.name for path in paths]
    pairs = [soundfile.read(path, dtype="float32") for path in paths]
    extractor = FeatureExtractor(card)
    rows = extractor.transform(paths)
    assert rows.shape == (12, 16)
    np.testing.assert_allclose(extractor.transform(pairs), rows, rtol=1e-5, atol=1e-7)
    np.testing.assert_array_equal(extractor.transform([str(path) for path in paths]), rows)
    pipeline = make_pipeline(FeatureExtractor(card), LogisticRegression(C=1e6, max_iter=1000))
    assert pipeline.fit(paths, labels).score(pairs, labels) == 1
    with pytest.warns(FeatxWarning, match="not a sound"):
        spoilt = FeatureExtractor(card, on_error="skip").transform([b"no sound", *paths[:2]])
    assert np.isnan(spoilt[0]).all()
    assert not np.isnan(spoilt[1:]).any()


def test_a_classifier_of_sounds_is_trained_saved_loaded_and_asked(card, recordings, tmp_path):
    run = CliRunner().invoke
    target = str(tmp_path / "tones.featx")
    done = run(main, ["fit", str(recordings), "--backbone", "small-sound", "--output", target])
    assert done.exit_code == 0, done.output
    paths = sorted(str(path) for path in recordings.rglob("*.*"))
    said = featx.load(target).predict(paths)
    assert list(said) == [Path(path).parent.name for path in paths]
    asked = run(main, ["predict", target, str(recordings)])
    assert [json.loads(line)["label"] for line in asked.stdout.splitlines()] == list(said)


def test_pooling_and_normalisation_are_options(card, recordings):
    paths = sorted(recordings.rglob("*.*"))[:3]
    assert FeatureExtractor(card, options={"pool": "mean"}).transform(paths).shape == (3, 8)
    unit = FeatureExtractor(card, normalize=True).transform(paths)
    np.testing.assert_allclose(np.linalg.norm(unit, axis=1), 1, atol=1e-5)


def test_the_baseline_is_a_few_dozen_numbers_that_tell_low_from_high(recordings):
    samples = read_samples(recordings)
    rows = Engine().embed(samples, BaselineEmbedder(AudioSettings()))
    assert rows.embeddings.shape == (12, 43)
    assert np.isfinite(rows.embeddings).all()
    assert (
        LogisticRegression().fit(rows.embeddings, rows.labels).score(rows.embeddings, rows.labels)
        == 1
    )
    for short in (np.ones(1, np.float32), np.zeros(50, np.float32)):
        found = Engine().embed(make_samples([short]), BaselineEmbedder(AudioSettings()))
        assert np.isfinite(found.embeddings).all()


def test_equal_content_has_an_equal_digest_and_other_content_another():
    audio, sound = AudioSettings(), tone()
    same = audio.digest(audio.load(sound))
    assert len(same) == 32
    assert audio.digest(audio.load((sound.copy(), RATE))) == same
    assert audio.digest(audio.load((sound, 8000))) != same
    assert audio.digest(audio.load(sound[:-1])) != same
    assert audio.digest(audio.load(sound.astype(np.float64))) != same
    assert audio.digest(audio.load(sound[::-1])) != same


# -- real backbones --------------------------------------------------------------------------------


def test_both_draw_the_same_canary():
    for rate in (8000, 16_000):
        np.testing.assert_allclose(
            AudioSettings(rate=rate).canary(), oracle_sound.drawn(rate), atol=1e-6
        )


@pytest.mark.parametrize(
    ("name", "files"),
    [
        ("yamnet", ["backbone.onnx"]),
        ("speech-embedding", ["melspectrogram.onnx", "embedding_model.onnx"]),
    ],
)
def test_featx_says_of_the_canary_what_a_second_implementation_says(
    shared_models, speech_directory, name, files
):
    backbone = Backbone(name)
    item = backbone.reader.read(backbone.reader.load(backbone.card.input.canary()))
    table = tomllib.loads(backbone.card.path.read_text(encoding="utf-8"))
    graphs = [shared_models / name / file for file in files]
    expected = oracle_sound.row(oracle_sound.drawn(RATE), table, *graphs)
    np.testing.assert_allclose(backbone.embed_items([item])[0], expected, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(
        expected[: len(backbone.card.canary)], backbone.card.canary, rtol=1e-4, atol=1e-4
    )
    assert check(backbone.card).status == "ok"


def test_spoken_digits_of_six_people_are_told_apart(speech_directory, shared_data):
    """A quick look; benchmarks/accuracy.py measures."""
    rows = {}
    for split in ("train", "test"):
        samples = read_samples(shared_data / "fsdd", split=split)
        rows[split] = Engine().embed(samples[::6], Backbone("speech-embedding"))
    head = LogisticRegression(C=0.01, max_iter=1000).fit(
        rows["train"].embeddings, rows["train"].labels
    )
    assert head.score(rows["test"].embeddings, rows["test"].labels) > 0.9
