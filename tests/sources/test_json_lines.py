"""JSON lines: what stands in a line, and what is refused with its number."""

import pytest

from featx.errors import BadSource
from featx.reading import read_samples
from tests.support.texts import TEXT


def samples_of(tmp_path, content):
    path = tmp_path / "a.jsonl"
    path.write_text(content, encoding="utf-8")
    return read_samples(path, **TEXT)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("[" * 200_000, "line 2: not JSON: nested too deeply"),
        ('{"text": ' + "[" * 200_000, "line 2: not JSON"),
        ("[1, 2]", "line 2: expected an object such as {…}; a JSON array is no JSON lines"),
        ('"text"', "line 2: expected an object"),
        ("3", "line 2: expected an object"),
        ("{", "line 2: not JSON: .*; expected one object a line"),
        ('{"text": "b", "text": "c"}', "line 2: the key 'text' is there more than once"),
        ('{"text": "b", "n": ' + "9" * 5000 + "}", "line 2: not JSON"),
        (
            '{"text": "b", "label": {"a": 1}}',
            "line 2: label {}: expected a text, a number or a list",
        ),
    ],
)
def test_a_line_that_makes_no_sense_is_refused_with_its_number(tmp_path, line, words):
    with pytest.raises(BadSource, match=words):
        samples_of(tmp_path, '{"text": "a"}\n' + line + "\n")


def test_a_line_without_end_is_refused_before_it_is_parsed(tmp_path):
    with pytest.raises(BadSource, match=r"line 1: 4,194,3.. characters, expected at most"):
        samples_of(tmp_path, '{"text": [' + " " * (1 << 22) + "]}")


def test_a_key_that_repeats_and_is_not_read_does_no_harm(tmp_path):
    found = samples_of(tmp_path, '{"text": "a", "x": 1, "x": 2, "y": {"text": 1, "text": 2}}\n')
    assert [sample.data for sample in found] == ["a"]


def test_numbers_that_are_none_are_no_labels(tmp_path):
    content = (
        '{"text": "a", "label": NaN}\n{"text": "b", "label": null}\n{"text": "c", "label": 2}\n'
    )
    assert [sample.label for sample in samples_of(tmp_path, content)] == [None, None, "2"]


def test_lines_may_end_as_on_windows_and_empty_ones_are_left_out(tmp_path):
    found = samples_of(tmp_path, '{"text": "a"}\r\n\r\n  \n{"text": "b\\u2028"}')
    assert [sample.data for sample in found] == ["a", "b\u2028"]
