"""Configurations of every type of image processor, and odd pictures: what oracles and tests share."""

from __future__ import annotations

import hashlib
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from featx.hub.folder import ModelFolder
from featx.hub.image import read_image_recipe
from featx.modalities.image.settings import ImageSettings

IMAGENET = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
_STATED = {"image_mean": IMAGENET["mean"], "image_std": IMAGENET["std"]}
FLAT, CONFIG, OPEN_CLIP = "preprocessor_config.json", "config.json", "open_clip_config.json"


def _type(name: str, **entries: Any) -> dict[str, Any]:
    return {FLAT: {"image_processor_type": f"{name}ImageProcessor", **entries}}


def _timm(**entries: Any) -> dict[str, Any]:
    return {CONFIG: {"architecture": "net", "pretrained_cfg": entries}}


def _clip(size: Any, **entries: Any) -> dict[str, Any]:
    return {
        OPEN_CLIP: {"model_cfg": {"vision_cfg": {"image_size": size}}, "preprocess_cfg": entries}
    }


# Small sizes keep the tests fast; each type also stands with its own defaults.
CASES: dict[str, dict[str, Any]] = {
    "ViT": _type("ViT"),
    "ViT swin": _type("ViT", resample=3, size={"height": 96, "width": 128}, **_STATED),
    "DeiT": _type("DeiT", **_STATED),
    "Beit": _type("Beit"),
    "Bit": _type("Bit"),
    "Bit dinov2": _type("Bit", size={"shortest_edge": 256}, **_STATED),
    "Bit odd crop": _type("Bit", size={"shortest_edge": 131}, crop_size=[96, 100]),
    "CLIP": _type("CLIP", size=96, crop_size=96),
    "Siglip": _type("Siglip"),
    "Siglip 2": _type("Siglip", resample=2, size={"height": 160, "width": 160}),
    "DINOv3ViT": _type("DINOv3ViT"),
    "DINOv3ViT crop": _type(
        "DINOv3ViT", resample=3, do_center_crop=True, crop_size=96, size={"shortest_edge": 112}
    ),
    "ConvNext": _type("ConvNext"),
    "ConvNext resnet": _type("ConvNext", size=224, crop_pct=0.875, **_STATED),
    "ConvNext small": _type("ConvNext", size={"shortest_edge": 97}, crop_pct=0.9),
    "EfficientNet": _type("EfficientNet"),
    "EfficientNet b0": _type(
        *("EfficientNet",),
        **{"resample": 0, "image_mean": IMAGENET["mean"]},
        image_std=[0.47853944, 0.4732864, 0.47434163],
        size={"height": 224, "width": 224},
    ),
    "EfficientNet offset": _type(
        "EfficientNet",
        size=[75, 80],
        rescale_offset=True,
        include_top=False,
        rescale_factor=1 / 127.5,
    ),
    "MobileNetV1": _type("MobileNetV1"),
    "MobileNetV2": _type("MobileNetV2"),
    "MobileViT": _type("MobileViT", size={"shortest_edge": 288}),
    "Levit": _type("Levit"),
    "PoolFormer": _type("PoolFormer"),
    "Pvt": _type("Pvt"),
    "lanczos": _type("ViT", resample=1, size=64),
    "box": _type("CLIP", resample=4, size=64, crop_size=61),
    "hamming": _type("Bit", resample=5, size=64, crop_size=61),
    "plain levels": _type("ViT", do_rescale=False, size=48),
    "no mean": _type("ViT", do_normalize=False, size=48),
    "longest edge": _type("CLIP", size={"shortest_edge": 64, "longest_edge": 100}, crop_size=64),
    "timm": _timm(input_size=[3, 224, 224], **IMAGENET),
    "timm 0.95": _timm(input_size=[3, 160, 160], crop_pct=0.95, interpolation="bilinear"),
    "timm sides": _timm(input_size=[3, 96, 160], crop_pct=0.9, interpolation="lanczos"),
    "timm squash": _timm(input_size=[3, 128, 128], crop_pct=1.0, crop_mode="squash"),
    "timm squash crop": _timm(input_size=[3, 120, 128], crop_pct=0.9, crop_mode="squash"),
    "timm border": _timm(input_size=[3, 128, 128], crop_pct=1.0, crop_mode="border", **IMAGENET),
    "timm border crop": _timm(input_size=[3, 101, 128], crop_pct=0.9, crop_mode="border"),
    "timm nearest": _timm(input_size=[3, 99, 99], interpolation="nearest"),
    "open_clip": _clip(224),
    "open_clip squash": _clip(96, resize_mode="squash", interpolation="bilinear"),
    "open_clip longest": _clip([90, 101], resize_mode="longest", fill_color=127),
    "open_clip sides": _clip([64, 97], interpolation="bilinear"),
}


