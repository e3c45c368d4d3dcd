"""The scale of blocks, and what they weigh, against numbers made by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from featx.heads import TrainedHead
from featx.heads.number_scaling import NumberScaling
from featx.heads.prescaled import with_scaling
from featx.inputs.scaling import BlockScaling, InputBlock
from featx.tasks import get_task
from featx.tuning import HeadConfig
from featx.tuning.block_weights import WEIGHTS, BlockWeights
from featx.tuning.design import SampleDesign
from featx.tuning.validation import train


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def _problem(numbers, design=None):
    task = get_task("regression")
    return task.tuning_problem(
        task.encode_targets([str(one) for one in numbers]), HeadConfig("ridge"), design
    )


def test_each_block_has_its_weight_in_variance_and_all_together_that_of_their_columns(rng):
    rows = (rng.normal(size=(50, 7)) * [1, 50, 3, 9, 2, 2, 0] + 30).astype(np.float32)
    blocks = InputBlock.of_widths(["a", "b"], [2, 5])
    scaled = BlockScaling.fit(rows, blocks, (1.0, 0.5)).apply(rows).astype(float)
    assert np.allclose(scaled.mean(axis=0), 0, atol=1e-5)
    variances = [scaled[:, block.columns].var(axis=0).sum() for block in blocks]
    # Six columns vary, and one block weighs half of the other.
    assert sum(variances) == pytest.approx(6, rel=1e-4)
    assert variances[0] / variances[1] == pytest.approx(4, rel=1e-4)
    assert not scaled[:, 6].any()


def test_a_weight_of_nothing_leaves_a_block_out(rng):
    rows = rng.normal(size=(30, 4)).astype(np.float32)
    blocks = InputBlock.of_widths(["a", "b"], [2, 2])
    scaled = BlockScaling.fit(rows, blocks, (0.0, 1.0)).apply(rows)
    assert np.abs(scaled[:, :2]).max() < 1e-10
    assert np.isfinite(scaled).all()


def test_sample_weights_count_as_repeated_rows(rng):
    rows = rng.normal(size=(20, 3)).astype(np.float32)
    counts = rng.integers(1, 4, 20)
    blocks = InputBlock.of_widths(["a"], [3])
    weighted = BlockScaling.fit(rows, blocks, None, counts.astype(float))
    repeated = BlockScaling.fit(np.repeat(rows, counts, axis=0), blocks)
    assert np.allclose(weighted.mean, repeated.mean)
    assert np.allclose(weighted.scale, repeated.scale)


def test_a_head_on_scaled_rows_and_its_scaling_are_one_scaler_and_one_model(rng):
    rows = rng.normal(5, 3, size=(40, 4)).astype(np.float32)
    scaling = BlockScaling.fit(rows, InputBlock.of_widths(["a", "b"], [1, 3]), (1.0, 0.3))
    ridge = Ridge(2.0).fit(scaling.apply(rows), rows[:, 0])
    plain = NumberScaling((0.0,), (1.0,), (0.0,))
    head = TrainedHead.from_estimator("ridge", ridge, plain, ["value"])
    joined = with_scaling(head, scaling.mean, scaling.scale)
    assert [type(step).__name__ for _, step in joined.estimator.steps] == [
        "StandardScaler",
        "Ridge",
    ]
    expected = ridge.predict(scaling.apply(rows))
    assert np.allclose(joined.predict_outputs(rows)[:, 0], expected, atol=1e-4)


def test_a_block_that_tells_nothing_weighs_nothing_and_the_others_decide(rng):
    told = rng.normal(size=(120, 3)).astype(np.float32)
    noise = 100 * rng.normal(size=(120, 60)).astype(np.float32)
    targets = told @ [1.0, 2.0, 0.5]
    rows, blocks = np.hstack([noise, told]), InputBlock.of_widths(["noise", "told"], [60, 3])
    assert BlockWeights(blocks).choose(rows, _problem(targets)) == (0.0, 1.0)
    assert max(BlockWeights(blocks).choose(rows, _problem(rng.normal(size=120)))) == 1


def _left_out_error(scaled, targets, groups):
    """Return the squared error of ridge with each group left out in turn, with the best penalty."""
    errors = []
    for share in 10.0 ** np.arange(-4, 1.5, 0.5):
        alpha, total = share * (scaled**2).sum(), 0.0
        for group in np.unique(groups):
            known, test = groups != group, groups == group
            ridge = Ridge(alpha, solver="cholesky").fit(scaled[known], targets[known])
            total += float(((ridge.predict(scaled[test]) - targets[test]) ** 2).sum())
        errors.append(total)
    return min(errors)


@pytest.mark.slow
def test_groups_are_left_out_together_when_weights_are_chosen(rng):
    # A block that knows the group: it says much where others of the group are seen, and little otherwise.
    groups = np.repeat(np.arange(10), 6)
    own = rng.normal(size=(10, 12))[groups] + 0.01 * rng.normal(size=(60, 12))
    told = rng.normal(size=(60, 2))
    targets = told[:, 0] + rng.normal(0, 2, 10)[groups]
    rows = np.hstack([own, told]).astype(np.float32)
    blocks = InputBlock.of_widths(["group", "told"], [12, 2])
    design = SampleDesign(groups=groups.astype(str))
    chosen = BlockWeights(blocks).choose(rows, _problem(targets, design))
    assert BlockWeights(blocks).choose(rows, _problem(targets)) != chosen

    def error(weights):
        return _left_out_error(BlockScaling.fit(rows, blocks, weights).apply(rows), targets, groups)

    every = [error(pair) for pair in [(w, 1.0) for w in WEIGHTS] + [(1.0, w) for w in WEIGHTS]]
    assert error(chosen) <= 1.01 * min(every)


@pytest.mark.parametrize("head", ["logistic", "ridge", "linear-svm", "knn", "lda", "centroid"])
def test_heads_of_all_searches_heed_weights_and_begin_with_one_scaler(head, rng):
    labels = rng.integers(0, 2, 80)
    told = rng.normal(size=(80, 2)) + 2.5 * labels[:, None]
    rows = np.hstack([100 * rng.normal(size=(80, 40)), told]).astype(np.float32)
    task, config = get_task("classification"), HeadConfig(head)
    problem = task.tuning_problem(task.encode_targets([f"c{one}" for one in labels]), config, None)
    known, blocks = np.arange(80) < 60, InputBlock.of_widths(["noise", "told"], [40, 2])
    accuracies = []
    for own in (config, replace(config, blocks=BlockWeights(blocks))):
        choice, trained = train(rows[known], problem.subset(known), own, once=True)
        predicted = trained.predict_outputs(rows[~known]).argmax(axis=1)
        accuracies.append((predicted == labels[~known]).mean())
    assert choice.scaling.weights[0] <= 0.1 * choice.scaling.weights[1]
    assert accuracies[1] >= max(accuracies[0], 0.9)
    assert type(trained.estimator[0]).__name__ == "StandardScaler"


def test_solvers_without_a_scale_of_their_own_agree_with_scikit_learn(rng):
    """Ridge on columns of unlike scales: the penalty that was chosen, and the coefficients."""
    rows = (rng.normal(size=(80, 6)) * [1, 1, 1, 30, 30, 30]).astype(np.float32)
    targets = rows @ [1.0, -1.0, 0.5, 0.01, 0.02, 0.0] + rng.normal(0, 0.1, 80)
    blocks = InputBlock.of_widths(["a", "b"], [3, 3])
    config = HeadConfig("ridge", blocks=BlockWeights(blocks))
    choice, head = train(rows, _problem(targets), config, once=True)
    scaled = choice.scaling.refit(rows).apply(rows).astype(float)
    standardized = (targets - targets.mean()) / targets.std()
    [alpha] = choice.params.values()
    expected = Ridge(alpha).fit(scaled, standardized).predict(scaled)
    assert np.allclose(head.scorer.scores(rows)[:, 0], expected, atol=1e-4)


def test_weights_without_a_block_are_those_of_rows_that_never_had_it(rng):
    told = rng.normal(size=(90, 4))
    targets = told @ [1.0, 0.5, 0.0, 0.3] + rng.normal(0, 0.3, 90)
    rows = np.hstack([told, 30 * rng.normal(size=(90, 5))]).astype(np.float32)
    every = BlockWeights(InputBlock.of_widths(["a", "b", "noise"], [2, 2, 5]))
    problem = _problem(targets)
    assert every.choose(rows, problem)[2] == 0
    without = every.without(0).choose(rows, problem)
    fewer = BlockWeights(InputBlock.of_widths(["b", "noise"], [2, 5]))
    expected = fewer.choose(np.ascontiguousarray(rows[:, 2:]), problem)
    assert without[0] == 0
    assert without[1:] == expected
    # A block of no weight changes nothing where it is left out.
    assert every.without(2).choose(rows, problem) == every.choose(rows, problem)
