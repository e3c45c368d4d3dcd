"""Arrays of a saved predictor, read without running any code."""

from __future__ import annotations

import io
import zlib
from collections.abc import Sequence
from typing import Any
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from featx.errors import BadArtifact

__all__ = ["read_arrays"]


def read_arrays(
    data: bytes, content: str, required: Sequence[str], optional: Sequence[str] = ()
) -> dict[str, npt.NDArray[Any]]:
    """Return the arrays of an ``.npz``, by name; nothing in it can be code.

    Parameters
    ----------
    data : bytes
    content : str
        What the arrays should be, for the message, such as "a head".
    required, optional : sequences of str
        Names that must and that may be there; a file with others is refused before any array is read.

    Raises
    ------
    BadArtifact
        The bytes are no such file, it is damaged, or it has other names.
    """
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as stored:
            names = set(stored.files)
            if set(required) - names or names - {*required, *optional}:
                raise KeyError(f"expected {', '.join(required)}, found {', '.join(sorted(names))}")
            return {name: stored[name] for name in stored.files}
    except (
        AttributeError,
        OSError,
        ValueError,
        KeyError,
        TypeError,
        EOFError,
        BadZipFile,
        zlib.error,
    ) as error:
        raise BadArtifact(f"not the arrays of {content}: {error}") from error