def write_folder(folder: Path, files: dict[str, Any]) -> Path:
    """Write configuration files into a new folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in files.items():
        (folder / name).write_text(json.dumps(table))
    return folder


def settings_of(files: dict[str, Any]) -> ImageSettings:
    """Return what a card says of the pictures of a folder with these files."""
    with tempfile.TemporaryDirectory() as folder:
        recipe = read_image_recipe(ModelFolder(write_folder(Path(folder), files)), {})
    return ImageSettings.from_table(recipe.table())


def levels(tensor: np.ndarray, settings: ImageSettings) -> np.ndarray:
    """Return a tensor of a card as levels of 0 to 255."""
    std = np.reshape(settings.std or (1.0,) * 3, (3, 1, 1))
    mean = np.reshape(settings.mean or (0.0,) * 3, (3, 1, 1))
    return (tensor.astype(np.float64) * std + mean) / settings.scale


def pinned(tensor: np.ndarray, settings: ImageSettings) -> dict[str, Any]:
    """Return what is pinned of a tensor: its shape, some values, its means and a digest of its levels."""
    bytes_ = np.rint(levels(tensor, settings)).clip(0, 255).astype(np.uint8).tobytes()
    return {
        "shapes": tensor.shape,
        "values": tensor.ravel()[:: tensor.size // 4][:4].astype(np.float32),
        "means": tensor.mean(axis=(1, 2), dtype=np.float64).astype(np.float32),
        "digests": np.frombuffer(hashlib.sha256(bytes_).digest()[:8], np.uint64)[0],
    }


def odd_pictures() -> dict[str, Image.Image]:
    """Return twelve pictures drawn by arithmetic: upright, of eight bits, odd in their sides or colours."""
    sizes = {
        **{"tiny": (3, 2), "one wide": (1, 40), "one high": (40, 1), "wide": (400, 37)},
        **{"tall": (41, 300), "photo": (521, 389), "square": (224, 224)},
    }
    pictures = {name: _drawn(*size) for name, size in sizes.items()}
    pictures["grey"] = _drawn(101, 77).convert("L")
    pictures["bilevel"] = _drawn(60, 90).convert("1")
    palette = _drawn(90, 61).quantize(17)
    palette.info["transparency"] = 3
    pictures["palette"] = palette
    for name, mode in (("alpha", "RGBA"), ("grey alpha", "LA")):
        picture = _drawn(78, 103).convert(mode)
        picture.putalpha(_drawn(78, 103).getchannel("G"))
        pictures[name] = picture
    return pictures


def _drawn(width: int, height: int) -> Image.Image:
    """Return smooth colours with stripes and noise, the same on every machine."""
    down, across = np.mgrid[0:height, 0:width]
    noise = ((down * 7919 + across * 104729 + 13) * 2654435761 >> 16) % 61
    red = across * 255 // max(1, width - 1)
    green = down * 255 // max(1, height - 1)
    blue = (down * 3 + across * 5) % 256
    pixels = np.stack([red, green, blue], axis=2) + noise[..., None] - 30
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
