import numpy as np
import pytest
from click.testing import CliRunner

import featx
from featx.cli import main
from featx.demo import SHAPES, draw, load_digits, load_drawings, run_demo


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


def test_features_and_pixels_are_measured_on_the_same_samples():
    for contest in run_demo(featx.Backbone("featx-image-nano")):
        assert contest.features.n == contest.pixels.n == len(contest.data.test)
        assert contest.features.accuracy > contest.features.majority


def test_the_command_says_what_is_synthetic_and_what_to_do_next():
    result = CliRunner().invoke(main, ["demo"])
    assert result.exit_code == 0, result.output
    assert "synthetic" in result.stdout
    assert "raw pixels" in result.stdout
    assert "featx fit FOLDER --output mine.featx" in result.stdout
