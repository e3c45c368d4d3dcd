"""Predictors that say how sure they are: sets, withheld answers, what is new; saved, and as commands."""

import csv
import io
import json
import warnings
from dataclasses import replace

import numpy as np
import pytest

import featx
from featx.catalog import get_card
from featx.embedding.rows import Rows
from featx.errors import BadArtifact, BadOption, FeatxWarning
from featx.predictor import Classifier
from featx.reporting.training_samples import KeptParts
from featx.tasks import get_task
from featx.tasks.left_out import calibrate
from featx.training import fit_rows
from featx.tuning import HeadConfig
from featx.tuning.design import SampleDesign
from featx.tuning.validation import train
from tests.support.commands import run
from tests.support.targets import make_records

CARD = get_card("featx-image-nano")
NAMES = np.array(["ant", "bee", "cat"])
RECORDS = make_records()
TEXTS = [one["text"] for one in RECORDS]


def draw(rng, n):
    codes = rng.integers(0, 3, n)
    embeddings = rng.normal(size=(n, 384)).astype(np.float32)
    embeddings[np.arange(n), codes] += rng.choice([1.0, 5.0], n).astype(np.float32)
    labels = tuple(NAMES[codes])
    return Rows(tuple(map(str, range(n))), labels, embeddings, CARD.fingerprint)


@pytest.fixture(scope="module")
def made():
    rng = np.random.default_rng(0)
    rows = draw(rng, 900)
    config = HeadConfig("ridge", target_error=0.15)
    return fit_rows(rows, CARD, config, keep=KeptParts()), draw(rng, 1500)


@pytest.fixture(scope="module")
def saved(made, tmp_path_factory):
    return featx.save(made[0], tmp_path_factory.mktemp("saved") / "x.featx")


def test_each_sample_has_a_set_that_covers_about_as_asked(made):
    predictor, rows = made
    for coverage in (0.8, 0.95):
        careful = predictor.with_abstention(coverage, abstain=False)
        known = list(careful.predict_rows(rows))
        hits = [row in one.certainty.set for one, row in zip(known, rows.labels, strict=True)]
        assert abs(np.mean(hits) - coverage) < 0.04
        for one in known:
            assert one.certainty.answered is (len(one.certainty.set) == 1)
            assert one.label != "unsure"


def test_unsure_stands_where_the_set_is_not_one_label(made):
    predictor, rows = made
    plain = list(predictor.with_abstention(0.9, abstain=False).predict_rows(rows))
    withheld = list(
        replace(predictor, error_threshold=None)
        .with_abstention(0.9, abstain=True)
        .predict_rows(rows)
    )
    for one, other in zip(plain, withheld, strict=True):
        single = len(one.certainty.set) == 1
        assert other.label == (one.certainty.set[0] if single else "unsure")
        assert other.labels == (other.label,)
    assert 0.2 < np.mean([one.label == "unsure" for one in withheld]) < 0.8


def test_abstaining_alone_means_a_coverage_of_nine_in_ten(made):
    bare = replace(made[0], error_threshold=None)
    careful = bare.with_abstention(abstain=True)
    assert careful.abstention.coverage == 0.9
    assert bare.with_abstention().abstention.is_idle


def test_fit_holds_a_target_error_and_says_how_much_it_answers(made):
    predictor, rows = made
    limit = predictor.error_threshold
    assert 0.3 < limit.answered < 0.95
    [note] = [note for note in predictor.report.notes if "target_error=0.15" in note]
    assert f"{limit.answered:.0%} of 900 samples left out" in note
    known = list(predictor.predict_rows(rows))
    given = [
        (one.label, truth)
        for one, truth in zip(known, rows.labels, strict=True)
        if one.certainty.answered
    ]
    assert {one.label for one in known if not one.certainty.answered} == {"unsure"}
    assert abs(len(given) / 1500 - limit.answered) < 0.08
    assert np.mean([label != truth for label, truth in given]) < 0.15
    every = list(predictor.with_abstention(abstain=False).predict_rows(rows))
    assert all(one.certainty is None for one in every)


def test_nothing_is_answered_where_no_threshold_holds_the_error_and_that_is_told(rng):
    rows = draw(rng, 60)
    with pytest.warns(FeatxWarning, match=r"target_error=0\.01: answers nothing: the 60 samples"):
        made = fit_rows(rows, CARD, HeadConfig("centroid", target_error=0.01))
    assert {one.label for one in made.predict_rows(rows)} == {"unsure"}


