"""Numbers, several labels and groups on real data, beside scikit-learn on the same rows.

    python benchmarks/targets.py labels numbers houses speakers domains syllables    # beside scikit-learn
    python benchmarks/targets.py chance coverage                     # splits and intervals

labels    go_emotions: micro F1 on the test part with chosen thresholds, and at 0.5
numbers   houses_price, frontal photos: RMSE of the logarithm of the price on houses left out
houses    the same with all photos of a house, houses left out whole
speakers  fsdd: accuracy on speakers left out, and with all speakers on both sides
domains   pacs_domains: the same with styles of pictures
syllables finch_song_segments: the segments of recordings left out, a bird at a time
chance    sets of 12 patients of 4 photos each whose labels are drawn: the mean accuracy with patients as groups
coverage  of intervals of 90 % on a quarter of these photos, over random splits
"""

from __future__ import annotations

import argparse
import csv
import json
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import common
import numpy as np

PHOTOS = "mobilenetv2-1.0"
FOLDS = 5
# A name, a figure and a remark.
Figures = Iterator[tuple[str, float, str]]


def embed(samples: list[Any], backbone: str) -> Any:
    import featx

    return featx.Engine(cache=True).embed(samples, featx.Backbone(backbone)).embeddings


def read_emotions(given: argparse.Namespace, split: str) -> tuple[list[Any], Any]:
    """Return samples and sets of labels as scikit-learn takes them."""
    import featx

    path = given.data / "go_emotions" / f"{split}.csv"
    samples = featx.read_samples(path, text_column="text", target="labels", label_separator="|")
    return samples, [json.loads(sample.label) for sample in samples]


def read_houses(given: argparse.Namespace) -> tuple[list[Any], Any]:
    """Return the frontal photo of every house, and the logarithms of the prices."""
    import featx

    samples = featx.read_samples(given.data / "houses_price" / "labels.csv", target="price_usd")
    samples = [sample for sample in samples if "frontal" in sample.id]
    return samples, np.log([float(sample.label) for sample in samples])


def labels(given: argparse.Namespace) -> Figures:
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import f1_score
    from sklearn.model_selection import cross_val_predict
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import MultiLabelBinarizer, StandardScaler

    from featx.training import fit_head
    from featx.tuning import HeadConfig

    (train, sets), (test, truth) = (read_emotions(given, split) for split in ("train", "test"))
    rows, others = embed(train, given.text), embed(test, given.text)
    binarizer = MultiLabelBinarizer().fit(sets)
    known, true = binarizer.transform(sets), binarizer.transform(truth)
    score = partial(f1_score, true, average="micro")
    best = 1.0
    for threshold in (0.5, None):
        config = HeadConfig(threshold=threshold)
        trained = fit_head(rows, [one.label for one in train], config, task="multilabel")
        best = trained.search.params["onevsrestclassifier__estimator__C"]
        own = np.split(trained.head.predict_outputs(others), 2, axis=1)[1]
        yield f"featx, {threshold or 'chosen thresholds'}", score(own), f"C = {best}"
    # newton-cholesky: the same optimum of few columns and many rows
    logistic = OneVsRestClassifier(LogisticRegression(C=best, solver="newton-cholesky"))
    theirs = make_pipeline(StandardScaler(), logistic)
    left_out = cross_val_predict(theirs, rows, known, cv=4, method="predict_proba")
    shares = theirs.fit(rows, known).predict_proba(others)
    cuts = [best_cut(known[:, k], left_out[:, k]) for k in range(known.shape[1])]
    yield "scikit-learn, 0.5", score(shares >= 0.5), "OneVsRestClassifier, the same C"
    calibrated = OneVsRestClassifier(
        CalibratedClassifierCV(logistic.estimator, cv=4, ensemble=False)
    )
    calibrated = make_pipeline(StandardScaler(), calibrated).fit(rows, known)
    yield "scikit-learn, 0.5", score(calibrated.predict(others)), "CalibratedClassifierCV a label"
    yield "scikit-learn, chosen", score(shares >= cuts), "the best F1 of 4 folds, a label"


def best_cut(truth: Any, shares: Any) -> float:
    """Return the probability from which F1 is best."""
    from sklearn.metrics import precision_recall_curve

    precision, recall, cuts = precision_recall_curve(truth, shares)
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
    return float(cuts[f1[:-1].argmax()])


def numbers(given: argparse.Namespace) -> Figures:
    from sklearn.linear_model import RidgeCV
    from sklearn.model_selection import KFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    samples, targets = read_houses(given)
    rows = embed(samples, PHOTOS)
    ours, theirs = np.empty((2, len(rows)))
    for known, test in KFold(FOLDS, shuffle=True, random_state=0).split(rows):
        ours[test] = trained_numbers(rows[known], targets[known]).predict_outputs(rows[test])[:, 0]
        peer = make_pipeline(StandardScaler(), RidgeCV(np.logspace(0, 5, 21)))
        theirs[test] = peer.fit(rows[known], targets[known]).predict(rows[test])
    spread = f"standard deviation {targets.std():.4f}; {FOLDS} folds"
    for name, values in (("featx, ridge", ours), ("scikit-learn, RidgeCV", theirs)):
        yield name, float(np.sqrt(((values - targets) ** 2).mean())), spread


