"""Every deliberate failure of featx is a class of one tree, every warning a class of another.

Messages are one line: what was expected, what was found, what to do next. Each class also descends from
the builtin exception that people already catch, where one fits; it stands behind the name::

    FeatxError (Exception)
    ├── BadArtifact (ValueError)
    ├── BadCard (ValueError)
    ├── BadGraph (ValueError)
    ├── BadLabels (ValueError)
    ├── BadModelFolder (ValueError)
    ├── BadOption (ValueError)
    ├── BadSample (ValueError)
    │   └── MissingInput
    ├── BadSource (ValueError)
    ├── BadTable (ValueError)
    ├── ClusterFailed (RuntimeError)
    ├── DownloadFailed (ConnectionError)
    ├── MissingExtra (ImportError)
    ├── MissingProvider (ValueError)
    ├── MissingWeights (FileNotFoundError)
    ├── NoExactSum (ValueError)
    ├── NotExportable (ValueError)
    ├── OutputFailed (OSError)
    ├── TooLossy (ValueError)
    ├── UnknownName (LookupError)
    │   ├── UnknownBackbone
    │   ├── UnknownHead
    │   ├── UnknownTap
    │   └── UnknownTask
    ├── WrongCanary (ValueError)
    └── WrongDigest (ValueError)
    FeatxWarning (UserWarning)
    └── FeatxNotice
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

__all__ = [
    "BadArtifact",
    "BadCard",
    "BadGraph",
    "BadLabels",
    "BadModelFolder",
    "BadOption",
    "BadSample",
    "BadSource",
    "BadTable",
    "ClusterFailed",
    "DownloadFailed",
    "FeatxError",
    "FeatxNotice",
    "FeatxWarning",
    "MissingExtra",
    "MissingInput",
    "MissingProvider",
    "MissingWeights",
    "NoExactSum",
    "NotExportable",
    "OutputFailed",
    "TooLossy",
    "UnknownBackbone",
    "UnknownHead",
    "UnknownName",
    "UnknownTap",
    "UnknownTask",
    "WrongCanary",
    "WrongDigest",
    "check_iterable",
    "first_line",
    "reason_of",
    "wrong_type",
]


# Characters of a message, of which the last ones are its end.
_MOST, _END = 2000, 500


def _shortened(message: str) -> str:
    """Return a message without the middle of a very long one: somebody's cell or label may stand in it."""
    left = len(message) - _MOST
    if left <= 0:
        return message
    return f"{message[: _MOST - _END]} … ({left:,} characters left out) … {message[-_END:]}"


class FeatxError(Exception):
    """The base of all that featx raises on purpose; each message is one line that says what to do.

    Examples
    --------
    >>> import featx
    >>> try:
    ...     featx.Backbone("featx-image-nana")
    ... except featx.FeatxError as error:
    ...     print(error)
    no backbone named 'featx-image-nana'; did you mean 'featx-image-nano'?
    """

    # Some of the builtin classes would print more than the message, such as an errno that there is not.
    def __str__(self) -> str:
        return _shortened(str(self.args[0])) if self.args else ""


class FeatxWarning(UserWarning):
    """Something is not as it should be, and featx went on without it.

    Examples
    --------
    >>> import warnings
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("error", FeatxWarning)
    ...     warnings.warn("1 of 9 samples could not be read and is left out", FeatxWarning)
    Traceback (most recent call last):
    featx.errors.FeatxWarning: 1 of 9 samples could not be read and is left out
    """

    def __str__(self) -> str:
        return _shortened(super().__str__())


class FeatxNotice(FeatxWarning):
    """What is going to happen, said beforehand; nothing is wrong."""


class BadOption(FeatxError, ValueError):
    """A parameter has a value that featx cannot use."""


class BadCard(FeatxError, ValueError):
    """A ``card.toml`` is missing something, or says something that cannot be."""


class BadGraph(FeatxError, ValueError):
    """A file is not an ONNX graph, or is one that featx cannot feed."""


class BadModelFolder(FeatxError, ValueError):
    """A folder is not one of a model, or says of its graph what no card of featx can."""


class BadSample(FeatxError, ValueError):
    """One input could not be read; extraction turns it into a reject when asked to skip.

    Examples
    --------
    >>> import featx
    >>> featx.FeatureExtractor().transform([b"no picture"])
    Traceback (most recent call last):
    featx.errors.BadSample: sample 0: not an image...
    """


class MissingInput(BadSample):
    """A sample has no value of an input that it needs; with ``missing="zero"`` it is taken."""


class BadSource(FeatxError, ValueError):
    """A folder, table, archive or list from which no samples can be read."""


class BadTable(FeatxError, ValueError):
    """Rows that make no table, or a file of them that cannot be read or written as its name says."""


class BadLabels(FeatxError, ValueError):
    """Labels from which no classifier can be trained or measured."""


