"""Comments: where each entry of a card comes from, written beside it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

__all__ = ["with_comments"]

_TABLE = re.compile(r"\[(?P<name>[^\[\]]+)\]")
_ENTRY = re.compile(r"(?P<key>[A-Za-z0-9_-]+) = ")
# Characters of a line with a list, and of a comment.
_LINE, _LONGEST = 110, 300


def with_comments(text: str, comments: Mapping[str, str]) -> str:
    """Return a card with a comment at the end of each line of which one is known; short lists take one line.

    Parameters
    ----------
    text : str
        TOML with one entry a line, but for lists that take several.
    comments : mapping of str to str
        What to write of an entry, by ``table.key``, or ``key`` above the tables.

    Examples
    --------
    >>> print(with_comments('[image]\\ncrop = 224\\n', {"image.crop": "default of CLIPImageProcessor"}), end="")
    [image]
    crop = 224  # default of CLIPImageProcessor
    """
    table, lines = "", []
    for line in _entries(text):
        if found := _TABLE.fullmatch(line):
            table = f"{found['name']}."
        entry = _ENTRY.match(line)
        comment = comments.get(table + entry["key"]) if entry else None
        if comment and "\n" in line:
            lines.append(f"# {_plain(comment)}")
        elif comment:
            line = f"{line}  # {_plain(comment)}"
        lines.append(line)
    return "".join(f"{line}\n" for line in lines)


def _entries(text: str) -> Iterator[str]:
    """Give each line, the lines of a list together, as one line where that is short."""
    held: list[str] = []
    for line in text.splitlines():
        held.append(line)
        opened = held[0].endswith("= [")
        if opened and line != "]":
            continue
        if opened:
            values = "".join(part.strip() + " " for part in held[1:-1]).rstrip(", ")
            short = f"{held[0]}{values}]"
            yield short if len(short) <= _LINE else "\n".join(held)
        else:
            yield line
        held = []
    yield from held


def _plain(comment: str) -> str:
    """Return a comment as one line that TOML takes, whatever a folder called its files."""
    text = comment.encode("utf-8", "replace").decode()
    return "".join(sign if sign.isprintable() else "?" for sign in text)[:_LONGEST]
