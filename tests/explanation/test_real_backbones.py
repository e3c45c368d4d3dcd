"""Real backbones: whose scores are exact sums, to which places, and what is said of the others."""

import numpy as np
import pytest

import featx
from featx.catalog import get_card
from featx.errors import NoExactSum
from featx.explanation.row_sums import RowSums
from featx.heads import LinearArrays, TemperatureScaling, TrainedHead

NAMES = np.array(["a", "b", "c"])
TEXT = "It rained all day, and the streets of the old town were empty."


def predictor_of(card):
    """A predictor of three classes with a drawn head of the size that heads on real rows have."""
    rng, dim = np.random.default_rng(0), featx.Backbone(card).dim
    mean = rng.uniform(0, 1, dim).astype(np.float32)
    scale = rng.uniform(0.5, 2, dim).astype(np.float32)
    coef = rng.normal(0, 3 / dim**0.5, (3, dim))
    arrays = LinearArrays(NAMES, mean, scale, coef, rng.normal(0, 1, 3))
    head = TrainedHead.from_arrays("drawn", arrays, TemperatureScaling(), lambda: None)
    return featx.Classifier.from_card(card, head)


def assert_adds_up(card, sample):
    predictor = predictor_of(card)
    [scores] = predictor.head.scorer.scores(predictor.embed([sample]).embeddings)
    for target in NAMES:
        [found] = featx.explain(predictor, [sample], target=str(target), method="exact")
        score = scores[list(NAMES).index(target)]
        assert found.bias + sum(part.value for part in found.parts) == pytest.approx(
            score, abs=1e-5 * max(1.0, abs(score))
        )
    return found


@pytest.mark.parametrize(
    ("name", "places"),
    [
        ("mobilenetv2-1.0", 49),
        pytest.param("efficientnet-lite0", 49, marks=pytest.mark.slow),
        ("squeezenet1.1", 169),
        ("mobilenetv1-0.25-128", 16),
        ("resnet8-cifar10", 64),
    ],
)
def test_the_score_of_a_picture_is_a_sum_over_its_map(name, places, shared_models, rng):
    picture = rng.integers(0, 256, (240, 320, 3), dtype=np.uint8)
    found = assert_adds_up(get_card(name), picture)
    assert len(found.parts) == places
    # the crop is the middle of the picture
    assert min(part.place[0] for part in found.parts) > 0 or name == "resnet8-cifar10"
    assert all(0 <= part.place[0] < part.place[2] <= 320 for part in found.parts)


def test_the_score_on_the_named_map_of_the_shipped_backbone_is_exactly_a_sum(rng):
    picture = rng.integers(0, 256, (240, 320, 3), dtype=np.uint8)
    found = assert_adds_up(get_card("featx-image-nano").variant(tap="mean-map"), picture)
    assert (found.method, len(found.parts)) == ("exact", 49)


def test_places_of_a_map_of_the_mirror_image_are_those_of_the_picture(rng):
    """The last map is of the mirror image, and another one holds the same of the picture itself."""
    picture = rng.integers(0, 256, (112, 112, 3), dtype=np.uint8)
    card = get_card("featx-image-nano")
    weights = rng.normal(size=512)

    def parts_of(tap, sample):
        backbone = featx.Backbone(card.variant(tap=tap, pooling="mean"))
        parts, _ = RowSums(backbone).read(sample).parts(weights)
        return np.array([parts[place] for place in sorted(parts)]).reshape(7, 7)

    mirrored = parts_of("last-map", np.ascontiguousarray(picture[:, ::-1]))
    turned = parts_of("/Mul_output_0", picture)[::-1]
    # Both halves of the graph have the same weights, and ranges of integers of their own.
    assert np.corrcoef(mirrored.ravel(), turned.ravel())[0, 1] > 0.99
    assert np.corrcoef(mirrored.ravel(), turned[::-1].ravel())[0, 1] < 0.9


@pytest.mark.slow
def test_the_score_of_a_text_is_a_sum_over_its_tokens(shared_models):
    found = assert_adds_up(get_card("all-minilm-l6-v2"), TEXT)
    words = [TEXT[slice(*part.place)] for part in found.parts if part.place is not None]
    assert "".join(words) == TEXT.replace(" ", "")
    assert [part.place for part in found.parts].count(None) == 1


@pytest.mark.slow
def test_the_mean_that_a_graph_takes_of_its_tokens_is_folded_in_too(shared_models):
    """Its own sentence embedding: a masked mean of unit length."""
    card = get_card("all-minilm-l6-v2").variant(tap="sentence_embedding", pooling="none")
    found = assert_adds_up(card.variant(normalize=False), TEXT)
    [plain] = featx.explain(predictor_of(get_card("all-minilm-l6-v2")), [TEXT], target="c")
    np.testing.assert_allclose(
        [part.value for part in found.parts], [part.value for part in plain.parts], atol=1e-5
    )


@pytest.mark.slow
def test_a_long_text_in_windows_is_a_sum_over_all_of_them(shared_models):
    card = get_card("all-minilm-l6-v2").variant(options={"long": "chunk-mean", "max_length": 9})
    found = assert_adds_up(card, TEXT)
    ends = [part.place[1] for part in found.parts if part.place is not None]
    assert ends == sorted(ends)
    assert ends[-1] == len(TEXT)


@pytest.mark.parametrize("seconds", [0.3, 2.5])
def test_the_score_of_a_sound_is_a_sum_over_its_windows(seconds, shared_models, rng):
    sound = rng.normal(0, 0.1, int(16_000 * seconds)).astype(np.float32)
    found = assert_adds_up(get_card("yamnet"), sound)
    assert found.extent == (seconds,)
    assert max(part.place[1] for part in found.parts) == seconds


@pytest.mark.slow
@pytest.mark.parametrize("pool", ["max", "mean+max"])
def test_the_largest_of_windows_is_that_of_one_window(pool, shared_models, rng):
    sound = rng.normal(0, 0.1, 40_000).astype(np.float32)
    card = get_card("yamnet").variant(options={"pool": pool})
    dim = featx.Backbone(card).dim
    sums = RowSums(featx.Backbone(card)).read(sound)
    weights = rng.normal(size=dim)
    parts, constant = sums.parts(weights)
    expected = float(weights @ sums.row.astype(np.float64))
    assert sum(parts.values()) + constant == pytest.approx(expected, abs=1e-5)


@pytest.mark.slow
def test_the_patches_of_a_transformer_are_places_and_its_class_token_is_none(shared_models, rng):
    picture = rng.integers(0, 256, (224, 224, 3), dtype=np.uint8)
    card = get_card("vit-tiny-patch16-224").variant(tap="tokens", pooling="patch-mean")
    sums = RowSums(featx.Backbone(card)).read(picture)
    parts, _ = sums.parts(rng.normal(size=192))
    assert len(parts) == 14 * 14 + 1
    assert parts[None] == 0


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("featx-image-nano", "DequantizeLinear stands between the map and the row"),
        ("featx-text-nano", "ScatterND stands between the map and the row"),
        ("featx-audio-mel", "Sqrt stands between the map and the row"),
        pytest.param(
            *("vit-tiny-patch16-224", "taken from one position, such as a class token"),
            marks=pytest.mark.slow,
        ),
    ],
)
def test_a_backbone_whose_rows_are_no_sums_says_why(name, words, shared_models):
    with pytest.raises(NoExactSum, match=words):
        RowSums(featx.Backbone(name))
