"""Compare featx's search for a head with what one writes with scikit-learn: same rows, folds and estimator.

    python benchmarks/fitting.py                        # 15 000 x 256, 150 classes; 10 000 x 1280, 10 classes
    python benchmarks/fitting.py shapes                 # 2 to 1000 classes, 64 to 2048 columns
    python benchmarks/fitting.py --head rbf-svm --head knn photos
    python benchmarks/fitting.py banking77              # a whole featx.fit, baseline and measuring included
    python benchmarks/fitting.py multilabel             # 10 000 x 384, 90 labels, any number of them a sample

Contenders, which take turns: featx (search and training of what was chosen; "featx, all" measures it too);
plain, ``make_pipeline(StandardScaler(), LogisticRegression(C=0.1, tol=1e-3))``, one fit without any search;
GridSearchCV over it with five values of C; LogisticRegressionCV with the same five, behind a scaler. The two
searches have featx's folds, a process a core, one thread of linear algebra each, and float32 rows. Accuracy is
on rows that nobody trained on. With a thousand classes and a thousand columns or more they would run for
minutes: one of GridSearchCV's twenty fits is timed there, and the whole of it estimated, which the table says.

many     rows drawn from normal distributions, one a class, whose noise lets a tuned head reach about .93
photos   4000 photos of CIFAR-10 through mobilenetv2-1.0 as they are, mirrored, and half of them cut by two
         pixels: 10 000 rows, of which a fifth is kept aside; views of one photo fall on both sides

Several labels a sample: the solver that solves all of them together, and GridSearchCV over
``OneVsRestClassifier(LogisticRegression())`` with the same five values of C and the same folds; both choose by
the micro F1 of what a fold leaves out, and the last column but one is that of rows that nobody trained on.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from functools import partial
from typing import Any

import common
import numpy as np
from common import format_table
from PIL import Image
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV
from sklearn.metrics import f1_score
from sklearn.model_selection import GridSearchCV, PredefinedSplit
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

FIVE = [0.001, 0.01, 0.1, 1.0, 10.0]
SHAPES = [(k, d) for k in (2, 10, 100, 1000) for d in (64, 256, 1024, 2048)]
Split = tuple[Any, Any, Any, Any]
# Samples x columns x classes from which on GridSearchCV is estimated, and LogisticRegressionCV left out.
TOO_MUCH_WORK = 10_000_000_000


def draw(n_classes: int, d: int, n: int, noise: float = 4.0) -> Split:
    """Return rows of classes with means of their own and noise, stronger in some directions."""
    rng = np.random.default_rng(0)
    means = rng.standard_normal((n_classes, d), np.float32)
    y = rng.permutation(np.arange(n + n // 5) % n_classes)
    spread = np.arange(1, d + 1, dtype=np.float32) ** -0.3
    spread *= noise * np.sqrt(d / 256) / np.sqrt((spread**2).mean())
    turn = np.linalg.qr(rng.standard_normal((d, d)))[0].astype(np.float32)
    rows = means[y] + (rng.standard_normal((len(y), d), np.float32) * spread) @ turn
    names = np.array([f"class {k:04d}" for k in y])
    return rows[:n], names[:n], rows[n:], names[n:]


def draw_labels(n_labels: int, d: int, n: int) -> Split:
    """Return rows of forty hidden numbers and noise, and labels that a tenth to a half percent of them have."""
    rng, n_hidden, n_all = np.random.default_rng(0), 40, n + n // 5
    hidden = rng.standard_normal((n_all, n_hidden))
    rows = hidden @ rng.standard_normal((n_hidden, d)) + 2 * rng.standard_normal((n_all, d))
    strengths = hidden @ rng.standard_normal((n_hidden, n_labels)) / np.sqrt(n_hidden)
    strengths += 0.5 * rng.standard_normal(strengths.shape)
    shares = np.geomspace(0.005, 0.1, n_labels)
    thresholds = [np.quantile(s, 1 - q) for s, q in zip(strengths.T, shares, strict=True)]
    targets = (strengths > thresholds).astype(np.intp)
    rows = rows.astype(np.float32)
    return rows[:n], targets[:n], rows[n:], targets[n:]


def read_photos(given: argparse.Namespace) -> Split:
    """Return rows of photos and of views of them; kept below --work."""
    kept = given.work / "rows.npz"
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
        np.savez(kept, rows=rows[order], labels=labels[order])
    with np.load(kept) as table:
        rows, labels = table["rows"], table["labels"]
    n = len(rows) * 4 // 5
    return rows[:n], labels[:n], rows[n:], labels[n:]


def read_banking77(given: argparse.Namespace) -> Split:
    """Return the sentences of BANKING77 as samples of featx."""
    import featx

    parts = [
        common.read_split(featx.get_card("featx-text-nano"), given.data / "banking77", split)
        for split in ("train", "test")
    ]
    train, test = ([s, np.array([sample.label for sample in s])] for s in parts)
    return (*train, *test)


def search_with_featx(head: str, X: Any, y: Any) -> Callable[[Any], Any]:
    """Search and train, as ``featx fit`` does for the head that it gives back."""
    from featx.heads import HEADS
    from featx.tasks.classification_problem import ClassificationProblem
    from featx.tuning import HeadConfig, fit_choice, tune

    problem = ClassificationProblem(y)
    choice = tune([HEADS[head]], X, problem, config=HeadConfig(head))
    return fit_choice(choice, X, problem).predict


def fit_all(head: str, X: Any, y: Any) -> Callable[[Any], Any]:
    """Search, measure on rows held out, and train on all."""
    from featx.training import fit_head
    from featx.tuning import HeadConfig

    return fit_head(X, y, HeadConfig(head)).head.predict


def fit_samples(head: str, X: Any, y: Any, engine: Any) -> Callable[[Any], Any]:
    """Do the whole of ``featx.fit``; the rows of the backbone are in the cache."""
    import featx

    return featx.fit(X, backbone="featx-text-nano", head=head, engine=engine).predict


def plain(head: str, X: Any, y: Any) -> Callable[[Any], Any]:
    return _pipeline(C=0.1, tol=1e-3, max_iter=1000).fit(X, y).predict


def grid_of_five(head: str, X: Any, y: Any) -> Callable[[Any], Any]:
    """Search with GridSearchCV: the candidates of featx's own grid for other heads than the logistic."""
    from featx.heads import HEADS, make_head

    pipeline, grid = _pipeline(tol=1e-3, max_iter=1000), {"logisticregression__C": FIVE}
    if head != "logistic":
        pipeline = make_head(head)
        grid = {key: [entry[key] for entry in HEADS[head].grid] for key in HEADS[head].grid[0]}
    search = GridSearchCV(pipeline, grid, cv=_folds(y), n_jobs=len(os.sched_getaffinity(0)))
    with threadpool_limits(limits=1):
        return search.fit(X, y).predict


