"""Letters of words that a vocabulary does not hold, by nodes of a graph: what ``Speller`` finds in a text.

Texts are a grid of characters, a row a text. Each character has a number, as :func:`letter_number` gives it;
which are chosen follows from the tokens that hold them; and they are dealt into rows again, with spaces at the
edges of words.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from featx.graphs.builder import INT64, ML, RUNTIME, GraphBuilder
from featx.modalities.text.letters import (
    LATER_OF_WORDS,
    LEAST_LATER,
    LETTERS,
    Speller,
    fold_letter,
    letter_number,
)

__all__ = ["Characters", "FoundTokens", "add_letters", "add_numbers", "grid_number", "has_number"]

# Numbers of characters that are dropped, that are white space, and that are not in the table.
_DROPPED, _SPACE, _OWN = -1, -2, -3
# Surrogates and private use, which have no number.
_SKIPPED = (range(0xD800, 0xF900), range(0xF0000, 0x110000))


@dataclass(frozen=True, slots=True)
class Characters:
    """The characters of all texts, a row a text, and the symbols that they became.

    Attributes
    ----------
    numbers : str
        Int64 of (n, characters).
    per_character : str
        How many symbols each became, int64 of the same shape.
    """

    numbers: str
    per_character: str


@dataclass(frozen=True, slots=True)
class FoundTokens:
    """The tokens of all texts, one after the other, and the symbols that they begin at.

    Attributes
    ----------
    begins : str
        Whether a token begins at each symbol.
    inside : str
        Whether each symbol belongs to a word.
    tokens : str
        Int64 of (tokens,).
    starts, counts, whole : str
        Of each text, the first token that is kept, how many are, and how many there are.
    """

    begins: str
    inside: str
    tokens: str
    starts: str
    counts: str
    whole: str


def has_number(letter: str) -> bool:
    """Return whether a character is a letter, or space, of what is spelled."""
    return letter_number(letter) is not None


def grid_number(letter: str) -> int:
    """Return the number that the graph gives a character; "" is none."""
    if letter.isspace():
        return _SPACE
    number = letter_number(letter) if letter else None
    return _DROPPED if number is None else number


def add_numbers(graph: GraphBuilder, parts: str) -> str:
    """Return the number of each character: its hash, or that of the character that stands for it."""
    table = _folded()
    found = graph.add(
        "LabelEncoder",
        parts,
        domain=ML,
        keys_strings=list(table),
        values_int64s=list(table.values()),
        default_int64=_OWN,
    )
    hashed = graph.cast(graph.add("MurmurHash3", parts, domain=RUNTIME, positive=1, seed=0), INT64)
    hashed = graph.add("Mod", hashed, graph.constant(LETTERS, np.int64))
    own = graph.add("Equal", found, graph.constant(_OWN, np.int64))
    return graph.add("Where", own, hashed, found)


@lru_cache(maxsize=1)
def _folded() -> Mapping[str, int]:
    """Return the numbers of characters that are not their own hash."""
    return {"": _DROPPED, " ": _SPACE, **dict(_others())}


def _others() -> Iterator[tuple[str, int]]:
    for code in range(sys.maxunicode + 1):
        letter = chr(code)
        if not any(code in skipped for skipped in _SKIPPED) and fold_letter(letter) != letter:
            yield letter, grid_number(letter)


def add_letters(
    graph: GraphBuilder, letters: Characters, found: FoundTokens, speller: Speller
) -> tuple[str, str]:
    """Return the letters of each text and their mask, int64 of (n, letters)."""
    zero = graph.constant(0, np.int64)
    numbers = _within(graph, letters, found)
    covered = _covered(graph, letters, found, speller)
    whole = graph.add("Unsqueeze", _spelled_whole(graph, found, speller), graph.int_const(1))
    known = graph.add("And", covered, graph.add("Not", whole))
    is_letter = graph.add("GreaterOrEqual", numbers, zero)
    chosen = graph.add("And", is_letter, graph.add("Not", known))
    others = graph.cast(graph.add("And", is_letter, known), INT64)
    spaces = graph.cast(graph.add("Equal", numbers, graph.constant(_SPACE, np.int64)), INT64)
    one = graph.constant(1, np.int64)
    flat = graph.add("Reshape", chosen, graph.int_const(-1))

    def of_chosen(grid: str) -> str:
        row = graph.add("Reshape", grid, graph.int_const(-1))
        return graph.add("Compress", row, flat, axis=0)

    grid = graph.add("Shape", numbers)
    samples = graph.dim(numbers, 0)
    rows = graph.add("Range", zero, samples, one)
    rows = graph.add("Expand", graph.add("Unsqueeze", rows, graph.int_const(1)), grid)
    owner = of_chosen(rows)
    gaps = [_rises(graph, of_chosen(graph.add("CumSum", marks, one))) for marks in (spaces, others)]
    first = _rises(graph, graph.add("Add", owner, one))
    # before each letter: one space at the first, two after a known word, one after white space
    edges = graph.add("Where", gaps[0], one, zero)
    edges = graph.add("Where", gaps[1], graph.constant(2, np.int64), edges)
    edges = graph.add("Where", first, one, edges)
    steps = graph.add("Add", edges, one)
    empty = graph.add("Expand", zero, graph.add("Unsqueeze", samples, graph.int_const(0)))
    lengths = graph.add("ScatterElements", empty, owner, steps, axis=0, reduction="add")
    before = graph.add("CumSum", lengths, zero, exclusive=1)
    place = graph.add("Sub", graph.add("CumSum", steps, zero), one)
    place = graph.add("Sub", place, graph.add("Gather", before, owner))
    # and one behind the last
    ends = graph.add("Add", lengths, graph.cast(graph.add("Greater", lengths, zero), INT64))
    width = graph.reduce("ReduceMax", ends, 0, keep=False)
    size = graph.add("Unsqueeze", graph.add("Mul", samples, width), graph.int_const(0))
    space = letter_number(" ") or 0
    filled = graph.add("Expand", graph.constant(space, np.int64), size)
    index = graph.add("Add", graph.add("Mul", owner, width), place)
    filled = graph.add("ScatterElements", filled, index, of_chosen(numbers), axis=0)
    pair = [graph.add("Unsqueeze", value, graph.int_const(0)) for value in (samples, width)]
    table = graph.add("Reshape", filled, graph.add("Concat", *pair, axis=0), allowzero=1)
    table = graph.add("Add", table, graph.constant(speller.first, np.int64))
    columns = graph.add("Range", zero, width, one)
    real = graph.add("Less", columns, graph.add("Unsqueeze", ends, graph.int_const(1)))
    cut = [graph.int_const(0), graph.int_const(speller.most), graph.int_const(1)]
    return (
        graph.add("Slice", table, *cut),
        graph.add("Slice", graph.cast(real, INT64), *cut),
    )


def _rises(graph: GraphBuilder, values: str) -> str:
    """Return whether each value is more than the one before it; the first is compared with 0."""
    start = graph.add("Slice", values, graph.int_const(0), graph.int_const(-1))
    head = graph.add("Slice", values, graph.int_const(0), graph.int_const(1))
    head = graph.add("Mul", head, graph.constant(0, np.int64))
    return graph.add("Greater", values, graph.add("Concat", head, start, axis=0))


def _within(graph: GraphBuilder, letters: Characters, found: FoundTokens) -> str:
    """Return the numbers of characters; those from the first token on that is cut off are dropped."""
    zero, one = (graph.constant(value, np.int64) for value in (0, 1))
    flat = graph.add("Reshape", letters.per_character, graph.int_const(-1))
    upto = graph.add("CumSum", flat, zero)
    first = graph.add("Squeeze", graph.add("NonZero", found.begins), graph.int_const(0))
    beyond = graph.add("Add", found.starts, found.counts)
    cut = graph.add("Less", found.counts, found.whole)
    last = graph.add("Sub", graph.dim(first, 0), one)
    safe = graph.add("Max", graph.add("Min", beyond, last), zero)
    # one symbol more, so that texts without any token can be asked too
    padded = graph.add("Concat", first, graph.int_const(0), axis=0)
    limit = graph.add("Gather", padded, safe)
    limit = graph.add("Where", cut, limit, graph.constant(1 << 62, np.int64))
    # a character is kept where no symbol of it is behind the cut; one that makes none may follow the last token
    ends = graph.add("Reshape", upto, graph.add("Shape", letters.numbers))
    kept = graph.add("LessOrEqual", ends, graph.add("Unsqueeze", limit, graph.int_const(1)))
    return graph.add("Where", kept, letters.numbers, graph.constant(_DROPPED, np.int64))


def _covered(graph: GraphBuilder, letters: Characters, found: FoundTokens, speller: Speller) -> str:
    """Return whether each character is in a token that is known, or between two characters of one."""
    zero, one = (graph.constant(value, np.int64) for value in (0, 1))
    order = graph.add("CumSum", graph.cast(found.begins, INT64), zero)
    # of each symbol; 0 outside words. A first and a last one stand around all.
    token = graph.add("Where", found.inside, order, zero)
    unknown = -1 if speller.unknown is None else speller.unknown
    known = graph.add("Equal", found.tokens, graph.constant(unknown, np.int64))
    known = graph.add(
        "Concat", graph.int_const(0), graph.cast(graph.add("Not", known), INT64), axis=0
    )
    held = graph.add("Mul", token, graph.add("Gather", known, token))
    held = graph.add("Concat", graph.int_const(0), held, graph.int_const(0), axis=0)
    flat = graph.add("Reshape", letters.per_character, graph.int_const(-1))
    upto = graph.add("CumSum", flat, zero)
    own = graph.add("Greater", flat, zero)
    # how many symbols of known tokens there are up to each, of which a character has some
    sums = graph.add("CumSum", graph.cast(graph.add("Greater", held, zero), INT64), zero)
    start = graph.add("Sub", upto, flat)
    held_upto, held_before = (graph.add("Gather", sums, value) for value in (upto, start))
    of_own = graph.add("Greater", held_upto, held_before)
    # a character without symbols is between two of the same token
    last, following = (
        graph.add("Gather", held, value) for value in (upto, graph.add("Add", upto, one))
    )
    between = graph.add(
        "And", graph.add("Equal", last, following), graph.add("Greater", last, zero)
    )
    covered = graph.add(
        "Or",
        graph.add("And", own, of_own),
        graph.add("And", graph.add("Not", own), between),
    )
    return graph.add("Reshape", covered, graph.add("Shape", letters.numbers))


def _spelled_whole(graph: GraphBuilder, found: FoundTokens, speller: Speller) -> str:
    """Return whether each text is spelled as a whole, for the many tokens that go on with a word."""
    flags = np.zeros(speller.first, np.int64)
    flags[sorted(speller.later)] = 1
    marks = graph.add("Gather", graph.constant(flags, np.int64), found.tokens)
    sums = graph.add("CumSum", marks, graph.constant(0, np.int64))
    sums = graph.add("Concat", graph.int_const(0), sums, axis=0)
    ends = graph.add("Add", found.starts, found.counts)
    later = graph.add(
        "Sub", graph.add("Gather", sums, ends), graph.add("Gather", sums, found.starts)
    )
    words = graph.add("Sub", found.counts, later)
    up, down = LATER_OF_WORDS
    many = graph.add(
        "GreaterOrEqual",
        graph.add("Mul", later, graph.constant(down, np.int64)),
        graph.add("Mul", words, graph.constant(up, np.int64)),
    )
    enough = graph.add("GreaterOrEqual", later, graph.constant(LEAST_LATER, np.int64))
    return graph.add("And", many, enough)
