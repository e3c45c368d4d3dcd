"""A trained head as files of a classifier: its estimator through skops, and its arrays where it is linear.

``head.skops`` is the whole head; ``head.npz`` holds the same scores of a linear one in a few arrays, from which
it answers without scikit-learn. Neither is ever unpickled, and skops builds nothing of what featx knows:
``featx.heads.rebuild`` makes it of arrays that have been compared with each other.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from featx.errors import BadArtifact
from featx.heads import Calibrator, LinearArrays, TrainedHead, to_arrays
from featx.heads.stored import StoredObject
from featx.persistence.metadata import HEAD, Metadata
from featx.persistence.skops_file import named_types, read_stored
from featx.storage.border import library_border

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator

__all__ = ["ARRAYS", "read_head", "write_head"]

ARRAYS = "head.npz"
# Rows on which a head is compared with what is read back of it.
_PROBE_ROWS = 3
# Numbers, texts and what holds them: these need nobody's trust.
_PLAIN_TYPES = re.compile(
    r"builtins\.(NoneType|bool|int|float|str|bytes|list|tuple|dict|set)"
    r"|numpy\.(ndarray|(u?int|float)\d+|str_|bool_?)"
)


def write_head(head: TrainedHead, path: Path, trusted: Iterable[str] = ()) -> dict[str, bytes]:
    """Return the files of a head by their names, once they have been read back and give its answers.

    Parameters
    ----------
    path : Path
        The classifier that they are for, as messages name it.
    trusted : iterable of str, default=()
        Full names of types that whoever loads it will trust.

    Raises
    ------
    BadArtifact
        The estimator has parts that cannot be written without pickle, or that could not be loaded again.
    """
    import skops.io

    estimator = head.estimator
    with library_border(f"{path}: a part of the head cannot be written without pickle"):
        files = {HEAD: bytes(skops.io.dumps(estimator))}
    try:
        again = _build(path, files[HEAD], frozenset(trusted))
    except _Untrusted as error:
        raise BadArtifact(
            f"{path}: head {head.name} {error.reason}: no command could open it again; choose a head by "
            f"its name, such as 'logistic', or save it with trusted={error.names!r} and load it with the same"
        ) from error
    _compare(path, head, again)
    arrays = None if head.own_answers else to_arrays(estimator, head.classes)
    return files | ({ARRAYS: arrays.to_bytes()} if arrays else {})


def read_head(
    path: Path,
    files: Mapping[str, bytes],
    metadata: Metadata,
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
    metadata : Metadata
        Name and labels of the head: those of an estimator that was trained on their numbers, too.
    calibrator : Calibrator
    trusted : frozenset of str
        Full names of further types that may be built.

    Raises
    ------
    BadArtifact
        A file cannot be read, its arrays contradict each other, or it holds a type that featx does not list
        and that is not ``trusted``. A head with arrays raises it when its estimator is asked for.
    """
    build = partial(_build, path, files[HEAD], trusted)
    if ARRAYS not in files:
        head = TrainedHead.from_estimator(
            metadata.head,
            build(),
            calibrator,
            metadata.classes,
            own_answers=metadata.own_answers,
        )
        return replace(head, label_type=metadata.label_type)
    try:
        arrays = LinearArrays.from_bytes(files[ARRAYS])
    except BadArtifact as error:
        raise BadArtifact(f"{path}: {ARRAYS}: {error}") from error
    head = TrainedHead.from_arrays(metadata.head, arrays, calibrator, build)
    return replace(head, label_type=metadata.label_type)


class _Untrusted(BadArtifact):
    """The file holds types that nobody has trusted."""

    def __init__(self, path: Path, names: Iterable[str]) -> None:
        self.names = list(names)
        self.reason = f"holds types that featx does not trust: {', '.join(self.names)}"
        super().__init__(
            f"{path}: {self.reason}; if you trust whoever wrote it, load it with trusted={self.names!r}"
        )


def _build(path: Path, data: bytes, trusted: frozenset[str]) -> BaseEstimator:
    """Build the estimator of arrays that have been examined; with types that the user trusts, through skops."""
    # Not above: it imports scikit-learn, which a saved linear head does without.
    from featx.heads import UnlistedType, rebuild

    try:
        stored = read_stored(data)
        try:
            return rebuild(stored)
        except UnlistedType as unlisted:
            names = _untrusted(data, trusted)
            if not names and unlisted.name not in trusted:
                names = [unlisted.name]
            if not names:
                return _build_trusted(data, stored, trusted)
            raise _Untrusted(path, names) from unlisted
    except _Untrusted:
        raise
    except BadArtifact as error:
        raise BadArtifact(f"{path}: is not a trained predictor: {HEAD}: {error}") from error


def _untrusted(data: bytes, trusted: frozenset[str]) -> list[str]:
    """Return the names of types in a file that are neither listed nor trusted nor plain."""
    from featx.heads.rebuilding import KNOWN_TYPES

    unknown = named_types(data) - trusted - KNOWN_TYPES
    return sorted(name for name in unknown if not _PLAIN_TYPES.fullmatch(name))


def _build_trusted(data: bytes, stored: Any, trusted: frozenset[str]) -> BaseEstimator:
    """Build an estimator with types of the user's; the steps that featx knows are examined all the same."""
    import skops.io

    from featx.heads import rebuild
    from featx.heads.loadable import LOADABLE
    from featx.heads.rebuilding import PIPELINE

    with library_border("skops cannot build it"):
        estimator = skops.io.loads(data, trusted=sorted(trusted | named_types(data)))
        _run_in_this_process(estimator)
        if not isinstance(stored, StoredObject) or stored.type != PIPELINE:
            return estimator
        for number, (name, step) in enumerate(stored.state["steps"]):
            if isinstance(step, StoredObject) and step.type in LOADABLE:
                estimator.steps[number] = (name, rebuild(step))
    return estimator


def _run_in_this_process(estimator: BaseEstimator) -> None:
    """Take jobs from an estimator and from those in it: jobs are processes, which a file may not start."""
    from featx.heads.registry import estimators_in

    for one in estimators_in(estimator):
        if getattr(one, "n_jobs", None) is not None:
            one.n_jobs = None


def _compare(path: Path, head: TrainedHead, again: BaseEstimator) -> None:
    """Refuse a head that would give other answers once it is loaded."""
    rows = np.random.default_rng(0).normal(size=(_PROBE_ROWS, head.dim)).astype(np.float32)
    rows[0] = 0
    read = TrainedHead.from_estimator(
        head.name, again, head.calibrator, head.classes, own_answers=head.own_answers
    )
    if read.classes != head.classes or not np.allclose(
        read.predict_outputs(rows), head.predict_outputs(rows), atol=1e-6
    ):
        raise BadArtifact(f"{path}: head {head.name} gives other answers when it is loaded again")
