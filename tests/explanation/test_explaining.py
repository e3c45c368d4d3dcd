"""Explanations of predictors: exact sums that add up, and hidden places where there are none."""

import numpy as np
import pytest
from onnx import helper
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer, StandardScaler

import featx
from featx.errors import BadLabels, BadOption, BadSample, FeatxNotice, NoExactSum
from featx.explanation.explaining import Explainer
from featx.modalities import shown_samples
from featx.tasks.regression import NumberPrediction
from tests.support.explained_nets import TAILS, tail_backbone
from tests.support.serving import noise

PICTURES = [noise(base, seed, (32, 40, 3)) for seed in range(8) for base in (30, 120, 210)]
SHADES = ["dark", "grey", "light"] * 8
LAST_MAP = {"tap": "last-map", "pooling": "mean"}


def fitted(labels=SHADES, card=None, **more):
    card = card or featx.get_card("featx-image-nano").variant(**LAST_MAP)
    return featx.fit(PICTURES, labels, backbone=card, baseline=False, **more)


@pytest.fixture(scope="module")
def shades():
    return fitted()


@pytest.fixture(scope="module")
def shade():
    """Of two classes, on a backbone whose default tap is no sum."""
    return featx.fit(PICTURES, ["dark", "light", "light"] * 8, baseline=False)


def assert_adds_up(found, predictor, sample):
    """The bias and the parts are the score that the head gives the sample's own row."""
    head = predictor.head
    [scores] = head.scorer.scores(predictor.embed([sample]).embeddings)
    score = scores[head.classes.index(found.target)]
    if found.against is not None:
        score -= scores[head.classes.index(found.against)]
    assert found.method == "exact"
    assert found.score == pytest.approx(score, abs=1e-5)
    assert found.bias + sum(part.value for part in found.parts) == pytest.approx(score, abs=1e-5)
    assert found.positive + found.negative == pytest.approx(score - found.bias, abs=1e-5)


@pytest.mark.parametrize("against", [None, "grey"])
@pytest.mark.parametrize("target", ["dark", "light"])
def test_each_class_and_each_difference_adds_up(target, against, shades):
    [found] = featx.explain(shades, PICTURES[:1], target=target, against=against)
    assert (found.target, found.against, found.extent) == (target, against, (40, 32))
    assert_adds_up(found, shades, PICTURES[0])


def test_a_difference_is_what_its_two_classes_are_apart(shades):
    pair = [featx.explain(shades, PICTURES[:1], target=name)[0] for name in ("dark", "light")]
    [apart] = featx.explain(shades, PICTURES[:1], target="dark", against="light")
    values = [[part.value for part in found.parts] for found in (*pair, apart)]
    np.testing.assert_allclose(values[2], np.subtract(*values[:2]), atol=1e-9)


def test_the_most_probable_class_is_explained_where_none_is_named(shades):
    found = featx.explain(shades, PICTURES[:3])
    assert [one.target for one in found] == list(shades.predict(PICTURES[:3]))
    assert [one.prediction.label for one in found] == [one.target for one in found]


def test_the_bias_is_the_score_of_the_mean_training_row(shades):
    [found] = featx.explain(shades, PICTURES[:1], target="grey")
    mean = shades.embed(PICTURES).embeddings.mean(axis=0, keepdims=True)
    assert found.bias == pytest.approx(shades.head.scorer.scores(mean)[0, 1], abs=1e-5)


@pytest.mark.parametrize(
    "head",
    [
        "ridge",
        "centroid",
        make_pipeline(StandardScaler(), PCA(5), LogisticRegression()),
        make_pipeline(StandardScaler(), Normalizer(), LogisticRegression()),
    ],
    ids=["ridge", "centroid", "components", "length"],
)
def test_every_linear_head_adds_up(head):
    predictor = fitted(head=head)
    for sample in PICTURES[:2]:
        [found] = featx.explain(predictor, [sample])
        assert_adds_up(found, predictor, sample)


