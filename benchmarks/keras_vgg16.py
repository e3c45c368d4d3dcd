"""Does a VGG16 exported from Keras with include_top=False give Keras' own features through featx?

Two steps, because Keras lives in an environment of its own (pip install tensorflow-cpu tf2onnx pillow):

    python benchmarks/keras_vgg16.py export OUT PHOTO…     # there: OUT/vgg16.onnx, OUT/features.npz
    python benchmarks/keras_vgg16.py compare OUT           # here, with featx; fails above 1e-3

The weights are random, from a fixed seed: the question is about layouts, colours, scales and the graph,
and ImageNet weights would need a download. ``OUT`` remembers the photos that were used; take ones
without an EXIF orientation, which featx obeys and Keras does not.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import numpy as np

SIDE = 224
LIMIT = 1e-3


def export(out: Path, photos: list[str]) -> None:
    """Keras' side: the graph, and the features that Keras itself computes."""
    import keras
    from keras.applications import vgg16

    keras.utils.set_random_seed(0)
    model = vgg16.VGG16(weights=None, include_top=False, input_shape=(SIDE, SIDE, 3))
    images = [keras.utils.load_img(photo, target_size=(SIDE, SIDE)) for photo in photos]
    batch = vgg16.preprocess_input(np.stack([keras.utils.img_to_array(image) for image in images]))
    out.mkdir(parents=True, exist_ok=True)
    np.savez(
        out / "features.npz",
        features=model.predict(batch, batch_size=4, verbose=0),
        photos=[str(Path(photo).resolve()) for photo in photos],
    )
    model.export(str(out / "vgg16.onnx"), format="onnx", verbose=False)


def compare(out: Path) -> None:
    """featx's side: import the graph as its user would, and compare row by row."""
    from featx.backbones.backbone import Backbone
    from featx.backbones.importing import import_model

    with tempfile.TemporaryDirectory() as home:
        os.environ["FEATX_DATA_DIR"] = home
        os.environ["FEATX_CACHE_DIR"] = home
        card = import_model(
            out / "vgg16.onnx",
            name="vgg16-keras",
            like="caffe",
            options={"resize": (SIDE, SIDE), "interpolation": "nearest"},
            pooling="flatten",
        )
        backbone = Backbone(card)
        with np.load(out / "features.npz") as kept:
            photos, features = list(kept["photos"]), kept["features"]
        items = [backbone.reader.read(backbone.reader.load(photo)) for photo in photos]
        rows = backbone.embed_items(items)
    expected = features.reshape(len(photos), -1)
    worst = np.abs(rows - expected).max(axis=1) / np.abs(expected).max(axis=1)
    norm = np.linalg.norm(rows - expected, axis=1) / np.linalg.norm(expected, axis=1)
    print(
        f"{len(photos)} photos, {rows.shape[1]} values each; relative to the largest value of a row:"
    )
    print(f"worst {worst.max():.2e}, by norm {norm.max():.2e}, allowed {LIMIT:.0e}")
    sys.exit(0 if worst.max() < LIMIT else 1)


if __name__ == "__main__":
    step, folder, *rest = sys.argv[1:]
    export(Path(folder), rest) if step == "export" else compare(Path(folder))
