"""Arguments of types that featx has no use for: each is refused in words that name it."""

import numpy as np
import pytest

import featx
from featx.errors import FeatxError

ROWS = featx.Rows(("a", "b"), ("x", "y"), np.eye(2, dtype=np.float32), "")
TEXTS, LABELS = ["good", "great", "fine", "bad", "awful", "poor"], ["+"] * 3 + ["-"] * 3
WRONG = [5, object(), {"a": 1}, [None], float("nan")]


@pytest.fixture(scope="module")
def predictor() -> featx.Classifier:
    return featx.fit(TEXTS, LABELS, baseline=False)


CALLS = {
    "predictor": [
        lambda predictor, wrong, _path: featx.evaluate(wrong, TEXTS, LABELS),
        lambda predictor, wrong, _path: featx.explain(wrong, TEXTS[:1]),
        lambda predictor, wrong, _path: featx.report(wrong, TEXTS, LABELS),
    ],
    "engine": [
        lambda predictor, wrong, _path: featx.evaluate(predictor, TEXTS, LABELS, engine=wrong),
        lambda predictor, wrong, _path: featx.explain(predictor, TEXTS[:1], engine=wrong),
        lambda predictor, wrong, _path: featx.fit(TEXTS, LABELS, engine=wrong),
        lambda predictor, wrong, _path: featx.learning_curve(TEXTS, LABELS, engine=wrong),
        lambda predictor, wrong, _path: predictor.embed(TEXTS, engine=wrong),
    ],
    "rows": [
        lambda predictor, wrong, path: featx.write_rows(path / "x.npz", wrong),
        lambda predictor, wrong, _path: featx.audit_rows(wrong),
    ],
    "options": [
        lambda predictor, wrong, _path: featx.report(predictor, TEXTS, LABELS, options=wrong),
        lambda predictor, wrong, _path: featx.add_backbone("x.onnx", options=wrong),
    ],
    "queries": [lambda predictor, wrong, _path: featx.find_similar(ROWS, wrong)],
    "path": [
        lambda predictor, wrong, _path: featx.write_rows(wrong, ROWS),
        lambda predictor, wrong, _path: featx.read_rows(wrong),
        lambda predictor, wrong, _path: featx.find_similar(wrong, ROWS),
        lambda predictor, wrong, _path: featx.save(predictor, wrong),
        lambda predictor, wrong, _path: featx.load(wrong),
        lambda predictor, wrong, _path: featx.add_backbone(wrong),
    ],
    "sample_weight": [
        lambda predictor, wrong, _path: featx.evaluate(
            predictor, TEXTS, LABELS, sample_weight=wrong
        )
    ],
    "groups": [
        lambda predictor, wrong, _path: featx.evaluate(predictor, TEXTS, LABELS, groups=wrong),
        lambda predictor, wrong, _path: featx.audit_rows(ROWS, groups=wrong),
    ],
    "parts": [lambda predictor, wrong, _path: featx.audit_rows(ROWS, parts=wrong)],
    "threshold": [lambda predictor, wrong, _path: featx.fit(TEXTS, LABELS, threshold=wrong)],
    "min_samples": [
        lambda predictor, wrong, _path: featx.fit(TEXTS, LABELS, min_samples=wrong),
        lambda predictor, wrong, _path: featx.compare(TEXTS, LABELS, min_samples=wrong),
    ],
    "backbone": [lambda predictor, wrong, _path: featx.compare(TEXTS, LABELS, backbones=wrong)],
    "trusted": [lambda predictor, wrong, path: featx.load(path, trusted=wrong)],
    "ids": [lambda predictor, wrong, _path: featx.make_samples(TEXTS, LABELS, ids=wrong)],
    "keep": [lambda predictor, wrong, path: featx.read_samples(path, keep=wrong)],
    "task": [lambda predictor, wrong, _path: featx.audit_rows(ROWS, task=wrong)],
    "random_state": [lambda predictor, wrong, _path: featx.audit_rows(ROWS, random_state=wrong)],
}


# Names in a table's keys are names, and a whole number is a seed.
FITTING = {
    *(("keep", dict), ("trusted", dict), ("options", dict)),
    *(("random_state", int), ("min_samples", int), ("threshold", int), ("threshold", float)),
}


@pytest.mark.parametrize(
    ("name", "call", "wrong"),
    [
        (name, call, wrong)
        for name, calls in CALLS.items()
        for call in calls
        for wrong in WRONG
        if (name, type(wrong)) not in FITTING
    ],
)
def test_a_value_of_another_type_is_refused_by_the_name_of_the_argument(
    tmp_path, predictor, name, call, wrong
):
    with pytest.raises(FeatxError, match=name):
        call(predictor, wrong, tmp_path)


def test_a_picture_alone_is_not_taken_for_as_many_pictures_as_it_has_rows():
    picture = np.zeros((32, 32, 3), np.uint8)
    with pytest.raises(
        FeatxError, match=r"shape \(32, 32, 3\), which is one picture; put it in a list"
    ):
        featx.make_samples(picture)
    assert len(featx.make_samples([picture])) == len(featx.make_samples(picture[None])) == 1
    assert len(featx.make_samples(np.zeros((5, 8, 8), np.uint8))) == 5


def test_an_array_in_place_of_rows_is_told_how_to_become_rows(tmp_path):
    with pytest.raises(FeatxError, match=r"expected Rows, .*found ndarray; Rows"):
        featx.write_rows(tmp_path / "x.npz", np.eye(2, dtype=np.float32))


def test_an_extractor_takes_a_picture_alone_for_no_list_either():
    with pytest.raises(FeatxError, match="found one ndarray; put it in a list"):
        featx.FeatureExtractor("featx-image-nano").fit_transform(np.zeros((32, 32, 3), np.uint8))
