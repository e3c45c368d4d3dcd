"""Folders of sound models are read as their libraries read them, or refused by name."""

import json
from pathlib import Path

import pytest

from featx.errors import BadModelFolder, BadOption
from featx.hub.audio import read_audio_recipe
from featx.hub.folder import ModelFolder
from featx.hub.recipe import Setting
from featx.modalities import read_settings

FOUND = Path(__file__).parents[3] / "shared" / "hub"
FLAT = "preprocessor_config.json"


def found_folder(name):
    if not (FOUND / name).is_dir():
        pytest.skip(
            "no ../shared/hub beside the checkout: configurations as published are not read"
        )
    return ModelFolder(FOUND / name)


@pytest.fixture
def read(tmp_path):
    """A function that reads a folder with these files, each a table."""

    def recipe(flat=None, given=None, **files):
        files |= {} if flat is None else {"preprocessor_config": flat}
        for name, table in files.items():
            (tmp_path / f"{name}.json").write_text(json.dumps(table), encoding="utf-8")
        return read_audio_recipe(ModelFolder(tmp_path), given or {})

    return recipe


def extractor(kind, **keys):
    return {"feature_extractor_type": f"{kind}FeatureExtractor", **keys}


def test_wav2vec2_as_published_is_standardised_and_masked():
    recipe = read_audio_recipe(found_folder("wav2vec2"), {})
    assert recipe.table() == {
        "rate": 16_000,
        "normalize": "clip",
        "attention_mask": True,
        "align": "start",
        "window": 480_000,
        "tail": "short",
        "min_length": 400,
        "stride": 320,
        "receptive": 400,
    }
    assert recipe.settings["normalize"].origin == f"{FLAT}: do_normalize"
    assert recipe.settings["stride"].origin == "default of Wav2Vec2Config"
    assert any("more than 30 s is cut" in remark for remark in recipe.remarks)


def test_whisper_as_published_is_read_from_its_nested_table():
    recipe = read_audio_recipe(found_folder("whisper-v5-nested-processor_config"), {})
    assert recipe.table() == {
        "features": "whisper",
        "rate": 16_000,
        "window": 480_000,
        "mels": 80,
        "n_fft": 400,
        "frame_hop": 160,
        "attention_mask": False,
        "align": "start",
        "stride": 320,
    }
    origin = recipe.settings["mels"].origin
    assert origin == "processor_config.json: feature_extractor.feature_size"


def test_ast_as_published_hears_windows_of_1024_frames():
    recipe = read_audio_recipe(found_folder("quoted-ast-audioset"), {})
    assert recipe.table() == {
        "features": "ast",
        "rate": 16_000,
        "window": 400 + 1023 * 160,
        "hop": 1024 * 160,
        "mels": 128,
        "mean": -4.2677393,
        "std": 4.5689974,
    }
    assert any("more than 10.24 s" in remark for remark in recipe.remarks)


def test_clap_as_published_fuses_windows_at_fixed_places_and_says_so():
    recipe = read_audio_recipe(found_folder("quoted-clap-htsat-fused"), {})
    assert recipe.table() == {
        "features": "clap",
        "rate": 48_000,
        "window": 480_000,
        "pad": "repeat-whole",
        "mels": 64,
        "n_fft": 1024,
        "frame_hop": 480,
        "low": 50.0,
        "high": 14_000.0,
        "fuse": True,
    }
    [remark] = recipe.remarks
    assert "takes these at random, featx at the beginning, in the middle and at the end" in remark


@pytest.mark.parametrize("kind", ["Wav2Vec2", "Whisper", "AST", "Clap"])
def test_what_a_file_does_not_say_is_the_default_of_its_type(read, kind):
    recipe = read(extractor(kind, sampling_rate=None))
    rate = recipe.settings["rate"]
    assert rate == Setting(
        48_000 if kind == "Clap" else 16_000, f"default of {kind}FeatureExtractor"
    )
    for name, setting in recipe.settings.items():
        assert setting.origin, name
    assert read_settings("audio", recipe.table()).rate == rate.value


@pytest.mark.parametrize("table", ["feature_extractor", "audio_processor"])
def test_a_nested_table_wins_over_the_flat_file(read, table):
    nested = {"audio_processor_type": "WhisperAudioProcessor", "feature_size": 128}
    recipe = read(extractor("Wav2Vec2"), processor_config={table: nested})
    assert recipe.settings["mels"] == Setting(128, f"processor_config.json: {table}.feature_size")


def test_a_processor_without_such_a_table_leaves_it_to_the_flat_file(read):
    recipe = read(extractor("Whisper"), processor_config={"processor_class": "WhisperProcessor"})
    assert recipe.settings["mels"].value == 80


@pytest.mark.parametrize(
    ("model", "features"),
    [
        ("wav2vec2", None),
        ("hubert", None),
        ("wavlm", None),
        ("whisper", "whisper"),
        ("audio-spectrogram-transformer", "ast"),
        ("clap", "clap"),
    ],
)
def test_a_file_without_a_type_has_that_of_the_model(read, model, features):
    recipe = read({"sampling_rate": None}, config={"model_type": model})
    assert recipe.table().get("features") == features


def test_convolutions_of_the_model_say_what_a_position_is(read):
    config = {"model_type": "hubert", "conv_kernel": [10, 3], "conv_stride": [5, 2]}
    table = read(extractor("Wav2Vec2", do_normalize=False), config=config).table()
    assert (table["stride"], table["receptive"], table["min_length"]) == (10, 20, 20)
    assert table["normalize"] == "none"
    assert (
        "stride" not in read(extractor("Wav2Vec2"), config={**config, "add_adapter": True}).table()
    )


