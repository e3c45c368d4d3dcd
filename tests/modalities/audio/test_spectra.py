"""Spectra in mel bands, against sums written out."""

import math

import numpy as np
import pytest

from featx.modalities.audio.spectra import (
    MEL_SCALES,
    Bands,
    FrameSpectrum,
    band_power,
    hann,
    mel_filters,
)


def triangle(hertz, left, peak, right):
    """One filter as textbooks draw it, its sides straight over Hz."""
    if left < hertz <= peak:
        return (hertz - left) / (peak - left)
    return (right - hertz) / (right - peak) if peak < hertz < right else 0.0


def htk(hertz):
    return 2595 * math.log10(1 + hertz / 700)


def htk_back(mel):
    return 700 * (10 ** (mel / 2595) - 1)


def test_filters_are_triangles_whose_edges_are_even_in_mel():
    bands = Bands(5, 64, 16_000, 100.0, 7000.0, "htk")
    step = (htk(7000) - htk(100)) / 6
    edges = [htk_back(htk(100) + k * step) for k in range(7)]
    for frequency in range(33):
        hertz = frequency * 16_000 / 64
        expected = [triangle(hertz, *edges[k : k + 3]) for k in range(5)]
        np.testing.assert_allclose(mel_filters(bands)[frequency], expected, atol=1e-9)


def test_each_of_slaneys_filters_has_the_area_of_one_hertz():
    filters = mel_filters(Bands(10, 1 << 14, 16_000, 0.0, 8000.0, "slaney"))
    np.testing.assert_allclose(filters.sum(axis=0) * 16_000 / (1 << 14), 1, rtol=1e-3)


def test_slaneys_scale_is_linear_below_a_kilohertz_and_logarithmic_above():
    mels = MEL_SCALES["slaney"].to_mel(np.array([0.0, 200 / 3, 1000.0, 6400.0]))
    np.testing.assert_allclose(mels, [0, 1, 15, 42], atol=1e-9)


@pytest.mark.parametrize("name", MEL_SCALES)
def test_a_scale_leads_back_to_the_frequency(name):
    hertz = np.array([0.0, 20.0, 440.0, 999.0, 1001.0, 8000.0, 24_000.0])
    scale = MEL_SCALES[name]
    np.testing.assert_allclose(scale.to_hertz(scale.to_mel(hertz)), hertz, atol=1e-8)


def test_the_power_of_a_frame_is_that_of_its_fourier_sum():
    rng = np.random.default_rng(0)
    sound, window = rng.normal(size=30), hann(8, periodic=True)
    bands = Bands(3, 16, 1000, 0.0, 500.0, "htk")
    found = band_power(sound, FrameSpectrum(window, 5, bands))
    assert found.shape == (1 + (30 - 8) // 5, 3)
    for number in range(len(found)):
        frame = sound[5 * number : 5 * number + 8] * window
        sums = [
            sum(value * np.exp(-2j * np.pi * k * n / 16) for n, value in enumerate(frame))
            for k in range(9)
        ]
        np.testing.assert_allclose(found[number], np.abs(sums) ** 2 @ mel_filters(bands), rtol=1e-9)


def test_a_sound_shorter_than_a_frame_has_none():
    bands = Bands(3, 16, 1000, 0.0, 500.0, "htk")
    assert band_power(np.zeros(7), FrameSpectrum(hann(8, periodic=True), 5, bands)).shape == (0, 3)


def test_frames_are_the_same_however_many_are_transformed_together():
    bands = Bands(3, 1 << 14, 1000, 0.0, 500.0, "htk")
    sound = np.random.default_rng(1).normal(size=20_000)
    spectrum = FrameSpectrum(hann(1 << 14, periodic=False), 40, bands)
    found = band_power(sound, spectrum)
    one = band_power(sound[40 * 50 :], spectrum)
    np.testing.assert_allclose(found[50:], one, rtol=1e-12)
