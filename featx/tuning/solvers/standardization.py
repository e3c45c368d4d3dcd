"""One standardised copy of rows for several training parts of them.

A part's standardisation is a change of variables: with z = (x - M) / S for all rows and m, s of the part,
w·(x - m) / s = (w S / s)·z + w·(M - m) / s. So there is one table of rows for all parts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Self

import numpy as np
from sklearn.preprocessing import StandardScaler

from featx._typing import Doubles, FloatArray, Integers
from featx.tuning.solvers.lbfgs import MapFn

__all__ = ["BLOCK", "SharedRows", "fit_scaler", "part_weights"]

# Rows that a thread takes at a time; fixed, so that sums do not depend on the threads.
BLOCK = 512


@dataclass(frozen=True, slots=True, eq=False)
class SharedRows:
    """Rows standardised once, and how each of p training parts would standardise them.

    Attributes
    ----------
    table : ndarray of shape (n, d), float32
        All rows, standardised by all of them, in the order that was asked for.
    stretch, shift : ndarray of shape (p, d, 1), float32
        A row as a part standardises it is ``row * stretch + shift``; both are 0 for columns that are
        constant in a part.
    """

    table: FloatArray
    stretch: FloatArray
    shift: FloatArray

    @classmethod
    def of(
        cls,
        rows: FloatArray,
        trains: Sequence[Integers],
        map_fn: MapFn,
        sample_weight: Doubles | None = None,
        *,
        standardize: bool = True,
        order: Integers | None = None,
    ) -> Self:
        """Return the shared form of rows of shape (n, d) for training parts given by their indices.

        With a sample weight means and variances of the parts are weighted, as those of ``StandardScaler``.
        Without ``standardize`` columns are centred alone: their scale says how much each counts.
        """
        n, d = rows.shape
        fit = partial(fit_scaler, rows, sample_weight=sample_weight, standardize=standardize)
        scalers = list(map_fn(fit, trains))
        # One part alone may as well be the measure of all.
        common = scalers[0]
        if len(trains) > 1:
            common = fit_scaler(rows, np.arange(n), standardize=standardize)
        center, scale = (np.asarray(v, np.float32) for v in (common.mean_, common.scale_))
        table = np.empty((n, d), np.float32)
        for start in range(0, n, BLOCK):
            part = slice(start, start + BLOCK)
            own = rows[part] if order is None else rows[order[part]]
            np.divide(own - center, scale, out=table[part])
        # Columns that are constant in a training part tell nothing there.
        varied = np.stack([scaler.scale_ == np.sqrt(scaler.var_) for scaler in scalers])
        scales = np.stack([scaler.scale_ for scaler in scalers])
        means = np.stack([scaler.mean_ for scaler in scalers])
        stretch = (varied * scale.astype(np.float64) / scales).astype(np.float32)[:, :, None]
        shift = (varied * (center.astype(np.float64) - means) / scales).astype(np.float32)[
            :, :, None
        ]
        return cls(table, stretch, shift)


def fit_scaler(
    rows: FloatArray,
    indices: Integers,
    sample_weight: Doubles | None = None,
    *,
    standardize: bool = True,
) -> StandardScaler:
    """Return the scaler of some rows, fitted block by block; it scales by 1 where it shall not standardise."""
    scaler = StandardScaler()
    if sample_weight is not None:
        # A block without any weight would divide by it.
        indices = indices[sample_weight[indices] > 0]
    for start in range(0, len(indices), BLOCK):
        part = indices[start : start + BLOCK]
        scaler.partial_fit(
            rows[part], sample_weight=None if sample_weight is None else sample_weight[part]
        )
    if not standardize:
        scaler.scale_, scaler.var_ = np.ones_like(scaler.scale_), np.ones_like(scaler.scale_)
    return scaler


def part_weights(
    n: int, trains: Sequence[Integers], sample_weight: Doubles | None = None
) -> Doubles:
    """Return what each of n samples weighs in each of p parts; shape (n, p), float64.

    It is 0 where a part leaves a sample out, else its weight, or 1.
    """
    weights = np.zeros((n, len(trains)))
    for index, train in enumerate(trains):
        weights[train, index] = 1 if sample_weight is None else sample_weight[train]
    return weights
