"""All steps on made-up pictures and teachers."""

import tempfile
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper
from PIL import Image, ImageOps

from recipes.common.onnx_graph import graph_value, save_graph
from recipes.image_nano.latency import print_latency
from recipes.image_nano.prepare import prepare
from recipes.image_nano.repositories import REPOSITORIES, TINY_IMAGENET
from recipes.image_nano.store import KINDS, load

__all__ = ["make_up_network", "make_up_sources", "make_up_vit", "quick"]

# Pictures a folder.
COUNT = 16
# Pictures, or squares, of each kind that ``prepare`` makes of the made-up sources.
EXPECTED = [48, 32, 16, 32]


def make_up_pictures(folder: Path, side: int, suffix: str, rng: np.random.Generator) -> None:
    """Write ``COUNT`` pictures of smooth noise."""
    folder.mkdir(parents=True)
    for number in range(COUNT):
        noise = Image.fromarray(rng.integers(0, 256, (9, 9, 3), dtype=np.uint8))
        large = noise.resize((side, side), Image.Resampling.BICUBIC)
        large.save(folder / f"{number}.{suffix}")


def make_up_sources(root: Path, rng: np.random.Generator) -> None:
    """Write ROOT/sources and ROOT/avoid in the layout of the repositories.

    One picture of each kind is a copy from ``avoid``, the scan's mirrored: ``prepare`` has to leave
    them out.
    """
    small = root / "sources" / TINY_IMAGENET.name / "tiny"
    for part in ("train/n0/images", "train/n1/images", "val/images"):
        make_up_pictures(small / part, 64, "JPEG", rng)
    first = {kind: next(r for r in REPOSITORIES if r.kind == kind) for kind in KINDS[1:]}
    folders = {kind: root / "sources" / r.name / r.only[0].strip("/") for kind, r in first.items()}
    for folder in (*folders.values(), root / "avoid"):
        make_up_pictures(folder, 150, "jpg", rng)
    for number, (kind, folder) in enumerate(folders.items()):
        copy: Image.Image = Image.open(root / "avoid" / f"{number}.jpg")
        copy = ImageOps.mirror(copy) if kind == "scans" else copy
        copy.save(folder / "copied.jpg", quality=90)


def make_up_vit(path: Path, rng: np.random.Generator) -> None:
    """Write the initializers of a ViT of one block, at random."""
    shapes: dict[str, tuple[int, ...]] = {
        "patch_embed.weight": (192, 3, 16, 16),
        "patch_embed.bias": (192,),
        "cls_token": (1, 1, 192),
        "pos_embed": (1, 197, 192),
    }
    for name, i, o in [
        ("blocks_0_attn_qkv", 192, 576),
        ("blocks_0_attn_proj", 192, 192),
        ("blocks_0_mlp_fc1", 192, 768),
        ("blocks_0_mlp_fc2", 768, 192),
        ("head", 192, 1000),
    ]:
        shapes |= {name + ".weight": (i, o), name + ".bias": (o,)}
    for name in ("blocks_0_norm1", "blocks_0_norm2", "norm"):
        shapes |= {name + ".weight": (192,), name + ".bias": (192,)}
    tensors = [
        numpy_helper.from_array((rng.normal(size=shape) * 0.1).astype(np.float32), name)
        for name, shape in shapes.items()
    ]
    graph = onnx.helper.make_graph([], "vit", [], [], tensors)
    onnx.save(onnx.helper.make_model(graph), path)


def make_up_network(path: Path, rng: np.random.Generator) -> None:
    """Write a graph of one convolution, at random, with the output of the teachers but ViT."""
    kernel = (rng.normal(size=(1280, 3, 8, 8)) * 0.1).astype(np.float32)
    save_graph(
        path,
        "network",
        [
            ("Conv", "input kernel", "maps", {"strides": [8, 8]}),
            ("GlobalAveragePool", "maps", "embedding"),
        ],
        {"kernel": kernel},
        [graph_value("input", ["N", 3, "H", "W"])],
        graph_value("embedding", ["N", 1280, 1, 1]),
    )


def quick() -> None:
    """Walk all steps in a temporary folder; training is stopped half way and resumed.

    Raises
    ------
    SystemExit
        A step fails, or ``prepare`` keeps another number of pictures than it should.
    """
    from recipes.image_nano.export import export
    from recipes.image_nano.narrow import narrow
    from recipes.image_nano.teachers import teach
    from recipes.image_nano.train import train

    with tempfile.TemporaryDirectory() as folder:
        root, work = Path(folder), Path(folder) / "work"
        rng = np.random.default_rng(0)
        make_up_sources(root, rng)
        make_up_vit(root / "vit.onnx", rng)
        make_up_network(root / "mobilenet.onnx", rng)
        make_up_network(root / "lite.onnx", rng)
        prepare(root / "sources", root / "avoid", work)
        counts = [len(load(work, kind, "images")) for kind in KINDS]
        if counts != EXPECTED:
            raise SystemExit(f"quick: expected {EXPECTED} pictures, found {counts}")
        teach(root / "vit.onnx", root / "mobilenet.onnx", root / "lite.onnx", work)
        train(work, 0.1, 2, 32)
        train(work, 0.2, 2, 32)
        narrow(work, 0.1, 2, 32)
        # Hardly trained, and on noise: integers agree less than those of a trained student.
        export(work, root / "backbone.onnx", least=0.7)
        print_latency(root / "backbone.onnx")
