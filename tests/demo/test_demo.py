import numpy as np
import pytest
from click.testing import CliRunner

import featx
from featx.cli import main
from featx.demo import run_demo
from featx.demo.synthetic import (
    SETS,
    SHAPES,
    SOUNDS,
    TOPICS,
    draw,
    load_digits,
    load_drawings,
    make_sentences,
    make_sounds,
    play,
)
from featx.modalities import DEFAULTS, MODALITIES


@pytest.mark.parametrize("load", [load_drawings, load_digits])
def test_the_sets_are_balanced_repeatable_and_never_share_a_sample(load):
    data, again = load(shots=3, tests=4), load(shots=3, tests=4)
    labels = {sample.label for sample in data.train}
    for part, n in ((data.train, 3), (data.test, 4)):
        assert sorted(s.label for s in part) == sorted(list(labels) * n)
        assert all(s.data.shape == (64, 64, 3) and s.data.dtype == np.uint8 for s in part)
    assert len({sample.data.tobytes() for sample in data.train + data.test}) == 7 * len(labels)
    for one, other in zip(data.train + data.test, again.train + again.test, strict=True):
        np.testing.assert_array_equal(one.data, other.data)


@pytest.mark.parametrize("label", SHAPES)
def test_every_drawing_shows_something(label, rng):
    for _ in range(10):
        assert draw(label, rng).std() > 20


@pytest.mark.parametrize("label", SOUNDS)
def test_every_sound_is_heard(label, rng):
    for _ in range(10):
        sound = play(label, rng)
        assert sound.dtype == np.float32
        assert 0.02 < np.abs(sound).max() <= 1


def test_what_is_said_in_the_test_part_was_never_learned():
    data, again = make_sentences(), make_sentences()
    assert data == again
    for topic, (learned, others) in TOPICS.items():
        assert not set(learned) & set(others)
        assert sum(sample.label == topic for sample in data.train) == 10
        for sample in data.test:
            assert not any(f" {word} " in sample.data for word in learned)


def test_sounds_are_repeatable():
    for one, other in zip(make_sounds(tests=2).test, make_sounds(tests=2).test, strict=True):
        np.testing.assert_array_equal(one.data[0], other.data[0])


@pytest.mark.slow
@pytest.mark.parametrize("modality", MODALITIES)
def test_with_and_without_a_backbone_the_same_samples_are_measured(modality):
    contests = list(run_demo(featx.Backbone(DEFAULTS[modality])))
    assert len(contests) == len(SETS[modality])
    for contest in contests:
        assert contest.features.n == contest.plain.n == len(contest.data.test)
        assert contest.features.accuracy > contest.features.majority_baseline


@pytest.mark.slow
@pytest.mark.parametrize(
    ("modality", "plain"),
    [("image", "raw pixels"), ("text", "hashed words"), ("audio", "coarse frequency bands")],
)
def test_the_command_says_what_is_synthetic_and_what_to_do_next(modality, plain):
    result = CliRunner().invoke(main, ["demo", "--modality", modality])
    assert result.exit_code == 0, result.output
    assert "synthetic" in result.stdout
    assert plain in result.stdout
    assert "featx fit FOLDER --output mine.featx" in result.stdout