def test_what_is_kept_is_loaded_again_and_says_the_same(made, saved):
    predictor, rows = made
    loaded = featx.load(saved)
    assert loaded.error_threshold == predictor.error_threshold
    asked = {"coverage": 0.9, "per_class": True, "method": "aps", "novelty": 0.05}
    found = list(loaded.with_abstention(**asked).predict_rows(rows.slice(0, 50)))
    expected = list(predictor.with_abstention(**asked).predict_rows(rows.slice(0, 50)))
    assert found == expected
    manifest = json.loads((saved / "manifest.json").read_text())
    assert manifest["head"]["target_error"]["target"] == 0.15


def test_a_bundle_holds_the_calibration_too(saved, tmp_path):
    from featx.persistence.artifact import bundle

    loaded = featx.load(bundle(saved, tmp_path / "x.featx.zip"))
    assert len(loaded.conformity) == 900
    assert loaded.with_abstention(0.9, novelty=0.01).abstention.reference is not None


def test_no_samples_kept_leaves_the_calibration_without_any_id(rng, tmp_path):
    rows = draw(rng, 90)
    made = fit_rows(rows, CARD, HeadConfig("centroid"), keep=KeptParts(samples=False))
    loaded = featx.load(featx.save(made, tmp_path / "x.featx"))
    assert loaded.samples is None
    assert loaded.with_abstention(0.9).abstention.thresholds is not None
    with pytest.raises(BadOption, match=r"novelty=0\.01: the predictor keeps no rows"):
        loaded.with_abstention(novelty=0.01)


def test_an_earlier_predictor_answers_and_says_what_it_lacks(saved, tmp_path):
    from featx.persistence.metadata import seal

    table = json.loads((saved / "manifest.json").read_text())
    del table["digest"], table["head"]["target_error"], table["files"]["conformal.npz"]
    old = tmp_path / "old.featx"
    old.mkdir()
    for name in table["files"]:
        (old / name).write_bytes((saved / name).read_bytes())
    (old / "manifest.json").write_bytes(seal(table))
    loaded = featx.load(old)
    assert loaded.error_threshold is None
    with pytest.raises(
        BadOption, match=r"coverage=0\.9: the predictor has no conformal calibration"
    ):
        loaded.with_abstention(0.9)


def test_a_changed_calibration_is_refused_when_it_is_asked_for(saved, tmp_path):
    copy = tmp_path / "x.featx"
    copy.mkdir()
    for file in saved.iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    data = bytearray((copy / "conformal.npz").read_bytes())
    data[len(data) // 2] ^= 1
    (copy / "conformal.npz").write_bytes(bytes(data))
    loaded = featx.load(copy)
    with pytest.raises(BadArtifact, match=r"conformal\.npz was changed"):
        loaded.with_abstention(0.9)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"coverage": 1.0}, "coverage = 1.0: expected a number between 0 and 1"),
        ({"coverage": float("nan")}, "coverage = nan: expected a number between 0 and 1"),
        ({"novelty": 0}, "novelty = 0: expected a number between 0 and 1"),
        ({"coverage": 0.9, "method": "raps"}, "method = 'raps': expected 'lac' or 'aps'"),
        ({"coverage": 0.9, "method": ["lac"]}, "method = ['lac']: expected 'lac' or 'aps'"),
        ({"abstain": "no"}, "abstain = 'no': expected True, False or None"),
        ({"coverage": 0.9, "per_class": "ant"}, "per_class = 'ant': expected True or False"),
        ({"per_class": True}, "per_class=True: is of the sets that a coverage makes"),
        ({"method": "aps"}, "method='aps': is of the sets that a coverage makes"),
    ],
)
def test_what_cannot_be_asked_is_refused_in_words(made, asked, words):
    with pytest.raises(BadOption) as refused:
        made[0].with_abstention(**asked)
    assert str(refused.value).startswith(words)


@pytest.mark.parametrize("value", [0, 1, -1, float("nan"), "0.1", True])
def test_a_target_error_that_is_none_is_refused(rng, value):
    with pytest.raises(BadOption, match=r"target_error = .*: expected a number between 0 and 1"):
        fit_rows(draw(rng, 30), CARD, HeadConfig("centroid", target_error=value))


def test_too_high_a_coverage_is_told(rng):
    made = fit_rows(draw(rng, 60), CARD, HeadConfig("centroid"))
    with pytest.warns(FeatxWarning, match=r"coverage=0\.99: too few samples .* all classes"):
        careful = made.with_abstention(0.99)
    [one, *_] = careful.predict_rows(draw(rng, 3))
    assert set(one.certainty.set) == set(NAMES)


