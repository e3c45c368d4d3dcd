"""Heads made by hand that no training leaves: wrong counts, shapes, numbers, types, sizes and archives."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from tests.support.hostile_predictors import (
    DIM,
    Hostile,
    estimator_of,
    linear_arrays,
    members,
    nodes_of,
    npy,
    patched,
    whole,
    with_arrays,
    with_estimator,
    with_head,
    with_schema,
    zipped,
)

__all__ = ["hostile_arrays", "hostile_estimators", "hostile_schemas"]


def fill(index: Any, value: Any) -> Callable[[np.ndarray], np.ndarray]:
    """A change of an array: some of it another number."""

    def change(array: np.ndarray) -> np.ndarray:
        array = array.copy()
        array[index] = value
        return array

    return change


ARRAYS: dict[str, dict[str, Any]] = {
    "classes twice": {"classes": np.array(["ant", "ant", "cat"])},
    "classes that are numbers": {"classes": np.arange(3)},
    "classes that are bytes": {"classes": np.array([b"ant", b"bee", b"cat"])},
    "classes of another head": {"classes": np.array(["ant", "bee", "dog"])},
    "classes out of order": {"classes": np.array(["cat", "bee", "ant"])},
    "classes in two axes": {"classes": np.array([["ant", "bee", "cat"]])},
    "a mean that is no number": {"mean": fill(0, np.nan)},
    "an infinite mean": {"mean": fill(0, np.inf)},
    "a scale of zero": {"scale": fill(5, 0)},
    "a negative scale": {"scale": fill(5, -1)},
    "a scale that is no number": {"scale": fill(5, np.nan)},
    "a scale in float64": {"scale": lambda scale: scale.astype(np.float64)},
    "a scale that is nearly zero": {"scale": fill(slice(None), 1e-45)},
    "a scale of fewer columns": {"scale": lambda scale: scale[:-1]},
    "a coefficient that is no number": {"coef": fill((0, 0), np.nan)},
    "an infinite coefficient": {"coef": fill((0, 0), -np.inf)},
    "enormous coefficients": {"coef": lambda coef: np.full(coef.shape, 1e308)},
    "enormous coefficients of both signs": {
        "coef": lambda coef: np.where(np.arange(DIM) % 2, 1e308, -1e308) * np.ones((3, 1))
    },
    "complex coefficients": {"coef": lambda coef: coef.astype(complex)},
    "coefficients that are texts": {"coef": lambda coef: coef.astype(str)},
    "coefficients that are true or false": {"coef": lambda coef: coef > 0},
    "coefficients that are dates": {"coef": lambda coef: np.zeros(coef.shape, "M8[s]")},
    "coefficients of a byte": {"coef": lambda coef: coef.astype(np.int8)},
    "coefficients of two bytes": {"coef": lambda coef: coef.astype(np.float16)},
    "long coefficients": {"coef": lambda coef: coef.astype(np.longdouble)},
    "records for coefficients": {"coef": lambda coef: np.zeros(coef.shape, [("a", "f4")])},
    "a column less": {"coef": lambda coef: coef[:, :-1]},
    "a class more": {"coef": lambda coef: np.vstack([coef, coef[:1]])},
    "a coefficient without an axis": {"coef": np.float32(1)},
    "coefficients in three axes": {"coef": lambda coef: coef[None]},
    "no coefficients": {"coef": np.zeros((0, DIM), np.float32)},
    "no columns": {
        "coef": np.zeros((3, 0), np.float32),
        "mean": np.zeros(0, np.float32),
        "scale": np.zeros(0, np.float32),
    },
    "an intercept less": {"intercept": lambda intercept: intercept[:-1]},
    "an intercept without an axis": {"intercept": np.float32(0)},
    "an intercept that is no number": {"intercept": fill(0, np.nan)},
    "no intercept at all": {"intercept": None},
    "an array too many": {"stranger": np.zeros(3)},
    "coefficients column by column": {"coef": np.asfortranarray},
    "coefficients of another machine": {"coef": lambda coef: coef.astype(">f8")},
}

HEADERS = {
    "a shape of terabytes": npy("{'descr': '<f8', 'fortran_order': False, 'shape': (3, 10**12), }"),
    "a shape of terabytes in digits": npy(
        "{'descr': '<f8', 'fortran_order': False, 'shape': (3, 1000000000000), }"
    ),
    "a shape whose product overflows": npy(
        f"{{'descr': '<f8', 'fortran_order': False, 'shape': ({2**32}, {2**32}), }}"
    ),
    "a shape of a thousand axes": npy(
        f"{{'descr': '<f8', 'fortran_order': False, 'shape': {(1,) * 1000}, }}"
    ),
    "a negative shape": npy("{'descr': '<f8', 'fortran_order': False, 'shape': (-1, 384), }"),
    "a shape of true": npy(
        "{'descr': '<f8', 'fortran_order': False, 'shape': (True,), }", b"0" * 8
    ),
    "an empty shape of a long axis": npy(
        f"{{'descr': '<f8', 'fortran_order': False, 'shape': (0, {10**30}), }}"
    ),
    "items of no size": npy("{'descr': '<U0', 'fortran_order': False, 'shape': (1000000000,), }"),
    "items of a gigabyte": npy(
        "{'descr': '|V1000000000', 'fortran_order': False, 'shape': (1,), }"
    ),
    "objects": npy("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", b"cos\nsystem\n"),
    "a type within types": npy(
        "{'descr': [('a', '<f8', (100000, 100000))], 'fortran_order': False, 'shape': (1,), }"
    ),
    "parentheses without end": npy("(" * 9000),
    "parentheses within each other": npy("(" * 200 + ")" * 200),
    "signs without end": npy("-" * 9000 + "1"),
    "no literal": npy("{'descr': __import__('os').system('x'), }"),
    "an open text": npy("{'descr': '''"),
    "a null": npy("\0\0\0"),
    "a long header": npy("{" + " " * 60_000 + "}"),
    "a header longer than the file": b"\x93NUMPY\1\0\xff\xff{}",
    "a long header of version 2": npy("{" + " " * 70_000 + "}", version=(2, 0)),
    "version 3": npy("{'descr': '<f8', 'fortran_order': False, 'shape': (), }", b"0" * 8, (3, 0)),
    "version 9": npy("{'descr': '<f8', 'fortran_order': False, 'shape': (), }", b"0" * 8, (9, 9)),
    "nothing": b"",
    "a magic number alone": b"\x93NUMPY",
    "a number of five thousand digits": npy(
        "{'descr': '<f8', 'fortran_order': False, 'shape': (" + "9" * 5000 + ",), }"
    ),
}


def hostile_arrays() -> Iterator[Hostile]:
    """Predictors with other arrays in place of a linear head's."""
    for what, changed in ARRAYS.items():
        yield with_arrays(what, linear_arrays(**changed))
    parts = members(linear_arrays())
    for what, data in HEADERS.items():
        yield with_arrays(what, zipped({**parts, "coef.npy": data}))
    good = zipped(parts)
    zeros = npy("{'descr': '<f8', 'fortran_order': False, 'shape': (3, 80000000), }", b"")
    bomb = {**parts, "coef.npy": zeros + bytes(1_920_000_000 // 16)}
    for method in (zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        yield with_arrays(f"a bomb by method {method}", zipped(bomb, method=method))
        yield with_arrays(f"packed by method {method}", zipped(parts, method=method))
    yield with_arrays("an encrypted member", patched(good, 8, b"\1\0"))
    yield with_arrays("an unknown method", patched(good, 10, b"\x63\0"))
    yield with_arrays("a size of four gigabytes", patched(good, 24, b"\xfe\xff\xff\xff"))
    sizes = b"\xfe\xff\xff\xff" * 2
    yield with_arrays("both sizes of four gigabytes", patched(good, 20, sizes))
    yield with_arrays("sizes that are said elsewhere", patched(good, 20, b"\xff" * 8))
    yield with_arrays("a member that is said elsewhere", patched(good, 42, b"\xff" * 4))
    yield with_arrays("a member far behind the end", patched(good, 42, b"\xf0\xff\xff\x7f"))
    second = good.index(b"PK\1\2", good.index(b"PK\1\2") + 4)
    over = good[: second + 42] + bytes(4) + good[second + 46 :]
    yield with_arrays("two members in one place", over)
    yield with_arrays("a wrong checksum", patched(good, 16, b"abcd"))
    yield with_arrays("no directory", good[: good.index(b"PK\1\2")])
    yield with_arrays("a directory that ends too early", good[:-30])
    yield with_arrays("nothing", b"")
    stream = zipped({**parts, "coef.npy": parts["coef.npy"]})
    yield with_arrays("bytes before the zip", b"#!/bin/sh\n" + stream)
    with_twice = good.replace(b"scale.npy", b"coefx.npy").replace(b"coefx.npy", b"mean.npy\0")
    yield with_arrays("a member twice", with_twice)


def state(estimator: Any, **attributes: Any) -> None:
    """Give the last step of a pipeline other attributes; a callable is given the old one."""
    last = estimator[-1] if hasattr(estimator, "steps") else estimator
    for name, value in attributes.items():
        vars(last)[name] = value(vars(last)[name]) if callable(value) else value


def first(estimator: Any, **attributes: Any) -> None:
    """Give the first step of a pipeline other attributes."""
    for name, value in attributes.items():
        step = estimator[0]
        vars(step)[name] = value(vars(step)[name]) if callable(value) else value


SVC: dict[str, dict[str, Any]] = {
    "counts of millions": {"_n_support": np.array([10**6] * 3, np.int32)},
    "negative counts": {"_n_support": lambda n: np.array([n.sum() + 9, -9, 0], np.int32)},
    "counts that add up but overflow": {
        "_n_support": lambda n: np.array([2**31 - 1, 2**31 - 1, n.sum() + 2], np.int64)
    },
    "fewer counts": {"_n_support": lambda n: np.array([n.sum()], np.int32)},
    "counts in 64 bits": {"_n_support": lambda n: n.astype(np.int64)},
    "indices far outside": {"support_": fill(0, 2**31 - 1)},
    "negative indices": {"support_": fill(0, -5)},
    "fewer indices": {"support_": lambda support: support[:2]},
    "fewer vectors": {"support_vectors_": lambda vectors: vectors[:2].copy()},
    "vectors of fewer columns": {"support_vectors_": lambda v: v[:, :7].copy()},
    "vectors in float32": {"support_vectors_": lambda v: v.astype(np.float32)},
    "vectors that are no numbers": {"support_vectors_": fill((0, 0), np.nan)},
    "no vectors": {"support_vectors_": np.zeros((0, DIM))},
    "weights of fewer vectors": {"_dual_coef_": lambda d: d[:, :1].copy()},
    "weights of fewer classes": {
        "_dual_coef_": lambda d: d[:1].copy(),
        "dual_coef_": lambda d: d[:1],
    },
    "weights that differ": {"dual_coef_": lambda d: d * 2},
    "weights that are no numbers": {"_dual_coef_": fill((0, 0), np.nan)},
    "an intercept alone": {"_intercept_": lambda b: b[:1].copy(), "intercept_": lambda b: b[:1]},
    "a gamma that is no number": {"_gamma": np.nan},
    "an infinite gamma": {"_gamma": np.inf},
    "a negative gamma": {"_gamma": -1e300},
    "a gamma that is a text": {"_gamma": "scale"},
    "a kernel of its own": {"kernel": "precomputed"},
    "a kernel nobody knows": {"kernel": "no such"},
    "a power of a billion": {"kernel": "poly", "degree": 10**9},
    "sparse vectors": {"_sparse": True},
    "one probability": {"_probA": np.ones(1), "_probB": np.ones(1)},
    "a shape of fewer rows": {"shape_fit_": (1, DIM)},
    "a shape that is a text": {"shape_fit_": "x"},
    "other classes": {"classes_": np.array(["ant", "bee", "cat", "dog"])},
    "one class": {"classes_": np.array(["ant"])},
    "classes that are no numbers": {"classes_": np.array([0.0, np.nan, 1.0])},
    "other columns": {"n_features_in_": 7},
    "columns without end": {"n_features_in_": 2**62},
    "negative columns": {"n_features_in_": -DIM},
    "a method that is a text": {"decision_function": "x"},
    "no state": {"fit_status_": 1},
}

NEIGHBORS: dict[str, dict[str, Any]] = {
    "classes far outside": {"_y": fill(0, 10**9)},
    "negative classes": {"_y": fill(0, -1)},
    "fewer classes": {"_y": lambda y: y[:3]},
    "a class without rows": {"_y": lambda y: np.zeros_like(y)},
    "classes that are floats": {"_y": lambda y: y.astype(float)},
    "rows that are no numbers": {"_fit_X": fill((0, 0), np.nan)},
    "fewer rows": {"_fit_X": lambda X: X[:2].copy()},
    "rows in one axis": {"_fit_X": lambda X: X.ravel()},
    "a billion neighbours": {"n_neighbors": 10**9},
    "no neighbours": {"n_neighbors": 0},
    "fewer than no neighbours": {"n_neighbors": -3},
    "half a neighbour": {"n_neighbors": 0.5},
    "a metric of one's own": {"metric": "precomputed"},
    "a metric that wants a matrix": {"metric": "mahalanobis"},
    "numbers for a metric": {"metric_params": {"w": np.zeros(3)}},
    "a negative power": {"p": -1},
    "leaves of no size": {"leaf_size": -1},
    "a method nobody knows": {"_fit_method": "no such", "algorithm": "no such"},
    "weights nobody knows": {"weights": "no such"},
    "jobs": {"n_jobs": 64},
}


def node(field: str, value: Any, index: int = 0) -> Callable[[dict[str, Any]], None]:
    """A change of one field of a node."""

    def change(state: dict[str, Any]) -> None:
        state["nodes"][field][index] = value

    return change


TREES: dict[str, Callable[[dict[str, Any]], None]] = {
    "a child far outside": node("left_child", 2**40),
    "a child just outside": lambda s: node("right_child", len(s["nodes"]))(s),
    "a negative child": node("left_child", -7),
    "a child that is its parent": node("left_child", 0),
    "two children in one": lambda s: node("left_child", s["nodes"]["right_child"][0])(s),
    "a column far outside": node("feature", 2**40),
    "a negative column": node("feature", -2),
    "a threshold that is no number": node("threshold", np.nan),
    "values that are no numbers": lambda s: s["values"].fill(np.nan),
    "values of fewer nodes": lambda s: s.update(values=s["values"][:1].copy()),
    "values of more classes": lambda s: s.update(values=np.ones((len(s["nodes"]), 1, 99))),
    "fewer nodes than it says": lambda s: s.update(nodes=s["nodes"][:1].copy()),
    "more nodes than it has": lambda s: s.update(node_count=10**6),
    "a negative depth": lambda s: s.update(max_depth=-1),
    "nodes of another kind": lambda s: s.update(nodes=np.zeros(3)),
    "no nodes": lambda s: s.update(nodes=s["nodes"][:0].copy(), node_count=0),
}


def hostile_estimators() -> Iterator[Hostile]:
    """Predictors whose estimators have state that no training leaves."""
    for kind in ("linear-svm", "rbf-svm"):
        for what, changed in SVC.items():
            yield with_estimator(kind, what, lambda e, c=changed: state(e, **c))
    for kind in ("knn", "tree-knn"):
        for what, changed in NEIGHBORS.items():
            yield with_estimator(kind, what, lambda e, c=changed: state(e, **c))
    for index, what in enumerate(("data", "indices", "nodes", "bounds")):
        yield with_schema(
            "tree-knn", f"a tree with other {what}", lambda s, i=index: spoil_tree(s, i)
        )
    for what, changed in {
        "layers that do not fit": {"coefs_": lambda c: c[::-1]},
        "a layer less": {"coefs_": lambda c: c[:1]},
        "layers without end": {"n_layers_": 10**9},
        "a layer that is no number": {"intercepts_": lambda b: [b[0] * np.nan, *b[1:]]},
        "an activation nobody knows": {"activation": "no such"},
        "an output nobody knows": {"out_activation_": "no such"},
    }.items():
        yield with_estimator("mlp", what, lambda e, c=changed: state(e, **c))
    for what, changed in {
        "variances of zero": {"var_": lambda v: v * 0},
        "negative variances": {"var_": lambda v: -v},
        "means of fewer columns": {"theta_": lambda t: t[:, :3]},
        "shares that are no numbers": {"class_prior_": lambda p: p * np.nan},
    }.items():
        yield with_estimator("bayes", what, lambda e, c=changed: state(e, **c))
    for what, changed in {
        "a scale of zero": {"scale_": fill(3, 0.0)},
        "a negative scale": {"scale_": fill(3, -1.0)},
        "a scale that is no number": {"scale_": fill(3, np.nan)},
        "no scale": {"scale_": None},
        "a mean of fewer columns": {"mean_": lambda m: m[:5]},
        "a mean that is a text": {"mean_": "x"},
    }.items():
        yield with_estimator("knn", what, lambda e, c=changed: first(e, **c))
    components = {"components_": lambda c: c[:, :9]}
    yield with_estimator(
        "small", "components of fewer columns", lambda e: first_but_one(e, components)
    )
    wide = {"components_": lambda c: np.vstack([c, c])}
    yield with_estimator(
        "small", "components that the next step has not", lambda e: first_but_one(e, wide)
    )
    for what, change in TREES.items():
        yield with_tree("forest", what, change)
        yield with_tree("gradient", what, change)
    yield with_estimator(
        "logistic", "a function", lambda e: make_pipeline(FunctionTransformer(np.exp), e[-1])
    )
    search = GridSearchCV(estimator_of("ridge")[-1], {"alpha": [1.0]}, n_jobs=8)
    yield with_estimator("logistic", "a search", lambda e: search)
    yield with_estimator(
        "linear-svm", "a folder to write to", lambda e: e.set_params(memory="folder")
    )
    yield with_estimator("linear-svm", "no steps", lambda e: vars(e).update(steps=[]))
    yield with_estimator(
        "linear-svm", "steps that are numbers", lambda e: vars(e).update(steps=[1, 2])
    )
    yield with_estimator("linear-svm", "the last step alone", lambda e: e[-1])
    yield with_estimator(
        "linear-svm", "the last step first", lambda e: vars(e).update(steps=e.steps[::-1])
    )


def first_but_one(estimator: Any, attributes: dict[str, Any]) -> None:
    """Give the second step of a pipeline other attributes."""
    for name, change in attributes.items():
        vars(estimator[1])[name] = change(vars(estimator[1])[name])


def with_tree(name: str, what: str, change: Callable[[dict[str, Any]], None]) -> Hostile:
    """A predictor with a decision tree whose nodes were changed."""
    parts = members(whole(name).files["head.skops"])
    schema = json.loads(parts["schema.json"])
    described = next(n for n in nodes_of(schema) if n["__loader__"] == "TreeNode")
    content = described["content"]["content"]
    held = {key: content[key] for key in ("nodes", "values")}
    tree = {key: np.load(io.BytesIO(parts[one["file"]])).copy() for key, one in held.items()}
    tree |= {key: json.loads(content[key]["content"]) for key in ("max_depth", "node_count")}
    change(tree)
    for key, one in held.items():
        stream = io.BytesIO()
        np.save(stream, tree[key])
        parts[one["file"]] = stream.getvalue()
    for key in ("max_depth", "node_count"):
        content[key]["content"] = json.dumps(tree[key])
    return with_head(name, what, zipped({**parts, "schema.json": json.dumps(schema).encode()}))


def spoil_tree(schema: dict[str, Any], index: int) -> None:
    """Let a search tree of neighbours name arrays of another kind and size."""
    trees = [one for one in nodes_of(schema) if one["__class__"] == "KDTree"]
    arrays = [one for one in nodes_of(trees[0]) if one["__loader__"] == "NdArrayNode"]
    files = [one["file"] for one in arrays if "file" in one]
    arrays[index]["file"] = files[(index + 1) % len(files)]


def hostile_schemas() -> Iterator[Hostile]:
    """Predictors whose description of objects is none that skops writes."""
    name = "linear-svm"
    parts = members(whole(name).files["head.skops"])
    for what, text in {
        "nothing": b"",
        "no JSON": b"{",
        "a list": b"[]",
        "a text": b'"x"',
        "not a number": b'{"protocol": NaN}',
        "no UTF-8": b"\xff\xfe{}",
        "brackets without end": b"[" * 10_000_000,
        "tables within each other": b'{"content":' * 200_000 + b"1" + b"}" * 200_000,
        "a key twice": b'{"protocol": 2, "protocol": 2}',
        "a number of a million digits": b'{"protocol": ' + b"9" * 1_000_000 + b"}",
        "millions of lists": b"[" + b"[]," * 5_000_000 + b"1]",
    }.items():
        yield with_head(name, f"a schema of {what}", zipped({**parts, "schema.json": text}))
    for value in (-1, 99, True, "2", None, 2.0, 10**30):
        yield with_schema(name, f"protocol {value}", lambda s, v=value: s.update(protocol=v))
    for key in ("__class__", "__module__", "__loader__", "content"):
        yield with_schema(name, f"no {key}", lambda s, k=key: s.pop(k) and None)
        yield with_schema(name, f"a null for {key}", lambda s, k=key: s.update({k: None}))
    for module, kind, loader in (
        ("os", "system", "FunctionNode"),
        ("builtins", "eval", "TypeNode"),
        ("subprocess", "Popen", "ObjectNode"),
        ("numpy.random.mtrand", "RandomState", "RandomStateNode"),
        ("sklearn.svm._classes", "SVC", "MethodNode"),
        ("sklearn.svm._classes", "SVC", "no such"),
        ("sklearn.model_selection._search", "GridSearchCV", "ObjectNode"),
        ("sklearn.svm._classes", "LinearSVC", "ObjectNode"),
        ("sklearn.svm._classes", "SVC", "ReduceNode"),
    ):
        hostile = {"__module__": module, "__class__": kind, "__loader__": loader}
        yield with_schema(name, f"{kind} by {loader}", lambda s, h=hostile: s.update(h))

        def replace_step(schema: dict[str, Any], hostile: dict[str, str] = hostile) -> None:
            steps = [one for one in nodes_of(schema) if one["__class__"] == "SVC"]
            steps[-1].update(hostile)

        yield with_schema(name, f"a step {kind} by {loader}", replace_step)
    for file in ("../../etc/passwd", "/dev/zero", "no such.npy", "schema.json", 7, None):

        def other_file(schema: dict[str, Any], file: Any = file) -> None:
            for one in nodes_of(schema):
                if "file" in one:
                    one["file"] = file

        yield with_schema(name, f"arrays in {file!r}", other_file)
    yield with_schema(name, "an array named a hundred thousand times", repeat_array)
    yield with_schema(name, "pipelines within each other", nest)


def repeat_array(schema: dict[str, Any]) -> None:
    """Let one list hold the same array again and again."""
    arrays = [one for one in nodes_of(schema) if one["__loader__"] == "NdArrayNode"]
    lists = [one for one in nodes_of(schema) if one["__loader__"] == "ListNode"]
    lists[0]["content"] = [arrays[0]] * 100_000


def nest(schema: dict[str, Any]) -> dict[str, Any]:
    """A pipeline in a pipeline, forty times."""
    text = json.dumps(schema)
    inner = json.loads(text)
    for _ in range(40):
        outer = json.loads(text)
        steps = [one for one in nodes_of(outer) if one["__class__"] == "SVC"]
        steps[0].clear()
        steps[0].update(inner)
        inner = outer
        text = json.dumps(schema)
    return inner
