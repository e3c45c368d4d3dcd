"""Explanations of answers: a score, and what each place of the sample adds to it or takes from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Self

from featx._display import TextTable, html_page
from featx._extras import require
from featx.metrics.report import reading_report

if TYPE_CHECKING:
    from featx.tasks import Prediction

__all__ = ["Explanation", "InputShare", "KeptPrediction", "Neighbour", "ScorePart"]

# Parts of the table in a notebook.
_SHOWN = 10


@dataclass(frozen=True, slots=True)
class ScorePart:
    """One place of a sample, and what it adds to the score.

    Attributes
    ----------
    value : float
        Below 0 it speaks against the answer.
    place : tuple of float, or None
        Of a picture left, top, right and bottom in pixels of the picture turned upright; of a text the first
        character and the one behind the last; of a sound start and end in seconds. None is what the sample
        does not show, such as the tokens that stand around a text.
    name : str or None
        What it is, where it is no place: one of several inputs, or within one a column or a photo of several.

    Examples
    --------
    >>> ScorePart(0.5, (0, 4)).to_dict()
    {'value': 0.5, 'place': [0, 4]}
    """

    value: float
    place: tuple[float, ...] | None
    name: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the value and the place, or the name of what has none, as JSON values."""
        if self.name is not None:
            return {"value": self.value, "name": self.name}
        return {"value": self.value, "place": None if self.place is None else list(self.place)}

    def rounded_dict(self, digits: int | None = None) -> dict[str, Any]:
        """Return ``to_dict`` with numbers rounded to so many significant digits."""
        table = self.to_dict() | {"value": _rounded(self.value, digits)}
        if self.place is not None:
            table["place"] = [_rounded(x, digits) for x in self.place]
        return table

    @classmethod
    def from_dict(cls, table: Mapping[str, Any]) -> Self:
        """Return the part that ``to_dict`` gave."""
        name = table.get("name")
        place = _read_place(table["place"]) if name is None else None
        return cls(float(table["value"]), place, None if name is None else str(name))


@dataclass(frozen=True, slots=True)
class InputShare:
    """One of several inputs, what it adds to the score, and where that is known what of it does.

    Attributes
    ----------
    name : str
    kind : str
        One of ``featx.inputs.spec.INPUT_KINDS``.
    value : float
        Below 0 it speaks against the answer.
    parts : tuple of ScorePart, default=()
        Places of its photo, text or sound, columns of its encoder, or the photos of a list: they add up to
        ``value``. Of a pair how far both differ, and what they share. () where it is not taken apart.
    extent : tuple of float, default=()
        The size of its photo, text or sound, where ``parts`` are places.
    reason : str, default=""
        Why ``parts`` are no places, where they could be.

    Examples
    --------
    >>> InputShare("price", "number", -0.5).to_dict()
    {'name': 'price', 'kind': 'number', 'value': -0.5}
    """

    name: str
    kind: str
    value: float
    parts: tuple[ScorePart, ...] = ()
    extent: tuple[float, ...] = ()
    reason: str = ""

    @property
    def places(self) -> list[tuple[tuple[float, ...] | None, float]]:
        """The places with what each adds, as they are drawn; none where its parts are none."""
        return [(one.place, one.value) for one in self.parts if one.name is None]

    def to_dict(self, digits: int | None = None) -> dict[str, Any]:
        """Return everything as JSON values; numbers rounded to so many significant digits."""
        table: dict[str, Any] = {
            "name": self.name,
            "kind": self.kind,
            "value": _rounded(self.value, digits),
        }
        if self.parts:
            table["parts"] = [one.rounded_dict(digits) for one in self.parts]
        if self.extent:
            table["extent"] = list(self.extent)
        return {**table, "reason": self.reason} if self.reason else table

    @classmethod
    def from_dict(cls, table: Mapping[str, Any]) -> Self:
        """Return what ``to_dict`` gave."""
        return cls(
            str(table["name"]),
            str(table["kind"]),
            float(table["value"]),
            tuple(map(ScorePart.from_dict, table.get("parts", ()))),
            tuple(map(float, table.get("extent", ()))),
            str(table.get("reason", "")),
        )


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A training sample near a sample.

    Attributes
    ----------
    id : str
    target : str
        Its label, labels or number, as text.
    distance : float
        Of the rows: 0 for the same direction, 1 for a right angle.

    Examples
    --------
    >>> Neighbour("a.jpg", "cat", 0.25).to_dict()
    {'id': 'a.jpg', 'target': 'cat', 'distance': 0.25}
    """

    id: str
    target: str
    distance: float

    def to_dict(self) -> dict[str, Any]:
        """Return id, target and distance as JSON values."""
        return {"id": self.id, "target": self.target, "distance": self.distance}


@dataclass(frozen=True, slots=True)
class KeptPrediction:
    """A prediction as an explanation in JSON keeps it; it fulfils ``featx.tasks.Prediction``.

    Attributes
    ----------
    id : str
    table : mapping of str to object
        What the prediction's ``to_dict`` gave.
    """

    id: str
    table: Mapping[str, Any]

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels that the sample was given."""
        given = self.table.get("labels", self.table.get("label"))
        return (given,) if isinstance(given, str) else tuple(given or ())

    @property
    def certainty(self) -> None:
        """None: what was asked of sets and of what is new stands in the table."""

    def to_dict(self, digits: int | None = None) -> dict[str, Any]:
        """Return what was kept, rounded as it was then."""
        return dict(self.table)

    def to_cells(self) -> dict[str, str | float]:
        """Return the id and what was kept in single cells."""
        plain = {k: v for k, v in self.table.items() if isinstance(v, str | float)}
        return {"id": self.id, **plain}


