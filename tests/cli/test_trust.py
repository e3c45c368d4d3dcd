"""``--trust``: every command that takes a predictor takes the types of an own head by their full names."""

import json
import os
import signal
import urllib.request

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

import featx
from featx.catalog import get_card
from featx.errors import BadArtifact, BadOption
from featx.heads import TemperatureScaling, TrainedHead
from featx.predictor import Classifier
from tests.support.commands import refusal, run, start

JOBS = []


class Stranger(ClassifierMixin, BaseEstimator):
    """A classifier of which skops knows nothing; it would like to run on all cores."""

    def __init__(self, n_jobs=4):
        self.n_jobs = n_jobs

    def fit(self, X, y):
        self.classes_, self.n_features_in_ = np.unique(y), X.shape[1]
        return self

    def predict_proba(self, X):
        JOBS.append(self.n_jobs)
        return np.tile(np.linspace(0.2, 0.8, len(self.classes_)), (len(X), 1))


NAME = "tests.cli.test_trust.Stranger"


@pytest.fixture(scope="module")
def strange(shades):
    estimator = Stranger().fit(np.zeros((2, 384)), ["dark", "light"])
    assert f"{Stranger.__module__}.{Stranger.__qualname__}" == NAME
    head = TrainedHead.from_estimator("Stranger", estimator, TemperatureScaling())
    classifier = Classifier.from_card(get_card("featx-image-nano"), head)
    return featx.save(classifier, shades / "strange.featx", trusted=[NAME])


LOADING = {
    "predict": ["{x}", "{photos}"],
    "evaluate": ["{x}", "{photos}"],
    "export": ["{x}", "--to", "{out}"],
    "serve": ["{x}", "--port", "0"],
}


@pytest.mark.parametrize("command", LOADING)
def test_without_trust_a_command_names_the_types_and_the_option_to_type(
    command, strange, shades, tmp_path
):
    words = {"x": strange, "photos": shades / "my photos", "out": tmp_path / "x.onnx"}
    said = refusal(run(command, *(word.format(**words) for word in LOADING[command])))
    assert f"holds types that featx does not trust: {NAME}; " in said
    assert said.endswith(f"load it with --trust {NAME}")


def test_with_trust_a_predictor_predicts_and_is_measured_on_one_job(strange, shades):
    photos = shades / "my photos"
    result = run("predict", strange, photos, "--trust", NAME)
    assert result.exit_code == 0, result.output
    labels = [json.loads(line)["label"] for line in result.stdout.splitlines()]
    assert labels == ["light"] * 6
    measured = run("evaluate", strange, photos, "--trust", NAME, "--format", "json")
    assert json.loads(measured.stdout)["accuracy"] == 0.5
    # Jobs are processes, which a file may not start.
    assert JOBS[-1] is None


def test_with_trust_an_export_is_refused_for_what_it_is(strange, tmp_path):
    words = ["export", strange, "--to", tmp_path / "x.onnx", "--trust", NAME]
    assert refusal(run(*words)).startswith("head Stranger: cannot be written as a graph")


def test_commands_that_build_no_head_take_the_option_as_well(strange, tmp_path):
    target = tmp_path / "y.featx.zip"
    assert run("bundle", strange, "--output", target, "--trust", NAME).exit_code == 0
    shown = run("inspect", target, "--trust", NAME)
    assert "Head Stranger, 2 classes" in shown.stdout
    again = featx.load(target, trusted=[NAME])
    assert again.classes == ("dark", "light")


def test_trusting_another_type_does_not_help(strange, shades):
    result = run("predict", strange, shades / "my photos", "--trust", "numpy.random.Generator")
    assert f"does not trust: {NAME};" in refusal(result)


@pytest.mark.parametrize("name", ["Stranger", "", "a..b", "os.system(1)", "a b.c"])
def test_a_type_that_is_not_named_in_full_is_refused(name, strange, shades):
    said = refusal(run("predict", strange, shades / "my photos", "--trust", name))
    assert "expected the full name of a type" in said
    assert said.startswith("--trust")
    with pytest.raises(BadOption, match=r"trusted="):
        featx.load(strange, trusted=[name])


def test_several_types_are_each_to_be_trusted(shades, tmp_path):
    rest = make_pipeline(FunctionTransformer(np.abs), LogisticRegression())
    rest.fit(np.eye(384)[:4], ["a", "b"] * 2)
    head = TrainedHead.from_estimator("own", rest, TemperatureScaling())
    classifier = Classifier.from_card(get_card("featx-image-nano"), head)
    with pytest.raises(BadArtifact, match=r"trusted=\['numpy.absolute', 'sklearn\..*'\]"):
        featx.save(classifier, tmp_path / "x.featx")
    names = ["numpy.absolute", "sklearn.preprocessing._function_transformer.FunctionTransformer"]
    path = featx.save(classifier, tmp_path / "x.featx", trusted=names)
    said = refusal(run("predict", path, shades / "my photos", "--trust", names[0]))
    assert said.endswith(f"--trust {names[1]}")
    trusting = [word for name in names for word in ("--trust", name)]
    assert run("predict", path, shades / "my photos", *trusting).exit_code == 0


@pytest.mark.slow
def test_a_server_trusts_a_type_also_when_the_file_is_read_again(strange, shades, tmp_path):
    process = start("serve", strange, "--port", 0, "--trust", NAME, folder=tmp_path)
    try:
        host, port = json.loads(process.stderr.readline())["address"]
        address = f"http://{host}:{port}"
        with urllib.request.urlopen(f"{address}/readyz", timeout=60) as answer:
            assert answer.status == 200
        os.kill(process.pid, signal.SIGHUP)
        records = iter(json.loads(line) for line in process.stderr)
        record = next(one for one in records if "reload" in one)
        assert record["reload"] == "done", record
    finally:
        process.terminate()
        process.communicate(timeout=30)
