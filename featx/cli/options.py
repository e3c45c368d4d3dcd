"""Options that several commands share, each group gathered into one record."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, replace
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from featx.cli.paths import PathOrAddress
from featx.errors import BadOption

if TYPE_CHECKING:
    from featx.backbones.backbone import Backbone
    from featx.catalog import Card
    from featx.embedding.engine import Engine
    from featx.sources import Columns, Sample
    from featx.sources.standard_input import StandardInput
    from featx.storage.remote import AnyPath

__all__ = [
    "BackboneChoice",
    "PoolingName",
    "RunChoice",
    "SourceChoice",
    "backbone_options",
    "format_option",
    "gather_options",
    "keep_option",
    "plot_option",
    "provider_option",
    "read_pairs",
    "run_options",
    "source_options",
    "was_typed",
]

F = TypeVar("F", bound=Callable[..., Any])
# Characters of a value of --set.
_LONGEST_VALUE = 10_000


class PoolingName(click.ParamType[str]):
    """The name of a pooling; which there are is asked only where one is named or help is shown."""

    name = "pooling"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the pooling's name, or refuse it as any wrong use of the command line."""
        from featx.graphs.pooling import read_pooling

        try:
            return str(read_pooling(value))
        except BadOption as error:
            self.fail(str(error), param, ctx)

    def get_metavar(self, param: click.Parameter, ctx: click.Context | None = None) -> str:
        """Return the names, as click shows those of a choice."""
        from featx.graphs.pooling import POOLINGS

        return f"[{'|'.join(POOLINGS)}]"


@dataclass(frozen=True, slots=True)
class BackboneChoice:
    """The options that say which rows: the backbone and what is changed of its card."""

    backbone: str | None
    tap: str | None
    pooling: str | None
    normalize: bool | None
    set: tuple[str, ...]
    modality: str | None

    def card(self) -> Card:
        """Return the card that the options name; without ``--backbone`` the one for what the source holds."""
        from featx.catalog import default_card, get_card
        from featx.modalities.guess import check_modality, guess_modality

        if self.modality:
            check_modality(self.modality)
        if self.backbone:
            card = get_card(self.backbone)
            if self.modality not in (None, card.modality):
                raise BadOption(
                    f"--modality {self.modality}: {card.name} is a backbone for {card.modality}"
                )
        else:
            params = click.get_current_context().params
            keys = ("path_column", "text_column", "encoding", "root")
            said = {key: params.get(key) for key in keys}
            card = default_card(self.modality or guess_modality(params.get("source", "-"), **said))
        return card.variant(
            tap=self.tap, pooling=self.pooling, normalize=self.normalize, options=self.options
        )

    def open(self, provider: str = "cpu") -> Backbone:
        """Return the backbone, its bytes verified, computed where ``--provider`` says."""
        from featx.backbones.backbone import open_backbone
        from featx.backbones.providers import read_provider

        return open_backbone(self.card(), read_provider(provider))

    @property
    def options(self) -> dict[str, Any]:
        """The ``--set KEY=VALUE`` pairs."""
        return read_pairs(self.set)


def read_pairs(pairs: Iterable[str]) -> dict[str, Any]:
    """Return the pairs of ``--set KEY=VALUE``; a value is JSON, such values with commas between, or text."""
    values = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals:
            raise BadOption(f"--set {pair[:100]}: expected KEY=VALUE")
        values[key.strip()] = _read_value(value)
    return values


def _read_value(value: str) -> Any:
    """Return the value of ``--set``: numbers with commas between are a list."""
    if len(value) > _LONGEST_VALUE:
        raise BadOption(
            f"--set: a value of {len(value):,} characters; expected at most {_LONGEST_VALUE:,}"
        )
    for text in (value, f"[{value}]"):
        try:
            return json.loads(text)
        # nested too deep, or an integer of thousands of digits
        except (ValueError, RecursionError):
            if "," not in value:
                break
    return value


