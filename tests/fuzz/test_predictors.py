"""Predictors of someone who mends every digest: refused in words, or they answer with probabilities."""

import io
import json
import random

import numpy as np
import pytest

from featx.heads import HEADS
from tests.support.fuzzing import OK, REFUSED, altered_trees, attack, mutated
from tests.support.hostile_heads import hostile_arrays, hostile_estimators, hostile_schemas
from tests.support.hostile_manifests import hostile_containers, hostile_manifests
from tests.support.hostile_predictors import (
    OWN,
    Hostile,
    inspect,
    linear_arrays,
    members,
    nodes_of,
    read,
    whole,
    with_arrays,
    with_head,
    zipped,
)

BORDERS = {
    "arrays": hostile_arrays,
    "estimators": hostile_estimators,
    "schemas": hostile_schemas,
    "manifests": hostile_manifests,
    "containers": hostile_containers,
}
KINDS = sorted({*HEADS, *OWN})


def tried(inputs):
    """What came of predictors, and the names of those that were neither refused nor answered."""
    inputs = list(inputs)
    tally = attack(read, inputs)
    faults = [(inputs[number].name, outcome, said) for number, outcome, said in tally.faults]
    return tally.counts, faults


@pytest.mark.parametrize(
    "border",
    [
        pytest.param(name, marks=() if name == "containers" else pytest.mark.slow)
        for name in BORDERS
    ],
)
def test_what_is_made_by_hand_is_refused_or_answers_with_probabilities(border):
    counts, faults = tried(BORDERS[border]())
    assert faults == []
    assert counts[REFUSED] > 15


@pytest.mark.slow
def test_no_manifest_ends_the_command_that_shows_it_in_a_traceback():
    inputs = list(hostile_manifests())
    tally = attack(inspect, inputs)
    assert [(inputs[n].name, said) for n, _, said in tally.faults] == []
    assert tally.counts[OK] == len(inputs)


@pytest.mark.slow
def test_whole_predictors_answer():
    counts, faults = tried(whole(kind) for kind in [*KINDS, "report"])
    assert faults == []
    assert counts == {OK: len(KINDS) + 1}


def damaged_arrays(kind, seed, count):
    """Predictors with one array of the head damaged: its header, its numbers, or its type and shape."""
    parts = members(whole(kind).files["head.skops"])
    names = sorted(name for name in parts if name.endswith(".npy"))
    rng = random.Random(seed)
    for number in range(count):
        name = rng.choice(names)
        if rng.random() < 0.5:
            [data] = mutated(parts[name], seed * 100_000 + number, 1)
        else:
            data = other_array(np.load(io.BytesIO(parts[name])), rng)
        yield with_head(kind, f"array {number}", zipped({**parts, name: data}))


def other_array(array, rng):
    """An array of another type, shape or numbers than the one it takes the place of."""
    edges = [0, -1, 1, 2**31 - 1, -(2**31), 1e308, -1e308, np.nan, np.inf, 1e-320, 255]
    kind = rng.choice(("number", "all", "type", "cut", "twice", "axis", "flat", "turned", "empty"))
    array = np.array(array)
    with np.errstate(all="ignore"):
        if kind == "number" and array.size and array.dtype.kind in "iuf":
            array.ravel()[rng.randrange(array.size)] = np.array(rng.choice(edges)).astype(
                array.dtype
            )
        elif kind == "all" and array.dtype.kind in "iuf":
            array[...] = np.array(rng.choice(edges)).astype(array.dtype)
        elif kind == "type" and array.dtype.kind in "iuf":
            array = array.astype(
                rng.choice(("i1", "i8", "u8", "f2", "f4", "f8", "c16", "U5", ">f8"))
            )
        elif kind == "cut" and array.ndim:
            array = array[: rng.randrange(len(array) + 1)]
        elif kind == "twice" and array.ndim:
            array = np.concatenate([array, array])
        elif kind == "axis":
            array = array[None]
        elif kind == "flat":
            array = array.ravel()
        elif kind == "turned":
            array = np.asfortranarray(array.T)
        elif kind == "empty":
            array = np.zeros((0, *array.shape), array.dtype)
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def damaged_schemas(kind, seed, count):
    """Predictors whose description has other values, or objects in each other's places."""
    parts = members(whole(kind).files["head.skops"])
    schema = json.loads(parts["schema.json"])
    rng = random.Random(seed)
    for number, changed in enumerate(altered_trees(schema, seed, count)):
        if rng.random() < 0.4:
            changed = json.loads(parts["schema.json"])
            nodes = list(nodes_of(changed))
            one, other = rng.choice(nodes), rng.choice(nodes)
            text = json.dumps(other)
            one.clear()
            one.update(json.loads(text))
        data = json.dumps(changed).encode()
        yield with_head(kind, f"schema {number}", zipped({**parts, "schema.json": data}))


def damaged_files(kind, seed, count):
    """Predictors with damaged bytes anywhere in a zip: in a record, a name, a size, an array."""
    for number, data in enumerate(mutated(whole(kind).files["head.skops"], seed, count)):
        yield with_head(kind, f"bytes {number}", data)


def damaged_linear_arrays(seed, count):
    """Predictors with damaged bytes in the arrays of a linear head."""
    for number, data in enumerate(mutated(linear_arrays(), seed, count)):
        yield with_arrays(f"bytes {number}", data)


def damaged_manifests(seed, count):
    """Predictors whose manifest has other values, sealed again where a manifest can say them."""
    good = whole("report")
    for number, changed in enumerate(altered_trees(good.manifest, seed, count)):
        hostile = Hostile(f"manifest {number}", good.files, changed)
        try:
            json.dumps(changed, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            hostile.manifest = json.dumps(changed).encode()
        if not isinstance(changed, dict):
            hostile.manifest = json.dumps(changed).encode()
        yield hostile


def damaged_containers(seed, count):
    """Zips in place of a folder with damaged bytes, in their records for the most part."""
    *_, stored = (one.container for one in hostile_containers() if one.name == "a zip")
    ends = stored[:600], stored[600:-600], stored[-600:]
    for number, data in enumerate(mutated(ends[0] + ends[2], seed, count)):
        yield Hostile(f"zip {number}", container=data[:600] + ends[1] + data[600:])


def every_damage(seed, count):
    """Some of each kind of damage to each kind of head."""
    for kind in KINDS:
        yield from damaged_arrays(kind, seed, count)
        yield from damaged_schemas(kind, seed + 1, count)
        yield from damaged_files(kind, seed + 2, count // 2)
    yield from damaged_linear_arrays(seed + 3, 2 * count)
    yield from damaged_manifests(seed + 4, 4 * count)
    yield from damaged_containers(seed + 5, 2 * count)


@pytest.mark.slow
def test_damaged_predictors_are_refused_or_answer_with_probabilities():
    counts, faults = tried(every_damage(0, 2))
    assert faults == []
    assert counts[REFUSED] > counts[OK]


@pytest.mark.slow
def test_a_thousand_damaged_predictors_are_refused_or_answer_with_probabilities():
    counts, faults = tried(every_damage(10, 25))
    assert faults == []
    assert counts[REFUSED] > counts[OK]
