"""Counts of tokens: what a text backbone sees of each text, for the usage that OpenAI's form asks for."""

from __future__ import annotations

from typing import Any

from featx.modalities.text.tokenizer import TokenReader

__all__ = ["CountingReader"]


class CountingReader:
    """A reader that remembers how many tokens each content had; everything else is the reader's own.

    Pictures and sounds have no tokens: their count is 0.
    """

    def __init__(self, reader: Any) -> None:
        self._reader = reader
        self._counts: dict[str, int] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reader, name)

    def read(self, content: Any) -> Any:
        """Return what the reader returns."""
        item = self._reader.read(content)
        if isinstance(self._reader, TokenReader) and isinstance(content, str):
            self._counts[content] = sum(len(window.ids) for window in item)
        return item

    def count(self, data: Any) -> int:
        """Return the number of tokens of a sample's data that was read."""
        return self._counts.get(data, 0) if isinstance(data, str) else 0
