"""Heads on rows on disk: as good as those in memory, measured on rows that they never saw, or refused."""

from types import SimpleNamespace

import numpy as np
import pytest

import featx
from featx.errors import BadLabels, BadOption, BadSample, FeatxNotice, FeatxWarning
from featx.many_rows.fitting import fit_stored_rows
from featx.many_rows.reading import RowColumns
from featx.tuning import HeadConfig

CARD = featx.get_card("featx-text-nano")
N, K = 1500, 4
HEADS = ["logistic", "ridge", "lda", "centroid"]


def draw(n, seed, k=K):
    """Rows of classes that overlap, sorted by class as folders are."""
    rng = np.random.default_rng(seed)
    means = np.random.default_rng(0).normal(size=(k, CARD.dim)) * 0.11
    y = np.sort(rng.integers(k, size=n))
    return (rng.normal(size=(n, CARD.dim)) + means[y]).astype(np.float32), y


def labels_of(y):
    return tuple(f"class {code}" for code in y.tolist())


def save_rows(path, embeddings, labels, *, fingerprint=CARD.fingerprint, ids=None, **columns):
    ids = tuple(f"r{i}" for i in range(len(embeddings))) if ids is None else tuple(ids)
    rows = featx.Rows(ids, tuple(labels), embeddings, fingerprint, columns=columns)
    featx.write_rows(path, rows)
    return path


@pytest.fixture(scope="module")
def drawn():
    return draw(N, 1)


@pytest.fixture(scope="module")
def path(tmp_path_factory, drawn):
    embeddings, y = drawn
    return save_rows(tmp_path_factory.mktemp("rows") / "rows.npz", embeddings, labels_of(y))


def on_disk(path, head=None, columns=None, **options):
    keys = ("class_weight", "target_error", "test_size", "random_state", "log_target", "n_jobs")
    config = HeadConfig(head, **{key: options.pop(key) for key in keys if key in options})
    return fit_stored_rows(path, columns, config=config, in_memory=False, **options)


@pytest.mark.slow
@pytest.mark.parametrize("head", HEADS)
def test_a_head_is_as_good_as_the_one_that_is_trained_in_memory(path, head, tmp_path):
    ours = on_disk(path, head)
    theirs = fit_stored_rows(path, config=HeadConfig(head))
    rows, y = draw(2000, 2)
    accuracies = [(one.head.predict(rows) == labels_of(y)).mean() for one in (ours, theirs)]
    assert accuracies[0] >= accuracies[1] - 0.02
    # What was measured is what new rows give.
    assert ours.report.validation.report.accuracy == pytest.approx(accuracies[0], abs=0.07)
    assert ours.report.validation.method == "hold-out"
    assert ours.report.tuning.head == head
    featx.save(ours, tmp_path / "x.featx")
    loaded = featx.load(tmp_path / "x.featx")
    expected = ours.head.predict_outputs(rows[:50])
    np.testing.assert_allclose(loaded.head.predict_outputs(rows[:50]), expected, atol=1e-6)
    # The estimator that is stored beside the arrays gives the same.
    assert loaded.head.estimator.n_features_in_ == CARD.dim
    assert loaded.predict(["some text"])[0] in ours.classes


@pytest.mark.slow
def test_the_same_seed_and_any_number_of_threads_give_the_same_bits(path):
    rows = draw(50, 3)[0]
    for head in ("logistic", "ridge"):
        first, second = (on_disk(path, head, n_jobs=n).head.predict_outputs(rows) for n in (1, 3))
        np.testing.assert_array_equal(first, second)


@pytest.mark.slow
def test_the_score_is_of_rows_that_taught_nothing(tmp_path, rng):
    """Labels by chance: whatever was measured on rows that were trained on would be above chance."""
    embeddings = rng.normal(size=(800, CARD.dim)).astype(np.float32)
    labels = [f"c{code}" for code in rng.integers(2, size=800).tolist()]
    chance = save_rows(tmp_path / "x.npz", embeddings, labels)
    for head in ("logistic", "ridge"):
        report = on_disk(chance, head).report.validation.report
        assert report.accuracy == pytest.approx(0.5, abs=0.13)
        assert report.n == 160


