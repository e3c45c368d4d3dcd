"""Cards: all that decides a backbone's numbers, and what people must know of it."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from featx.catalog.comments import with_comments
from featx.catalog.named_taps import NamedTap, read_named_taps
from featx.catalog.quantization import QuantizationInfo
from featx.errors import BadCard, BadOption, wrong_type
from featx.graphs.pooling import read_pooling
from featx.modalities import MODALITIES, Settings, fingerprint_entries, read_settings
from featx.storage.container import is_inner
from featx.storage.toml_text import parse_toml

__all__ = ["Card", "File"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_GRAPH_KEYS = {"file", "sha256", "size", "url", "output", "pooling", "normalize", "channel_axis"}
_GRAPH_KEYS |= {"batch"}
_TOP_KEYS = {"name", "modality", "dim", "license", "source", "note", "graph", "files", "canary"}
_TOP_KEYS |= {"optimized", "taps"}
# of a run whose length is given
_MOST_SAMPLES = 4096
# columns of a row: 64 MB
_WIDEST = 1 << 24
# of a file, in characters
_LONGEST_NAME = 200
# axes of a tensor
_AXES = 8


@dataclass(frozen=True, slots=True)
class File:
    """Bytes that a backbone needs: where they are, where they come from, and their digest.

    Attributes
    ----------
    name : str
        Of the file beside the card, or in a folder of the backbone's name in any model directory.
    sha256 : str
        64 hex digits.
    size : int or None
        Bytes.
    url : str or None
        Where it can be downloaded.
    """

    name: str
    sha256: str
    size: int | None = None
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Card:
    """One backbone, as its ``card.toml`` describes it. Frozen and hashable.

    Attributes
    ----------
    name, modality : str
    graph : File
    input : Settings
        The table named after the modality.
    dim : int or None
        Columns of one row; None until a variant has been run.
    output : str or None
        The tap; None is the graph's only output.
    pooling : str
        How a map or a sequence becomes a row; see ``featx.graphs.pooling``.
    normalize : bool
        Whether rows are scaled to unit L2 norm, after pooling.
    channel_axis : int or None
        The axis of the channels of a map that is pooled; None is 1 for [N,C,H,W], else -1.
    batch : int or None
        Samples of one run of the graph, always: 1 where a row would depend on the others of its batch.
        0 is any number; None is not known, and found out by running it.
    files : tuple of File
        What is needed besides the graph: a tokenizer, external weights.
    license, source, note : str
        What people must know.
    canary : tuple of float
        What a second implementation says the row of the built-in sample begins with.
    optimized : QuantizationInfo or None
        Of which backbone ``featx optimize`` made it, and how well.
    taps : tuple of NamedTap
        Tensors that ``variant(tap=…)`` finds by a name of the card's; they decide no number.
    path : Path or None
        The ``card.toml`` it was read from.
    pack : Path or None
        The bundled classifier that brings the bytes.
    pack_folder : str
        The folder of its files in ``pack``.
    comments : tuple of (str, str)
        Where an entry comes from, by its name: ``("image.crop", "preprocessor_config.json: crop_size")``.
        ``to_toml`` writes them; they are not read back.

    Examples
    --------
    >>> from featx import get_card
    >>> card = get_card("featx-image-nano")
    >>> card.modality, card.dim, card.license
    ('image', 384, 'Apache-2.0')
    >>> other = card.variant(tap="last-map", pooling="max")
    >>> card.fingerprint == other.fingerprint
    False
    """

    name: str
    modality: str
    graph: File
    input: Settings
    dim: int | None = None
    output: str | None = None
    pooling: str = "none"
    normalize: bool = False
    channel_axis: int | None = None
    batch: int | None = None
    files: tuple[File, ...] = ()
    license: str = "unknown"
    source: str = "unknown"
    note: str = ""
    canary: tuple[float, ...] = ()
    optimized: QuantizationInfo | None = None
    taps: tuple[NamedTap, ...] = field(default=(), compare=False, repr=False)
    path: Path | None = field(default=None, compare=False)
    pack: Path | None = field(default=None, compare=False)
    pack_folder: str = field(default="", compare=False)
    comments: tuple[tuple[str, str], ...] = field(default=(), compare=False, repr=False)
    # computed once: every prediction compares some, and the card never changes
    _fingerprint: str = field(default="", init=False, repr=False, compare=False)

    @property
    def fingerprint(self) -> str:
        """64 hex digits over everything that decides a number in a row."""
        if not self._fingerprint:
            object.__setattr__(self, "_fingerprint", self._digest())
        return self._fingerprint

    def _digest(self) -> str:
        deciding = {
            # raised when featx itself changes the numbers
            "rows": 1,
            "graph": self.graph.sha256,
            "files": {file.name: file.sha256 for file in self.files},
            "tap": self.output,
            "pooling": self.pooling,
            "normalize": self.normalize,
            "channel_axis": self.channel_axis,
            self.modality: fingerprint_entries(self.input),
        }
        if self.batch:
            deciding["batch"] = self.batch
        if self.optimized and ":" in (self.optimized.provider or ""):
            # a lesser precision: the rows are others, though the graph may be the parent's
            deciding["provider"] = self.optimized.provider
        return hashlib.sha256(json.dumps(deciding, sort_keys=True).encode()).hexdigest()

    def variant(
        self,
        *,
        tap: str | None = None,
        pooling: str | None = None,
        normalize: bool | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> Card:
        """Return this card with another tap, pooling, normalisation or options; None keeps the card's.

        A tap that the card names, ``[taps.NAME]``, brings its pooling along where none is given.
        The canary and, where the width may differ, ``dim`` belong to the original and are dropped.

        Raises
        ------
        BadOption
            An option is not one that the modality's table knows, or a pooling is unknown.
        """
        for name, value, expected, words in (
            ("tap", tap, str, "the name of a tensor"),
            ("pooling", pooling, str, "its name"),
            ("normalize", normalize, bool, "True or False"),
            ("options", options, Mapping, "entries by their names"),
        ):
            if value is not None and not isinstance(value, expected):
                raise wrong_type(name, value, words)
        card = self
        if named_tap := next((one for one in self.taps if one.name == tap), None):
            tap, pooling = named_tap.output, named_tap.pooling if pooling is None else pooling
        if tap is not None and tap != self.output:
            # that any number will do was seen at the old tap; that others matter may hold here too
            card = replace(card, output=tap, dim=None, canary=(), batch=card.batch or None)
        if pooling is not None and (named := _pooling(pooling, BadOption)) != self.pooling:
            card = replace(card, pooling=named, dim=None, canary=())
        if normalize is not None and normalize != self.normalize:
            card = replace(card, normalize=normalize, canary=())
        if options:
            table = {**_table(self.input), **options}
            try:
                changed = read_settings(self.modality, table)
            except BadCard as error:
                raise BadOption(f"options= for {self.name}: {error}") from error
            if changed != self.input:
                card = replace(card, input=changed, dim=None, canary=())
        return card

    @classmethod
    def from_toml(cls, text: str, *, path: Path | None = None) -> Card:
        """Return the card that ``text`` describes.

        Raises
        ------
        BadCard
            The text is not TOML, a key is missing, unknown or has an impossible value.
        """
        where = str(path) if path else "card"
        try:
            table = parse_toml(text)
        except ValueError as error:
            raise BadCard(f"{where}: not TOML that a card can be: {error}") from error
        try:
            return cls._from_table(table, path)
        except BadCard as error:
            raise BadCard(f"{where}: {error}") from error

    @classmethod
    def _from_table(cls, table: Mapping[str, Any], path: Path | None) -> Card:
        name = _get(table, "name", str)
        if not _NAME.fullmatch(name):
            raise BadCard(f"name {name!r}: expected letters, digits, '.', '_' and '-' only")
        modality = _get(table, "modality", str)
        if modality not in MODALITIES:
            raise BadCard(f"modality {modality!r}: expected one of {', '.join(MODALITIES)}")
        _refuse_unknown(table, _TOP_KEYS | {modality}, "")
        graph = _get(table, "graph", dict)
        _refuse_unknown(graph, _GRAPH_KEYS, "[graph] ")
        dim = _get(table, "dim", int)
        if not 1 <= dim <= _WIDEST:
            raise BadCard(
                f"dim {dim}: expected the number of columns of a row, 1 or more, at most {_WIDEST}"
            )
        files = _get(table, "files", dict, {})
        optimized = _get(table, "optimized", dict, None)
        return cls(
            name=name,
            modality=modality,
            dim=dim,
            graph=_file(_get(graph, "file", str, "backbone.onnx"), graph, "[graph] "),
            output=_get(graph, "output", str, None),
            pooling=_pooling(_get(graph, "pooling", str, "none"), BadCard),
            normalize=_get(graph, "normalize", bool, False),
            channel_axis=_axis(_get(graph, "channel_axis", int, None)),
            batch=_batch(_get(graph, "batch", int, None)),
            files=tuple(_further_file(key, files) for key in sorted(files)),
            input=_settings(modality, _get(table, modality, dict)),
            license=_get(table, "license", str, "unknown"),
            source=_get(table, "source", str, "unknown"),
            note=_get(table, "note", str, ""),
            canary=_canary(_get(table, "canary", dict, {})),
            optimized=None if optimized is None else QuantizationInfo.from_table(optimized),
            taps=read_named_taps(_get(table, "taps", dict, {})),
            path=path,
        )

    def to_toml(self) -> str:
        """Return the card as text that ``from_toml`` reads back to an equal card, once ``dim`` is known."""
        import tomli_w

        graph: dict[str, Any] = {"file": self.graph.name, **_file_table(self.graph)}
        graph |= {"output": self.output, "pooling": self.pooling, "normalize": self.normalize}
        graph |= {"channel_axis": self.channel_axis, "batch": self.batch}
        table: dict[str, Any] = {
            "name": self.name,
            "modality": self.modality,
            "license": self.license,
            "source": self.source,
            "note": self.note or None,
            "dim": self.dim,
            "graph": _without_none(graph),
            self.modality: _table(self.input),
        }
        if self.files:
            table["files"] = {file.name: _file_table(file) for file in self.files}
        if self.optimized:
            table["optimized"] = self.optimized.to_table()
        if self.taps:
            table["taps"] = {tap.name: tap.to_table() for tap in self.taps}
        if self.canary:
            table["canary"] = {"values": list(self.canary)}
        text = tomli_w.dumps(_without_none(table))
        return with_comments(text, dict(self.comments)) if self.comments else text


def _get(table: Mapping[str, Any], key: str, kind: type, *default: Any) -> Any:
    if key not in table:
        if default:
            return default[0]
        raise BadCard(f"missing {key!r}")
    value = table[key]
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise BadCard(f"{key} = {value!r:.200}: expected {kind.__name__}")
    return value


def _refuse_unknown(table: Mapping[str, Any], known: set[str], where: str) -> None:
    strangers = sorted(set(table) - known)
    if strangers:
        raise BadCard(f"{where}unknown key {strangers[0]!r}; known: {', '.join(sorted(known))}")


def _pooling(value: str, error: type[Exception]) -> str:
    """Return the one text for a pooling, so that equal poolings have equal fingerprints."""
    try:
        return str(read_pooling(value))
    except BadOption as refusal:
        raise error(str(refusal)) from None


def _settings(modality: str, table: Mapping[str, Any]) -> Settings:
    """Return the modality's table; what its entries make Python raise is a card that cannot be."""
    try:
        return read_settings(modality, table)
    except (TypeError, ValueError, OverflowError, AttributeError) as error:
        if isinstance(error, BadCard):
            raise
        raise BadCard(f"[{modality}] has a value of a wrong kind: {error}") from error


