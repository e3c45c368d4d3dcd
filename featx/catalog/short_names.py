"""Short names of models that are often used: where each is, and under which licence.

All else about them is read when they are pulled.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

__all__ = ["SHORT_NAMES", "ShortName", "advice_for"]


@dataclass(frozen=True, slots=True)
class ShortName:
    """A model of a hub that has a short name.

    Attributes
    ----------
    modality : str
    address : str
        As ``featx.hub.address.ModelAddress`` reads it.
    licence : str
        That of the model; what the repository says when it is pulled is recorded.
    unsaid : str, default=""
        What to say where the repository does not, and who says so.
    """

    modality: str
    address: str
    licence: str
    unsaid: str = ""


def _rows(modality: str, *rows: tuple[str, ...]) -> dict[str, ShortName]:
    return {name: ShortName(modality, f"hf:{where}", *more) for name, where, *more in rows}


SHORT_NAMES: Mapping[str, ShortName] = MappingProxyType(
    _rows(
        "image",
        ("clip-b32", "Xenova/clip-vit-base-patch32:onnx/vision_model.onnx", "MIT"),
        ("convnext-tiny", "Xenova/convnext-tiny-224:onnx/model.onnx", "Apache-2.0"),
        ("dinov2-base", "onnx-community/dinov2-base:onnx/model.onnx", "Apache-2.0"),
        ("dinov2-small", "onnx-community/dinov2-small:onnx/model.onnx", "Apache-2.0"),
        (
            "efficientnet-lite0",
            "onnxmodelzoo/efficientnet_lite0_Opset18:efficientnet_lite0_Opset18.onnx",
            "Apache-2.0",
            # `default_cfg` of efficientnet_lite0.ra_in1k in timm 1.0
            "its repository says nothing of pixels; timm, whose model it is by its name, says like=torch "
            "resize=256 crop=224 interpolation=bicubic",
        ),
        (
            "mobilenetv4-medium",
            "onnx-community/mobilenetv4_conv_medium.e500_r224_in1k:onnx/model.onnx",
            "Apache-2.0",
        ),
        (
            "mobilenetv4-small",
            "onnx-community/mobilenetv4_conv_small.e2400_r224_in1k:onnx/model.onnx",
            "Apache-2.0",
        ),
        (
            "siglip2-base",
            "onnx-community/siglip2-base-patch16-224-ONNX:onnx/vision_model.onnx",
            "Apache-2.0",
        ),
    )
    | _rows(
        "text",
        ("all-mpnet-base", "sentence-transformers/all-mpnet-base-v2:onnx/model.onnx", "Apache-2.0"),
        ("bge-base", "BAAI/bge-base-en-v1.5:onnx/model.onnx", "MIT"),
        ("bge-small", "BAAI/bge-small-en-v1.5:onnx/model.onnx", "MIT"),
        ("e5-small", "intfloat/e5-small-v2:onnx/model.onnx", "MIT"),
        ("e5-small-multilingual", "intfloat/multilingual-e5-small:onnx/model.onnx", "MIT"),
        ("gte-small", "thenlper/gte-small:onnx/model.onnx", "MIT"),
    )
    | _rows(
        "audio",
        ("clap", "Xenova/clap-htsat-unfused:onnx/audio_model.onnx", "Apache-2.0"),
        ("wav2vec2-base", "Xenova/wav2vec2-base-960h:onnx/model.onnx", "Apache-2.0"),
        ("whisper-tiny", "onnx-community/whisper-tiny:onnx/encoder_model.onnx", "Apache-2.0"),
    )
)

# Sides of the pictures that EfficientNet-Lite takes; they are cut out of pictures whose short side is 32 more.
_LITE_SIDES: Mapping[str, int] = MappingProxyType(
    {f"efficientnet-lite{k}": side for k, side in ((1, 240), (2, 260), (3, 280))}
)
_LITE_MARGIN = 32


def advice_for(name: str) -> str:
    """Return what to do for a model that is known by name and that no hub has as an ONNX graph; "" of others.

    Examples
    --------
    >>> "resize=292 crop=260" in advice_for("efficientnet_lite2")
    True
    >>> advice_for("dinov2-small")
    ''
    """
    side = _LITE_SIDES.get(name.lower().replace("_", "-"))
    if side is None:
        return ""
    # its pixels are (x - 127) / 128
    recipe = f"resize={side + _LITE_MARGIN} crop={side} interpolation=bicubic"
    return (
        "no repository of a hub with an ONNX graph of it is known: download or convert the file, then run: "
        f"featx backbones add FILE {recipe} scale=0.0078125 mean=0.9921875, or what its page says of its pixels"
    )
