"""Results as aligned text for terminals and as HTML for notebooks, and commands as one types them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = [
    "TextTable",
    "display_width",
    "html_page",
    "one_line",
    "pad",
    "plain_line",
    "shell_command",
]

# Characters of a line and of a cell of a table that are shown: a label may be a megabyte.
_LINE, _CELL = 4000, 200

_JOINER = "\u200d"


def display_width(text: str) -> int:
    """Return how many cells of a terminal a text takes: two for each wide letter, none for an accent.

    >>> [display_width(text) for text in ("cat", "猫", "e\u0301", "\U0001f469\u200d\U0001f52c")]
    [3, 2, 1, 2]
    """
    if text.isascii():
        return len(text)
    # It takes a millisecond to import, which plain names need not wait for.
    import unicodedata

    width, joined = 0, False
    for letter in text:
        # What is joined to an emoji is drawn in its place.
        if not joined and unicodedata.category(letter) not in ("Mn", "Me", "Cf"):
            width += 2 if unicodedata.east_asian_width(letter) in "WF" else 1
        joined = letter == _JOINER
    return width


def one_line(text: str) -> str:
    r"""Return a text with its control characters written out: they would break a table, or steer a terminal.

    >>> print(one_line("two\nlines, \x1b[31mred"))
    two\nlines, \x1b[31mred
    """
    if text.isprintable():
        return text
    controls = (letter for letter in set(text) if letter < " " or "\x7f" <= letter < "\xa0")
    return text.translate({ord(letter): repr(letter)[1:-1] for letter in controls})


def plain_line(text: str, most: int = _LINE) -> str:
    """Return what is shown of a stored text: one line without control characters, cut where it is very long.

    >>> plain_line("a label", 3), plain_line("no cut")
    ('a l… (7 characters)', 'no cut')
    """
    cut = text if len(text) <= most else f"{text[:most]}… ({len(text):,} characters)"
    return one_line(cut)


def pad(text: str, width: int, *, right: bool = False) -> str:
    """Return a text with spaces up to so many cells of a terminal, before it where it is aligned to the right.

    >>> pad("猫", 4) + "|"
    '猫  |'
    """
    spaces = " " * (width - display_width(text))
    return spaces + text if right else text + spaces


def shell_command(*words: object) -> str:
    """Return a command as one types it: words in quotes where a shell needs them.

    >>> shell_command("featx", "predict", "my flowers.featx", "-odd.jpg")
    "featx predict 'my flowers.featx' ./-odd.jpg"
    """
    import shlex

    texts = map(str, words)
    # A name that begins like an option; a lone - is standard input.
    return shlex.join(
        f"./{text}" if text[:1] == "-" and text[:2] != "--" and text != "-" else text
        for text in texts
    )


@dataclass(frozen=True, slots=True)
class TextTable:
    """A table of texts whose first column is aligned to the left and all others to the right.

    Examples
    --------
    >>> print(TextTable(("class", "F1"), (("cat", "0.500"),)).to_text())
    class     F1
    cat    0.500
    """

    header: Sequence[str]
    rows: Sequence[Sequence[str]]

    def to_text(self) -> str:
        """Return the table as lines; columns are two spaces apart."""
        table = [[plain_line(cell, _CELL) for cell in row] for row in (self.header, *self.rows)]
        widths = [max(display_width(row[i]) for row in table) for i in range(len(self.header))]
        return "\n".join(
            "  ".join(
                pad(cell, width, right=i > 0)
                for i, (cell, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in table
        )

    def to_html(self) -> str:
        """Return the table as an HTML element."""
        # imported here: a start need not wait for the names of HTML's characters
        from html import escape

        head = "".join(f"<th>{escape(cell)}</th>" for cell in self.header)
        body = "".join(
            "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>"
            for row in self.rows
        )
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def html_page(parts: Sequence[str | TextTable]) -> str:
    """Return paragraphs and tables as one HTML element."""
    from html import escape

    inner = "".join(
        part.to_html() if isinstance(part, TextTable) else f"<p>{escape(part)}</p>"
        for part in parts
        if part
    )
    return f"<div>{inner}</div>"
