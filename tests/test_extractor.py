"""FeatureExtractor is a scikit-learn transformer in all that scikit-learn does with one."""

import io
import multiprocessing
import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.base import clone, is_classifier
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import check_is_fitted

from featx import FeatureExtractor
from featx.errors import BadOption, BadSample, FeatxWarning, UnknownBackbone


@pytest.fixture
def paths(photos):
    return sorted(str(path) for path in photos.rglob("*.png"))


@pytest.fixture
def labels(paths):
    return ["dark" if "dark" in path else "light" for path in paths]


def test_the_constructor_stores_and_checks_nothing():
    extractor = FeatureExtractor("no such backbone", tap="t", pooling="p", batch_size=-1)
    assert extractor.get_params()["backbone"] == "no such backbone"
    with pytest.raises(UnknownBackbone):
        extractor.transform(["a.png"])


def test_it_works_before_fit_and_fit_changes_nothing(paths, labels):
    extractor = FeatureExtractor()
    before = extractor.transform(paths)
    check_is_fitted(extractor)
    assert extractor.fit(paths, labels) is extractor
    np.testing.assert_array_equal(extractor.fit_transform(paths), before)
    assert (before.shape, before.dtype) == ((6, 384), np.float32)


def test_a_clone_gives_the_same_rows(paths):
    extractor = FeatureExtractor(normalize=True, options={"resize": 120})
    twin = clone(extractor)
    assert twin.get_params() == extractor.get_params()
    np.testing.assert_array_equal(twin.transform(paths), extractor.transform(paths))


def test_set_params_changes_the_rows_and_not_only_the_label(paths):
    extractor = FeatureExtractor()
    plain = extractor.transform(paths)
    unit = extractor.set_params(normalize=True).transform(paths)
    np.testing.assert_allclose(np.linalg.norm(unit, axis=1), 1, atol=1e-5)
    assert not np.allclose(plain, unit)


def test_a_pickle_is_small_and_carries_no_weights(paths):
    extractor = FeatureExtractor()
    rows = extractor.transform(paths)
    pickled = pickle.dumps(extractor)
    assert len(pickled) < 2000
    np.testing.assert_array_equal(pickle.loads(pickled).transform(paths), rows)


@pytest.mark.slow
@pytest.mark.parametrize("n_jobs", [None, 2])
def test_a_grid_search_runs_over_its_parameters(paths, labels, n_jobs, tmp_path):
    pipeline = Pipeline(
        [
            ("rows", FeatureExtractor(cache=tmp_path / "rows.sqlite")),
            ("scale", StandardScaler()),
            ("head", LogisticRegression()),
        ]
    )
    grid = {"rows__normalize": [False, True], "head__C": [0.1, 1.0]}
    search = GridSearchCV(pipeline, grid, cv=3, n_jobs=n_jobs, error_score="raise").fit(
        paths, labels
    )
    assert search.best_score_ == 1
    assert search.predict(paths).tolist() == labels
    assert is_classifier(search)


def test_cross_validation_runs_in_worker_processes(paths, labels):
    pipeline = make_pipeline(FeatureExtractor(n_jobs=1), LogisticRegression())
    assert cross_val_score(pipeline, paths, labels, cv=3, n_jobs=2).mean() == 1


def test_pandas_output_has_names_and_the_index_of_the_input(paths):
    extractor = FeatureExtractor().set_output(transform="pandas")
    column = pd.Series(paths, index=[f"row {k}" for k in range(6)])
    table = extractor.transform(column)
    assert list(table.columns) == list(extractor.get_feature_names_out())
    assert table.columns[0] == "featureextractor0"
    assert list(table.index) == list(column.index)


def test_it_reads_a_column_of_paths_beside_numbers(paths, labels):
    frame = pd.DataFrame({"photo": paths, "age": np.arange(6.0)})
    columns = ColumnTransformer(
        [("rows", FeatureExtractor(), "photo"), ("numbers", StandardScaler(), ["age"])]
    )
    assert columns.fit_transform(frame).shape == (6, 385)
    listed = ColumnTransformer([("rows", FeatureExtractor(), ["photo"])])
    np.testing.assert_array_equal(
        listed.fit_transform(frame), FeatureExtractor().transform(frame["photo"])
    )
    model = make_pipeline(columns, LogisticRegression()).fit(frame, labels)
    assert model.score(frame, labels) == 1


def test_two_extractors_stand_side_by_side(paths):
    union = FeatureUnion(
        [("plain", FeatureExtractor()), ("unit", FeatureExtractor(normalize=True))]
    )
    assert union.fit_transform(paths).shape == (6, 768)
    assert len(union.get_feature_names_out()) == 768


@pytest.mark.parametrize("X", [[], np.empty((0, 1), object), pd.Series([], dtype=object)])
def test_no_samples_give_an_empty_table_of_the_right_width(X):
    assert FeatureExtractor().transform(X).shape == (0, 384)


def test_every_way_to_give_the_same_pictures_gives_the_same_rows(paths):
    pictures = [Image.open(path).convert("RGB") for path in paths]
    expected = FeatureExtractor().transform(paths)
    forms = [
        np.array(paths),
        np.array(paths, object).reshape(-1, 1),
        pd.DataFrame({"photo": paths}),
        [Path(path).read_bytes() for path in paths],
        [io.BytesIO(Path(path).read_bytes()) for path in paths],
        pictures,
        np.stack([np.asarray(picture) for picture in pictures]),
    ]
    for form in forms:
        np.testing.assert_array_equal(FeatureExtractor().transform(form), expected)


@pytest.mark.parametrize(
    "X", ["a.png", b"bytes", 3, pd.DataFrame({"a": ["x"], "b": ["y"]}), np.array([["x", "y"]])]
)
def test_what_is_no_column_of_samples_is_refused(X):
    with pytest.raises(BadOption, match="expected"):
        FeatureExtractor().transform(X)


def test_a_broken_picture_fails_by_name_or_becomes_a_row_of_nan(paths, tmp_path):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no image")
    mixed = [*paths[:2], str(broken), *paths[2:]]
    with pytest.raises(BadSample, match=r"broken\.jpg: not an image"):
        FeatureExtractor().transform(mixed)
    with pytest.warns(FeatxWarning, match=r"broken\.jpg: not an image.*its row is NaN"):
        rows = FeatureExtractor(on_error="skip").transform(mixed)
    assert np.isnan(rows[2]).all()
    np.testing.assert_array_equal(np.delete(rows, 2, axis=0), FeatureExtractor().transform(paths))


def rows_in_another_process(paths):
    return FeatureExtractor().transform(paths)


@pytest.mark.parametrize("method", ["fork", pytest.param("spawn", marks=pytest.mark.slow)])
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_child_process_gives_the_same_rows(paths, method):
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"{method} is not a start method here")
    expected = FeatureExtractor().transform(paths)  # the parent's session is open by now
    with multiprocessing.get_context(method).Pool(2) as pool:
        found = pool.map_async(rows_in_another_process, [paths, paths]).get(timeout=120)
    for rows in found:
        np.testing.assert_array_equal(rows, expected)
