"""Texts as tokens, and tokens as batches of about equal length."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from featx._extras import require
from featx._typing import FloatArray
from featx.errors import BadCard, BadSample
from featx.modalities import Batch
from featx.modalities.text.baseline import digest_text, load_text
from featx.storage.blob import Blob, to_blob

if TYPE_CHECKING:
    from featx.modalities.text.settings import TextSettings

__all__ = ["BUDGET", "TokenReader", "open_tokenizer"]

BUDGET = 192  # tokens a batch, padding included: more of them leave the processor's cache

Ids = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """Tokens that go through the graph together, with those that stand around a text."""

    ids: Ids
    types: Ids  # which sequence each belongs to, as BERT counts


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """What the tokenizer puts around a text."""

    before: Window
    after: Window
    kind: int  # the type of the text's own tokens

    def __len__(self) -> int:
        return len(self.before.ids) + len(self.after.ids)

    def around(self, ids: Ids) -> Window:
        kinds = np.full(len(ids), self.kind, np.int64)
        return Window(
            np.concatenate([self.before.ids, ids, self.after.ids]),
            np.concatenate([self.before.types, kinds, self.after.types]),
        )


class TokenReader:
    """Texts in, batches of tokens out; an item is the windows of one text.

    Texts are encoded one at a time, so that the library's own threads stay asleep: the workers of the
    engine use every core already.
    """

    chunk: ClassVar[int] = 128  # enough for a batch to find texts of its own length
    batch: ClassVar[int] = 128

    def __init__(self, settings: TextSettings, tokenizer: Any) -> None:
        self._settings = settings
        self.tokenizer = tokenizer  # of the library tokenizers
        self.pad_id: int = _pad_id(tokenizer)  # what short texts are filled up with
        self.frame = _frame(tokenizer)  # what stands around a text
        self.room = settings.max_length - len(self.frame)  # tokens of a text in one window
        if self.room < 1:
            raise BadCard(
                f"[text] max_length = {settings.max_length}: the tokenizer puts "
                f"{len(self.frame)} tokens around a text, which leaves no room for it"
            )

    def load(self, data: Any) -> str:
        """The text: a str as it is; of a path, bytes or a file what it holds. Raises BadSample."""
        return load_text(data)

    def digest(self, content: str) -> bytes:
        """SHA-256 of the text in UTF-8."""
        return digest_text(content)

    def read(self, content: str) -> tuple[Window, ...]:
        """The windows of a text: one, or as many of equal length as it needs with chunk-mean."""
        made = self.tokenizer.encode(self._settings.prefix + content, add_special_tokens=False)
        ids = np.array(made.ids, np.int64)
        if not len(ids) and not len(self.frame):
            raise BadSample("text: has no tokens; expected at least one word")
        if len(ids) <= self.room:
            parts = [ids]
        elif self._settings.long == "chunk-mean":
            parts = np.array_split(ids, -(-len(ids) // self.room))
        else:
            right = self._settings.truncation == "right"
            parts = [ids[: self.room] if right else ids[-self.room :]]
        return tuple(self.frame.around(part) for part in parts)

    def batches(self, items: Sequence[Sequence[Window]], size: int) -> Iterator[Batch]:
        """Windows of about equal length, at most ``size`` and about ``BUDGET`` tokens together."""
        places = [(window, owner) for owner, item in enumerate(items) for window in item]
        places.sort(key=lambda place: len(place[0].ids))
        start = 0
        while start < len(places):
            stop = start + 1
            while (
                stop < len(places)
                and stop - start < size
                and (stop + 1 - start) * len(places[stop][0].ids) <= BUDGET
            ):
                stop += 1
            yield self._batch(places[start:stop])
            start = stop

    def merge(self, rows: FloatArray, item_index: npt.NDArray[np.intp], n: int) -> FloatArray:
        """The mean of each text's windows, which are of equal length."""
        merged = np.zeros((n, *rows.shape[1:]), np.float32)
        if len(rows) == n:
            merged[item_index] = rows
            return merged
        np.add.at(merged, item_index, rows)
        merged /= np.bincount(item_index, minlength=n).astype(np.float32)[:, None]
        return merged

    def _batch(self, places: Sequence[tuple[Window, int]]) -> Batch:
        """Windows padded at their right to the longest of them, or to ``max_length``."""
        lengths = np.array([len(window.ids) for window, _ in places])
        longest = self._settings.max_length if self._settings.pad else int(lengths.max())
        shape = (len(places), longest)
        ids, types = np.full(shape, self.pad_id, np.int64), np.zeros(shape, np.int64)
        for row, (window, _) in enumerate(places):
            ids[row, : lengths[row]] = window.ids
            types[row, : lengths[row]] = window.types
        mask = np.arange(longest) < lengths[:, None]
        feeds = {
            "input_ids": ids,
            "attention_mask": mask.astype(np.int64),
            "token_type_ids": types,
            "position_ids": np.tile(np.arange(longest, dtype=np.int64), (len(places), 1)),
        }
        if self._settings.layout == "N1L":
            feeds = {name: feed[:, None] for name, feed in feeds.items()}
        feeds |= {own: feeds[usual] for own, usual in self._settings.feeds}
        return Batch(feeds, np.array([owner for _, owner in places], np.intp), mask)


def open_tokenizer(path: Path | Blob) -> Any:
    """The tokenizer of a ``tokenizer.json``, with its padding and truncation turned off.

    Raises
    ------
    BadCard
        The file is not one that the library can read.
    MissingExtra
        The library is not installed.
    """
    tokenizers = require("tokenizers", extra="text")
    try:
        tokenizer = tokenizers.Tokenizer.from_buffer(to_blob(path).read())
    except Exception as error:  # the library raises nothing more exact
        raise BadCard(f"{path}: not a tokenizer.json: {error}") from error
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def _pad_id(tokenizer: Any) -> int:
    """A token to pad with; a mask hides it, or the tokens before it cannot see it."""
    names = ("[PAD]", "<pad>", "<|endoftext|>", "</s>")
    known = (tokenizer.token_to_id(name) for name in names)
    return next((id for id in known if id is not None), 0)


def _frame(tokenizer: Any) -> Frame:
    """What stands around a text, found by encoding one with it and without."""
    bare = tokenizer.encode("a", add_special_tokens=False)
    whole = tokenizer.encode("a")
    ids, types = np.array(whole.ids, np.int64), np.array(whole.type_ids, np.int64)
    n = len(bare.ids)
    starts = range(len(ids) - n + 1)
    start = next((i for i in starts if whole.ids[i : i + n] == bare.ids), 0)
    stop = start + n
    kind = int(types[start]) if n else 0
    return Frame(Window(ids[:start], types[:start]), Window(ids[stop:], types[stop:]), kind)
