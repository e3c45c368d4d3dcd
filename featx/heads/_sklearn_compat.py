"""All contact with private parts of scikit-learn's estimators.

Each function here stands for something that scikit-learn knows and has no public name for. They hold for the
versions in ``TESTED_VERSIONS``: a test fails with any other until someone has looked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from featx._typing import Doubles, FloatArray, Integers

if TYPE_CHECKING:
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.svm import SVC

__all__ = ["TESTED_VERSIONS", "adopt_kernel_fit", "neighbor_codes", "neighbor_rows", "svc_gamma"]

# Minor versions of scikit-learn whose private names were compared with what is written here.
TESTED_VERSIONS = ("1.8", "1.9")


def svc_gamma(svc: SVC) -> float:
    """Return the number that a fitted SVC uses as gamma, also where ``gamma`` is "scale" or "auto"."""
    return float(svc._gamma)


def adopt_kernel_fit(svc: SVC, rows: FloatArray, *, kernel: str, gamma: float) -> None:
    """Give an SVC that was fitted on a precomputed kernel the state of one that was fitted on rows.

    Parameters
    ----------
    svc : SVC
        Fitted with ``kernel="precomputed"``; it is changed in place.
    rows : ndarray of shape (n, d), float32
        The rows of which the kernel was computed.
    kernel : str
        The name of that kernel.
    gamma : float
        Its gamma, which ``fit`` would have computed from "scale".
    """
    svc.set_params(kernel=kernel)
    svc.support_vectors_ = np.asarray(rows[svc.support_], np.float64)
    svc.shape_fit_, svc.n_features_in_ = rows.shape, rows.shape[1]
    svc._gamma = gamma


def neighbor_rows(neighbors: KNeighborsClassifier) -> Doubles:
    """Return the training rows that a fitted KNeighborsClassifier keeps; shape (n, d), float64."""
    return np.asarray(neighbors._fit_X, np.float64)


def neighbor_codes(neighbors: KNeighborsClassifier) -> Integers:
    """Return the class of each kept row as its index in ``classes_``; shape (n,)."""
    codes: npt.NDArray[np.intp] = np.asarray(neighbors._y, np.intp)
    return codes
