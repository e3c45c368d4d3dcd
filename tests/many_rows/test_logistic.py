"""The penalty of the logistic head on many rows is the best there is, whatever the rows are like and count."""

from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.preprocessing import StandardScaler

import featx
from featx.heads import HEADS, TemperatureScaling
from featx.many_rows.heads import ClosedForm
from featx.many_rows.logistic import search_penalty, solve_all
from featx.many_rows.parts import draw_parts
from featx.many_rows.passes import RowPasses
from featx.many_rows.reading import RowColumns, read_labelled_rows
from featx.tables.stored_rows import open_stored_rows
from featx.tasks import get_task
from featx.tuning import HeadConfig

SPEC = HEADS["logistic"]
STRENGTHS = [next(iter(own.values())) for own in SPEC.grid]


def draw(n, dim, k, distance):
    """Rows with common factors around means so far from each other, and their classes."""
    rng = np.random.default_rng(0)
    y = rng.permutation(np.arange(n) % k)
    means = rng.normal(size=(k, dim)) * distance
    factors = rng.normal(size=(n, 4)) @ rng.normal(size=(4, dim))
    return (rng.normal(size=(n, dim)) + factors + means[y]).astype(np.float32), y


class Search:
    """A search on rows that lie in a file."""

    def __init__(self, folder, rows, y, often=1.0):
        path = folder / "rows.npz"
        ids, labels = tuple(map(str, range(len(y)))), tuple(f"c{code}" for code in y.tolist())
        featx.write_rows(path, featx.Rows(ids, labels, rows, "f" * 64))
        kind = get_task("classification")
        read = read_labelled_rows(open_stored_rows(path), RowColumns(), kind, by_default=True)
        targets = kind.encode_targets(read.labels, read.ids)
        problem = kind.tuning_problem(targets, HeadConfig("logistic"), read.design)
        generator = np.random.default_rng(0)
        self.parts = draw_parts(problem.codes, y.max() + 1, rows.shape[1], generator)
        self.judged = problem.part(np.flatnonzero(self.parts.train), self.parts.tune)
        own = problem.part(np.flatnonzero(self.parts.train), np.arange(len(y))).row_targets()
        weighed = replace(own, weights=own.weights * often)
        with closing(RowPasses(read, weighed, map)) as passes:
            trained, held, tune = passes.gather(
                self.parts.train, self.parts.tune, products=True, copy=True
            )
            form, whole = ClosedForm(trained), ClosedForm(trained + held)
            self.choice = search_penalty(
                SPEC, form, passes, self.parts.train, tune, self.judged.evaluate
            )
            self.final = solve_all(self.choice, form, whole, passes, tune)
        [self.strength] = self.choice.params.values()


def losses_of_all(rows, y, search):
    """The loss of each penalty as scikit-learn solves it, of the rows that choose."""
    parts = search.parts
    scaler = StandardScaler().fit(rows[parts.train])
    train, tune = scaler.transform(rows[parts.train]), scaler.transform(rows[parts.tune])
    losses = []
    for strength in STRENGTHS:
        head = LogisticRegression(C=strength, max_iter=300).fit(train, y[parts.train])
        scores = head.decision_function(tune)
        if scores.ndim == 1:
            scores = np.stack([np.zeros_like(scores), scores], axis=1)
        losses.append(search.judged.evaluate(scores, np.arange(len(scores))).loss)
    return losses


@pytest.mark.parametrize(
    ("n", "dim", "k", "distance"),
    [
        # More columns than are good for the rows: a strong penalty.
        (1500, 128, 6, 0.13),
        # So many rows that none is needed.
        (3000, 8, 3, 0.7),
        # Classes that lie apart, and two by chance.
        (900, 24, 4, 1.5),
        (900, 24, 2, 0.0),
    ],
)
def test_no_penalty_is_better_than_the_chosen_one(tmp_path, n, dim, k, distance):
    rows, y = draw(n, dim, k, distance)
    search = Search(tmp_path, rows, y)
    assert search.choice.evaluation.loss <= min(losses_of_all(rows, y, search)) * 1.01


def test_the_penalty_is_as_strong_as_the_rows_are_many(tmp_path):
    """Rows that count 100 000 times each need a C that no grid for few rows has."""
    rows, y = draw(1500, 128, 6, 0.13)
    once, often = Search(tmp_path, rows, y), Search(tmp_path, rows, y, often=1e5)
    assert often.strength == pytest.approx(once.strength / 1e5)
    assert often.strength < STRENGTHS[0]
    assert often.choice.n_tried == once.choice.n_tried
    np.testing.assert_allclose(often.choice.scores, once.choice.scores, atol=0.02)


def test_the_head_of_all_rows_is_what_scikit_learn_solves_with_that_penalty(tmp_path):
    rows, y = draw(1500, 32, 4, 0.2)
    search = Search(tmp_path, rows, y)
    table = StandardScaler().fit_transform(rows)
    head = LogisticRegression(C=search.strength, tol=1e-8, max_iter=2000).fit(table, y)
    scores = table @ search.final.coef.T + search.final.intercept
    theirs = head.decision_function(table)
    loss, least = (log_loss(y, TemperatureScaling().apply(one)) for one in (scores, theirs))
    assert loss == pytest.approx(least, rel=0.01)
    assert (scores.argmax(axis=1) == theirs.argmax(axis=1)).mean() > 0.98


def test_few_penalties_are_tried(tmp_path):
    for number, distance in enumerate((0.13, 0.4)):
        folder = tmp_path / str(number)
        folder.mkdir()
        assert Search(folder, *draw(1500, 64, 6, distance)).choice.n_tried <= 4


def test_what_hides_behind_a_large_common_factor_is_learned(tmp_path):
    """All strong penalties see that factor alone, and are as bad as each other."""
    rows, y = draw(2400, 48, 4, 0.5)
    factor = np.random.default_rng(1).normal(size=(len(y), 1)) * 50
    search = Search(tmp_path, (rows + factor).astype(np.float32), y)
    assert search.choice.evaluation.score > 0.95
