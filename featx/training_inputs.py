"""The rows of training samples: of one backbone, or of several inputs whose encoders are fitted on them."""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from featx.backbones.backbone import Backbone, open_backbone
from featx.embedding.embedder import describe_doubts
from featx.embedding.engine import BaselineEmbedder, Engine
from featx.embedding.joint_rows import Missing, filled_rows
from featx.embedding.rows import Rows
from featx.errors import BadOption, BadSample, FeatxNotice, MissingInput, wrong_type
from featx.evaluation import warn_about_rejects
from featx.inputs.encoder import encoder_class
from featx.inputs.input import Input, joint_fingerprint
from featx.inputs.joint import card_of, open_joint, open_joint_baseline
from featx.inputs.reading import finish_records, read_records, record_columns
from featx.inputs.spec import InputSpec, make_specs
from featx.reading import target_columns
from featx.sources import Columns, Sample, make_samples
from featx.sources.frames import is_table, list_records, record_samples, targets_of
from featx.sources.record import Record
from featx.sources.record_cells import find_files

__all__ = ["InputOptions", "TrainingRows", "embed_backbone", "embed_inputs", "embed_raw_inputs"]


@dataclass(frozen=True, slots=True, kw_only=True)
class InputOptions:
    """The options that ``fit`` was given of several inputs.

    Attributes
    ----------
    target : str, sequence of str or None
        The column, or columns, of what is to be predicted.
    inputs : mapping, sequence or None
        As ``make_specs`` takes them; None: the sample itself is the only input.
    pairs : sequence of pairs of str, default=()
    missing : {"reject", "zero"}, default="reject"
        What is done with a sample that has no value of an input with a backbone.
    pool_by : str or None
        The column whose equal values make one sample of several rows.
    """

    target: str | Sequence[str] | None = None
    inputs: Mapping[str, Any] | Sequence[Any] | None = None
    pairs: Sequence[Sequence[str]] = ()
    missing: Missing = "reject"
    pool_by: str | None = None

    @property
    def targets(self) -> tuple[str, ...]:
        """The columns of what is to be predicted; none where labels are given by themselves.

        Raises
        ------
        BadOption
            They are no names.
        """
        return target_columns(self.target)

    def specs(self, backbone: object = None) -> tuple[InputSpec, ...]:
        """Return the inputs; none where the sample itself is the only one.

        Parameters
        ----------
        backbone : object, default=None
            What was named as the only backbone: there is none beside several inputs.

        Raises
        ------
        BadOption
            They make no sense, or something is said of them and there are none.
        """
        if self.pool_by is not None and not isinstance(self.pool_by, str):
            raise wrong_type("pool_by", self.pool_by, "the name of a column")
        listed = isinstance(self.pairs, list | tuple)
        if not listed or not all(isinstance(pair, list | tuple) for pair in self.pairs):
            raise wrong_type("pairs", self.pairs, "a list of pairs of columns")
        if self.missing not in ("reject", "zero"):
            raise BadOption(f"missing = {self.missing!r:.60}: expected 'reject' or 'zero'")
        if self.inputs is not None:
            if backbone is not None:
                raise BadOption(
                    f"backbone = {backbone!r:.60}: each input has its own; name it there, such as "
                    "inputs={'photo': 'image:mobilenetv2-12'}"
                )
            return make_specs(self.inputs, self.pairs)
        missing = None if self.missing == "reject" else self.missing
        named = {"target": self.target, "pairs": self.pairs or None}
        named |= {"pool_by": self.pool_by, "missing": missing}
        for name, value in named.items():
            if value is not None:
                raise BadOption(
                    f"{name} = {value!r:.60}: is said of the columns of a table; name those that are "
                    "read as well, such as inputs={'photo': 'image'}, or give labels one a sample as the "
                    "second argument"
                )
        return ()

    def to_config(self) -> dict[str, Any]:
        """Return the entries of ``FitConfig`` that say it."""
        if self.inputs is None:
            return {}
        specs = self.specs()
        # A pair is named by its columns, and a folder of this machine is nobody's business.
        alone = [InputSpec(n, s.kind, (n,), s.backbone) for s in specs for n in s.columns]
        return {
            "inputs": tuple(dict.fromkeys(spec.to_text() for spec in alone)),
            "pairs": tuple(",".join(spec.columns) for spec in specs if spec.is_pair),
            "missing": self.missing,
            "pool_by": self.pool_by,
            "target_column": self.targets,
        }

    def read(
        self, samples: Any, labels: Any, specs: Sequence[InputSpec], *, skip: bool = False
    ) -> tuple[list[Sample], Any]:
        """Return samples of records, and their labels as ``fit`` takes them; None where they bring their own.

        Parameters
        ----------
        samples : path, DataFrame, lists by columns, or iterable of mappings or Sample
            A path is that of a table.
        labels : sequence or None
        specs : sequence of InputSpec
        skip : bool, default=False
            Whether a row of a table that makes no sense is a sample that cannot be read.

        Raises
        ------
        BadSource
            A column is not there.
        BadOption
            There are labels and a target, or the target is an input.
        """
        targets = self.targets
        target = self.target if isinstance(self.target, str) else targets
        columns = [column for spec in specs for column in spec.columns]
        if both := sorted(set(targets) & set(columns)):
            raise BadOption(
                f"target = {both[0]!r:.60}: is an input as well; what is to be predicted cannot be read"
            )
        if targets and labels is not None:
            raise BadOption("target, labels: they are one; give the column or the labels")
        if isinstance(samples, str | os.PathLike):
            known = Columns(target=targets, skip=skip)
            return read_records(samples, specs, known, pool_by=self.pool_by), labels
        if not is_table(samples):
            samples = list_records(samples)
        pooled = () if self.pool_by is None else (self.pool_by,)
        records = find_files(record_samples(samples, [*columns, *pooled]), record_columns(specs))
        if target:
            labels = targets_of(samples, target)
        if not pooled and all(spec.rows is None for spec in specs):
            return records, labels
        return finish_records(make_samples(records, labels), specs, self.pool_by), None


