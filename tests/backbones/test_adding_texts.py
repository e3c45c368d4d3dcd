"""Adding models of texts: prompts, columns that are kept, fixed lengths, names of inputs, decoders."""

from __future__ import annotations

import warnings

import numpy as np
import onnx
import pytest

from featx.backbones.adding import add_backbone
from featx.backbones.backbone import Backbone
from featx.errors import BadModelFolder, BadOption, FeatxWarning
from tests.support import hub_nets
from tests.support.tokenizers import make_tokenizer

TEXTS = ["a dog", "the quick brown fox jumps over the lazy dog", "hello world"]
pytestmark = pytest.mark.filterwarnings("ignore::featx.errors.FeatxNotice")


@pytest.fixture(autouse=True)
def directory(own_directory):
    """What is added lands in a model directory of the test's own."""


@pytest.fixture
def folder(tmp_path):
    """A function that makes a folder as sentence-transformers lays it down; what saves its graph is given."""

    def make(save=hub_nets.save_bert, *, modes=("mean_tokens",), **more):
        folder = tmp_path / "tiny-texts"
        save(folder / "onnx" / "model.onnx", words=500, **more)
        make_tokenizer("wordpiece").save(str(folder / "tokenizer.json"))
        parts = ("Transformer", ""), ("Pooling", "1_Pooling"), ("Normalize", "2_Normalize")
        modules = [{"type": f"sentence_transformers.models.{kind}", "path": p} for kind, p in parts]
        pooling = {"word_embedding_dimension": hub_nets.DIM}
        pooling |= {f"pooling_mode_{mode}": True for mode in modes}
        prompts = {"prompts": {"query": "query: ", "classification": "classify: ", "passage": ""}}
        hub_nets.write_json(folder, "modules.json", modules)
        hub_nets.write_json(folder, "1_Pooling/config.json", pooling)
        hub_nets.write_json(folder, "config_sentence_transformers.json", prompts)
        hub_nets.write_json(folder, "sentence_bert_config.json", {"max_seq_length": 32})
        hub_nets.write_json(folder, "config.json", {"model_type": "bert", "pad_token_id": 0})
        return folder

    return make


def test_a_folder_of_sentence_transformers_is_added_with_nothing_typed(folder):
    card = add_backbone(folder())
    assert (card.modality, card.output, card.pooling) == ("text", "last_hidden_state", "mean")
    assert (card.normalize, card.input.max_length) == (True, 32)
    text = card.path.read_text(encoding="utf-8")
    assert 'pooling = "mean"  # 1_Pooling/config.json: pooling_mode_mean_tokens' in text
    assert "normalize = true  # modules.json: Normalize" in text
    assert "max_length = 32  # sentence_bert_config.json: max_seq_length" in text
    rows = Backbone(card).embed(TEXTS)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, rtol=1e-5)
    # in company and alone
    np.testing.assert_allclose(Backbone(card).embed(TEXTS[:1]), rows[:1], atol=1e-5)


def test_a_classifiers_prompt_is_taken_and_another_by_its_name(folder):
    made = folder()
    assert add_backbone(made, dry_run=True).input.prefix == "classify: "
    assert add_backbone(made, dry_run=True, options={"prompt": "query"}).input.prefix == "query: "
    assert add_backbone(made, dry_run=True, options={"prefix": "mine: "}).input.prefix == "mine: "
    with pytest.raises(BadOption, match="query"):
        add_backbone(made, options={"prompt": "other"})


@pytest.mark.parametrize("outputs", [("last_hidden_state",), ("sentence_embedding",)])
def test_the_first_columns_are_kept_and_scaled_again(folder, outputs):
    made = folder(outputs=outputs)
    whole = Backbone(add_backbone(made, name="whole")).embed(TEXTS)
    card = add_backbone(made, name="cut", options={"dim": 5})
    assert (card.dim, card.normalize) == (5, True)
    cut = whole[:, :5] / np.linalg.norm(whole[:, :5], axis=1, keepdims=True)
    np.testing.assert_allclose(Backbone(card).embed(TEXTS), cut, atol=1e-5)


def test_several_poolings_stand_side_by_side(folder):
    card = add_backbone(folder(modes=("cls_token", "mean_tokens")))
    assert (card.pooling, card.dim) == ("cls,mean", 2 * hub_nets.DIM)


def test_a_graph_of_a_fixed_length_is_filled_up_to_it(folder):
    made = folder(length=16)
    with pytest.warns(FeatxWarning, match="takes 16 tokens and no other number, where .* says 32"):
        card = add_backbone(made)
    assert (card.input.max_length, card.input.pad) == (16, True)
    assert Backbone(card).embed(TEXTS).shape == (3, hub_nets.DIM)


