"""The part of the graph that reads letters: hashed runs of one to three, in columns drawn at random.

Every run of letters has a bucket, and every bucket a weight and a few columns of twice the embedding's
width; what falls into the second half counts as negative. A text's runs are added up there: a random
projection of their counts.
"""

import numpy as np
from onnx import TensorProto

from recipes.common.onnx_graph import Step
from recipes.text_nano.settings import PRIME, Settings

__all__ = [
    "EACH_STEPS",
    "LETTER_STEPS",
    "MIX_STEPS",
    "SPLIT_STEPS",
    "draw_columns",
    "letter_constants",
    "unit",
]

# How much runs of one, two and three letters count.
ORDERS = (0.7, 0.5, 0.25)
# A token counts as so many letters where a text has both.
LETTERS_OF_A_TOKEN = 3.0
# What the part of a letter is multiplied with in the mean of tokens and letters.
LETTER_GAIN = 0.33
TO_INT64 = {"to": TensorProto.INT64}
TO_FLOAT = {"to": TensorProto.FLOAT}


def draw_columns(settings: Settings) -> np.ndarray:
    """Return the columns of each bucket, int16 of shape (runs, spread), below twice the row's width."""
    rng = np.random.default_rng(settings.seed)
    # one of each stretch of columns, so that no two of a bucket meet
    size = settings.row // settings.spread
    drawn = rng.integers(0, size, (settings.runs, settings.spread))
    drawn += np.arange(settings.spread) * size
    columns: np.ndarray = drawn + settings.row * rng.integers(0, 2, drawn.shape)
    return columns.astype(np.int16)


def letter_constants(weights: np.ndarray, pieces: int, settings: Settings) -> dict[str, np.ndarray]:
    """Return the constants of the letters' part.

    Parameters
    ----------
    weights : ndarray of shape (runs,), float
        How much each bucket counts, at most 1.
    pieces : int
        The number of tokens; letters are numbered from there on.
    """
    constants: dict[str, np.ndarray] = {
        "run_columns": draw_columns(settings),
        "run_weight": np.round(np.clip(weights, 0, 1) * 127).astype(np.int8),
    }
    constants |= {
        name: np.array(value) for name, value in whole_constants(pieces, settings).items()
    }
    floats = {
        "token_letters": LETTERS_OF_A_TOKEN,
        "certain": 1.0,
        "nought": 0.0,
        "letter_gain": LETTER_GAIN,
        "order_one": ORDERS[0] / 127,
        "order_two": ORDERS[1] / 127,
        "order_three": ORDERS[2] / 127,
    }
    constants |= {name: np.array(value, np.float32) for name, value in floats.items()}
    return constants


def whole_constants(pieces: int, settings: Settings) -> dict[str, int | list[int]]:
    """Return the whole numbers of the letters' part."""
    return {
        "pieces": pieces,
        "unknown": 1,
        "padding": 0,
        "nobody": -1,
        "runs": settings.runs,
        "prime_two": PRIME,
        "prime_three": PRIME * 31 + 2,
        "double": 2 * settings.row,
        "whole_one": 1,
        "narrow": settings.width,
        "zero": [0],
        "two": [2],
        "behind": [0, 1],
        "flat": [-1],
        "one_column": [-1, 1],
        "as_rows": [-1, 2 * settings.row],
        "half": [settings.row],
        "row_start": [0, 0, 0, settings.row - settings.width],
        "spread": [1, settings.spread],
    }


def shifted(x: str, filling: str, result: str) -> list[Step]:
    """Return the steps to what follows each entry of ``x``, and ``filling`` behind the last."""
    return [
        ("Pad", f"{x} behind {filling}", f"{x}_longer"),
        ("Slice", f"{x}_longer one end", result),
    ]


def unit(x: str, result: str) -> list[Step]:
    """Return the steps that divide the rows of ``x`` by their lengths."""
    return [
        ("ReduceL2", x, f"{x}_norm", {"axes": [1], "keepdims": 1}),
        ("Max", f"{x}_norm tiny", f"{x}_norm_safe"),
        ("Div", f"{x} {x}_norm_safe", result),
    ]