@dataclass(frozen=True, slots=True, eq=False)
class TrainingRows:
    """The rows of training samples, and the inputs that make them.

    Attributes
    ----------
    rows : Rows
    inputs : tuple of Input
    timings : mapping of str to float
        Seconds of each part.
    raw : Rows or None
        The same samples without any backbone, where they were asked for.
    notes : tuple of str
        What there is to say of the samples.
    """

    rows: Rows
    inputs: tuple[Input, ...]
    timings: Mapping[str, float]
    raw: Rows | None = None
    notes: tuple[str, ...] = ()


def embed_backbone(
    samples: Sequence[Sample], backbone: Backbone, engine: Engine, *, baseline: bool
) -> TrainingRows:
    """Return the rows of a backbone, and those of its baseline where it is wanted.

    Raises
    ------
    BadSample
        A sample cannot be read, and the engine does not skip.
    """
    start = time.perf_counter()
    rows = engine.embed(samples, backbone, digests=True)
    warn_about_rejects(rows.rejects, len(samples))
    embedded = time.perf_counter()
    inputs = (Input.of_card(replace(backbone.card, dim=backbone.dim)),)
    doubts = describe_doubts(backbone, rows.doubtful, rows.examined)
    made = TrainingRows(
        rows, inputs, {"backbone": embedded - start}, notes=(doubts,) if doubts else ()
    )
    if not baseline:
        return made
    readable = set(rows.ids)
    raw = replace(engine, progress=None).embed(
        [sample for sample in samples if sample.id in readable],
        BaselineEmbedder(backbone.card.input),
    )
    seconds = {backbone.card.input.baseline_name: time.perf_counter() - embedded}
    return replace(made, raw=raw, timings={**made.timings, **seconds})


def embed_inputs(
    samples: Sequence[Sample], specs: Sequence[InputSpec], engine: Engine, missing: Missing
) -> TrainingRows:
    """Open backbones, fit encoders, and embed all inputs in one pass.

    Raises
    ------
    UnknownBackbone, MissingWeights, WrongDigest
    BadSample
        No encoder can be made of a column, or a sample cannot be read and the engine does not skip.
    """
    start = time.perf_counter()
    inputs, notes = _make_inputs(specs, samples, missing)
    for text in notes:
        warnings.warn(text, FeatxNotice, stacklevel=3)
    # What encoders were fitted on is like it, and was told above.
    embedder = open_joint(inputs, examine=False)
    try:
        rows = engine.embed(samples, embedder, digests=True)
    except MissingInput as error:
        raise MissingInput(f"{error}, or take them with missing='zero'") from error
    warn_about_rejects(rows.rejects, len(samples))
    rows, fillings = filled_rows(rows, embedder.parts)
    inputs = tuple(
        replace(one, filling=fillings[one.name]) if one.name in fillings else one for one in inputs
    )
    rows = replace(rows, fingerprint=joint_fingerprint(inputs))
    return TrainingRows(rows, inputs, {"inputs": time.perf_counter() - start}, notes=notes)


def embed_raw_inputs(samples: Sequence[Sample], inputs: Sequence[Input], engine: Engine) -> Rows:
    """Return joint rows of samples without any backbone, for the baseline; encoders are as they are.

    Raises
    ------
    BadSample
        A sample cannot be read any more, and the engine does not skip.
    """
    embedder = open_joint_baseline(inputs)
    rows = replace(engine, progress=None).embed(samples, embedder)
    return filled_rows(rows, embedder.parts)[0]


def _make_inputs(
    specs: Iterable[InputSpec], samples: Sequence[Sample], missing: Missing
) -> tuple[tuple[Input, ...], tuple[str, ...]]:
    """Return the inputs, with encoders fitted on the samples, and what there is to say of their columns."""
    inputs: list[Input] = []
    notes: list[str] = []
    records = [sample.data for sample in samples if isinstance(sample.data, Record)]
    for spec in specs:
        if spec.has_backbone:
            card = card_of(spec)
            card = replace(card, dim=open_backbone(card).dim)
            inputs.append(Input(spec.name, spec.kind, card, spec.columns, missing))
            continue
        cells = [record[spec.columns[0]] for record in records]
        if not cells:
            raise BadSample(f"{spec.name}: there is no cell; expected one a sample")
        encoder, said = encoder_class(spec.kind).fit(cells, spec.name)
        notes += said
        inputs.append(Input(spec.name, spec.kind, encoder, spec.columns))
    return tuple(inputs), tuple(notes)
