"""The recipe of pictures of model folders: each entry with its origin, or a refusal by name."""

import json
from pathlib import Path

import pytest

from featx.cli.messages import as_options
from featx.errors import BadModelFolder, BadOption
from featx.hub.folder import ModelFolder
from featx.hub.image import read_image_recipe, recipe_size
from featx.modalities.image.settings import ImageSettings
from tests.support.hub_images import CONFIG, FLAT, IMAGENET, OPEN_CLIP, write_folder

HUB = Path(__file__).parents[3] / "shared" / "hub"
HALF = [0.5, 0.5, 0.5]


@pytest.fixture
def read(tmp_path):
    """Return the recipe of files, and of what a user gives."""

    def read(files, **given):
        return read_image_recipe(ModelFolder(write_folder(tmp_path / "m", files)), given)

    return read


def flat(kind, **entries):
    return {FLAT: {"image_processor_type": f"{kind}ImageProcessor", **entries}}


def says(recipe, **expected):
    """Hold values and origins of a recipe against (value, origin) pairs."""
    for name, (value, origin) in expected.items():
        assert (recipe.settings[name].value, recipe.settings[name].origin) == (value, origin), name


FOUND = {
    "dinov2-small": (
        (224, 224),
        {
            "resize": (256, f"{FLAT}: size.shortest_edge"),
            "crop": (224, f"{FLAT}: crop_size"),
            "interpolation": ("bicubic", f"{FLAT}: resample"),
            "mean": (IMAGENET["mean"], f"{FLAT}: image_mean"),
            "scale": (1 / 255, f"{FLAT}: rescale_factor"),
        },
    ),
    "vit-google-0.5-mean": (
        (224, 224),
        {
            "resize": ([224, 224], f"{FLAT}: size"),
            "interpolation": ("bilinear", f"{FLAT}: resample"),
            "mean": (HALF, f"{FLAT}: image_mean"),
        },
    ),
    "swin-legacy-type-with-imagenet-mean": (
        (224, 224),
        {
            "resize": ([224, 224], f"{FLAT}: size"),
            "interpolation": ("bilinear", f"{FLAT}: resample"),
            "std": (IMAGENET["std"], f"{FLAT}: image_std"),
        },
    ),
    "convnext-resnet-crop_pct-size-int": (
        (224, 224),
        {
            "resize": (256, f"{FLAT}: size, divided by crop_pct 0.875 ({FLAT}: crop_pct)"),
            "crop": (224, f"{FLAT}: size"),
            "scale": (1 / 255, "default of ConvNextImageProcessor"),
        },
    ),
    "efficientnet-b5": (
        (456, 456),
        {
            "resize": ([456, 456], f"{FLAT}: size"),
            "interpolation": ("nearest", f"{FLAT}: resample"),
            "mean": (IMAGENET["mean"], f"{FLAT}: image_mean"),
        },
    ),
    "clip-vit-large-patch14-336-legacy": (
        (336, 336),
        {
            "resize": (336, f"{FLAT}: size"),
            "crop": (336, f"{FLAT}: crop_size"),
            "interpolation": ("bicubic", f"{FLAT}: resample"),
            "scale": (1 / 255, "default of CLIPImageProcessor"),
        },
    ),
    "open_clip-no-preprocess-size": (
        (224, 224),
        {
            "resize": (224, f"{OPEN_CLIP}: model_cfg.vision_cfg.image_size"),
            "interpolation": ("bicubic", "default of open_clip"),
            "transparency": ("drop", "rule of open_clip"),
        },
    ),
    "quoted-dinov3-vit": (
        (224, 224),
        {
            "resize": ([224, 224], f"{FLAT}: size"),
            "interpolation": ("bilinear", f"{FLAT}: resample"),
            "resize_float": (True, "rule of DINOv3ViTImageProcessor"),
        },
    ),
    "quoted-timm-mobilenetv4-conv-aa-large": (
        (448, 448),
        {
            "resize": (
                471,
                f"{CONFIG}: pretrained_cfg.input_size, divided by crop_pct 0.95 "
                f"({CONFIG}: pretrained_cfg.crop_pct)",
            ),
            "crop": (448, f"{CONFIG}: pretrained_cfg.input_size"),
            "interpolation": ("bicubic", f"{CONFIG}: pretrained_cfg.interpolation"),
        },
    ),
}


@pytest.mark.parametrize("name", FOUND)
def test_a_published_folder_is_read_as_its_library_does(name):
    if not (HUB / name).is_dir():
        pytest.skip("needs the published configurations")
    size, expected = FOUND[name]
    recipe = read_image_recipe(ModelFolder(HUB / name), {})
    assert recipe_size(recipe) == size
    says(recipe, **expected)
    assert all(setting.origin for setting in recipe.settings.values())


