"""The graph of featx-text-nano against the same mathematics in numpy."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer

from recipes.common.comparison import require_close
from recipes.common.onnx_graph import constants_of
from recipes.common.sessions import open_session
from recipes.text_nano.settings import LENGTH, PRIME
from recipes.text_nano.tokens import pad_ids

__all__ = ["check", "embed"]

# The largest difference that is allowed, of an embedding of length 1.
LIMIT = 1e-5
TEXTS = (
    "This is an example sentence",
    "card",
    "Where is my new card? I ordered it two weeks ago!",
    "zzz qqq",
    "",
    "naïve café 漢字",
)


def embed(constants: Mapping[str, np.ndarray], ids: Sequence[int]) -> np.ndarray:
    """Return the embedding of one sentence in float64 numpy, from the graph's constants."""
    c = {name: value.astype(np.float64) for name, value in constants.items()}
    if not ids:
        return np.zeros(len(c["b_out"]))
    ids = list(ids)
    keys = [(a * PRIME + b) % int(constants["buckets"]) for a, b in pairwise(ids)]
    bag = (c["tokens"][ids] * c["token_gain"][ids, None]).sum(0)
    bag = bag + (c["pairs"][keys] * c["pair_gain"][keys, None]).sum(0) @ c["widen_half"]
    direction = bag / max(float(np.linalg.norm(bag)), 1e-12)
    hidden = np.maximum(direction * c["reach"] @ c["w_in_half"] + c["b_in"], 0)
    bent = direction + hidden @ c["w_out_half"] + c["b_out"]
    row: np.ndarray = bent / max(float(np.linalg.norm(bent)), 1e-12) * LENGTH
    return row


def run(session: Any, ids: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return what the graph gives for ids and mask, shape (rows, width)."""
    rows: np.ndarray = session.run(None, {"input_ids": ids, "attention_mask": mask})[0]
    return rows


def check(out: Path) -> None:
    """Compare the graph in OUT with numpy, with each text alone, and with more padding.

    Raises
    ------
    SystemExit
        A difference is above ``LIMIT``, or a text without tokens does not give zeros.
    """
    tokenizer = Tokenizer.from_file(str(out / "tokenizer.json"))
    session = open_session(out / "backbone.onnx")
    constants = constants_of(out / "backbone.onnx")
    rows = [tokenizer.encode(text).ids for text in TEXTS]
    ids, mask = pad_ids(rows)
    together = run(session, ids, mask)
    alone = np.concatenate([run(session, *pad_ids([row])) for row in rows])
    # Padding is masked, so its ids may be any.
    wide = np.pad(ids, ((0, 0), (0, 9)), constant_values=7), np.pad(mask, ((0, 0), (0, 9)))
    for name, other in (
        ("numpy", np.stack([embed(constants, row) for row in rows])),
        ("neighbours", alone),
        ("padding", run(session, *wide)),
    ):
        require_close(name, together, other, LIMIT, scale=LENGTH)
    if together[TEXTS.index("")].any():
        raise SystemExit("a mask of zeros: expected zeros, found other values")
    print(f"{TEXTS[0]!r} begins", *(f"{value:.4f}" for value in together[0, :8]))
