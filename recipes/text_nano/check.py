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
from recipes.text_nano.tokens import Spelled, pad_ids

__all__ = ["check", "embed"]

# The largest difference that is allowed, of an embedding of length 1.
LIMIT = 1e-5
# Constants of the tokens' part.
PARTS = (
    "tokens token_gain pairs pair_gain widen_half reach w_in_half b_in w_out_half b_out"
).split()
TEXTS = (
    "This is an example sentence",
    "card",
    "Where is my new card? I ordered it two weeks ago!",
    "zzz qqq",
    "",
    "naïve café 漢字",
    "Привет, мир! ไม่เป็นไร",
    "नमस्ते",
)


def embed(constants: Mapping[str, np.ndarray], ids: Sequence[int]) -> np.ndarray:
    """Return the embedding of one text in float64 numpy, from the graph's constants.

    ``ids`` are its tokens, and then its letters.
    """
    pieces = int(constants["pieces"])
    tokens = [number for number in ids if number < pieces]
    letters = [number - pieces for number in ids if number >= pieces]
    row = np.zeros(int(constants["half"][0]))
    english = embed_tokens(constants, tokens)
    row[: len(english)] = english
    if not letters:
        return row
    known = sum(number != int(constants["unknown"]) for number in tokens)
    share = len(letters) / (len(letters) + known * float(constants["token_letters"]))
    mixed = row * np.sqrt(1 - share) + embed_letters(constants, letters) * np.sqrt(share) * LENGTH
    scaled: np.ndarray = mixed / float(np.linalg.norm(mixed)) * LENGTH
    return scaled


def embed_letters(constants: Mapping[str, np.ndarray], letters: Sequence[int]) -> np.ndarray:
    """Return the direction of the runs of one to three letters, shape (row,)."""
    width = int(constants["half"][0])
    both = np.zeros(2 * width)
    primes = [1, int(constants["prime_two"]), int(constants["prime_three"])]
    for size, order in enumerate(("one", "two", "three"), 1):
        for start in range(len(letters) - size + 1):
            run = letters[start : start + size]
            bucket = sum(a * b for a, b in zip(run, primes, strict=False)) % int(constants["runs"])
            weight = float(constants["run_weight"][bucket]) * float(constants[f"order_{order}"])
            both[constants["run_columns"][bucket]] += weight
    direction: np.ndarray = both[:width] - both[width:]
    return direction / max(float(np.linalg.norm(direction)), 1e-12)


def embed_tokens(constants: Mapping[str, np.ndarray], ids: Sequence[int]) -> np.ndarray:
    """Return the part of the tokens in float64 numpy, shape (width,)."""
    c = {name: constants[name].astype(np.float64) for name in PARTS}
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
    spell = Spelled(tokenizer)
    rows = [spell.ids(text) for text in TEXTS]
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
