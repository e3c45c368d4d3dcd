"""Tokenize texts, and batch windows of about equal length."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np
import numpy.typing as npt

from featx._typing import Doubles, FloatArray, Integers
from featx.errors import BadCard, BadSample
from featx.modalities import Batch
from featx.modalities.text.baseline import digest_text, load_text
from featx.modalities.text.encoding import Encoder
from featx.modalities.text.grouping import divide
from featx.modalities.text.letters import NOTHING, Speller, Spelling
from featx.modalities.text.unknown import UnknownWords

if TYPE_CHECKING:
    from featx.modalities.text.geometry import TextGeometry

__all__ = ["TokenReader"]

# characters of a text that is divided into windows, where the card does not say
MOST_CHARACTERS = 10_000_000

Ids = npt.NDArray[np.int64]


class TokenSettings(Protocol):
    """What a reader takes of the ``[text]`` table of a card; ``TextSettings`` says what each means."""

    @property
    def max_length(self) -> int:
        """Tokens of a window, with those around a text."""

    @property
    def truncation(self) -> str:
        """Which end of a long text is kept: "right" cuts the right one off."""

    @property
    def long(self) -> str:
        """What becomes of a long text: "truncate" or "chunk-mean"."""

    @property
    def prefix(self) -> str:
        """What stands before every text."""

    @property
    def max_characters(self) -> int | None:
        """Characters above which a text is refused; None: 10 million where it is divided into windows."""

    @property
    def pad(self) -> bool:
        """Whether windows are filled up to ``max_length``."""

    @property
    def layout(self) -> str:
        """The axes of the graph's inputs."""

    @property
    def feeds(self) -> tuple[tuple[str, str], ...]:
        """The graph's own names of inputs, each with the usual one."""

    @property
    def padding_side(self) -> str:
        """The side at which short windows are filled up."""

    @property
    def pad_id(self) -> int | None:
        """The token that they are filled up with; None: the tokenizer's usual one."""

    @property
    def mask_prefix(self) -> bool:
        """Whether the tokens of the prefix are not pooled."""

    @property
    def first_position(self) -> int:
        """The position of a window's first token, as graphs count that take positions."""

    @property
    def letters(self) -> int:
        """The most letters of a window that follow its tokens; 0: none."""


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """Tokens that go through the graph together, with those that stand around a text."""

    ids: Ids
    # which sequence each belongs to, as BERT counts
    types: Ids
    # how many of the first are not pooled
    lead: int = 0
    # how many of the last are letters
    letters: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """What the tokenizer puts around a text."""

    before: Window
    after: Window
    # the type of the text's own tokens
    kind: int

    def __len__(self) -> int:
        return len(self.before.ids) + len(self.after.ids)

    def around(self, ids: Ids, masked: int = 0, letters: Sequence[int] = ()) -> Window:
        """Return a text's tokens with those that stand around it, and then its letters.

        The first ``masked`` are not pooled.
        """
        kinds = np.full(len(ids), self.kind, np.int64)
        if not len(self) and not letters and not masked:
            # the usual text of the smallest backbones, of whose time arrays are a tenth
            return Window(ids, kinds)
        numbers = [self.before.ids, ids, self.after.ids]
        types = [self.before.types, kinds, self.after.types]
        if letters:
            numbers.append(np.array(letters, np.int64))
            types.append(np.full(len(letters), self.kind, np.int64))
        return Window(
            np.concatenate(numbers),
            np.concatenate(types),
            len(self.before.ids) + masked if masked else 0,
            len(letters),
        )


# A window with the index of its item, and its own among those of the item.
_Entry = tuple[Window, int, int]