def houses(given: argparse.Namespace) -> Figures:
    from sklearn.linear_model import Ridge
    from sklearn.model_selection import GridSearchCV, GroupKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    import featx

    path = given.data / "houses_price" / "labels.csv"
    samples = featx.read_samples(path, target="price_usd", group_column="house_id")
    targets = np.log([float(sample.label) for sample in samples])
    own = np.array([sample.group for sample in samples])
    rows = embed(samples, PHOTOS)
    ours, theirs = np.empty((2, len(rows)))
    for known, test in GroupKFold(FOLDS).split(rows, groups=own):
        head = trained_numbers(rows[known], targets[known], own[known])
        ours[test] = head.predict_outputs(rows[test])[:, 0]
        grid = {"ridge__alpha": np.logspace(0, 5, 21)}
        ridge = make_pipeline(StandardScaler(), Ridge())
        peer = GridSearchCV(ridge, grid, cv=GroupKFold(FOLDS), scoring="neg_mean_squared_error")
        theirs[test] = peer.fit(rows[known], targets[known], groups=own[known]).predict(rows[test])
    spread = f"{len(rows)} photos; standard deviation {targets.std():.4f}; {FOLDS} folds"
    for name, values in (("featx, ridge", ours), ("scikit-learn, Ridge by groups", theirs)):
        yield name, float(np.sqrt(((values - targets) ** 2).mean())), spread


def trained_numbers(rows: Any, targets: Any, groups: Any = None) -> Any:
    from featx.training import fit_head
    from featx.tuning.design import SampleDesign

    texts, design = list(map(repr, targets.tolist())), SampleDesign(groups=groups)
    return fit_head(rows, texts, task="regression", design=design).head


def apart(rows: Any, targets: Any, groups: Any, n_folds: int) -> Figures:
    """Compare accuracies on whole groups left out, and as it would seem without groups."""
    from sklearn.linear_model import LogisticRegressionCV
    from sklearn.model_selection import GroupKFold, StratifiedKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from featx.training import fit_head
    from featx.tuning.design import SampleDesign

    for splitter in (GroupKFold(n_folds), StratifiedKFold(FOLDS, shuffle=True, random_state=0)):
        grouped = isinstance(splitter, GroupKFold)
        right = {"featx": 0.0, "scikit-learn": 0.0}
        for known, test in splitter.split(rows, targets, groups):
            design = SampleDesign(groups=groups[known] if grouped else None)
            head = fit_head(rows[known], targets[known], design=design).head
            names = np.array(head.classes)[head.predict_outputs(rows[test]).argmax(axis=1)]
            right["featx"] += (names == targets[test]).sum()
            inner = type(splitter)(2 if grouped else 4)
            folds = list(inner.split(rows[known], targets[known], groups[known]))
            logistic = LogisticRegressionCV(
                Cs=np.logspace(-5, 0, 6), cv=folds, scoring="neg_log_loss", max_iter=300
            )
            peer = make_pipeline(StandardScaler(), logistic).fit(rows[known], targets[known])
            right["scikit-learn"] += (peer.predict(rows[test]) == targets[test]).sum()
        what = "each group left out in turn" if grouped else "groups on both sides"
        for name, count in right.items():
            yield name, float(count / len(rows)), what


def speakers(given: argparse.Namespace) -> Figures:
    import featx

    samples = featx.read_samples(given.data / "fsdd", split="train")
    people = np.array([Path(sample.id).stem.split("_")[1] for sample in samples])
    return apart(embed(samples, given.sound), labels_of(samples), people, 6)


def domains(given: argparse.Namespace) -> Figures:
    import featx

    path = given.data / "pacs_domains" / "labels.csv"
    samples = featx.read_samples(path, group_column="domain", split="train")
    styles = np.array([sample.group for sample in samples])
    return apart(embed(samples, PHOTOS), labels_of(samples), styles, 4)