def test_groups_count_and_not_their_samples(rng):
    rows = draw(rng, 300)
    design = SampleDesign(groups=np.repeat(np.arange(30), 10).astype(str))
    made = fit_rows(rows, CARD, HeadConfig("centroid"), design=design, keep=KeptParts())
    assert made.conformity.n_units() == 30
    # Rows of one group are not each other's neighbours.
    assert made.samples.distances.shape == (300,)
    with pytest.warns(FeatxWarning, match="too few samples"):
        made.with_abstention(0.97)


@pytest.mark.slow
def test_cross_fitted_sets_cover_over_many_trainings():
    covered = []
    task, config = get_task("classification"), HeadConfig("ridge")
    for seed in range(20):
        rng = np.random.default_rng(seed)
        known, rows = draw(rng, 250), draw(rng, 1000)
        problem = task.tuning_problem(np.array(known.labels), config)
        choice, head = train(known.embeddings, problem, config)
        made = Classifier.from_card(CARD, head)
        kept = calibrate(task, problem, choice.left_out, head, 0)
        known = replace(made, conformity_source=kept).with_abstention(0.9).predict_rows(rows)
        covered.append(
            np.mean([t in one.certainty.set for one, t in zip(known, rows.labels, strict=True)])
        )
    assert 0.88 < np.mean(covered) < 0.925


@pytest.mark.slow
def test_each_of_several_labels_is_covered_and_what_is_open_is_said():
    topics = [one["topics"] for one in RECORDS]
    made = featx.fit(TEXTS, topics, task="multilabel", baseline=False)
    shown = made.with_abstention(0.8, abstain=True)
    report = featx.evaluate(shown, *_repeated(topics)).answers
    assert report.covered >= 0.78
    for one in shown.predict_samples(featx.make_samples(TEXTS)):
        sure = set(one.certainty.set) - set(one.certainty.unsure)
        assert set(one.labels) == sure
        assert set(one.certainty.unsure) <= set(one.certainty.set)
        assert one.certainty.answered is (not one.certainty.unsure)
    with pytest.raises(BadOption, match="method = 'aps': expected 'lac'"):
        made.with_abstention(0.9, method="aps")


def _repeated(topics):
    return [f"{text} ." for text in TEXTS], topics


def test_an_interval_has_the_coverage_that_is_asked_for():
    prices = [one["price"] for one in RECORDS]
    made = featx.fit(TEXTS, prices, task="regression", baseline=False)
    assert made.head.calibrator.coverage == 0.9
    narrow, wide = (made.with_abstention(c) for c in (0.6, 0.95))
    widths = [
        np.ptp(one.predict_interval(TEXTS[:5]), axis=1).mean() for one in (narrow, made, wide)
    ]
    assert widths == sorted(widths)
    inside = made.predict_interval(TEXTS)
    np.testing.assert_allclose(made.with_abstention(0.9).predict_interval(TEXTS), inside, rtol=1e-4)
    for asked, words in (
        ({"abstain": True}, "abstain=True: a number is not right or wrong"),
        ({"coverage": 0.9, "per_class": True}, "per_class=True: a regression has no classes"),
        ({"coverage": 0.9, "method": "aps"}, "method='aps': a regression has no classes"),
    ):
        with pytest.raises(BadOption) as refused:
            made.with_abstention(**asked)
        assert str(refused.value).startswith(words)
    with pytest.raises(BadOption, match=r"target_error=0\.1: a number is not right or wrong"):
        featx.fit(TEXTS, prices, task="regression", target_error=0.1)
    with pytest.warns(FeatxWarning, match="too few for a coverage of 100%"):
        made.with_abstention(0.999)


@pytest.fixture(scope="module")
def moods(tmp_path_factory):
    """A saved classifier of texts, and a table of more of them."""
    root = tmp_path_factory.mktemp("moods")
    rng = np.random.default_rng(0)
    words = {"good": ("fine", "nice", "great"), "bad": ("awful", "sad", "poor")}
    rows = []
    for index in range(160):
        label, other = ("good", "bad", "good")[index % 2 :][:2]
        text = " ".join(rng.choice(words[label], 4))
        rows.append((f"{text} {index}", label if rng.random() < 0.95 else other))
    for name, part in (("train", rows[:120]), ("test", rows[120:])):
        with (root / f"{name}.csv").open("w", newline="") as file:
            csv.writer(file).writerows([("text", "label"), *part])
    options = ["--no-baseline", "--target-error", 0.25]
    done = run("fit", root / "train.csv", "-o", root / "x.featx", *options)
    assert done.exit_code == 0, done.output
    return root, done


def test_fit_tells_how_much_is_answered_and_what_is_kept(moods):
    _, done = moods
    assert "With --target-error 0.25 it answers from confidence" in done.output
    assert "It keeps ids, digests, targets and out-of-fold scores of 120 samples" in done.output
    assert "--no-keep-samples" in done.output


