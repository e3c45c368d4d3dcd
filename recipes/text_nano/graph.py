"""The ONNX graph of featx-text-nano: int8 tables, of which only the gathered rows are widened."""

import math
from pathlib import Path

import numpy as np
from onnx import TensorProto

from recipes.common.onnx_graph import Step, graph_value, save_graph
from recipes.text_nano.letters import (
    EACH_STEPS,
    LETTER_STEPS,
    MIX_STEPS,
    SPLIT_STEPS,
    letter_constants,
    unit,
)
from recipes.text_nano.settings import LENGTH, PRIME, SHIPPED, Settings

__all__ = ["export", "write_graph"]

BY_ROW = {"axes": [1], "keepdims": 1}
TO_FLOAT = {"to": TensorProto.FLOAT}


def quantize_rows(table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return int8 rows, and what to multiply each by, float32."""
    gain = np.maximum(np.abs(table).max(1), 1e-12) / 127
    return np.round(table / gain[:, None]).astype(np.int8), gain.astype(np.float32)


def graph_constants(weights: dict[str, np.ndarray], settings: Settings) -> dict[str, np.ndarray]:
    """Return the graph's constants from the student's parameters (as in ``student.npz``)."""
    constants: dict[str, np.ndarray] = {
        "b_in": weights["into_bias"],
        "b_out": weights["out_bias"],
        "prime": np.array(PRIME),
        "buckets": np.array(settings.buckets),
        "one": np.array([1]),
        "end": np.array([2**62]),
        "nil": np.array([[0]]),
        "tiny": np.array(1e-12, np.float32),
        "reach": np.array(math.sqrt(settings.width) / 2, np.float32),
        "length": np.array(LENGTH, np.float32),
    }
    constants["tokens"], constants["token_gain"] = quantize_rows(weights["tokens"])
    constants["pairs"], constants["pair_gain"] = quantize_rows(weights["pairs"])
    for name, matrix in (
        ("widen", "widen_weight"),
        ("w_in", "into_weight"),
        ("w_out", "out_weight"),
    ):
        constants[f"{name}_half"] = weights[matrix].T.astype(np.float16)
    runs = weights.get("runs", np.ones(settings.runs, np.float32))
    return constants | letter_constants(runs, len(constants["tokens"]), settings)


def masked_sum(ids: str, table: str, mask: str) -> list[Step]:
    """Return the steps to ``<table>_sum``: the gathered rows times the mask, as one product."""
    return [
        ("Gather", f"{table}s {ids}", f"{table}_int8"),
        ("Cast", f"{table}_int8", f"{table}_rows", TO_FLOAT),
        ("Gather", f"{table}_gain {ids}", f"{table}_gains"),
        ("Mul", f"{table}_gains {mask}", f"{table}_weights"),
        ("Unsqueeze", f"{table}_weights one", f"{table}_weights3"),
        ("MatMul", f"{table}_weights3 {table}_rows", f"{table}_sum3"),
        ("Squeeze", f"{table}_sum3 one", f"{table}_sum"),
    ]


# To ``pair_ids``, the bucket of each token and the next, and ``both``, the mask of such pairs.
PAIR_STEPS: list[Step] = [
    ("Slice", "token_ids one end one", "ids_after"),
    ("Slice", "mask one end one", "mask_after"),
    ("ReduceMax", "token_ids", "highest", BY_ROW),
    ("Mul", "highest nil", "no_id"),
    ("Cast", "no_id", "no_mask", TO_FLOAT),
    ("Concat", "ids_after no_id", "next_ids", {"axis": 1}),
    ("Concat", "mask_after no_mask", "next_mask", {"axis": 1}),
    ("Mul", "token_ids prime", "spread_ids"),
    ("Add", "spread_ids next_ids", "key"),
    ("Mod", "key buckets", "pair_ids"),
    ("Mul", "mask next_mask", "both"),
]

# To ``bent``: the direction plus what the hidden layer makes of it.
HIDDEN_STEPS: list[Step] = [
    ("Mul", "direction reach", "stretched"),
    ("Gemm", "stretched w_in b_in", "hidden"),
    ("Relu", "hidden", "active"),
    ("Gemm", "active w_out b_out", "bend"),
    ("Add", "direction bend", "bent"),
]

# To ``english``; a mask of zeros gives zeros.
SCALE_STEPS: list[Step] = [
    ("ReduceMax", "mask", "any", BY_ROW),
    ("Mul", "any length", "scale"),
    ("Mul", "bent_direction scale", "english"),
]


def graph_steps() -> list[Step]:
    """Return all the steps, from ``input_ids`` and ``attention_mask`` to ``embedding``."""
    return [
        *(("Cast", f"{name}_half", name, TO_FLOAT) for name in ("widen", "w_in", "w_out")),
        *SPLIT_STEPS,
        *masked_sum("token_ids", "token", "mask"),
        *PAIR_STEPS,
        *masked_sum("pair_ids", "pair", "both"),
        ("MatMul", "pair_sum widen", "pair_wide"),
        ("Add", "token_sum pair_wide", "bag"),
        *unit("bag", "direction"),
        *HIDDEN_STEPS,
        *unit("bent", "bent_direction"),
        *SCALE_STEPS,
        *LETTER_STEPS,
        *MIX_STEPS,
        *EACH_STEPS,
    ]


def write_graph(path: Path, weights: dict[str, np.ndarray], settings: Settings = SHIPPED) -> None:
    """Write the graph of a student's parameters.

    ``input_ids`` and ``attention_mask`` (N, L) int64 to ``embedding`` (N, row) float32.
    """
    names = ("input_ids", "attention_mask")
    save_graph(
        path,
        "featx-text-nano",
        graph_steps(),
        graph_constants(weights, settings),
        [graph_value(name, ["N", "L"], TensorProto.INT64) for name in names],
        graph_value("embedding", ["N", settings.row]),
    )


def export(work: Path, out: Path, settings: Settings = SHIPPED) -> None:
    """Write OUT/backbone.onnx and OUT/tokenizer.json from WORK."""
    out.mkdir(parents=True, exist_ok=True)
    write_graph(out / "backbone.onnx", dict(np.load(work / "student.npz")), settings)
    (out / "tokenizer.json").write_bytes((work / "tokenizer.json").read_bytes())
    size = sum((out / name).stat().st_size for name in ("backbone.onnx", "tokenizer.json"))
    print(f"{size} bytes")
