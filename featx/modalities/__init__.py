"""Modalities: how images, texts and sounds become the tensors that a card asks for.

A modality is one package here and one line in the tables below; a card describes it by a table of the
modality's name. No other package of featx knows which modalities exist.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, runtime_checkable

import numpy.typing as npt

from featx._lazy import load_named
from featx._typing import Doubles, FloatArray, Integers, Mask
from featx.errors import BadCard
from featx.storage.blob import Blob

if TYPE_CHECKING:
    from featx.pages.markup import Markup

__all__ = [
    "DEFAULTS",
    "MODALITIES",
    "Batch",
    "DoubtfulReader",
    "Geometry",
    "ItemReader",
    "MeasuringReader",
    "Occlusions",
    "PaddingReader",
    "PlaceValue",
    "Reader",
    "Settings",
    "ShownSamples",
    "added_later",
    "among",
    "fingerprint_entries",
    "kind_of",
    "read_feeds",
    "read_settings",
    "refuse_unknown",
    "shown",
    "shown_samples",
    "suffixes",
    "varied_samples",
]

# A place as ``Geometry.places`` gives it, and its value.
PlaceValue = tuple[tuple[float, ...] | None, float]

# Characters of a value in a message.
_SHOWN = 60


MODALITIES: Mapping[str, str] = MappingProxyType(
    {
        "image": "featx.modalities.image.settings:ImageSettings",
        "text": "featx.modalities.text.settings:TextSettings",
        "audio": "featx.modalities.audio.settings:AudioSettings",
    }
)
VARIETIES: Mapping[str, str] = MappingProxyType(
    {
        "image": "featx.modalities.image.variety:draw_pictures",
        "text": "featx.modalities.text.variety:choose_texts",
        "audio": "featx.modalities.audio.variety:draw_sounds",
    }
)
SHOWN: Mapping[str, str] = MappingProxyType(
    {
        "image": "featx.modalities.image.shown:ShownPictures",
        "text": "featx.modalities.text.shown:ShownTexts",
        "audio": "featx.modalities.audio.shown:ShownSounds",
    }
)
DEFAULTS: Mapping[str, str] = MappingProxyType(
    {
        "image": "featx-image-nano",
        "text": "featx-text-nano",
        "audio": "featx-audio-nano",
    }
)


@dataclass(frozen=True, slots=True)
class Batch:
    """Tensors for one run of a graph.

    Attributes
    ----------
    feeds : mapping of str to ndarray
        Tensors by the names that graphs of the modality give their inputs, all with the same first
        axis; a graph with one input takes the only feed whatever its name.
    item_index : ndarray of shape (n,), intp
        Which of the items given to ``Reader.batches`` each entry of the first axis belongs to.
    mask : ndarray of shape (n, positions), bool, or None
        False where a position (a token, say) is only padding.
    window_index : ndarray of shape (n,), intp, or None
        Which window of its item each entry is; None where the windows of an item come in order.
    main : str or None
        The feed that an input of an unknown name takes, where it is the only such input and no other takes
        that feed; None where every input goes by its name.
    """

    feeds: Mapping[str, npt.NDArray[Any]]
    item_index: Integers
    mask: Mask | None = None
    window_index: Integers | None = None
    main: str | None = None


class Geometry(Protocol):
    """The places of a sample from which the parts of its tensor come."""

    def locate(
        self, position: tuple[int, ...], shape: tuple[int, ...], window: int = 0
    ) -> tuple[float, ...] | None:
        """Return the part of the sample that a position of a map shows; None where it shows none.

        ``position`` is an index into a map of ``shape``, channels left out; ``window`` is the part
        of the sample that the map was made of, where there are several.
        """

    def places(
        self, shape: tuple[int, ...], window: int = 0, mask: Mask | None = None
    ) -> Sequence[tuple[float, ...] | None]:
        """Return the part of the sample that each position of a map shows, in the order of its positions.

        A part is one that can be shown to people: a box of the picture turned upright, characters, or
        seconds. Several positions may have the same. Those where ``mask``, of all positions, is False are
        padding and left out. Raises NoExactSum where nothing tells where they are.
        """

    @property
    def extent(self) -> tuple[float, ...]:
        """The size of the sample in the unit of places: width and height, characters, or seconds."""


@dataclass(frozen=True, slots=True, eq=False)
class Occlusions:
    """A sample, and the same with one of its places hidden.

    Attributes
    ----------
    places : tuple of tuple of float
        As ``Geometry.places`` gives them.
    extent : tuple of float
        As ``Geometry.extent``.
    hide : callable
        Returns the item without the place of an index; without any for None.
    """

    places: tuple[tuple[float, ...], ...]
    extent: tuple[float, ...]
    hide: Callable[[int | None], Any]


class ItemReader(Protocol):
    """A reader turns samples of one modality into items; it may be used from several threads at once."""

    chunk_size: int
    """Samples that one worker should take at a time where nobody says."""
    batch_size: int
    """Samples that should go through the graph together where nobody says."""

    def load(self, data: Any) -> Any:
        """Return the content of a sample: bytes of a path, else the thing itself. Raises BadSample."""

    def digest(self, content: Any) -> bytes:
        """Return what identifies the content: 32 bytes, equal for equal content."""

    def read(self, content: Any) -> Any:
        """Return the content decoded and preprocessed: one item. Raises BadSample."""


class Reader(ItemReader, Protocol):
    """A reader that also turns items into batches for a graph, and rows of batches into rows of samples."""

    def read_with_geometry(self, content: Any) -> tuple[Any, Geometry]:
        """Return the item of ``read`` and where its parts come from. Raises BadSample."""

    def is_item(self, value: Any) -> bool:
        """Return whether a value is such as ``read`` gives."""

    def batches(self, items: Sequence[Any], size: int) -> Iterable[Batch]:
        """Give the items as batches of at most ``size``, in any order; an item may have several entries."""

    def merge(self, rows: FloatArray, item_index: Integers, n: int) -> FloatArray:
        """Return one row for each of ``n`` items of the rows of all batches."""

    def pull_merge(self, weights: Doubles, rows: FloatArray) -> Doubles:
        """Return the weights of the rows of one item's windows, for weights of the row that they merge to.

        Raises NoExactSum where it is no sum of them.
        """


class ShownSamples(Protocol):
    """Samples of a modality as explanations show them: with places hidden, or coloured by their values."""

    most_places: ClassVar[int]
    """Places of a sample that are hidden one after the other where nobody says."""

    def __init__(self, reader: Any) -> None:
        """Keep the reader of a backbone, whose contents are shown."""

    def occlusions(self, content: Any, n: int) -> Occlusions:
        """Return a sample with about ``n`` places that can be hidden. Raises BadSample."""

    def name_places(
        self, content: Any, places: Sequence[PlaceValue]
    ) -> Sequence[tuple[str, float]]:
        """Return places in words with their values; those that are one to people are added up."""

    def draw(
        self, content: Any, places: Sequence[PlaceValue], extent: tuple[float, ...], title: str
    ) -> Markup:
        """Return a sample with the values of its places, for a page."""

    def draw_file(
        self, content: Any, places: Sequence[PlaceValue], extent: tuple[float, ...], title: str
    ) -> tuple[bytes, str]:
        """Return the same as a file of its own, and the suffix of its name."""


@runtime_checkable
class MeasuringReader(Protocol):
    """A reader that can tell how large a sample is before it decodes it."""

    extent_unit: ClassVar[str]
    """The unit in words: pixels or seconds."""

    def extent(self, data: Any) -> float:
        """Return how large the sample says that it is; 0 for what cannot be read, and never raise."""


@runtime_checkable
class PaddingReader(Protocol):
    """A reader whose items are of unlike lengths, and are filled up where they share a batch."""

    def batch_of_all(self, items: Sequence[Any]) -> Batch:
        """Return one batch of all items, however unlike their lengths are."""


@runtime_checkable
class DoubtfulReader(Protocol):
    """A reader that can tell which of its items a backbone can hardly make sense of."""

    def is_doubtful(self, item: Any) -> bool:
        """Return whether an item holds hardly anything that the backbone knows."""

    def describe_doubts(self, count: int, examined: int, name: str) -> str:
        """Return what to say where ``count`` of the items that were examined are doubtful, in one line.

        ``name`` is the backbone's.
        """

    def describe_doubt(self, item: Any, name: str) -> str:
        """Return what to say of one doubtful item to whoever sent it; ``name`` is the backbone's."""


