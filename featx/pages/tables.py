"""Tables of a page: with headers that say what they are of, numbers aligned, and wide ones that scroll."""

from __future__ import annotations

import math
from collections.abc import Sequence

from featx.pages.markup import Child, Markup, element, join

__all__ = ["Cell", "format_number", "html_table", "interval_mark", "matrix_table"]

Cell = str | float | Markup | None

# Characters of a cell whose words stay on one line.
_SHORT = 24
# Cells of a matrix have so many shades.
_LEVELS = 10


def format_number(value: float | None) -> str:
    """Return a number as tables show it: three decimals, fewer of a large one, "–" for none.

    >>> [format_number(value) for value in (0.5, 12, 12345.678, 0.00012345, None, float("nan"))]
    ['0.500', '12', '12,346', '0.000123', '–', '–']
    """
    if value is None or not math.isfinite(value):
        return "–"
    size = abs(value)
    if isinstance(value, int):
        return f"{value:,}"
    if size >= 1e12 or 0 < size < 0.001:
        return f"{value:.3g}"
    return f"{value:.3f}" if size < 100 else f"{value:.1f}" if size < 1000 else f"{value:,.0f}"


def html_table(
    caption: str, header: Sequence[str], rows: Sequence[Sequence[Cell]], *, most: int = 1000
) -> Markup:
    """Return a table whose first column names its rows; where it is too wide for a screen it scrolls.

    Parameters
    ----------
    caption : str
        What the table shows.
    header : sequence of str
    rows : sequence of sequences of str, number, Markup or None
        Numbers are aligned to the right.
    most : int, default=1000
        Rows that are shown; a last row says how many more there are.

    Examples
    --------
    >>> table = html_table("Scores", ["class", "F1"], [["<cat>", 0.5]]).html
    >>> '<th scope="row">&lt;cat&gt;</th><td class="n">0.500</td>' in table
    True
    """
    numeric = [
        bool(rows) and all(_is_number(row[column]) for row in rows) for column in range(len(header))
    ]
    heads = (
        element("th", {"scope": "col", "class": "n" if right else None}, name)
        for name, right in zip(header, numeric, strict=True)
    )
    body = [element("tr", {}, *map(_cell, row, range(len(row)))) for row in rows[:most]]
    if len(rows) > most:
        text = f"… and {len(rows) - most:,} more rows"
        body.append(element("tr", {}, element("td", {"colspan": len(header)}, text)))
    table = element(
        "table",
        {},
        element("caption", {}, element("span", {}, caption)),
        element("thead", {}, element("tr", {}, *heads)),
        element("tbody", {}, *body),
    )
    return _scrolling(caption, table)


def _is_number(cell: Cell) -> bool:
    return cell is None or isinstance(cell, (int, float))


def _cell(cell: Cell, column: int) -> Markup:
    number = _is_number(cell)
    inner: Child = format_number(cell) if number else cell  # type: ignore[arg-type, assignment]
    if column == 0:
        return element("th", {"scope": "row"}, inner)
    short = isinstance(cell, str) and len(cell) <= _SHORT
    return element("td", {"class": "n" if number else "s" if short else None}, inner)


def _scrolling(caption: str, table: Markup) -> Markup:
    """Return a table in a box that scrolls, which a keyboard can reach."""
    return element(
        "div", {"class": "wide", "role": "group", "tabindex": "0", "aria-label": caption}, table
    )


def matrix_table(
    caption: str, corner: str, names: Sequence[str], counts: Sequence[Sequence[int]]
) -> Markup:
    """Return counts by two kinds of the same names, darker where there are more of a row; 0 is empty.

    Parameters
    ----------
    corner : str
        What rows and columns are, such as "true, predicted".
    counts : sequence of sequences of int
        A row and a column a name.

    Examples
    --------
    >>> table = matrix_table("Confusion", "true, predicted", ["a", "b"], [[3, 1], [0, 2]]).html
    >>> '<td class="h8" title="a taken for a: 3 of 4">3</td>' in table
    True
    """
    heads = [element("th", {"scope": "col"}, name) for name in (corner, *names)]
    body = []
    for true, (name, row) in enumerate(zip(names, counts, strict=True)):
        total = sum(row)
        cells = [
            element(
                "td",
                {
                    "class": f"{'h' if true == column else 'w'}{_level(count, total)}",
                    "title": f"{name} taken for {other}: {count:,} of {total:,}",
                },
                f"{count:,}" if count else "",
            )
            for column, (other, count) in enumerate(zip(names, row, strict=True))
        ]
        body.append(element("tr", {}, element("th", {"scope": "row"}, name), *cells))
    table = element(
        "table",
        {"class": "matrix"},
        element("caption", {}, element("span", {}, caption)),
        element("thead", {}, element("tr", {}, *heads)),
        element("tbody", {}, *body),
    )
    return _scrolling(caption, table)


def _level(count: int, total: int) -> int:
    """Return the shade of a cell; any count has one."""
    return 0 if not count else max(1, round(_LEVELS * count / total))


def interval_mark(value: float, low: float, high: float, limits: tuple[float, float]) -> Markup:
    """Return a small drawing of a value within its interval, for a cell of a table.

    Parameters
    ----------
    limits : (float, float)
        The ends of what is drawn, the same in all rows.

    Examples
    --------
    >>> interval_mark(0.5, 0.4, 0.6, (0.0, 1.0)).html.count("<line")
    2
    """
    width, height = 120, 12
    start, stop = limits
    span = (stop - start) or 1.0

    def at(number: float) -> float:
        share = (number - start) / span if math.isfinite(number) else 0.0
        return round(2 + (width - 4) * min(1.0, max(0.0, share)), 1)

    said = f"{format_number(value)}, 95 % interval {format_number(low)} to {format_number(high)}"
    middle = height / 2
    parts = [
        element("line", {"class": "grid", "x1": 2, "x2": width - 2, "y1": middle, "y2": middle}),
        element(
            "line", {"class": "whisker", "x1": at(low), "x2": at(high), "y1": middle, "y2": middle}
        ),
        element("circle", {"class": "dot c0", "cx": at(value), "cy": middle, "r": 4}),
    ]
    return element(
        "svg",
        {
            "role": "img",
            "aria-label": said,
            "width": width,
            "height": height,
            "viewBox": f"0 0 {width} {height}",
        },
        join(parts),
    )
