"""Curves of a sound: the score a second, whose area is the score; parts are silenced one after the other."""

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from featx.errors import BadSample
from featx.modalities.audio.curve import curve_file, draw_curve
from featx.modalities.audio.settings import AudioSettings
from featx.modalities.audio.shown import ShownSounds


def bars(svg):
    """The paths that speak for and against the answer."""
    return [
        path.attrib["d"]
        for path in svg.iter("{http://www.w3.org/2000/svg}path")
        if "bar" in path.attrib["class"]
    ]


def test_what_speaks_for_it_rises_and_what_speaks_against_it_falls():
    stretches = [((0.0, 1.0), 2.0), ((1.0, 2.0), -1.0), (None, 9.0)]
    svg = ET.fromstring(curve_file("a <cat>", 2.0, stretches))
    above, below = (re.findall(r"[-\d.]+", path) for path in bars(svg))
    left, zero, top, middle = map(float, above[:4])
    assert [float(number) for number in below[:2]] == [middle, zero]
    assert float(above[4]) == zero
    # half as much, the other way
    assert float(below[2]) - zero == pytest.approx((zero - top) / 2)
    assert float(below[3]) - middle == pytest.approx(middle - left)
    assert "a <cat>" in "".join(svg.itertext())


def test_windows_that_overlap_are_dealt_out_over_their_seconds():
    svg = ET.fromstring(curve_file("x", 3.0, [((0.0, 2.0), 2.0), ((1.0, 3.0), 2.0)]))
    assert bars(svg)[0].count("M") == 3


@pytest.mark.slow
def test_a_sound_of_no_windows_and_one_of_thousands_are_drawn():
    assert "<svg" in draw_curve("none", 0.0, []).html
    many = [((k / 10, k / 10 + 0.1), float(k % 3 - 1)) for k in range(50_000)]
    assert len(draw_curve("many", 5000.0, many).html) < 300_000


def test_parts_are_silenced_and_the_others_stay():
    reader = AudioSettings(rate=100, window=100)
    sound = np.linspace(0.1, 0.9, 300, dtype=np.float32)
    hidden = ShownSounds(reader).occlusions(reader.load(sound), 3)
    assert (hidden.places, hidden.extent) == (((0.0, 1.0), (1.0, 2.0), (2.0, 3.0)), (3.0,))
    np.testing.assert_array_equal(hidden.hide(None), reader.read(reader.load(sound)))
    assert (np.flatnonzero(hidden.hide(1) == 0) == np.arange(100, 200)).all()


def test_a_sound_that_is_not_held_is_refused_with_what_to_do():
    reader = AudioSettings(rate=100, window=100)
    sound = reader.load(np.full(100 * 61, 0.1, np.float32))
    with pytest.raises(BadSample, match=r"longer than 60 s.*explain a segment of it"):
        ShownSounds(reader).occlusions(sound, 3)
