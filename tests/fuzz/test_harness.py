"""The runner of the fuzzing tests sees what it is there to see."""

from __future__ import annotations

import os
import time

import pytest

from featx import FeatxError
from tests.support.fuzzing import altered_trees, attack, mutated


def _behave(how: str) -> None:
    if how == "refuse":
        raise FeatxError("expected this, found that, do the other")
    if how == "raise":
        raise KeyError(how)
    if how == "hang":
        time.sleep(60)
    if how == "die":
        os.abort()
    if how == "eat":
        bytearray(os.urandom(1 << 20) * 300)


@pytest.mark.slow
def test_every_outcome_is_told_and_what_follows_is_still_tried():
    tally = attack(
        _behave,
        ["fine", "refuse", "raise", "hang", "die", "eat", "fine"],
        seconds=3,
        memory=200 << 20,
    )
    assert tally.counts == {
        "ok": 2,
        "refused": 1,
        "uncaught": 1,
        "hang": 1,
        "crash": 1,
        "memory": 1,
    }
    assert [number for number, _, _ in tally.faults] == [2, 3, 4, 5]


def test_the_same_seed_gives_the_same_damage_and_another_seed_another():
    assert list(mutated(b"abcdef" * 50, 7, 40)) == list(mutated(b"abcdef" * 50, 7, 40))
    assert list(mutated(b"abcdef" * 50, 7, 40)) != list(mutated(b"abcdef" * 50, 8, 40))
    tree = {"a": [1, {"b": "c"}], "d": 2.5}
    assert [repr(each) for each in altered_trees(tree, 1, 60)] == [
        repr(each) for each in altered_trees(tree, 1, 60)
    ]
    assert tree == {"a": [1, {"b": "c"}], "d": 2.5}
