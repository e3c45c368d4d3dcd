"""Results as aligned text for terminals and as HTML for notebooks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["TextTable", "html_page"]


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
        table = [self.header, *self.rows]
        widths = [max(len(row[i]) for row in table) for i in range(len(self.header))]
        return "\n".join(
            "  ".join(
                cell.ljust(width) if i == 0 else cell.rjust(width)
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
