"""The types of image processors that give one picture of a fixed size, and what each does by default."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from featx._typing import ImageSize

__all__ = ["IMAGENET_MEAN", "IMAGENET_STD", "MODEL_TYPES", "TYPES", "ImageType"]

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""The mean and the standard deviation of ImageNet's colours."""

_HALF = (0.5, 0.5, 0.5)
_CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
_CLIP_STD = (0.26862954, 0.26130258, 0.27577711)


@dataclass(frozen=True, slots=True)
class ImageType:
    """The defaults of a type of image processor: what it does where its file does not say otherwise.

    Attributes
    ----------
    size : int or tuple of int
        An int is the short side, a pair is height and width.
    resample : int
        Pillow's number of a filter.
    mean, std : tuple of float
        One a channel.
    crop : tuple of int or None
        ``crop_size``, where there is one.
    center_crop, normalize : bool
        ``do_center_crop`` and ``do_normalize``.
    square : bool
        Whether a bare number is the side of a square; else it is the short side.
    rule : str
        What the type does besides, "" where it is nothing: "convnext", "levit" and "poolformer" have a rule of
        what is resized to, "efficientnet" has more arithmetic, "mobilevit" turns the channels around and does
        not normalize.
    crop_pct : float
        The part of the resized picture that is kept, for the rules that know one.
    resize_float : bool
        Whether pixels are scaled first and resized in floating point.
    """

    size: ImageSize
    resample: int
    mean: tuple[float, ...] = _HALF
    std: tuple[float, ...] = _HALF
    crop: tuple[int, int] | None = None
    center_crop: bool = False
    normalize: bool = True
    square: bool = True
    rule: str = ""
    crop_pct: float = 0.875
    resize_float: bool = False


_CLIP = ImageType(224, 3, _CLIP_MEAN, _CLIP_STD, (224, 224), True, square=False)
_MOBILENET = ImageType(256, 2, crop=(224, 224), center_crop=True, square=False)
_SQUARE = (224, 224)

TYPES: Mapping[str, ImageType] = MappingProxyType(
    {
        "ViTImageProcessor": ImageType(_SQUARE, 2),
        "DeiTImageProcessor": ImageType((256, 256), 3, crop=_SQUARE, center_crop=True),
        "BeitImageProcessor": ImageType(_SQUARE, 3, crop=_SQUARE),
        "BitImageProcessor": _CLIP,
        "CLIPImageProcessor": _CLIP,
        "SiglipImageProcessor": ImageType(_SQUARE, 3, square=False),
        "DINOv3ViTImageProcessor": ImageType(
            _SQUARE, 2, IMAGENET_MEAN, IMAGENET_STD, resize_float=True
        ),
        "ConvNextImageProcessor": ImageType(384, 3, square=False, rule="convnext"),
        "EfficientNetImageProcessor": ImageType(
            (346, 346), 3, crop=(289, 289), rule="efficientnet"
        ),
        "MobileNetV1ImageProcessor": _MOBILENET,
        "MobileNetV2ImageProcessor": _MOBILENET,
        "MobileViTImageProcessor": ImageType(
            224,
            3,
            crop=(256, 256),
            center_crop=True,
            normalize=False,
            square=False,
            rule="mobilevit",
        ),
        "LevitImageProcessor": ImageType(
            224, 3, IMAGENET_MEAN, IMAGENET_STD, _SQUARE, True, square=False, rule="levit"
        ),
        "PoolFormerImageProcessor": ImageType(
            *(224, 3, IMAGENET_MEAN, IMAGENET_STD, _SQUARE, True),
            square=False,
            rule="poolformer",
            crop_pct=0.9,
        ),
        "PvtImageProcessor": ImageType(_SQUARE, 3, IMAGENET_MEAN, IMAGENET_STD),
    }
)
"""The types that are read; all others are refused by name."""

_MODELS = {
    "ViT": "vit vit_mae vit_msn swin swinv2 ijepa dinat swiftformer",
    "DeiT": "deit",
    "Beit": "beit data2vec-vision",
    "Bit": "bit dinov2 dinov2_with_registers hiera focalnet pixio",
    "CLIP": "clip clip_vision_model metaclip_2 aimv2 aimv2_vision_model altclip groupvit mlcd",
    "Siglip": "siglip siglip_vision_model",
    "Siglip2": "siglip2 siglip2_vision_model",
    "DINOv3ViT": "dinov3_vit dinov3_convnext",
    "ConvNext": "convnext convnextv2 resnet regnet cvt",
    "EfficientNet": "efficientnet align",
    "MobileNetV1": "mobilenet_v1",
    "MobileNetV2": "mobilenet_v2",
    "MobileViT": "mobilevit mobilevitv2",
    "Levit": "levit",
    "PoolFormer": "poolformer",
    "Pvt": "pvt pvt_v2",
}

MODEL_TYPES: Mapping[str, str] = MappingProxyType(
    {model: f"{name}ImageProcessor" for name, models in _MODELS.items() for model in models.split()}
)
"""The type that goes with a ``model_type`` of config.json, where no file names one."""
