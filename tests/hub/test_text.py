"""Folders of texts: real ones as hubs publish them, and each thing that a file may say."""

import json
from pathlib import Path

import pytest

from featx.errors import BadModelFolder, BadOption
from featx.hub.folder import ModelFolder
from featx.hub.text import read_text_recipe
from tests.support.text_folders import DENSE, MINILM, NORMALIZE, POOLING, TRANSFORMER, write_files

REAL = Path(__file__).parents[3] / "shared" / "hub"


def real(name):
    if not (REAL / name).is_dir():
        pytest.skip(f"the folder {name} is not here")
    return read_text_recipe(ModelFolder(REAL / name), {})


def read(path, given=(), **changes):
    """Read MiniLM's folder with other files; ``__`` is a dot and None takes a file away."""
    files = {**MINILM, **{name.replace("__", "."): value for name, value in changes.items()}}
    files = {name: value for name, value in files.items() if value is not None}
    return read_text_recipe(write_files(path, files), dict(given))


def values(recipe):
    return {key: one.value for key, one in {**recipe.settings, **recipe.graph}.items()}


def test_a_folder_of_sentence_transformers_says_all_and_each_entry_says_where_it_is_from(tmp_path):
    recipe = read(tmp_path)
    assert values(recipe) == {
        "tokenizer": "tokenizer.json",
        "pad_id": 0,
        "padding_side": "right",
        "truncation": "right",
        "max_length": 256,
        "pooling": "mean",
        "normalize": True,
    }
    assert {key: one.origin for key, one in {**recipe.settings, **recipe.graph}.items()} == {
        "tokenizer": "tokenizer.json",
        "pad_id": "tokenizer.json: padding.pad_id",
        "padding_side": "tokenizer.json: padding.direction",
        "truncation": "default of transformers",
        "max_length": "sentence_bert_config.json: max_seq_length",
        "pooling": "1_Pooling/config.json: pooling_mode_mean_tokens",
        "normalize": "modules.json: Normalize",
    }
    assert recipe.files == ["tokenizer.json"]
    assert recipe.layers == ()


def test_minilm_of_xenova_takes_512_tokens_and_assumes_the_mean_and_says_whose_page_knows():
    recipe = real("all-MiniLM-L6-v2-xenova")
    assert values(recipe)["max_length"] == 512
    assert recipe.settings["max_length"].origin == "tokenizer_config.json: model_max_length"
    assert recipe.graph["pooling"].value == "mean"
    assert "assumed" in recipe.graph["pooling"].origin
    assert any("sentence-transformers/all-MiniLM-L6-v2" in one for one in recipe.all_remarks())


def test_gte_small_of_xenova_takes_128_tokens_and_says_that_the_model_has_512_positions():
    recipe = real("gte-small-xenova")
    assert values(recipe)["max_length"] == 128
    assert values(recipe)["padding_side"] == "right"
    assert recipe.settings["max_length"].origin == "tokenizer_config.json: max_length"
    [said] = [one for one in recipe.all_remarks() if one.startswith("max_length")]
    assert "512 (config.json: max_position_embeddings)" in said
    assert any("thenlper/gte-small" in one for one in recipe.all_remarks())


def test_acge_has_a_dense_layer_after_the_mean_and_adds_no_lower_casing():
    recipe = real("acge_text_embedding-matryoshka-dense")
    assert values(recipe)["pooling"] == "mean"
    assert values(recipe)["normalize"] is False
    assert "lowercase" not in recipe.settings
    [_, dense] = recipe.layers
    assert (dense.in_features, dense.out_features) == (1024, 1792)
    assert (dense.bias, dense.activation) == (True, "Identity")


def test_stella_without_the_files_of_its_layers_is_refused_by_their_names():
    with pytest.raises(BadModelFolder, match=r"2_Dense \(Dense\); expected .*2_Dense/config.json"):
        real("st-dense-stella")


def test_jasper_has_a_prompt_for_queries_and_an_empty_one_for_documents():
    recipe = real("st-prompts-jasper")
    assert values(recipe)["prefix"] == ""
    [said] = [one for one in recipe.remarks if "query = " in one]
    assert "'document' is used (that of a document)" in said


def test_the_length_is_that_of_the_first_of_five_places_and_others_that_differ_are_said(tmp_path):
    said = [one for one in read(tmp_path).all_remarks() if one.startswith("max_length: 256 tokens")]
    assert len(said) == 1
    for other in ("512 (tokenizer_config.json", "128 (tokenizer.json", "512 (config.json"):
        assert other in said[0]


