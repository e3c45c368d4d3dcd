"""The predictors that are served, by name; those that share a backbone share one of it in memory."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass, replace
from threading import Lock
from typing import Any, cast

from featx._typing import FloatArray
from featx.backbones.backbone import Backbone
from featx.catalog import Card
from featx.embedding.joint_rows import InputPart, JointEmbedder
from featx.errors import BadOption, FeatxWarning
from featx.inputs.input import Input, is_joint
from featx.inputs.joint import open_joint
from featx.modalities import MeasuringReader, Reader
from featx.predictor import Predictor
from featx.server.errors import HTTPError
from featx.server.limits import Limits

__all__ = ["LimitedBackbone", "Registry", "ServedInput", "ServedPredictor", "Sureness"]

# Arguments of ``Predictor.with_abstention`` with their values, ordered by name.
Sureness = tuple[tuple[str, Any], ...]
# Predictors that are kept as requests want them, each of which may hold rows.
_MOST_VARIANTS = 16
# Samples that a worker takes at once: more would keep other requests waiting.
_MOST_AT_ONCE = 128
# Filters of warnings are those of the whole process.
_making = Lock()


@dataclass(frozen=True, slots=True, eq=False)
class LimitedBackbone:
    """A backbone whose reader refuses samples that are too large for a server."""

    backbone: Backbone
    reader: Reader

    @property
    def name(self) -> str:
        """The backbone's name."""
        return self.backbone.name

    @property
    def fingerprint(self) -> str:
        """The backbone's fingerprint: limits change no row."""
        return self.backbone.fingerprint

    @property
    def cache_key(self) -> str:
        """The backbone's key in the cache."""
        return self.backbone.cache_key

    @property
    def chunk_size(self) -> int:
        """Samples that a worker takes at once."""
        return min(_MOST_AT_ONCE, self.backbone.chunk_size)

    @property
    def batch_size(self) -> int:
        """Items of one pass of the graph."""
        return self.backbone.batch_size

    @property
    def dim(self) -> int:
        """Columns of a row."""
        return self.backbone.dim

    def embed_items(self, items: Sequence[Any], batch_size: int | None = None) -> FloatArray:
        """Return one row an item, in order: float32 of shape (n, dim)."""
        return self.backbone.embed_items(items, batch_size)


@dataclass(frozen=True, slots=True, eq=False)
class ServedInput:
    """The kind of sample of a predictor, with its backbone opened: a file, a text, or a record of columns.

    Attributes
    ----------
    name : str
    modality : str
        "image", "text" or "audio", or "record".
    card : Card or None
        Of the backbone; None of a record.
    backbone : LimitedBackbone or JointEmbedder
    columns : mapping of str to str
        Of a record, what each of its columns is: a kind of input by its name; else empty.
    """

    name: str
    modality: str
    card: Card | None
    backbone: LimitedBackbone | JointEmbedder
    columns: Mapping[str, str] = field(default_factory=dict)

    @property
    def string_is_sample(self) -> bool:
        """Tell whether a text is the sample itself, and not the name of one."""
        return self.card is not None and self.card.input.string_is_sample

    @property
    def is_record(self) -> bool:
        """Tell whether a sample is a value for each of several columns."""
        return self.card is None

    @property
    def label(self) -> str:
        """Return what makes its rows: the names of backbones, and of what is encoded."""
        return self.backbone.name

    @property
    def fingerprint(self) -> str:
        """Return the fingerprint of the rows."""
        return self.backbone.fingerprint

    def measured(self, sample: Any) -> list[tuple[MeasuringReader, Any]]:
        """Return the files of a sample whose size their headers say, each with its reader."""
        if isinstance(self.backbone, LimitedBackbone):
            reader = self.backbone.reader
            return [(reader, sample)] if isinstance(reader, MeasuringReader) else []
        return [
            (part.embedder.reader, value)
            for part in self.backbone.parts
            if isinstance(part.embedder.reader, MeasuringReader)
            for value in part.values_of(sample)
        ]


@dataclass(frozen=True, slots=True, eq=False)
class ServedPredictor:
    """A predictor under its name, with what it reads."""

    name: str
    predictor: Predictor
    input: ServedInput
    variants: dict[Sureness, Predictor] = field(default_factory=dict, repr=False)

    def careful(self, sureness: Sureness) -> Predictor:
        """Return the predictor as a request wants it; what is asked again is made once.

        Raises
        ------
        BadOption
            The predictor has not kept what that takes.
        """
        if not sureness:
            return self.predictor
        # Several threads ask: what one of them has found stays, whatever another forgets meanwhile.
        made = self.variants.get(sureness)
        if made is None:
            with _making, warnings.catch_warnings():
                # Sets that hold every class tell whoever asked for them.
                warnings.simplefilter("ignore", FeatxWarning)
                made = self.predictor.with_abstention(**dict(sureness))
                if len(self.variants) >= _MOST_VARIANTS:
                    self.variants.clear()
                self.variants[sureness] = made
        return made

    @property
    def classes(self) -> tuple[str, ...]:
        """The labels that it can give, sorted."""
        return self.predictor.head.classes