def syllables(given: argparse.Namespace) -> Figures:
    from sklearn.linear_model import LogisticRegressionCV
    from sklearn.model_selection import GroupKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    import featx
    from featx.training import fit_head
    from featx.tuning.design import SampleDesign

    folder = given.data / "finch_song_segments"
    samples = featx.read_samples(
        folder / "segments.csv", start_column="start_s", end_column="end_s", group_column="file"
    )
    with (folder / "files.csv").open(newline="") as lines:
        parts = {one["file"]: one["split"] for one in csv.DictReader(lines)}
    right, n_tested = {"featx": 0, "scikit-learn": 0}, 0
    for bird in ("bird0", "gy6or6"):
        own = [one for one in samples if Path(str(one.group)).name.startswith(bird)]
        rows, names = embed(own, given.sound), labels_of(own)
        files = np.array([one.group for one in own])
        in_test = np.array([parts[file] == "test" for file in files])
        rare = [name for name in set(names[~in_test]) if (names[~in_test] == name).sum() < 2]
        known, test = ~in_test & ~np.isin(names, rare), in_test & ~np.isin(names, rare)
        head = fit_head(rows[known], names[known], design=SampleDesign(groups=files[known])).head
        ours = np.array(head.classes)[head.predict_outputs(rows[test]).argmax(axis=1)]
        logistic = LogisticRegressionCV(
            Cs=np.logspace(-5, 0, 6),
            cv=list(GroupKFold(2).split(rows[known], None, files[known])),
            scoring="neg_log_loss",
            max_iter=300,
        )
        peer = make_pipeline(StandardScaler(), logistic).fit(rows[known], names[known])
        note = f"{bird}: {test.sum()} of recordings left out, {len(head.classes)} syllables"
        n_tested += int(test.sum())
        for name, given_names in (("featx", ours), ("scikit-learn", peer.predict(rows[test]))):
            right[name] += int((given_names == names[test]).sum())
            yield name, float((given_names == names[test]).mean()), note
    for name, count in right.items():
        yield name, count / n_tested, "both, each bird by its own"


def labels_of(samples: list[Any]) -> Any:
    return np.array([sample.label for sample in samples])


def chance(given: argparse.Namespace) -> Figures:
    """12 patients of a colour each, 4 photos of each, 6 patients well and 6 sick by chance."""
    import featx

    backbone = featx.Backbone("featx-image-nano")
    scores, without, prior, inside = [], [], [], 0
    for seed in range(given.sets):
        rng = np.random.default_rng(seed)
        colors = np.repeat(rng.integers(40, 216, (12, 3)), 4, axis=0)
        photos = [(rng.normal(0, 8, (48, 48, 3)) + color).clip(0, 255) for color in colors]
        names = np.repeat(rng.permutation(["well", "sick"] * 6), 4)
        patients = np.repeat(np.arange(12), 4).astype(str)
        pictures = [photo.astype(np.uint8) for photo in photos]
        made = featx.fit(pictures, names, backbone=backbone, groups=patients, baseline=False)
        report, other = made.report.validation.report, made.report.without_groups
        scores.append(report.accuracy)
        without.append(other.scores["accuracy"])
        inside += report.intervals["accuracy"][0] <= 0.5 <= report.intervals["accuracy"][1]
        prior.append(most_frequent(names, patients))
    error = np.std(scores) / np.sqrt(len(scores))
    yield "with groups", float(np.mean(scores)), f"standard error {error:.3f}"
    yield "without groups", float(np.mean(without)), "as the report says that it would seem"
    yield "the interval holds 0.5", inside / len(scores), "of the sets"
    yield "always the most frequent class", float(np.mean(prior)), "of the other patients"


def most_frequent(names: Any, groups: Any) -> float:
    """Return how often what is most frequent among other patients is right, a patient at a time."""
    from sklearn.dummy import DummyClassifier
    from sklearn.model_selection import LeaveOneGroupOut, cross_val_score

    rows, one_out = np.zeros((len(names), 1)), LeaveOneGroupOut()
    scores = cross_val_score(DummyClassifier(), rows, names, groups=groups, cv=one_out)
    return float(scores.mean())


def coverage(given: argparse.Namespace) -> Figures:
    from sklearn.model_selection import ShuffleSplit

    samples, targets = read_houses(given)
    rows = embed(samples, PHOTOS)
    found = []
    for known, test in ShuffleSplit(given.sets, test_size=0.25, random_state=0).split(rows):
        head = trained_numbers(rows[known], targets[known])
        _, low, high = head.predict_outputs(rows[test]).T
        found.append(((low <= targets[test]) & (targets[test] <= high)).mean())
    yield "coverage", float(np.mean(found)), f"{np.min(found):.3f} to {np.max(found):.3f}"


COMMANDS: dict[str, Callable[[argparse.Namespace], Iterator[tuple[object, ...]]]] = {
    one.__name__: one
    for one in (labels, numbers, houses, speakers, domains, syllables, chance, coverage)
}


def main() -> None:
    parser = common.make_parser(__doc__)
    parser.add_argument("what", nargs="+", help=f"among {', '.join(COMMANDS)}")
    parser.add_argument("--text", default="featx-text-nano", help="backbone of texts [%(default)s]")
    parser.add_argument(
        "--sound", default="speech-embedding", help="backbone of sounds [%(default)s]"
    )
    parser.add_argument("--sets", type=int, default=100, help="or splits [%(default)s]")
    given = common.parse(parser, what=COMMANDS)
    warnings.simplefilter("ignore")
    for name in given.what:
        rows = [(one, f"{value:.4g}", note) for one, value, note in COMMANDS[name](given)]
        print(f"{name}\n\n{common.format_table(('', 'figure', ''), rows)}\n", flush=True)


if __name__ == "__main__":
    main()