@pytest.mark.parametrize(
    ("changes", "length", "origin"),
    [
        ({}, 256, "sentence_bert_config.json: max_seq_length"),
        (
            {"sentence_bert_config__json": {}},
            512,
            "tokenizer_config.json: model_max_length",
        ),
        (
            {
                "sentence_bert_config__json": None,
                "tokenizer_config__json": {"model_max_length": 1e30, "max_length": 64},
            },
            64,
            "tokenizer_config.json: max_length",
        ),
        (
            {"sentence_bert_config__json": None, "tokenizer_config__json": {}},
            128,
            "tokenizer.json: truncation.max_length",
        ),
        (
            {
                "sentence_bert_config__json": None,
                "tokenizer_config__json": None,
                "tokenizer__json": {"model": {}},
            },
            512,
            "config.json: max_position_embeddings",
        ),
        (
            {
                "sentence_bert_config__json": None,
                "tokenizer_config__json": None,
                "tokenizer__json": {"model": {}},
                "config__json": {"model_type": "xlm-roberta", "max_position_embeddings": 514},
            },
            512,
            "config.json: max_position_embeddings less pad_token_id + 1",
        ),
        (
            {
                "sentence_bert_config__json": {"max_seq_length": 514},
                "config__json": {
                    "model_type": "mpnet",
                    "max_position_embeddings": 514,
                    "pad_token_id": 1,
                },
                "tokenizer__json": {"model": {}},
            },
            512,
            "config.json: max_position_embeddings less pad_token_id + 1",
        ),
    ],
)
def test_lengths_are_looked_for_in_their_order(changes, length, origin, tmp_path):
    entry = read(tmp_path, **changes).settings["max_length"]
    assert (entry.value, entry.origin) == (length, origin)


def test_a_folder_that_says_no_length_takes_512_and_says_so(tmp_path):
    recipe = read_text_recipe(write_files(tmp_path, {"config.json": {}}), {})
    assert recipe.settings["max_length"].value == 512
    assert any("nothing says how many tokens" in one for one in recipe.all_remarks())


def test_roberta_counts_positions_from_behind_its_pad_token(tmp_path):
    config = {"model_type": "roberta", "max_position_embeddings": 514, "pad_token_id": 1}
    recipe = read(tmp_path, config__json=config, tokenizer__json={"model": {}})
    assert recipe.settings["first_position"].value == 2
    assert recipe.settings["pad_id"].value == 1


@pytest.mark.parametrize(
    ("changes", "pad", "origin"),
    [
        ({}, 0, "tokenizer.json: padding.pad_id"),
        (
            {"tokenizer__json": {"model": {}}, "config__json": {"pad_token_id": 7}},
            7,
            "config.json: pad_token_id",
        ),
        (
            {
                "tokenizer__json": {
                    "model": {},
                    "added_tokens": [{"id": 9, "content": "<pad>"}],
                },
                "config__json": {},
                "tokenizer_config__json": {"pad_token": {"content": "<pad>"}},
            },
            9,
            "tokenizer_config.json: pad_token, in the vocabulary",
        ),
    ],
)
def test_the_pad_token_is_looked_for_in_its_order(changes, pad, origin, tmp_path):
    entry = read(tmp_path, **changes).settings["pad_id"]
    assert (entry.value, entry.origin) == (pad, origin)


def test_a_pad_token_that_the_model_does_not_know_is_left_out_and_said(tmp_path):
    config = {"pad_token_id": 32000, "vocab_size": 32000}
    recipe = read(tmp_path, config__json=config, tokenizer__json={"model": {}})
    assert "pad_id" not in recipe.settings
    assert any("pad_token_id = 32000: left out" in one for one in recipe.remarks)


def test_the_side_of_padding_in_the_configuration_beats_that_of_the_tokenizer(tmp_path):
    entry = read(tmp_path, tokenizer_config__json={"padding_side": "left"}).settings["padding_side"]
    assert (entry.value, entry.origin) == ("left", "tokenizer_config.json: padding_side")


def test_with_padding_at_the_left_the_first_token_is_the_first_that_is_none(tmp_path):
    pooling = {"1_Pooling/config.json": {"pooling_mode": ["cls", "mean"]}}
    recipe = read(tmp_path, tokenizer_config__json={"padding_side": "left"}, **pooling)
    assert recipe.graph["pooling"].value == "first,mean"


def test_weights_of_positions_count_from_the_left_so_that_padding_goes_to_the_right(tmp_path):
    pooling = {"1_Pooling/config.json": {"pooling_mode_weightedmean_tokens": True}}
    recipe = read(tmp_path, tokenizer_config__json={"padding_side": "left"}, **pooling)
    assert recipe.graph["pooling"].value == "weighted-mean"
    assert recipe.settings["padding_side"].value == "right"
    assert any("filled up at the right" in one for one in recipe.remarks)


