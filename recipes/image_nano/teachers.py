"""The teachers' answers to whole pictures: of 160 pixels, or of 260 for EfficientNet-Lite2."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch.nn import functional

from recipes.common.sessions import open_session
from recipes.image_nano.store import ANSWERS, KINDS, load, load_sharp

__all__ = ["Vit", "teach"]

# Side of the pictures that ViT and MobileNetV2 see, in pixels, and of ViT's patches.
SIDE, PATCH = 160, 16
# Columns of ViT's tokens and of its attention heads, of which it has three.
WIDTH, HEAD_WIDTH = 192, 64
BATCH = 32
# ImageNet's, as MobileNetV2 expects them.
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class Vit:
    """ViT-Tiny/16 in bfloat16 on square pictures, from the initializers of its graph.

    Parameters
    ----------
    graph : Path
    grid : int, default=10
        Patches along a side; the positions of 14 are interpolated.
    """

    def __init__(self, graph: Path, grid: int = SIDE // PATCH) -> None:
        initializers = onnx.load(graph).graph.initializer
        w = {t.name: torch.from_numpy(numpy_helper.to_array(t).copy()) for t in initializers}
        positions = w["pos_embed"]
        square = positions[:, 1:].reshape(1, 14, 14, WIDTH).permute(0, 3, 1, 2)
        square = functional.interpolate(square, size=(grid, grid), mode="bicubic", antialias=True)
        w["pos_embed"] = torch.cat([positions[:, :1], square.flatten(2).transpose(1, 2)], 1)
        self.grid = grid
        self.weights = {name: t.bfloat16() for name, t in w.items() if t.dtype == torch.float32}
        self.blocks = sum(name.endswith("_attn_qkv.weight") for name in w)

    def norm(self, x: torch.Tensor, name: str) -> torch.Tensor:
        """Apply a layer normalisation."""
        weight, bias = self.weights[name + ".weight"], self.weights[name + ".bias"]
        return functional.layer_norm(x, (WIDTH,), weight, bias, 1e-6)

    def dense(self, x: torch.Tensor, name: str) -> torch.Tensor:
        """Apply a dense layer."""
        return x @ self.weights[name + ".weight"] + self.weights[name + ".bias"]

    def tokens(self, x: torch.Tensor) -> torch.Tensor:
        """Return the class token and the patches of ``x`` with their positions."""
        n, grid = len(x), self.grid
        x = x.bfloat16().reshape(n, 3, grid, PATCH, grid, PATCH).permute(0, 2, 4, 1, 3, 5)
        kernel = self.weights["patch_embed.weight"].flatten(1)
        patches = x.reshape(n, grid * grid, 3 * PATCH * PATCH)
        x = functional.linear(patches, kernel, self.weights["patch_embed.bias"])
        first = self.weights["cls_token"].expand(n, 1, WIDTH)
        return torch.cat([first, x], 1) + self.weights["pos_embed"]

    def block(self, x: torch.Tensor, name: str) -> torch.Tensor:
        """Apply attention and a multi-layer perceptron, each beside its input."""
        qkv = self.dense(self.norm(x, name + "norm1"), name + "attn_qkv")
        qkv = qkv.reshape(len(x), -1, 3, WIDTH // HEAD_WIDTH, HEAD_WIDTH).permute(2, 0, 3, 1, 4)
        attended = functional.scaled_dot_product_attention(*qkv)
        x = x + self.dense(attended.transpose(1, 2).flatten(2), name + "attn_proj")
        hidden = self.dense(self.norm(x, name + "norm2"), name + "mlp_fc1")
        return x + self.dense(functional.gelu(hidden, approximate="tanh"), name + "mlp_fc2")

    def __call__(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return class-token embeddings (N, 192) and logits (N, 1000) for ``x`` in [-1, 1]."""
        with torch.no_grad():
            x = self.tokens(x)
            for number in range(self.blocks):
                x = self.block(x, f"blocks_{number}_")
            embedding = self.norm(x[:, 0], "norm")
            return embedding.float(), self.dense(embedding, "head").float()


class Teachers(NamedTuple):
    """ViT, and sessions of MobileNetV2's and EfficientNet-Lite2's graphs."""

    vit: Vit
    mobilenet: Any
    lite: Any


def run(graph: Any, x: torch.Tensor) -> np.ndarray:
    """Return a network's embeddings of ``x``, a row a picture."""
    rows: np.ndarray = graph.run(["embedding"], {graph.get_inputs()[0].name: x.numpy()})[0]
    return rows.reshape(len(x), -1)


def resize(x: torch.Tensor) -> torch.Tensor:
    """Return pictures at the side that ViT and MobileNetV2 see, in [0, 255]."""
    smaller = x.shape[2] > SIDE
    x = functional.interpolate(x, size=(SIDE, SIDE), mode="bicubic", antialias=smaller)
    return x.clamp_(0, 255)


def teach_kind(teachers: Teachers, work: Path, kind: str) -> None:
    """Write all answers to the pictures of one kind that have none yet."""
    answers = {name: load(work, kind, name, write=True) for name in (*ANSWERS, "taught")}
    mean, deviation = (torch.tensor(values)[:, None, None] for values in (MEAN, DEVIATION))
    rest = np.random.default_rng(0).permutation(np.flatnonzero(~answers["taught"]))
    for start in range(0, len(rest), BATCH):
        rows = np.sort(rest[start : start + BATCH])
        small = kind == "small"
        images = load(work, kind, "images")[rows] if small else load_sharp(work, kind, rows)
        sharp = torch.from_numpy(images).permute(0, 3, 1, 2).float()
        x = resize(sharp)
        vits, logits = teachers.vit(x / 127.5 - 1)
        answers["vit"][rows], answers["logits"][rows] = vits.numpy(), logits.numpy()
        # The others' answers to all the small pictures would have taken too long.
        if not small:
            answers["mobilenet"][rows] = run(teachers.mobilenet, (x / 255 - mean) / deviation)
            answers["lite"][rows] = run(teachers.lite, (sharp - 127) / 128)
        answers["taught"][rows] = True


def teach(vit: Path, mobilenet: Path, lite: Path, work: Path) -> None:
    """Write the teachers' answers; ``*_taught.npy`` says which pictures have them."""
    torch.set_num_threads(1)
    teachers = Teachers(Vit(vit), open_session(mobilenet), open_session(lite))
    for kind in reversed(KINDS):
        teach_kind(teachers, work, kind)