class BadArtifact(FeatxError, ValueError):
    """A saved classifier that is damaged, too new, untrusted, or made for another backbone."""


class ClusterFailed(FeatxError, RuntimeError):
    """A cluster cannot be reached, or one of its machines cannot do the work."""


class MissingWeights(FeatxError, FileNotFoundError):
    """A backbone is known but its bytes are not on this machine."""


class WrongDigest(FeatxError, ValueError):
    """Bytes are not the ones that a card promises."""


class WrongCanary(FeatxError, ValueError):
    """A backbone that was made for one machine gives other rows on this one."""


class DownloadFailed(FeatxError, ConnectionError):
    """A pull did not end with the right bytes."""


class TooLossy(FeatxError, ValueError):
    """An optimised backbone is further from its parent than was allowed, so it was not kept."""


class OutputFailed(FeatxError, OSError):
    """A result could not be written; nothing half-written is left."""


class MissingExtra(FeatxError, ImportError):
    """An optional library is needed and not installed."""


class MissingProvider(FeatxError, ValueError):
    """An execution provider that the installed ONNX Runtime does not have, or cannot start here."""


class NoExactSum(FeatxError, ValueError):
    """A score that is no exact sum over the places of its sample: it can only be explained by hiding them.

    ``reason`` is what is not linear, without what follows from it.
    """

    def __init__(self, message: str, reason: str = "") -> None:
        super().__init__(message)
        self.reason = reason or message


class NotExportable(FeatxError, ValueError):
    """A part of a classifier, such as its head or tokenizer, that cannot be written as a graph."""


class UnknownName(FeatxError, LookupError):
    """A name that is not among the known ones; the message suggests the nearest."""

    noun = "name"

    def __init__(self, name: str, known: Iterable[str]) -> None:
        self.name = name
        # a damaged graph has names that are bytes
        self.known = sorted(map(str, known))
        guess = get_close_matches(name, self.known, n=1)
        listed = ", ".join(self.known[:20]) + (", …" if len(self.known) > 20 else "")
        hint = f"did you mean {guess[0]!r}?" if guess else f"known: {listed or 'none'}"
        super().__init__(f"no {self.noun} named {name!r}; {hint}")

    def __reduce__(self) -> tuple[type, tuple[str | list[str], ...]]:
        return type(self), (self.name, self.known)


class UnknownBackbone(UnknownName):
    """No card in any model directory carries this name.

    Parameters
    ----------
    pulls : str, default=""
        What pulls a model of that name, where there is one on a hub.
    advice : str, default=""
        What to do where the name is known and nothing can be pulled.
    """

    noun = "backbone"

    def __init__(self, name: str, known: Iterable[str], pulls: str = "", advice: str = "") -> None:
        super().__init__(name, known)
        self.pulls, self.advice = pulls, advice
        if pulls or advice:
            self.args = (
                f"no backbone named {name!r} is on this machine; {advice or f'run: {pulls}'}",
            )

    def __reduce__(self) -> tuple[type, tuple[str | list[str], ...]]:
        return type(self), (self.name, self.known, self.pulls, self.advice)


class UnknownHead(UnknownName):
    """No head carries this name."""

    noun = "head"


class UnknownTask(UnknownName):
    """No task carries this name."""

    noun = "task"


class UnknownTap(UnknownName):
    """The graph has no tensor of this name."""

    noun = "tensor"


def reason_of(error: BaseException, path: object) -> str:
    """Return why something failed, without the path that the message about it begins with.

    >>> reason_of(FileNotFoundError(2, "No such file or directory", "a.csv"), "a.csv")
    'no such file or directory'
    >>> reason_of(BadSource("a.csv: line 3: not UTF-8"), "a.csv")
    'line 3: not UTF-8'
    """
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return first_line(error).removeprefix(f"{path}: ")


def first_line(error: BaseException) -> str:
    """What another library's failure says, without its details."""
    return str(error).strip().partition("\n")[0]


def wrong_type(name: str, value: object, expected: str) -> BadOption:
    """Return the refusal of an argument whose type featx has no use for.

    >>> print(wrong_type("cache", 5, "a path"))
    cache = 5: expected a path, found int
    """
    shown = " ".join(repr(value).split())
    return BadOption(f"{name} = {shown:.60}: expected {expected}, found {type(value).__name__}")


def check_iterable(name: str, value: object, expected: str) -> None:
    """Refuse an argument that is no list, array or other iterable; a text and bytes are none here.

    >>> check_iterable("groups", ["a", "b"], "a name a sample")
    >>> check_iterable("groups", 5, "a name a sample")
    Traceback (most recent call last):
    featx.errors.BadOption: groups = 5: expected a name a sample, found int
    """
    if isinstance(value, str | bytes) or not hasattr(value, "__iter__"):
        raise wrong_type(name, value, expected)
