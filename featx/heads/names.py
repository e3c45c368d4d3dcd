"""The names of the heads, which a command checks before it waits for scikit-learn."""

from __future__ import annotations

from collections.abc import Sequence

from featx.errors import BadOption, UnknownHead

__all__ = ["HEAD_NAMES", "LABEL_HEAD_NAMES", "NUMBER_HEAD_NAMES", "check_head_name"]

HEAD_NAMES = (
    *("logistic", "linear-svm", "rbf-svm", "ridge", "lda", "knn", "centroid", "boosting"),
    "auto",
)
# The heads of several labels, and of numbers.
LABEL_HEAD_NAMES = ("logistic", "ridge", "linear-svm", "knn", "boosting", "auto")
NUMBER_HEAD_NAMES = ("ridge", "linear-svm", "rbf-svm", "knn", "boosting", "auto")


def check_head_name(name: str, names: Sequence[str] = HEAD_NAMES) -> None:
    """Raise UnknownHead where no head is called so, BadOption for what an own estimator is called.

    >>> check_head_name("logistic")
    """
    if name.startswith("own:"):
        raise BadOption(
            f"head {name!r}: an estimator of one's own was trained in Python; train it there, or name one of "
            f"{', '.join(names)}"
        )
    if name not in names:
        raise UnknownHead(name, names)