class TokenReader:
    """Texts in, batches of tokens out; an item is the windows of one text.

    Texts are encoded one at a time, so that the library's own threads stay asleep: the workers of the
    engine use every core already.
    """

    # enough for a batch to find texts of its own length
    chunk_size: ClassVar[int] = 256
    batch_size: ClassVar[int] = 128

    def __init__(self, settings: TokenSettings, tokenizer: Any) -> None:
        self._settings = settings
        # of the library tokenizers
        self.tokenizer = tokenizer
        # what short texts are filled up with
        self.pad_id: int = _pad_id(tokenizer) if settings.pad_id is None else settings.pad_id
        self.frame = _frame(tokenizer)
        self.encoder = Encoder(tokenizer, settings.prefix)
        self._unknown_words = UnknownWords(tokenizer, self.encoder.unknown)
        # of words that the tokenizer does not know; None where the card asks for no letters
        self.speller = _speller(settings.letters, tokenizer, self.encoder.unknown)
        # tokens of a text in one window
        self.room = settings.max_length - len(self.frame)
        if self.room < 1:
            raise BadCard(
                f"[text] max_length = {settings.max_length}: the tokenizer puts "
                f"{len(self.frame)} tokens around a text, which leaves no room for it"
            )

    def load(self, data: Any) -> str:
        """Return the text: a str as it is; of a path, bytes or a file what it holds. Raises BadSample."""
        return load_text(data, self._limit)

    def digest(self, content: str) -> bytes:
        """Return the SHA-256 of the text in UTF-8.

        It is another one where the text may spell a control token out: rows in which such a token was
        taken for the real one are in caches still.
        """
        plain = digest_text(content)
        if not self.encoder.spells_control(content):
            return plain
        return hashlib.sha256(b"control tokens are text\0" + plain).digest()

    def read(self, content: str) -> tuple[Window, ...]:
        """Return the windows of a text: one, or with chunk-mean as many of equal length as it needs."""
        encoding = self._encode(content)
        return self._windows(encoding, self._spellings(content, encoding))

    def read_with_geometry(self, content: str) -> tuple[tuple[Window, ...], TextGeometry]:
        """Return what ``read`` returns, and where in the text each token stands."""
        from featx.modalities.text.geometry import TextGeometry

        encoding = self._encode(content)
        lead = len(self._settings.prefix)
        spans = [
            (max(start - lead, 0), stop - lead) if stop > lead else None
            for start, stop in encoding.offsets
        ]
        before, after = (None,) * len(self.frame.before.ids), (None,) * len(self.frame.after.ids)
        spellings = self._spellings(content, encoding)
        letters = [
            [(place - lead, place - lead + 1) if place >= lead else None for place in own.starts]
            for own in spellings
        ]
        places = (
            (*before, *spans[start:stop], *after, *own)
            for (start, stop), own in zip(self._bounds(len(spans)), letters, strict=True)
        )
        windows = self._windows(encoding, spellings)
        # what is not pooled is in no map
        shown = (one[window.lead :] for one, window in zip(places, windows, strict=True))
        return windows, TextGeometry(tuple(shown))

    def is_item(self, value: Any) -> bool:
        """Return whether a value is the windows of one text."""
        return isinstance(value, tuple) and len(value) > 0 and isinstance(value[0], Window)

    def is_doubtful(self, item: tuple[Window, ...]) -> bool:
        """Return whether most of a text's words are unknown to the tokenizer."""
        ids = item[0].ids
        first = len(self.frame.before.ids) + self.encoder.lead
        last = len(ids) - item[0].letters - len(self.frame.after.ids)
        return self._unknown_words.fill(ids[first:last].tolist())

    def describe_doubt(self, item: tuple[Window, ...], name: str) -> str:
        """Return what to say of a text most of whose words are unknown to the tokenizer of ``name``."""
        tells = "tells how they are spelled" if self._settings.letters else "says little"
        return f"most words are unknown to the tokenizer of {name}: the row {tells}"

    def describe_doubts(self, count: int, examined: int, name: str) -> str:
        """Return what to say where most words of some texts are unknown to the tokenizer of ``name``."""
        are = f"{'text' if examined == 1 else 'texts'} {'is' if count == 1 else 'are'}"
        if self._settings.letters:
            return (
                f"{count} of {examined} {are} mostly unknown words to the tokenizer of {name} "
                f"({count / examined:.0%}): their rows tell how the words are spelled, not what they mean; "
                "a backbone that knows their language or script, such as a multilingual one, may do better "
                "(see featx backbones list)"
            )
        return (
            f"{count} of {examined} {are} mostly unknown words to the tokenizer of {name} "
            f"({count / examined:.0%}): their rows say little; choose a backbone that knows their "
            "language or script, such as a multilingual one (see featx backbones list)"
        )

    @property
    def _limit(self) -> int | None:
        """Return the most characters of a text; None: as many as there are."""
        if self._settings.max_characters is None and self._settings.long == "chunk-mean":
            return MOST_CHARACTERS
        return self._settings.max_characters

    def _encode(self, content: str) -> Any:
        most = None if self._settings.long == "chunk-mean" else self.room
        encoding = self.encoder.encode(content, most, end=self._settings.truncation)
        if not len(encoding.ids) and not len(self.frame):
            spelled = self.speller and not content.isspace() and content
            if not spelled or not self._spellings(content, encoding)[0].ids:
                raise BadSample("text: has no tokens; expected at least one word")
        return encoding

    def _spellings(self, content: str, encoding: Any) -> list[Spelling]:
        """Return the letters of each window of a text."""
        ids = encoding.ids
        bounds = self._bounds(len(ids))
        if self.speller is None:
            return [NOTHING] * len(bounds)
        text = self._settings.prefix + content
        ids = ids if isinstance(ids, list) else ids.tolist()
        if not self.speller.may_spell(text, ids):
            return [NOTHING] * len(bounds)
        spans = encoding.offsets
        # a window's characters reach from its first token to that of the next
        starts = [spans[start][0] if start else 0 for start, _ in bounds]
        stops = [*starts[1:], spans[bounds[-1][1]][0] if bounds[-1][1] < len(ids) else len(text)]
        return [
            self.speller.spell(text, ids[first:last], spans[first:last], start, stop)
            for (first, last), start, stop in zip(bounds, starts, stops, strict=True)
        ]

    def _windows(self, encoding: Any, spellings: Sequence[Spelling]) -> tuple[Window, ...]:
        ids = np.asarray(encoding.ids, np.int64)
        lead = self.encoder.lead if self._settings.mask_prefix and self._settings.prefix else 0
        return tuple(
            self.frame.around(ids[start:stop], min(max(lead - start, 0), stop - start), own.ids)
            for (start, stop), own in zip(self._bounds(len(ids)), spellings, strict=True)
        )

    def _bounds(self, n: int) -> list[tuple[int, int]]:
        """Return the first token and the end of each window of a text of ``n`` tokens."""
        if n <= self.room:
            return [(0, n)]
        if self._settings.long == "chunk-mean":
            # as numpy.array_split divides: the first windows are one token longer
            windows = -(-n // self.room)
            length, longer = divmod(n, windows)
            stops = [(k + 1) * length + min(k + 1, longer) for k in range(windows)]
            return list(pairwise([0, *stops]))
        return [(0, self.room)] if self._settings.truncation == "right" else [(n - self.room, n)]

    def batches(self, items: Sequence[Sequence[Window]], size: int) -> Iterator[Batch]:
        """Give windows of equal length or nearly so, at most ``size`` a batch; see ``divide``."""
        entries = self._entries(items)
        costs = [_cost(window) for window, _, _ in entries]
        if self._settings.pad:
            # all are filled up to one length: by their own they would be divided for nothing
            costs = [max(costs)] * len(costs)
        for start, stop in pairwise(divide(costs, size)):
            yield self._batch(entries[start:stop])

    def batch_of_all(self, items: Sequence[Sequence[Window]]) -> Batch:
        """Return one batch of all items, however unlike their lengths are."""
        return self._batch(self._entries(items))

    def _entries(self, items: Sequence[Sequence[Window]]) -> list[_Entry]:
        """Return the windows of all items, short ones first."""
        entries = [
            (window, owner, number)
            for owner, item in enumerate(items)
            for number, window in enumerate(item)
        ]
        return sorted(entries, key=lambda entry: (_cost(entry[0]), len(entry[0].ids)))

    def merge(self, rows: FloatArray, item_index: Integers, n: int) -> FloatArray:
        """Return the mean row of each text's windows, which are of equal length."""
        merged = np.zeros((n, *rows.shape[1:]), np.float32)
        if len(rows) == n:
            merged[item_index] = rows
            return merged
        np.add.at(merged, item_index, rows)
        merged /= np.bincount(item_index, minlength=n).astype(np.float32)[:, None]
        return merged

    def pull_merge(self, weights: Doubles, rows: FloatArray) -> Doubles:
        """Return the weights of each window's row: equal parts."""
        return np.repeat(weights[None] / len(rows), len(rows), axis=0)

    def _batch(self, entries: Sequence[_Entry]) -> Batch:
        """Return windows filled up to the longest of them, or to ``max_length``."""
        lengths = np.array([len(window.ids) for window, _, _ in entries])
        longest = self._settings.max_length if self._settings.pad else int(lengths.max())
        shape = (len(entries), longest)
        ids, types = np.full(shape, self.pad_id, np.int64), np.zeros(shape, np.int64)
        starts = longest - lengths if self._settings.padding_side == "left" else 0 * lengths
        for row, (window, _, _) in enumerate(entries):
            part = slice(starts[row], starts[row] + lengths[row])
            ids[row, part], types[row, part] = window.ids, window.types
        # of each token within its window; negative in padding at the left
        places = np.arange(longest, dtype=np.int64) - starts[:, None]
        real = (places >= 0) & (places < lengths[:, None])
        leads = np.array([window.lead for window, _, _ in entries])
        mask = real & (places >= leads[:, None])
        feeds = {
            "input_ids": ids,
            "attention_mask": real.astype(np.int64),
            "token_type_ids": types,
            "position_ids": np.maximum(places, 0) + self._settings.first_position,
        }
        if self._settings.layout == "N1L":
            feeds = {name: feed[:, None] for name, feed in feeds.items()}
        if self._settings.mask_prefix:
            feeds["pooling_mask"] = mask.astype(np.int64)
        feeds |= {own: feeds[usual] for own, usual in self._settings.feeds}
        owners = np.array([owner for _, owner, _ in entries], np.intp)
        numbers = None
        if self._settings.long == "chunk-mean":
            numbers = np.array([number for _, _, number in entries], np.intp)
        return Batch(feeds, owners, mask, numbers)


def _cost(window: Window) -> int:
    """Return how many tokens a window counts for: letters are read in a sixteenth of the time."""
    return len(window.ids) - window.letters + -(-window.letters // 16)


def _speller(most: int, tokenizer: Any, unknown: int | None) -> Speller | None:
    """Return what spells words that the tokenizer does not know; None where the card asks for no letters."""
    if not most:
        return None
    mark = getattr(tokenizer.model, "continuing_subword_prefix", None) or ""
    return Speller(tokenizer.get_vocab(), unknown, mark, most)


def _pad_id(tokenizer: Any) -> int:
    """Return a token to pad with; a mask hides it, or the tokens before it cannot see it."""
    names = ("[PAD]", "<pad>", "<|endoftext|>", "</s>")
    known = (tokenizer.token_to_id(name) for name in names)
    return next((id for id in known if id is not None), 0)


def _frame(tokenizer: Any) -> Frame:
    """Return what stands around a text, found by encoding one with it and without; BadCard where it fails."""
    try:
        bare = tokenizer.encode("a", add_special_tokens=False)
        whole = tokenizer.encode("a")
    except BaseException as error:
        # a panic in Rust is no Exception
        if isinstance(error, KeyboardInterrupt | SystemExit | GeneratorExit):
            raise
        said = " ".join(str(error).split())
        raise BadCard(f"[text] tokenizer: it fails on a letter: {said}") from error
    ids, types = np.array(whole.ids, np.int64), np.array(whole.type_ids, np.int64)
    n = len(bare.ids)
    starts = range(len(ids) - n + 1)
    start = next((i for i in starts if whole.ids[i : i + n] == bare.ids), 0)
    stop = start + n
    kind = int(types[start]) if n else 0
    return Frame(Window(ids[:start], types[:start]), Window(ids[stop:], types[stop:]), kind)
