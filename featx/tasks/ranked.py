"""Labels with their probabilities, the most probable first, as JSON and as columns of a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

__all__ = ["probability_cells", "probability_column", "ranked_labels"]

Ranked = Sequence[tuple[str, float]]


def ranked_labels(top: Ranked, digits: int | None = None) -> list[dict[str, Any]]:
    """Return labels and probabilities as JSON values; numbers rounded to ``digits``.

    >>> ranked_labels([("cat", 0.75)])
    [{'label': 'cat', 'probability': 0.75}]
    """
    return [
        {"label": label, "probability": share if digits is None else round(share, digits)}
        for label, share in top
    ]


def probability_column(label: str) -> str:
    """Return the name of the column of a label's probability: it never has the name of another column.

    >>> probability_column("id")
    'probability_id'
    """
    return f"probability_{label}"


def probability_cells(top: Ranked) -> dict[str, str | float | bool]:
    """Return the probability of each label by its column; numbers have six digits.

    >>> probability_cells([("cat", 0.75)])
    {'probability_cat': 0.75}
    """
    return {probability_column(label): round(share, 6) for label, share in top}
