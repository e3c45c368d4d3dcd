"""Recipes: what a card will say, each entry with the file and the key that it comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from featx.errors import BadOption

__all__ = ["Recipe", "Setting"]


@dataclass(frozen=True, slots=True)
class Setting:
    """A value of a card's entry, and where it comes from.

    Attributes
    ----------
    value : object
        As the card's table takes it.
    origin : str
        Such as "preprocessor_config.json: size.shortest_edge", "default of CLIPImageProcessor", "the graph"
        or "given".
    remark : str
        What a person should know of it as long as it is this one; mostly empty.

    Examples
    --------
    >>> Setting(224, "preprocessor_config.json: crop_size").value
    224
    """

    value: Any
    origin: str
    remark: str = field(default="", repr=False)


@dataclass(slots=True)
class Recipe:
    """The statements of a model folder on its graph, while it is being read.

    Attributes
    ----------
    modality : str
        A name in ``featx.modalities.MODALITIES``.
    settings : dict of str to Setting
        The entries of the card's table that is named after the modality.
    graph : dict of str to Setting
        The entries of the card's ``[graph]`` table that decide the row: output, pooling, normalize,
        channel_axis, batch.
    files : list of str
        The names of further files, relative to the folder, that the card needs: a tokenizer, for one.
    made : dict of str to bytes
        Further files that the folder lacks and that were made of others: the tokenizer of a vocabulary.
    layers : tuple
        What comes after the tokens of a text and is to be joined to the graph, the pooling first; see
        ``featx.hub.dense.join_layers``. Mostly empty: a card says the pooling itself.
    about : dict of str to Setting
        What people must know: ``license`` and ``source`` of the card.
    remarks : list of str
        What a person should know: sources that disagree, and which one was taken.

    Examples
    --------
    >>> recipe = Recipe("image")
    >>> recipe.set("crop", 224, "default of CLIPImageProcessor")
    >>> recipe.override({"crop": 160})
    >>> recipe.settings["crop"]
    Setting(value=160, origin='given')
    """

    modality: str
    settings: dict[str, Setting] = field(default_factory=dict)
    graph: dict[str, Setting] = field(default_factory=dict)
    files: list[str] = field(default_factory=list)
    made: dict[str, bytes] = field(default_factory=dict)
    layers: tuple[Any, ...] = ()
    about: dict[str, Setting] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)

    def set(self, name: str, value: Any, origin: str, remark: str = "") -> None:
        """Set an entry of the modality's table."""
        self.settings[name] = Setting(value, origin, remark)

    def set_graph(self, name: str, value: Any, origin: str, remark: str = "") -> None:
        """Set an entry of the card's ``[graph]`` table."""
        self.graph[name] = Setting(value, origin, remark)

    def all_remarks(self) -> list[str]:
        """Return the remarks, with those of the entries that are still as they were set."""
        entries = (*self.graph.values(), *self.settings.values())
        return [*self.remarks, *(entry.remark for entry in entries if entry.remark)]

    def override(self, given: Mapping[str, Any]) -> None:
        """Set the entries of the modality's table that a user gave."""
        for name, value in given.items():
            self.set(name, value, "given")

    def comments(self) -> tuple[tuple[str, str], ...]:
        """Return where each entry comes from, for ``Card.comments``."""
        tables = {"": self.about, "graph.": self.graph, f"{self.modality}.": self.settings}
        return tuple(
            (prefix + name, setting.origin)
            for prefix, entries in tables.items()
            for name, setting in entries.items()
        )

    def table(self) -> dict[str, Any]:
        """Return the values of the modality's table, for ``read_settings``."""
        return {name: setting.value for name, setting in self.settings.items()}

    def value(self, name: str) -> Any:
        """Return the value of an entry of the modality's table.

        Raises
        ------
        BadOption
            Nothing has set it.
        """
        if name not in self.settings:
            raise BadOption(
                f"recipe: {name!r} is not known; expected one of {', '.join(self.settings)}"
            )
        return self.settings[name].value
