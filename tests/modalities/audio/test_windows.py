"""Windows know which of their samples are of the sound."""

import numpy as np
import pytest

from featx.modalities.audio.windows import Windowing


def cut(sound, block=3, **entries):
    table = {"window": 4, "min_length": 0, "align": "start", "pad": "zeros", "tail": "pad"}
    table |= entries
    table.setdefault("hop", table["window"])
    values = np.array(sound, np.float32)
    blocks = [values[start : start + block] for start in range(0, len(values), block)]
    return list(Windowing(**table).cut(blocks))


def shown(windows):
    return [(window.samples.astype(int).tolist(), window.first, window.last) for window in windows]


@pytest.mark.parametrize(
    ("sound", "entries", "expected"),
    [
        ([1, 2], {}, [([1, 2, 0, 0], 0, 2)]),
        ([1, 2], {"align": "center"}, [([0, 1, 2, 0], 1, 3)]),
        ([1, 2], {"align": "end"}, [([0, 0, 1, 2], 2, 4)]),
        ([1, 2], {"pad": "repeat"}, [([1, 2, 1, 2], 0, 4)]),
        ([1, 2, 3], {"pad": "repeat-whole", "window": 7}, [([1, 2, 3, 1, 2, 3, 0], 0, 6)]),
        ([1, 2, 3, 4, 5], {}, [([1, 2, 3, 4], 0, 4), ([5, 0, 0, 0], 0, 1)]),
        ([1, 2, 3, 4, 5], {"tail": "drop"}, [([1, 2, 3, 4], 0, 4)]),
        ([1, 2, 3, 4, 5], {"tail": "short"}, [([1, 2, 3, 4], 0, 4), ([5], 0, 1)]),
        (
            [1, 2, 3, 4, 5],
            {"tail": "short", "min_length": 2},
            [([1, 2, 3, 4], 0, 4), ([5, 0], 0, 1)],
        ),
        ([1], {"tail": "short", "min_length": 2, "align": "end"}, [([0, 1], 1, 2)]),
        ([1, 2], {"tail": "short"}, [([1, 2], 0, 2)]),
        ([1, 2, 3, 4, 5], {"tail": "short", "hop": 2}, [([1, 2, 3, 4], 0, 4), ([3, 4, 5], 0, 3)]),
        ([1, 2, 3, 4], {"tail": "short"}, [([1, 2, 3, 4], 0, 4)]),
        ([1, 2, 3, 4, 5], {"window": 0}, [([1, 2, 3, 4, 5], 0, 5)]),
        ([1, 2], {"window": 0, "min_length": 3}, [([1, 2, 0], 0, 2)]),
        # a short sound is filled up to more than a window first
        (
            [1],
            {"window": 2, "min_length": 5, "align": "center"},
            [([0, 0], 2, 2), ([1, 0], 0, 1), ([0, 0], 0, 0)],
        ),
    ],
)
def test_windows_tell_sound_from_filling(sound, entries, expected):
    for block in (1, 3, 100):
        assert shown(cut(sound, block, **entries)) == expected


@pytest.mark.parametrize("tail", ["pad", "drop", "short"])
@pytest.mark.parametrize("length", range(1, 14))
@pytest.mark.parametrize(("hop", "least"), [(4, 0), (3, 0), (1, 2), (4, 3)])
def test_the_bounds_of_windows_are_where_they_are_cut(tail, length, hop, least):
    sound = np.arange(1, length + 1)
    windowing = Windowing(4, hop, least, "start", "zeros", tail)
    windows = cut(sound, hop=hop, min_length=least, tail=tail)
    bounds = windowing.bounds(max(length, windowing.least))
    assert [stop - start for start, stop in bounds] == [len(window.samples) for window in windows]
    filled = np.pad(sound, (0, 20))
    for (start, stop), window in zip(bounds, windows, strict=True):
        assert window.samples.tolist() == filled[start:stop].tolist()
