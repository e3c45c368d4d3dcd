"""Manifests and containers made by hand that featx never writes."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tests.support.hostile_predictors import Hostile, patched, whole, with_manifest, zipped

__all__ = ["hostile_containers", "hostile_manifests"]


def put(*path: str | int, value: Any) -> Callable[[dict[str, Any]], None]:
    """A change of one value of a manifest."""

    def change(manifest: dict[str, Any]) -> None:
        table: Any = manifest
        for key in path[:-1]:
            table = table[key]
        table[path[-1]] = value

    return change


ODD: tuple[Any, ...] = (None, True, 0, -1, 2**63, 10**40, 0.5, 1e308, float("nan"), float("inf"))
ODD += ("", "x", "\0", "../x", [], {}, [[]], [1, 2], {"a": {}})

PLACES: tuple[tuple[str | int, ...], ...] = (
    *(("format",), ("versions",), ("task",), ("targets",), ("targets", "classes"), ("inputs",)),
    *(("inputs", 0), ("inputs", 0, "name"), ("inputs", 0, "kind"), ("inputs", 0, "backbone")),
    *(("inputs", 0, "backbone", key) for key in ("name", "fingerprint", "dim", "card")),
    *(("head",), ("head", "name"), ("head", "parameters"), ("head", "calibration")),
    *(("head", "calibration", "method"), ("head", "calibration", "temperature")),
    ("head", "target_error"),
    *(("report",), ("config",), ("files",), ("files", "head.skops"), ("files", "head.npz")),
)
REPORT: tuple[tuple[str | int, ...], ...] = (
    *(("report", key) for key in ("task", "data", "tuning", "validation", "baselines", "timings")),
    *(("report", "data", key) for key in ("n", "targets", "inputs")),
    *(("report", "tuning", key) for key in ("head", "params", "folds")),
    *(("report", "validation", key) for key in ("method", "folds", "report")),
    *(("report", "validation", "report", key) for key in ("n", "accuracy", "classes")),
    *(("report", "validation", "report", key) for key in ("intervals", "rank_counts")),
    *(("report", "baselines", 0), ("report", "baselines", 0, "scores"), ("report", "rejects")),
    *(("config", "head"), ("config", "options"), ("config", "random_state")),
)


def hostile_manifests() -> Iterator[Hostile]:
    """Predictors with a sealed manifest of values that featx never writes."""
    for place in PLACES:
        for value in ODD:
            yield with_manifest(f"{place} = {value!r:.20}", put(*place, value=value))
    for place in REPORT:
        for value in ODD:
            change = put(*place, value=value)
            yield with_manifest(f"{place} = {value!r:.20}", change, name="report")
    classes = ("targets", "classes")
    yield with_manifest("a million classes", put(*classes, value=[str(i) for i in range(10**6)]))
    yield with_manifest("classes twice", put(*classes, value=["ant", "ant", "cat"]))
    yield with_manifest("classes that are numbers", put(*classes, value=[1, 2, 3]))
    yield with_manifest("a long class", put(*classes, value=["ant", "bee", "x" * 1_000_000]))
    yield with_manifest("classes out of order", put(*classes, value=["cat", "bee", "ant"]))
    temperature = ("head", "calibration", "temperature")
    for value in (5e-324, 1e-300, 1e300, -0.0, 10**400, "1", [1.0]):
        yield with_manifest(f"temperature {value!r:.20}", put(*temperature, value=value))
    name = whole().manifest["inputs"][0]
    yield with_manifest("two inputs", put("inputs", value=[name, name]))
    yield with_manifest("a file outside", put("files", "../head.skops", value={"sha256": "0" * 64}))
    card = ("inputs", 0, "backbone", "card")
    yield with_manifest("a card of brackets", put(*card, value="a = " + "[" * 40_000))
    yield with_manifest("a card of dots", put(*card, value="a" + ".a" * 2_000 + " = 1"))
    limit = {
        "target": 0.1,
        "confidence": 0.95,
        "threshold": 0.5,
        "answered": 0.5,
        "error": 0.1,
        "n": 9,
        "unit": "samples",
    }
    for key in limit:
        for value in ODD:
            change = put("head", "target_error", value={**limit, key: value})
            yield with_manifest(f"target_error {key} = {value!r:.20}", change)
    yield from _texts()
    yield from _samples()
    yield from _conformal()


def _texts() -> Iterator[Hostile]:
    files = whole().files
    for what, text in {
        "nothing": b"",
        "a null": b"null",
        "brackets": b"[" * 5_000_000,
        "tables within each other": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        "a huge number": b'{"format": ' + b"9" * 5_000_000 + b"}",
        "a huge exponent": b'{"format": 1e999999999}',
        "a key twice": b'{"format": 2, "format": 1}',
        "half a character": b'{"format": 2, "a": "\\ud800"}',
        "no UTF-8": b'{"format": 2, "a": "\xff"}',
        "a mark before it": b"\xef\xbb\xbf{}",
        "another coding": '{"format": 2}'.encode("utf-16"),
        "many numbers": b"[" + b"1," * 20_000_000 + b"1]",
    }.items():
        yield Hostile(f"a manifest of {what}", files, text)


def _samples() -> Iterator[Hostile]:
    """Predictors whose training samples contradict each other or the manifest."""
    whole_one = whole("report")
    with np.load(io.BytesIO(whole_one.files["samples.npz"])) as stored:
        arrays = dict(stored)
    n = len(arrays["ids"])
    for what, changed in {
        "fewer ids": {"ids": arrays["ids"][:2]},
        "ids that are numbers": {"ids": np.arange(n)},
        "scores of another class": {"scores": np.zeros((n, 5), np.float32)},
        "infinite scores": {"scores": np.full((n, 2), np.inf, np.float32)},
        "scores in one axis": {"scores": np.zeros(n, np.float32)},
        "scores that are texts": {"scores": np.full((n, 2), "x")},
        "folds that are floats": {"folds": np.zeros(n)},
        "folds far outside": {"folds": np.full(n, 2**60)},
        "targets nobody knows": {"targets": np.full(n, "zebra")},
        "rows without an index": {"rows": np.zeros((1, 384), np.float16), "kept": None},
        "an index without rows": {"rows": None},
        "rows that are not kept": {
            "rows": np.zeros((1, 384), np.float16),
            "kept": np.array([10**9]),
        },
        "rows of one sample twice": {
            "rows": np.zeros((2, 384), np.float16),
            "kept": np.array([1, 1]),
        },
        "rows of another backbone": {"rows": np.zeros((n, 7), np.float16)},
        "rows in one axis": {"rows": np.zeros(n, np.float16)},
        "rows of doubles": {"rows": np.zeros((n, 384))},
        "rows that are endless": {"rows": np.full((n, 384), np.inf, np.float16)},
        "rows that are no numbers": {"rows": np.full((n, 384), np.nan, np.float16)},
        "an index of floats": {"kept": np.arange(float(n))},
        "an index in two axes": {"kept": np.arange(n)[:, None]},
        "rows without columns": {"rows": np.zeros((n, 0), np.float16)},
        "distances without rows": {"rows": None, "kept": None},
        "distances of fewer rows": {"distances": np.zeros(2, np.float32)},
        "distances that are endless": {"distances": np.full(n, np.inf, np.float32)},
        "distances that are doubles": {"distances": np.zeros(n)},
        "a bomb of rows": {"rows": np.zeros((2 * 10**6, 384), np.float16)},
        "a bomb": {"scores": np.zeros((2 * 10**8, 2), np.float32)},
    }.items():
        stream = io.BytesIO()
        table = {**arrays, **changed}
        np.savez_compressed(stream, **{k: array for k, array in table.items() if array is not None})
        files = {**whole_one.files, "samples.npz": stream.getvalue()}
        yield Hostile(f"samples: {what}", files, whole_one.manifest)


def _conformal() -> Iterator[Hostile]:
    """Predictors whose conformal calibration contradicts itself or the manifest."""
    whole_one = whole("report")
    with np.load(io.BytesIO(whole_one.files["conformal.npz"])) as stored:
        arrays = dict(stored)
    n = len(arrays["scores"])
    for what, changed in {
        "scores in one axis": {"scores": arrays["scores"][:, 0]},
        "scores of another task": {"scores": np.zeros((n, 3), np.float32)},
        "doubles": {"scores": arrays["scores"].astype(float)},
        "scores that are no numbers": {"scores": np.full((n, 2), np.nan, np.float32)},
        "scores below 0": {"scores": np.full((n, 2), -1, np.float32)},
        "no samples": {
            "scores": np.zeros((0, 2), np.float32),
            "strata": np.zeros((0, 1), np.int32),
        },
        "strata of other classes": {"strata": np.full((n, 1), 2, np.int32)},
        "strata below 0": {"strata": np.full((n, 1), -1, np.int32)},
        "strata of fewer samples": {"strata": arrays["strata"][:2]},
        "strata that are texts": {"strata": np.full((n, 1), "a")},
        "groups of fewer samples": {"groups": np.zeros(2, np.int32)},
        "groups that are floats": {"groups": np.zeros(n)},
        "weights that are endless": {"weights": np.full(n, np.inf)},
        "weights of nothing": {"weights": np.zeros(n)},
        "weights that cannot be added": {"weights": np.full(n, 1e308)},
        "another array": {"more": np.zeros(n)},
        "a bomb": {"scores": np.zeros((2 * 10**7, 2), np.float32)},
    }.items():
        stream = io.BytesIO()
        np.savez_compressed(stream, **{**arrays, **changed})
        files = {**whole_one.files, "conformal.npz": stream.getvalue()}
        yield Hostile(f"conformal: {what}", files, whole_one.manifest)
    for what, data in {"nothing": b"", "no zip": b"x" * 100}.items():
        files = {**whole_one.files, "conformal.npz": data}
        yield Hostile(f"conformal: {what}", files, whole_one.manifest)


def hostile_containers() -> Iterator[Hostile]:
    """Zips in place of a folder, such as featx never writes."""
    good = whole()
    manifest = {**good.manifest}
    files = {**good.files}
    from featx.persistence.metadata import seal

    files["manifest.json"] = seal(manifest)
    stored = zipped(files)
    yield Hostile("a zip", container=stored)
    for method in (zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        yield Hostile(f"a zip by method {method}", container=zipped(files, method=method))
    for name in ("/etc/passwd", "../x", "a\\b", "C:x", "manifest.json/x"):
        yield Hostile(f"a zip with {name}", container=zipped({**files, name: b"x"}))
    yield Hostile("an encrypted zip", container=patched(stored, 8, b"\1\0"))
    yield Hostile("a zip of four gigabytes", container=patched(stored, 20, b"\xfe\xff\xff\xff" * 2))
    yield Hostile("a zip that says sizes elsewhere", container=patched(stored, 20, b"\xff" * 8))
    yield Hostile("a zip without a directory", container=stored[: stored.index(b"PK\1\2")])
    yield Hostile("half a zip", container=stored[: len(stored) // 2])
    yield Hostile("a zip of nothing", container=zipped({}))
    many = {f"{i}": b"" for i in range(30_000)}
    yield Hostile("a zip of many files", container=zipped({**files, **many}))
    yield Hostile("a text", container=b"hello")
    yield Hostile("nothing", container=b"")
    yield Hostile("JSON", container=json.dumps(manifest).encode())