@pytest.mark.slow
def test_no_group_is_on_both_sides(tmp_path, rng):
    """Rows of a group are nearly the same and share a label by chance: only mixing groups could tell it."""
    groups = np.repeat(np.arange(60), 12)
    centers = rng.normal(size=(60, CARD.dim))
    embeddings = centers[groups] + rng.normal(size=(720, CARD.dim)) * 0.01
    labels = [f"c{code}" for code in rng.integers(2, size=60)[groups].tolist()]
    names = tuple(f"patient {group}" for group in groups.tolist())
    rows = save_rows(tmp_path / "x.npz", embeddings.astype(np.float32), labels, patient=names)
    blind = on_disk(rows, "ridge").report.validation.report.accuracy
    columns = RowColumns(group="patient")
    honest = on_disk(rows, "ridge", columns).report.validation.report.accuracy
    assert blind > 0.95
    assert honest < 0.85
    by_pattern = save_rows(
        tmp_path / "y.npz",
        embeddings.astype(np.float32),
        labels,
        ids=[f"{name}_{i}" for i, name in enumerate(names)],
    )
    found = on_disk(by_pattern, "ridge", RowColumns(groups=r"patient (\d+)_"))
    assert found.report.validation.report.accuracy < 0.85


def test_a_row_that_is_not_finite_is_refused_by_its_id(tmp_path, drawn):
    embeddings, y = drawn[0].copy(), drawn[1]
    embeddings[[700, 900], 3] = np.nan, np.inf
    rows = save_rows(tmp_path / "x.npz", embeddings, labels_of(y))
    for head in HEADS:
        with pytest.raises(BadSample, match=r"x\.npz: 2 of .* rows .* \(r700, r900\)"):
            on_disk(rows, head)
    embeddings[[700, 900], 3] = 1e38
    large = save_rows(tmp_path / "y.npz", embeddings, labels_of(y))
    with pytest.raises(BadSample, match=r"hold numbers beyond 1e\+15 \(r700, r900\)"):
        on_disk(large, "ridge")


@pytest.mark.slow
def test_missing_labels_are_refused_or_left_out(tmp_path, drawn):
    labels = [label if i % 3 else None for i, label in enumerate(labels_of(drawn[1]))]
    rows = save_rows(tmp_path / "x.npz", drawn[0], labels)
    with pytest.raises(BadLabels, match=r"500 of 1500"):
        on_disk(rows, "ridge")
    with pytest.warns(FeatxWarning, match="500 of 1500 samples have no label"):
        found = on_disk(rows, "ridge", RowColumns(unlabelled="skip"))
    assert found.report.data.n == 1000
    assert found.report.validation.report.accuracy > 0.6


@pytest.mark.slow
@pytest.mark.parametrize("form", ["csv", "jsonl", "mapping"])
def test_targets_may_come_from_elsewhere_by_id(tmp_path, drawn, form):
    rows = save_rows(tmp_path / "x.npz", drawn[0], [None] * N)
    known = dict(zip((f"r{i}" for i in range(N)), labels_of(drawn[1]), strict=True))
    order = np.random.default_rng(0).permutation(N).tolist()
    shuffled = {f"r{i}": known[f"r{i}"] for i in order}
    table = tmp_path / f"t.{form}"
    if form == "csv":
        table.write_text(
            "name,kind\n" + "".join(f"{key},{value}\n" for key, value in shuffled.items())
        )
    elif form == "jsonl":
        lines = [f'{{"name": "{key}", "kind": "{value}"}}\n' for key, value in shuffled.items()]
        table.write_text("".join(lines))
    columns = RowColumns(
        targets=shuffled if form == "mapping" else table, target=("kind",), id="name"
    )
    found = on_disk(rows, "ridge", columns)
    assert found.report.data.targets == {
        f"class {code}": int(count) for code, count in enumerate(np.bincount(drawn[1]))
    }
    assert found.report.validation.report.accuracy > 0.6


@pytest.mark.slow
def test_targets_of_no_row_are_said_and_those_of_none_refused(path):
    with pytest.warns(FeatxWarning, match="1 of 1501 ids are of no row"):
        on_disk(
            path,
            "ridge",
            RowColumns(targets={f"r{i}": "ab"[i % 2] for i in range(N)} | {"other": "a"}),
        )
    with pytest.raises(BadLabels, match=r"none of its 1 ids .* such as 'r0'.* such as 'x'"):
        on_disk(path, "ridge", RowColumns(targets={"x": "a"}))


