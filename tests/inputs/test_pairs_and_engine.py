"""Pairs of texts, and how an engine runs several inputs: each once, in one pass, whatever the batches."""

from __future__ import annotations

import numpy as np
import pytest

import featx
from featx.embedding.cache import RowCache
from featx.embedding.engine import embed_chunk
from tests.support.goods import draw_goods

pytestmark = pytest.mark.filterwarnings("ignore::featx.errors.FeatxNotice")
NOUNS = ("apple", "pear", "car", "house", "fire", "dog", "cat", "tree")


@pytest.fixture(scope="module")
def goods():
    return draw_goods(40)


@pytest.fixture(scope="module")
def predictor(goods):
    inputs = {"photo": "image", "caption": "text", "price": "number"}
    return featx.fit(goods, target="sold", inputs=inputs, head="centroid", baseline=False)


def test_a_pair_is_how_far_two_texts_differ_and_what_they_share():
    pairs = [
        {"a": f"a {one}", "b": f"the {two}", "same": "yes" if one == two else "no"}
        for one in NOUNS
        for two in (one, NOUNS[NOUNS.index(one) - 1])
    ]
    made = featx.fit(
        pairs,
        target="same",
        inputs={"a": "text", "b": "text"},
        pairs=[("a", "b")],
        head="ridge",
        test_size=0.25,
        baseline=False,
    )
    [only] = made.inputs
    assert (only.name, only.kind, only.columns) == ("a,b", "text", ("a", "b"))
    backbone = featx.Backbone("featx-text-nano")
    u, v = (backbone.embed([pair[side] for pair in pairs]) for side in "ab")
    expected = np.hstack([np.abs(u - v), u * v])
    assert np.array_equal(made.embed(pairs).embeddings, expected)
    assert (made.predict(pairs) == [pair["same"] for pair in pairs]).mean() >= 0.9
    engine = featx.Engine(on_error="skip")
    lacking = made.make_samples([{"a": "a dog", "b": None}])
    [reject] = made.predict_samples(lacking, engine=engine)
    assert reject.reason in ("a,b: is missing", "every input is missing")


@pytest.mark.slow
def test_rows_do_not_depend_on_chunks_threads_or_the_cache(predictor, goods, tmp_path):
    expected = predictor.embed(goods, engine=featx.Engine(n_jobs=1, batch_size=1)).embeddings
    several = [*goods, *goods]
    samples = predictor.make_samples(several)
    engine = featx.Engine(n_jobs=2, cache=tmp_path / "rows.sqlite")
    embedder = predictor.open_embedder()
    for _ in range(2):
        found = engine.embed(samples, embedder, digests=True)
        assert np.allclose(found.embeddings, np.vstack([expected, expected]), atol=1e-5)
        assert found.ids == tuple(map(str, range(80)))
    assert found.digests[:40] == found.digests[40:]
    assert len(set(found.digests)) == 40
    chunk = embed_chunk(samples[:3], embedder)
    assert np.allclose(chunk.embeddings, expected[:3], atol=1e-5)


def test_the_cache_keeps_the_rows_of_backbones_by_input(predictor, goods, tmp_path):
    engine = featx.Engine(cache=tmp_path / "rows.sqlite")
    predictor.embed(goods, engine=engine)
    alone = featx.Backbone("featx-text-nano")
    assert RowCache(tmp_path / "rows.sqlite").info().rows == 80
    found = engine.embed(featx.make_samples([row["caption"] for row in goods]), alone)
    assert RowCache(tmp_path / "rows.sqlite").info().rows == 80
    photo = featx.get_card("featx-image-nano").dim
    together = predictor.embed(goods).embeddings[:, photo : photo + alone.dim]
    assert np.allclose(found.embeddings, together, atol=1e-6)


@pytest.mark.filterwarnings("ignore::featx.errors.FeatxWarning")
def test_a_sample_that_spoils_an_input_leaves_its_neighbours_alone(predictor, goods):
    rows = [*goods[:3], {**goods[3], "photo": np.zeros((0, 0, 3), np.uint8)}, *goods[4:8]]
    engine = featx.Engine(on_error="skip")
    found = predictor.embed(rows, engine=engine)
    assert [reject.id for reject in found.rejects] == ["3"]
    assert found.rejects[0].reason.startswith("photo: ")
    expected = predictor.embed(goods[:8]).embeddings[[0, 1, 2, 4, 5, 6, 7]]
    assert np.allclose(found.embeddings, expected, atol=1e-5)


@pytest.mark.slow
def test_scikit_learn_tells_the_importance_of_columns(predictor, goods):
    pandas = pytest.importorskip("pandas")
    from sklearn.inspection import permutation_importance

    frame = pandas.DataFrame([{k: v for k, v in row.items() if k != "brand"} for row in goods])
    truth = frame.pop("sold")
    found = permutation_importance(
        predictor, frame, truth, scoring="accuracy", n_repeats=2, random_state=0
    )
    importances = dict(zip(frame.columns, found.importances_mean, strict=True))
    assert set(importances) == {"photo", "caption", "price"}
    assert max(importances, key=importances.get) in ("photo", "price")