@dataclass(frozen=True, slots=True)
class SourceChoice:
    """The options that say in which columns of the source samples and labels stand, and how it is read."""

    path_column: str | None
    text_column: str | None
    target_column: tuple[str, ...]
    id_column: str | None
    start_column: str | None = None
    end_column: str | None = None
    encoding: str | None = None
    root: str | None = None
    ignore_label_case: bool | None = None
    label_separator: str | None = None
    group_column: str | None = None
    weight_column: str | None = None
    split_column: str | None = None
    time_column: str | None = None
    duration_column: str | None = None

    def read(
        self,
        source: str,
        card: Card,
        *,
        split: str | None = None,
        keep: tuple[str, ...] = (),
        skip: bool = False,
        parts: bool = False,
    ) -> list[Sample]:
        """Return the samples of ``source`` that the card's modality can read; see ``Columns``."""
        from featx.modalities.formats import readable
        from featx.sources import read_source

        return read_source(
            source,
            readable(card.input),
            split=split,
            columns=replace(self.to_columns(keep), skip=skip, parts=parts),
            ignore_label_case=bool(self.ignore_label_case),
        )

    def standard_input(self, keep: tuple[str, ...]) -> StandardInput:
        """Return standard input as a source, whose samples can be taken as they come."""
        from featx.sources.standard_input import StandardInput

        return StandardInput("-", self.to_columns(keep), None)

    def to_columns(self, keep: tuple[str, ...]) -> Columns:
        """Return what these options say of a table, with the columns that samples carry along."""
        from featx.sources import Columns

        return Columns(
            path=self.path_column,
            target=tuple(self.target_column),
            id=self.id_column,
            text=self.text_column,
            start=self.start_column,
            end=self.end_column,
            encoding=self.encoding,
            root=self.root,
            keep=keep,
            separator=self.label_separator,
            group=self.group_column,
            weight=self.weight_column,
            split=self.split_column,
            time=self.time_column,
            duration=self.duration_column,
        )

    def to_config(self) -> dict[str, Any]:
        """Return what a saved predictor may keep: all but a folder of this machine."""
        return {key: value for key, value in asdict(self).items() if key != "root" and value != ()}

    @classmethod
    def from_config(cls, table: Mapping[str, Any]) -> SourceChoice:
        """Return the options that were remembered; raise TypeError where they are none."""
        values = dict(table)
        # One column of labels, as an earlier version remembered it.
        old = values.pop("label_column", None)
        target = values.pop("target_column", (old,) if old else ())
        return cls(**values, target_column=tuple(target))

    def to_words(self) -> list[str]:
        """Return the options of names that were typed, as words of a command."""
        words = [word for name in self.target_column for word in ("--target-column", name)]
        for name, value in asdict(self).items():
            if isinstance(value, str):
                words += [f"--{name.replace('_', '-')}", value]
        return words

    def named(self) -> set[str]:
        """Return the columns that were typed."""
        texts = {key: value for key, value in asdict(self).items() if key.endswith("_column")}
        return {name for name in texts.values() if isinstance(name, str)} | {*self.target_column}

    def remember_source(self, source: str, classifier: AnyPath) -> None:
        """Note, on this machine only, that a classifier was trained on a source."""
        from featx.persistence.training_source import Origin, remember_source

        # An address may hold what is secret.
        if source != "-" and "://" not in source and isinstance(classifier, Path):
            root = None if self.root is None else str(Path(self.root).absolute())
            columns = {**asdict(self), "root": root}
            remember_source(classifier, Origin(str(Path(source).absolute()), columns))


@dataclass(frozen=True, slots=True)
class RunChoice:
    """The options that say how to run."""

    jobs: int | None
    batch_size: int | None
    cache: bool
    on_error: str
    provider: str

    @property
    def skips(self) -> bool:
        """Tell whether samples that cannot be read are left out."""
        return self.on_error == "skip"

    def check(self, *, exact: bool = False) -> None:
        """Refuse what no engine could do, before the work; ``exact`` where rows must be the card's own."""
        from featx.backbones.providers import read_provider
        from featx.embedding.engine import count_workers
        from featx.predictor import check_exact

        provider = read_provider(self.provider)
        if exact:
            check_exact(provider)
        if self.jobs is not None:
            count_workers(self.jobs)

    @contextmanager
    def engine(self, total: int | None, description: str = "embedding") -> Iterator[Engine]:
        """Give an engine that shows its progress on a terminal, and nowhere else."""
        from featx.embedding.engine import Engine

        engine = Engine(
            n_jobs=self.jobs,
            batch_size=self.batch_size,
            cache=self.cache,
            on_error="skip" if self.on_error == "skip" else "fail",
        )
        if total == 1 or not sys.stderr.isatty():
            yield engine
            return
        # The import takes 0.05 s.
        from tqdm import tqdm

        with tqdm(total=total, desc=description, unit="", leave=False) as bar:
            yield replace(engine, progress=bar.update)


def backbone_options(function: F) -> F:
    """Give a command ``--backbone``, ``--tap`` and their like as one ``BackboneChoice`` named ``chosen``."""
    options = [
        click.option(
            "--backbone",
            metavar="NAME",
            help="Which backbone; see `featx backbones list`. For `featx fit`, auto: the best of all here.",
        ),
        click.option(
            "--tap", metavar="TENSOR", help="Tensor to read; see `featx backbones layers`."
        ),
        click.option(
            "--pooling",
            type=PoolingName(),
            help="How a map or a sequence becomes one row; gem:4.5 is GeM with an exponent other than 3.",
        ),
        click.option(
            "--normalize/--no-normalize", default=None, help="Scale rows to unit length, or not."
        ),
        click.option(
            "--set",
            metavar="KEY=VALUE",
            multiple=True,
            help="Change a preprocessing entry of the card, such as resize=128 or draft=0.",
        ),
        click.option(
            "--modality",
            metavar="NAME",
            help="image, text or audio: which backbone to take where none is named "
            "[default: what most files are, or text for a column of texts].",
        ),
    ]
    return gather_options(function, options, BackboneChoice, "chosen")