def test_efficientnet_divides_by_the_deviation_twice():
    if not (HUB / "efficientnet-b5").is_dir():
        pytest.skip("needs the published configurations")
    recipe = read_image_recipe(ModelFolder(HUB / "efficientnet-b5"), {})
    assert recipe.value("std") == pytest.approx([0.47853944**2, 0.4732864**2, 0.47434163**2])
    assert "crop" not in recipe.settings


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("mobilenetv2-squash-160-homemade", "224 × 224 .*MobileNetV2.* 160 × 160 .*say crop=160"),
        ("refuse-maskformer", "type MaskFormerFeatureExtractor is not read"),
        ("refuse-no-type-dinov3-homemade", "no image_processor_type"),
        ("wav2vec2", "type Wav2Vec2FeatureExtractor is not read"),
        ("all-MiniLM-L6-v2-xenova", "no file says how pictures are prepared"),
    ],
)
def test_a_published_folder_that_is_no_such_model_is_refused_by_name(name, words):
    if not (HUB / name).is_dir():
        pytest.skip("needs the published configurations")
    with pytest.raises(BadModelFolder, match=words):
        read_image_recipe(ModelFolder(HUB / name), {})


def test_a_given_crop_resolves_what_would_be_padded():
    if not (HUB / "mobilenetv2-squash-160-homemade").is_dir():
        pytest.skip("needs the published configurations")
    folder = ModelFolder(HUB / "mobilenetv2-squash-160-homemade")
    recipe = read_image_recipe(folder, {"crop": 160})
    says(recipe, crop=(160, "given"), resize=([160, 160], f"{FLAT}: size"))
    padded = read_image_recipe(folder, {"fill": [0, 0, 0]})
    assert recipe_size(padded) == (224, 224)


def test_the_command_line_says_crop_as_its_option(read):
    import click

    with pytest.raises(BadModelFolder) as refused:
        read(flat("MobileNetV2", size=[160, 160]))
    option = click.Option(["--set", "set"], multiple=True)
    assert "say --set crop=160, or --set fill=0,0,0" in as_options(str(refused.value), [option])


DEFAULTS = [
    ("ViT", [224, 224], None, "bilinear", HALF),
    ("DeiT", [256, 256], 224, "bicubic", HALF),
    ("Beit", [224, 224], None, "bicubic", HALF),
    ("Bit", 224, 224, "bicubic", [0.48145466, 0.4578275, 0.40821073]),
    ("CLIP", 224, 224, "bicubic", [0.48145466, 0.4578275, 0.40821073]),
    ("Siglip", [224, 224], None, "bicubic", HALF),
    ("DINOv3ViT", [224, 224], None, "bilinear", IMAGENET["mean"]),
    ("ConvNext", [384, 384], None, "bicubic", HALF),
    ("EfficientNet", [346, 346], None, "bicubic", HALF),
    ("MobileNetV1", 256, 224, "bilinear", HALF),
    ("MobileNetV2", 256, 224, "bilinear", HALF),
    ("Levit", 256, 224, "bicubic", IMAGENET["mean"]),
    ("PoolFormer", 248, 224, "bicubic", IMAGENET["mean"]),
    ("Pvt", [224, 224], None, "bicubic", IMAGENET["mean"]),
]


@pytest.mark.parametrize(("kind", "resize", "crop", "filter_", "mean"), DEFAULTS)
def test_a_type_has_its_own_defaults(read, kind, resize, crop, filter_, mean):
    table = read(flat(kind)).table()
    assert (table["resize"], table.get("crop"), table["interpolation"]) == (resize, crop, filter_)
    assert table["mean"] == mean
    assert table["scale"] == 1 / 255
    assert table.get("crop_origin") == ("floor" if crop else None)
    recipe = read(flat(kind))
    assert recipe.settings["interpolation"].origin == f"default of {kind}ImageProcessor"


def test_mobilevit_turns_the_channels_around_and_does_not_normalize(read):
    recipe = read(flat("MobileViT", size={"shortest_edge": 288}))
    table = recipe.table()
    assert (table["resize"], table["crop"], table["color"]) == (288, 256, "BGR")
    assert (table["mean"], table["std"]) == ([0.0] * 3, [1.0] * 3)
    with pytest.raises(BadModelFolder, match=r"256 × 256 .* 224 × 224 .*say crop=224"):
        read(flat("MobileViT"))


def test_a_null_is_the_default_of_the_type(read):
    entries = dict.fromkeys(
        ("size", "crop_size", "resample", "image_mean", "do_rescale", "do_convert_rgb")
    )
    recipe = read(flat("CLIP", **entries))
    says(
        recipe,
        resize=(224, "default of CLIPImageProcessor"),
        scale=(1 / 255, "default of CLIPImageProcessor"),
    )
    assert any("do_rescale is null" in remark for remark in recipe.remarks)


