"""Drawn goods: a photo, a caption, a price and a brand a row, and whether it was sold."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["draw_goods"]

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
