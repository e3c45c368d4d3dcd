"""Explanations as files: a page, JSON lines, a picture, or a folder of pictures."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Protocol

from featx.errors import BadOption, OutputFailed
from featx.explanation.explanation import Explanation
from featx.explanation.page import MOST_SHOWN, explanation_section, explanations_page
from featx.explanation.record_page import draw_record
from featx.modalities import ShownSamples, shown_samples
from featx.predictor import Predictor
from featx.sources import Sample
from featx.storage.atomic import replacing
from featx.storage.writable import check_writable

if TYPE_CHECKING:
    from featx.storage.remote import AnyPath

__all__ = ["ExplanationOutput", "draw_explanation", "open_output", "open_shown"]

_LINES = (".jsonl", ".ndjson")
_PAGES = (".html", ".htm")
_DRAWINGS = (".png", ".svg")
# Letters of the name of a sample in that of a file.
_NAME = 60


class ExplanationOutput(Protocol):
    """A place that explanations are written to, one after the other."""

    def write(self, sample: Sample, found: Explanation) -> None:
        """Write one explanation."""

    def close(self) -> None:
        """Write what is held back."""


def draw_explanation(predictor: Predictor, sample: Sample, found: Explanation) -> tuple[bytes, str]:
    """Return a sample drawn with the values of its places as a file, and the suffix of its name.

    A picture is a PNG, a text or a record of several inputs an HTML page, a sound an SVG.

    Raises
    ------
    BadSample
        The sample cannot be read any more.
    """
    title = f"{found.id}: {found.heading}"
    if found.inputs:
        section = explanation_section(found, draw_record(predictor, sample, found), ())
        return explanations_page(title, [section]).encode(), ".html"
    shown, content = open_shown(predictor, sample)
    return shown.draw_file(content, found.places, found.extent, title)


def open_shown(predictor: Predictor, sample: Sample) -> tuple[ShownSamples, Any]:
    """Return what draws the samples of a predictor, and the content of one of them.

    Raises
    ------
    BadSample
        The sample cannot be read any more.
    """
    reader = predictor.open().reader
    return shown_samples(predictor.card.modality, reader), reader.load(sample.data)


@contextmanager
def open_output(
    path: AnyPath | None, predictor: Predictor, title: str, total: int | None
) -> Iterator[ExplanationOutput | None]:
    """Give what writes explanations to a path, of the form that its name says; None where there is no path.

    Nothing half-written is left where the work fails, but for what a folder has already.

    Parameters
    ----------
    path : Path, RemotePath or None
    predictor : Predictor
    title : str
        Of a page.
    total : int or None
        How many samples there will be; None where that is not known.

    Raises
    ------
    OutputFailed
        The path cannot be written.
    BadOption
        Its name says a form that there is not.
    """
    if path is None:
        yield None
        return
    suffix = path.suffix.lower()
    # What lies at an address is told by its name.
    if not suffix or (isinstance(path, Path) and path.is_dir()):
        yield _Folder(path, predictor)
        return
    check_writable(path)
    if suffix in _DRAWINGS and total != 1:
        raise BadOption(
            f"{path}: shows one sample, found {'several' if total is None else total}; expected a folder "
            "or a page, .html"
        )
    kinds: dict[str, type[Any]] = {
        **dict.fromkeys(_LINES, _Lines),
        **dict.fromkeys(_PAGES, _Page),
        **dict.fromkeys(_DRAWINGS, _Drawing),
    }
    if suffix not in kinds:
        expected = ", ".join([*_PAGES[:1], *_LINES, *_DRAWINGS])
        raise BadOption(f"{path}: expected a folder or a name that ends in one of {expected}")
    with replacing(path) as temporary, temporary.open("wb") as file:
        writer = kinds[suffix](file, predictor, path, title)
        yield writer
        writer.close()


class _Lines:
    """A line of JSON an explanation."""

    def __init__(self, file: IO[bytes], predictor: Predictor, path: AnyPath, title: str) -> None:
        self._file = file

    def write(self, sample: Sample, found: Explanation) -> None:
        line = json.dumps(found.to_dict(digits=6), ensure_ascii=False)
        self._file.write(f"{line}\n".encode("utf-8", "backslashreplace"))

    def close(self) -> None:
        """Do nothing: every line is written."""


class _Page:
    """A page of all explanations, or the first of them."""

    def __init__(self, file: IO[bytes], predictor: Predictor, path: AnyPath, title: str) -> None:
        self._file, self._predictor, self._title = file, predictor, title
        self._sections: list[Any] = []
        self._left_out = 0

    def write(self, sample: Sample, found: Explanation) -> None:
        if len(self._sections) == MOST_SHOWN:
            self._left_out += 1
            return
        if found.inputs:
            drawing = draw_record(self._predictor, sample, found)
            self._sections.append(explanation_section(found, drawing, ()))
            return
        shown, content = open_shown(self._predictor, sample)
        title = f"{found.id}: {found.heading}"
        drawing = shown.draw(content, found.places, found.extent, title)
        named = shown.name_places(content, found.places)
        self._sections.append(explanation_section(found, drawing, named))

    def close(self) -> None:
        page = explanations_page(self._title, self._sections, self._left_out)
        self._file.write(page.encode())


class _Drawing:
    """A picture of one sample."""

    def __init__(self, file: IO[bytes], predictor: Predictor, path: AnyPath, title: str) -> None:
        self._file, self._predictor, self._path = file, predictor, path

    def write(self, sample: Sample, found: Explanation) -> None:
        content, suffix = draw_explanation(self._predictor, sample, found)
        if suffix != self._path.suffix.lower():
            raise BadOption(f"{self._path}: what is drawn of it is {suffix}; expected such a name")
        self._file.write(content)

    def close(self) -> None:
        """Do nothing: the picture is written."""


class _Folder:
    """A folder with a picture of each sample."""

    def __init__(self, path: AnyPath, predictor: Predictor) -> None:
        try:
            path.mkdir(exist_ok=True)
        except OSError as error:
            raise OutputFailed(f"{path}: {(error.strerror or str(error)).lower()}") from error
        self._path, self._predictor, self._count = path, predictor, 0
        check_writable(path / "0.png")

    def write(self, sample: Sample, found: Explanation) -> None:
        content, suffix = draw_explanation(self._predictor, sample, found)
        self._count += 1
        name = re.sub(r"\W+", "-", Path(found.id).stem, flags=re.ASCII).strip("-")[:_NAME]
        with replacing(self._path / f"{self._count:04d}-{name or 'sample'}{suffix}") as temporary:
            temporary.write_bytes(content)

    def close(self) -> None:
        """Do nothing: every picture is written."""
