"""The training samples as a saved predictor keeps them, in an array file."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from featx._typing import FloatArray, Integers
from featx.errors import BadArtifact
from featx.storage.arrays import read_arrays

__all__ = ["MOST_ROWS", "TrainingSamples"]

# The most rows that are kept, where they are asked for.
MOST_ROWS = 10_000

# The most bytes of all arrays together, of which the file may be a thousandth.
_LARGEST = 1 << 30
_ARRAYS = ("ids", "digests", "folds", "targets", "scores")


@dataclass(frozen=True, slots=True, eq=False)
class TrainingSamples:
    """The training samples: which they were, and what a head said of each that had not seen it.

    Attributes
    ----------
    ids : ndarray of shape (n,), str
    digests : ndarray of shape (n,), str
        64 hexadecimal digits of the content of each sample; '' where it is not known.
    folds : ndarray of shape (n,), intp
        The fold of the search that left the sample out; -1 where none did.
    targets : ndarray of shape (n,)
    scores : ndarray of shape (n, n_outputs), float32
        Uncalibrated scores of the chosen candidate, trained without the sample; NaN where there are none.
    rows : ndarray of shape (n_kept, dim), float16, or None
        Embeddings of the samples ``kept``, where they were asked for.
    kept : ndarray of shape (n_kept,), intp, or None
        Indices of the samples whose rows are kept.

    Examples
    --------
    >>> import featx
    >>> images = [np.full((9, 9, 3), value, np.uint8) for value in (0, 20, 40, 200, 220, 240)]
    >>> samples = featx.fit(images, ["dark"] * 3 + ["light"] * 3).report.samples
    >>> samples.ids.tolist(), samples.scores.shape
    (['0', '1', '2', '3', '4', '5'], (6, 2))
    """

    ids: npt.NDArray[np.str_]
    digests: npt.NDArray[np.str_]
    folds: Integers
    targets: npt.NDArray[Any]
    scores: FloatArray
    rows: npt.NDArray[np.float16] | None = None
    kept: Integers | None = None

    def to_bytes(self) -> bytes:
        """Return the arrays as a compressed ``.npz``; equal arrays give equal bytes."""
        arrays = {name: getattr(self, name) for name in _ARRAYS}
        if self.rows is not None and self.kept is not None:
            arrays |= {"rows": self.rows, "kept": self.kept}
        stream = io.BytesIO()
        np.savez_compressed(stream, **arrays)
        return stream.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> TrainingSamples:
        """Return what ``to_bytes`` gave; nothing in it can be code.

        Raises
        ------
        BadArtifact
            The bytes are something else, or the arrays do not fit each other.
        """
        arrays = read_arrays(
            data,
            "training samples",
            _ARRAYS,
            optional=("rows", "kept"),
            compressed_limit=_LARGEST,
        )
        samples = cls(**arrays)
        if wrong := samples._contradiction():
            raise BadArtifact(f"not the arrays of training samples: {wrong}; train it again")
        return samples

    def _contradiction(self) -> str:
        """Return which of the arrays is of another type or length than the others; "" where none is."""
        n = len(self.ids) if self.ids.ndim else 0
        lengths = [len(getattr(self, name)) if getattr(self, name).ndim else -1 for name in _ARRAYS]
        if lengths != [n] * len(_ARRAYS) or self.scores.ndim != 2:
            return f"lengths {lengths} differ"
        texts = (self.ids, self.digests, self.targets)
        if any(array.dtype.kind != "U" or array.ndim != 1 for array in texts):
            return "ids, digests or targets are no texts"
        if (
            self.folds.dtype.kind != "i"
            or self.folds.ndim != 1
            or ((self.folds < -1) | (self.folds > n)).any()
        ):
            return "folds are no numbers of folds"
        if self.scores.dtype != np.float32 or np.isinf(self.scores).any():
            return "scores are no numbers"
        rows, kept = self.rows, self.kept
        if (rows is None) != (kept is None):
            return "rows and their indices are not both there"
        if rows is not None and kept is not None:
            if rows.ndim != 2 or rows.dtype != np.float16 or kept.shape != (len(rows),):
                return f"rows of shape {rows.shape}, indices of shape {kept.shape}"
            if kept.dtype.kind != "i" or ((kept < 0) | (kept >= n)).any():
                return "rows are of samples that are not there"
        return ""
