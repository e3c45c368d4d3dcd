"""Compare the pictures of model folders' recipes with those of the libraries that wrote the folders.

For every case of tests/support/hub_images.py, twelve odd pictures go through the library's own code
(transformers' processors on Pillow, torchvision's for DINOv3, timm's and open_clip's transforms) and through
featx. The table says how many levels of 255 they are apart at most. It needs an environment with torch 2.13.0,
torchvision, transformers, timm and open_clip_torch:

    python -m tools.oracles.image [--write tests/data/hub_images.npz]
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tests.support.hub_images import (
    CASES,
    CONFIG,
    FLAT,
    OPEN_CLIP,
    levels,
    odd_pictures,
    pinned,
    settings_of,
)

Reader = Callable[[Image.Image], np.ndarray]


def import_torchvision() -> None:
    """Import torchvision, also one that was built for another torch: its own operators are not needed."""
    try:
        import torchvision
    except RuntimeError:
        import torch

        library = torch.library.Library("torchvision", "FRAGMENT")
        for name in ("nms", "qnms"):
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        import torchvision

        # what is defined is gone with its library
        torchvision.defined = library


def transformers_reader(table: dict[str, Any]) -> Reader:
    """Return what transformers makes of a picture, by its type's class on Pillow where there is one."""
    import transformers

    name = table["image_processor_type"]
    found = getattr(transformers, f"{name}Pil", None) or getattr(transformers, name)
    processor = found(
        **{key: value for key, value in table.items() if key != "image_processor_type"}
    )
    return lambda picture: np.asarray(
        processor(picture, do_convert_rgb=True, return_tensors="np")["pixel_values"][0]
    )


def timm_reader(table: dict[str, Any]) -> Reader:
    """Return what timm makes of a picture, which its data sets make RGB."""
    from timm.data import create_transform, resolve_data_config

    transform = create_transform(
        **resolve_data_config(pretrained_cfg=table["pretrained_cfg"]), is_training=False
    )
    return lambda picture: transform(picture.convert("RGB")).numpy()


def open_clip_reader(table: dict[str, Any]) -> Reader:
    """Return what open_clip makes of a picture."""
    from open_clip.transform import PreprocessCfg, image_transform_v2

    size = table["model_cfg"]["vision_cfg"]["image_size"]
    config = {**table["preprocess_cfg"], "size": tuple(size) if isinstance(size, list) else size}
    transform = image_transform_v2(PreprocessCfg(**config), is_train=False)
    return lambda picture: transform(picture.convert("RGB")).numpy()


READERS = {FLAT: transformers_reader, CONFIG: timm_reader, OPEN_CLIP: open_clip_reader}


def compare(
    files: dict[str, Any], pictures: dict[str, Image.Image]
) -> tuple[dict[str, float], list[dict[str, np.ndarray]]]:
    """Return the largest difference of each picture in levels, and what is pinned of the library's tensors."""
    [(name, table)] = files.items()
    reader, settings = READERS[name](table), settings_of(files)
    apart: dict[str, float] = {}
    pins = []
    for title, picture in pictures.items():
        theirs, ours = reader(picture), settings.read(picture)
        pins.append(pinned(theirs, settings))
        if theirs.shape == ours.shape:
            both = levels(theirs, settings), levels(ours, settings)
            apart[title] = float(np.abs(both[0] - both[1]).max())
        else:
            apart[title] = math.inf
    return apart, pins


def main() -> None:
    """Print the table; write the pinned results where that is asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--write", type=Path, help="the .npz to which the libraries' results are written"
    )
    wanted = parser.parse_args().write
    import_torchvision()
    pictures, pins = odd_pictures(), []
    print(f"{'case':20}{'pictures':>9}{'differ by':>12}  worst")
    for case, files in CASES.items():
        apart, found = compare(files, pictures)
        pins.append(found)
        worst = max(apart, key=apart.__getitem__)
        print(f"{case:20}{len(apart):9}{apart[worst]:12.5f}  {worst}")
    if wanted:
        arrays = {key: np.array([[pin[key] for pin in row] for row in pins]) for key in pins[0][0]}
        np.savez_compressed(wanted, cases=list(CASES), pictures=list(pictures), **arrays)


if __name__ == "__main__":
    main()
