"""Limits as people write them."""

from __future__ import annotations

import pytest

from featx.errors import BadOption
from featx.selection.limits import read_milliseconds, read_seconds, read_size


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("5ms", 5),
        ("5", 5),
        (5, 5),
        ("0.5s", 500),
        (" 2.5 MS ", 2.5),
        ("250us", 0.25),
        ("1e1ms", 10),
    ],
)
def test_a_latency_without_a_unit_is_of_milliseconds(text, milliseconds):
    assert read_milliseconds(text, "max_latency") == pytest.approx(milliseconds)


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("2min", 120), ("1 h", 3600), (1.5, 1.5), ("500ms", 0.5)]
)
def test_a_time_limit_without_a_unit_is_of_seconds(text, seconds):
    assert read_seconds(text, "time_limit") == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("text", "size"), [("20MB", 2e7), ("20 mb", 2e7), ("512KiB", 2**19), (3000, 3000), ("7b", 7)]
)
def test_a_size_is_in_bytes_and_their_multiples(text, size):
    assert read_size(text, "max_size") == size


def test_no_limit_is_none():
    assert read_size(None, "max_size") is None


@pytest.mark.parametrize(
    "value",
    ["", "fast", "-5ms", "0", 0, -1, "5 parsecs", "1e999", float("nan"), float("inf"), True, [5],
     10**400, 10**5000, "5ms 5ms", "9" * 5000, b"5ms"],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_what_is_no_limit_is_refused_in_words(value):
    for read, name in (
        (read_milliseconds, "max_latency"),
        (read_seconds, "time_limit"),
        (read_size, "max_size"),
    ):
        with pytest.raises(BadOption, match=f"{name} = .*: expected a") as refusal:
            read(value, name)
        assert len(str(refusal.value)) < 200