@pytest.mark.parametrize("head", ["knn", "rbf-svm", "linear-svm", "boosting", "auto"])
def test_other_heads_are_refused_with_the_limit_and_those_that_can(path, head):
    limit = (1 << 26) // CARD.dim
    with pytest.raises(
        BadOption, match=rf"head '{head}': .* {limit} of {CARD.dim} .* found 1500"
    ) as told:
        on_disk(path, head)
    assert "choose one of logistic, ridge, lda, centroid, or set in_memory=True" in str(told.value)


def test_an_estimator_of_ones_own_and_a_multilabel_task_are_refused(path):
    from sklearn.linear_model import LogisticRegression

    with pytest.raises(BadOption, match="head 'LogisticRegression': needs its rows in memory"):
        on_disk(path, LogisticRegression())
    with pytest.raises(BadOption, match="task 'multilabel': needs its rows in memory"):
        on_disk(path, task="multilabel")


@pytest.mark.slow
def test_a_number_is_predicted_with_intervals_that_cover(tmp_path, rng):
    embeddings = rng.normal(size=(2000, CARD.dim)).astype(np.float32)
    numbers = 50 + 10 * embeddings[:, 0] - 5 * embeddings[:, 1] + rng.normal(size=2000)
    rows = save_rows(tmp_path / "x.npz", embeddings, map(str, numbers.round(4).tolist()))
    found = on_disk(rows, "ridge", task="regression")
    report = found.report.validation.report
    assert report.r2 > 0.97
    assert report.outputs[0].coverage == pytest.approx(0.9, abs=0.06)
    theirs = fit_stored_rows(rows, task="regression", config=HeadConfig("ridge"))
    new = rng.normal(size=(100, CARD.dim)).astype(np.float32)
    values = [one.head.predict_outputs(new)[:, 0] for one in (found, theirs)]
    np.testing.assert_allclose(*values, atol=0.5)
    with pytest.raises(BadOption, match=r"head 'knn'.* choose one of ridge"):
        on_disk(rows, "knn", task="regression")
    logged = on_disk(rows, "ridge", task="regression", log_target=True)
    assert logged.report.validation.report.r2 > 0.8


@pytest.mark.slow
def test_balanced_classes_are_weighed_as_in_memory(tmp_path, rng):
    rows, y = draw(1500, 4, 2)
    kept = np.flatnonzero((y == 0) | (rng.uniform(size=1500) < 0.1))
    some = save_rows(tmp_path / "x.npz", rows[kept], labels_of(y[kept]))
    new, truth = draw(2000, 5, 2)
    for head in ("logistic", "ridge"):
        plain, balanced = (
            on_disk(some, head, class_weight=weight).head.predict(new) == labels_of(truth)
            for weight in (None, "balanced")
        )
        assert balanced[truth == 1].mean() > plain[truth == 1].mean() + 0.05
    with pytest.raises(BadOption, match="cannot balance classes"):
        on_disk(some, "lda", class_weight="balanced")


@pytest.mark.slow
def test_a_weight_of_two_is_the_row_twice(tmp_path, drawn):
    some = np.arange(0, N, 3)
    weights = tuple(float(1 + i % 2) for i in range(len(some)))
    rows = save_rows(tmp_path / "x.npz", drawn[0][some], labels_of(drawn[1][some]), often=weights)
    twice = np.repeat(some, [int(one) for one in weights])
    copies = save_rows(tmp_path / "y.npz", drawn[0][twice], labels_of(drawn[1][twice]))
    first = on_disk(rows, "ridge", RowColumns(weight="often"))
    second = on_disk(copies, "ridge")
    agree = first.head.predict(draw(500, 6)[0]) == second.head.predict(draw(500, 6)[0])
    assert agree.mean() > 0.97
    with pytest.raises(BadOption, match="head 'centroid': takes no sample weights"):
        on_disk(rows, "centroid", RowColumns(weight="often"))


@pytest.mark.slow
def test_classes_of_few_rows_stay_in_training(tmp_path, drawn):
    labels = list(labels_of(drawn[1]))
    labels[0], labels[1], labels[700], labels[701] = "one", "one", "two", "two"
    rows = save_rows(tmp_path / "x.npz", drawn[0], labels)
    for head in HEADS:
        found = on_disk(rows, head)
        assert set(found.classes) == {*labels_of(np.arange(K)), "one", "two"}
        assert found.head.predict_outputs(drawn[0][:20]).shape == (20, 6)
    with pytest.warns(FeatxWarning, match="2 rare classes"):
        found = on_disk(rows, "ridge", RowColumns(min_samples=10))
    assert len(found.classes) == K


