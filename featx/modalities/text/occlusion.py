"""Texts with words left out."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from featx.errors import BadSample
from featx.modalities import Occlusions

__all__ = ["hide_words"]

# Words, and signs between them; the letters of scripts without spaces stand for words.
_WORD = re.compile(
    r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[^\W_]+(?:['\u2019][^\W_]+)*|[^\w\s]+|_+"
)
# Stands for a text of which nothing is left.
_NOTHING = "."


def hide_words(text: str, n: int, read: Callable[[str], Any]) -> Occlusions:
    """Return a text whose words can be left out, at most ``n`` times.

    Parameters
    ----------
    text : str
    n : int
        Where the text has more words, a few go together.
    read : callable
        Makes an item of a text.

    Raises
    ------
    BadSample
        There is nothing in the text that could be left out.

    Examples
    --------
    >>> hidden = hide_words("one two", 9, lambda text: text)
    >>> hidden.places, hidden.hide(0), hidden.hide(None)
    (((0, 3), (4, 7)), ' two', 'one two')
    """
    words = [found.span() for found in _WORD.finditer(text)]
    if not words:
        raise BadSample("text: has no word that could be left out")
    size = -(-len(words) // n)
    groups = [words[k : k + size] for k in range(0, len(words), size)]
    places = tuple((group[0][0], group[-1][1]) for group in groups)

    def hide(index: int | None) -> Any:
        if index is None:
            return read(text)
        start, stop = places[index]
        left = text[:start] + text[stop:]
        return read(left if left.strip() else _NOTHING)

    return Occlusions(places, (len(text),), hide)
