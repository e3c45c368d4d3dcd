"""Marks: a text whose words are coloured by what they add to a score."""

from __future__ import annotations

from collections.abc import Sequence

from featx.modalities import PlaceValue
from featx.pages.markup import Child, Markup, element, join

__all__ = ["mark_words", "word_values"]

# Characters of a text that is shown; what is left out is said.
_MOST = 20_000
# Shades of a colour.
_LEVELS = 10


def mark_words(text: str, spans: Sequence[PlaceValue]) -> Markup:
    """Return a text with each stretch marked: blue where it speaks for the answer, orange where against it.

    Pieces of one word are marked together, with what they add up to.

    Parameters
    ----------
    text : str
    spans : sequence of ((start, stop), float)

    Examples
    --------
    >>> mark_words("a plot", [((0, 1), 1.0), ((2, 6), -0.3)]).html
    '<blockquote dir="auto"><mark class="h10" title="+1">a</mark> <mark class="w3" title="-0.3">plot</mark>...
    """
    words = word_values(text, spans)
    largest = max((abs(value) for _, _, value in words), default=0.0) or 1.0
    parts: list[Child] = []
    end = 0
    for start, stop, value in words:
        if stop > _MOST:
            break
        level = round(_LEVELS * abs(value) / largest)
        shade = f"{'h' if value > 0 else 'w'}{level}"
        parts.append(text[end:start])
        own = {"class": shade, "title": f"{value:+.3g}"}
        parts.append(element("mark", own, text[start:stop]))
        end = stop
    if len(text) > _MOST:
        rest = element("small", {}, f"… ({len(text) - end:,} more characters)")
        return element("blockquote", {"dir": "auto"}, join(parts), rest)
    return element("blockquote", {"dir": "auto"}, join([*parts, text[end:]]))


def word_values(text: str, spans: Sequence[PlaceValue]) -> list[tuple[int, int, float]]:
    """Return start, end and value of each word, of pieces that follow each other within it.

    >>> word_values("undo it", [((0, 2), 1.0), ((2, 4), 0.5), ((5, 7), 2.0)])
    [(0, 4, 1.5), (5, 7, 2.0)]
    """
    words: list[tuple[int, int, float]] = []
    inside = ((place, value) for place, value in spans if place is not None)
    for (first, last), value in sorted(inside):
        start, stop = int(first), min(int(last), len(text))
        if words and start < words[-1][1]:
            start = words[-1][1]
        if start >= stop:
            if words and first < last:
                # a letter of a word, or a word whose letters came first, that is marked already
                words[-1] = (*words[-1][:2], words[-1][2] + value)
            continue
        if words and start == words[-1][1] and _goes_on(text[start - 1], text[start]):
            words[-1] = (words[-1][0], stop, words[-1][2] + value)
        else:
            words.append((start, stop, value))
    return words


def _goes_on(before: str, after: str) -> bool:
    """Return whether two letters stand within a word: not in scripts that have no spaces between words."""
    return before.isalnum() and after.isalnum() and max(before, after) < "\u2e80"