@pytest.mark.slow
def test_two_classes_and_coverage_and_a_target_error_work(tmp_path):
    rows, y = draw(1500, 7, 2)
    two = save_rows(tmp_path / "x.npz", rows, labels_of(y))
    for head in HEADS:
        found = on_disk(two, head, target_error=0.3)
        assert found.error_threshold is not None
        covering = found.with_abstention(coverage=0.9)
        certain = list(covering.predict_rows(featx.read_rows(two)))
        holds = [
            label in one.certainty.set for one, label in zip(certain, labels_of(y), strict=True)
        ]
        assert np.mean(holds) > 0.85


def test_the_card_is_found_by_fingerprint_or_named(tmp_path, path, drawn):
    unnamed = save_rows(tmp_path / "x.npz", drawn[0], labels_of(drawn[1]), fingerprint="")
    with pytest.raises(BadOption, match="with none, that of no card on this machine"):
        on_disk(unnamed, "ridge")
    with pytest.warns(FeatxWarning, match="featx-text-nano is taken on your word"):
        assert on_disk(unnamed, "ridge", backbone="featx-text-nano").card.name == CARD.name
    strange = save_rows(tmp_path / "y.npz", drawn[0], labels_of(drawn[1]), fingerprint="e" * 64)
    with pytest.raises(BadOption, match="fingerprint eeeeeeeeeeee…, that of no card"):
        on_disk(strange, "ridge")
    with pytest.raises(BadOption, match="expected 384 columns"):
        on_disk(path, "ridge", backbone="featx-image-nano")


def test_parts_of_a_data_set_are_told_by_the_ids(tmp_path, drawn):
    ids = [f"{'test' if i % 5 == 0 else 'train'}/{i}.txt" for i in range(N)]
    rows = save_rows(tmp_path / "x.npz", drawn[0], labels_of(drawn[1]), ids=ids)
    found = on_disk(rows, "ridge")
    assert found.report.data.n == 1200
    assert "300 of 1500 rows are of test and are left out" in found.report.notes


def test_samples_are_not_kept_and_that_is_said_where_it_was_asked(path):
    from featx.reporting.training_samples import KeptParts

    assert on_disk(path, "centroid").samples is None
    with pytest.warns(FeatxNotice, match="neither samples nor rows are kept"):
        on_disk(path, "centroid", keep=KeptParts(rows=True))


def test_many_classes_have_a_limit(tmp_path, rng, monkeypatch):
    embeddings = rng.normal(size=(20_004, 2)).astype(np.float32)
    rows = save_rows(tmp_path / "x.npz", embeddings, [f"c{i // 2:05d}" for i in range(20_004)])
    problem = pytest.importorskip("featx.tasks.classification_problem").ClassificationProblem(
        np.array(featx.read_rows(rows).labels)
    )
    from featx.many_rows.heads import choose_streamed_head

    with pytest.raises(BadOption, match="10002 classes; expected at most 10000"):
        choose_streamed_head("classification", HeadConfig("centroid"), problem, 2, 10)
    with pytest.raises(BadOption, match="sums products of columns, of which 8192"):
        choose_streamed_head(
            "classification", HeadConfig("ridge"), problem.subset(np.arange(90)), 9000, 10
        )


@pytest.mark.slow
def test_names_that_look_like_takes_of_one_source_are_pointed_at(tmp_path, drawn):
    ids = [f"speaker{i // 10}_{i % 10}.wav" for i in range(N)]
    order = np.random.default_rng(0).permutation(N)
    labels = [labels_of(drawn[1])[i] for i in order]
    rows = save_rows(tmp_path / "x.npz", drawn[0][order], labels, ids=ids)
    with pytest.warns(FeatxNotice, match="look as if several samples came from one source"):
        found = on_disk(rows, "ridge")
    assert any("groups=" in note for note in found.report.notes)


@pytest.mark.slow
def test_no_room_for_a_copy_is_said_and_gives_the_same(path, monkeypatch):
    whole = on_disk(path, "logistic")
    full = SimpleNamespace(total=100, used=99, free=1)
    monkeypatch.setattr("shutil.disk_usage", lambda folder: full)
    with pytest.warns(FeatxNotice, match="no room for a copy"):
        found = on_disk(path, "logistic")
    rows = draw(30, 8)[0]
    np.testing.assert_array_equal(
        found.head.predict_outputs(rows), whole.head.predict_outputs(rows)
    )
