"""The knowledge an audit has of records: their joint rows, and the photos, texts and sounds of each column."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from featx.audit.contents import poor_contents
from featx.audit.data import AuditData, Facts, read_facts
from featx.audit.findings import AuditFinding
from featx.embedding.engine import Engine
from featx.embedding.joint_rows import Missing
from featx.embedding.rows import Rows
from featx.errors import FeatxWarning
from featx.inputs.input import Input
from featx.inputs.showing import SampleView
from featx.inputs.spec import InputSpec
from featx.modalities import Settings
from featx.sources import Sample
from featx.training_inputs import embed_inputs

__all__ = ["AuditedRecords", "words_read"]


@dataclass(frozen=True, slots=True, eq=False)
class AuditedRecords:
    """Records with their rows and contents.

    Attributes
    ----------
    rows : Rows
        Of those that can be read, with the rejects of the others.
    inputs : tuple of Input
    contents : mapping of str to Contents
        By columns with a photo, text or sound.
    """

    rows: Rows
    inputs: tuple[Input, ...]
    contents: Mapping[str, Contents]

    @classmethod
    def read(
        cls,
        samples: Sequence[Sample],
        specs: Sequence[InputSpec],
        engine: Engine,
        missing: Missing,
    ) -> AuditedRecords:
        """Return records embedded as ``fit`` embeds them, and the facts of their contents."""
        with warnings.catch_warnings():
            # What cannot be read, and what is unlike the rest, is among the findings.
            warnings.simplefilter("ignore", FeatxWarning)
            made = embed_inputs(samples, specs, engine, missing)
        quiet = replace(engine, progress=None)
        known = [sample for sample in samples if isinstance(sample.data, Mapping)]
        columns = SampleView.of_specs(specs).columns
        contents = {
            column: Contents.read(known, column, settings, quiet)
            for column, settings in columns.items()
            if settings is not None
        }
        return cls(made.rows, made.inputs, contents)

    @property
    def wordless(self) -> set[str]:
        """The ids of records with a text of no word."""
        found: set[str] = set()
        for one in self.contents.values():
            words = one.facts.numbers.get("words", np.ones(len(one.owners)))
            found |= {one.owners[i] for i in np.flatnonzero(words == 0)}
        return found

    def first_facts(self, ids: Sequence[str]) -> dict[str, Facts]:
        """Return the facts of the first content of each column, for these records."""
        return {column: one.first_of(ids) for column, one in self.contents.items()}

    def poor(self) -> list[AuditFinding]:
        """Return the contents that hold hardly anything, of the records that can be read."""
        read = set(self.rows.ids)
        found: list[AuditFinding] = []
        for one in self.contents.values():
            found += one.poor(read)
        return found


@dataclass(frozen=True, slots=True, eq=False)
class Contents:
    """The photos, texts or sounds of one column, of which a record may have several.

    Attributes
    ----------
    settings : Settings
        How a card reads them.
    owners : tuple of str
        The id of the record of each.
    names : tuple of str
        What each is called: the column, with a number where a record has several.
    facts : Facts
    """

    settings: Settings
    owners: tuple[str, ...]
    names: tuple[str, ...]
    facts: Facts

    @classmethod
    def read(
        cls, samples: Sequence[Sample], column: str, settings: Settings, engine: Engine
    ) -> Contents:
        """Return the contents of a column with their facts."""
        owners, names, values = list[str](), list[str](), list[Any]()
        for sample in samples:
            given = sample.data.get(column)
            several = list(given) if isinstance(given, list | tuple) else [given]
            present = [value for value in several if value is not None]
            for number, value in enumerate(present, start=1):
                owners.append(sample.id)
                names.append(f"{column} {number}" if len(present) > 1 else column)
                values.append(value)
        numbered = [Sample(str(k), value) for k, value in enumerate(values)]
        return cls(settings, tuple(owners), tuple(names), read_facts(numbered, settings, engine))

    def first_of(self, ids: Sequence[str]) -> Facts:
        """Return the facts of the first content of each of these records; NaN where it has none."""
        first: dict[str, int] = {}
        for place, owner in enumerate(self.owners):
            first.setdefault(owner, place)
        places = np.array([first.get(name, -1) for name in ids], np.intp)
        there = places >= 0
        numbers = {
            name: np.where(there, values[places], np.nan).astype(np.float32)
            if len(values)
            else np.full(len(ids), np.nan, np.float32)
            for name, values in self.facts.numbers.items()
        }
        suffixes = tuple(
            self.facts.suffixes[place] if place >= 0 else "" for place in places.tolist()
        )
        nothing = np.zeros((len(ids), 0), np.float32)
        return Facts(numbers, nothing, self.facts.near_bits, suffixes)

    def poor(self, read: set[str]) -> list[AuditFinding]:
        """Return those that hold hardly anything, of these records."""
        some = np.array([k for k, owner in enumerate(self.owners) if owner in read], np.intp)
        nothing = (None,) * len(some)
        data = AuditData(
            tuple(self.owners[k] for k in some),
            np.zeros((len(some), 0), np.float32),
            nothing,
            nothing,
            nothing,
            ("",) * len(some),
            self.facts.take(some),
        )
        return poor_contents(data, words_read(self.settings), [self.names[k] for k in some])


def words_read(settings: Settings) -> float:
    """Return how many words of a text can be read at most; infinite where all of it is, or it is none."""
    if getattr(settings, "long", "") == "truncate":
        return float(getattr(settings, "max_length", np.inf))
    return float("inf")