def _axis(value: int | None) -> int | None:
    if value is not None and not -_AXES <= value <= _AXES:
        raise BadCard(f"[graph] channel_axis = {value}: expected an axis from -{_AXES} to {_AXES}")
    return value


def _batch(value: int | None) -> int | None:
    if value is not None and not 0 <= value <= _MOST_SAMPLES:
        raise BadCard(
            f"[graph] batch = {value}: expected samples of one run up to {_MOST_SAMPLES}, or 0 for any number"
        )
    return value


def _canary(table: Mapping[str, Any]) -> tuple[float, ...]:
    _refuse_unknown(table, {"values"}, "[canary] ")
    values = _get(table, "values", list, [])
    if not all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in values):
        raise BadCard(f"[canary] values = {values!r:.200}: expected numbers")
    return tuple(float(value) for value in values)


def _further_file(name: str, tables: Mapping[str, Any]) -> File:
    where = f"[files.{name}] "
    table = _get(tables, name, dict)
    _refuse_unknown(table, {"sha256", "size", "url"}, where)
    return _file(name, table, where)


def _file(name: str, table: Mapping[str, Any], where: str) -> File:
    if not is_inner(name) or not name.isprintable() or len(name) > _LONGEST_NAME:
        raise BadCard(f"{where}file {name!r:.200}: expected a name beside the card, without '..'")
    digest = _get(table, "sha256", str)
    if not _DIGEST.fullmatch(digest):
        raise BadCard(f"{where}sha256 {digest!r}: expected 64 hex digits in lower case")
    size = _get(table, "size", int, None)
    if size is not None and size < 0:
        raise BadCard(f"{where}size = {size}: expected bytes, 0 or more")
    url = _get(table, "url", str, None)
    if url is not None and not url.startswith(("https://", "http://")):
        raise BadCard(f"{where}url {url!r}: expected an address that begins with https://")
    return File(name, digest, size, url)


def _file_table(file: File) -> dict[str, Any]:
    return _without_none({"sha256": file.sha256, "size": file.size, "url": file.url})


def _without_none(table: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in table.items() if value is not None}


def _table(settings: Settings) -> dict[str, Any]:
    """Return the settings as a TOML table: tuples are lists, and what is None is left out."""
    pairs = {name: getattr(settings, name) for name in fingerprint_entries(settings)}
    return {
        key: list(value) if isinstance(value, tuple) else value
        for key, value in pairs.items()
        if value is not None
    }
