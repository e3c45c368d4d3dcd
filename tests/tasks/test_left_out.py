"""What a task makes of the scores of samples left out: calibrators with groups and weights."""

import numpy as np
import pytest

from featx.errors import FeatxWarning
from featx.tasks import get_task
from featx.tasks.multilabel_problem import MultilabelProblem
from featx.tasks.regression_problem import RegressionProblem
from featx.tuning import HeadConfig
from featx.tuning.design import SampleDesign


@pytest.mark.parametrize("n_groups", [3, 8, 9, 20])
def test_a_regression_of_few_groups_says_what_its_intervals_cover(rng, n_groups, recwarn):
    task = get_task("regression")
    targets = task.encode_targets(list(map(str, rng.normal(size=60))))
    groups = np.array([f"house {i % n_groups}" for i in range(60)])
    task.tuning_problem(targets, HeadConfig(), SampleDesign(groups=groups))
    texts = [str(one.message) for one in recwarn if one.category is FeatxWarning]
    assert len(texts) == (n_groups < 9)
    if texts:
        share = n_groups / (n_groups + 1)
        assert texts[0].startswith(f"intervals: {n_groups} groups are too few")
        assert f"about {share:.0%} of new groups" in texts[0]


def test_intervals_of_weighted_samples_are_those_of_the_heavy_ones(rng):
    numbers = rng.normal(size=(200, 1))
    heavy = np.arange(200) < 100
    scores = np.where(heavy[:, None], 3.0, 0.1) * rng.normal(size=(200, 1))
    radii = []
    for weights in (np.where(heavy, 1.0, 1e-9), np.where(heavy, 1e-9, 1.0)):
        problem = RegressionProblem(("y",), numbers, design=SampleDesign(weights=weights))
        left_out = problem.standardized + scores
        radii.append(problem.evaluate(left_out, np.arange(200)).calibrator.radius[0])
    assert radii[0] > 10 * radii[1]


def test_thresholds_of_weighted_samples_are_those_of_the_heavy_ones(rng):
    members = rng.random((2000, 2)) < 0.4
    scores = members + rng.normal(size=(2000, 2))
    heavy = np.arange(2000) < 1000
    # elsewhere the labels say nothing of the scores
    scores[~heavy] = rng.normal(size=(1000, 2))
    weights = np.where(heavy, 2.0, 1e-9)
    weighted = MultilabelProblem(("a", "b"), members, design=SampleDesign(weights=weights))
    alone = MultilabelProblem(("a", "b"), members[heavy])
    found = weighted.evaluate(scores, np.arange(2000)).calibrator
    expected = alone.evaluate(scores[heavy], np.arange(1000)).calibrator
    np.testing.assert_allclose(found.slopes, expected.slopes, rtol=0.02)
    np.testing.assert_allclose(found.thresholds, expected.thresholds, atol=0.03)
