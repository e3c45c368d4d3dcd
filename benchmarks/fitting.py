"""Compare featx's search for a head with scikit-learn's GridSearchCV: same rows, folds, grid, estimator.

    python benchmarks/fitting.py                        # makes the rows, which takes minutes once
    python benchmarks/fitting.py --drawn                # rows of which none knows of another
    python benchmarks/fitting.py --tol 1e-5 --only 0.1 0.32 1    # at the solution
    python benchmarks/fitting.py --head rbf-svm --head knn --alone

The rows are real: 4000 photos of CIFAR-10 (the shared set, ten classes) through mobilenetv2-1.0, once as they
are, once mirrored, and every other one cut by two pixels at each side: 10 000 x 1280, float32. Views of one
photo fall into different folds, so accuracies are higher than on new photos, for both sides alike. With --drawn
they are drawn from normal distributions with the means of those rows' classes and the covariance within them.

GridSearchCV is given its best: a process a core, one thread of linear algebra each, memory-mapped float32 rows,
and the splits ready-made. Both sides end with the chosen candidate trained on all rows. LogisticRegression's
default tolerance, 1e-4, leaves its solver some tenths of a point short of the solution; --tol gives
GridSearchCV a tighter one, and --only some of the candidates, since that takes long: times are then no
comparison.
"""

from __future__ import annotations

import argparse
import os
import time
from functools import partial
from typing import Any

import common
import numpy as np
from common import format_table
from PIL import Image
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.model_selection import GridSearchCV, PredefinedSplit
from threadpoolctl import threadpool_limits


def make_rows(given: argparse.Namespace) -> tuple[Any, Any]:
    """Return rows and labels: photos, and views of them, through a real backbone; kept below --work."""
    kept = given.work / ("drawn.npz" if given.drawn else "rows.npz")
    if not kept.exists():
        import featx

        files = sorted((given.data / "cifar10").rglob("*.jpg"))
        photos = [Image.open(file).convert("RGB") for file in files]
        views = [*photos, *(photo.transpose(Image.Transpose.FLIP_LEFT_RIGHT) for photo in photos)]
        views += [photo.crop((2, 2, 30, 30)) for photo in photos[::2]]
        names = [file.parent.name for file in files]
        labels = np.array(names + names + names[::2])
        samples = featx.make_samples([np.asarray(view) for view in views])
        rows = featx.Engine(cache=True).embed(samples, featx.Backbone("mobilenetv2-1.0")).embeddings
        order = np.random.default_rng(0).permutation(len(labels))
        rows, labels = rows[order], labels[order]
        np.savez(kept, rows=draw(rows, labels) if given.drawn else rows, labels=labels)
    with np.load(kept) as table:
        return table["rows"][: given.items], table["labels"][: given.items]


def draw(rows: Any, labels: Any) -> Any:
    """Return rows of the same labels, each by itself, with the moments of those that are given."""
    model = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto").fit(rows, labels)
    within = np.linalg.cholesky(model.covariance_).astype(np.float32)
    noise = np.random.default_rng(1).standard_normal(rows.shape, np.float32) @ within.T
    return (model.means_[np.searchsorted(model.classes_, labels)] + noise).astype(np.float32)


def by_featx(head: str, rows: Any, labels: Any, given: argparse.Namespace) -> dict[str, Any]:
    """Search and train, as ``featx fit`` does for the head that it gives back."""
    from featx.heads import HEADS
    from featx.tasks.classification import ClassificationProblem
    from featx.tuning import HeadConfig, fit_choice, tune

    start = time.perf_counter()
    problem = ClassificationProblem(labels)
    config = HeadConfig(head, random_state=given.seed)
    choice = tune([HEADS[head]], rows, problem, config=config)
    search = time.perf_counter() - start
    fit_choice(choice, rows, problem)
    found = {"search": search, "chosen": dict(choice.params), "accuracy": choice.score}
    return found | {"seconds": time.perf_counter() - start}


