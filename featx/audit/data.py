"""What an audit looks at: the rows of samples, with what is known of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from featx._typing import FloatArray, Integers
from featx.embedding.embedder import ReaderEmbedder
from featx.embedding.engine import Engine
from featx.embedding.rows import Rows
from featx.errors import BadOption, check_iterable
from featx.inputs.scaling import InputBlock
from featx.modalities import Settings
from featx.modalities.facts import FactsReader, open_facts
from featx.sources import Sample
from featx.sources.segment import Segment
from featx.storage.blob import Blob

__all__ = ["AuditData", "Facts", "read_facts"]

# Which of several equal samples stays: one that is measured on goes before one that is trained on.
_PART_ORDER = {"test": 0, "val": 1, "train": 2, None: 3}


@dataclass(frozen=True, slots=True, eq=False)
class Facts:
    """The facts of samples that need no backbone.

    Attributes
    ----------
    numbers : mapping of str to ndarray of shape (n,), float32
    signatures : ndarray of shape (n, bits), float32
        -1 and 1.
    near_bits : int
        In how many bits nearly equal contents differ at most.
    suffixes : tuple of str
        The suffix of each sample's file; '' where there is none.
    """

    numbers: dict[str, FloatArray]
    signatures: FloatArray
    near_bits: int
    suffixes: tuple[str, ...]

    def take(self, indices: Integers) -> Facts:
        """Return the facts of some samples."""
        return Facts(
            {name: values[indices] for name, values in self.numbers.items()},
            self.signatures[indices],
            self.near_bits,
            tuple(self.suffixes[i] for i in indices),
        )


@dataclass(frozen=True, eq=False)
class AuditData:
    """The samples that could be read, in their order.

    Attributes
    ----------
    ids : tuple of str
    rows : ndarray of shape (n, dim), float32
    targets : tuple of str or None
        The text of each target.
    parts, groups : tuple of str or None
    digests : tuple of str
        '' where it is not known.
    facts : Facts or None
    blocks : tuple of InputBlock
        The columns of each input in joint rows of several; none of rows of one backbone.
    by_column : mapping of str to Facts
        Of records: the facts of the photo, text or sound of each column, the first where there are several.
    """

    ids: tuple[str, ...]
    rows: FloatArray
    targets: tuple[str | None, ...]
    parts: tuple[str | None, ...]
    groups: tuple[str | None, ...]
    digests: tuple[str, ...]
    facts: Facts | None = None
    blocks: tuple[InputBlock, ...] = ()
    by_column: Mapping[str, Facts] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.ids)

    @classmethod
    def of_rows(
        cls,
        rows: Rows,
        parts: Sequence[str | None] | None = None,
        groups: Sequence[str | None] | None = None,
        facts: Facts | None = None,
        blocks: Sequence[InputBlock] = (),
    ) -> AuditData:
        """Return rows with the part, the group and the facts of each; None where nothing is known."""
        nothing = (None,) * len(rows)
        for name, given in (("parts", parts), ("groups", groups)):
            if given is not None:
                check_iterable(name, given, "a text or None a row")
                if len(given) != len(rows):
                    raise BadOption(f"{name}: expected {len(rows)}, one a row; found {len(given)}")
        digests = rows.digests or ("",) * len(rows)
        return cls(
            rows.ids,
            rows.embeddings,
            rows.labels,
            nothing if parts is None else tuple(parts),
            nothing if groups is None else tuple(groups),
            digests,
            facts,
            tuple(blocks),
        )

    def take(self, indices: Integers) -> AuditData:
        """Return some of the samples, in the order of ``indices``."""
        some = {
            name: tuple(values[i] for i in indices)
            for name in ("ids", "targets", "parts", "groups", "digests")
            for values in (getattr(self, name),)
        }
        return replace(
            self,
            rows=self.rows[indices],
            facts=None if self.facts is None else self.facts.take(indices),
            by_column={name: facts.take(indices) for name, facts in self.by_column.items()},
            **some,
        )

    @cached_property
    def order(self) -> Integers:
        """The place of each sample among its copies: those to keep are first."""
        ranks = np.asarray([_PART_ORDER.get(part, 3) for part in self.parts], np.intp)
        order = np.lexsort((np.arange(len(self)), ranks))
        places = np.empty(len(self), np.intp)
        places[order] = np.arange(len(self))
        return places

    @cached_property
    def firsts(self) -> Integers:
        """The indices of samples whose content no sample before them in ``order`` has, ascending."""
        seen: set[str] = set()
        kept = []
        for i in np.argsort(self.order).tolist():
            digest = self.digests[i]
            if not digest or digest not in seen:
                kept.append(i)
                seen.add(digest)
        return np.sort(np.asarray(kept, np.intp))


def read_facts(samples: Sequence[Sample], settings: Settings, engine: Engine) -> Facts:
    """Return the facts of samples; NaN of those that cannot be read.

    Parameters
    ----------
    samples : sequence of n Sample
    settings : Settings
        How a card reads them.
    engine : Engine
    """
    reader = open_facts(settings)
    embedder = ReaderEmbedder(f"facts of {settings.modality}", reader, settings.canary())
    rows = engine.embed(samples, embedder)
    table = np.full((len(samples), embedder.dim), np.nan, np.float32)
    where = {sample.id: index for index, sample in enumerate(samples)}
    table[[where[name] for name in rows.ids]] = rows.embeddings
    return _facts(table, reader, samples)


def _facts(table: FloatArray, reader: FactsReader, samples: Sequence[Sample]) -> Facts:
    numbers = {name: table[:, column] for column, name in enumerate(reader.names)}
    suffixes = tuple(_suffix(sample.data) for sample in samples)
    return Facts(numbers, table[:, len(reader.names) :], reader.near_bits, suffixes)


def _suffix(data: Any) -> str:
    data = data.data if isinstance(data, Segment) else data
    return data.suffix if isinstance(data, Blob) else ""
