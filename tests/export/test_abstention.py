"""Sets, answers and what is new, from the exported graph: those of the predictor."""

import numpy as np
import pytest

import featx
from featx.backbones.session import open_session
from featx.export import export
from tests.support.serving import noise
from tests.support.targets import make_records

RECORDS = make_records()
TEXTS = [one["text"] for one in RECORDS]


@pytest.fixture(scope="module")
def shade():
    """Three shades that are hard to tell apart, and answers of which one in five may be wrong."""
    rng = np.random.default_rng(0)
    bases = rng.integers(60, 200, 150)
    pictures = [noise(int(base), seed) for seed, base in enumerate(bases)]
    seen = bases + rng.normal(0, 20, 150)
    labels = ["dark" if one < 105 else "dusk" if one < 150 else "light" for one in seen]
    return featx.fit(pictures, labels, baseline=False, target_error=0.2)


def session_of(predictor, path, **options):
    export(predictor, path, **options)
    return open_session(path.read_bytes(), path)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["lac", "aps"])
@pytest.mark.parametrize("per_class", [False, True])
def test_the_graph_gives_the_sets_of_the_predictor(shade, tmp_path, method, per_class):
    careful = shade.with_abstention(
        0.9, per_class=per_class, method=method, abstain=True, novelty=0.05
    )
    session = session_of(careful, tmp_path / "x.onnx")
    pictures = [noise(base, 900 + base) for base in range(60, 200, 6)]
    found = session.run(None, {"image": np.stack(pictures)})
    tensors = dict(zip([value.name for value in session.get_outputs()], found, strict=True))
    assert list(tensors) == ["label", "probabilities", "set", "answered", "novelty", "novel"]
    expected = list(careful.predict_samples(featx.make_samples(pictures)))
    names = careful.head.classes
    sets = [{names[i] for i in np.flatnonzero(row)} for row in tensors["set"]]
    assert sets == [set(one.certainty.set) for one in expected]
    assert 0 < sum(len(one) > 1 for one in sets) < len(sets)
    answered = [one.certainty.answered for one in expected]
    assert tensors["answered"].astype(bool).tolist() == answered
    assert 0 < sum(answered) < len(answered)
    p_values = [one.certainty.novelty for one in expected]
    np.testing.assert_allclose(tensors["novelty"], p_values, atol=0.02)
    assert tensors["novel"].astype(bool).tolist() == [one.certainty.novel for one in expected]


@pytest.mark.slow
def test_several_labels_have_those_that_are_open(tmp_path):
    topics = [one["topics"] for one in RECORDS]
    made = featx.fit(TEXTS, topics, task="multilabel", baseline=False)
    careful = made.with_abstention(0.8)
    session = session_of(careful, tmp_path / "x.onnx", samples=TEXTS[:20])
    reader = careful.open().reader
    names = [value.name for value in session.get_outputs()]
    assert names == ["probabilities", "labels", "set", "unsure", "answered"]
    for text in TEXTS[:10]:
        [item] = [reader.read(reader.load(text))]
        [batch] = reader.batches([item], 1)
        feeds = {name: feed.reshape(1, -1) for name, feed in batch.feeds.items()}
        wanted = {value.name for value in session.get_inputs()}
        answers = session.run(None, {name: feeds[name] for name in wanted})
        tensors = dict(zip(names, answers, strict=True))
        [expected] = careful.predict_samples(featx.make_samples([text]))
        labels = careful.head.classes
        for name in ("set", "unsure"):
            found = {labels[i] for i in np.flatnonzero(tensors[name][0])}
            assert found == set(getattr(expected.certainty, name))
        assert bool(tensors["answered"][0]) is expected.certainty.answered


def test_numbers_have_the_interval_that_was_asked_for_and_say_what_is_new(tmp_path):
    pictures = [noise(base, base) for base in range(40, 220, 3)]
    made = featx.fit(pictures, list(range(len(pictures))), task="regression", baseline=False)
    careful = made.with_abstention(0.8, novelty=0.1)
    session = session_of(careful, tmp_path / "x.onnx")
    value, low, high, novelty, novel = session.run(None, {"image": np.stack(pictures[:3])})
    expected = careful.predict_interval(pictures[:3])
    np.testing.assert_allclose(np.hstack([low, high]), expected, rtol=1e-4, atol=1e-5)
    assert (high - low < np.ptp(made.predict_interval(pictures[:3]), axis=1)[:, None]).all()
    assert value.shape == (3, 1)
    assert novelty.shape == novel.shape == (3,)


def test_a_graph_of_a_predictor_that_nothing_was_asked_of_is_as_it_was(tmp_path):
    pictures = [noise(base, seed) for seed in range(6) for base in (40, 200)]
    plain = featx.fit(pictures, ["dark", "light"] * 6, baseline=False)
    session = session_of(plain, tmp_path / "x.onnx")
    assert [value.name for value in session.get_outputs()] == ["label", "probabilities"]
