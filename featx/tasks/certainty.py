"""What is known of an answer: the set that covers the truth, whether it is given, whether its sample is new."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["UNSURE", "Certainty", "join_labels"]

# What stands in place of a label that is not given.
UNSURE = "unsure"


@dataclass(frozen=True, slots=True)
class Certainty:
    """The certainty of the answer to one sample; None stands for what was not asked.

    Attributes
    ----------
    set : tuple of str or None
        The labels that it may be, the most probable first: together they cover the truth with the chance that
        was asked for. Of several labels those that are not excluded.
    unsure : tuple of str or None
        Of several labels those of which it is not known whether the sample has them.
    answered : bool or None
        Whether an answer is given.
    novelty : float or None
        The chance that a sample like those of the training would be as far from them; small is new.
    novel : bool or None
        Whether that is at most the level that was asked for.
    probability : float or None
        The probability of the only class in the set.

    Examples
    --------
    >>> Certainty(set=("cat", "dog"), answered=False).to_dict()
    {'set': ['cat', 'dog'], 'answered': False}
    """

    set: tuple[str, ...] | None = None
    unsure: tuple[str, ...] | None = None
    answered: bool | None = None
    novelty: float | None = None
    novel: bool | None = None
    probability: float | None = None

    def to_dict(self, digits: int | None = None) -> dict[str, Any]:
        """Return what is known as JSON values; numbers rounded to ``digits``."""
        novelty = self.novelty
        if novelty is not None and digits is not None:
            novelty = round(novelty, digits)
        values = {
            "set": None if self.set is None else list(self.set),
            "unsure": None if self.unsure is None else list(self.unsure),
            "answered": self.answered,
            "novelty": novelty,
            "novel": self.novel,
        }
        return {key: value for key, value in values.items() if value is not None}

    def to_cells(self) -> dict[str, str | float | bool]:
        """Return what is known as cells of a table; sets of labels as one text."""
        return {
            key: join_labels(value) if isinstance(value, list) else value
            for key, value in self.to_dict(digits=6).items()
        }


def join_labels(labels: Sequence[str]) -> str:
    """Return labels with ";" between them, or as a JSON list where a label has one.

    >>> join_labels(["a", "b"]), join_labels(["a;b"])
    ('a;b', '["a;b"]')
    """
    plain = not any(";" in label for label in labels)
    return ";".join(labels) if plain else json.dumps(list(labels), ensure_ascii=False)
