"""A classifier of dark and light pictures, and pictures and a table beside it."""

import csv

import numpy as np
import pytest
from PIL import Image

import featx


@pytest.fixture(scope="session")
def shades(tmp_path_factory):
    """A folder with ``shade.featx``, ``my photos`` of two classes, and ``shades.csv`` that names them."""
    root = tmp_path_factory.mktemp("shades")
    rng = np.random.default_rng(0)
    photos, labels = [], []
    for label, base in (("dark", 40), ("light", 200)):
        (root / "my photos" / label).mkdir(parents=True)
        for k in range(3):
            photos.append(root / "my photos" / label / f"{k}.png")
            labels.append(label)
            pixels = base + rng.integers(-30, 30, (32, 32, 3))
            Image.fromarray(pixels.astype(np.uint8)).save(photos[-1])
    featx.save(featx.fit(photos, labels, head="centroid"), root / "shade.featx")
    with (root / "shades.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["path", "label", "caption", "price", "probability"])
        for number, (photo, label) in enumerate(zip(photos, labels, strict=True)):
            path = photo.relative_to(root)
            table.writerow([path, label, f'a "{label}" one, 日本 {number}', number / 4, "high"])
    return root
