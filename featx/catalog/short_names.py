"""Short names of models that are often used: where each is, and under which licence.

All else about them is read when they are pulled.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

__all__ = ["SHORT_NAMES", "ShortName"]


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
    """

    modality: str
    address: str
    licence: str


def _rows(modality: str, *rows: tuple[str, str, str]) -> dict[str, ShortName]:
    return {name: ShortName(modality, f"hf:{where}", licence) for name, where, licence in rows}


SHORT_NAMES: Mapping[str, ShortName] = MappingProxyType(
    _rows(
        "image",
        ("clip-b32", "Xenova/clip-vit-base-patch32:onnx/vision_model.onnx", "MIT"),
        ("convnext-tiny", "Xenova/convnext-tiny-224:onnx/model.onnx", "Apache-2.0"),
        ("dinov2-base", "onnx-community/dinov2-base:onnx/model.onnx", "Apache-2.0"),
        ("dinov2-small", "onnx-community/dinov2-small:onnx/model.onnx", "Apache-2.0"),
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