def test_a_graph_of_a_fixed_length_needs_no_file_that_says_it(folder):
    made = folder(length=16)
    (made / "sentence_bert_config.json").unlink()
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        card = add_backbone(made)
    # nothing is left to ask for where the graph says it
    assert not [one for one in said if "how many tokens" in str(one.message)]
    assert (card.input.max_length, card.input.pad) == (16, True)
    assert "max_length = 16  # the graph" in card.path.read_text(encoding="utf-8")


@pytest.mark.parametrize("given", [{"max_length": 8}, {"max_length": 64}, {"pad": False}])
def test_another_length_than_the_fixed_one_is_refused_by_name(folder, given):
    [name] = given
    with pytest.raises(BadOption, match=f"takes 16 tokens and no other number; {name} = "):
        add_backbone(folder(length=16), options=given)
    assert add_backbone(folder(length=16), options={"max_length": 16}).input.pad


def test_inputs_of_two_fixed_lengths_are_refused(folder):
    made = folder(length=16)
    path = made / "onnx" / "model.onnx"
    model = onnx.load(path)
    model.graph.input[1].type.tensor_type.shape.dim[1].dim_value = 8
    onnx.save(model, path)
    with pytest.raises(
        BadModelFolder, match=r"of 16 tokens, .* of 8 tokens; expected inputs of one"
    ):
        add_backbone(made)


def test_inputs_of_32_bits_are_fed(folder):
    card = add_backbone(folder(kind=onnx.TensorProto.INT32))
    assert Backbone(card).embed(TEXTS).shape == (3, hub_nets.DIM)


@pytest.mark.parametrize(
    ("renamed", "feeds"),
    [
        ({"input_ids": "input_ids:0", "attention_mask": "attention_mask:0"}, 2),
        ({"input_ids": "input_word_ids", "attention_mask": "input_mask"}, 2),
    ],
)
def test_inputs_of_other_names_are_known_by_them(folder, renamed, feeds):
    made = folder()
    path = made / "onnx" / "model.onnx"
    rename(path, renamed)
    card = add_backbone(made)
    assert len(card.input.feeds) == feeds
    assert Backbone(card).embed(TEXTS).shape == (3, hub_nets.DIM)


def test_an_input_that_nobody_knows_is_refused_by_name(folder):
    made = folder()
    rename(made / "onnx" / "model.onnx", {"attention_mask": "weights_of_words"})
    with pytest.raises(
        BadModelFolder, match="takes an input 'weights_of_words'; expected attention"
    ):
        add_backbone(made)


def rename(path, names):
    model = onnx.load(path)
    for value in model.graph.input:
        value.name = names.get(value.name, value.name)
    for node in model.graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
    onnx.save(model, path)


def test_a_decoder_with_a_past_gives_its_last_states(folder):
    def save(path, *, words):
        return hub_nets.save_decoder_with_past(
            path, outputs=("logits", "present.0.key"), words=words
        )

    made = folder(save, modes=("lasttoken",))
    table = {"model_type": "qwen2", "architectures": ["Qwen2ForCausalLM"], "pad_token_id": 0}
    hub_nets.write_json(made, "config.json", table)
    card = add_backbone(made)
    assert (card.output, card.pooling, card.dim) == ("penultimate", "last", hub_nets.DIM)
    assert Backbone(card).embed(TEXTS).shape == (3, hub_nets.DIM)


def test_a_graph_that_is_quantised_as_it_runs_takes_one_text_at_a_time(folder):
    made = folder(hub_nets.save_quantized_bert)
    with pytest.warns(FeatxWarning, match="rounds by the largest value of a batch"):
        card = add_backbone(made)
    assert card.batch == 1
    text = card.path.read_text(encoding="utf-8")
    assert "batch = 1  # the graph is quantised while it runs" in text
    rows = Backbone(card).embed(TEXTS)
    alone = np.concatenate([Backbone(card).embed([one]) for one in TEXTS])
    np.testing.assert_array_equal(rows, alone)


def test_a_folder_without_a_tokenizer_is_refused_in_words(folder):
    made = folder()
    (made / "tokenizer.json").unlink()
    with pytest.raises(BadModelFolder, match=r"has no tokenizer\.json"):
        add_backbone(made)


def test_a_masked_language_model_is_refused_by_name(folder):
    made = folder(hub_nets.save_decoder_with_past, outputs=("logits",))
    table = {"model_type": "bert", "architectures": ["BertForMaskedLM"]}
    hub_nets.write_json(made, "config.json", table)
    with pytest.raises(BadModelFolder, match="exported as BertForMaskedLM"):
        add_backbone(made)
