"""Texts as explanations show them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from featx.modalities import Occlusions, PlaceValue
from featx.modalities.text.marks import mark_words, word_values
from featx.modalities.text.occlusion import hide_words
from featx.modalities.text.tokenizer import TokenReader
from featx.pages.document import Page, PageSection
from featx.pages.markup import Markup

__all__ = ["ShownTexts"]


class ShownTexts:
    """Texts with words left out, or marked.

    Parameters
    ----------
    reader : TokenReader
    """

    most_places: ClassVar[int] = 64

    def __init__(self, reader: TokenReader) -> None:
        self._reader = reader

    def occlusions(self, content: str, n: int) -> Occlusions:
        """Return a text with its words left out, one after the other, or a few at a time."""
        return hide_words(content, n, self._reader.read)

    def name_places(
        self, content: str, places: Sequence[PlaceValue]
    ) -> Sequence[tuple[str, float]]:
        """Return words, each of all its tokens, and what stands around the text."""
        outside = [("around the text", value) for place, value in places if place is None]
        words = word_values(content, places)
        return [(content[start:stop], value) for start, stop, value in words] + outside

    def draw(
        self, content: str, places: Sequence[PlaceValue], extent: tuple[float, ...], title: str
    ) -> Markup:
        """Return the text with its words marked."""
        return mark_words(content, places)

    def draw_file(
        self, content: str, places: Sequence[PlaceValue], extent: tuple[float, ...], title: str
    ) -> tuple[bytes, str]:
        """Return a page of the text with its words marked."""
        page = Page(title, [], [PageSection("Words", [mark_words(content, places)])])
        return page.to_html().encode(), ".html"
