import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer, StandardScaler

import featx
from featx.catalog import get_card
from featx.errors import BadArtifact, BadOption, OutputFailed
from featx.heads import HEADS, LinearArrays, TemperatureScaling, TrainedHead
from featx.persistence.metadata import file_table, read_metadata
from featx.predictor import Classifier
from featx.training import fit_head
from featx.tuning import HeadConfig
from tests.support.files import reseal

OLD = Path(__file__).parents[1] / "data" / "format-1" / "small.featx"
DIM = 384
# Boosted trees take long to tune; tests/heads/test_boosting.py saves them untuned.
QUICK_HEADS = [name for name in HEADS if name != "boosting"]
EXPECTED = [0.99998, 0.074024]  # what the maker of the old folder printed


class Stranger(ClassifierMixin, BaseEstimator):
    """A classifier that featx has never heard of."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self.n_features_in_ = X.shape[1]
        return self

    def predict_proba(self, X):
        return np.full((len(X), len(self.classes_)), 1 / len(self.classes_))


@pytest.fixture(scope="module")
def rows():
    return np.random.default_rng(0).normal(size=(40, DIM)).astype(np.float32)


@pytest.fixture(scope="module")
def labels(rows):
    return np.where(rows[:, 0] > 0, "grün", "rot")


@pytest.fixture
def train(rows, labels):
    def train(head="centroid"):
        trained = fit_head(rows, labels, HeadConfig(head))
        return Classifier.from_card(get_card("featx-image-nano"), trained.head)

    return train


@pytest.fixture
def saved(train, tmp_path):
    return featx.save(train(), tmp_path / "mine.featx")


@pytest.mark.parametrize("name", QUICK_HEADS)
def test_a_loaded_classifier_gives_the_same_probabilities_bit_for_bit(name, train, rows, tmp_path):
    classifier = train(name)
    loaded = featx.load(featx.save(classifier, tmp_path / "x.featx"))
    np.testing.assert_array_equal(
        loaded.head.predict_proba(rows), classifier.head.predict_proba(rows)
    )
    assert loaded.card == classifier.card
    assert loaded.classes == ("grün", "rot")
    assert loaded.report == classifier.report


@pytest.mark.parametrize("own", [GaussianNB(), make_pipeline(Normalizer(), LogisticRegression())])
def test_an_estimator_of_the_users_own_is_loaded_too(own, train, rows, tmp_path):
    classifier = train(own)
    loaded = featx.load(featx.save(classifier, tmp_path / "x.featx"))
    np.testing.assert_array_equal(
        loaded.head.predict_proba(rows), classifier.head.predict_proba(rows)
    )


def test_a_folder_of_format_1_is_still_read():
    head = featx.load(OLD).head
    table = head.predict_proba(np.eye(4, dtype=np.float32)[:2])
    np.testing.assert_allclose(table[:, 0], EXPECTED, atol=1e-6)


def test_the_folder_holds_three_files_and_no_pickle(saved):
    names = ["head.npz", "head.skops", "manifest.json"]
    assert sorted(path.name for path in saved.iterdir()) == names
    with zipfile.ZipFile(saved / "head.skops") as archive:
        assert {Path(name).suffix for name in archive.namelist()} <= {".json", ".npy"}


def test_the_manifest_tells_people_what_it_is(saved):
    manifest = read_metadata(saved)
    assert manifest.format == 2
    assert manifest.classes == ("grün", "rot")
    assert manifest.inputs[0].backbone == "featx-image-nano"
    assert "resize" in manifest.inputs[0].card
    assert {"featx", "numpy", "sklearn", "skops"} == set(manifest.versions)


def test_any_changed_byte_is_refused(saved):
    for name in ("manifest.json", "head.skops", "head.npz"):
        path = saved / name
        whole = path.read_bytes()
        for place in range(0, len(whole), max(1, len(whole) // 40)):
            path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
            with pytest.raises(BadArtifact):
                featx.load(saved)
        for other in (whole[:-1], whole + b"\n", b""):
            path.write_bytes(other)
            with pytest.raises(BadArtifact):
                featx.load(saved)
        path.write_bytes(whole)
    featx.load(saved)


@pytest.mark.skipif(sys.platform == "win32", reason="needs files that are mostly holes")
@pytest.mark.parametrize("name", ["manifest.json", "head.skops", "head.npz"])
def test_a_file_of_many_gigabytes_is_refused_before_it_is_read(name, saved):
    with (saved / name).open("r+b") as file:
        file.truncate(1 << 36)
    with pytest.raises(BadArtifact, match=rf"{name} cannot be read"):
        featx.load(saved)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_not_waited_for(saved, tmp_path):
    os.mkfifo(tmp_path / "pipe.featx")
    with pytest.raises(BadArtifact, match="not a featx classifier"):
        featx.load(tmp_path / "pipe.featx")
    for name in ("head.npz", "head.skops", "manifest.json"):
        (saved / name).unlink()
        os.mkfifo(saved / name)
        with pytest.raises(BadArtifact, match=rf"{name} cannot be read: not a regular file"):
            featx.load(saved)
        (saved / name).unlink()
        (saved / name).write_bytes(b"")
        if name == "head.npz":
            reseal(saved, lambda manifest: manifest["files"].pop("head.npz"))
        elif name == "head.skops":
            table = file_table({"head.skops": b""})
            reseal(saved, lambda manifest, table=table: manifest["files"].update(table))


def test_a_report_that_is_none_is_found_when_it_is_read(train, rows, labels, tmp_path):
    images = [np.full((9, 9, 3), value, np.uint8) for value in (0, 20, 40, 200, 220, 240)]
    classifier = featx.fit(images, ["dark"] * 3 + ["light"] * 3)
    path = featx.save(classifier, tmp_path / "x.featx")
    reseal(path, lambda manifest: manifest["report"]["data"].update(n="six"))
    loaded = featx.load(path)
    assert loaded.predict(images[:1]).tolist() == ["dark"]
    with pytest.raises(BadArtifact, match="n = 'six': expected int"):
        _ = loaded.report
    reseal(path, lambda manifest: manifest["config"].update(head=3))
    with pytest.raises(BadOption, match="config: head = 3"):
        _ = featx.load(path).config


def test_a_newer_format_is_refused_by_its_number(saved):
    reseal(saved, lambda manifest: manifest.update(format=4))
    with pytest.raises(BadArtifact, match=r"has format 4, this featx reads up to 3; upgrade featx"):
        featx.load(saved)


def test_what_is_not_there_is_not_called_something_else(saved, tmp_path, monkeypatch):
    for path in (tmp_path / "absent.featx", saved / "manifest.json" / "x", tmp_path / "no" / "x"):
        with pytest.raises(
            BadArtifact, match=r"nothing is there; expected a folder or \.zip"
        ) as told:
            featx.load(path)
        assert "not a featx classifier" not in str(told.value)
    (tmp_path / "gone").symlink_to(tmp_path / "nowhere")
    with pytest.raises(BadArtifact, match="nothing is there"):
        featx.load(tmp_path / "gone")
    for name in ("a\0b", "x" * 5000):
        with pytest.raises(BadArtifact):
            featx.load(tmp_path / name)


def test_what_is_there_instead_of_a_classifier_is_said(saved, tmp_path):
    with pytest.raises(BadArtifact, match=r"one folder deeper, in 'mine\.featx/manifest\.json'"):
        featx.load(tmp_path)
    note = tmp_path / "note.txt"
    note.write_text("hello", encoding="utf-8")
    with pytest.raises(BadArtifact, match="not a featx classifier, nor a zip of one"):
        featx.load(note)
    deep = tmp_path / "deep.zip"
    with zipfile.ZipFile(deep, "w") as archive:
        archive.write(saved / "manifest.json", "mine.featx/manifest.json")
    with pytest.raises(BadArtifact, match=r"expected a zip with a manifest.json .*folder deeper"):
        featx.load(deep)


@pytest.mark.parametrize("content", [None, "", "[]", "{}", '{"format": "1"}', "[" * 100_000])
def test_what_is_no_classifier_is_refused(content, tmp_path):
    if content is not None:
        (tmp_path / "manifest.json").write_text(content, encoding="utf-8")
    with pytest.raises(BadArtifact, match="not a featx classifier"):
        featx.load(tmp_path)


def test_a_type_nobody_trusts_is_refused_by_its_name_when_saved_and_when_loaded(train, tmp_path):
    classifier, name = train(Stranger()), f"{Stranger.__module__}.Stranger"
    with pytest.raises(BadArtifact, match=r"does not trust: .*Stranger.*save it with trusted="):
        featx.save(classifier, tmp_path / "x.featx")
    assert not (tmp_path / "x.featx").exists()
    folder = featx.save(classifier, tmp_path / "x.featx", trusted=[name])
    with pytest.raises(BadArtifact, match=r"types that featx does not trust: .*Stranger"):
        featx.load(folder)
    assert featx.load(folder, trusted=[name]).head.name == "Stranger"


def test_what_featx_knows_beside_a_type_of_the_users_is_examined_all_the_same(train, tmp_path):
    classifier = train(make_pipeline(StandardScaler(), Stranger()))
    folder = featx.save(
        classifier, tmp_path / "x.featx", trusted=[f"{Stranger.__module__}.Stranger"]
    )
    assert featx.load(folder, trusted=[f"{Stranger.__module__}.Stranger"]).head.dim == DIM
    classifier.head.estimator[0].scale_[3] = 0.0
    with pytest.raises(BadArtifact, match=r"StandardScaler is damaged: scale_ holds 0\.0"):
        featx.save(classifier, tmp_path / "y.featx", trusted=[f"{Stranger.__module__}.Stranger"])


def test_another_backbone_of_the_same_name_is_refused(saved):
    other = "b" * 64

    def change(manifest):
        card = manifest["inputs"][0]["backbone"]["card"]
        known = get_card("featx-image-nano").graph.sha256
        from featx.catalog import Card

        manifest["inputs"][0]["backbone"]["card"] = card.replace(known, other)
        manifest["inputs"][0]["backbone"]["fingerprint"] = Card.from_toml(
            card.replace(known, other)
        ).fingerprint

    reseal(saved, change)
    with pytest.raises(
        BadArtifact, match=r"was trained on the featx-image-nano of sha256 bbbbbbbbb"
    ):
        featx.load(saved)


def test_a_fingerprint_that_is_not_that_of_the_card_is_refused(saved):
    reseal(saved, lambda manifest: manifest["inputs"][0]["backbone"].update(fingerprint="c" * 64))
    with pytest.raises(BadArtifact, match="was trained on rows of fingerprint cccc"):
        featx.load(saved)


def test_shapes_that_do_not_fit_are_refused(saved, train, rows, tmp_path):
    reseal(saved, lambda manifest: manifest["targets"].update(classes=["a", "b", "c"]))
    with pytest.raises(BadArtifact, match="do not agree on the classes"):
        featx.load(saved)
    classifier = train("logistic")
    estimator = classifier.head.estimator
    estimator[-1].coef_ = estimator[-1].coef_[:, :-1]
    broken = Classifier.from_card(
        classifier.card, TrainedHead.from_estimator("logistic", estimator, TemperatureScaling(1.0))
    )
    with pytest.raises(BadArtifact, match="not a trained predictor"):
        featx.load(featx.save(broken, tmp_path / "x.featx"))
    narrow = fit_head(rows[:, :7], ["a", "b"] * 20, HeadConfig("centroid")).head
    folder = featx.save(Classifier.from_card(classifier.card, narrow), tmp_path / "y.featx")
    reseal(folder, lambda manifest: manifest["inputs"][0]["backbone"].update(dim=DIM))
    with pytest.raises(BadArtifact, match="takes rows of 7, its backbone gives 384"):
        featx.load(folder)


def test_nothing_is_replaced_unasked_and_only_a_classifier_ever(train, tmp_path):
    folder = featx.save(train(), tmp_path / "x.featx")
    with pytest.raises(OutputFailed, match="exists; choose another name"):
        featx.save(train(), folder)
    featx.save(train("ridge"), folder, overwrite=True)
    assert featx.load(folder).head.name == "ridge"
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").write_bytes(b"precious")
    with pytest.raises(OutputFailed, match="is not a featx classifier"):
        featx.save(train(), tmp_path / "photos", overwrite=True)
    with pytest.raises(OutputFailed, match="does not exist"):
        featx.save(train(), tmp_path / "missing" / "x.featx")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["photos", "x.featx"]


LINEAR = ("logistic", "ridge", "centroid")


@pytest.mark.slow
@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("name", QUICK_HEADS)
def test_a_linear_head_is_kept_as_arrays_too_and_they_say_the_same_to_the_bit(
    name, n_classes, rows, tmp_path
):
    labels = np.array(list("abcd"))[np.arange(len(rows)) % n_classes]
    trained = fit_head(rows, labels, HeadConfig(name)).head
    classifier = Classifier.from_card(get_card("featx-image-nano"), trained)
    loaded = featx.load(featx.save(classifier, tmp_path / "x.featx"))
    assert isinstance(loaded.head.scorer, LinearArrays) == (name in LINEAR)
    for some in (rows, rows[:1], rows[:0]):
        np.testing.assert_array_equal(loaded.head.predict_proba(some), trained.predict_proba(some))
    assert list(loaded.head.predict(rows)) == list(trained.predict(rows))
    built = loaded.head.estimator
    np.testing.assert_array_equal(built.predict(rows), trained.estimator.predict(rows))
    again = featx.load(featx.save(loaded, tmp_path / "y.featx"))
    np.testing.assert_array_equal(again.head.predict_proba(rows), trained.predict_proba(rows))


def test_arrays_that_contradict_the_estimator_are_found_when_it_is_asked_for(train, tmp_path):
    one = featx.save(train("logistic"), tmp_path / "x.featx")
    other = featx.save(train("centroid"), tmp_path / "y.featx")
    swapped = (other / "head.npz").read_bytes()
    (one / "head.npz").write_bytes(swapped)
    with pytest.raises(BadArtifact, match=r"head\.npz was changed"):
        featx.load(one)
    reseal(one, lambda manifest: manifest["files"].update(file_table({"head.npz": swapped})))
    loaded = featx.load(one)
    with pytest.raises(BadArtifact, match="its arrays and its estimator do not agree"):
        _ = loaded.head.estimator


@pytest.mark.parametrize("data", [b"", b"PK\3\4 no zip", b"\x93NUMPY\1\0"])
def test_arrays_that_are_none_are_refused_in_words(data, train, tmp_path):
    folder = featx.save(train("logistic"), tmp_path / "x.featx")
    (folder / "head.npz").write_bytes(data)
    reseal(folder, lambda manifest: manifest["files"].update(file_table({"head.npz": data})))
    with pytest.raises(BadArtifact, match=r"head\.npz: not the arrays of a head"):
        featx.load(folder)


def test_rows_that_are_not_finite_are_refused_alike_by_every_head(train, tmp_path):
    spoilt = np.full((1, DIM), np.nan, np.float32)
    for name in ("logistic", "knn"):
        classifier = train(name)
        loaded = featx.load(featx.save(classifier, tmp_path / f"{name}.featx"))
        for head in (classifier.head, loaded.head):
            with pytest.raises(BadOption, match="NaN or infinity"):
                head.predict_proba(spoilt)


def test_a_saved_linear_classifier_is_loaded_and_asked_without_scikit_learn(saved, rows):
    code = (
        "import sys, numpy as np, featx\n"
        "head = featx.load(sys.argv[1]).head\n"
        "print(head.predict(np.ones((1, head.dim), np.float32))[0])\n"
        "assert not {'sklearn', 'scipy', 'skops', 'onnx'} & set(sys.modules)\n"
    )
    command = [sys.executable, "-c", code, str(saved)]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() in ("grün", "rot")
