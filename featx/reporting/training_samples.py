"""The training samples as a saved predictor keeps them, in an array file."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from featx._typing import FloatArray, Integers, Labels
from featx.errors import BadArtifact, BadOption, FeatxNotice, FeatxWarning
from featx.heads.novelty import neighbor_distances
from featx.storage.arrays import read_arrays, write_arrays

if TYPE_CHECKING:
    from featx.embedding.rows import Rows
    from featx.inputs.scaling import InputBlock
    from featx.tuning.problem import TuningProblem
    from featx.tuning.search import LeftOut

__all__ = ["KeptParts", "TrainingSamples", "choose_rows", "collect_samples"]

# The most rows that are kept where they are asked for, and the most bytes of them where nothing is said.
_MOST_ROWS, _MOST_BYTES = 10_000, 4_000_000

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
    distances : ndarray of shape (n_kept,), float32, or None
        How far each of these rows is from its third neighbour among those of other groups; see ``novelty``.

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
    distances: FloatArray | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def to_bytes(self) -> bytes:
        """Return the arrays as a compressed ``.npz``; equal arrays give equal bytes."""
        arrays = {name: getattr(self, name) for name in _ARRAYS}
        if self.rows is not None and self.kept is not None:
            arrays |= {"rows": self.rows, "kept": self.kept}
        if self.distances is not None:
            arrays["distances"] = self.distances
        return write_arrays(arrays, compressed=True)

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
            optional=("rows", "kept", "distances"),
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
            if len(np.unique(kept)) < len(kept) or not np.isfinite(rows).all():
                return "rows are no numbers, or of one sample twice"
        apart = self.distances
        if apart is not None and (
            rows is None
            or apart.dtype != np.float32
            or apart.shape != (len(rows),)
            or not np.isfinite(apart).all()
            or not len(apart)
        ):
            return "distances are not those of its rows"
        return ""


def _with_copies(rows: Rows, groups: Labels | None) -> Labels | None:
    """Return the group of each row, where copies of one content are of one group; None where all differ."""
    digests = np.asarray(rows.digests or [""] * len(rows), dtype=str)
    known, first, counts = np.unique(digests, return_index=True, return_counts=True)
    if groups is None and (counts[known != ""] == 1).all():
        return None
    base = np.arange(len(rows)) if groups is None else np.unique(groups, return_inverse=True)[1]
    owner = dict(zip(known.tolist(), base[first].tolist(), strict=True)) | {"": -1}
    own = np.array([owner[digest] for digest in digests.tolist()])
    return np.asarray(np.where(own < 0, base, own).astype(str))


def collect_samples(
    rows: Rows,
    left_out: LeftOut | None,
    n_outputs: int,
    chosen: Integers | None = None,
    groups: Labels | None = None,
    blocks: Sequence[InputBlock] = (),
) -> TrainingSamples:
    """Return the samples of rows, with what the search said of each that it had left out.

    Parameters
    ----------
    rows : Rows
    left_out : LeftOut or None
        None where no sample was left out.
    n_outputs : int
        Columns of the scores.
    chosen : ndarray of shape (n_kept,), default=None
        Indices of the rows to keep, as ``choose_rows`` gives them; None keeps none.
    groups : ndarray of shape (n,), default=None
        The group of each sample; copies of a sample are of one group.
    blocks : sequence of InputBlock, default=()
        Those of joint rows.
    """
    n = len(rows)
    halves = None if chosen is None else rows.embeddings[chosen].astype(np.float16)
    distances = None
    if halves is not None and chosen is not None:
        kinds = _with_copies(rows, groups)
        distances = neighbor_distances(halves, None if kinds is None else kinds[chosen], blocks)
    nothing = np.full((n, n_outputs), np.nan, np.float32)
    return TrainingSamples(
        ids=np.asarray(rows.ids, dtype=str),
        digests=np.asarray(rows.digests or [""] * n, dtype=str),
        folds=np.full(n, -1, np.intp) if left_out is None else left_out.folds,
        targets=np.asarray(rows.labels, dtype=str),
        scores=nothing if left_out is None else left_out.scores,
        rows=halves,
        kept=chosen,
        distances=distances,
    )


@dataclass(frozen=True, slots=True)
class KeptParts:
    """The choice of what a predictor keeps of its training samples.

    Attributes
    ----------
    samples : bool, default=True
        Their ids, digests, targets and out-of-fold scores.
    rows : bool or None, default=None
        Their rows; see ``choose_rows``.
    """

    samples: bool = True
    rows: bool | None = None

    def __post_init__(self) -> None:
        if self.rows and not self.samples:
            raise BadOption(
                "keep_rows=True: rows are kept with their samples; leave out keep_samples=False"
            )

    def samples_of(
        self,
        rows: Rows,
        left_out: LeftOut | None,
        problem: TuningProblem,
        random_state: int,
        blocks: Sequence[InputBlock] = (),
    ) -> TrainingSamples | None:
        """Return what is kept of the samples; say how large rows that were asked for are."""
        if not self.samples:
            return None
        chosen, message = choose_rows(rows.embeddings, self.rows, random_state)
        if message:
            kind = FeatxWarning if chosen is None else FeatxNotice
            warnings.warn(message, kind, stacklevel=4)
        groups = problem.design.groups
        return collect_samples(rows, left_out, problem.n_outputs, chosen, groups, blocks)


def choose_rows(
    rows: FloatArray, keep_rows: bool | None, random_state: int
) -> tuple[Integers | None, str]:
    """Return which rows a predictor keeps, and what there is to say of it.

    Parameters
    ----------
    rows : ndarray of shape (n, dim), float32
    keep_rows : bool or None
        None keeps as many as 4 MB hold as float16, True up to 10 000, and False none. Where there are more they
        are drawn at random.
    random_state : int

    Returns
    -------
    chosen : ndarray of shape (n_kept,), intp, or None
        In ascending order; None where none is kept.
    message : str
        The size of rows that were asked for, or why they are not kept; '' where nothing was asked.

    Examples
    --------
    >>> choose_rows(np.zeros((3, 2), np.float32), None, 0)
    (array([0, 1, 2]), '')
    >>> choose_rows(np.zeros((3, 2), np.float32), True, 0)[1]
    'keeps the rows of 3 of 3 samples: 0.0 MB as float16'
    """
    if keep_rows is False:
        return None, ""
    n, dim = rows.shape
    if np.abs(rows).max(initial=0) > np.finfo(np.float16).max:
        return None, "rows are not kept: they hold numbers that float16 does not"
    most = _MOST_ROWS if keep_rows else min(_MOST_ROWS, _MOST_BYTES // (2 * dim))
    chosen = np.arange(n)
    if n > most:
        rng = np.random.default_rng(random_state)
        chosen = np.sort(rng.choice(n, most, replace=False))
    if not keep_rows:
        return chosen, ""
    size = 2 * dim * len(chosen) / 1e6
    return chosen, f"keeps the rows of {len(chosen)} of {n} samples: {size:.1f} MB as float16"
