"""Damage for the fuzzing tests, and an eye on what a load does to the world."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st

BOUNDED = settings(max_examples=60, deadline=None, derandomize=True)

_RUNS = ("os.system", "os.exec", "os.posix_spawn", "os.spawn", "subprocess.Popen", "os.startfile")
_LOADS = ("pickle.find_class", "ctypes.dlopen", "socket.connect", "socket.getaddrinfo")

_watching = []


def _hook(event, arguments):
    for seen in _watching:
        if event == "open" and isinstance(arguments[0], str | bytes | os.PathLike):
            seen.opened.append(os.fsdecode(arguments[0]))
        elif event in _RUNS or event in _LOADS:
            seen.ran.append(event)


sys.addaudithook(_hook)


class Seen:
    """What happened while one watched."""

    def __init__(self):
        self.opened = []
        self.ran = []

    def outside(self, *folders):
        """Opened files that lie in none of the folders, nor belong to Python or a cache."""
        libraries = [Path(sys.prefix), Path(sys.base_prefix), Path(os.__file__).parent]
        libraries += [Path(__file__).parents[2], Path("/proc"), Path("/sys"), Path("/dev")]
        known = [Path(each).resolve() for each in (*folders, *libraries)]
        places = [Path(name).resolve() for name in self.opened]
        return [place for place in places if not any(place.is_relative_to(each) for each in known)]


@contextmanager
def watched():
    """Files that are opened and code that is run, as Python's own audit events tell."""
    seen = Seen()
    _watching.append(seen)
    try:
        yield seen
    finally:
        _watching.remove(seen)


@st.composite
def damage(draw, whole):
    """Valid bytes, damaged: bits flipped, cut short, a part doubled, exchanged, or noise in its place."""
    data = bytearray(whole)
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.integers(0, max(0, len(data) - 1)))
        size = draw(st.sampled_from([1, 2, 4, 16, 200]))
        kind = draw(st.sampled_from(["bit", "cut", "double", "noise", "zeros", "exchange", "drop"]))
        if kind == "bit" and data:
            data[place] ^= 1 << draw(st.integers(0, 7))
        elif kind == "cut":
            del data[place:]
        elif kind == "double":
            data[place:place] = data[place : place + size]
        elif kind == "noise":
            noise = np.random.default_rng(draw(st.integers(0, 99))).bytes(size)
            data[place : place + size] = noise
        elif kind == "zeros":
            data[place : place + size] = bytes(min(size, len(data) - place))
        elif kind == "drop":
            del data[place : place + size]
        elif kind == "exchange":
            other = draw(st.integers(0, max(0, len(data) - 1)))
            one, two = data[place : place + size], data[other : other + size]
            data[place : place + size], data[other : other + size] = two, one
    return bytes(data)


VALUES = st.recursive(
    st.one_of(
        *(st.none(), st.booleans(), st.integers(-3, 10**20), st.floats(width=32)),
        st.sampled_from(["", "../x", "/etc/passwd", "a\0b", "\ud800", "é" * 40, "1", "nan"]),
        st.text(max_size=8),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)


@st.composite
def altered(draw, table):
    """A tree of dicts and lists with one of its values exchanged, or one of its keys gone or new."""
    if isinstance(table, dict) and table and draw(st.integers(0, 4)):
        key = draw(st.sampled_from(sorted(table)))
        return {**table, key: draw(altered(table[key]))}
    if isinstance(table, list) and table and draw(st.integers(0, 2)):
        place = draw(st.integers(0, len(table) - 1))
        return [*table[:place], draw(altered(table[place])), *table[place + 1 :]]
    if isinstance(table, dict) and table and draw(st.booleans()):
        gone = draw(st.sampled_from(sorted(table)))
        rest = {key: value for key, value in table.items() if key != gone}
        return {**rest, draw(st.sampled_from([gone, "stranger"])): draw(VALUES)}
    return draw(VALUES)
