"""What the baselines of the three tasks learn from."""

import numpy as np
import pytest

import featx
from featx.errors import BadLabels
from featx.tasks import get_task
from featx.tuning import HeadConfig
from featx.tuning.design import SampleDesign

N = 240


@pytest.fixture
def misled(rng):
    """Rows whose first column decides in samples that weigh much, and misleads in those that weigh little."""
    X = rng.normal(size=(N, 6)).astype(np.float32)
    heavy = np.arange(N) % 2 == 0
    return X, np.where(heavy, X[:, 0], -X[:, 0]), heavy


def targets_of(task, numbers):
    if task == "regression":
        return [repr(float(number)) for number in numbers]
    if task == "multilabel":
        return [
            f'["above", "x{i % 2}"]' if one > 0 else f'["x{i % 2}"]'
            for i, one in enumerate(numbers)
        ]
    return ["above" if one > 0 else "below" for one in numbers]


def problem_of(name, targets, weights):
    task = get_task(name)
    encoded = task.encode_targets(targets)
    return task.tuning_problem(encoded, HeadConfig(), SampleDesign(weights=weights))


@pytest.mark.parametrize("task", ["classification", "multilabel", "regression"])
def test_a_baseline_learns_from_each_sample_as_much_as_it_weighs(misled, task):
    X, numbers, heavy = misled
    weights = np.where(heavy, 1.9, 0.1)
    made = {}
    for name, own in [("weighted", weights), ("alike", None)]:
        problem = problem_of(task, targets_of(task, numbers), own)
        outputs = problem.predict_baseline(X, np.arange(200), np.arange(200, N), map)[1]
        made[name] = np.corrcoef(outputs[:, 0], numbers[200:] * np.where(heavy[200:], 1, -1))[0, 1]
    assert abs(made["weighted"]) > 0.8
    assert abs(made["alike"]) < abs(made["weighted"]) - 0.1


@pytest.mark.filterwarnings("error")
def test_a_class_whose_samples_weigh_nothing_leaves_the_baseline_finite(misled):
    X, numbers, _ = misled
    targets = ["none" if i % 5 == 0 else label for i, label in enumerate(targets_of("", numbers))]
    weights = np.array([0.0 if label == "none" else 1.0 for label in targets])
    problem = problem_of("classification", targets, weights)
    outputs = problem.predict_baseline(X, np.arange(200), np.arange(200, N), map)[1]
    assert np.isfinite(outputs).all()
    assert np.all(outputs[:, list(problem.classes).index("none")] == 0)


def test_a_sample_without_labels_is_told_from_one_of_which_nobody_said_any():
    texts, labels = ["red", "blue", "green"] * 4, [["a"], ["b"], None] * 4
    with pytest.raises(
        BadLabels, match=r"4 of 12 .* write \[\] where a sample has none of the labels"
    ):
        featx.fit(texts, labels, task="multilabel")
    with pytest.raises(BadLabels, match="label or drop them"):
        featx.fit(texts, ["a", "b", None] * 4)
