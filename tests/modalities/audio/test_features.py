"""Front ends give the features of the libraries that their models were trained with."""

import json
from pathlib import Path

import numpy as np
import pytest

from featx.catalog import Card, File
from featx.errors import BadCard, BadOption, FeatxWarning
from featx.modalities.audio.settings import AudioSettings
from tests.support.sounds import tone

# of tools/oracles/sound_features.py --pins, by transformers 5.24: of two seconds, and of these six times
PINS = json.loads(
    (Path(__file__).parents[2] / "data" / "sound_features.json").read_text(encoding="utf-8")
)
# values of each feature that are pinned, at even distances
PINNED = 6


def batches_of(sound, **table):
    audio = AudioSettings.from_table(table)
    return list(audio.batches([audio.read(audio.load((sound, audio.rate)))], 8))


def features_of(sound, **table):
    [batch] = batches_of(sound, **table)
    return batch.feeds[batch.main]


@pytest.mark.parametrize("case", PINS)
def test_features_are_those_that_the_library_makes(case):
    known = PINS[case]
    times = 6 if case.endswith("12 s") else 1
    sound = np.tile(AudioSettings.from_table(known["table"]).canary(), times)
    features = batches_of(sound, **known["table"])[0].feeds
    found = next(iter(features.values()))[0]
    assert list(found.shape) == known["shape"]
    assert found.dtype == np.float32
    places = [np.linspace(0, side - 1, PINNED).astype(int) for side in found.shape[-2:]]
    if found.ndim == 3:
        places.insert(0, np.arange(len(found)))
    np.testing.assert_allclose(found[np.ix_(*places)].ravel(), known["values"], atol=1e-4)
    assert found.mean(dtype=float) == pytest.approx(known["mean"], abs=1e-4)
    assert found.std(dtype=float) == pytest.approx(known["deviation"], abs=1e-4)


def test_silence_is_the_floor_of_each_front_end():
    silence = np.zeros(1000, np.float32)
    assert np.all(features_of(silence, features="whisper") == np.float32(-1.5))
    assert np.all(features_of(silence, features="clap") == -100)
    heard = features_of(silence, features="ast", mean=0.0, std=0.5)[0]
    # 1 + (1000 - 400) // 160 frames of sound, then filling
    np.testing.assert_allclose(heard[:4], np.log(2.0**-23), rtol=1e-6)
    assert np.all(heard[4:] == 0)


def test_a_sound_of_exactly_a_window_is_one_and_a_sample_more_is_two():
    sound = np.zeros(480_001, np.float32)
    assert features_of(sound[:-1], features="whisper").shape == (1, 80, 3000)
    assert features_of(sound, features="whisper").shape == (2, 80, 3000)


def test_windows_of_ast_follow_each_other_by_their_frames():
    sound = np.random.default_rng(0).normal(0, 0.1, 400 + 2047 * 160).astype(np.float32)
    whole = features_of(sound, features="ast", window=len(sound), hop=len(sound))[0]
    np.testing.assert_array_equal(
        np.concatenate(features_of(sound, features="ast")), whole, strict=True
    )


def test_a_sound_shorter_than_a_frame_of_ast_is_told_and_is_filling_alone():
    with pytest.warns(
        FeatxWarning, match="shorter than a frame of 400 samples: it has 399 at 16000 Hz"
    ):
        heard = features_of(np.full(399, 0.5, np.float32), features="ast")
    np.testing.assert_allclose(heard, 4.2677393 / (2 * 4.5689974), rtol=1e-6)


def test_a_sound_of_one_sample_has_features_of_every_front_end():
    for features in ("whisper", "clap"):
        assert np.isfinite(features_of(np.ones(1, np.float32), features=features)).all()


def test_a_card_that_names_a_front_end_alone_has_its_usual_entries():
    audio = AudioSettings.from_table({"features": "clap"})
    assert (audio.rate, audio.window, audio.pad, audio.mels) == (
        48_000,
        480_000,
        "repeat-whole",
        64,
    )
    assert (audio.n_fft, audio.frame_hop, audio.low, audio.high) == (1024, 480, 0.0, 14_000.0)
    assert audio == AudioSettings.from_table({"features": "clap", "mels": 64, "fuse": True})


