"""Predictors of each task and modality, small enough to be trained in a test, and samples to measure."""

import json
import warnings
from functools import cache

import numpy as np

import featx
from featx.errors import FeatxNotice
from featx.sources import Sample

RATE = 16000


def shades(n, seed=0, labels=("dark", "grey", "light")):
    """Return samples of flat pictures with noise, a third of each label; one in ten has another's."""
    rng = np.random.default_rng(seed)
    samples = []
    for i in range(n):
        kind = i % 3
        pixels = np.clip((20, 110, 200)[kind] + rng.normal(0, 25, (24, 24, 3)), 0, 255)
        label = labels[(kind + 1) % 3 if i % 10 == 9 else kind]
        columns = {"camera": f"c{i % 2}", "light": i / n, "room": ["hall", None][i % 2]}
        samples.append(Sample(f"photo {seed}-{i}", pixels.astype(np.uint8), label, columns))
    return samples


def fit_with_rows(samples):
    """Return a classifier that keeps the rows of its samples."""
    with warnings.catch_warnings():
        # how large they are
        warnings.simplefilter("ignore", FeatxNotice)
        return featx.fit(samples, baseline=False, keep_rows=True)


@cache
def shade_classifier():
    return fit_with_rows(shades(60))


@cache
def shade_classifier_without_rows():
    return featx.fit(shades(30), head="centroid", baseline=False, keep_rows=False)


def brightness(n, seed=0):
    """Return samples of grey pictures with the number that is their brightness, nearly."""
    rng = np.random.default_rng(seed)
    values = rng.uniform(20, 230, n)
    return [
        Sample(
            f"grey {seed}-{i}",
            np.clip(value + rng.normal(0, 3, (16, 16, 3)), 0, 255).astype(np.uint8),
            str(value + rng.normal(0, 5)),
            {"camera": f"c{i % 2}"},
        )
        for i, value in enumerate(values.tolist())
    ]


@cache
def brightness_regressor():
    return featx.fit(brightness(60), task="regression", baseline=False)


def notes(n, seed=0):
    """Return samples of short texts with the labels of the words in them, some of which are wrong."""
    samples = []
    for i in range(n):
        color, thing = ("red", "green")[i % 2], ("apple", "car", "dog")[i % 3]
        names = {color} | ({"food"} if thing == "apple" else set())
        if i % 11 == 10:
            names ^= {"food"}
        text = f"the {thing} number {seed * 1000 + i} is {color} today"
        label = json.dumps(sorted(names))
        samples.append(Sample(f"note {seed}-{i}", text, label, {"thing": thing}))
    return samples


@cache
def note_classifier():
    return featx.fit(notes(60), task="multilabel", baseline=False)


def tones(n, seed=0):
    """Return samples of half a second of low and of high tones."""
    rng = np.random.default_rng(seed)
    time = np.arange(RATE // 2) / RATE
    samples = []
    for i in range(n):
        hertz = (220, 880)[i % 2] * rng.uniform(0.7, 1.4)
        sound = 0.3 * np.sin(2 * np.pi * hertz * time) + rng.normal(0, 0.05, len(time))
        samples.append(
            Sample(f"tone {seed}-{i}", (sound.astype(np.float32), RATE), ("low", "high")[i % 2])
        )
    return samples


@cache
def tone_classifier():
    return featx.fit(tones(24), backbone="featx-audio-mel", baseline=False)
