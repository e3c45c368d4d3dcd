"""Several inputs under each task: several numbers, several labels, groups that are kept apart."""

from __future__ import annotations

import numpy as np
import pytest

import featx
from tests.support.goods import draw_goods

pytestmark = pytest.mark.filterwarnings("ignore::featx.errors.FeatxNotice")
INPUTS = {"photo": "image", "price": "number"}


@pytest.fixture(scope="module")
def goods():
    rows = draw_goods(24)
    for row in rows:
        light = float(row["photo"].mean())
        row["light"], row["double"] = light, 2 * row["price"]
        row["tags"] = [
            *(["light"] if light > 128 else []),
            *(["cheap"] if row["price"] < 9 else []),
        ]
    return rows


def test_several_numbers_are_predicted_from_a_column_each(goods, tmp_path):
    made = featx.fit(
        goods, target=["light", "double"], inputs=INPUTS, task="regression", baseline=False
    )
    assert made.names == ("light", "double")
    truth = np.array([[row["light"], row["double"]] for row in goods])
    loaded = featx.load(featx.save(made, tmp_path / "numbers.featx"))
    predicted = loaded.predict(goods)
    assert np.array_equal(predicted, made.predict(goods))
    residuals = ((predicted - truth) ** 2).mean(axis=0) / truth.var(axis=0)
    assert residuals.max() < 0.3
    report = featx.evaluate(loaded, draw(goods), target=["light", "double"])
    assert [one.name for one in report.outputs] == ["light", "double"]


def draw(goods):
    """Return the same rows with other captions and arrays, which were never seen."""
    return [{**row, "photo": np.ascontiguousarray(row["photo"][:, ::-1])} for row in goods]


def test_several_labels_are_given(goods):
    made = featx.fit(goods, target="tags", inputs=INPUTS, task="multilabel", baseline=False)
    assert made.labels == ("cheap", "light")
    expected = [set(row["tags"]) for row in goods]
    given = [set(labels) for labels in made.predict_labels(goods)]
    assert np.mean([one == other for one, other in zip(given, expected, strict=True)]) > 0.7


@pytest.mark.slow
def test_groups_are_kept_apart_in_what_each_input_brings(goods):
    houses = [f"house {index // 4}" for index in range(len(goods))]
    made = featx.fit(goods, target="sold", inputs=INPUTS, groups=houses, head="ridge")
    report = made.report
    assert report.without_groups is not None
    assert [one.name for one in report.contributions] == ["photo", "price"]
    # Six groups are the fewest of which an interval is told.
    assert all(one.difference.low is not None for one in report.contributions)


def test_rows_that_were_kept_are_predicted_as_samples_are(goods):
    made = featx.fit(goods, target="sold", inputs=INPUTS, head="centroid", baseline=False)
    rows = made.embed(goods)
    labels = [prediction.label for prediction in made.predict_rows(rows)]
    assert labels == made.predict(goods).tolist()
    assert made.samples.rows.shape == (24, made.head.dim)


@pytest.mark.slow
def test_many_columns_are_weighed_and_measured_on_a_part():
    rng = np.random.default_rng(0)
    columns = {f"c{k}": rng.normal(size=60).tolist() for k in range(10)}
    sold = [str(value > 0) for value in columns["c3"]]
    made = featx.fit(columns, sold, inputs=dict.fromkeys(columns, "number"), head="ridge")
    found = {one.name: one for one in made.report.contributions}
    assert max(found, key=lambda name: found[name].weight) == "c3"
    assert {one.n for one in found.values()} == {12}
    assert found["c3"].difference.value > 0
    assert "on 12 samples" in made.report.format_table()
    assert featx.FitReport.from_dict(made.report.to_dict()).contributions == tuple(found.values())
