"""Several inputs in one predictor: what both reach, what each brings, pairs, and how long training takes.

    python benchmarks/inputs.py houses --splits 20   # four photos a house and a table: R2 of the log price
    python benchmarks/inputs.py report               # what each input brings, with its paired interval
    python benchmarks/inputs.py by-hand              # the same table through scikit-learn's ColumnTransformer
    python benchmarks/inputs.py pairs                # STS benchmark: Spearman of pairs, and of the raw cosine
    python benchmarks/inputs.py time --rows 2000     # fit on a photo, a text and three columns
    python benchmarks/inputs.py importance           # scikit-learn's permutation_importance

houses  splits by house; "both" against the better of the photos alone and the table alone
by-hand lines of code counted in this file, between the comments that say so
time    seconds of the inputs alone, each a fit without its head, beside those of all together
"""

from __future__ import annotations

import csv
import time
import warnings
from collections import defaultdict
from functools import partial
from pathlib import Path
from typing import Any

import common
import numpy as np

TABLE = {"bedrooms": "number", "bathrooms": "number", "area": "number", "zip": "category"}
PHOTOS = {"photos": "image"}


def read_houses(folder: Path) -> tuple[list[dict[str, Any]], Any]:
    """Return a record a house with its four photos, and the logarithms of prices."""
    houses = defaultdict(list)
    with open(folder / "labels.csv", newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            houses[row["house_id"]].append(row)
    records, prices = [], []
    for rows in houses.values():
        rows.sort(key=lambda row: row["view"])
        first = rows[0]
        table = {name: first[name] for name in ("bedrooms", "bathrooms")}
        photos = [str(folder / "images" / Path(row["file"]).name) for row in rows]
        # Areas, like prices, differ by factors.
        area = float(np.log(float(first["area_sqft"])))
        records.append({"photos": photos, **table, "area": area, "zip": first["zipcode"]})
        prices.append(float(np.log(float(first["price_usd"]))))
    return records, np.array(prices)


def r_squared(predicted: Any, truth: Any) -> float:
    return 1 - float(((predicted - truth) ** 2).sum() / ((truth - truth.mean()) ** 2).sum())


def split_scores(
    inputs: dict[str, str], records: list[Any], prices: Any, splits: list[tuple[Any, Any]]
) -> list[float]:
    """Return the R2 of a predictor of some inputs on the houses that each split leaves out."""
    import featx
    from featx.inputs.joint import blocks_of, open_joint
    from featx.inputs.spec import make_specs
    from featx.sources.frames import record_samples
    from featx.tasks import get_task
    from featx.training_inputs import embed_inputs
    from featx.tuning import HeadConfig
    from featx.tuning.block_weights import BlockWeights
    from featx.tuning.validation import train

    engine, task = featx.Engine(cache=True), get_task("regression")
    samples, scores = record_samples(records, inputs), []
    for known, left_out in splits:
        made = embed_inputs([samples[i] for i in known], make_specs(inputs), engine, "reject")
        config = HeadConfig("ridge", blocks=BlockWeights(blocks_of(made.inputs)))
        problem = task.tuning_problem(task.encode_targets(prices[known]), config, None)
        _, head = train(made.rows.embeddings, problem, config, once=True)
        rows = engine.embed([samples[i] for i in left_out], open_joint(made.inputs))
        scores.append(r_squared(head.predict_outputs(rows.embeddings)[:, 0], prices[left_out]))
    return scores


def draw_splits(n: int, count: int) -> list[tuple[Any, Any]]:
    """Return splits of houses: three quarters to train on, the rest to measure."""
    orders = [np.random.default_rng(seed).permutation(n) for seed in range(count)]
    return [(order[n // 4 :], order[: n // 4]) for order in orders]


def measure_houses(given: Any) -> list[list[object]]:
    records, prices = read_houses(given.data / "houses_price")
    splits, lines = draw_splits(len(records), given.splits), []
    contenders = {"photos": PHOTOS, "table": TABLE, "both": PHOTOS | TABLE}
    scores = {name: split_scores(own, records, prices, splits) for name, own in contenders.items()}
    for name, found in scores.items():
        lines.append(
            [name, f"{np.mean(found):.3f}", f"{np.min(found):.3f}", f"{np.max(found):.3f}"]
        )
    better = np.maximum(np.mean(scores["photos"]), np.mean(scores["table"]))
    lines.append(["both - better", f"{np.mean(scores['both']) - better:+.3f}", "", ""])
    ahead = np.array(scores["both"]) - np.maximum(scores["photos"], scores["table"])
    lines.append(["the same by split", "", f"{ahead.min():+.3f}", f"{ahead.max():+.3f}"])
    return [["R2 of the log price", "mean", "least", "most"], *lines]


def measure_report(given: Any) -> list[list[object]]:
    import featx

    records, prices = read_houses(given.data / "houses_price")
    predictor = featx.fit(
        records,
        prices,
        inputs=PHOTOS | TABLE,
        task="regression",
        engine=featx.Engine(cache=True),
    )
    report = predictor.report
    own = report.validation.report.outputs[0].r2
    return [
        ["input", "weight", "R2 without it", "what it brings"],
        *(
            [one.name, one.weight, f"{one.score_without:.3f}", str(one.difference)]
            for one in report.contributions
        ),
        ["all", "", f"{own:.3f}", ""],
    ]


def measure_by_hand(given: Any) -> list[list[object]]:
    """Compare with a pipeline of scikit-learn that does the same, as one would write it."""
    records, prices = read_houses(given.data / "houses_price")
    splits = draw_splits(len(records), given.splits)
    ours = split_scores(PHOTOS | TABLE, records, prices, splits)
    theirs = [by_hand(records, prices, known, left_out) for known, left_out in splits]
    lines = Path(__file__).read_text(encoding="utf-8").split("# by hand")
    return [
        ["", "mean R2", "lines"],
        ["featx.fit with inputs=", f"{np.mean(ours):.3f}", 5],
        ["ColumnTransformer", f"{np.mean(theirs):.3f}", lines[2].strip().count("\n") + 1],
    ]


def by_hand(records: Any, prices: Any, known: Any, left_out: Any) -> float:
    # by hand
    import pandas as pd
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import RidgeCV
    from sklearn.model_selection import GridSearchCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

    import featx

    class MeanRows(featx.FeatureExtractor):
        def transform(self, X):
            photos = [photo for row in X.iloc[:, 0] for photo in row]
            rows = super().transform(photos)
            return rows.reshape(len(X), -1, rows.shape[1]).mean(axis=1)

    def divided(rows):
        return rows / np.sqrt(rows.shape[1])

    def block(*steps):
        return make_pipeline(*steps, StandardScaler(), FunctionTransformer(divided))

    numbers = ["bedrooms", "bathrooms", "area"]
    joined = ColumnTransformer(
        [
            ("photos", block(MeanRows(cache=True)), ["photos"]),
            *(
                (n, block(SimpleImputer(strategy="median", add_indicator=True)), [n])
                for n in numbers
            ),
            (
                "zip",
                block(
                    OneHotEncoder(
                        min_frequency=5, handle_unknown="infrequent_if_exist", sparse_output=False
                    )
                ),
                ["zip"],
            ),
        ],
        sparse_threshold=0,
    )
    model = make_pipeline(joined, RidgeCV(np.logspace(-3, 3, 13)))
    weights = [
        {"photos": photos, "zip": 1, **dict.fromkeys(numbers, 1)} for photos in (0.1, 0.3, 1, 3)
    ]
    search = GridSearchCV(model, {"columntransformer__transformer_weights": weights}, cv=4)
    frame = pd.DataFrame(records)
    search.fit(frame.iloc[known], prices[known])
    predicted = search.predict(frame.iloc[left_out])
    # by hand
    return r_squared(predicted, prices[left_out])


def measure_pairs(given: Any) -> list[list[object]]:
    from scipy.stats import spearmanr

    import featx

    lines = [["backbone", "raw cosine", "pairs"]]
    parts = {part: read_pairs(given.data / "stsb_en" / f"{part}.csv") for part in ("train", "test")}
    test, truth = parts["test"]
    for name in given.backbones:
        backbone, engine = featx.Backbone(name), featx.Engine(cache=True)
        sides = [engine.embed(featx.make_samples([p[k] for p in test]), backbone) for k in "ab"]
        cosines = common.cosines(sides[0].embeddings, sides[1].embeddings)
        inputs = {"a": f"text:{name}", "b": f"text:{name}"}
        predictor = featx.fit(
            *parts["train"],
            inputs=inputs,
            pairs=[("a", "b")],
            task="regression",
            engine=engine,
            baseline=False,
        )
        predicted = predictor.predict(test, engine=engine)
        both = [spearmanr(found, truth).statistic for found in (cosines, predicted)]
        lines.append([name, *(f"{100 * value:.1f}" for value in both)])
    return lines


def read_pairs(path: Path) -> tuple[list[dict[str, str]], list[float]]:
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    texts = [{"a": row["text_a"], "b": row["text_b"]} for row in rows]
    return texts, [float(row["score"]) for row in rows]


def draw_goods(n: int, data: Path) -> tuple[list[dict[str, Any]], list[str]]:
    """Return rows with a photo, a text and three columns, all of real sets, and a class that all tell."""
    photos = common.find_photos(data / "cats_dogs")
    with open(data / "trec6" / "train.csv", newline="", encoding="utf-8") as file:
        texts = [row["text"] for row in csv.DictReader(file)]
    rng, rows, labels = np.random.default_rng(0), [], []
    for index in range(n):
        sold = bool(rng.integers(2))
        table = {
            "price": float(rng.normal(10 - sold)),
            "size": float(rng.normal(5)),
            "brand": f"brand {rng.integers(9)}",
        }
        text = texts[index % len(texts)]
        rows.append({"photo": photos[index % len(photos)], "caption": text, **table})
        labels.append("sold" if sold else "kept")
    return rows, labels


GOODS = {
    "photo": "image",
    "caption": "text",
    "price": "number",
    "size": "number",
    "brand": "category",
}


def embed_seconds(samples: Any, inputs: Any) -> tuple[float, float]:
    """Return the seconds that rows of some inputs take, and those of the processor; nothing is in a cache."""
    import featx
    from featx.inputs.joint import open_joint

    embedder, busy = open_joint(inputs), time.process_time()
    wall = common.seconds_of(lambda: featx.Engine().embed(samples, embedder))
    return wall, time.process_time() - busy


def measure_time(given: Any) -> list[list[object]]:
    """Time embedding in turns, each input alone and all in one pass; then fit as a whole."""
    import featx
    from featx.inputs.spec import make_specs
    from featx.sources.frames import record_samples
    from featx.training_inputs import embed_inputs

    rows, labels = draw_goods(given.rows, given.data)
    samples, engine = record_samples(rows, GOODS), featx.Engine()
    made = embed_inputs(samples[:50], make_specs(GOODS), engine, "reject").inputs
    steps = {one.name: partial(embed_seconds, samples, [one]) for one in made}
    steps["together"] = partial(embed_seconds, samples, made)
    times = common.in_turns(given.rounds, steps)
    medians = {name: np.median(found, axis=0) for name, found in times.items()}
    alone = sum(value for name, value in medians.items() if name != "together")
    busy = time.process_time()
    report = featx.fit(rows, labels, inputs=GOODS).report
    lines = [[name, *(f"{value:.2f}" for value in pair)] for name, pair in medians.items()]
    lines.append(["sum of the inputs alone", *(f"{value:.2f}" for value in alone)])
    ratios = medians["together"] / alone
    lines.append(["together / sum", *(f"{value:.3f}" for value in ratios)])
    whole = sum(report.timings.values())
    lines.append(["fit as a whole", f"{whole:.2f}", f"{time.process_time() - busy:.2f}"])
    lines += [[f"of which {name}", f"{value:.2f}", ""] for name, value in report.timings.items()]
    return [["", "seconds", "of the processor"], *lines]


def measure_importance(given: Any) -> list[list[object]]:
    import pandas as pd
    from sklearn.inspection import permutation_importance

    import featx

    records, prices = read_houses(given.data / "houses_price")
    [(known, left_out)] = draw_splits(len(records), 1)
    predictor = featx.fit(
        [records[i] for i in known],
        prices[known],
        inputs=PHOTOS | TABLE,
        task="regression",
        head="ridge",
        engine=featx.Engine(cache=True),
        baseline=False,
    )
    frame = pd.DataFrame([records[i] for i in left_out])
    found = permutation_importance(
        predictor, frame, prices[left_out], scoring="r2", n_repeats=5, random_state=0
    )
    pairs = zip(frame.columns, found.importances_mean, found.importances_std, strict=True)
    return [["column", "R2 lost", "±"], *([n, f"{m:.3f}", f"{s:.3f}"] for n, m, s in pairs)]


PARTS = {
    "houses": measure_houses,
    "report": measure_report,
    "by-hand": measure_by_hand,
    "pairs": measure_pairs,
    "time": measure_time,
    "importance": measure_importance,
}


def main() -> None:
    parser = common.make_parser(__doc__)
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("--splits", type=int, default=20, help="[%(default)s]")
    parser.add_argument("--rows", type=int, default=2000, help="of time [%(default)s]")
    parser.add_argument("--backbones", nargs="*", default=["featx-text-nano", "all-minilm-l6-v2"])
    given = common.parse(parser)
    warnings.simplefilter("ignore")
    heads, *lines = PARTS[given.part](given)
    print(common.format_table([str(head) for head in heads], lines))
    common.write_json(given.json, lines)


if __name__ == "__main__":
    main()
