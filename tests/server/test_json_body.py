"""JSON bodies: what is read is what ``json`` reads, and what would grow is refused before it is built."""

import json
import random
import tracemalloc

import numpy as np
import pytest

from featx.server.errors import HTTPError
from featx.server.json_body import parse_json

MANY = {"max_values": 1000, "max_numbers": 1_000_000}


def flat(values):
    return [
        inner for value in values for inner in (flat(value) if type(value) is list else [value])
    ]


@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize("as_type", [int, float])
@pytest.mark.parametrize("nested", [True, False])
def test_the_numbers_of_a_long_tensor_come_flat_and_all_else_as_it_is(rng, indent, as_type, nested):
    pixels = rng.integers(0, 256, (3, 90, 90, 3))
    data = (pixels if nested else pixels.ravel()).astype(as_type).tolist()
    tensor = {"name": 'a "quoted" \\ name', "shape": [3], "data": data, "after": [1, [2]]}
    body = {"id": "[{,", "inputs": [tensor], "outputs": [{"name": "é\u2028"}]}
    found = parse_json(json.dumps(body, indent=indent).encode(), **MANY)
    assert found["inputs"][0].pop("data") == flat(tensor.pop("data"))
    assert found == body


def test_a_text_that_looks_like_a_tensor_stays_a_text():
    looks = ":[" + "1," * 200_000 + "1]"
    body = {"text": looks, "numbers": list(range(60_000)), "again": looks}
    assert parse_json(json.dumps(body).encode(), **MANY) == body


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_every_encoding_that_json_knows_is_read(encoding):
    body = {"a": "é" * 50_000, "b": ["\\", '"', '\\"']}
    assert parse_json(json.dumps(body, ensure_ascii=False).encode(encoding), max_values=9) == body


def test_what_is_counted_is_what_stands_outside_strings():
    """A body is read where it holds just as many values as it may, and not with one less."""
    letters, chooser = 'a\\"[]{},:é\n', random.Random(0)
    for _ in range(20):
        texts = ["".join(chooser.choices(letters, k=4000)) for _ in range(30)]
        body = json.dumps({"texts": texts}).encode()
        # The object, the list and its items; the object has no comma.
        assert parse_json(body, max_values=32) == {"texts": texts}
        with pytest.raises(HTTPError, match="more than 31 values"):
            parse_json(body, max_values=31)


NUMBERS = ",".join(["17"] * 100_000)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (f'{{"a":[{NUMBERS},]}}', 400),
        (f'{{"a":[,{NUMBERS}]}}', 400),
        (f'{{"a":[{NUMBERS},,1]}}', 400),
        (f'{{"a":[{NUMBERS} 1]}}', 400),
        (f'{{"a":[{NUMBERS},1x]}}', 400),
        (f'{{"a":[{"[],[]," * 50_000}1]}}', 400),
        (f'{{"a":[{NUMBERS}]', 400),
        (f'{{"a":[[{NUMBERS}]}}', 413),
        (f'{{"a":["x",{NUMBERS}]}}', 413),
        (f"[{NUMBERS}]", 413),
        ("[" + "{}," * 100_000 + "{}]", 413),
        ("[" * 100_000, 400),
        ('{"a":' * 100_000, 400),
        ('{"a":"' + "\\" * 100_001, 400),
    ],
)
def test_what_is_no_json_or_too_much_of_it_is_refused(body, status):
    with pytest.raises(HTTPError) as refused:
        parse_json(body.encode(), **MANY)
    assert refused.value.status == status


def test_a_body_of_many_values_is_refused_before_they_are_built():
    body = b"[" + b"{}," * 5_000_000 + b"{}]"
    tracemalloc.start()
    with pytest.raises(HTTPError, match="more than 50,000 values"):
        parse_json(body)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # Built they would take 64 bytes each.
    assert peak < 40_000_000


def test_numbers_beyond_the_limit_are_refused():
    body = b'{"data":[' + b"1," * 1_100_000 + b"1]}"
    with pytest.raises(HTTPError, match="more than 1,001,000 values"):
        parse_json(body, **MANY)
    assert np.sum(parse_json(body, max_numbers=2_000_000)["data"]) == 1_100_001