def by_grid_search(head: str, rows: Any, labels: Any, given: argparse.Namespace) -> dict[str, Any]:
    """Do the same with what scikit-learn brings."""
    from featx.heads import HEADS, make_head
    from featx.tasks.classification import stratified_folds

    folds = PredefinedSplit(stratified_folds(labels, 4, np.random.default_rng(given.seed)))
    grid = {key: [entry[key] for entry in HEADS[head].grid] for key in HEADS[head].grid[0]}
    if given.only:
        grid = {key: [value for value in grid[key] if value in given.only] for key in grid}
    plain = make_head(head)
    if given.tol:
        plain.set_params(logisticregression__tol=given.tol, logisticregression__max_iter=20_000)
    start = time.perf_counter()
    search = GridSearchCV(plain, grid, cv=folds, n_jobs=len(os.sched_getaffinity(0)))
    with threadpool_limits(limits=1):
        search.fit(rows, labels)
    seconds, found = time.perf_counter() - start, search.cv_results_
    values = [str(next(iter(params.values()))) for params in found["params"]]
    return {
        "seconds": seconds,
        "search": seconds - search.refit_time_,
        "chosen": search.best_params_,
        "accuracy": float(search.best_score_),
        "accuracies": dict(zip(values, found["mean_test_score"].tolist(), strict=True)),
    }


def compare(head: str, rows: Any, labels: Any, given: argparse.Namespace) -> dict[str, Any]:
    """Print both sides of one head, taking turns."""
    sides = {"featx": by_featx} | ({} if given.alone else {"GridSearchCV": by_grid_search})
    steps = {name: partial(side, head, rows, labels, given) for name, side in sides.items()}
    runs, lines = common.in_turns(given.rounds, steps), []
    for name, results in runs.items():
        chosen = ", ".join(f"{k.split('__')[1]} = {v}" for k, v in results[0]["chosen"].items())
        seconds, search = (np.median([r[key] for r in results]) for key in ("seconds", "search"))
        line = [head, name, f"{seconds:.1f}", f"{search:.1f}", chosen]
        lines.append([*line, f"{results[0]['accuracy']:.4f}"])
    heads = ["head", "by", "median s", "of which search", "chosen", "accuracy"]
    print(format_table(heads, lines))
    if not given.alone:
        theirs, ours = runs["GridSearchCV"], runs["featx"]
        ratio = np.median([b["seconds"] / a["seconds"] for a, b in zip(ours, theirs, strict=True)])
        there = theirs[0]["accuracies"].get(str(next(iter(ours[0]["chosen"].values()))))
        fast = "" if given.tol or given.only else f"{ratio:.1f} times as fast; "
        print(f"{head}: {fast}GridSearchCV's accuracy at featx's choice: {there}")
    return {"head": head, "n": len(rows), "d": rows.shape[1], **runs}


def main() -> None:
    """Print the comparison."""
    parser = common.make_parser(__doc__, rounds=1)
    parser.add_argument("--drawn", action="store_true", help="rows like them, not of photos")
    parser.add_argument("--items", type=int, help="only so many rows")
    parser.add_argument("--head", action="append", metavar="NAME", help="[logistic]")
    parser.add_argument("--alone", action="store_true", help="featx without its peer")
    parser.add_argument("--tol", type=float, help="of GridSearchCV's solver; logistic only")
    parser.add_argument("--only", type=float, nargs="+", help="candidates that GridSearchCV tries")
    parser.add_argument("--seed", type=int, default=0, help="decides the folds [%(default)s]")
    given = common.parse(parser)
    heads = given.head or ["logistic"]
    if given.tol and heads != ["logistic"]:
        parser.error("--tol is of the logistic head; leave --head out")
    rows, labels = make_rows(given)
    common.write_json(given.json, [compare(head, rows, labels, given) for head in heads])


if __name__ == "__main__":
    main()
