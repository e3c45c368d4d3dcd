"""Text settings: how any text becomes the tokens that a text card asks for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from featx.errors import BadCard
from featx.modalities import added_later, among, read_feeds, refuse_unknown
from featx.modalities.text.baseline import HashedWords
from featx.modalities.text.tokenizer import TokenReader
from featx.modalities.text.tokenizer_file import open_tokenizer
from featx.storage.blob import Blob

__all__ = ["TextSettings"]

FEEDS = ("input_ids", "attention_mask", "token_type_ids", "position_ids", "pooling_mask")

# tokens of a window
_MOST = 1 << 20

_TRUNCATIONS = ("right", "left")
_LONG = ("truncate", "chunk-mean")
_LAYOUTS = ("NL", "N1L")
_SIDES = ("right", "left")
# of a number that a graph takes
_LARGEST = 1 << 31


@dataclass(frozen=True, slots=True)
class TextSettings:
    """The ``[text]`` table of a card.

    A text is given ``prefix``, made into tokens as the tokenizer says (case and accents included)
    and, where it has more than ``max_length`` of them, cut or divided. What a tokenizer file says of
    padding and truncation is not used.
    """

    modality: ClassVar[str] = "text"
    baseline_name: ClassVar[str] = "hashed words"
    string_is_sample: ClassVar[bool] = True
    takes_segments: ClassVar[bool] = False
    suffixes: ClassVar[frozenset[str]] = frozenset({".txt"})

    # one of the card's files
    tokenizer: str = "tokenizer.json"
    # tokens, with those that the tokenizer puts around a text
    max_length: int = 512
    # the end of a long text that is cut off
    truncation: str = "right"
    # or chunk-mean: the mean row of windows of equal length
    long: str = "truncate"
    # what the model was trained to see before a text, such as "query: "
    prefix: str = ""
    # to max_length, for a graph that takes nothing else
    pad: bool = False
    # axes of the graph's inputs: samples and tokens
    layout: str = "NL"
    # the graph's name of an input, and the usual one
    feeds: tuple[tuple[str, str], ...] = ()
    # a longer text is refused; None: 10 million where it is divided into windows
    max_characters: int | None = added_later(None)
    # where short texts of a batch are filled up: decoders whose last token is read were trained with "left"
    padding_side: str = added_later("right")
    # the token that they are filled up with; None: the usual one of the tokenizer
    pad_id: int | None = added_later(None)
    # all letters are made small ones, before whatever the tokenizer does
    lowercase: bool = added_later(False)
    # the tokens of the prefix, and those before it, are read and not pooled
    mask_prefix: bool = added_later(False)
    # position_ids of the first token of a text: the pad token and one in RoBERTa and its like
    first_position: int = added_later(0)
    # the most letters that follow the tokens, of words that the vocabulary does not hold; 0: none
    letters: int = added_later(0)

    @classmethod
    def from_table(cls, table: Mapping[str, Any]) -> TextSettings:
        """Return the settings that a card's ``[text]`` table describes; raises BadCard."""
        refuse_unknown(cls, table)
        values = dict(table)
        if "feeds" in values:
            values["feeds"] = read_feeds("text", values["feeds"])
        texts = cls(**values)
        texts._check()
        return texts

    def _check(self) -> None:
        among("text", "truncation", self.truncation, _TRUNCATIONS)
        among("text", "long", self.long, _LONG)
        among("text", "layout", self.layout, _LAYOUTS)
        among("text", "padding_side", self.padding_side, _SIDES)
        for name in ("tokenizer", "prefix"):
            if not isinstance(getattr(self, name), str):
                raise BadCard(f"[text] {name} = {getattr(self, name)!r}: expected text")
        for name in ("pad", "lowercase", "mask_prefix"):
            if not isinstance(getattr(self, name), bool):
                raise BadCard(
                    f"[text] {name} = {getattr(self, name)!r:.100}: expected true or false"
                )
        self._check_numbers()
        for _, usual in self.feeds:
            among("text", "feeds", usual, FEEDS)
        if self.letters and (self.pad or self.letters > _MOST):
            raise BadCard(
                f"[text] letters = {self.letters}, pad = {self.pad!r}: expected at most {_MOST} letters, and "
                "no padding to max_length"
            )

    def _check_numbers(self) -> None:
        whole = isinstance(self.max_length, int) and not isinstance(self.max_length, bool)
        if not whole or not 1 <= self.max_length <= _MOST:
            raise BadCard(
                f"[text] max_length = {self.max_length!r:.100}: expected tokens, 1 or more, at most {_MOST}"
            )
        most = self.max_characters
        if most is not None and (not isinstance(most, int) or isinstance(most, bool) or most < 1):
            raise BadCard(f"[text] max_characters = {most!r:.100}: expected characters, 1 or more")
        for name in ("pad_id", "first_position", "letters"):
            number = getattr(self, name)
            if name == "pad_id" and number is None:
                continue
            whole = isinstance(number, int) and not isinstance(number, bool)
            if not whole or not 0 <= number < _LARGEST:
                raise BadCard(f"[text] {name} = {number!r:.100}: expected a number of 0 or more")

    def open(self, files: Mapping[str, Blob]) -> TokenReader:
        """Return a reader with the card's tokenizer.

        Raises
        ------
        BadCard
            The card has no such file, it is not a tokenizer, or ``max_length`` leaves no room.
        MissingExtra
            The library tokenizers is not installed.
        """
        if self.tokenizer not in files:
            raise BadCard(
                f'[text] tokenizer = {self.tokenizer!r}: the card has no [files."{self.tokenizer}"]'
            )
        tokenizer = open_tokenizer(files[self.tokenizer], lowercase=self.lowercase)
        return TokenReader(self, tokenizer)

    def canary(self) -> str:
        """Return a sentence with which Sentence Transformers introduces itself."""
        return "This is an example sentence"

    def probes(self) -> tuple[str, ...]:
        """Return the canary, a longer sentence, one of numbers and signs, and one word."""
        return (
            self.canary(),
            "the dog and the cat sat on a mat far away, while nobody had seen what they ran from",
            "On 24 May 1997, 3 of 14 (21.4 %) said: no!",
            "yes",
        )

    def baseline(self) -> HashedWords:
        """Return a reader that counts words in 1024 columns: what is known without a backbone."""
        return HashedWords()
