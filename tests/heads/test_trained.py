import pickle
import subprocess
import sys

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer

from featx.errors import BadArtifact, BadOption
from featx.heads import TemperatureScaling, TrainedHead, make_head, to_arrays


@pytest.fixture
def rows(rng):
    return rng.normal(size=(60, 5)).astype(np.float32)


@pytest.fixture
def estimator(rows):
    return make_head("ridge").fit(rows, np.array(["a", "b", "c"])[np.arange(60) % 3])


@pytest.fixture
def from_arrays(estimator):
    return TrainedHead.from_arrays(
        "ridge", to_arrays(estimator), TemperatureScaling(0.5), lambda: estimator
    )


def test_a_head_of_arrays_and_one_of_an_estimator_answer_alike(rows, estimator, from_arrays):
    head = TrainedHead.from_estimator("ridge", estimator, TemperatureScaling(0.5))
    assert (head.name, head.classes, head.dim) == ("ridge", ("a", "b", "c"), 5)
    assert (from_arrays.name, from_arrays.classes, from_arrays.dim) == ("ridge", head.classes, 5)
    assert head.temperature == from_arrays.temperature == 0.5
    np.testing.assert_array_equal(from_arrays.predict_proba(rows), head.predict_proba(rows))
    assert head.estimator is from_arrays.estimator is estimator
    for one, other in zip(head.scorer.scaling, from_arrays.scorer.scaling, strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_estimator_of_a_head_of_arrays_is_built_once_and_only_when_asked_for(rows, estimator):
    built = []

    def build():
        built.append(estimator)
        return estimator

    head = TrainedHead.from_arrays("ridge", to_arrays(estimator), TemperatureScaling(), build)
    head.predict_proba(rows)
    assert not built
    assert head.estimator is head.estimator
    assert len(built) == 1


@pytest.mark.parametrize("width", [4, 5])
def test_an_estimator_that_says_other_things_than_the_arrays_is_refused(width, rows, estimator):
    other = make_head("ridge").fit(rows[:, :width], np.arange(60) % 2)
    head = TrainedHead.from_arrays(
        "ridge", to_arrays(estimator), TemperatureScaling(), lambda: other
    )
    with pytest.raises(BadArtifact, match="its arrays and its estimator do not agree"):
        _ = head.estimator


def test_a_head_that_does_not_begin_with_a_scaler_keeps_no_scaling(rows):
    estimator = make_pipeline(Normalizer(), make_head("centroid")[-1]).fit(rows, np.arange(60) % 2)
    assert TrainedHead.from_estimator("own", estimator, TemperatureScaling()).scorer.scaling is None


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_rows_that_are_not_finite_are_refused(value, rows, from_arrays):
    rows[3, 2] = value
    with pytest.raises(BadOption, match="NaN or infinity"):
        from_arrays.predict_proba(rows)


def test_a_head_may_be_sent_to_another_process(rows, estimator):
    head = TrainedHead.from_estimator("ridge", estimator, TemperatureScaling(0.5))
    again = pickle.loads(pickle.dumps(head))
    np.testing.assert_array_equal(again.predict_proba(rows), head.predict_proba(rows))


def test_a_head_of_arrays_answers_without_scikit_learn_scipy_and_onnx(tmp_path, from_arrays, rows):
    (tmp_path / "head.npz").write_bytes(from_arrays.scorer.to_bytes())
    code = (
        "import sys, numpy as np\n"
        "from pathlib import Path\n"
        "from featx.heads import LinearArrays, TemperatureScaling, TrainedHead\n"
        "arrays = LinearArrays.from_bytes(Path(sys.argv[1]).read_bytes())\n"
        "head = TrainedHead.from_arrays('ridge', arrays, TemperatureScaling(0.5), None)\n"
        "print(head.predict(np.zeros((1, 5), np.float32))[0])\n"
        "assert not {'sklearn', 'scipy', 'onnx'} & set(sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "head.npz"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == from_arrays.predict(np.zeros((1, 5), np.float32))[0]
