"""A trained head as files of a classifier: its estimator through skops, and its arrays where it is linear.

``head.skops`` is the whole head; ``head.npz`` holds the same scores of a linear one in a few arrays, from which
it answers without scikit-learn. Neither is ever unpickled.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from zipfile import BadZipFile, ZipFile

from featx.errors import BadArtifact
from featx.heads import Calibrator, LinearArrays, TrainedHead, to_arrays
from featx.persistence.metadata import HEAD

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator

__all__ = ["ARRAYS", "read_head", "write_head"]

ARRAYS = "head.npz"


def write_head(head: TrainedHead, path: Path) -> dict[str, bytes]:
    """Return the files of a head by their names.

    Parameters
    ----------
    path : Path
        The classifier that they are for, as messages name it.

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
    calibrator: Calibrator,
    trusted: frozenset[str],
) -> TrainedHead:
    """Return the head of a classifier whose files have been verified.

    Parameters
    ----------
    path : Path
        The classifier, as messages name it.
    files : mapping of str to bytes
        What ``write_head`` returned.
    name : str
        The head's, as the metadata say it.
    calibrator : Calibrator
    trusted : frozenset of str
        Full names of further types that may be built.

    Raises
    ------
    BadArtifact
        A file cannot be read, or holds a type that skops does not know to be harmless and that is neither
        examined by the registry of estimators nor ``trusted``. A head with arrays raises it when its
        estimator is asked for.
    """
    build = partial(_build, path, files[HEAD], trusted)
    if ARRAYS not in files:
        return TrainedHead.from_estimator(name, build(), calibrator)
    try:
        arrays = LinearArrays.from_bytes(files[ARRAYS])
    except BadArtifact as error:
        raise BadArtifact(f"{path}: {ARRAYS}: {error}") from error
    return TrainedHead.from_arrays(name, arrays, calibrator, build)


def _build(path: Path, data: bytes, trusted: frozenset[str]) -> BaseEstimator:
    """Build the estimator, once every type in it is known to be harmless, examined, or named by the user."""
    import skops.io
    from skops.io.exceptions import UnsupportedTypeException, UntrustedTypesFoundException

    # Not above: it imports scikit-learn, which a saved linear head does without.
    from featx.heads import check_loaded, private_types

    try:
        unknown = frozenset(skops.io.get_untrusted_types(data=data)) - trusted
        untrusted = sorted(unknown - private_types())
        if untrusted:
            raise BadArtifact(
                f"holds types that featx does not trust: {', '.join(untrusted)}; "
                "if you do, load it with trusted=[…]"
            )
        estimator = skops.io.loads(data, trusted=sorted(trusted | unknown))
        examined = check_loaded(estimator)
        if unknown and examined != _count_objects(data, unknown):
            raise BadArtifact(
                f"holds {', '.join(sorted(unknown))} in places that featx does not examine; "
                "if you trust them, load it with trusted=[…]"
            )
    except BadArtifact as error:
        raise BadArtifact(f"{path}: {error}") from error
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
        raise BadArtifact(f"{path}: {HEAD} cannot be read: {error}") from error
    return estimator


def _count_objects(data: bytes, types: frozenset[str]) -> int:
    """Return how many objects of some types a file of skops describes."""
    with ZipFile(io.BytesIO(data)) as archive:
        nodes = [json.loads(archive.read("schema.json"))]
    ids = set()
    while nodes:
        node = nodes.pop()
        if isinstance(node, dict):
            if f"{node.get('__module__')}.{node.get('__class__')}" in types:
                ids.add(node.get("__id__"))
            nodes += node.values()
        elif isinstance(node, list):
            nodes += node
    return len(ids)