def test_predict_gives_sets_and_withholds_answers(moods):
    root, _ = moods
    words = ["predict", root / "x.featx", root / "test.csv", "--coverage", 0.8, "--novelty", 0.05]
    done = run(*words, "--per-class", "--sets", "aps", "--no-abstain")
    assert done.exit_code == 0, done.output
    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(records) == 40
    for one in records:
        assert set(one) >= {"set", "answered", "novelty", "novel", "label"}
        assert one["label"] in ("good", "bad")
        assert one["answered"] is (len(one["set"]) == 1 and not one["novel"])
    table = run(*words, "--abstain", "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(table.stdout)))
    assert list(rows[0])[-4:] == ["set", "answered", "novelty", "novel"]
    assert {row["label"] for row in rows if row["answered"] == "false"} <= {"unsure"}
    plain = run("predict", root / "x.featx", "-", input="a fine thing\nzxqy\n")
    for line in plain.stdout.splitlines():
        one = json.loads(line)
        assert one["answered"] is (one["label"] != "unsure")
    wrong = run("predict", root / "x.featx", "-", "--per-class", input="a fine thing\n")
    assert wrong.exit_code == 1
    assert (
        "Error: --per-class: is of the sets that a coverage makes; add --coverage" in wrong.output
    )


def test_evaluate_tells_coverage_sizes_and_errors(moods):
    root, _ = moods
    words = ["evaluate", root / "x.featx", root / "test.csv"]
    table = json.loads(run(*words, "--coverage", 0.8, "--no-abstain", "--format", "json").stdout)
    answers = table["answers"]
    assert answers["coverage"] == 0.8
    assert answers["covered"] > 0.6
    assert answers["n"] == 40
    assert set(answers["by_class"]) == {"good", "bad"}
    text = run(*words, "--coverage", 0.8, "--novelty", 0.05).stdout
    for title in ("in sets of 0.8", "labels in a set", "answered", "new samples"):
        assert any(line.startswith(title) for line in text.splitlines())
    plain = json.loads(run(*words, "--no-abstain", "--format", "json").stdout)
    assert "answers" not in plain


def test_a_report_with_answers_is_read_back(made):
    from featx.metrics.classification import ClassificationReport, evaluate_predictions

    predictor, rows = made
    doubts = predictor.with_abstention(0.9).abstention
    outputs = predictor.head.predict_outputs(rows.embeddings)
    task = get_task("classification")
    known = list(predictor.with_abstention(0.9).predict_rows(rows))
    answers = doubts.measure(task, rows.labels, outputs, known, tuple(NAMES))
    sizes = [len(one.certainty.set) for one in known]
    assert answers.mean_size == np.mean(sizes)
    assert answers.single == np.mean([size == 1 for size in sizes])
    hits = np.array([t in one.certainty.set for one, t in zip(known, rows.labels, strict=True)])
    assert answers.covered == hits.mean()
    ants = np.array(rows.labels) == "ant"
    assert answers.by_class["ant"] == pytest.approx(hits[ants].mean())
    report = evaluate_predictions(rows.labels, rows.labels).with_answers(answers)
    assert ClassificationReport.from_dict(json.loads(json.dumps(report.to_dict()))) == report
    with pytest.raises(featx.errors.BadLabels):
        ClassificationReport.from_dict({**report.to_dict(), "answers": {"n": "x"}})


def test_a_prediction_without_any_question_is_as_it_was(rng):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        made = fit_rows(draw(rng, 60), CARD, HeadConfig("centroid"))
    [one, *_] = made.predict_rows(draw(rng, 3))
    assert set(one.to_dict()) == {"label", "probability", "top"}
    assert list(made.columns) == [
        "id",
        "label",
        "probability",
        *(f"probability_{n}" for n in NAMES),
    ]


def test_a_class_that_is_named_unsure_is_told_apart(rng):
    rows = draw(rng, 90)
    named = tuple("unsure" if label == "ant" else label for label in rows.labels)
    made = fit_rows(replace(rows, labels=named), CARD, HeadConfig("centroid"))
    with pytest.warns(FeatxWarning, match="a class is named 'unsure': `answered` tells it"):
        careful = made.with_abstention(0.8, abstain=True)
    for one in careful.predict_rows(rows):
        assert one.certainty.answered is (len(one.certainty.set) == 1)


def test_a_coverage_that_the_samples_do_not_reach_is_said_each_time_that_it_is_asked_for():
    made = featx.fit(TEXTS, [one["price"] for one in RECORDS], task="regression", baseline=False)
    for _ in range(2):
        with pytest.warns(FeatxWarning, match="too few for a coverage of 99%") as told:
            made.with_abstention(0.99)
        assert told[0].filename == __file__
