"""Compare the front ends of sounds with the feature extractors of transformers, which they are to equal.

    python -m tools.oracles.sound_features              # a table: the largest difference of any feature
    python -m tools.oracles.sound_features --pins FILE  # some of the libraries' features of the built-in sound

It needs transformers and torch, in an environment of their own. The random places of ClapFeatureExtractor are
set to those of featx while it runs.
"""

from __future__ import annotations

import argparse
import json
import logging
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import transformers

from featx.modalities.audio.settings import AudioSettings

# of the features
ALLOWED = 1e-4
# of a case and a sound: the library's mean of float32 is off by a rounding, which its division by the square
# root of 1e-7 makes larger; the true features are 0
ROUNDED = {("wav2vec2", "constant"): 1e-3}
# values of each feature that are pinned, at even distances
PINNED = 6

# a name: the entries of the card, the library's class and its arguments
CASES: Mapping[str, tuple[dict[str, Any], str, dict[str, Any]]] = {
    "wav2vec2": (
        {"window": 960_000, "tail": "short", "normalize": "clip"},
        "Wav2Vec2FeatureExtractor",
        {},
    ),
    "wav2vec2, not normalised": (
        {"window": 960_000, "tail": "short", "stride": 320},
        "Wav2Vec2FeatureExtractor",
        {"do_normalize": False},
    ),
    "whisper, 80 mels": ({"features": "whisper"}, "WhisperFeatureExtractor", {}),
    "whisper, 128 mels": (
        {"features": "whisper", "mels": 128},
        "WhisperFeatureExtractor",
        {"feature_size": 128},
    ),
    "ast": ({"features": "ast"}, "ASTFeatureExtractor", {}),
    "ast, not normalised": (
        {"features": "ast", "mean": 0.0, "std": 0.5},
        "ASTFeatureExtractor",
        {"do_normalize": False},
    ),
    "clap, fused": (
        {"features": "clap", "low": 50.0},
        "ClapFeatureExtractor",
        {"frequency_min": 50},
    ),
    "clap, not fused": (
        {"features": "clap", "low": 50.0, "fuse": False},
        "ClapFeatureExtractor",
        {"frequency_min": 50, "truncation": "rand_trunc"},
    ),
    "clap, filled with silence": (
        {"features": "clap", "low": 50.0, "fuse": False, "pad": "zeros"},
        "ClapFeatureExtractor",
        {"frequency_min": 50, "truncation": "rand_trunc", "padding": "pad"},
    ),
    "clap, filled with repeats": (
        {"features": "clap", "low": 50.0, "fuse": False, "pad": "repeat"},
        "ClapFeatureExtractor",
        {"frequency_min": 50, "truncation": "rand_trunc", "padding": "repeat"},
    ),
}


def drawn_sounds(rate: int) -> Iterator[tuple[str, np.ndarray]]:
    """Give sounds by name: quiet and loud, short and long."""
    time = np.arange(31 * rate) / rate
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, len(time)).astype(np.float32)
    tone = (0.3 * np.sin(2 * np.pi * 440 * time)).astype(np.float32)
    yield "silence", np.zeros(rate, np.float32)
    yield "one sample", np.array([0.25], np.float32)
    yield "shorter than a frame", noise[:100]
    yield "shorter than 25 ms", noise[: rate // 50]
    yield "1 s of noise", noise[:rate]
    yield "2 s of a tone", tone[: 2 * rate]
    yield "clipped", np.sign(tone[: 3 * rate])
    yield "constant", np.full(rate, 0.7, np.float32)
    yield "built-in", AudioSettings(rate=rate).canary()
    yield "10 s and 200 samples", noise[: 10 * rate + 200]
    yield "30 s of noise", noise[: 30 * rate]
    yield "31 s of noise", noise


def featx_features(table: Mapping[str, Any], sound: np.ndarray) -> np.ndarray:
    """Return the features of the first window of a sound."""
    settings = AudioSettings.from_table(table)
    item = settings.read(settings.load((sound, settings.rate)))
    batch = next(iter(settings.batches([item], 1)))
    return batch.feeds[batch.main or ""][0]


def library_features(
    name: str, arguments: Mapping[str, Any], rate: int, sound: np.ndarray
) -> np.ndarray:
    """Return what a feature extractor of transformers makes of a sound."""
    extractor = getattr(transformers, name)(**arguments)
    windows = iter(
        (lambda part: part[0], lambda part: _middle(sound, rate), lambda part: part[-1]) * 2
    )
    choice: Callable[[Any], Any] = lambda part: next(windows)(part)  # noqa: E731
    with (
        mock.patch("numpy.random.choice", choice),
        mock.patch("numpy.random.randint", return_value=0),
    ):
        found = extractor(sound, sampling_rate=rate, return_tensors="np")
    return np.asarray(found[extractor.model_input_names[0]][0])


def _middle(sound: np.ndarray, rate: int) -> int:
    """Return the frame at which the middle window of CLAP begins, of frames 10 ms apart."""
    return (len(sound) * 100 // rate - 1000) // 2


def compare() -> bool:
    """Print the largest difference of each case and sound; return whether all are allowed."""
    fine = True
    for case, (table, name, arguments) in CASES.items():
        rate = AudioSettings.from_table(table).rate
        for label, sound in drawn_sounds(rate):
            try:
                expected = library_features(name, arguments, rate, sound)
            except (ValueError, RuntimeError) as error:
                print(f"{case:26} {label:22} refused by the library: {str(error)[:50]}")
                continue
            difference = float(np.abs(featx_features(table, sound) - expected).max())
            fine = fine and difference <= ROUNDED.get((case, label), ALLOWED)
            print(f"{case:26} {label:22} {difference:.1e} {expected.shape}")
    return fine


def pins() -> dict[str, Any]:
    """Return some features that the libraries make of the built-in sound, and of it six times."""
    result: dict[str, Any] = {}
    for case, (table, name, arguments) in CASES.items():
        rate = AudioSettings.from_table(table).rate
        for times in (1, 6):
            sound = np.tile(AudioSettings(rate=rate).canary(), times)
            features = library_features(name, arguments, rate, sound)
            places = [np.linspace(0, side - 1, PINNED).astype(int) for side in features.shape[-2:]]
            if features.ndim == 3:
                places.insert(0, np.arange(len(features)))
            result[f"{case}, {2 * times} s"] = {
                "table": table,
                "shape": list(features.shape),
                "values": features[np.ix_(*places)].ravel().astype(float).round(5).tolist(),
                "mean": round(float(features.mean(dtype=np.float64)), 5),
                "deviation": round(float(features.std(dtype=np.float64)), 5),
            }
    return result


if __name__ == "__main__":
    logging.disable(logging.WARNING)
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pins", type=Path)
    file = parser.parse_args().pins
    if file:
        file.write_text(json.dumps(pins(), indent=1) + "\n", encoding="utf-8")
    elif not compare():
        raise SystemExit(f"a feature differs by more than {ALLOWED:g}")