def in_columns(places: str, result: str) -> list[Step]:
    """Return the steps that add the weights of all runs up, at ``places`` and in their columns.

    ``<result>_size`` is how many places there are.
    """
    return [
        ("Concat", f"{places} {places} {places}", f"{result}_places", {"axis": 0}),
        ("Mul", f"{result}_places double", f"{result}_begin"),
        ("Reshape", f"{result}_begin one_column", f"{result}_begins"),
        ("Add", f"{result}_begins columns", f"{result}_index_2d"),
        ("Reshape", f"{result}_index_2d flat", f"{result}_index"),
        ("Mul", f"{result}_size double", f"{result}_length"),
        ("ConstantOfShape", f"{result}_length", f"{result}_empty"),
        (
            "ScatterElements",
            f"{result}_empty {result}_index run_values",
            f"{result}_filled",
            {"axis": 0, "reduction": "add"},
        ),
        ("Reshape", f"{result}_filled as_rows", f"{result}_both"),
        ("Slice", f"{result}_both zero half one", f"{result}_plus"),
        ("Slice", f"{result}_both half end one", f"{result}_minus"),
        ("Sub", f"{result}_plus {result}_minus", result),
    ]


# To ``token_ids`` and ``mask``, in which letters are padding, and ``letter_mask``.
SPLIT_STEPS: list[Step] = [
    ("Cast", "attention_mask", "mask_all", TO_FLOAT),
    ("Less", "input_ids pieces", "is_token"),
    ("Cast", "is_token", "token_flag", TO_FLOAT),
    ("Where", "is_token input_ids padding", "token_ids"),
    ("Mul", "mask_all token_flag", "mask"),
    ("Sub", "mask_all mask", "letter_mask"),
]

# To ``letters_sum``: all letters, one text after the other, with the next and the one after it.
LETTER_STEPS: list[Step] = [
    ("NonZero", "letter_mask", "letter_places"),
    ("Transpose", "letter_places", "letter_index", {"perm": [1, 0]}),
    ("GatherND", "input_ids letter_index", "letter_ids"),
    ("Sub", "letter_ids pieces", "first"),
    ("Gather", "letter_places padding", "owner", {"axis": 0}),
    ("ReduceSum", "letter_mask one", "letter_total", {"keepdims": 0}),
    ("Greater", "letter_total nought", "is_spelled"),
    ("NonZero", "is_spelled", "spelled_rows_2d"),
    ("Squeeze", "spelled_rows_2d zero", "spelled_rows"),
    ("Shape", "spelled_rows", "letters_sum_size"),
    ("Cast", "is_spelled", "spelled_flag", TO_INT64),
    ("CumSum", "spelled_flag padding", "spelled_number", {"exclusive": 1}),
    ("Gather", "spelled_number owner", "spelled_owner"),
    *shifted("first", "padding", "second"),
    *shifted("second", "padding", "third"),
    *shifted("owner", "nobody", "owner_second"),
    *shifted("owner_second", "nobody", "owner_third"),
    ("Equal", "owner_second owner", "has_second"),
    ("Equal", "owner_third owner", "has_third"),
    ("Cast", "has_second", "second_flag", TO_FLOAT),
    ("Cast", "has_third", "third_flag", TO_FLOAT),
    ("Mul", "second prime_two", "second_key"),
    ("Add", "first second_key", "key_two"),
    ("Mul", "third prime_three", "third_key"),
    ("Add", "key_two third_key", "key_three"),
    ("Concat", "first key_two key_three", "keys", {"axis": 0}),
    ("Mod", "keys runs", "buckets_of_runs"),
    ("Cast", "first", "first_float", TO_FLOAT),
    ("Mul", "first_float nought", "no_weight"),
    ("Add", "no_weight order_one", "weight_one"),
    ("Mul", "second_flag order_two", "weight_two"),
    ("Mul", "third_flag order_three", "weight_three"),
    ("Concat", "weight_one weight_two weight_three", "weights_by_order", {"axis": 0}),
    ("Gather", "run_weight buckets_of_runs", "run_weight_int8"),
    ("Cast", "run_weight_int8", "run_weight_float", TO_FLOAT),
    ("Mul", "run_weight_float weights_by_order", "weight_of_run"),
    ("Gather", "run_columns buckets_of_runs", "columns_int16"),
    ("Cast", "columns_int16", "columns", TO_INT64),
    ("Reshape", "weight_of_run one_column", "weight_column"),
    ("Tile", "weight_column spread", "weight_table"),
    ("Reshape", "weight_table flat", "run_values"),
    *in_columns("spelled_owner", "letters_sum"),
]