@pytest.mark.parametrize("name", ["a dense layer", "a layer norm", "length 1", "a maximum"])
def test_what_the_graph_does_with_what_it_pooled_is_folded_in(name, tmp_path):
    card = tail_backbone(tmp_path, TAILS[name]).card
    predictor = fitted(card=card)
    [found] = featx.explain(predictor, PICTURES[:1])
    assert_adds_up(found, predictor, PICTURES[0])
    assert len(found.parts) == 16


@pytest.mark.slow
def test_several_labels_are_explained_one_by_one():
    labels = [["dark"], ["dark", "light"], ["light"]] * 8
    predictor = fitted(labels, task="multilabel")
    for target in ("dark", "light"):
        [found] = featx.explain(predictor, PICTURES[:1], target=target)
        assert found.against is None
        assert_adds_up(found, predictor, PICTURES[0])


@pytest.mark.parametrize("log_target", [False, True])
def test_a_number_is_explained_in_its_own_unit(log_target):
    numbers = [30.0 + 100 * (k % 3) + k for k in range(24)]
    predictor = fitted(numbers, task="regression", log_target=log_target)
    [found] = featx.explain(predictor, PICTURES[:1])
    assert isinstance(found.prediction, NumberPrediction)
    number = np.log(found.prediction.value) if log_target else found.prediction.value
    assert found.score == pytest.approx(number, rel=1e-5)
    assert found.total == pytest.approx(found.score, rel=1e-6)


def test_of_several_numbers_each_is_explained_by_its_name():
    numbers = [{"bright": 30.0 + 100 * (k % 3) + k, "dark": 1.0 - k % 3} for k in range(24)]
    predictor = fitted(numbers, task="regression")
    first, second = predictor.names
    for name in (first, second):
        [found] = featx.explain(predictor, PICTURES[:1], target=name)
        assert found.score == pytest.approx(found.prediction.numbers[name][0], rel=1e-5)
        assert found.total == pytest.approx(found.score, abs=1e-4)
    [found] = featx.explain(predictor, PICTURES[:1])
    assert found.target == first
    with pytest.raises(BadOption, match="numbers are explained one by one"):
        featx.explain(predictor, [], target=first, against=second)


def test_half_a_picture_that_is_dark_is_where_the_dark_speaks(tmp_path):
    """A backbone whose map is the picture itself: its places see nothing else."""
    same = [helper.make_node("Identity", ["x"], ["y"])]
    predictor = fitted(card=tail_backbone(tmp_path, same, pooling="mean", rank=4).card)
    both = np.concatenate([noise(30, 90, (32, 32, 3)), noise(210, 91, (32, 32, 3))], axis=1)
    [found] = featx.explain(predictor, [both], target="dark", against="light")
    assert len(found.parts) == 256
    assert all((part.value > 0) == (part.place[2] <= 32) for part in found.parts)


def test_hidden_places_are_said_with_their_cost(shade):
    with pytest.warns(
        FeatxNotice, match=r"DequantizeLinear stands .* no exact sum .* about 49 pred"
    ):
        [found] = featx.explain(shade, PICTURES[:1])
    assert (found.method, found.bias, found.total, len(found.parts)) == (
        "occlusion",
        None,
        None,
        49,
    )
    assert "DequantizeLinear" in found.reason


def test_a_hidden_place_costs_what_the_score_loses():
    predictor = fitted(head="rbf-svm")
    with pytest.warns(FeatxNotice, match="head rbf-svm: SVC is a kernel"):
        [found] = featx.explain(predictor, PICTURES[:1], target="dark", places=4)
    reader = predictor.open().reader
    hidden = shown_samples("image", reader).occlusions(reader.load(PICTURES[0]), 4)
    rows = predictor.open().embed_items([hidden.hide(index) for index in (None, 0, 1, 2, 3)])
    whole, *others = predictor.head.scorer.scores(rows)[:, 0]
    assert [part.value for part in found.parts] == pytest.approx([whole - one for one in others])
    assert [part.place for part in found.parts] == list(hidden.places)


def test_hiding_may_be_asked_for_where_there_is_a_sum(shades):
    [found] = featx.explain(shades, PICTURES[:1], method="occlusion", places=9)
    assert (found.method, len(found.parts), found.reason) == ("occlusion", 9, "")