def test_a_card_of_features_survives_its_toml():
    audio = AudioSettings.from_table(
        {"features": "ast", "mean": 0.0, "attention_mask": True, "feeds": {"x": "input_values"}}
    )
    card = Card("a", "audio", File("a.onnx", "0" * 64), audio, dim=4)
    read = Card.from_toml(card.to_toml())
    assert read == card
    assert read.fingerprint == card.fingerprint
    assert read.variant(options={"mels": 64}).fingerprint != card.fingerprint
    with pytest.raises(BadOption, match="fuse = True: features = 'ast' takes none"):
        card.variant(options={"fuse": True})


@pytest.mark.parametrize(
    ("table", "match"),
    [
        ({"features": "mfcc"}, "features = 'mfcc': expected one of waveform, whisper, ast, clap"),
        ({"features": ["whisper"]}, "features"),
        ({"mels": 80}, "mels = 80: features = 'waveform' takes none"),
        ({"features": "whisper", "low": 20}, "low = 20: features = 'whisper' takes none"),
        ({"features": "whisper", "mels": 0}, "mels = 0"),
        ({"features": "whisper", "mels": 1 << 40}, "mels = "),
        ({"features": "whisper", "mels": True}, "mels = True"),
        ({"features": "whisper", "n_fft": 1 << 20}, "n_fft"),
        ({"features": "whisper", "n_fft": 400.0}, "n_fft"),
        ({"features": "whisper", "frame_hop": 0}, "frame_hop"),
        ({"features": "whisper", "frame_hop": 1}, "at most 16777216 values"),
        ({"features": "whisper", "frame_hop": 500_000}, "at least 500000 samples"),
        ({"features": "whisper", "window": 0}, "window = 0"),
        ({"features": "whisper", "window": 200}, "expected at least 201 samples"),
        ({"features": "whisper", "tail": "short"}, "tail = 'short'"),
        ({"features": "ast", "window": 399, "hop": 0}, "expected at least 400 samples"),
        ({"features": "ast", "align": "center"}, "align = 'center'"),
        ({"features": "ast", "std": 0}, "std = 0"),
        ({"features": "ast", "std": float("nan")}, "std = nan"),
        ({"features": "ast", "mean": "0"}, "mean = '0'"),
        ({"features": "clap", "high": float("inf")}, "high = inf"),
        ({"features": "clap", "low": -1}, "low = -1"),
        ({"features": "clap", "low": 14_000}, "at least 1 Hz between them"),
        ({"features": "clap", "fuse": 1}, "fuse = 1"),
        ({"normalize": "window"}, "normalize = 'window'"),
        ({"attention_mask": "yes"}, "attention_mask = 'yes'"),
        ({"stride": -1}, "stride = -1"),
        ({"receptive": 1.5}, "receptive = 1.5"),
        ({"feeds": {"x": "input_ids"}}, "feeds = 'input_ids'"),
        ({"feeds": {"x": "is_longer"}}, "feeds = 'is_longer'"),
        ({"feeds": "x"}, "feeds = 'x'"),
    ],
)
def test_entries_that_a_front_end_cannot_use_are_refused_by_name(table, match):
    with pytest.raises(BadCard, match=match) as refused:
        AudioSettings.from_table(table)
    assert "\n" not in str(refused.value)


def test_features_are_the_same_in_any_company():
    audio = AudioSettings.from_table({"features": "whisper"})
    sounds = [tone(seconds) for seconds in (0.5, 3.0, 31.0)]
    items = [audio.read(audio.load(sound)) for sound in sounds]
    alone = [features_of(sound, features="whisper") for sound in sounds]
    together = [batch.feeds["input_features"] for batch in audio.batches(items, 8)]
    np.testing.assert_array_equal(np.concatenate(together), np.concatenate(alone))
