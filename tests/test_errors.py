"""The errors of featx: one tree, drawn where it is defined, whose members survive a way between processes."""

import inspect
import pickle

import pytest

from featx import errors
from featx.errors import (
    BadOption,
    BadTable,
    FeatxError,
    FeatxWarning,
    MissingProvider,
    NotExportable,
    UnknownBackbone,
    UnknownName,
    first_line,
)

CLASSES = [
    kind
    for kind in vars(errors).values()
    if inspect.isclass(kind) and kind.__module__ == errors.__name__
]


def draw(kind, before="    ", branch="", below=""):
    """Yield a line for a class and each of its subclasses, as trees of folders are drawn."""
    builtins = [base.__name__ for base in kind.__bases__ if base not in CLASSES]
    yield f"{before}{branch}{kind.__name__}" + (f" ({', '.join(builtins)})" if builtins else "")
    children = sorted(
        (one for one in CLASSES if kind in one.__bases__), key=lambda one: one.__name__
    )
    for child in children:
        last = child is children[-1]
        ends = ("└── ", "    ") if last else ("├── ", "│   ")
        yield from draw(child, before + below, *ends)


def test_the_drawing_of_the_tree_is_the_tree():
    lines = [*draw(FeatxError), *draw(FeatxWarning)]
    assert [line for line in errors.__doc__.splitlines() if line.startswith("    ")] == lines


def test_every_class_hangs_on_the_tree_and_is_public():
    assert all(issubclass(kind, (FeatxError, FeatxWarning)) for kind in CLASSES)
    assert {kind.__name__ for kind in CLASSES} | {
        "check_iterable",
        "first_line",
        "reason_of",
        "wrong_type",
    } == set(errors.__all__)


def test_four_kinds_of_refusal_are_told_apart_and_caught_as_value_errors():
    kinds = [BadOption, BadTable, MissingProvider, NotExportable]
    assert not any(issubclass(a, b) for a in kinds for b in kinds if a is not b)
    assert all(issubclass(kind, ValueError) for kind in kinds)


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_an_error_says_the_same_after_a_way_between_processes(kind):
    words = ("ab", ["abc", "x"]) if issubclass(kind, UnknownName) else ("size = 0: expected more",)
    error = kind(*words)
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is kind
    assert str(again) == str(error) != ""
    assert "\n" not in str(again)


def test_an_unknown_name_suggests_the_nearest_or_lists_those_that_are_known():
    assert str(UnknownBackbone("tinny", ["tiny", "vit"])) == (
        "no backbone named 'tinny'; did you mean 'tiny'?"
    )
    assert str(UnknownBackbone("?", ["vit", "tiny"])) == "no backbone named '?'; known: tiny, vit"
    assert str(UnknownBackbone("?", [])) == "no backbone named '?'; known: none"


def test_of_another_librarys_failure_the_first_line_is_told():
    assert first_line(ValueError("  no file\n  at 0x7f")) == "no file"


@pytest.mark.parametrize("kind", [BadOption, errors.OutputFailed, FeatxWarning])
def test_a_megabyte_in_a_message_is_cut_in_its_middle_and_its_length_told(kind):
    message = str(kind(f"label {'x' * 1_000_000!r}: expected another; take one of a, b"))
    assert len(message) < 2100
    assert message.startswith("label 'xxx")
    assert "… (998,044 characters left out) …" in message
    assert message.endswith("expected another; take one of a, b")