class Settings(Protocol):
    """A modality's table in a card, as a frozen dataclass: all that decides the preprocessing."""

    modality: ClassVar[str]
    suffixes: ClassVar[frozenset[str]]
    baseline_name: ClassVar[str]
    """What the rows of its baseline are, in the plural."""
    string_is_sample: ClassVar[bool]
    """Whether a str is the sample itself; otherwise it names the file that holds it."""
    takes_segments: ClassVar[bool]
    """True where a part of a file, from one second to another, can be a sample."""

    @classmethod
    def from_table(cls, table: Mapping[str, Any]) -> Settings:
        """Return the settings that a card's table describes; raises BadCard."""

    def open(self, files: Mapping[str, Blob]) -> Reader:
        """Return the reader; ``files`` are the card's further files, by name."""

    def canary(self) -> Any:
        """Return a built-in sample, the same on every machine."""

    def probes(self) -> Sequence[Any]:
        """Return the canary and samples as unlike it as can be, to see whether one changes another's row."""

    def baseline(self) -> ItemReader:
        """Return a reader whose items are rows themselves: what is known without any backbone."""


def read_settings(modality: str, table: Mapping[str, Any]) -> Settings:
    """Return the settings that a card's table describes.

    Raises
    ------
    BadCard
        The modality is unknown, or the table has an unknown key or an impossible value.
    """
    return kind_of(modality).from_table(table)


