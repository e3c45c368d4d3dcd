"""Frames of a sound are moments of it: of whole sounds and of windows, filled up or not."""

import numpy as np
import pytest
from onnx import helper, numpy_helper

from featx.backbones.backbone import Backbone
from featx.catalog import Card, File, digest
from featx.explanation.row_sums import RowSums
from featx.modalities import read_settings
from tests.support.nets import FLOAT, save

RATE, STEP = 1000, 100


@pytest.fixture
def hearing(tmp_path):
    """A function that makes a backbone whose frames are the powers of a tenth of a second."""

    def make(**table):
        node = helper.make_node
        rng = np.random.default_rng(1)
        constants = [
            numpy_helper.from_array(np.array([1], np.int64), "one"),
            numpy_helper.from_array(rng.normal(0, 0.2, (4, 1, STEP)).astype(np.float32), "kernel"),
        ]
        nodes = [
            node("Unsqueeze", ["waveform", "one"], ["u"]),
            node("Conv", ["u", "kernel"], ["c"], strides=[STEP]),
            node("Mul", ["c", "c"], ["p"]),
            node("Transpose", ["p"], ["frames"], perm=[0, 2, 1]),
        ]
        path = save(
            tmp_path / "backbone.onnx",
            nodes,
            [("waveform", FLOAT, ["N", "T"])],
            [("frames", FLOAT, ["N", "F", 4])],
            constants,
        )
        card = Card(
            name="powers",
            modality="audio",
            graph=File(path.name, digest(path)),
            input=read_settings("audio", {"rate": RATE, **table}),
            dim=4,
            pooling="mean",
            path=tmp_path / "card.toml",
        )
        return Backbone(card)

    return make


def parts_of(backbone, sound):
    """The parts of the sum of a row, which are checked to add up to it."""
    found = RowSums(backbone).read(sound)
    [row] = backbone.embed([sound])
    parts, constant = found.parts(np.ones(4))
    assert sum(parts.values()) + constant == pytest.approx(float(row.sum()), rel=1e-5)
    return parts


def burst(seconds, start, stop):
    """Silence, but for noise between two moments."""
    sound = np.zeros(int(seconds * RATE), np.float32)
    inside = slice(int(start * RATE), int(stop * RATE))
    sound[inside] = np.random.default_rng(0).normal(0, 0.2, len(sound[inside]))
    return sound


def loud(parts):
    """From when to when parts are not nothing."""
    places = [place for place, value in parts.items() if place is not None and value > 1e-9]
    return pytest.approx((min(p[0] for p in places), max(p[1] for p in places)))


def test_frames_of_a_whole_sound_are_moments_of_it(hearing):
    parts = parts_of(hearing(), burst(2.0, 0.5, 0.8))
    assert len(parts) == 20
    assert loud(parts) == (0.5, 0.8)


def test_frames_of_windows_are_moments_of_the_sound(hearing):
    parts = parts_of(hearing(window=1000, hop=500), burst(2.5, 1.6, 1.9))
    assert loud(parts) == (1.6, 1.9)


@pytest.mark.parametrize("align", ["start", "center", "end"])
def test_what_a_short_sound_is_filled_up_with_is_no_place(align, hearing):
    parts = parts_of(hearing(window=1000, align=align), burst(0.4, 0.1, 0.3))
    assert loud(parts) == (0.1, 0.3)
    assert max(place[1] for place in parts if place is not None) == pytest.approx(0.4)


def test_frames_that_are_padding_are_left_out(hearing):
    parts = parts_of(hearing(window=1000, stride=STEP), burst(0.4, 0.1, 0.3))
    assert None not in parts
    assert len(parts) == 4
    assert loud(parts) == (0.1, 0.3)
