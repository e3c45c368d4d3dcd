"""Forms with files, parsed from a body that is whole and lies in memory already."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from featx.server.errors import HTTPError

__all__ = ["FormFile", "parse_form"]

T = TypeVar("T")

# Bytes that are parsed at a time.
_PIECE = 1 << 16
# Bytes of what stands before the content of a part.
_MAX_HEAD = 1 << 14


@dataclass(frozen=True, slots=True)
class FormFile:
    """A file of a form, as its part describes it."""

    name: str
    media_type: str
    data: bytes


def parse_form(
    body: bytes, headers: Headers, *, max_files: int, max_fields: int
) -> list[tuple[str, str | FormFile]]:
    """Return the fields and files of a form (multipart/form-data) with their names, in order.

    Raises
    ------
    HTTPError
        It is no form, has no end, too many files or fields, or too long a head of a part (400).
    """

    async def pieces() -> AsyncGenerator[bytes, None]:
        for start in range(0, len(body), _PIECE):
            yield body[start : start + _PIECE]
        # A part that was cut off would be left out without a word. Raised here the parser closes its files.
        if not parser.ended:
            raise MultiPartException(
                "the form has no end: expected its boundary and two hyphens behind its last part"
            )

    parser = _Parser(
        headers,
        pieces(),
        max_files=max_files,
        max_fields=max_fields,
        max_part_size=len(body) + 1,
    )
    # Nothing is written to a disk.
    parser.spool_max_size = len(body) + 1
    try:
        form = _run(parser.parse())
    except MultiPartException as error:
        raise HTTPError(400, "bad_request", error.message) from error
    # What the parser below raises is a ValueError; the others come of names and types that are no text.
    except (ValueError, LookupError, AttributeError) as error:
        raise HTTPError(400, "bad_request", f"the body is no form: {error}") from error
    return [
        (name, _read(value) if isinstance(value, UploadFile) else value)
        for name, value in form.multi_items()
    ]


def _read(upload: UploadFile) -> FormFile:
    with upload.file as file:
        return FormFile(upload.filename or "", upload.content_type or "", file.read())


class _Parser(MultiPartParser):
    """A parser that refuses a part with a long head: it is built of pieces, and read by slow functions.

    Attributes
    ----------
    ended : bool
        Whether the end of the form has come.
    """

    ended = False

    def on_end(self) -> None:
        super().on_end()
        self.ended = True

    def on_part_begin(self) -> None:
        super().on_part_begin()
        self._head_bytes = 0

    def on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._count(end - start)
        super().on_header_field(data, start, end)

    def on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._count(end - start)
        super().on_header_value(data, start, end)

    def _count(self, size: int) -> None:
        self._head_bytes += size
        if self._head_bytes > _MAX_HEAD:
            raise MultiPartException(f"the head of a part is longer than {_MAX_HEAD} bytes")


def _run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Return the result of a coroutine that never waits: all that it asks for is there."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    coroutine.close()
    raise RuntimeError("parsing a form in memory waited for something")
