"""Hostile cells, encoders and records: encoded to finite numbers, or refused in one line of words.

``FEATX_FUZZ_CELLS=N`` tries so many columns of each kind.
"""

from __future__ import annotations

import json
import os
import random
import string
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest

from featx import FeatxError
from featx.errors import BadArtifact, BadSample
from featx.inputs.encoder import ENCODERS, encoder_class, read_encoder
from featx.inputs.proposing import guess_kind
from featx.inputs.reading import RecordStream, read_records, readable_of
from featx.inputs.spec import INPUT_KINDS, InputSpec, make_specs
from featx.sources import Columns
from tests.support.fuzzing import ODD_VALUES, altered_trees

SEED = 18
COUNT = int(os.environ.get("FEATX_FUZZ_CELLS", "250"))

CHARACTERS = string.printable + "€%½²\u00a0\u202f\u2212\uff11\u0663∞°é\ud800\0"
PIECES = (
    "1",
    "2024",
    ",",
    ".",
    "-",
    "/",
    ":",
    "e",
    "€",
    "%",
    " ",
    "T",
    "Z",
    "+",
    "[",
    "]",
    "jpg",
    ";",
    "'",
)
ODD = (*ODD_VALUES, b"", b"x", {1}, object(), complex(1, 2), np.zeros((2, 2)), np.array([]))


def odd_text(rng: random.Random) -> str:
    pieces = PIECES if rng.random() < 0.7 else CHARACTERS
    return "".join(rng.choices(pieces, k=rng.randrange(12)))


GOOD: dict[str, Callable[[random.Random], Any]] = {
    "number": lambda rng: rng.choice(
        [rng.gauss(0, 100), f"{rng.gauss(0, 9):.2f}", rng.randrange(99)]
    ),
    "category": lambda rng: rng.choice(["red", "blue", 3, True, None]),
    "date": lambda rng: (date(2024, 1, 1) + timedelta(rng.randrange(900))).isoformat(),
    "vector": lambda rng: rng.choice([[1, 2.5], "[3, 4]", np.ones(2)]),
}


def column_of(rng: random.Random, kind: str) -> list[Any]:
    """Return a column that is mostly, hardly or not at all of a kind."""
    share = rng.choice((0.0, 0.2, 0.9, 1.0))
    return [
        GOOD[kind](rng)
        if rng.random() < share
        else rng.choice(ODD)
        if rng.random() < 0.5
        else odd_text(rng)
        for _ in range(rng.randrange(1, 12))
    ]


def check_words(error: FeatxError) -> None:
    assert "\n" not in str(error)
    assert len(str(error)) < 1000
    str(error).encode()


@pytest.mark.parametrize("kind", ENCODERS)
def test_cells_are_encoded_to_finite_numbers_or_refused_in_words(kind: str) -> None:
    rng = random.Random(f"{SEED} {kind}")
    fitted = 0
    for _ in range(COUNT):
        cells = column_of(rng, kind)
        try:
            encoder, notes = encoder_class(kind).fit(cells, "the column")
        except BadSample as error:
            check_words(error)
            continue
        fitted += 1
        assert all("\n" not in note for note in notes)
        values = []
        for cell in [*cells, *column_of(rng, kind), odd_text(rng)]:
            try:
                values.append(encoder.read(cell))
            except BadSample as error:
                check_words(error)
        rows = encoder.encode(values)
        assert rows.dtype == np.float32
        assert rows.shape == (len(values), encoder.dim) == (len(values), len(encoder.names))
        assert np.isfinite(rows).all()
        assert all(isinstance(encoder.is_doubtful(value), bool) for value in values)
        back = read_encoder(json.loads(json.dumps(encoder.to_dict())), "the column")
        assert back == encoder
        assert np.array_equal(back.encode(values), rows)
    assert fitted > COUNT / 10


@pytest.mark.parametrize("kind", ENCODERS)
def test_what_a_stranger_wrote_is_an_encoder_or_refused(kind: str) -> None:
    rng = random.Random(f"{SEED} {kind}")
    cells = [GOOD[kind](rng) for _ in range(20)]
    table = encoder_class(kind).fit(cells, "the column")[0].to_dict()
    for altered in altered_trees(table, SEED, COUNT):
        try:
            encoder = read_encoder(altered, "the column")
        except BadArtifact as error:
            check_words(error)
            continue
        values = []
        for cell in cells:
            try:
                values.append(encoder.read(cell))
            except BadSample as error:
                check_words(error)
        rows = encoder.encode(values)
        assert rows.shape == (len(values), encoder.dim)
        assert np.isfinite(rows).all()


def test_the_kind_of_any_column_is_guessed_or_not() -> None:
    rng = random.Random(SEED)
    seen = set()
    for _ in range(COUNT):
        seen.add(guess_kind(column_of(rng, rng.choice(list(GOOD)))))
    assert seen <= {*INPUT_KINDS, None}
    assert len(seen) > 3


def test_any_text_names_an_input_or_is_refused_in_words() -> None:
    rng = random.Random(SEED)
    for _ in range(4 * COUNT):
        text = ":".join(
            rng.choices([*INPUT_KINDS, "", "a", " ", odd_text(rng)], k=rng.randrange(5))
        )
        try:
            spec = InputSpec.parse(text)
        except FeatxError as error:
            check_words(error)
            continue
        assert InputSpec.parse(spec.to_text()) == spec


def random_table(rng: random.Random) -> list[dict[str, Any]]:
    """Return rows of a photo, a text, a number and a category, with odd cells and keys among them."""
    rows = []
    for number in range(rng.randrange(1, 8)):
        row = {"photo": f"{number}.jpg", "text": "a b", "price": "1", "brand": "x", "label": "y"}
        for key in row:
            if rng.random() < 0.3:
                row[key] = rng.choice([v for v in ODD if is_json(v)] + [odd_text(rng)])
        if rng.random() < 0.1:
            del row[rng.choice(list(row))]
        rows.append(row)
    return rows


def is_json(value: Any) -> bool:
    try:
        json.dumps(value)
    except (TypeError, ValueError):
        return False
    return not isinstance(value, list | str) or len(value) < 5000


SPECS = make_specs(["photo:image", "text:text", "price:number", "brand:category"])


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".jsonl", ".json", "-"])
def test_no_row_of_a_table_is_lost(tmp_path, suffix: str) -> None:
    rng = random.Random(f"{SEED} {suffix}")
    asked = Columns(skip=True)
    read = 0
    for _ in range(COUNT // 5):
        rows = random_table(rng)
        text = json.dumps(rows) if suffix == ".json" else "\n".join(map(json.dumps, rows))
        (tmp_path / f"t{suffix}").write_text(text)
        try:
            if suffix == "-":
                with (tmp_path / "t-").open("rb") as file:
                    stream = RecordStream(SPECS, asked, file)
                    samples = [s for batch in stream.batches(readable_of(SPECS)) for s in batch]
            else:
                samples = read_records(tmp_path / f"t{suffix}", SPECS, asked)
        except FeatxError as error:
            check_words(error)
            continue
        assert len(samples) == len(rows)
        assert len({sample.id for sample in samples}) == len(rows)
        read += 1
    assert read > COUNT / 20
