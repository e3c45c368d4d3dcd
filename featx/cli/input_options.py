"""The options of ``fit`` that say which columns of a table are inputs, and what each is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from featx.cli.options import BackboneChoice, RunChoice, SourceChoice, gather_options
from featx.errors import BadOption, FeatxError

if TYPE_CHECKING:
    from featx.cli.sample_reader import SampleReader
    from featx.inputs.spec import InputSpec
    from featx.storage.remote import AnyPath

__all__ = ["InputChoice", "InputSpecs", "input_options", "propose", "rows_option"]

F = TypeVar("F", bound=Callable[..., Any])

# How many inputs a note proposes, and the rows from which they are guessed.
_PROPOSED, _ROWS = 12, 200
# Bytes of a table from which on nothing is guessed of it.
_LARGE = 64 << 20


@dataclass(frozen=True, slots=True)
class InputChoice:
    """The options that say which columns of a table are inputs.

    Attributes
    ----------
    inputs, pairs : tuple of str
        As typed: "photo:image", and "a,b".
    missing, pool_by : str or None
    """

    inputs: tuple[str, ...]
    pairs: tuple[str, ...]
    missing: str | None
    pool_by: str | None

    def _are_named(self) -> bool:
        """Tell whether a table is read as records; refuse what says something of inputs and names none."""
        if self.inputs or self.pairs:
            return True
        for option, value in (("--missing", self.missing), ("--pool-by", self.pool_by)):
            if value is not None:
                raise click.UsageError(
                    f"{option} {value}: name the inputs as well, such as --input photo:image"
                )
        return False

    def prepare(
        self, source: str, chosen: BackboneChoice, columns: SourceChoice, run: RunChoice
    ) -> tuple[InputSpecs, SampleReader] | None:
        """Return the inputs and the reader of their samples; None where none are named.

        Raises
        ------
        click.UsageError
            Options of a single backbone stand beside them.
        BadOption
            The inputs make no sense.
        """
        if not self._are_named():
            return None
        from featx.cli.sample_reader import SampleReader

        self._check_others(chosen, run)
        specs = self._specs(source, columns)
        return specs, SampleReader(columns, None, specs.joint, self.pool_by)

    def _check_others(self, chosen: BackboneChoice, run: RunChoice) -> None:
        """Refuse options of a single backbone, which have no meaning beside several inputs."""
        for option, value in (
            ("--backbone", chosen.backbone),
            ("--tap", chosen.tap),
            ("--pooling", chosen.pooling),
            ("--normalize", chosen.normalize),
            ("--set", chosen.set or None),
            ("--modality", chosen.modality),
        ):
            if value is not None:
                raise click.UsageError(
                    f"{option}: each --input has its own; name its backbone as photo:image:mobilenetv2-12"
                )
        if run.provider != "cpu":
            raise click.UsageError(f"--provider {run.provider}: with --input on cpu alone")

    def _specs(self, source: str, columns: SourceChoice) -> InputSpecs:
        """Return the inputs; those of a pair that have no ``--input`` are guessed from the table."""
        from featx.inputs.spec import InputSpec, make_specs

        single = [InputSpec.parse(text) for text in self.inputs]
        pairs = []
        cells: Mapping[str, Sequence[Any]] | None = None
        for text in self.pairs:
            if cells is None:
                cells = _head(source, columns)
            pair = _pair(text, list(cells))
            for name in pair:
                if not any(spec.columns == (name,) for spec in single):
                    single.append(_guessed(name, cells, text))
            pairs.append(pair)
        return InputSpecs(tuple(single), tuple(pairs), make_specs(single, pairs))

    def to_words(self) -> list[str]:
        """Return what is said beside inputs and pairs, as words of a command."""
        words = [] if self.missing is None else ["--missing", self.missing]
        return words if self.pool_by is None else [*words, "--pool-by", self.pool_by]

    def rows_words(self) -> list[str]:
        """Return the inputs whose rows lie elsewhere, which no predictor keeps, as words of a command."""
        from featx.inputs.spec import InputSpec

        named = [text for text in self.inputs if InputSpec.parse(text).rows is not None]
        return [word for text in named for word in ("--input", text)]

    def to_config(self, specs: InputSpecs) -> dict[str, Any]:
        """Return what a saved predictor may keep: all but a folder of this machine."""
        return {
            "inputs": tuple(replace(spec, rows=None).to_text() for spec in specs.single),
            "pairs": tuple(",".join(pair) for pair in specs.pairs),
            "missing": self.missing or "reject",
            "pool_by": self.pool_by,
        }


@dataclass(frozen=True, slots=True)
class InputSpecs:
    """Inputs as ``featx.fit`` takes them, and as they are read.

    Attributes
    ----------
    single : tuple of InputSpec
        One for each column and backbone.
    pairs : tuple of pairs of str
    joint : tuple of InputSpec
        With each pair as one input.
    """

    single: tuple[InputSpec, ...]
    pairs: tuple[tuple[str, str], ...]
    joint: tuple[InputSpec, ...]

    def arguments(self, missing: str | None) -> dict[str, Any]:
        """Return the arguments of ``featx.fit``; rows of vectors stand in the samples already."""
        return {
            "inputs": [replace(spec, rows=None) for spec in self.single],
            "pairs": self.pairs,
            "missing": missing or "reject",
        }


def input_options(function: F) -> F:
    """Give a command ``--input`` and its like as one ``InputChoice`` named ``inputs``."""
    options = [
        click.option(
            "--input",
            "inputs",
            metavar="COLUMN:KIND",
            multiple=True,
            help="A column of the table, and what it is: image, text, audio, number, category, date or vector; "
            "again for each. photo:image:NAME names its backbone (NAME@TAP:POOLING with another layer), and "
            "emb:vector:PATH a file or folder of rows whose ids stand in the column.",
        ),
        click.option(
            "--pair",
            "pairs",
            metavar="A,B",
            multiple=True,
            help="Two columns of texts or photos that are compared: how far they differ, and what they share.",
        ),
        click.option(
            "--missing",
            type=click.Choice(["reject", "zero"]),
            help="With --input: a row without its photo, text or sound cannot be read, or that input says "
            "nothing of it [default: reject].",
        ),
        click.option(
            "--pool-by",
            metavar="COLUMN",
            help="With --input: rows of equal cells in this column are one sample: the photos of a house.",
        ),
    ]
    return gather_options(function, options, InputChoice, "several")


rows_option = click.option(
    "--input",
    "rows",
    metavar="COLUMN:vector:PATH",
    multiple=True,
    help="Where the rows of a vector lie, if the predictor has one; its other inputs it knows.",
)


def propose(source: str, output: AnyPath, columns: SourceChoice) -> str:
    """Return a note on the columns of a table that could be inputs; '' where there is at most one."""
    from featx._display import shell_command
    from featx.inputs.proposing import propose_inputs
    from featx.sources.columns import USUAL, plain_name

    try:
        cells = _head(source, columns)
    except FeatxError:
        return ""
    typed = replace(columns, path_column=None, text_column=None)
    plain = {plain_name(name): name for name in reversed([*cells])}
    taken = {*typed.named(), *(plain.get(name) for name in (*USUAL["id"], *USUAL["split"]))}
    if not columns.target_column:
        target = next((plain[name] for name in USUAL["label"] if name in plain), None)
        # A command without what is to be predicted would be refused.
        if target is None:
            return ""
        taken.add(target)
    others = {name: column for name, column in cells.items() if name not in taken}
    specs = propose_inputs(others)
    if len(specs) < 2:
        return ""
    shown = specs[:_PROPOSED]
    words = [word for spec in shown for word in ("--input", spec.to_text())]
    more = f" ({len(specs) - len(shown)} more columns could be)" if len(specs) > len(shown) else ""
    command = shell_command("featx", "fit", source, *typed.to_words(), *words, "--output", output)
    return f"several columns can be inputs of one predictor{more}: {command}"


def _head(source: str, columns: SourceChoice) -> Mapping[str, Sequence[Any]]:
    """Return the first cells of each column of a table; none of a source that has no columns."""
    from featx.sources import open_source

    if source == "-" or _is_large(source):
        return {}
    opened = open_source(source, columns.to_columns(()))
    head: Callable[[int], Mapping[str, Sequence[Any]]] | None = getattr(opened, "head", None)
    return {} if head is None else head(_ROWS)


def _is_large(source: str) -> bool:
    """Return whether a table takes so long to look at that nobody who did not ask waits for it."""
    try:
        return Path(source).stat().st_size > _LARGE
    except (OSError, ValueError):
        return False


def _pair(text: str, names: Sequence[str]) -> tuple[str, str]:
    """Return the two columns that a text names; a name may hold commas where the table tells which."""
    parts = text.split(",")
    splits = [
        (",".join(parts[:place]).strip(), ",".join(parts[place:]).strip())
        for place in range(1, len(parts))
    ]
    known = [pair for pair in splits if set(pair) <= set(names)]
    if len(known) == 1 or len(splits) == 1:
        return (known or splits)[0]
    listed = ", ".join(map(repr, names[:12])) or "none"
    raise BadOption(f"pairs=[{text!r}]: expected two columns, such as a,b; found columns {listed}")


def _guessed(name: str, cells: Mapping[str, Sequence[Any]], text: str) -> InputSpec:
    import shlex

    from featx.inputs.proposing import guess_kind
    from featx.inputs.spec import InputSpec

    kind = guess_kind(cells[name]) if name in cells else None
    # Short texts are compared as texts: a pair is of what backbones read.
    kind = "text" if kind == "category" else kind
    if not cells:
        raise BadOption(
            f"pairs=[{text!r}]: nothing tells what its columns are before they are read; say "
            f"{shlex.quote(name + ':text')} with inputs="
        )
    if name not in cells:
        listed = ", ".join(map(repr, list(cells)[:12])) or "none"
        raise BadOption(f"pairs=[{text!r}]: there is no column {name!r}; found columns {listed}")
    if kind not in ("image", "text", "audio"):
        raise BadOption(
            f"pairs=[{text!r}]: nothing tells whether {name!r} holds texts, photos or sounds; say "
            f"{shlex.quote(name + ':text')} with inputs="
        )
    return InputSpec(name, kind, (name,))
