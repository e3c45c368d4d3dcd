"""Real configurations of hubs, each with a tiny graph that the test makes: added, or refused by name."""

from __future__ import annotations

import shutil
import warnings
from functools import partial
from pathlib import Path

import pytest

from featx.backbones.adding import add_backbone
from featx.backbones.backbone import Backbone
from featx.catalog import get_card
from featx.errors import BadModelFolder, BadOption, FeatxError, FeatxWarning
from tests.support import hub_nets
from tests.support.commands import run
from tests.support.tokenizers import make_tokenizer

REAL = Path(__file__).parents[3] / "shared" / "hub"
pytestmark = pytest.mark.filterwarnings("ignore::featx.errors.FeatxWarning")


@pytest.fixture(autouse=True)
def directory(own_directory):
    """What is added lands in a model directory of the test's own."""


@pytest.fixture
def real(tmp_path):
    """A function that copies one of the folders; what makes its graph is given."""

    def copy(name, make, **config):
        if not (REAL / name).is_dir():
            pytest.skip(f"the folder {name} is not here")
        folder = tmp_path / name
        shutil.copytree(REAL / name, folder)
        make(folder / "onnx" / "model.onnx")
        if config:
            hub_nets.write_json(folder, "config.json", config)
        return folder

    return copy


def vit(path):
    return hub_nets.save_vit(path)


def fixed(side, save=hub_nets.save_classifier):
    return lambda path: save(path, size=(side, side))


TOKENS = ("last_hidden_state", "cls")
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
HALF = ((0.5,) * 3, (0.5,) * 3)
CLIP = ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711))


@pytest.mark.parametrize(
    ("name", "make", "model", "resize", "crop", "filter", "numbers", "read"),
    [
        ("dinov2-small", vit, None, 256, 224, "bicubic", IMAGENET, TOKENS),
        ("vit-google-0.5-mean", vit, "vit", (224, 224), None, "bilinear", HALF, TOKENS),
        (
            *("swin-legacy-type-with-imagenet-mean", vit, "swin", (224, 224), None, "bilinear"),
            *(IMAGENET, ("last_hidden_state", "mean")),
        ),
        (
            *("convnext-resnet-crop_pct-size-int", hub_nets.save_maps, "resnet", 256, 224),
            *("bicubic", IMAGENET, ("last_hidden_state", "mean")),
        ),
        (
            *("clip-vit-large-patch14-336-legacy", vit, "clip_vision_model", 336, 336, "bicubic"),
            *(CLIP, ("pooler_output", "none")),
        ),
        (
            *("quoted-timm-mobilenetv4-conv-aa-large", fixed(448), None, 471, 448, "bicubic"),
            *(IMAGENET, ("penultimate", "none")),
        ),
    ],
)
def test_folders_of_images_are_added_as_they_say(
    real, name, make, model, resize, crop, filter, numbers, read
):
    card = add_backbone(real(name, make, **({"model_type": model} if model else {})))
    settings = card.input
    found = (settings.resize, settings.crop, settings.interpolation, (settings.mean, settings.std))
    assert found == (resize, crop, filter, numbers)
    assert (card.output, card.pooling) == read
    assert card.dim == hub_nets.DIM


def test_dinov3_resizes_in_floats(real):
    card = add_backbone(real("quoted-dinov3-vit", vit, model_type="dinov3_vit"))
    assert card.input.resize_float
    assert (card.input.resize, card.input.interpolation) == ((224, 224), "bilinear")


def test_efficientnet_divides_by_its_deviation_twice(real):
    folder = real("efficientnet-b5", hub_nets.save_maps, model_type="efficientnet")
    settings = add_backbone(folder).input
    assert (settings.resize, settings.crop, settings.interpolation) == ((456, 456), None, "nearest")
    # (x/255 - mean)/std/std, as a card says it
    expected = list(IMAGENET[0])
    assert settings.mean == pytest.approx(expected)
    assert settings.std == pytest.approx([0.47853944**2, 0.4732864**2, 0.47434163**2])


def test_open_clip_fills_in_its_own_defaults(real):
    settings = add_backbone(real("open_clip-no-preprocess-size", fixed(224)), tap="logits").input
    assert (settings.mean, settings.std) == CLIP
    assert settings.interpolation == "bicubic"


@pytest.mark.parametrize(
    ("name", "make", "words"),
    [
        ("mobilenetv2-squash-160-homemade", hub_nets.save_maps, r"MobileNet.*|crop=160"),
        ("refuse-maskformer", vit, "MaskFormer"),
        ("refuse-no-type-dinov3-homemade", vit, "no image_processor_type"),
    ],
)
def test_what_no_card_can_say_is_refused_by_name(real, name, make, words):
    with pytest.raises((BadModelFolder, BadOption), match=words):
        add_backbone(real(name, make))


def test_what_a_folder_leaves_open_is_resolved_by_an_option(real):
    folder = real("mobilenetv2-squash-160-homemade", hub_nets.save_maps, model_type="mobilenet_v2")
    with pytest.raises(FeatxError, match="say crop=160"):
        add_backbone(folder)
    assert add_backbone(folder, options={"crop": 160}).input.crop in (160, (160, 160))