def estimate_grid(X: Any, y: Any) -> float:
    """Return about how many seconds GridSearchCV would take, from one of its fits: the third C, one fold."""
    train = _folds(y).test_fold != 0
    one = _pipeline(C=FIVE[2], tol=1e-3, max_iter=1000)
    with threadpool_limits(limits=1):
        seconds = common.seconds_of(lambda: one.fit(X[train], y[train]))
    n_fits = 4 * len(FIVE) / len(os.sched_getaffinity(0))
    return seconds * (n_fits + len(train) / np.count_nonzero(train))


def path_of_five(head: str, X: Any, y: Any) -> Callable[[Any], Any]:
    cores = len(os.sched_getaffinity(0))
    search = LogisticRegressionCV(
        Cs=FIVE,
        cv=_folds(y),
        tol=1e-3,
        max_iter=1000,
        n_jobs=cores,
        scoring="accuracy",
        use_legacy_attributes=False,
    )
    with threadpool_limits(limits=1):
        return make_pipeline(StandardScaler(), search).fit(X, y).predict


def labels_together(head: str, X: Any, y: Any) -> Callable[[Any], Any]:
    """Search C for all labels with featx's solver, and train with the best of five."""
    from featx.embedding.engine import count_workers
    from featx.tuning.solvers.multilabel import MultilabelPath
    from featx.tuning.threads import one_thread_each, threads

    folds = _label_folds(y)
    tests = [np.flatnonzero(folds == fold) for fold in range(4)]
    trains = [np.flatnonzero(folds != fold) for fold in range(4)]
    with one_thread_each(), threads(count_workers(None)) as map_fn:
        path = MultilabelPath(X, y, trains, class_weight=None, gap=1e-5, map_fn=map_fn)
        tried = []
        for strength in path.solve_path(FIVE):
            found = [path.scores(split, test) > 0 for split, test in enumerate(tests)]
            score = np.mean([_micro_f1(y[test], f) for test, f in zip(tests, found, strict=True)])
            tried.append((score, strength, path.warm_start()))
        _, best, start = max(tried, key=lambda one: one[0])
        every = [np.arange(len(y))]
        path = MultilabelPath(
            X, y, every, class_weight=None, gap=1e-5, map_fn=map_fn, warm_start=start
        )
        list(path.solve_path([best]))
    scaler, weights = StandardScaler().fit(X), path.weights[0]
    return lambda rows: scaler.transform(rows) @ weights[:-1] + weights[-1] > 0


def labels_one_by_one(head: str, X: Any, y: Any) -> Callable[[Any], Any]:
    pipeline = make_pipeline(
        StandardScaler(), OneVsRestClassifier(LogisticRegression(tol=1e-3, max_iter=1000))
    )
    search = GridSearchCV(
        pipeline,
        {"onevsrestclassifier__estimator__C": FIVE},
        cv=PredefinedSplit(_label_folds(y)),
        scoring="f1_micro",
        n_jobs=len(os.sched_getaffinity(0)),
    )
    with threadpool_limits(limits=1):
        return search.fit(X, y).predict