@pytest.mark.parametrize(
    ("kind", "size", "resize"),
    [
        ("ViT", 192, [192, 192]),
        ("Bit", 300, 300),
        ("Bit", [256, 300], [256, 300]),
        ("Bit", {"height": 256, "width": 300}, [256, 300]),
        ("Bit", {"shortest_edge": 256, "height": None}, 256),
        ("Levit", {"shortest_edge": 192}, 219),
        ("ConvNext", 288, 329),
        ("ConvNext", 384, [384, 384]),
        ("PoolFormer", {"height": 224, "width": 224}, 248),
    ],
)
def test_each_form_of_a_size_is_understood(read, kind, size, resize):
    assert read(flat(kind, size=size, crop_size=None), crop=128).value("resize") == resize


@pytest.mark.parametrize(
    "size",
    [
        {"longest_edge": 224},
        {"max_height": 2, "max_width": 2},
        {"min_pixels": 9, "max_pixels": 99},
        {},
    ],
)
def test_a_size_that_is_not_fixed_is_refused(read, size):
    with pytest.raises(BadModelFolder, match=r"size = .*no fixed size"):
        read(flat("ViT", size=size))


def test_a_limit_of_the_long_side_pads_as_the_library_does(read):
    recipe = read(flat("CLIP", size={"shortest_edge": 64, "longest_edge": 100}, crop_size=64))
    says(recipe, longest=(100, f"{FLAT}: size.longest_edge"))
    assert recipe.value("fill") == [0, 0, 0]
    with pytest.raises(BadModelFolder, match="say crop=64"):
        read(flat("CLIP", size={"shortest_edge": 64, "longest_edge": 100}, crop_size=65))


def test_pictures_of_no_fixed_size_are_refused_with_what_resolves_it(read):
    with pytest.raises(BadModelFolder, match=r"nothing is cropped.*say crop=64, or resize=64,64"):
        read(flat("ViT", size={"shortest_edge": 64}))
    assert recipe_size(read(flat("ViT", size={"shortest_edge": 64}), crop=64)) == (64, 64)
    with pytest.raises(BadModelFolder, match="not resized"):
        read(flat("CLIP", do_resize=False))
    assert recipe_size(read(flat("CLIP", do_resize=False), resize=64, crop=48)) == (48, 48)


@pytest.mark.parametrize(
    "key", ["do_thumbnail", "crop_pct", "rescale_offset", "gamma", "size_divisor"]
)
def test_a_key_that_may_change_the_numbers_is_refused_by_name(read, key):
    with pytest.raises(BadModelFolder, match=f"{FLAT}: {key} = 1: not known of ViTImageProcessor"):
        read(flat("ViT", **{key: 1}))
    # what is not done changes nothing
    assert read(flat("ViT", **{key: None})).value("resize") == [224, 224]


def test_keys_that_say_nothing_of_the_numbers_are_left_aside(read):
    idle = {
        "processor_class": "X",
        "return_tensors": "pt",
        "do_reduce_labels": True,
        "data_format": "x",
    }
    assert read(flat("Beit", **idle)).table() == read(flat("Beit")).table()


@pytest.mark.parametrize(
    "name", ["Siglip2", "Qwen2VL", "Idefics3", "Pix2Struct", "LayoutLMv3", "GLPN", "Detr", "X"]
)
@pytest.mark.parametrize("ending", ["ImageProcessor", "ImageProcessorFast", "FeatureExtractor"])
def test_other_types_are_refused_by_name(read, name, ending):
    with pytest.raises(BadModelFolder, match=f"type {name}{ending} is not read"):
        read({FLAT: {"image_processor_type": f"{name}{ending}"}})


@pytest.mark.parametrize(
    "ending", ["ImageProcessor", "ImageProcessorFast", "ImageProcessorPil", "FeatureExtractor"]
)
@pytest.mark.parametrize("key", ["image_processor_type", "feature_extractor_type"])
def test_each_spelling_of_a_type_is_understood(read, ending, key):
    assert read({FLAT: {key: f"ViT{ending}"}}).table() == read(flat("ViT")).table()


def test_without_a_type_the_model_decides_and_it_is_told(read):
    recipe = read({FLAT: {"size": 96}, CONFIG: {"model_type": "regnet"}})
    assert recipe.value("resize") == 109
    assert any("taken as ConvNextImageProcessor" in remark for remark in recipe.remarks)
    with pytest.raises(BadModelFolder, match=r"model_type 'bert' of config\.json is not known"):
        read({FLAT: {"size": 96}, CONFIG: {"model_type": "bert"}})


