"""The samples of a source for what reads them: one backbone, or the inputs of a predictor."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from featx.cli.options import SourceChoice
from featx.errors import BadOption, BadSource, FeatxError, FeatxWarning

if TYPE_CHECKING:
    from pathlib import Path

    from featx.catalog import Card
    from featx.inputs.reading import RecordStream
    from featx.inputs.spec import InputSpec
    from featx.predictor import Predictor
    from featx.sources import Readable, Sample
    from featx.sources.standard_input import StandardInput

__all__ = ["SampleReader", "training_samples"]


@dataclass(frozen=True, slots=True)
class SampleReader:
    """A reader of samples: files or texts for a backbone, records for several inputs.

    Attributes
    ----------
    columns : SourceChoice
    card : Card or None
        Of the only input; None where there are several.
    specs : tuple of InputSpec, default=()
        The inputs, where there are several.
    pool_by : str or None
        The column whose equal values make one sample of several rows.
    """

    columns: SourceChoice
    card: Card | None
    specs: tuple[InputSpec, ...] = ()
    pool_by: str | None = None

    @classmethod
    def of(
        cls,
        loaded: Predictor,
        columns: SourceChoice,
        rows: tuple[str, ...] = (),
        *,
        labelled: bool = False,
    ) -> SampleReader:
        """Return the reader of a predictor's samples, by its own inputs.

        Parameters
        ----------
        rows : tuple of str, default=()
            Where the rows of its vectors lie: texts such as ``emb:vector:rows/``.
        labelled : bool, default=False
            Whether samples need targets: they are in the columns of training, unless others are named.
        """
        from featx.inputs.input import is_joint

        if not is_joint(loaded.inputs):
            if rows:
                raise BadOption(f"inputs=[{rows[0]!r}]: the predictor has one input and no vectors")
            return cls(columns, loaded.card)
        config = loaded.config
        if labelled and config is not None and not columns.target_column:
            separator = columns.label_separator or config.label_separator
            columns = replace(
                columns, target_column=tuple(config.target_column), label_separator=separator
            )
        pool_by = None if config is None else config.pool_by
        segment = ("start_column", "end_column", "duration_column")
        if config is not None and not any(getattr(columns, role) for role in segment):
            # What was heard of a sound in training is heard now.
            columns = replace(columns, **{role: getattr(config, role) for role in segment})
        return cls(
            columns, None, _with_rows(tuple(one.spec for one in loaded.inputs), rows), pool_by
        )

    @property
    def readable(self) -> Readable:
        """Tell which files and texts are read."""
        if self.card is None:
            from featx.inputs.reading import readable_of

            return readable_of(self.specs)
        from featx.sources import Readable

        return Readable(self.card.input.suffixes, self.card.input.string_is_sample)

    def read(
        self,
        source: str,
        *,
        split: str | None = None,
        keep: tuple[str, ...] = (),
        skip: bool = False,
        parts: bool = False,
    ) -> list[Sample]:
        """Return the samples of ``source``; with ``parts`` a column of the usual name says the part of each."""
        if self.card is not None:
            try:
                return self.columns.read(
                    source, self.card, split=split, keep=keep, skip=skip, parts=parts
                )
            except BadSource as error:
                _refuse_rows(source, error)
                raise
        from featx.inputs.reading import RecordStream, read_records

        columns = replace(self.columns.to_columns(keep), skip=skip, parts=parts)
        if source == "-":
            stream = RecordStream(self.specs, columns, pool_by=self.pool_by)
            return [sample for batch in stream.batches(self.readable) for sample in batch]
        return read_records(
            source,
            self.specs,
            columns,
            split=split,
            pool_by=self.pool_by,
            ignore_label_case=bool(self.columns.ignore_label_case),
        )

    def standard_input(self, keep: tuple[str, ...], *, skip: bool) -> StandardInput | RecordStream:
        """Return standard input as a source, whose samples can be taken as they come."""
        if self.card is not None:
            return self.columns.standard_input(keep)
        from featx.inputs.reading import RecordStream

        columns = replace(self.columns.to_columns(keep), skip=skip)
        return RecordStream(self.specs, columns, pool_by=self.pool_by)


def _refuse_rows(source: str, error: BadSource) -> None:
    """Say so where rows that were extracted are given as samples, which cannot be read for that reason."""
    from featx.tables.stored_rows import is_rows

    if source != "-" and is_rows(source):
        raise BadSource(
            f"{source:.200}: holds rows that featx extract wrote, and no samples; name the samples that they "
            "were extracted from (featx fit, featx audit and featx similar take rows)"
        ) from error


def _with_rows(specs: tuple[InputSpec, ...], rows: tuple[str, ...]) -> tuple[InputSpec, ...]:
    """Return inputs with the places of the rows of vectors."""
    from featx.inputs.spec import InputSpec

    given = list(map(InputSpec.parse, rows))
    vectors = {spec.columns for spec in specs if spec.kind == "vector"}
    for one in given:
        if one.rows is None or one.columns not in vectors:
            known = ", ".join(repr(columns[0]) for columns in sorted(vectors)) or "none"
            raise BadOption(
                f"input {one.to_text()!r:.60}: the predictor has its own inputs; here is only said where the "
                f"rows of a vector lie, such as emb:vector:rows; its vectors: {known}"
            )
    places = {one.columns: one.rows for one in given}
    return tuple(replace(spec, rows=places.get(spec.columns)) for spec in specs)


def training_samples(classifier: Path, loaded: Predictor) -> list[Sample]:
    """Return the samples that a predictor was trained on, where this machine knows and still has them."""
    from featx.persistence.training_source import recall_source

    origin = recall_source(classifier)
    if origin is None:
        return []
    try:
        with warnings.catch_warnings():
            # It was said when they were trained on.
            warnings.simplefilter("ignore", FeatxWarning)
            columns = SourceChoice.from_config(origin.columns)
            reader = SampleReader.of(loaded, columns, labelled=True)
            samples = reader.read(origin.source, split="train", skip=True)
    except (FeatxError, TypeError):
        return []
    return [sample for sample in samples if _is_there(sample.data)]


def _is_there(data: Any) -> bool:
    """Return whether a sample still has its files, or never had one."""
    from featx.sources.record import Record
    from featx.storage.blob import Blob

    if isinstance(data, Record):
        return all(map(_is_there, data.values()))
    if isinstance(data, tuple):
        return all(map(_is_there, data))
    path = data.path if isinstance(data, Blob) else None
    return path is None or path.exists()
