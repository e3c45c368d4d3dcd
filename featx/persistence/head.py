"""A trained head as files of a classifier: its estimator through skops, and its arrays where it is linear.

``head.skops`` is the head, whole; ``head.npz`` says the same of a linear one in a few arrays, from which it
answers without scikit-learn. Neither is ever unpickled.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from zipfile import BadZipFile

from featx.errors import BadArtifact, FeatxError
from featx.heads import FittedHead, LinearArrays, StoredHead, to_arrays
from featx.persistence.metadata import HEAD

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator

__all__ = ["ARRAYS", "read_head", "write_head"]

ARRAYS = "head.npz"


def write_head(head: FittedHead | StoredHead, path: Path) -> dict[str, bytes]:
    """The files of a head, by name; ``path`` is the classifier that they are for.

    Raises
    ------
    BadArtifact
        The estimator has parts that cannot be written without pickle.
    """
    import skops.io
    from skops.io.exceptions import UnsupportedTypeException

    try:
        files = {HEAD: bytes(skops.io.dumps(head.estimator))}
    except (UnsupportedTypeException, TypeError, ValueError) as error:
        raise BadArtifact(
            f"{path}: a part of the head cannot be written without pickle: {error}"
        ) from error
    arrays = to_arrays(head.estimator)
    return files | ({ARRAYS: arrays.to_bytes()} if arrays else {})


def read_head(
    path: Path,
    files: Mapping[str, bytes],
    name: str,
    temperature: float,
    trusted: frozenset[str],
) -> FittedHead | StoredHead:
    """The head of a classifier's proven files; ``name`` and ``temperature`` are its manifest's.

    Raises
    ------
    BadArtifact
        A file cannot be read, or holds a type that skops does not know to be harmless and that is
        not ``trusted``; for a head with arrays the type is missed when its estimator is asked for.
    """
    build = partial(_build, path, files[HEAD], trusted)
    if ARRAYS not in files:
        return FittedHead(name, build(), temperature)
    try:
        arrays = LinearArrays.from_bytes(files[ARRAYS])
    except BadArtifact as error:
        raise BadArtifact(f"{path}: {ARRAYS}: {error}") from error
    return StoredHead(name, temperature, arrays, build)


def _build(path: Path, data: bytes, trusted: frozenset[str]) -> BaseEstimator:
    """The estimator, once every type in it is one that skops knows to be harmless or the user named."""
    import skops.io
    from skops.io.exceptions import UnsupportedTypeException, UntrustedTypesFoundException

    try:
        strangers = sorted(set(skops.io.get_untrusted_types(data=data)) - trusted)
        if strangers:
            raise BadArtifact(
                f"{path}: holds types that featx does not trust: {', '.join(strangers)}; "
                "if you do, load it with trusted=[…]"
            )
        return skops.io.loads(data, trusted=sorted(trusted))
    except (
        BadZipFile,
        UntrustedTypesFoundException,
        UnsupportedTypeException,
        AttributeError,
        ImportError,
        KeyError,
        TypeError,
        IndexError,
        RecursionError,
        EOFError,
        OSError,
        ValueError,
    ) as error:
        if isinstance(error, FeatxError):
            raise
        raise BadArtifact(f"{path}: {HEAD} cannot be read: {error}") from error
