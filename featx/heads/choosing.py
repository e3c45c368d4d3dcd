"""The heads that a user's choice stands for: a name, all names, or an estimator of one's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from sklearn.base import BaseEstimator, clone

from featx._typing import ClassWeight
from featx.errors import BadOption, UnknownHead
from featx.heads.own_heads import Kind, OwnHead, check_own
from featx.heads.registry import HEADS, HeadSpec

__all__ = ["AUTO", "choose_heads"]

AUTO = "auto"


def choose_heads(
    head: str | BaseEstimator | OwnHead,
    *,
    largest: int,
    class_weight: ClassWeight = None,
    random_state: int = 0,
    table: Mapping[str, HeadSpec] | None = None,
    kind: Kind = "classifier",
) -> tuple[HeadSpec, ...]:
    """Return the heads that a user's choice stands for, ready to be trained.

    Parameters
    ----------
    head : str, scikit-learn estimator, or OwnHead
        A name in ``HEADS``; ``"auto"`` for those of ``in_auto`` that the data allow; or an estimator,
        which is taken as it is: featx adds no scaler and searches nothing.
    largest : int
        Samples of the largest class.
    class_weight : "balanced" or None, default=None
        With "balanced" classes weigh the same in training, however many samples they have.
    random_state : int, default=0
        Given to every ``random_state`` of the estimator that is None.
    table : mapping of str to HeadSpec, default=None
        The heads of the task by name; None is ``HEADS``.
    kind : {"classifier", "multilabel", "regressor", "regressors"}, default="classifier"
        What an estimator must be: a regressor of several numbers is "regressors".

    Raises
    ------
    UnknownHead
        No head has that name.
    BadOption
        The estimator is of another kind, its grid names a parameter that it has not, the head cannot weigh
        classes, or it needs more samples.
    """
    heads = HEADS if table is None else table
    balanced = class_weight == "balanced"
    if not isinstance(head, str):
        chosen: tuple[HeadSpec, ...] = (_own_head(head, random_state, kind),)
    elif head == AUTO:
        chosen = tuple(
            h
            for h in heads.values()
            if h.in_auto and h.min_class_size <= largest and (not balanced or _weight_key(h))
        )
    elif head in heads:
        chosen = (heads[head],)
    else:
        raise UnknownHead(head, [*heads, AUTO])
    for spec in chosen:
        if spec.min_class_size > largest:
            raise BadOption(
                f"head {spec.name!r}: expected a class with at least {spec.min_class_size} samples, "
                f"the largest has {largest}; add samples or choose head 'logistic'"
            )
    return tuple(_with_class_weight(spec, heads) for spec in chosen) if balanced else chosen


def _own_head(head: BaseEstimator | OwnHead, random_state: int, kind: Kind) -> HeadSpec:
    """Return a user's estimator as a head, with a candidate for each point of its grid."""
    own = head if isinstance(head, OwnHead) else OwnHead(head)
    estimator = own.estimator
    check_own(estimator, kind)
    unset = [k for k, v in estimator.get_params().items() if _is_random_state(k) and v is None]
    seeded = clone(estimator).set_params(**dict.fromkeys(unset, random_state))
    return HeadSpec(
        type(estimator).__name__,
        "The user's own estimator.",
        "its own",
        _Clone(seeded),
        own.candidates(),
        shipped=False,
    )


def _is_random_state(key: str) -> bool:
    return key == "random_state" or key.endswith("__random_state")


@dataclass(frozen=True, slots=True)
class _Clone:
    """Makes unfitted copies of an estimator."""

    estimator: BaseEstimator
    params: tuple[tuple[str, Any], ...] = ()

    def __call__(self) -> BaseEstimator:
        return clone(self.estimator).set_params(**dict(self.params))


def _weight_key(head: HeadSpec) -> str | None:
    """Return the parameter by which a head's last step weighs classes, or None."""
    estimator = head.build()
    last = f"{estimator.steps[-1][0]}__" if hasattr(estimator, "steps") else ""
    names = (f"{last}class_weight", f"{last}estimator__class_weight", "class_weight")
    return next((k for k in names if k in estimator.get_params()), None)


def _with_class_weight(head: HeadSpec, heads: Mapping[str, HeadSpec]) -> HeadSpec:
    key = _weight_key(head)
    if key is None:
        able = ", ".join(name for name, spec in heads.items() if _weight_key(spec))
        raise BadOption(f"head {head.name!r} cannot balance classes; those that can: {able}")
    return replace(head, build=_Clone(head.build(), ((key, "balanced"),)))
