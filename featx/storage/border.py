"""The border to libraries that parse bytes which featx did not write: what they raise becomes one of ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from featx.errors import BadArtifact, FeatxError

__all__ = ["error_line", "library_border"]

# The most characters that a message takes over from a library.
_LONGEST = 200


@contextmanager
def library_border(
    subject: str,
    error: type[FeatxError] = BadArtifact,
    *,
    passing: tuple[type[BaseException], ...] = (),
) -> Iterator[None]:
    """Turn what a library raises into ``error``, in one line; interrupts and featx's own errors pass.

    Parameters
    ----------
    subject : str
        What is being read and by what, for the message.
    error : type, default=BadArtifact
        The class of what is raised.
    passing : tuple of types, default=()
        Further exceptions that pass as they are.

    Examples
    --------
    >>> with library_border("zip.bin: not read by zipfile"):
    ...     raise RecursionError("too deep")
    Traceback (most recent call last):
    featx.errors.BadArtifact: zip.bin: not read by zipfile: RecursionError: too deep
    """
    try:
        yield
    except (FeatxError, KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    # The panics of Rust's libraries are no Exception.
    except BaseException as cause:
        if isinstance(cause, passing):
            raise
        text = error_line(cause)
        said = f"{type(cause).__name__}: {text}" if text else type(cause).__name__
        raise error(f"{subject}: {said}") from cause


def error_line(error: BaseException) -> str:
    """Return what an error says in one line that UTF-8 can hold, and no more than 200 characters of it.

    >>> error_line(ValueError("expected 1\\n  found 2"))
    'expected 1 found 2'
    """
    text = " ".join(str(error).split())[:_LONGEST]
    return text.encode("utf-8", "backslashreplace").decode()