def test_ast_without_normalisation_leaves_its_features_as_they_are(read):
    table = read(extractor("AST", do_normalize=False)).table()
    assert (table["mean"], table["std"]) == (0.0, 0.5)


def test_clap_that_does_not_fuse_hears_one_window_after_the_other(read):
    keys = {"truncation": "rand_trunc", "padding": "pad", "max_length_s": 5}
    recipe = read(extractor("Clap", **keys))
    table = recipe.table()
    assert (table["fuse"], table["pad"], table["window"]) == (False, "zeros", 240_000)
    assert any("at a random place" in remark for remark in recipe.remarks)


def test_filters_that_old_files_hold_are_those_that_the_class_makes(read):
    assert read(extractor("Whisper", mel_filters=[[0.0] * 201] * 80)).settings["mels"].value == 80


def test_what_is_given_wins_and_says_so(read):
    recipe = read(extractor("Wav2Vec2"), {"window": 0, "prompt": None})
    assert recipe.settings["window"] == Setting(0, "given")
    with pytest.raises(BadOption, match="unknown key 'colour'"):
        read(extractor("Wav2Vec2"), {"colour": "L"})
    with pytest.raises(BadOption, match="window = -1"):
        read(extractor("Wav2Vec2"), {"window": -1})
    # it can set right what no card could say
    assert (
        read(extractor("Whisper", chunk_length=90), {"window": 480_000}).table()["window"]
        == 480_000
    )


@pytest.mark.parametrize(
    "kind",
    [
        "SeamlessM4T",
        "Speech2Text",
        "SpeechT5",
        "Encodec",
        "Univnet",
        "MusicgenMelody",
        "ViT",
        "Parakeet",
    ],
)
def test_a_type_without_a_front_end_is_refused_by_name(read, kind):
    with pytest.raises(BadModelFolder, match=f"feature_extractor_type = '{kind}FeatureExtractor'"):
        read(extractor(kind))


@pytest.mark.parametrize(
    ("table", "match"),
    [
        (extractor("Whisper", dither=1e-5), "dither = 1e-05: expected 0"),
        (extractor("Whisper", do_normalize=True), "do_normalize = True"),
        (extractor("Whisper", padding_value=-1.0), "padding_value = -1.0"),
        (extractor("Whisper", chunk_length=90), "window, min_length: expected at most 60 seconds"),
        (
            extractor("Whisper", preemphasis=0.97),
            "preemphasis: no key of a WhisperFeatureExtractor",
        ),
        (extractor("Wav2Vec2", feature_size=80), "feature_size = 80: expected 1"),
        (extractor("Wav2Vec2", padding_side="both"), "padding_side = 'both'"),
        (extractor("Wav2Vec2", do_rescale=True), "do_rescale: no key"),
        (extractor("AST", sampling_rate=32_000), "sampling_rate = 32000: expected 16000"),
        (extractor("AST", std=0.0), "std = 0"),
        (extractor("AST", frame_length=512), "frame_length: no key"),
        (extractor("Clap", top_db=80), "top_db = 80: expected nothing"),
        (
            extractor("Clap", truncation="random"),
            "truncation = 'random': expected one of fusion, rand_trunc",
        ),
        (extractor("Clap", padding=True), "padding = True"),
        (extractor("Clap", frequency_min=14_000), "at least 1 Hz"),
        ({}, "no feature_extractor_type"),
        ({"feature_extractor_type": 7}, "feature_extractor_type = 7"),
        ([1], "expected a table"),
    ],
)
def test_what_a_card_cannot_say_is_refused_by_its_key(read, table, match):
    with pytest.raises(BadModelFolder, match=match) as refused:
        read(table)
    assert "\n" not in str(refused.value)
    assert FLAT in str(refused.value)


def test_a_folder_without_a_configuration_of_sounds_is_refused(read):
    with pytest.raises(
        BadModelFolder, match=r"expected preprocessor_config\.json, or processor_config\.json"
    ):
        read(config={"model_type": "wav2vec2"})
    with pytest.raises(BadModelFolder, match="feature_extractor = 'x': expected a table"):
        read(processor_config={"feature_extractor": "x"})


def test_features_and_a_model_that_do_not_belong_together_are_refused(read):
    config = {"model_type": "clap", "audio_config": {"enable_fusion": False}}
    with pytest.raises(BadModelFolder, match="enable_fusion = false"):
        read(extractor("Clap"), config=config)
    assert not read(extractor("Clap", truncation="rand_trunc"), config=config).table()["fuse"]


@pytest.mark.parametrize(
    "config",
    [
        {"conv_kernel": [10, 3], "conv_stride": [5]},
        {"conv_kernel": [10, 3]},
        {"conv_kernel": [], "conv_stride": []},
        {"conv_kernel": [0], "conv_stride": [1]},
        {"conv_kernel": [True], "conv_stride": [1]},
        {"conv_kernel": [1] * 65, "conv_stride": [1] * 65},
        {"conv_kernel": "10", "conv_stride": "5"},
        {"conv_kernel": [4096] * 60, "conv_stride": [4096] * 60},
    ],
)
def test_convolutions_that_cannot_be_are_refused(read, config):
    with pytest.raises(BadModelFolder):
        read(extractor("Wav2Vec2"), config=config)