def source_options(function: F) -> F:
    """Give a command ``--path-column`` and its like as one ``SourceChoice`` named ``columns``."""
    options = [
        _column("path", "Column of a table with the paths."),
        _column("text", "Column of a table with the texts."),
        click.option(
            "--target-column",
            "--label-column",
            "target_column",
            metavar="NAME",
            multiple=True,
            help="Column of a table with the labels, or the numbers; again for each of several.",
        ),
        _column("id", "Column of a table with the ids."),
        click.option(
            "--ignore-label-case",
            is_flag=True,
            default=None,
            help="Take labels that differ in upper and lower case only, such as cat and Cat, for one.",
        ),
        _column("start", "Column with the second of a recording at which a sample begins."),
        _column("end", "Column with the second at which it ends."),
        _column("duration", "Column with the seconds that it lasts, in place of its end."),
        click.option(
            "--encoding",
            metavar="NAME",
            help="Encoding of a table of text, such as cp1252 [default: its byte order mark, or UTF-8].",
        ),
        click.option(
            "--root",
            metavar="DIR",
            help="Folder below which the paths of a table lie [default: the table's own].",
        ),
        click.option(
            "--label-separator",
            metavar="TEXT",
            help="What stands between the labels of a cell that holds several, such as '|'.",
        ),
        _column(
            "group",
            "Column of what must not be both in training and measuring: a patient, a speaker.",
        ),
        _column("weight", "Column of how often each sample counts."),
        _column("split", "Column of the part of each sample: train, valid, test [default: split]."),
        _column("time", "Column of the time of each sample; the latest are measured."),
    ]
    return gather_options(function, options, SourceChoice, "columns")


def _column(name: str, help: str) -> Callable[[F], F]:
    return click.option(f"--{name}-column", metavar="NAME", help=help)


keep_option = click.option(
    "--keep",
    metavar="COLUMNS|all",
    multiple=True,
    help="Columns of the source that go along into the output, with commas between them: text, label, …",
)

trust_option = click.option(
    "--trust",
    "trusted",
    multiple=True,
    metavar="TYPE",
    help="Full name, package.module.Class, of a type in a head of your own that you trust; repeatable.",
)

provider_option = click.option(
    "--provider",
    default="cpu",
    show_default=True,
    metavar="NAME",
    help="Where the graph is computed: cpu, openvino, cuda, coreml, directml; openvino:bf16, cuda:1.",
)


def format_option(*styles: str, help: str) -> Callable[[F], F]:
    """Return ``--format`` as a parameter named ``style``; the first of ``styles`` is the default."""
    return click.option(
        "--format",
        "style",
        type=click.Choice(styles),
        default=styles[0],
        show_default=True,
        help=help,
    )


def run_options(on_error: str) -> Callable[[F], F]:
    """Give a command ``--jobs``, ``--batch-size`` and their like as one ``RunChoice`` named ``run``."""
    options = [
        click.option("--jobs", type=int, metavar="N", help="Worker threads [default: every core]."),
        click.option(
            "--batch-size", type=click.IntRange(min=1), metavar="N", help="Samples a batch."
        ),
        click.option(
            "--cache/--no-cache",
            default=True,
            show_default=True,
            help="Keep rows, so that the same sample is never embedded twice.",
        ),
        click.option(
            "--on-error",
            type=click.Choice(["skip", "fail"]),
            default=on_error,
            show_default=True,
            help="What to do with a sample that cannot be read.",
        ),
        provider_option,
    ]
    return lambda function: gather_options(function, options, RunChoice, "run")


plot_option = click.option(
    "--plot",
    type=PathOrAddress(),
    metavar="FILE",
    help="Also draw it into a .png, .svg or .pdf; needs matplotlib.",
)


def was_typed(parameter: str) -> bool:
    """Return whether a parameter of the running command was given, and is not its default."""
    from click.core import ParameterSource

    source = click.get_current_context().get_parameter_source(parameter)
    return source in (ParameterSource.COMMANDLINE, ParameterSource.ENVIRONMENT)


def gather_options(function: F, options: list[Any], kind: type, name: str) -> F:
    """Give a command several options as one record of a dataclass, in a parameter of that name.

    A field that has no option has its default.
    """

    @wraps(function)
    def gathered(*args: Any, **kwargs: Any) -> Any:
        names = [field.name for field in fields(kind) if field.name in kwargs]
        values = {name: kwargs.pop(name) for name in names}
        return function(*args, **kwargs, **{name: kind(**values)})

    for option in reversed(options):
        gathered = option(gathered)
    return gathered  # type: ignore[return-value]
