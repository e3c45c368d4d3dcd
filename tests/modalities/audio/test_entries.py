"""What graphs of sounds with several inputs are fed, and which positions their rows are made of."""

import hashlib

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from featx import Backbone
from featx.catalog import Card, File
from featx.embedding.engine import Engine
from featx.errors import BadGraph
from featx.modalities.audio.entries import Clip
from featx.modalities.audio.settings import AudioSettings, Long
from featx.sources import make_samples
from tests.support.nets import FLOAT, save, weights

INT64, BOOL = TensorProto.INT64, TensorProto.BOOL
RNG = np.random.default_rng(0)
# entries as those of a wav2vec2 folder, with convolutions of four samples every two
SPEECH = {
    "rate": 100,
    "window": 40,
    "tail": "short",
    "min_length": 4,
    "normalize": "clip",
    "stride": 2,
    "receptive": 4,
}


@pytest.fixture
def speech(tmp_path):
    """A backbone as exports of wav2vec2 are: positions of convolutions over samples and their mask."""

    def build(names=("input_values", "attention_mask"), pooling="mean", **table):
        node = helper.make_node
        values, mask = names[0], names[-1]
        nodes = [
            node("Unsqueeze", ["heard", "one"], ["channels"]),
            node("Conv", ["channels", "filters"], ["y"], strides=[2]),
            node("Transpose", ["y"], ["last_hidden_state"], perm=[0, 2, 1]),
        ]
        inputs = [(values, FLOAT, ["N", "T"])]
        if len(names) == 2:
            nodes = [
                node("Cast", [mask], ["real"], to=FLOAT),
                node("Add", [values, "real"], ["heard"]),
                *nodes,
            ]
            inputs.append((mask, INT64, ["N", "T"]))
        else:
            nodes = [node("Identity", [values], ["heard"]), *nodes]
        folder = tmp_path / f"{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        path = save(
            folder / "backbone.onnx",
            nodes,
            inputs,
            [("last_hidden_state", FLOAT, ["N", "P", 3])],
            [weights("filters", 3, 1, 4), helper.make_tensor("one", INT64, [1], [1])],
        )
        file = File("backbone.onnx", hashlib.sha256(path.read_bytes()).hexdigest())
        settings = AudioSettings.from_table({**SPEECH, **table})
        return Backbone(
            Card("speech", "audio", file, settings, pooling=pooling, path=folder / "card.toml")
        )

    return build


def positions(heard):
    """What the graph of ``speech`` gives of samples, by sums."""
    filters = numpy_helper.to_array(weights("filters", 3, 1, 4))[:, 0]
    starts = range(0, len(heard) - 3, 2)
    return np.array([[float(heard[k : k + 4] @ one) for one in filters] for k in starts])


def standardised(sound):
    return (sound - sound.mean()) / np.sqrt(sound.var() + 1e-7)


def noise(length):
    return RNG.normal(0.1, 0.2, length).astype(np.float32)


def test_a_clip_is_standardised_over_its_own_samples(speech):
    sound = noise(23)
    expected = positions(standardised(sound) + 1).mean(axis=0)
    np.testing.assert_allclose(speech().embed([sound])[0], expected, atol=1e-5)


def test_a_long_clip_is_standardised_as_a_whole_and_its_row_is_the_mean_of_its_windows(speech):
    sound = np.concatenate([noise(40), noise(40) * 3 + 0.2, noise(9)])
    whole = standardised(sound) + 1
    parts = [positions(whole[start : start + 40]).mean(axis=0) for start in (0, 40, 80)]
    np.testing.assert_allclose(speech().embed([sound])[0], np.mean(parts, axis=0), atol=1e-5)


def test_a_sound_that_is_streamed_gives_the_row_of_one_in_memory(speech):
    backbone = speech()
    sound = noise(6001)
    item = backbone.reader.read(backbone.reader.load(sound))
    assert isinstance(item, Long)
    streamed = backbone.embed_items([item])
    np.testing.assert_allclose(backbone.embed_items([Clip(sound)]), streamed, rtol=1e-5)