# To ``embedding``, of ``english`` and ``letters_sum``: of texts without letters it is ``english`` to the bit.
MIX_STEPS: list[Step] = [
    ("Equal", "token_ids unknown", "is_unknown"),
    ("Where", "is_unknown nought mask", "known_mask"),
    ("ReduceSum", "known_mask one", "known_total", {"keepdims": 0}),
    ("Gather", "known_total spelled_rows", "known_count"),
    ("Gather", "letter_total spelled_rows", "letter_count"),
    ("Mul", "known_count token_letters", "known_letters"),
    ("Add", "letter_count known_letters", "all_letters"),
    ("Div", "letter_count all_letters", "spelled_share"),
    ("Sub", "certain spelled_share", "known_share"),
    ("Sqrt", "spelled_share", "spelled_part"),
    ("Sqrt", "known_share", "known_part"),
    ("Unsqueeze", "spelled_part one", "spelled_parts"),
    ("Unsqueeze", "known_part one", "known_parts"),
    ("Gather", "english spelled_rows", "english_some"),
    ("Mul", "english_some known_parts", "english_scaled"),
    ("Pad", "english_scaled row_start", "english_row"),
    *unit("letters_sum", "letters_unit"),
    ("Mul", "spelled_parts length", "letters_length"),
    ("Mul", "letters_unit letters_length", "letters_row"),
    ("Add", "english_row letters_row", "mixed"),
    *unit("mixed", "mixed_unit"),
    ("Mul", "mixed_unit length", "mixed_row"),
    ("Pad", "english row_start", "rows"),
    ("Unsqueeze", "spelled_rows one", "spelled_index"),
    ("ScatterND", "rows spelled_index mixed_row", "embedding"),
]

# To ``each_token``: what each token and each letter adds, in ``width`` columns, for a plain mean of them.
EACH_STEPS: list[Step] = [
    ("Transpose", "token_weights3", "token_weight_columns", {"perm": [0, 2, 1]}),
    ("Mul", "token_rows token_weight_columns", "each_word"),
    ("Reshape", "each_word flat", "each_flat"),
    ("Shape", "each_word", "each_shape"),
    ("Slice", "each_shape one two", "tokens_1d"),
    ("Gather", "letter_places whole_one", "letter_column", {"axis": 0}),
    ("Mul", "owner tokens_1d", "owner_begin"),
    ("Add", "owner_begin letter_column", "letter_position"),
    ("Concat", "letter_position letter_position letter_position", "run_position", {"axis": 0}),
    ("Mul", "run_position narrow", "run_begin"),
    ("Reshape", "run_begin one_column", "run_begins"),
    ("Mod", "columns narrow", "narrow_columns"),
    ("Add", "run_begins narrow_columns", "run_index_2d"),
    ("Reshape", "run_index_2d flat", "run_index"),
    ("Less", "columns half", "is_plus"),
    ("Neg", "weight_table", "weight_minus"),
    ("Where", "is_plus weight_table weight_minus", "signed_2d"),
    ("Mul", "signed_2d letter_gain", "signed_gained"),
    ("Reshape", "signed_gained flat", "signed_values"),
    (
        "ScatterElements",
        "each_flat run_index signed_values",
        "each_filled",
        {"axis": 0, "reduction": "add"},
    ),
    ("Reshape", "each_filled each_shape", "each_token"),
]
