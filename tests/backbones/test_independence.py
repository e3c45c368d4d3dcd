"""Independence: a row is a function of its sample, or the backbone is refused or run one sample at a time."""

import warnings

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from featx.backbones.backbone import Backbone
from featx.backbones.importing import import_model
from featx.backbones.independence import examine
from featx.backbones.selfcheck import check
from featx.catalog import Card, File, digest, get_card, list_cards, locate
from featx.embedding.autotune import autotune
from featx.embedding.engine import Engine
from featx.errors import BadGraph, FeatxWarning
from featx.modalities import read_settings
from featx.sources import make_samples
from tests.support.dependent_nets import (
    MIXING,
    image_backbone,
    image_card,
    save_image_net,
)

BAKED = "a baked batch of 1"
RANDOM = ["dropout", "little dropout", "noise", "seeded noise"]
# exported in training mode is refused where one can still export it otherwise
ADDED = [name for name in MIXING if name != "statistics of the batch"]


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    """Nothing is remembered from one test to the next."""
    monkeypatch.setenv("FEATX_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("FEATX_DATA_DIR", str(tmp_path / "data"))


@pytest.fixture
def pictures(rng):
    return [rng.integers(0, 256, (8, 8, 3), dtype=np.uint8) for _ in range(9)]


def rows(backbone, pictures, size):
    """Rows in batches of a size, in the order that is given."""
    return Engine(n_jobs=1, batch_size=size).embed(make_samples(pictures), backbone).embeddings


def assert_function_of_the_sample(backbone, pictures):
    """Batch sizes, neighbours and positions are all the same to a row."""
    with warnings.catch_warnings():
        # that the batch size is not used
        warnings.simplefilter("ignore", FeatxWarning)
        alone = rows(backbone, pictures, 1)
        together = rows(backbone, pictures, 4)
        backwards = rows(backbone, pictures[::-1], 8)[::-1]
    np.testing.assert_allclose(together, alone, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(backwards, alone, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", MIXING)
def test_samples_that_would_mix_are_run_alone_though_no_card_says_so(name, tmp_path, pictures):
    backbone = image_backbone(tmp_path, name)
    with pytest.warns(FeatxWarning, match="depend on the samples of their batch.*batch = 1"):
        assert backbone.batch == 1
    assert_function_of_the_sample(backbone, pictures)


NOTHING_ALONE = {
    "mean of the batch",
    "softmax over the batch",
    "largest of the batch",
    "first of the batch",
}


@pytest.mark.parametrize("name", ADDED)
def test_add_finds_that_samples_mix_and_writes_it_into_the_card(name, tmp_path, pictures):
    graph = save_image_net(tmp_path / "mine.onnx", name)
    options = {"resize": (8, 8)}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        card = import_model(graph, name="mine", like="raw", options=options, tap="y")
    said = [str(warning.message) for warning in caught]
    assert "depend on the samples of their batch" in said[0]
    # alone they lose what the others of the batch brought, and some lose all
    assert any("nearly the same" in text for text in said) == (name in NOTHING_ALONE)
    assert card.batch == get_card("mine").batch == 1
    assert "batch = 1" in card.path.read_text(encoding="utf-8")
    assert "depend on" in card.note
    assert_function_of_the_sample(Backbone("mine"), pictures)


@pytest.mark.parametrize("name", RANDOM)
def test_a_graph_that_gives_other_rows_each_time_is_refused_by_add_check_and_use(name, tmp_path):
    graph = save_image_net(tmp_path / "backbone.onnx", name)
    with pytest.raises(BadGraph, match="each time"):
        import_model(graph, name="mine", like="raw", options={"resize": (8, 8)}, tap="y")
    found = check(image_card(graph))
    assert found.status == "failed"
    assert "each time" in found.message
    with pytest.raises(BadGraph, match="each time"):
        Backbone(image_card(graph))


def test_noise_that_the_tap_does_not_read_is_no_fault(tmp_path, pictures):
    graph = save_image_net(tmp_path / "backbone.onnx", "noise")
    options = {"resize": (8, 8)}
    card = import_model(graph, name="mine", like="raw", options=options, tap="e")
    assert card.batch == 0
    assert_function_of_the_sample(Backbone(card), pictures)


def test_a_graph_with_the_statistics_of_its_batch_is_refused_by_add_and_check(tmp_path):
    graph = save_image_net(tmp_path / "backbone.onnx", "statistics of the batch")
    with pytest.raises(BadGraph, match=r"training mode.*model\.eval\(\)"):
        import_model(graph, name="mine", like="raw", options={"resize": (8, 8)}, tap="y")
    found = check(image_card(graph))
    assert found.status == "failed"
    assert "training mode" in found.message


def test_a_batch_of_one_that_is_baked_in_is_found_by_add(tmp_path, pictures):
    graph = save_image_net(tmp_path / "mine.onnx", BAKED)
    options = {"resize": (8, 8)}
    with pytest.warns(FeatxWarning, match="fails on 2 samples at a time and takes one"):
        card = import_model(graph, name="mine", like="raw", options=options, tap="y")
    assert card.batch == 1
    assert_function_of_the_sample(Backbone("mine"), pictures)


def test_a_batch_of_one_that_is_baked_in_is_found_at_use(tmp_path, pictures):
    backbone = image_backbone(tmp_path, BAKED)
    with pytest.warns(FeatxWarning, match="takes one"):
        assert backbone.batch_size == 1
    assert_function_of_the_sample(backbone, pictures)


def test_a_batch_of_eight_that_is_baked_in_is_found_and_filled_up(tmp_path, pictures):
    backbone = image_backbone(tmp_path, "a baked batch of 8")
    with pytest.warns(FeatxWarning, match="takes 8 samples at a time only"):
        assert backbone.batch == 8
    free = image_backbone(tmp_path, "independent")
    assert free.batch is None
    tap = Backbone(free.card.variant(tap="e"))
    np.testing.assert_allclose(rows(backbone, pictures, 8), rows(tap, pictures, 4), rtol=1e-5)


def test_a_card_that_asks_for_more_than_the_graph_takes_is_told_what_to_do(tmp_path, pictures):
    backbone = image_backbone(tmp_path, BAKED, batch=0)
    with pytest.raises(BadGraph, match=r"batch_size=1, or batch = 1 under \[graph\]"):
        rows(backbone, pictures, 4)


def test_samples_that_mix_in_a_batch_that_the_input_fixes_are_filled_up_with_themselves(
    tmp_path, pictures
):
    backbone = image_backbone(tmp_path, "mean of the batch", input_batch=4)
    with pytest.warns(FeatxWarning, match="depend on"):
        assert backbone.batch == 1
    assert_function_of_the_sample(backbone, pictures)


def test_independent_samples_share_a_batch_and_nothing_is_said(tmp_path, pictures):
    backbone = image_backbone(tmp_path, "independent")
    assert backbone.batch is None
    assert backbone.batch_size > 1
    assert_function_of_the_sample(backbone, pictures)
    found = check(backbone.card)
    assert (found.status, found.message.partition(":")[0]) == ("missing", "canary missing")


def test_what_was_found_is_remembered_and_said_again(tmp_path):
    first = image_backbone(tmp_path, "mean of the batch")
    with pytest.warns(FeatxWarning, match="depend on"):
        assert first.batch == 1
    assert "depend on" in (tmp_path / "cache" / "batches.json").read_text(encoding="utf-8")
    with pytest.warns(FeatxWarning, match="depend on"):
        assert Backbone(first.card).batch == 1


@pytest.mark.parametrize("text", ["", "[]", '{"1 x": 3}', "no json", '{"1 x": [true, 3]}'])
def test_a_damaged_memory_is_found_out_again(text, tmp_path):
    backbone = image_backbone(tmp_path, "mean of the batch")
    (tmp_path / "cache").mkdir(exist_ok=True)
    (tmp_path / "cache" / "batches.json").write_text(
        text.replace("x", backbone.card.fingerprint), encoding="utf-8"
    )
    with pytest.warns(FeatxWarning, match="depend on"):
        assert backbone.batch == 1


def test_rows_that_were_kept_from_batches_are_not_used_once_samples_are_run_alone(tmp_path):
    backbone = image_backbone(tmp_path, "mean of the batch")
    with pytest.warns(FeatxWarning, match="depend on"):
        key = backbone.cache_key
    assert key != backbone.card.fingerprint == backbone.fingerprint
    said = image_card(backbone.card.path.parent / "backbone.onnx", batch=1)
    assert said.fingerprint != backbone.card.fingerprint
    assert Backbone(said).cache_key == said.fingerprint


def test_a_batch_size_that_cannot_be_is_told_and_not_used(tmp_path, pictures):
    backbone = image_backbone(tmp_path, "mean of the batch", batch=1)
    assert backbone.batch_size == 1
    with pytest.warns(FeatxWarning, match="batch_size = 8 is not used"):
        backbone.embed(pictures, batch_size=8)


def test_bench_tries_no_batch_that_the_backbone_does_not_run(tmp_path, pictures):
    backbone = image_backbone(tmp_path, "mean of the batch", batch=1)
    result = autotune(make_samples(pictures), backbone, seconds=0.01)
    assert {measured.batch_size for measured in result.rates} == {1}


def test_check_says_what_a_card_leaves_out_and_refuses_what_it_says_wrongly(tmp_path):
    backbone = image_backbone(tmp_path, "mean of the batch")
    found = check(backbone.card)
    assert (found.status, "batch = 1 is missing" in found.message) == ("missing", True)
    graph = backbone.card.path.parent / "backbone.onnx"
    wrong = check(image_card(graph, batch=0))
    assert (wrong.status, "says batch = 0, but" in wrong.message) == ("failed", True)
    right = check(image_card(graph, batch=1))
    assert (right.status, "depend" in right.message) == ("missing", False)


def test_a_graph_that_overflows_on_everything_is_refused(tmp_path):
    graph = save_image_net(tmp_path / "backbone.onnx", "overflow")
    with pytest.raises(BadGraph, match="not finite"):
        import_model(graph, name="mine", like="raw", options={"resize": (8, 8)}, tap="y")
    assert check(image_card(graph)).status == "failed"


def test_a_graph_that_overflows_on_some_samples_is_added_with_a_warning_and_rejects_them(
    tmp_path, pictures
):
    graph = save_image_net(tmp_path / "mine.onnx", "overflow of the bright")
    options = {"resize": (8, 8), "scale": 1 / 255}
    with pytest.warns(FeatxWarning, match="of 4 built-in images give rows that are not finite"):
        card = import_model(
            graph, name="mine", options={**options, "interpolation": "bilinear"}, tap="y"
        )
    assert card.batch == 0
    bright = np.full((8, 8, 3), 250, np.uint8)
    samples = make_samples([pictures[0], bright, pictures[1]])
    found = Engine(n_jobs=1, on_error="skip").embed(samples, Backbone(card))
    assert found.ids == ("0", "2")
    assert [(reject.id, "not finite" in reject.reason) for reject in found.rejects] == [("1", True)]
    assert np.isfinite(found.embeddings).all()


@pytest.mark.slow
def test_every_real_backbone_gives_rows_that_are_functions_of_their_samples(
    speech_directory, tmp_path
):
    names = [card.name for card in list_cards() if locate(card, card.graph) is not None]
    assert len(names) >= 10
    for name in names:
        card = get_card(name)
        finding = examine(Backbone(card), thorough=True)
        assert (finding.not_finite, finding.probes) == (0, 4), name
        assert finding.batch == 0, name


def sequence_backbone(folder, modality, nodes, table, files=()):
    """A backbone of sounds or texts whose input is "x", and whose output is "y"."""
    kind = helper.make_tensor_value_info
    given, shape = (TensorProto.FLOAT, ["N", 800])
    if modality == "text":
        given, shape = (TensorProto.INT64, ["N", "L"])
    graph = helper.make_graph(
        nodes,
        "net",
        [kind("x", given, shape)],
        [kind("y", TensorProto.FLOAT, ["N", None])],
        [numpy_helper.from_array(np.array([-1, 1], np.int64), "column")],
    )
    path = folder / "backbone.onnx"
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, path)
    card = Card(
        name="sequences",
        modality=modality,
        graph=File(path.name, digest(path)),
        files=files,
        input=read_settings(modality, table),
        dim=1,
        path=folder / "card.toml",
    )
    return Backbone(card)


def test_a_text_that_is_averaged_with_its_padding_is_run_alone(tmp_path):
    pytest.importorskip("tokenizers")
    from tests.support.text_nets import file_of, write_tokenizer

    words = file_of(write_tokenizer(tmp_path / "tokenizer.json", framed=True))
    node = helper.make_node
    nodes = [
        node("Cast", ["x"], ["f"], to=TensorProto.FLOAT),
        node("ReduceMean", ["f"], ["y"], axes=[1], keepdims=1),
    ]
    backbone = sequence_backbone(tmp_path, "text", nodes, {"feeds": {"x": "input_ids"}}, (words,))
    with pytest.warns(FeatxWarning, match="depend on the samples of their batch, or on its length"):
        assert backbone.batch == 1
    assert_function_of_the_sample(
        backbone, ["cat", "the dog sat on a mat", "ran far", "the", "mat and cat and dog", "on"]
    )


def test_sounds_that_are_scaled_by_the_loudest_of_their_batch_are_run_alone(tmp_path, rng):
    node = helper.make_node
    nodes = [
        node("Abs", ["x"], ["a"]),
        node("ReduceMax", ["a"], ["loudest"], keepdims=0),
        node("ReduceMean", ["a"], ["m"], axes=[1], keepdims=1),
        node("Div", ["m", "loudest"], ["y"]),
    ]
    backbone = sequence_backbone(tmp_path, "audio", nodes, {"window": 800, "rate": 8000})
    with pytest.warns(FeatxWarning, match="depend on the samples of their batch"):
        assert backbone.batch == 1
    sounds = [rng.uniform(-k / 10, k / 10, 2000).astype(np.float32) for k in range(1, 9)]
    assert_function_of_the_sample(backbone, sounds)
