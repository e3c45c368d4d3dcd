"""The penalty of the logistic head on many rows is found from wherever the sample leaves it, on both sides."""

from contextlib import closing

import numpy as np
import pytest

import featx
from featx.heads import HEADS
from featx.many_rows.heads import ClosedForm
from featx.many_rows.logistic import search_penalty
from featx.many_rows.parts import draw_parts
from featx.many_rows.passes import RowPasses
from featx.many_rows.reading import RowColumns, read_labelled_rows
from featx.tables.stored_rows import open_stored_rows
from featx.tasks import get_task
from featx.tuning import HeadConfig
from featx.tuning.solvers.closed_form import LinearSolution

DIM, K, N = 256, 6, 4000
SPEC = HEADS["logistic"]
STRENGTHS = [next(iter(own.values())) for own in SPEC.grid]


@pytest.fixture(scope="module")
def search(tmp_path_factory):
    """A function that searches from one penalty on, and one that gives the loss of each."""
    rng = np.random.default_rng(0)
    y = rng.integers(K, size=N)
    means = rng.normal(size=(K, DIM)) * 0.1
    rows = (rng.normal(size=(N, DIM)) + means[y]).astype(np.float32)
    path = tmp_path_factory.mktemp("rows") / "rows.npz"
    ids, labels = tuple(map(str, range(N))), tuple(f"c{code}" for code in y.tolist())
    featx.write_rows(path, featx.Rows(ids, labels, rows, "f" * 64))
    kind = get_task("classification")
    read = read_labelled_rows(open_stored_rows(path), RowColumns(), kind, by_default=True)
    problem = kind.tuning_problem(
        kind.encode_targets(read.labels, read.ids), HeadConfig("logistic"), read.design
    )
    parts = draw_parts(problem.codes, K, DIM, np.random.default_rng(0))
    judged, every = (
        problem.part(np.flatnonzero(parts.train), parts.tune),
        np.arange(len(parts.tune)),
    )
    begin = LinearSolution(np.zeros((K, DIM)), np.zeros(K))
    targets = problem.part(np.flatnonzero(parts.train), np.arange(N)).row_targets()
    with closing(RowPasses(read, targets, map)) as passes:
        trained, _, tune = passes.gather(parts.train, parts.tune, products=True, copy=True)

        def found(strength):
            return search_penalty(
                SPEC,
                {"logisticregression__C": strength},
                begin,
                ClosedForm(trained),
                passes,
                parts.train,
                tune,
                lambda scores: judged.evaluate(scores, every),
            )

        yield found


@pytest.mark.parametrize("start", [1e-5, 1e-3, 10.0])
def test_the_best_penalty_is_found_from_a_weaker_and_from_a_stronger_one(search, start):
    chosen = search(start)
    strength = chosen.params["logisticregression__C"]
    # These two are as good as each other, and all others worse.
    assert strength in (3.2e-4, 1e-3)
    assert chosen.evaluation.loss < 1.078
    # As many are solved as lie on the way, and one worse on each side that was gone to.
    way = abs(STRENGTHS.index(start) - STRENGTHS.index(strength))
    assert way + 2 <= chosen.n_tried <= way + 3