def test_positions_of_filling_are_left_out_of_the_mean(speech):
    sound = noise(11)
    backbone = speech(tail="pad", attention_mask=True)
    heard = np.pad(standardised(sound) + 1, (0, 29))
    # those whose four samples are all of the sound
    expected = positions(heard)[: (11 - 4) // 2 + 1].mean(axis=0)
    np.testing.assert_allclose(backbone.embed([sound])[0], expected, atol=1e-5)


def test_without_a_mask_of_its_own_a_graph_is_told_that_all_is_sound(speech):
    [batch] = batches(speech(tail="pad"), noise(11))
    assert batch.feeds["attention_mask"].tolist() == [[1] * 40]
    [batch] = batches(speech(tail="pad", attention_mask=True), noise(11))
    assert batch.feeds["attention_mask"].tolist() == [[1] * 11 + [0] * 29]
    assert batch.mask.tolist() == [[True] * 4 + [False] * 15]


def test_filling_before_a_sound_is_masked_too(speech):
    [batch] = batches(speech(tail="pad", attention_mask=True, align="end"), noise(11))
    assert batch.feeds["attention_mask"].tolist() == [[0] * 29 + [1] * 11]
    # positions begin at even samples, the sound at the 29th
    assert batch.mask.tolist() == [[False] * 15 + [True] * 4]


def batches(backbone, *sounds):
    reader = backbone.reader
    return list(reader.batches([reader.read(reader.load(sound)) for sound in sounds], 8))


@pytest.mark.parametrize("length", [1, 3, 4])
def test_a_sound_no_longer_than_a_position_is_one(speech, length):
    sound = noise(length)
    heard = np.pad(standardised(sound), (0, 4 - length)) + 1
    np.testing.assert_allclose(speech().embed([sound])[0], positions(heard)[0], atol=1e-5)


def test_a_row_is_the_same_alone_and_in_company(speech):
    sounds = [noise(length) for length in (2, 4, 40, 39, 41, 4, 100, 3)]
    for table in ({}, {"tail": "pad"}, {"tail": "pad", "attention_mask": True}):
        backbone = speech(**table)
        alone = np.concatenate([backbone.embed([sound]) for sound in sounds])
        np.testing.assert_array_equal(backbone.embed(sounds), alone)
        rows = Engine(cache=None).embed(make_samples(sounds), backbone)
        np.testing.assert_array_equal(rows.embeddings, alone)


@pytest.mark.parametrize(
    "names",
    [
        ("input_values",),
        ("waveform",),
        ("x",),
        ("x", "attention_mask"),
        ("waveform", "attention_mask"),
    ],
)
def test_a_graph_is_fed_whatever_it_calls_its_sound(speech, names):
    sound = noise(23)
    expected = positions(standardised(sound) + (len(names) == 2)).mean(axis=0)
    np.testing.assert_allclose(speech(names).embed([sound])[0], expected, atol=1e-5)


def test_a_graph_with_two_names_of_its_own_is_fed_as_its_card_says(speech):
    names, sound = ("speech", "lengths"), noise(23)
    feeds = {"speech": "input_values", "lengths": "attention_mask"}
    expected = positions(standardised(sound) + 1).mean(axis=0)
    np.testing.assert_allclose(speech(names, feeds=feeds).embed([sound])[0], expected, atol=1e-5)
    with pytest.raises(BadGraph, match="wants an input 'speech'; audio cards feed input_values"):
        speech(names).embed([sound])


def test_an_unknown_input_beside_the_sound_is_refused_by_name(speech):
    with pytest.raises(BadGraph, match="wants an input 'speaker'"):
        speech(("input_values", "speaker")).embed([noise(23)])


def test_the_times_of_windows_are_those_of_their_samples(speech):
    backbone = speech()
    for length, expected in (
        (2, [(0.0, 0.04)]),
        (90, [(0.0, 0.4), (0.4, 0.8), (0.8, 0.9)]),
        (6001, [(0.4 * k, 0.4 * k + 0.4) for k in range(150)] + [(60.0, 60.04)]),
    ):
        item, geometry = backbone.reader.read_with_geometry(backbone.reader.load(noise(length)))
        assert geometry.duration == length / 100
        np.testing.assert_allclose(geometry.windows, expected)
        assert backbone.reader.is_item(item)


def test_the_maps_of_a_sound_are_its_positions(speech):
    [found] = speech(pooling="max").embed_maps([noise(50)])
    assert [window.shape for window in found.maps] == [(19, 3), (4, 3)]


@pytest.fixture
def clap(tmp_path):
    """A backbone as exports of CLAP are: the mean of each spectrum, and whether the sound is longer."""
    node = helper.make_node
    path = save(
        tmp_path / "backbone.onnx",
        [
            node("ReduceMean", ["input_features"], ["means"], axes=[2, 3], keepdims=0),
            node("Cast", ["is_longer"], ["longer"], to=FLOAT),
            node("Concat", ["means", "longer"], ["audio_embeds"], axis=1),
        ],
        [("input_features", FLOAT, ["N", 4, 101, 8]), ("is_longer", BOOL, ["N", 1])],
        [("audio_embeds", FLOAT, ["N", 5])],
        [],
    )
    file = File("backbone.onnx", hashlib.sha256(path.read_bytes()).hexdigest())
    table = {"rate": 1000, "window": 1000, "mels": 8, "n_fft": 64, "frame_hop": 10, "high": 500.0}
    settings = AudioSettings.from_table({"features": "clap", **table})
    return Backbone(Card("clap", "audio", file, settings, path=tmp_path / "card.toml"))


def test_a_graph_that_fuses_hears_the_whole_of_a_long_sound_and_three_parts_of_it(clap):
    sounds = [noise(length) for length in (1, 999, 1000, 1009, 1020, 5000)]
    rows = clap.embed(sounds)
    # is_longer as ClapFeatureExtractor says of a sound by itself
    assert rows[:, 4].tolist() == [1] * 6
    # four times the same, or the whole and three parts of it
    assert [len(set(row[:4].tolist())) for row in rows] == [1, 1, 1, 1, 4, 4]
    alone = np.concatenate([clap.embed([sound]) for sound in sounds])
    np.testing.assert_array_equal(rows, alone)


def test_a_long_sound_to_be_fused_is_one_window_of_its_own_length(clap):
    _, geometry = clap.reader.read_with_geometry(clap.reader.load(noise(5000)))
    assert geometry.windows == ((0.0, 5.0),)
