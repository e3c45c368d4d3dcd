"""Models of texts that were added: they are fitted, kept with their classifier and exported like any other."""

import json
import shutil

import numpy as np
import onnx
import pytest

import featx
from featx.backbones.adding import add_backbone
from featx.backbones.backbone import Backbone
from featx.backbones.session import open_session
from featx.errors import BadModelFolder
from featx.export import export, write_graph
from featx.persistence.artifact import bundle
from tests.support.text_folders import write_case

pytest.importorskip("tokenizers")
pytestmark = pytest.mark.filterwarnings("ignore::featx.errors.FeatxWarning")
TEXTS = ["the lazy dog", "a fox", "yes"]


@pytest.fixture(autouse=True)
def own_directory(tmp_path, monkeypatch):
    monkeypatch.setenv("FEATX_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("FEATX_CACHE_DIR", str(tmp_path / "cache"))


def added(tmp_path, case, **options):
    return add_backbone(write_case(tmp_path / "model", case), name="own", options=options)


@pytest.fixture
def samples(tmp_path):
    folder = tmp_path / "texts"
    for number, (text, label) in enumerate([("the dog", "a"), ("one fox", "b")] * 20):
        (folder / label).mkdir(parents=True, exist_ok=True)
        (folder / label / f"{number}.txt").write_text(f"{text} {number}", encoding="utf-8")
    return featx.read_samples(folder, modality="text")


@pytest.mark.parametrize(
    "case", ["bert, dense, cut to 4", pytest.param("bert, six joined", marks=pytest.mark.slow)]
)
def test_a_classifier_on_it_answers_alike_when_bundled_and_exported(case, samples, tmp_path):
    options = {"dim": 4} if "cut" in case else {}
    card = added(tmp_path, case, **options)
    classifier = featx.fit(samples, backbone=Backbone(card), head="ridge")
    assert export(classifier, tmp_path / "one.onnx", samples=samples).worst < 1e-4
    featx.save(classifier, tmp_path / "one.featx")
    whole = bundle(tmp_path / "one.featx", tmp_path / "whole.featx")
    labels = classifier.predict(TEXTS).tolist()
    shutil.rmtree(tmp_path / "data")
    assert featx.load(whole).predict(TEXTS).tolist() == labels


def test_the_card_says_that_the_layers_were_joined_and_where_each_entry_is_from(tmp_path):
    card = added(tmp_path, "bert, dense tanh, normalised")
    text = card.to_toml()
    assert card.output == "sentence_embedding"
    assert card.dim == 12
    assert card.normalize is True
    assert "last_hidden_state, with Pooling, Dense of modules.json joined" in text
    assert "modules.json: Normalize" in text
    assert "1_Pooling/config.json: pooling_mode" in text


def test_weights_beside_the_graph_stay_beside_it_when_layers_are_joined(tmp_path):
    folder = write_case(tmp_path / "model", "bert, dense tanh, normalised")
    expected = Backbone(add_backbone(folder, name="whole")).embed(TEXTS)
    graph = folder / "onnx" / "model.onnx"
    model = onnx.load(graph)
    # shapes stay in the graph, as exporters leave them
    beside = {"save_as_external_data": True, "location": "model.onnx.data", "size_threshold": 256}
    onnx.save(model, graph, **beside)
    card = add_backbone(folder, name="split")
    assert any(file.name.endswith("model.onnx.data") for file in card.files)
    np.testing.assert_array_equal(Backbone(card).embed(TEXTS), expected)


def test_a_graph_that_gives_sentence_embeddings_has_its_layers_inside(tmp_path):
    folder = write_case(tmp_path / "model", "bert, dense tanh, normalised")
    whole = add_backbone(folder, name="joined")
    shutil.copy(whole.path.parent / whole.graph.name, folder / "onnx" / "model.onnx")
    shutil.rmtree(folder / "2_Dense")
    (folder / "2_Dense").mkdir()
    config = {"in_features": 8, "out_features": 12, "bias": True}
    (folder / "2_Dense" / "config.json").write_text(json.dumps(config))
    with pytest.warns(featx.FeatxWarning, match="sentence_embedding of the graph is taken to hold"):
        card = add_backbone(folder, name="inside")
    assert card.pooling == "none"
    assert card.graph.sha256 == whole.graph.sha256
    np.testing.assert_array_equal(Backbone(card).embed(TEXTS), Backbone(whole).embed(TEXTS))


def test_a_pooling_that_is_given_is_cut_too_and_nothing_is_said_of_an_assumed_one(
    tmp_path, recwarn
):
    folder = write_case(tmp_path / "model", "bert, mean, normalised")
    (folder / "modules.json").unlink()
    card = add_backbone(folder, name="cut", pooling="cls", options={"dim": 3})
    assert (card.pooling, card.dim, card.normalize) == ("cls[:3]", 3, True)
    said = [str(one.message) for one in recwarn.list]
    assert not any("the mean is assumed" in one for one in said)
    add_backbone(folder, name="assumed")
    assert any("the mean is assumed" in str(one.message) for one in recwarn.list)


def test_a_folder_without_a_tokenizer_is_said_to_lack_it(tmp_path):
    folder = write_case(tmp_path / "model", "bert, mean, normalised")
    (folder / "tokenizer.json").unlink()
    with pytest.raises(featx.FeatxError, match=r"tokenizer\.json"):
        add_backbone(folder, name="own")


def test_a_vocabulary_alone_is_written_as_a_tokenizer_beside_the_card(tmp_path):
    folder = write_case(tmp_path / "model", "bert, mean, normalised")
    expected = Backbone(add_backbone(folder, name="whole")).embed(TEXTS)
    words = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))["model"]["vocab"]
    (folder / "tokenizer.json").unlink()
    lines = "\n".join(sorted(words, key=words.get))
    (folder / "vocab.txt").write_text(lines, encoding="utf-8")
    card = add_backbone(folder, name="made")
    assert [file.name for file in card.files] == ["tokenizer.json"]
    np.testing.assert_array_equal(Backbone(card).embed(TEXTS), expected)


@pytest.mark.slow
def test_a_prompt_that_is_not_pooled_within_the_graph_is_exported(samples, tmp_path):
    card = added(tmp_path, "bert, prompt not pooled, joined")
    classifier = featx.fit(samples, backbone=Backbone(card), head="ridge")
    checked = export(classifier, tmp_path / "one.onnx", samples=samples)
    assert checked.worst < 1e-4
    for strings in (False, True):
        [first, *others] = open_session(
            write_graph(classifier, strings=strings).SerializeToString(), "one"
        ).get_inputs()
        assert first.name == ("text" if strings else "input_ids")
        assert "pooling_mask" not in [one.name for one in others]


def test_a_dense_layer_that_is_only_pickled_is_refused(tmp_path):
    folder = write_case(tmp_path / "model", "bert, dense tanh, normalised")
    (folder / "2_Dense" / "model.safetensors").rename(folder / "2_Dense" / "pytorch_model.bin")
    with pytest.raises(BadModelFolder, match="is a pickle"):
        add_backbone(folder, name="own")