def test_only_sentence_transformers_own_lower_casing_adds_a_step(tmp_path):
    assert "lowercase" not in read(tmp_path).settings
    recipe = read(tmp_path, sentence_bert_config__json={"do_lower_case": True})
    assert recipe.settings["lowercase"].origin == "sentence_bert_config.json: do_lower_case"
    assert recipe.settings["lowercase"].value is True


def test_a_berts_configuration_wins_over_the_case_of_its_tokenizer_file(tmp_path):
    tokenizer = {"model": {}, "normalizer": {"type": "BertNormalizer", "lowercase": True}}
    said = {"tokenizer_class": "BertTokenizer", "do_lower_case": False}
    recipe = read(tmp_path, tokenizer__json=tokenizer, tokenizer_config__json=said)
    assert json.loads(recipe.made["tokenizer.json"])["normalizer"]["lowercase"] is False
    assert recipe.files == []
    assert any("do_lower_case and the normalizer" in one for one in recipe.remarks)
    other = {"tokenizer_class": "PreTrainedTokenizerFast", "do_lower_case": False}
    assert read(tmp_path, tokenizer__json=tokenizer, tokenizer_config__json=other).made == {}


@pytest.mark.parametrize(
    ("pooling", "name"),
    [
        ({"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}, "cls"),
        ({"pooling_mode_max_tokens": True}, "max"),
        ({"pooling_mode_mean_sqrt_len_tokens": True}, "mean-sqrt"),
        ({"pooling_mode_weightedmean_tokens": True}, "weighted-mean"),
        ({"pooling_mode_lasttoken": True}, "last"),
        (
            {
                "pooling_mode_lasttoken": True,
                "pooling_mode_mean_tokens": True,
                "pooling_mode_cls_token": True,
            },
            "cls,mean,last",
        ),
        ({"pooling_mode": "lasttoken"}, "last"),
        ({"pooling_mode": ["mean", "max"]}, "mean,max"),
        ({"pooling_mode": ["mean"], "pooling_mode_cls_token": True}, "mean"),
        ({"embedding_dimension": 8}, "mean"),
    ],
)
def test_poolings_of_old_and_new_files(pooling, name, tmp_path):
    recipe = read(tmp_path, **{"1_Pooling/config.json": pooling})
    assert recipe.graph["pooling"].value == name


def test_a_prompt_that_is_not_pooled_is_masked(tmp_path):
    pooling = {"1_Pooling/config.json": {"pooling_mode": "cls", "include_prompt": False}}
    recipe = read(tmp_path, **pooling)
    assert recipe.settings["mask_prefix"].origin == "1_Pooling/config.json: include_prompt"
    assert recipe.graph["pooling"].value == "first"


@pytest.mark.parametrize(
    ("prompts", "default", "text"),
    [
        ({"query": "q: ", "Classification": "c: ", "document": "d: "}, "query", "c: "),
        ({"query": "q: ", "document": "d: "}, "query", "q: "),
        ({"query": "q: ", "document": "d: "}, None, "d: "),
        ({"query": "q: ", "passage": "p: "}, None, "p: "),
        ({"query": "q: "}, None, None),
    ],
)
def test_of_several_prompts_that_of_a_classifier_is_taken_and_all_are_shown(
    prompts, default, text, tmp_path
):
    said = {"prompts": prompts, "default_prompt_name": default}
    recipe = read(tmp_path, config_sentence_transformers__json=said)
    assert (recipe.settings["prefix"].value if "prefix" in recipe.settings else None) == text
    [remark] = [one for one in recipe.remarks if "of the prompts" in one]
    for key, prompt in prompts.items():
        assert f"{key} = {prompt!r}" in remark


def test_a_prompt_is_taken_by_its_name_and_an_unknown_one_refused(tmp_path):
    said = {"prompts": {"query": "q: ", "document": "d: "}}
    recipe = read(tmp_path, {"prompt": "query"}, config_sentence_transformers__json=said)
    assert recipe.settings["prefix"].value == "q: "
    assert recipe.settings["prefix"].origin.startswith("given")
    with pytest.raises(BadOption, match=r"prompt = 'qery': expected one of .* query, document"):
        read(tmp_path, {"prompt": "qery"}, config_sentence_transformers__json=said)


def test_a_model_of_the_name_e5_is_said_to_want_a_prompt_that_no_file_has(tmp_path):
    recipe = read(tmp_path, config__json={"_name_or_path": "intfloat/multilingual-e5-small"})
    assert any("prefix='query: '" in one for one in recipe.remarks)


def test_a_row_is_cut_to_the_columns_that_are_asked_for_and_scaled_again(tmp_path):
    recipe = read(tmp_path, {"dim": 64}, **{"modules.json": [TRANSFORMER, POOLING]})
    assert recipe.graph["pooling"].value == "mean[:64]"
    assert recipe.graph["normalize"].value is True
    assert "dim given" in recipe.graph["normalize"].origin
    for wrong in (0, -1, True, "64", 1 << 40):
        with pytest.raises(BadOption, match="expected a number of columns"):
            read(tmp_path, {"dim": wrong})


def test_what_is_given_wins(tmp_path):
    recipe = read(tmp_path, {"max_length": 32, "prefix": "p: "})
    assert recipe.settings["max_length"].value == 32
    assert recipe.settings["max_length"].origin == "given"
    assert recipe.settings["prefix"].value == "p: "


@pytest.mark.parametrize("kind", ["Router", "StaticEmbedding", "CLIPModel", "BoW", "LSTM", "Own"])
def test_modules_that_are_not_one_graph_of_texts_are_refused_by_name(kind, tmp_path):
    steps = [{"path": "", "type": f"sentence_transformers.models.{kind}"}]
    with pytest.raises(BadModelFolder, match=f"has a module '{kind}'"):
        read(tmp_path, **{"modules.json": steps})


@pytest.mark.parametrize(
    "steps",
    [[], [POOLING], [TRANSFORMER], [TRANSFORMER, DENSE, POOLING], [TRANSFORMER, POOLING, POOLING]],
)
def test_modules_in_an_order_that_gives_no_row_are_refused(steps, tmp_path):
    with pytest.raises(BadModelFolder, match=r"modules\.json"):
        read(tmp_path, **{"modules.json": steps})


def test_the_transformer_may_lie_in_a_folder_of_its_own(tmp_path):
    files = {
        "modules.json": [{**TRANSFORMER, "path": "0_Transformer"}, POOLING],
        "1_Pooling/config.json": MINILM["1_Pooling/config.json"],
        **{f"0_Transformer/{name}": MINILM[name] for name in MINILM if "/" not in name},
    }
    recipe = read_text_recipe(write_files(tmp_path, files), {})
    assert recipe.files == ["0_Transformer/tokenizer.json"]
    assert recipe.settings["max_length"].value == 256


@pytest.mark.parametrize(
    ("file", "content", "words"),
    [
        ("1_Pooling/config.json", {"pooling_mode": "attention"}, "pooling_mode = 'attention'"),
        ("1_Pooling/config.json", {"pooling_mode_own": True}, "'pooling_mode_own' that featx does"),
        ("1_Pooling/config.json", {"pooling_mode_cls_token": "yes"}, "expected true or false"),
        ("sentence_bert_config.json", {"transformer_task": "fill-mask"}, "'fill-mask'"),
        ("tokenizer_config.json", {"padding_side": "middle"}, "expected left or right"),
        ("modules.json", [{"path": "../x", "type": "Transformer"}], "expected a folder within"),
    ],
)
def test_what_changes_the_numbers_and_is_unknown_is_refused(file, content, words, tmp_path):
    with pytest.raises(BadModelFolder, match=words):
        read(tmp_path, **{file: content})


def test_a_tokenizer_of_sentencepiece_alone_is_refused_with_what_to_do(tmp_path):
    files = {**MINILM, "spiece.model": "x"}
    del files["tokenizer.json"]
    with pytest.raises(BadModelFolder, match=r"spiece\.model and no tokenizer\.json; .*save the"):
        read_text_recipe(write_files(tmp_path, files), {})


def test_a_decoder_without_modules_has_no_pooling_that_could_be_assumed(tmp_path):
    files = {"config.json": {"model_type": "qwen2"}, "tokenizer.json": {"model": {}}}
    assert "pooling" not in read_text_recipe(write_files(tmp_path, files), {}).graph


def test_a_norm_between_layers_is_kept_and_one_at_the_end_is_the_cards(tmp_path):
    dense = {"in_features": 384, "out_features": 8, "activation_function": None, "bias": False}
    files = {"modules.json": [TRANSFORMER, POOLING, DENSE, NORMALIZE], "2_Dense/config.json": dense}
    recipe = read(tmp_path, **files)
    assert [layer.kind for layer in recipe.layers] == ["Pooling", "Dense"]
    assert recipe.graph["normalize"].value is True
    recipe = read(tmp_path, **{**files, "modules.json": [TRANSFORMER, POOLING, NORMALIZE, DENSE]})
    assert [layer.kind for layer in recipe.layers] == ["Pooling", "Normalize", "Dense"]
    assert recipe.graph["normalize"].value is False