def test_the_nested_table_wins_over_the_flat_file_and_the_difference_is_told(read):
    nested = {"image_processor": {"image_processor_type": "ViTImageProcessor", "size": [96, 96]}}
    recipe = read({"processor_config.json": nested, **flat("ViT", size=[64, 64])})
    says(recipe, resize=([96, 96], "processor_config.json: image_processor.size"))
    assert any(f"{FLAT} is not taken: it says resize [64, 64]" in one for one in recipe.remarks)
    assert not read({"processor_config.json": nested, **flat("ViT", size=[96, 96])}).remarks


def test_what_a_user_gives_wins_and_needs_no_file(read):
    given = {"resize": 96, "crop": 80, "interpolation": "box", "mean": HALF, "std": HALF}
    for files in ({}, {FLAT: {"size": 4}}, flat("Detr")):
        recipe = read(files, **given)
        assert recipe_size(recipe) == (80, 80)
        assert {setting.origin for setting in recipe.settings.values()} == {"given"}
    says(read(flat("ViT", size="?"), resize=96, crop=80), resize=(96, "given"))
    with pytest.raises(BadOption, match="interpolation = 'cubic'"):
        read(flat("ViT"), interpolation="cubic")


def test_timm_reads_its_configuration_old_and_new(read):
    cfg = {"input_size": [3, 192, 192], "crop_pct": 0.9, "test_input_size": [3, 288, 288]}
    new = read({CONFIG: {"architecture": "x", "pretrained_cfg": cfg}})
    old = read({CONFIG: {"architecture": "x", **cfg}})
    assert new.table() == old.table()
    assert (new.value("resize"), new.value("crop"), new.value("interpolation")) == (
        213,
        192,
        "bicubic",
    )
    says(old, mean=(IMAGENET["mean"], "default of timm"), crop=(192, f"{CONFIG}: input_size"))
    wrapped = read({**flat("TimmWrapper"), CONFIG: {"pretrained_cfg": cfg}})
    assert wrapped.table() == new.table()


def test_timm_squashes_or_adds_a_border_of_the_mean(read):
    cfg = {"input_size": [3, 128, 128], "crop_pct": 1.0}
    squash = read({CONFIG: {"pretrained_cfg": {**cfg, "crop_mode": "squash"}}}).table()
    assert (squash["resize"], squash["crop"], squash.get("fit")) == ([128, 128], 128, None)
    border = read({CONFIG: {"pretrained_cfg": {**cfg, "crop_mode": "border"}}}).table()
    assert (border["fit"], border["fill"]) == ("contain", [124, 116, 104])


def test_what_timm_does_not_know_is_refused_where_it_sounds_like_a_preparation(read):
    with pytest.raises(BadModelFolder, match=r"pretrained_cfg\.crop_border_pixels = 4: not known"):
        read({CONFIG: {"pretrained_cfg": {"crop_border_pixels": 4}}})
    idle = {"license": "mit", "pool_size": [7, 7], "first_conv": "stem", "test_crop_pct": 1.0}
    plain = read({CONFIG: {"pretrained_cfg": {"crop_pct": None}}})
    assert read({CONFIG: {"pretrained_cfg": idle}}).table() == plain.table()


def test_pictures_are_made_rgb_also_where_a_file_says_not_to_and_it_is_told(read):
    recipe = read(flat("CLIP", do_convert_rgb=False))
    assert recipe.table() == read(flat("CLIP")).table()
    assert any("made RGB all the same" in remark for remark in recipe.remarks)


def test_open_clip_takes_the_size_of_the_tower_and_says_so(read):
    table = {
        "model_cfg": {"vision_cfg": {"image_size": 256}},
        "preprocess_cfg": {"size": 224, "resize_mode": "longest", "fill_color": 7},
    }
    recipe = read({OPEN_CLIP: table})
    assert recipe_size(recipe) == (256, 256)
    assert (recipe.value("fit"), recipe.value("fill")) == ("contain", [7, 7, 7])
    assert "preprocess_cfg.size says 224" in recipe.remarks[0]
    with pytest.raises(BadModelFolder, match="blur = 3: not known of open_clip"):
        read({OPEN_CLIP: {"preprocess_cfg": {"blur": 3}}})


def test_code_that_a_file_names_is_not_run_and_it_is_told(read):
    recipe = read(flat("CLIP", auto_map={"AutoImageProcessor": "own.Own"}))
    assert any("names code, which is not run" in remark for remark in recipe.remarks)


def test_a_recipe_is_a_card_table(read):
    table = read(flat("EfficientNet", rescale_offset=True, rescale_factor=1 / 127.5)).table()
    images = ImageSettings.from_table(json.loads(json.dumps(table)))
    assert images.mean == (1.5, 1.5, 1.5)
    assert images.std == (0.25, 0.25, 0.25)
