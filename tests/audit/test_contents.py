"""Broken, tiny, blank, dark and blurred pictures, empty and long texts, poor sounds, and shortcuts."""

import numpy as np
import pytest
from PIL import Image, ImageFilter

from featx import Blob, Engine, Sample, audit_samples
from tests.support.pictures import encode, photo
from tests.support.sounds import RATE, tone

CODES = ("FX051", "FX052", "FX053", "FX054", "FX055")


def audited(samples, **options):
    return audit_samples(samples, engine=Engine(n_jobs=1), **options)


def ids_by_code(report, *codes):
    return {code: {found.id for found in report.of(code)} for code in codes if report.of(code)}


@pytest.fixture(scope="module")
def pictures():
    """Sixteen photos, and one of each kind that holds hardly anything."""
    photos = [photo(160, 120, seed) for seed in range(16)]
    dark = Image.fromarray((np.asarray(photo(160, 120, 30)) * 0.1).astype(np.uint8))
    poor = {
        "broken": b"no picture",
        "cut": encode(photo(160, 120, 31), "PNG")[:2000],
        "tiny": encode(photo(10, 9, 32), "PNG"),
        "blank": encode(Image.new("RGB", (160, 120), (90, 90, 90)), "PNG"),
        "black": encode(Image.new("RGB", (160, 120)), "PNG"),
        "dark": encode(dark, "PNG"),
        "blurred": encode(photo(160, 120, 33).filter(ImageFilter.GaussianBlur(6)), "PNG"),
    }
    samples = [Sample(f"good{i}", encode(one, "JPEG"), "ab"[i % 2]) for i, one in enumerate(photos)]
    return samples + [Sample(name, data, "ab"[len(name) % 2]) for name, data in poor.items()]


def test_each_poor_picture_has_its_code_and_good_ones_have_none(pictures):
    report = audited(pictures)
    assert ids_by_code(report, *CODES) == {
        "FX051": {"broken", "cut"},
        "FX052": {"tiny"},
        "FX053": {"blank", "black"},
        "FX054": {"dark"},
        "FX055": {"blurred"},
    }
    assert report.n == len(pictures)
    assert "10 × 9 pixels" in report.of("FX052")[0].message


def test_a_picture_saved_anew_or_made_smaller_is_a_near_duplicate(pictures):
    smooth = photo(160, 120, 40).filter(ImageFilter.GaussianBlur(1))
    copies = [
        Sample("smooth", encode(smooth, "PNG"), "a"),
        Sample("worse", encode(photo(160, 120, 3), "JPEG", quality=40), "b"),
        Sample(
            "smaller",
            encode(smooth.resize((120, 90), Image.Resampling.LANCZOS), "PNG"),
            "a",
        ),
    ]
    report = audited([*pictures[:16], *copies])
    found = {(one.id, one.related[0]) for one in report.of("FX011")}
    assert {("worse", "good3"), ("smaller", "smooth")} <= found


def test_texts_without_a_word_and_far_too_long_ones_are_found():
    rng = np.random.default_rng(0)
    words = "sun moon tree river cloud stone bird grass wind rain snow fire".split()
    texts = {f"t{i}": " ".join(rng.choice(words, 8)) for i in range(20)}
    texts |= {"nothing": "?!", "spaces": "   ", "long": " ".join(rng.choice(words, 3000))}
    samples = [Sample(name, text, "ab"[i % 2]) for i, (name, text) in enumerate(texts.items())]
    report = audited(samples)
    assert ids_by_code(report, "FX061", "FX062") == {
        "FX061": {"nothing", "spaces"},
        "FX062": {"long"},
    }


def test_silent_clipped_and_very_short_sounds_are_found():
    pytest.importorskip("soundfile")
    sounds = {f"s{i}": tone(0.5, hertz=200.0 + 40 * i) for i in range(12)}
    sounds |= {
        "silent": np.zeros(RATE // 2, np.float32),
        "clipped": np.clip(8 * tone(0.5, hertz=333.0), -1, 1),
        "short": tone(0.02, hertz=500.0),
        "loud": tone(0.5, hertz=250.0, level=0.999),
    }
    samples = [
        Sample(name, (sound, RATE), "ab"[i % 2]) for i, (name, sound) in enumerate(sounds.items())
    ]
    report = audited(samples, backbone="featx-audio-mel")
    assert ids_by_code(report, "FX071", "FX072", "FX073") == {
        "FX071": {"silent"},
        "FX072": {"clipped"},
        "FX073": {"short"},
    }


@pytest.mark.slow
def test_a_shortcut_by_size_is_told_and_one_that_is_none_is_not():
    rng = np.random.default_rng(1)
    made = []
    for i in range(60):
        label = "ab"[i % 2]
        width = int(rng.integers(60, 80)) + (40 if label == "b" else 0)
        made.append(Sample(f"p{i}", encode(photo(width, 64, 100 + i), "PNG"), label))
    report = audited(made)
    shortcuts = {found.related for found in report.of("FX081")}
    assert ("size",) in shortcuts
    assert ("brightness",) not in shortcuts
    [size] = [found for found in report.of("FX081") if found.related == ("size",)]
    assert size.score > 0.8
    named = [
        Sample(one.id, Blob.of_bytes(one.data, f"{i}.{('jpg', 'png')[i % 2]}"), one.label)
        for i, one in enumerate(made)
    ]
    assert ("file type",) in {found.related for found in audited(named).of("FX081")}
    shuffled = [
        Sample(one.id, one.data, "ab"[code])
        for one, code in zip(made, rng.permutation(60) % 2, strict=True)
    ]
    assert not audited(shuffled).of("FX081")
