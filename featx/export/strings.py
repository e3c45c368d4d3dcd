"""Texts to tokens inside a graph, with ONNX Runtime's own operators alone.

A text is divided into characters, each becomes the symbols that :class:`Normalizer` has for it, and words of
symbols become WordPiece tokens; these are dealt into rows again, cut, framed and filled up as the card says.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from featx.catalog import Card, verify_files
from featx.errors import NotExportable
from featx.export.normalizer import END, ROW_OF_END, ROW_OF_NONE, ROW_OF_REST, Normalizer
from featx.export.spelling import (
    Characters,
    FoundTokens,
    add_letters,
    add_numbers,
    grid_number,
    has_number,
)
from featx.export.wordpieces import add_pieces
from featx.graphs.builder import INT64, ML, RUNTIME, GraphBuilder
from featx.modalities.text.settings import TextSettings
from featx.modalities.text.tokenizer import TokenReader

__all__ = ["HARD", "IDS", "LEAD", "TEXT", "add_tokens", "open_reader"]

TEXT, IDS = "text", "input_ids"
# How many of the first tokens of a text are not pooled.
LEAD = "lead"
# Texts about which tokenizers disagree; every export is compared on these.
HARD = (
    "",
    " \t\r\n\u2028\u3000\u00a0 ",
    "ΟΔΥΣΣΕΥΣ Σ ς",
    "İstanbul ILIK ıssız",
    "straße STRAẞE",
    "한국어 \u1112\u1161\u11ab",
    "漢字かなカナ㍿豈\U0002f800",
    "Ünïcödé e\u0301 e\u0327\u0301 Å \u212b \u0130\u0307",
    "ﬁ ﬃ ① ½ ² Ⅷ km⁄h 5⁒n",
    "a\u200db c\u00add \ufeffe \x00f \ufffdg \x07h",
    "“quoted” — it's 3.14% of $5_000… ¿qué? #tag @me",
    "नमस्ते ไทย עִבְרִית العَرَبِيَّة",
    "\U0001f469\u200d\U0001f469\u200d\U0001f467 \U0001f600 \U0001d538",
    "\U0001d16d\U0001d165 \u302e\u302f \u1b44",
    "[CLS] [SEP][MASK] x[UNK]y [PAD] [cls] [sep <s> </s>",
    "##ing un##able",
    "x" * 100 + " " + "x" * 101,
    "word " * 600,
)


def add_tokens(
    graph: GraphBuilder, card: Card, *, text: str = TEXT, ids: str = IDS
) -> dict[str, str]:
    """Return ``input_ids``, ``attention_mask`` and ``token_type_ids``, int64 of (n, tokens), of ``text``.

    Where the card leaves the prefix out of its pooling, ``LEAD`` is of shape (n, 1): how many of the first
    tokens that are. A text without a token fails, as it does with the classifier, where nothing stands
    around texts.

    Raises
    ------
    NotExportable
        The tokenizer is none that can be written as a graph.
    """
    settings: Any = card.input
    reader = open_reader(card)
    controls = reader.encoder.control_names()
    meant = {number for number, token in controls.items() if token in settings.prefix}
    letters = Normalizer.of(reader.tokenizer, card.name, controls.keys() - meant)
    words = [token for token, number in letters.added.items() if number not in controls]
    _refuse_straddling(words, settings.prefix, card.name)
    if reader.speller is not None:
        _refuse_unspelled(letters, settings, reader, card.name)
        letters = letters.keeping(has_number)
    stream, characters = _stream(graph, text, letters, words, settings.prefix, bool(reader.speller))
    tokens, begins = add_pieces(graph, stream, letters)
    ends = graph.add("Equal", stream, graph.constant(END, np.int64))
    counts = graph.add("CumSum", graph.cast(begins, INT64), graph.constant(0, np.int64))
    stops = graph.add("Compress", counts, ends, axis=0)
    tokens = graph.add("Compress", tokens, begins, axis=0)
    bounds = _bounds(graph, stops, reader, settings.truncation, text)
    feeds = _dealt(graph, tokens, bounds, reader, left=settings.padding_side == "left")
    if settings.mask_prefix and settings.prefix:
        feeds[LEAD] = _lead(graph, bounds, reader, settings.truncation)
    if characters is not None and reader.speller is not None:
        inside = graph.add("Greater", stream, graph.constant(END, np.int64))
        found = FoundTokens(begins, inside, tokens, *bounds)
        feeds = _with_letters(graph, feeds, add_letters(graph, characters, found, reader.speller))
    # The check of tokens looks at them by this name.
    graph.named(ids, "Identity", feeds[IDS])
    return feeds | {IDS: ids}


def open_reader(card: Card) -> TokenReader:
    """Return the tokenizing reader of a card."""
    settings: Any = card.input
    files = {name: blob for name, blob in verify_files(card).items() if name != card.graph.name}
    reader: TokenReader = settings.open(files)
    return reader


def _with_letters(
    graph: GraphBuilder, feeds: Mapping[str, str], spelled: tuple[str, str]
) -> dict[str, str]:
    """Return the inputs of a backbone with letters after the tokens."""
    letters, mask = spelled
    types = graph.add("Mul", mask, graph.constant(0, np.int64))
    added = {IDS: letters, "attention_mask": mask, "token_type_ids": types}
    joined = {name: graph.add("Concat", feeds[name], added[name], axis=1) for name in added}
    return {**feeds, **joined}


def _refuse_unspelled(
    letters: Normalizer, settings: TextSettings, reader: TokenReader, name: str
) -> None:
    """Raise NotExportable where letters stand elsewhere than the graph can put them."""
    asked = {
        "truncation = 'left'": settings.truncation == "left",
        "padding_side = 'left'": settings.padding_side == "left",
        "added tokens": bool(letters.added),
        "tokens around a text": len(reader.frame) > 0,
        "no unknown token": reader.encoder.unknown is None,
    }
    if said := [words for words, true in asked.items() if true]:
        raise NotExportable(
            f"strings: {name} spells words in letters, and has {', '.join(said)}, which cannot be exported; "
            "export without strings and feed tokens"
        )


def _stream(
    graph: GraphBuilder,
    text: str,
    letters: Normalizer,
    words: Sequence[str],
    prefix: str,
    spelled: bool,
) -> tuple[str, Characters | None]:
    """Return the symbols of all texts in one row, each text ended by END, and where ``spelled`` the characters.

    Of the added tokens, only ``words`` are looked for in texts; the prefix may hold any.
    """
    pattern = _pattern(letters, words)
    parts = graph.add(
        "Tokenizer",
        text,
        domain=RUNTIME,
        mark=0,
        mincharnum=1,
        # The empty text is no character.
        pad_value="",
        tokenexp=pattern,
    )
    row_of = {**dict(zip(letters.keys, letters.rows, strict=True)), "": ROW_OF_NONE}
    rows = graph.add(
        "LabelEncoder",
        parts,
        domain=ML,
        keys_strings=list(row_of),
        values_int64s=list(row_of.values()),
        default_int64=ROW_OF_REST,
    )
    size, whole = graph.add("Shape", text), _pattern(letters, letters.added)
    before = [row_of.get(part, ROW_OF_REST) for part in re.findall(whole, prefix)]
    sides = [_repeated(graph, size, side) for side in (before, [ROW_OF_END])]
    rows = graph.add("Concat", sides[0], rows, sides[1], axis=1)
    characters = None
    if spelled:
        sizes = graph.constant((letters.table >= 0).sum(1), np.int64)
        characters = _characters(graph, (text, parts), prefix, graph.add("Gather", sizes, rows))
    symbols = graph.add("Gather", graph.constant(letters.table, np.int64), rows)
    symbols = graph.add("Reshape", symbols, graph.int_const(-1))
    real = graph.add("GreaterOrEqual", symbols, graph.constant(0, np.int64))
    return graph.add("Compress", symbols, real, axis=0), characters


def _characters(graph: GraphBuilder, given: tuple[str, str], prefix: str, sizes: str) -> Characters:
    """Return the numbers of all characters, the prefix first, and how many symbols each became."""
    text, parts = given
    size, numbers = graph.add("Shape", text), add_numbers(graph, parts)
    before = [grid_number(letter) for letter in prefix]
    sides = [_repeated(graph, size, side) for side in (before, [grid_number("")])]
    return Characters(graph.add("Concat", sides[0], numbers, sides[1], axis=1), sizes)


def _pattern(letters: Normalizer, words: Iterable[str]) -> str:
    """Return the expression that divides a text: added tokens, the longest first, and single characters."""
    added = sorted(words, key=len, reverse=True)
    dropped = "".join(f"{chr(first)}-{chr(last)}" for first, last in letters.dropped)
    return "|".join([*map(re.escape, added), f"[^{dropped}]" if dropped else "(?s:.)"])


def _repeated(graph: GraphBuilder, size: str, row: Sequence[int]) -> str:
    """Return the same row for each text."""
    shape = graph.add("Concat", size, graph.int_const(len(row)), axis=0)
    return graph.add("Expand", graph.constant([row], np.int64), shape)


def _bounds(
    graph: GraphBuilder, stops: str, reader: TokenReader, truncation: str, name: str
) -> tuple[str, str, str]:
    """Return of each text its first token, how many of them are kept, and how many there are.

    Where a text has none, the message has the ``name`` of the input.
    """
    starts, counts, whole = _cut(graph, stops, reader.room, truncation)
    if not len(reader.frame):
        counts = graph.add("Add", counts, _refusal(graph, counts, name))
    return starts, counts, whole


def _lead(
    graph: GraphBuilder, bounds: tuple[str, str, str], reader: TokenReader, truncation: str
) -> str:
    """Return how many of the first tokens of each text are not pooled, int64 of (n, 1)."""
    zero = graph.constant(0, np.int64)
    counts, whole = bounds[1], bounds[2]
    masked = graph.constant(reader.encoder.lead, np.int64)
    if truncation == "left":
        # as many of the prefix as were cut off are not there
        masked = graph.add("Sub", masked, graph.add("Sub", whole, counts))
        masked = graph.add("Max", masked, zero)
    masked = graph.add("Min", masked, counts)
    before = graph.constant(len(reader.frame.before.ids), np.int64)
    some = graph.add("Greater", masked, zero)
    lead = graph.add("Where", some, graph.add("Add", masked, before), zero)
    return graph.add("Unsqueeze", lead, graph.int_const(1))


def _dealt(
    graph: GraphBuilder,
    tokens: str,
    bounds: tuple[str, str, str],
    reader: TokenReader,
    *,
    left: bool = False,
) -> dict[str, str]:
    """Return the tokens of texts as rows that are cut, framed and filled up."""
    frame = reader.frame
    before, after = len(frame.before.ids), len(frame.after.ids)
    starts, counts = (graph.add("Unsqueeze", value, graph.int_const(1)) for value in bounds[:2])
    longest = graph.add("ReduceMax", counts, keepdims=0)
    width = graph.add("Add", longest, graph.constant(before + after, np.int64))
    ends = [graph.constant(value, np.int64) for value in (0, 1)]
    columns = graph.add("Range", ends[0], width, ends[1])
    if left:
        # Columns count from the first token of a text: those before it are filled up.
        columns = graph.add("Sub", columns, graph.add("Sub", longest, counts))
    # Positions count from the text's own first token.
    position = graph.add("Sub", columns, graph.int_const(before))
    past = graph.add("Sub", position, counts)
    # Each position of a row picks from all tokens, then those before a text, those after it, and a filling.
    held = graph.dim(tokens, 0)
    own = graph.add("Add", starts, position)
    head = graph.add("Add", columns, held)
    tail = graph.add("Add", past, graph.add("Add", held, graph.int_const(before)))
    fill = graph.add("Add", held, graph.int_const(before + after))
    real = graph.add("Less", past, graph.int_const(after))
    picked = graph.add("Where", real, tail, fill)
    picked = graph.add("Where", graph.add("Less", past, graph.int_const(0)), own, picked)
    picked = graph.add("Where", graph.add("Less", position, graph.int_const(0)), head, picked)
    if left:
        inside = graph.add("GreaterOrEqual", columns, graph.int_const(0))
        picked = graph.add("Where", inside, picked, fill)
        real = graph.add("And", real, inside)
    kinds = graph.add("Expand", graph.int_const(frame.kind), graph.add("Shape", tokens))

    def row(values: str, first: Any, last: Any, filling: int) -> str:
        ends = graph.int_const(*map(int, first), *map(int, last), filling)
        return graph.add("Gather", graph.add("Concat", values, ends, axis=0), picked)

    return {
        IDS: row(tokens, frame.before.ids, frame.after.ids, reader.pad_id),
        "attention_mask": graph.cast(real, INT64),
        "token_type_ids": row(kinds, frame.before.types, frame.after.types, 0),
    }


def _cut(graph: GraphBuilder, stops: str, room: int, truncation: str) -> tuple[str, str, str]:
    """Return where the tokens of each text begin, how many there are, at most ``room``, and how many at all."""
    earlier = graph.add("Slice", stops, graph.int_const(0), graph.int_const(-1))
    starts = graph.add("Concat", graph.int_const(0), earlier, axis=0)
    whole = graph.add("Sub", stops, starts)
    counts = graph.add("Min", whole, graph.int_const(room))
    if truncation == "left":
        starts = graph.add("Add", starts, graph.add("Sub", whole, counts))
    return starts, counts, whole


def _refusal(graph: GraphBuilder, count: str, name: str) -> str:
    """Return zeros; the graph fails with a message where a text has no tokens."""
    lacking = graph.cast(graph.add("Equal", count, graph.int_const(0)), INT64)
    message = "a text has no tokens; expected at least one word"
    if name != TEXT:
        # Names of nodes differ.
        message = f"{name}: {message}"
    return graph.add("Gather", graph.int_const(0), lacking, name=message)


def _refuse_straddling(words: Iterable[str], prefix: str, name: str) -> None:
    """Raise NotExportable where an added token may begin in the prefix and end in a text.

    It would be found in neither of the two.
    """
    for token in words:
        if any(prefix.endswith(token[:k]) for k in range(1, len(token))):
            raise NotExportable(
                f"strings: the prefix {prefix!r} of {name} ends as the added token {token!r} begins; "
                "export without strings and feed tokens"
            )
