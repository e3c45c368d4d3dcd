"""The inputs of a predictor as they were named: the column of each, its kind, and its backbone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from featx.errors import BadOption, wrong_type
from featx.modalities import MODALITIES
from featx.storage.blob import to_text

__all__ = ["INPUT_KINDS", "VALUE_KINDS", "InputSpec", "make_specs"]

VALUE_KINDS = ("number", "category", "date", "vector")
"""The kinds of inputs that an encoder reads; those of the others have a backbone."""
INPUT_KINDS = (*MODALITIES, *VALUE_KINDS)

# How many inputs there may be, and the most characters of a name, a column or a path.
_MOST = 1000
_LONGEST = 1000
_SHOWN = 60


@dataclass(frozen=True, slots=True)
class InputSpec:
    """One input: a column, or a pair of columns, and what it is.

    Records hold data by the names of columns, not of inputs: two inputs may read one column.

    Attributes
    ----------
    name : str
        That of its column ("photo"), in one line, of its columns with a comma ("a,b"), or, where another input
        reads the same, with the backbone behind it: "photo (mobilenetv2-12)".
    kind : str
        One of ``INPUT_KINDS``; of a pair that of both columns.
    columns : tuple of str
        One, or the two of a pair.
    backbone : str or None
        The name of the backbone; None is the one for such samples. None of a kind without backbones.
    rows : str or None
        Of a vector: the file or folder of rows whose ids stand in the column; None where its cells are lists.

    Examples
    --------
    >>> InputSpec.parse("photo:image:mobilenetv2-12")
    InputSpec(name='photo', kind='image', columns=('photo',), backbone='mobilenetv2-12', rows=None)
    >>> InputSpec.parse("size: cm:number").columns
    ('size: cm',)
    """

    name: str
    kind: str
    columns: tuple[str, ...]
    backbone: str | None = None
    rows: str | None = None

    @property
    def is_pair(self) -> bool:
        """Tell whether two columns are compared."""
        return len(self.columns) > 1

    @property
    def has_backbone(self) -> bool:
        """Tell whether a backbone reads it, and not an encoder of values."""
        return self.kind in MODALITIES

    @classmethod
    def of(cls, column: str, kind: str, detail: str | None = None) -> InputSpec:
        """Return the input of a column; ``detail`` is its backbone, or of a vector where its rows lie.

        Raises
        ------
        BadOption
            There is no such kind, it has no backbone, or the column has no name.
        """
        if not isinstance(column, str) or not isinstance(kind, str):
            raise wrong_type("inputs", column if isinstance(kind, str) else kind, "texts")
        if not column.strip():
            raise BadOption(f"input {column + ':' + kind!r:.60}: the column has no name")
        _check_length(column, "the name of a column")
        if kind not in INPUT_KINDS:
            raise BadOption(
                f"input {_show(column)}: no kind of input is named {_show(kind)}; expected one of "
                f"{', '.join(INPUT_KINDS)}"
            )
        name = _one_line(column)
        if not detail:
            return cls(name, kind, (column,))
        _check_length(detail, "what stands behind its kind")
        if kind == "vector":
            return cls(name, kind, (column,), rows=detail)
        if kind in VALUE_KINDS:
            raise BadOption(
                f"input {_show(column)}: a {kind} has no backbone; leave {_show(detail)} out"
            )
        return cls(name, kind, (column,), detail)

    @classmethod
    def parse(cls, text: str) -> InputSpec:
        """Return the input that a text names: COLUMN:KIND, or COLUMN:KIND:BACKBONE.

        A backbone may have another tap and pooling, as ``compare`` takes them: NAME@TAP:POOLING. The text is
        read from its end, so that a name of a column may hold colons: neither kinds nor names of backbones do.
        What stands behind the last ``:vector:`` is the path of the rows, colons and all.

        Raises
        ------
        BadOption
            The text names no input.
        """
        if not isinstance(text, str):
            raise wrong_type("inputs", text, "a text such as photo:image")
        parts = text.split(":")
        column, _, path = text.rpartition(":vector:")
        if column and path and (len(parts) < 3 or parts[-1] not in INPUT_KINDS):
            return cls.of(column, "vector", path)
        for place in range(len(parts) - 1, 0, -1):
            # A tap and its pooling stand behind an at sign: featx-image-nano@last-map:mean.
            ends = place >= len(parts) - 2 or "@" in parts[place + 1]
            if ends and parts[place] in INPUT_KINDS:
                return cls.of(
                    ":".join(parts[:place]), parts[place], ":".join(parts[place + 1 :]) or None
                )
        if len(parts) > 1:
            column, kind = ":".join(parts[:-1]), parts[-1]
            found = f"; {_show(kind)} is no kind" if kind.strip() else ""
        else:
            column, found = text, ""
        raise BadOption(
            f"input {_show(text)}: expected COLUMN:KIND, such as "
            f"{_one_line(column)[:_SHOWN] or 'photo'}:image, with one of the kinds "
            f"{', '.join(INPUT_KINDS)}{found}"
        )

    def to_text(self) -> str:
        """Return the text that ``parse`` reads: ``photo:image``."""
        detail = self.rows or self.backbone
        return ":".join([",".join(self.columns), self.kind, *([detail] if detail else [])])


def make_specs(
    inputs: Mapping[str, Any] | Iterable[Any], pairs: Iterable[Sequence[str]] = ()
) -> tuple[InputSpec, ...]:
    """Return the inputs of a predictor, whose names differ.

    Parameters
    ----------
    inputs : mapping of str to str, or iterable of str or InputSpec
        A kind by the name of a column, "image" or "image:mobilenetv2-12", or several in a list; or texts such
        as "photo:image".
    pairs : iterable of pairs of str, default=()
        Columns that are compared: each is an input of its own kind, and both become one input.

    Raises
    ------
    BadOption
        An input makes no sense, two are the same, or a pair has not two columns of one kind.

    Examples
    --------
    >>> [spec.name for spec in make_specs(["photo:image", "photo:image:mobilenetv2-12", "price:number"])]
    ['photo', 'photo (mobilenetv2-12)', 'price']
    >>> make_specs({"a": "text", "b": "text"}, [("a", "b")])[0].columns
    ('a', 'b')
    """
    specs = _paired(_given(inputs), pairs)
    if not specs:
        raise BadOption("inputs: expected at least one, such as {'photo': 'image'}")
    if len(specs) > _MOST:
        raise BadOption(f"inputs: {len(specs)}, expected at most {_MOST}")
    seen: Counter[tuple[Any, ...]] = Counter(
        (spec.columns, spec.kind, spec.backbone, spec.rows) for spec in specs
    )
    [(twice, times)] = seen.most_common(1)
    if times > 1:
        raise BadOption(f"input {_show(','.join(twice[0]))}: is there {times} times; say it once")
    return _named(specs)


def _given(inputs: Mapping[str, Any] | Iterable[Any]) -> list[InputSpec]:
    if isinstance(inputs, str | bytes):
        raise wrong_type("inputs", inputs, "a kind by the name of each column")
    if isinstance(inputs, Mapping):
        return [
            _of_pair(column, said)
            for column, several in inputs.items()
            for said in ([several] if isinstance(several, str) else _listed(several))
        ]
    if not isinstance(inputs, Iterable):
        raise wrong_type("inputs", inputs, "a kind by the name of each column")
    return [one if isinstance(one, InputSpec) else InputSpec.parse(one) for one in inputs]


def _listed(several: Any) -> list[Any]:
    if isinstance(several, list | tuple) and several:
        return list(several)
    raise wrong_type("inputs", several, "a kind such as 'image', or a list of them")


def _of_pair(column: Any, said: Any) -> InputSpec:
    if not isinstance(said, str):
        raise wrong_type("inputs", said, "a kind such as 'image' or 'image:mobilenetv2-12'")
    kind, _, detail = said.partition(":")
    return InputSpec.of(column, kind, detail or None)


def _paired(specs: Sequence[InputSpec], pairs: Iterable[Sequence[str]]) -> list[InputSpec]:
    """Return the inputs with each pair at the place of its first column."""
    result = list(specs)
    for pair in pairs:
        if isinstance(pair, str) or len(pair) != 2 or pair[0] == pair[1]:
            raise BadOption(f"pair {pair!r:.60}: expected the names of two columns")
        members = []
        for column in pair:
            found = [spec for spec in result if spec.columns == (column,)]
            if len(found) != 1:
                held = "is no input" if not found else f"is {len(found)} inputs"
                raise BadOption(
                    f"pair {','.join(pair)!r:.60}: the column {_show(column)} {held}; expected one, such as "
                    f"{_one_line(column)[:_SHOWN]}:text"
                )
            members += found
        first, second = members
        if not first.has_backbone or (first.kind, first.backbone) != (second.kind, second.backbone):
            raise BadOption(
                f"pair {','.join(pair)!r:.60}: {_show(first.to_text())} and {_show(second.to_text())} "
                f"cannot be compared; expected two of {', '.join(MODALITIES)}, of one kind and backbone"
            )
        place = min(result.index(first), result.index(second))
        both = replace(first, name=",".join(pair), columns=tuple(pair))
        result = [one for one in result if one not in members]
        result.insert(place, both)
    return result


def _named(specs: Sequence[InputSpec]) -> tuple[InputSpec, ...]:
    """Return the inputs with names that differ."""
    taken: set[str] = set()
    named = []
    for spec in specs:
        plain = ",".join(map(_one_line, spec.columns))
        name = plain
        if name in taken:
            name = f"{plain} ({_one_line(spec.backbone or spec.rows or spec.kind)})"
        number = 2
        while name in taken:
            name, number = f"{plain} ({number})", number + 1
        taken.add(name)
        named.append(replace(spec, name=name))
    return tuple(named)


def _one_line(column: str) -> str:
    """Return the name of a column as messages and reports show it: spreadsheets have names of several lines."""
    text = " ".join(to_text(column).split())
    return text if text.isprintable() else repr(text)[1:-1]


def _check_length(text: str, what: str) -> None:
    if len(text) > _LONGEST:
        raise BadOption(
            f"input {_show(text)}: {len(text):,} characters for {what}; expected at most {_LONGEST:,}"
        )


def _show(text: str) -> str:
    return repr(to_text(text)[:_SHOWN])