def test_a_type_that_a_file_does_not_name_is_that_of_the_model(real):
    folder = real("refuse-no-type-dinov3-homemade", vit, model_type="dinov3_vit")
    assert add_backbone(folder).input.resize_float


@pytest.fixture
def texts(real, tmp_path):
    """A function that copies a folder of texts and gives it a tokenizer, as its repository has one."""

    def copy(name, **more):
        folder = real(name, partial(hub_nets.save_bert, words=500, **more))
        if not (folder / "tokenizer.json").exists():
            make_tokenizer("wordpiece").save(str(folder / "tokenizer.json"))
        return folder

    return copy


@pytest.mark.parametrize(
    ("name", "length"), [("all-MiniLM-L6-v2-xenova", 512), ("gte-small-xenova", 128)]
)
def test_folders_of_texts_that_say_no_pooling_take_the_mean_and_say_so(texts, name, length):
    with pytest.warns(FeatxWarning, match="the mean is assumed.* pooling=cls or another if not"):
        card = add_backbone(texts(name))
    assert (card.modality, card.output, card.pooling) == ("text", "last_hidden_state", "mean")
    assert card.input.max_length == length
    rows = Backbone(card).embed(["a dog", "the quick brown fox jumps over the lazy dog"])
    assert rows.shape == (2, hub_nets.DIM)


def test_what_the_graph_pools_itself_is_taken_as_it_is(texts):
    """Nothing of a pooling that would be assumed is said then."""
    folder = texts("all-MiniLM-L6-v2-xenova", outputs=("token_embeddings", "sentence_embedding"))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        card = add_backbone(folder)
    assert (card.output, card.pooling) == ("sentence_embedding", "none")
    assert not any("assumed" in str(warning.message) for warning in caught)


@pytest.mark.parametrize("name", ["wav2vec2", "whisper-v5-nested-processor_config"])
def test_folders_of_sounds_are_added_as_they_say(real, name):
    def make(path):
        if name == "wav2vec2":
            return hub_nets.save_frames(path)
        return hub_nets.save_spectra(path, mels=80, frames=3000)

    kind = name.partition("-")[0]
    card = add_backbone(real(name, make, model_type=kind))
    assert (card.modality, card.pooling, card.input.rate) == ("audio", "mean", 16_000)
    assert card.input.features == {"wav2vec2": "waveform"}.get(kind, kind)


def test_ast_hears_its_own_bands(real):
    def make(path):
        return hub_nets.save_spectra(path, mels=128, frames=1024, turned=True)

    card = add_backbone(
        real("quoted-ast-audioset", make, model_type="audio-spectrogram-transformer")
    )
    assert (card.pooling, card.input.features, card.input.mels) == ("first-mean", "ast", 128)


def test_clap_gives_its_embedding_of_views_at_fixed_places(real):
    with pytest.warns(FeatxWarning, match="takes these at random"):
        card = add_backbone(real("quoted-clap-htsat-fused", hub_nets.save_clap, model_type="clap"))
    assert (card.output, card.pooling, card.input.rate) == ("audio_embeds", "none", 48_000)
    assert card.dim == hub_nets.DIM


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("acge_text_embedding-matryoshka-dense", "2_Dense"),
        ("st-dense-stella", r"1_Pooling/config\.json"),
    ],
)
def test_layers_after_the_pooling_that_are_not_here_are_refused_by_name(texts, name, words):
    with pytest.raises(BadModelFolder, match=words):
        add_backbone(texts(name))


@pytest.mark.parametrize("name", ["acge_text_embedding-matryoshka-dense"])
def test_layers_that_the_graph_holds_need_not_be_here(texts, name):
    card = add_backbone(texts(name, outputs=("token_embeddings", "sentence_embedding")))
    assert (card.output, card.pooling, card.dim) == ("sentence_embedding", "none", hub_nets.DIM)


def test_prompts_for_queries_alone_are_not_put_before_what_is_classified(texts):
    folder = texts("st-prompts-jasper")
    assert add_backbone(folder).input.prefix == ""
    asked = add_backbone(folder, dry_run=True, options={"prompt": "query"})
    assert asked.input.prefix.startswith("Instruct: Given a web search query")


@pytest.mark.slow
@pytest.mark.parametrize(("name", "short", "side"), [("lite0", 256, 224), ("lite2", 292, 260)])
def test_real_weights_are_added_by_one_command(name, short, side):
    graph = REAL.parent / "models" / f"efficientnet-{name}" / "backbone.onnx"
    if not graph.is_file():
        pytest.skip(f"{graph.parent.name} is not here")
    words = f"--name mine --resize {short} --crop {side} --interpolation bicubic"
    # (x - 127) / 128
    words += " --scale 0.0078125 --mean 0.9921875 --std 1"
    result = run("backbones", "add", graph, *words.split())
    assert result.exit_code == 0, result.output
    card = get_card("mine")
    assert (card.input.crop, card.input.resize, card.dim) == (side, short, 1280)
    assert "Warning" not in result.stderr
