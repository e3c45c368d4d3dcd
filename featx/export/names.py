"""The names that the inputs of an exported graph have, and those of the backbones inside."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["USUAL", "Names"]


@dataclass(frozen=True, slots=True)
class Names:
    """The names that one input has in a graph.

    Attributes
    ----------
    value : str, default=""
        What the input is called; "": by what it is, such as "image".
    inner : str, default="backbone/"
        The prefix of the backbone's own names, so that none is also ours.
    """

    value: str = ""
    inner: str = "backbone/"

    def own(self, name: str) -> str:
        """Return the backbone's own name of a value."""
        return name.removeprefix(self.inner)

    def whole(self, usual: str) -> str:
        """Return the name of an input that holds whole samples."""
        return self.value or usual

    def part(self, usual: str) -> str:
        """Return the name of one of several inputs that hold parts of a sample, such as its tokens."""
        return f"{self.value}.{usual}" if self.value else usual


USUAL = Names()
"""The names where there is a single input."""
