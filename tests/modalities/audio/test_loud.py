"""Sounds of floats that reach beyond full scale."""

import io
import warnings

import numpy as np
import pytest

import featx
from featx import Backbone, Engine
from featx.errors import BadSample, FeatxWarning

RATE = 16_000


def tone(peak, seconds=1):
    """Return a tone of a peak."""
    time = np.arange(seconds * RATE) / RATE
    return (peak * np.sin(2 * np.pi * 440 * time)).astype(np.float32)


def as_wav(values):
    """Return a sound as the bytes of a file of floats."""
    soundfile = pytest.importorskip("soundfile")
    file = io.BytesIO()
    soundfile.write(file, values, RATE, format="WAV", subtype="FLOAT")
    return file.getvalue()


def embed(*sounds, **options):
    pytest.importorskip("soxr")
    samples = featx.make_samples(list(sounds))
    return Engine().embed(samples, Backbone("featx-audio-mel", **options)).embeddings


@pytest.mark.parametrize("peak", [2, 8, 30])
@pytest.mark.parametrize("make", [lambda values: values, as_wav])
def test_floats_beyond_full_scale_are_heard_and_it_is_said(peak, make):
    with pytest.warns(FeatxWarning, match=f"1 of 2 samples have floats.*it reaches {peak}"):
        rows = embed(make(tone(peak)), make(tone(0.5)))
    assert np.isfinite(rows).all()


@pytest.mark.parametrize("peak", [0.5, 1, 1.4])
def test_what_resampling_adds_is_not_worth_a_word(peak):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        embed(tone(peak))


def test_whoever_says_the_full_scale_is_believed():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        embed(tone(30), options={"range": 32.0})


def test_what_is_further_off_is_refused():
    with pytest.raises(BadSample, match="floats are expected within"):
        embed(tone(33))


def test_a_long_sound_says_so_as_well():
    with pytest.warns(FeatxWarning, match="it reaches 8"):
        embed(tone(8, seconds=90))