class Registry:
    """Predictors by name. Replacing one does not disturb requests that have chosen the old one already.

    Parameters
    ----------
    predictors : mapping of str to Predictor
        At least one.
    limits : Limits
        What is too large to be read.

    Raises
    ------
    BadOption
        There is no classifier.
    MissingWeights, WrongDigest
        A backbone is not on this machine.
    """

    def __init__(self, predictors: Mapping[str, Predictor], limits: Limits) -> None:
        if not predictors:
            raise BadOption("no classifier: expected at least one to serve")
        self._limits = limits
        self._served: dict[str, ServedPredictor] = {}
        for name, predictor in predictors.items():
            self.put(name, predictor)

    def __iter__(self) -> Iterator[ServedPredictor]:
        return iter(list(self._served.values()))

    def put(self, name: str, predictor: Predictor) -> None:
        """Serve a predictor under a name, from now on and in place of the one that had it before.

        Raises
        ------
        MissingWeights, WrongDigest
            Its backbone is not on this machine.
        """
        self._served[name] = ServedPredictor(name, predictor, self._input(predictor))

    def get(self, name: str) -> ServedPredictor:
        """Return the predictor of that name; raise HTTPError (404) where there is none."""
        if name not in self._served:
            known = ", ".join(sorted(self._served))
            raise HTTPError(404, "unknown_model", f"no model named {name!r}; served: {known}")
        return self._served[name]

    def choose(self, names: Sequence[str], kinds: Collection[str] = ()) -> list[ServedPredictor]:
        """Return the predictors of those names, or all; they read the same kind of sample.

        Where no name is given, ``kinds`` are those that the samples seem to be of: if it is one, and some
        predictors read it, it is they that are meant.

        Raises
        ------
        HTTPError
            A name is unknown (404), or the chosen ones read several kinds (422).
        """
        chosen = [self.get(name) for name in dict.fromkeys(names)] or list(self._served.values())
        if not names and len(kinds) == 1:
            chosen = [served for served in chosen if served.input.modality in kinds] or chosen
        if len(chosen) == 1:
            return chosen
        read = sorted({served.input.modality for served in chosen})
        records = {tuple(served.input.columns.items()) for served in chosen}
        if len(read) > 1 or len(records) > 1:
            raise HTTPError(
                422,
                "model_needed",
                f"model: the classifiers read {_all_read(read, records)}; name those that are meant: "
                f"{', '.join(served.name for served in chosen)}",
            )
        return chosen

    def columns_meant(self, names: Sequence[str]) -> Collection[str]:
        """Return the columns that the predictors of those names, or all, read; none where they differ."""
        named = [self._served[name] for name in names if name in self._served]
        read = [served.input.columns for served in named or self._served.values()]
        return read[0] if read and all(other == read[0] for other in read) else ()

    def _input(self, predictor: Predictor) -> ServedInput:
        """Return what a predictor reads, opened; what is served already is shared."""
        if not is_joint(predictor.inputs):
            [only] = predictor.inputs
            return ServedInput(only.name, only.kind, only.card, self._limited(predictor.open()))
        joint = open_joint(predictor.inputs, predictor.provider)
        parts = tuple(self._part(part) for part in joint.parts)
        return ServedInput(
            "record", "record", None, replace(joint, parts=parts), columns_of(predictor.inputs)
        )

    def _part(self, part: InputPart) -> InputPart:
        embedder = part.embedder
        return (
            replace(part, embedder=self._limited(embedder))
            if isinstance(embedder, Backbone)
            else part
        )

    def _limited(self, backbone: Backbone) -> LimitedBackbone:
        """Return a backbone within the limits, the one that is served already where there is one."""
        for served in self._served.values():
            own = served.input.backbone
            known = [own] if isinstance(own, LimitedBackbone) else [p.embedder for p in own.parts]
            for one in known:
                if isinstance(one, LimitedBackbone) and one.fingerprint == backbone.fingerprint:
                    return one
        return LimitedBackbone(backbone, _with_limits(backbone.reader, self._limits))


def columns_of(inputs: Sequence[Input]) -> dict[str, str]:
    """Return the columns that inputs read, each once, and what they are."""
    return {column: one.kind for one in inputs for column in one.columns}


def _all_read(modalities: Sequence[str], records: Collection[tuple[tuple[str, str], ...]]) -> str:
    """Return what several predictors read, in words."""
    if modalities == ["record"]:
        return "other columns (" + "; ".join(", ".join(dict(one)) for one in sorted(records)) + ")"
    return " and ".join(modalities)


def _with_limits(reader: Any, limits: Limits) -> Any:
    """Return a reader whose own limits, where it has any, are at most the server's."""
    if not is_dataclass(reader):
        return reader
    ceilings = {"max_pixels": limits.max_pixels, "max_seconds": limits.max_seconds}
    own = {one.name: getattr(reader, one.name) for one in fields(reader)}
    lowered = {
        name: ceiling if own[name] is None else min(own[name], ceiling)
        for name, ceiling in ceilings.items()
        if name in own
    }
    return replace(cast(Any, reader), **lowered)