@dataclass(frozen=True, slots=True, eq=False)
class Explanation:
    """An account of what the places of a sample add to the score of an answer.

    Attributes
    ----------
    id : str
    modality : str
    method : {"exact", "occlusion"}
        With "exact" ``bias`` and the values of ``parts`` add up to ``score``. With "occlusion" a value is what
        the score loses where the place is hidden, and nothing adds up.
    target : str
        The class, label or number that the score is of.
    against : str or None
        The class from whose score that of ``target`` differs by ``score``; None where it is a score by itself.
    score : float
        What the head gives before it is calibrated; of a number the number itself, or its logarithm where the
        head was trained on logarithms.
    bias : float or None
        The score without the sample: that of the mean training row, where the head knows it. None with
        "occlusion".
    parts : tuple of ScorePart
    extent : tuple of float
        Width and height of the picture turned upright, characters of the text, or seconds of the sound.
    prediction : Prediction
        What the predictor says of the sample.
    reason : str
        Why there is no exact sum; '' where there is one.
    neighbours : tuple of Neighbour
        The nearest training samples, where they were asked for.
    inputs : tuple of InputShare
        Of a predictor of several inputs: ``parts`` are then these, each as a whole, of the modality "record".

    Examples
    --------
    >>> from featx import LabelPrediction
    >>> prediction = LabelPrediction("a", "cat", 0.75, (("cat", 0.75),))
    >>> parts = (ScorePart(1.5, (0, 4)), ScorePart(-0.5, (5, 8)))
    >>> found = Explanation("a", "text", "exact", "cat", "dog", 1.2, 0.2, parts, (8,), prediction)
    >>> found.positive, found.negative, found.total
    (1.5, -0.5, 1.2)
    """

    id: str
    modality: str
    method: Literal["exact", "occlusion"]
    target: str
    against: str | None
    score: float
    bias: float | None
    parts: tuple[ScorePart, ...]
    extent: tuple[float, ...]
    prediction: Prediction
    reason: str = ""
    neighbours: tuple[Neighbour, ...] = ()
    inputs: tuple[InputShare, ...] = ()

    @property
    def positive(self) -> float:
        """The sum of the parts that speak for the answer."""
        return sum(part.value for part in self.parts if part.value > 0)

    @property
    def negative(self) -> float:
        """The sum of the parts that speak against the answer."""
        return sum(part.value for part in self.parts if part.value < 0)

    @property
    def total(self) -> float | None:
        """The bias and all parts together, which is the score but for rounding; None with occlusion."""
        return None if self.bias is None else self.bias + self.positive + self.negative

    @property
    def heading(self) -> str:
        """The target of the score, with what it is compared with where there is that."""
        return self.target if self.against is None else f"{self.target}, not {self.against}"

    def ranked(self) -> Sequence[ScorePart]:
        """Return the parts, those with the largest values first, whichever way they speak."""
        return sorted(self.parts, key=lambda part: -abs(part.value))

    @property
    def places(self) -> list[tuple[tuple[float, ...] | None, float]]:
        """The places with what each adds to the score, as they are drawn."""
        return [(part.place, part.value) for part in self.parts]

    def to_dict(self, digits: int | None = None) -> dict[str, Any]:
        """Return everything as JSON values; numbers rounded to so many significant digits."""
        table: dict[str, Any] = {
            "id": self.id,
            "modality": self.modality,
            "method": self.method,
            "target": self.target,
            "against": self.against,
            "score": _rounded(self.score, digits),
            "bias": None if self.bias is None else _rounded(self.bias, digits),
            "positive": _rounded(self.positive, digits),
            "negative": _rounded(self.negative, digits),
            "extent": list(self.extent),
            "parts": [part.rounded_dict(digits) for part in self.parts],
            "prediction": self.prediction.to_dict(digits),
        }
        if self.reason:
            table["reason"] = self.reason
        if self.neighbours:
            table["neighbours"] = [one.to_dict() for one in self.neighbours]
        if self.inputs:
            table["inputs"] = [one.to_dict(digits) for one in self.inputs]
        return table

    @classmethod
    def from_dict(cls, table: Mapping[str, Any]) -> Self:
        """Return the explanation that ``to_dict`` gave; its prediction says what it said.

        Raises
        ------
        BadLabels
            The table is something else.
        """
        with reading_report("explanation"):
            if table["method"] not in ("exact", "occlusion"):
                raise ValueError(f"method {table['method']!r:.60}")
            bias, against = table["bias"], table["against"]
            return cls(
                str(table["id"]),
                str(table["modality"]),
                table["method"],
                str(table["target"]),
                None if against is None else str(against),
                float(table["score"]),
                None if bias is None else float(bias),
                tuple(map(ScorePart.from_dict, table["parts"])),
                tuple(map(float, table["extent"])),
                KeptPrediction(str(table["id"]), dict(table["prediction"])),
                str(table.get("reason", "")),
                tuple(
                    Neighbour(str(one["id"]), str(one["target"]), float(one["distance"]))
                    for one in table.get("neighbours", ())
                ),
                tuple(map(InputShare.from_dict, table.get("inputs", ()))),
            )

    def to_frame(self) -> Any:
        """Return the parts as a pandas DataFrame, a row a place; of several inputs with the input of each.

        Raises
        ------
        MissingExtra
            pandas is not installed.
        """
        pandas = require("pandas")
        if self.inputs:
            table = [
                {"input": one.name, "name": part.name, "place": part.place, "value": part.value}
                for one in self.inputs
                for part in one.parts or (ScorePart(one.value, None),)
            ]
            return pandas.DataFrame(table, columns=["input", "name", "place", "value"])
        rows = [{"place": part.place, "value": part.value} for part in self.parts]
        return pandas.DataFrame(rows, columns=["place", "value"])

    def to_inner_dict(self, digits: int | None = None) -> dict[str, Any]:
        """Return ``to_dict`` without the id and the prediction, to stand within the prediction."""
        table = self.to_dict(digits)
        return {key: value for key, value in table.items() if key not in ("id", "prediction")}

    def __repr__(self) -> str:
        return f"Explanation({self.id!r}, {self.heading!r}, {self.score:.4g}, {self.method})"

    def _repr_html_(self) -> str:
        rows = [
            (
                part.name or "" if part.place is None else ", ".join(f"{x:g}" for x in part.place),
                f"{part.value:.4g}",
            )
            for part in self.ranked()[:_SHOWN]
        ]
        words = f"{self.id}: {self.heading}, score {self.score:.4g}"
        return html_page([words, TextTable(("input" if self.inputs else "place", "adds"), rows)])


def _rounded(number: float, digits: int | None) -> float:
    return number if digits is None else float(f"{number:.{digits}g}")


def _read_place(place: Any) -> tuple[float, ...] | None:
    return None if place is None else tuple(map(float, place))
