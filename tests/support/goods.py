"""Drawn goods: a photo, a caption, a price and a brand a row, and whether it was sold."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

__all__ = ["draw_goods", "write_goods"]

_NOUNS = ("apple", "pear", "car", "house", "fire")
_BRANDS = ("Acme", "Bolt", "Cord")


def draw_goods(n: int, seed: int = 0) -> list[dict[str, Any]]:
    """Return n rows: light photos are sold mostly, and captions tell nothing."""
    rng = np.random.default_rng(seed)
    rows = []
    for index in range(n):
        sold = index % 2
        shade = int(rng.integers(20, 120) + 100 * sold)
        photo = np.clip(shade + rng.integers(-20, 20, (9, 9, 3)), 0, 255).astype(np.uint8)
        caption = f"a {_NOUNS[int(rng.integers(5))]} number {index}"
        price = float(rng.normal(10 - 2 * sold, 1))
        brand = _BRANDS[int(rng.integers(3))]
        values = {"photo": photo, "caption": caption, "price": price, "brand": brand}
        rows.append({**values, "sold": "yes" if sold else "no"})
    return rows


def write_goods(folder: Path, n: int, seed: int = 0) -> Path:
    """Write n rows as a table with their photos beside, and the seller of each; return the table."""
    photos = folder / "photos"
    photos.mkdir(parents=True, exist_ok=True)
    path = folder / "goods.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "photo", "caption", "price", "brand", "seller", "sold"])
        for index, row in enumerate(draw_goods(n, seed)):
            name = f"photos/{index}.png"
            Image.fromarray(np.kron(row["photo"], np.ones((8, 8, 1), np.uint8))).save(folder / name)
            cells = (row["caption"], row["price"], row["brand"], f"s{index // 3}", row["sold"])
            writer.writerow([f"g{index}", name, *cells])
    return path