def suffixes(modality: str) -> frozenset[str]:
    """Return the file suffixes, lower case and with their dot, that a folder offers for a modality."""
    return kind_of(modality).suffixes


def kind_of(modality: str) -> type[Settings]:
    """Return the type of a modality's settings.

    Raises
    ------
    BadCard
        The modality is unknown.
    """
    if modality not in MODALITIES:
        raise BadCard(f"modality {modality!r}: expected one of {', '.join(MODALITIES)}")
    kind: type[Settings] = load_named(MODALITIES[modality])
    return kind


def shown_samples(modality: str, reader: Any) -> ShownSamples:
    """Return the samples of a reader as explanations show them."""
    kind: type[ShownSamples] = load_named(SHOWN[modality])
    return kind(reader)


def varied_samples(settings: Settings) -> Sequence[Any]:
    """Return twenty built-in samples of a modality that no useful backbone takes for one another."""
    samples: Sequence[Any] = load_named(VARIETIES[settings.modality])(settings)
    return samples


def added_later(default: Any) -> Any:
    """Return the field of an entry that cards did not always have: by default no fingerprint knows it."""
    return field(default=default, metadata={"later": True})


def fingerprint_entries(settings: Any) -> dict[str, Any]:
    """Return the entries of a card's table that decide its fingerprint.

    An entry that was added later counts only where it says something, so that the fingerprints of
    cards stay what they were.
    """
    later = {one.name: one.default for one in fields(settings) if one.metadata.get("later")}
    table = asdict(settings)
    return {key: value for key, value in table.items() if key not in later or value != later[key]}


def refuse_unknown(kind: type[Any], table: Mapping[str, Any]) -> None:
    """Raise BadCard where a card's table has a key that the modality's settings do not."""
    known = {field.name for field in fields(kind)}
    if not isinstance(table, Mapping):
        raise BadCard(f"[{kind.modality}] = {shown(table)}: expected a table")
    if strangers := sorted(map(str, set(table) - known)):
        raise BadCard(
            f"[{kind.modality}] unknown key {shown(strangers[0])}; known: {', '.join(sorted(known))}"
        )


def among(modality: str, name: str, value: Any, known: Collection[str]) -> None:
    """Raise BadCard where an entry of a card's table is none of those that there are."""
    # a tuple: a table or a list, as a damaged card may hold, has no hash
    if value not in tuple(known):
        raise BadCard(f"[{modality}] {name} = {shown(value)}: expected one of {', '.join(known)}")


def read_feeds(modality: str, value: Any) -> tuple[tuple[str, str], ...]:
    """Return the names of a graph's inputs with the usual ones, from a table or a list of pairs.

    Raises
    ------
    BadCard
        It is something else.

    Examples
    --------
    >>> read_feeds("text", {"ids:0": "input_ids"})
    (('ids:0', 'input_ids'),)
    """
    pairs = list(value.items()) if isinstance(value, Mapping) else value
    fine = isinstance(pairs, (list, tuple)) and all(
        isinstance(pair, (list, tuple))
        and len(pair) == 2
        and all(isinstance(name, str) for name in pair)
        for pair in pairs
    )
    if not fine:
        raise BadCard(
            f"[{modality}] feeds = {value!r}: expected a table such as {{'ids:0' = 'input_ids'}}"
        )
    return tuple((own, usual) for own, usual in pairs)


def shown(value: Any) -> str:
    """Return a value of a card or of ``--set`` as messages show it: one line of limited length.

    >>> shown("x" * 100)
    "'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…"
    """
    try:
        text = repr(value[:_SHOWN] if isinstance(value, str) else value)
    except (ValueError, RecursionError):
        # Python prints no int of thousands of digits
        text = type(value).__name__
    text = text.encode("utf-8", "backslashreplace").decode()
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
