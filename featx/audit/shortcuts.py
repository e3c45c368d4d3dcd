"""Shortcuts: plain facts, such as the size of a picture, that alone predict the target."""

from __future__ import annotations

import numpy as np

from featx._typing import Doubles, Integers
from featx.audit.data import AuditData, Facts
from featx.audit.findings import AuditFinding
from featx.audit.labels import LeftOutPredictions

__all__ = ["describe_facts", "find_shortcuts"]

# Samples below which a score says nothing, and of a label.
_FEW, _FEW_WITH = 40, 10
# The share of the way from chance to certainty that a fact must predict.
_STRONG = 0.3
# Classes above which a tree is not asked.
_MOST_CLASSES = 200
_FOLDS, _LEAVES = 5, 64


def describe_facts(facts: Facts) -> dict[str, Doubles]:
    """Return the columns of numbers that stand for each fact, by its name; shape (n, columns)."""
    numbers = {name: values.astype(np.float64)[:, None] for name, values in facts.numbers.items()}
    if "width" in numbers:
        width, height = numbers.pop("width"), numbers.pop("height")
        shape = np.hstack([width, height])
        numbers = {
            "size": shape,
            "aspect": width / np.maximum(height, 1),
            "brightness": numbers["brightness"],
        }
    elif "words" in numbers:
        numbers = {"length": np.hstack([numbers["characters"], numbers["words"]])}
    elif "seconds" in numbers:
        numbers = {"duration": numbers["seconds"], "loudness": numbers["level"]}
    kinds = sorted(set(facts.suffixes))
    if len(kinds) > 1:
        table = np.asarray([[suffix == kind for kind in kinds] for suffix in facts.suffixes], float)
        numbers["file type"] = table
    return numbers


def find_shortcuts(
    data: AuditData, predictions: LeftOutPredictions, task: str
) -> list[AuditFinding]:
    """Return the facts from which a small decision tree predicts the target, measured on samples left out."""
    if len(predictions.indices) < _FEW:
        return []
    columns = {} if data.facts is None else describe_facts(data.facts)
    for column, facts in data.by_column.items():
        own = describe_facts(facts).items()
        columns |= {f"{column:.60}: {name}": values for name, values in own}
    findings = []
    for name, values in columns.items():
        some = values[predictions.indices]
        usable = np.isfinite(some).all(axis=1)
        if usable.sum() < _FEW or (some[usable] == some[usable][0]).all():
            continue
        strength, text = _strength(some[usable], predictions, np.flatnonzero(usable), task)
        if strength >= _STRONG:
            text = f"{name} alone {text}"
            findings.append(AuditFinding("FX081", "", round(strength, 6), text, (name,)))
    return sorted(findings, key=lambda found: -found.score)


def _strength(
    values: Doubles, predictions: LeftOutPredictions, at: Integers, task: str
) -> tuple[float, str]:
    """Return how far from chance to certainty a fact predicts the target, and the words for it."""
    problem = predictions.problem
    if task == "regression":
        targets = np.asarray(problem.targets, np.float64).reshape(len(problem), -1)[at]
        explained = max(_explained(values, column) for column in targets.T)
        return explained, f"explains {100 * explained:.0f} % of the variance of the number"
    codes = np.asarray(problem.codes)[at]
    if codes.ndim == 1:
        accuracy, chance = _accuracy(values, codes)
        text = (
            f"tells the class in {100 * accuracy:.0f} % of samples (classes weighed alike; chance "
        )
        return _above(accuracy, chance), f"{text}{100 * chance:.0f} %)"
    best, label = 0.0, ""
    for column, name in enumerate(problem.output_names):
        given = codes[:, column].astype(np.intp)
        if min(given.sum(), len(given) - given.sum()) >= _FEW_WITH:
            accuracy, chance = _accuracy(values, given)
            best, label = max((best, label), (_above(accuracy, chance), name))
    return best, f"tells the label {label!r:.60} in {50 + 50 * best:.0f} % (chance 50 %)"


def _above(accuracy: float, chance: float) -> float:
    return max(0.0, (accuracy - chance) / (1 - chance)) if chance < 1 else 0.0


def _accuracy(values: Doubles, codes: Integers) -> tuple[float, float]:
    """Return the balanced accuracy of a tree on samples left out, and that of chance."""
    from sklearn.metrics import balanced_accuracy_score
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.tree import DecisionTreeClassifier

    counts = np.bincount(codes)
    frequent = np.flatnonzero(counts >= _FOLDS)
    some = np.isin(codes, frequent)
    if not 1 < len(frequent) <= _MOST_CLASSES:
        return 0.0, 1.0
    tree = DecisionTreeClassifier(
        max_leaf_nodes=_LEAVES, min_samples_leaf=5, class_weight="balanced", random_state=0
    )
    folds = StratifiedKFold(_FOLDS, shuffle=True, random_state=0)
    predicted = cross_val_predict(tree, values[some], codes[some], cv=folds)
    return float(balanced_accuracy_score(codes[some], predicted)), 1 / len(frequent)


def _explained(values: Doubles, numbers: Doubles) -> float:
    """Return the share of the variance of numbers that a tree explains on samples left out."""
    from sklearn.metrics import r2_score
    from sklearn.model_selection import KFold, cross_val_predict
    from sklearn.tree import DecisionTreeRegressor

    if np.ptp(numbers) == 0:
        return 0.0
    tree = DecisionTreeRegressor(max_leaf_nodes=_LEAVES, min_samples_leaf=5, random_state=0)
    folds = KFold(_FOLDS, shuffle=True, random_state=0)
    return max(0.0, float(r2_score(numbers, cross_val_predict(tree, values, numbers, cv=folds))))