def test_an_exact_sum_that_is_not_there_is_refused(shade):
    with pytest.raises(NoExactSum, match=r"so its score is no exact sum.*method='occlusion'"):
        featx.explain(shade, PICTURES[:1], method="exact")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"target": "red"}, "target = 'red': expected one of 'dark', 'grey', 'light'"),
        ({"target": "dark", "against": "dark"}, "against = 'dark': is the target itself"),
        ({"against": 3}, "against = 3: expected one of"),
        ({"method": "magic"}, "method = 'magic': expected one of auto, exact, occlusion"),
        ({"places": 0}, "places = 0: expected a number from 1 to 1024"),
        ({"places": 10**6}, "places = 1000000: expected"),
        ({"places": True}, "places = True: expected"),
        ({"places": "many"}, "places = 'many': expected"),
    ],
)
def test_what_cannot_be_explained_is_refused_before_the_work(options, words, shades):
    with pytest.raises(BadOption, match=words):
        featx.explain(shades, [], **options)


def test_a_difference_of_numbers_is_refused():
    predictor = fitted([float(k) for k in range(24)], task="regression")
    with pytest.raises(BadOption, match="expected one of 'value'"):
        featx.explain(predictor, [], against="x")


def test_a_sample_that_cannot_be_read_is_refused_or_left_out(shades):
    samples = [PICTURES[0], b"no picture", PICTURES[1]]
    with pytest.raises(BadSample, match="1: not an image"):
        featx.explain(shades, samples)
    skipping = featx.Engine(on_error="skip")
    assert [one.id for one in featx.explain(shades, samples, engine=skipping)] == ["0", "2"]
    given = list(Explainer(shades, engine=skipping).stream(featx.make_samples(samples)))
    assert isinstance(given[1], featx.Reject)


def test_an_explanation_is_written_as_json_values(shades):
    import json

    [found] = featx.explain(shades, PICTURES[:1], target="dark", against="grey")
    table = json.loads(json.dumps(found.to_dict(digits=6)))
    assert table["extent"] == [40, 32]
    total = table["bias"] + sum(part["value"] for part in table["parts"])
    assert total == pytest.approx(table["score"], abs=1e-4)
    assert table["parts"][0]["place"] == [4, 0, 8.57143, 4.57143]
    assert table["prediction"]["label"] == "dark"


def test_an_explanation_is_read_again_from_its_json(shades):
    import json

    [found] = featx.explain(shades, PICTURES[:1], neighbours=2)
    table = found.to_dict()
    again = featx.Explanation.from_dict(json.loads(json.dumps(table)))
    assert again.to_dict() == table
    assert again.prediction.labels == found.prediction.labels == ("dark",)
    assert (again.total, again.heading) == (found.total, found.heading)


@pytest.mark.parametrize("change", [{"method": "magic"}, {"parts": 3}, {"score": "high"}])
def test_a_table_that_is_no_explanation_is_refused(change, shades):
    [found] = featx.explain(shades, PICTURES[:1])
    with pytest.raises(BadLabels, match="not the JSON of a explanation report"):
        featx.Explanation.from_dict({**found.to_dict(), **change})


def test_parts_are_a_table_in_pandas(shades):
    [found] = featx.explain(shades, PICTURES[:1])
    frame = found.to_frame()
    assert list(frame.columns) == ["place", "value"]
    assert frame["value"].sum() + found.bias == pytest.approx(found.score, abs=1e-5)


def test_the_nearest_training_samples_come_with_their_labels(shades):
    [found] = featx.explain(shades, PICTURES[:1], neighbours=3)
    distances = [near.distance for near in found.neighbours]
    assert [near.target for near in found.neighbours] == ["dark"] * 3
    assert found.neighbours[0].id == "0"
    assert distances == sorted(distances)
    assert distances[0] == pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize("count", [-1, 101, True, "three"])
def test_a_number_of_neighbours_that_is_none_is_refused(count, shades):
    with pytest.raises(BadOption, match=r"neighbours = .*: expected 0 to 100"):
        featx.explain(shades, [], neighbours=count)