def _is_too_long(X: Any, y: Any) -> bool:
    return isinstance(X, np.ndarray) and X.size * len(np.unique(y)) >= TOO_MUCH_WORK


def _label_folds(y: Any) -> Any:
    return np.random.default_rng(0).permutation(np.arange(len(y)) % 4)


def _micro_f1(truth: Any, found: Any) -> float:
    return float(f1_score(truth, found, average="micro"))


def _pipeline(**options: Any) -> Any:
    return make_pipeline(StandardScaler(), LogisticRegression(**options))


def _folds(y: Any) -> PredefinedSplit:
    from featx.tasks.classification_problem import stratified_folds

    return PredefinedSplit(stratified_folds(y, 4, np.random.default_rng(0)))


def compare(title: str, head: str, split: Split, given: argparse.Namespace) -> dict[str, Any]:
    """Print seconds and accuracy of each contender, and how featx's seconds relate to theirs."""
    X, y, test, truth = split
    sides: dict[str, Callable[..., Callable[[Any], Any]]] = {}
    if isinstance(X, list):
        import featx
        from featx.embedding.engine import BaselineEmbedder

        engine = featx.Engine(cache=given.work / "cache")
        sides["featx, all"] = partial(fit_samples, engine=engine)
        backbone = featx.Backbone("featx-text-nano")
        rows = [engine.embed(samples, backbone).embeddings for samples in (X, test)]
        engine.embed(X, BaselineEmbedder(backbone.card.input))
        sides["plain"] = lambda head, _, y: lambda samples: plain(head, rows[0], y)(rows[1])
    elif truth.ndim == 2:
        sides |= {"featx": labels_together, "GridSearchCV": labels_one_by_one}
    else:
        sides |= {"featx": search_with_featx, "featx, all": fit_all}
        if head == "logistic":
            sides |= {"plain": plain, "LogisticRegressionCV": path_of_five}
        sides["GridSearchCV"] = grid_of_five
    estimated = "plain" in sides and _is_too_long(X, y)
    if estimated:
        del sides["GridSearchCV"], sides["LogisticRegressionCV"]
    sides = {name: side for name, side in sides.items() if name in (given.only or [name])}
    accuracies: dict[str, float] = {}

    def step(name: str) -> float:
        answers: list[Any] = []
        seconds = common.seconds_of(lambda: answers.append(sides[name](head, X, y)(test)))
        found = np.asarray(answers[0])
        several = truth.ndim == 2
        accuracies[name] = _micro_f1(truth, found) if several else float((found == truth).mean())
        return seconds

    seconds = common.in_turns(given.rounds, {name: partial(step, name) for name in sides})
    lines = []
    rival = next((name for name in ("plain", "GridSearchCV") if name in seconds), None)
    for name, values in seconds.items():
        ratio = common.ratio_interval(values, seconds[rival])[0] if rival else None
        line = [title, head, name, f"{np.median(values):.2f}", f"{accuracies[name]:.4f}"]
        lines.append([*line, f"{ratio:.2f} × {rival}" if ratio else ""])
    if estimated and "GridSearchCV" in (given.only or ["GridSearchCV"]):
        about = estimate_grid(X, y)
        lines.append(
            [title, head, "GridSearchCV", f"about {about:.0f}", "", "estimated: one fit of 20"]
        )
    print(
        format_table(["rows", "head", "by", "median s", "accuracy", "seconds"], lines), flush=True
    )
    return {"rows": title, "head": head, "seconds": seconds, "accuracy": accuracies}


def main() -> None:
    """Print the comparisons."""
    kinds = ("many", "photos", "shapes", "banking77", "multilabel")
    parser = common.make_parser(__doc__, rounds=1)
    parser.add_argument("rows", nargs="*", metavar="ROWS", help=f"of {', '.join(kinds)}")
    parser.add_argument("--head", action="append", metavar="NAME", help="[logistic]")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="only these contenders")
    given = common.parse(parser, rows=kinds)
    # The first contender shall not pay for imports.
    search_with_featx("logistic", *draw(2, 4, 40)[:2])
    labels_together("logistic", *draw_labels(2, 4, 1000)[:2])
    found = []
    for kind in given.rows or ("many", "photos"):
        splits: dict[str, Callable[[], Split]] = {
            "many": lambda: draw(150, 256, 15_000),
            "photos": lambda: read_photos(given),
            "banking77": lambda: read_banking77(given),
            "multilabel": lambda: draw_labels(90, 384, 10_000),
        }
        if kind == "shapes":
            splits |= {f"{k} x {d}": partial(draw, k, d, min(15_000, 100 * k)) for k, d in SHAPES}
        for title in [name for name in splits if " x " in name] if kind == "shapes" else [kind]:
            split = splits[title]()
            found += [compare(title, head, split, given) for head in given.head or ["logistic"]]
    common.write_json(given.json, found)


if __name__ == "__main__":
    main()
