"""featx's search for a head beside scikit-learn's GridSearchCV: same rows, folds, grid, estimator.

    python benchmarks/fitting.py --rows rows.npz --prepare     # makes the rows, which takes minutes once
    python benchmarks/fitting.py --rows drawn.npz --prepare --drawn
    python benchmarks/fitting.py --rows rows.npz --json fitting.json
    python benchmarks/fitting.py --rows rows.npz --tol 1e-5 --only 0.1 0.32 1    # at the solution
    python benchmarks/fitting.py --rows rows.npz --head rbf-svm --head knn --alone

The rows are real: 4000 photos of CIFAR-10 (the shared set, ten classes) through mobilenetv2-1.0, once as they
are, once mirrored, and every other one cut by two pixels at each side: 10 000 x 1280, float32. Views of one
photo fall into different folds, so accuracies are higher than on new photos, for both sides alike. With --drawn
no two rows know of each other: they are drawn from normal distributions with the means of those rows' classes
and the covariance within them.

GridSearchCV is given its best: a process a core, one thread of linear algebra each, memory-mapped float32 rows,
and the splits ready-made. Both sides end with the chosen candidate trained on all rows. Sides take turns; times
are medians over --repeats. LogisticRegression's default tolerance, 1e-4, leaves its solver some tenths of a
point short of the solution; --tol gives GridSearchCV a tighter one, to compare what both choose in the end,
and --only some of the candidates, since that takes long: then times are no comparison.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from shelves import stock
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.model_selection import GridSearchCV
from threadpoolctl import threadpool_limits

import featx
from featx.embedding.engine import count_workers
from featx.heads import HEADS, make_head
from featx.tuning import Recipe, fit_choice, tune
from featx.tuning.splits import Deals

HERE = Path(__file__).resolve().parent


def prepare(given: argparse.Namespace) -> None:
    """Photos, and views of them, through a real backbone."""
    stock(given.models)
    files = sorted((given.data / "cifar10").rglob("*.jpg"))
    photos = [Image.open(file).convert("RGB") for file in files]
    names = [file.parent.name for file in files]
    views = [*photos, *(photo.transpose(Image.Transpose.FLIP_LEFT_RIGHT) for photo in photos)]
    views += [photo.crop((2, 2, 30, 30)) for photo in photos[::2]]
    labels = names + names + names[::2]
    samples = featx.make_samples([np.asarray(view) for view in views], labels)
    rows = featx.Engine(cache=True).embed(samples, featx.Backbone("mobilenetv2-1.0"))
    order = np.random.default_rng(0).permutation(len(labels))
    made, known = rows.embeddings[order], np.array(labels)[order]
    if given.drawn:
        made = draw(made, known)
    np.savez(given.rows, rows=made, labels=known)
    print(f"{given.rows}: rows of shape {made.shape}, {len(set(labels))} classes")


def draw(rows: Any, labels: Any) -> Any:
    """Rows of the same labels, each by itself, with the moments of those that are given."""
    model = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto").fit(rows, labels)
    within = np.linalg.cholesky(model.covariance_).astype(np.float32)
    noise = np.random.default_rng(1).standard_normal(rows.shape, np.float32) @ within.T
    return (model.means_[np.searchsorted(model.classes_, labels)] + noise).astype(np.float32)


def by_featx(head: str, rows: Any, labels: Any, given: argparse.Namespace) -> dict[str, Any]:
    """Search and training, as ``featx fit`` has them for the head that it gives back."""
    start = time.perf_counter()
    choice = tune([HEADS[head]], rows, labels, recipe=Recipe(head, seed=given.seed))
    searched = time.perf_counter()
    fit_choice(choice, rows, labels)
    return {
        "seconds": time.perf_counter() - start,
        "search": searched - start,
        "chosen": dict(choice.params),
        "accuracy": choice.accuracy,
    }


def by_grid_search(head: str, rows: Any, labels: Any, given: argparse.Namespace) -> dict[str, Any]:
    """The same with what scikit-learn brings."""
    splits = Deals(labels, 4, repeats=1, seed=given.seed).splits
    start = time.perf_counter()
    grid = {key: [each[key] for each in HEADS[head].grid] for key in HEADS[head].grid[0]}
    if given.only:
        grid = {key: [value for value in grid[key] if value in given.only] for key in grid}
    plain = make_head(head)
    if given.tol:
        plain.set_params(logisticregression__tol=given.tol, logisticregression__max_iter=20_000)
    search = GridSearchCV(plain, grid, cv=splits, n_jobs=count_workers(None))
    with threadpool_limits(limits=1):
        search.fit(rows, labels)
    means = search.cv_results_["mean_test_score"]
    return {
        "seconds": time.perf_counter() - start,
        "search": time.perf_counter() - start - search.refit_time_,
        "chosen": search.best_params_,
        "accuracy": float(search.best_score_),
        "accuracies": {
            str(next(iter(params.values()))): float(mean)
            for params, mean in zip(search.cv_results_["params"], means, strict=True)
        },
    }


def compare(head: str, rows: Any, labels: Any, given: argparse.Namespace) -> dict[str, Any]:
    """Both sides, taking turns."""
    sides = {"featx": by_featx} | ({} if given.alone else {"GridSearchCV": by_grid_search})
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in sides}
    for _ in range(given.repeats):
        for name, side in sides.items():
            runs[name].append(side(head, rows, labels, given))
            print(f"  {head} {name}: {runs[name][-1]['seconds']:.1f} s", flush=True)
    result: dict[str, Any] = {"head": head, "n": len(rows), "d": rows.shape[1]}
    for name, made in runs.items():
        seconds = [each["seconds"] for each in made]
        result[name] = made[0] | {
            "seconds": statistics.median(seconds),
            "all_seconds": seconds,
            "search": statistics.median(each["search"] for each in made),
        }
        told = ", ".join(f"{k.split('__')[1]} = {v}" for k, v in result[name]["chosen"].items())
        print(
            f"{head:<11} {name:<13} {result[name]['seconds']:7.1f} s, of which search "
            f"{result[name]['search']:7.1f} s   {told:<18} accuracy {result[name]['accuracy']:.4f}"
        )
    if not given.alone:
        theirs = result["GridSearchCV"]
        result["ratio"] = theirs["seconds"] / result["featx"]["seconds"]
        there = theirs["accuracies"].get(str(next(iter(result["featx"]["chosen"].values()))))
        fast = "" if given.tol or given.only else f"{result['ratio']:.1f} times as fast; "
        print(f"{head:<11} {fast}GridSearchCV's accuracy at featx's choice: {there}")
    return result


def main() -> None:
    """Print the comparison."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=Path, required=True, help="NPZ with rows and labels")
    parser.add_argument("--prepare", action="store_true", help="make the rows and stop")
    parser.add_argument("--drawn", action="store_true", help="rows like them, not of photos")
    parser.add_argument("--data", type=Path, default=HERE.parent / "../shared/data")
    parser.add_argument("--models", type=Path, default=HERE.parent / "../shared/models")
    parser.add_argument("--head", action="append", choices=HEADS, help="default: logistic")
    parser.add_argument("--alone", action="store_true", help="featx without its peer")
    parser.add_argument("--tol", type=float, help="of GridSearchCV's solver; logistic only")
    parser.add_argument("--only", type=float, nargs="+", help="candidates that GridSearchCV tries")
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0, help="decides the folds")
    parser.add_argument("--json", type=Path, help="write the figures here too")
    given = parser.parse_args()
    if given.tol and set(given.head or ["logistic"]) != {"logistic"}:
        parser.error("--tol is of the logistic head; leave --head out")
    if given.drawn and not given.prepare:
        parser.error("--drawn is of --prepare")
    if given.prepare:
        prepare(given)
        return
    with np.load(given.rows) as table:
        rows, labels = table["rows"], table["labels"]
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        results = [compare(head, rows, labels, given) for head in given.head or ["logistic"]]
    if given.json:
        given.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
