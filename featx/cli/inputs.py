"""The samples of a command: those of standard input as they come, all others known before the work."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING

from featx.cli.options import RunChoice
from featx.cli.sample_reader import SampleReader

if TYPE_CHECKING:
    from featx.embedding.engine import Engine
    from featx.inputs.reading import RecordStream
    from featx.sources import Readable, Sample
    from featx.sources.standard_input import StandardInput

__all__ = ["Inputs"]


@dataclass(frozen=True, slots=True)
class Inputs:
    """The samples of several sources, in order; those of standard input are taken as they come."""

    parts: tuple[list[Sample] | StandardInput | RecordStream, ...]
    readable: Readable

    @classmethod
    def read(
        cls,
        sources: tuple[str, ...],
        reader: SampleReader,
        keep: tuple[str, ...],
        *,
        split: str | None = None,
        skip: bool = False,
    ) -> Inputs:
        """Read every source but standard input, so that one that makes no sense is refused before the work.

        ``keep`` are the columns that go along into the output; with ``skip`` rows that make no sense are
        samples that cannot be read.
        """
        parts = [
            reader.standard_input(keep, skip=skip)
            if source == "-"
            else reader.read(source, split=split, keep=keep, skip=skip)
            for source in sources
        ]
        return cls(tuple(parts), reader.readable)

    @property
    def known(self) -> Iterator[Sample]:
        """The samples that are not on standard input."""
        return chain.from_iterable(part for part in self.parts if isinstance(part, list))

    @property
    def types(self) -> dict[str, type]:
        """The columns that the samples carry, and the types of their values."""
        from featx.sources.kept import column_types

        types: dict[str, type] = {}
        for part in self.parts:
            if isinstance(part, list):
                found = column_types(part)
            else:
                found = dict.fromkeys(part.kept(self.readable), str)
            # Columns of one name and two types go together as texts.
            types |= {k: v if types.get(k, v) is v else str for k, v in found.items()}
        return types

    @property
    def total(self) -> int | None:
        """The number of samples; None where it is not known yet."""
        lengths = [len(part) for part in self.parts if isinstance(part, list)]
        return sum(lengths) if len(lengths) == len(self.parts) else None

    def batches(self) -> Iterator[list[Sample]]:
        """Give the samples in batches, as they come; an id that another source had is numbered."""
        from featx.sources.sample import IdNumbering

        # The ids of one source differ already.
        rename = IdNumbering().rename if len(self.parts) > 1 else None
        for part in self.parts:
            batches = [part] if isinstance(part, list) else part.batches(self.readable)
            for batch in batches:
                yield list(map(rename, batch)) if rename else batch

    @contextmanager
    def engine(self, run: RunChoice, description: str, *, quiet: bool) -> Iterator[Engine]:
        """Give an engine with one cache for all batches; ``quiet``: no bar between the lines of a stream."""
        streams = self.total is None
        with run.engine(1 if streams and quiet else self.total, description) as engine:
            if not (streams and run.cache):
                yield engine
                return
            from featx.embedding.cache import RowCache

            with closing(RowCache()) as cache:
                yield replace(engine, cache=cache)
