"""Hostile folders of shards: merged, read and searched as they are, or refused; no row is lost or wrong.

``FEATX_FUZZ_SHARDS=N`` tries so many folders.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import tempfile
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import featx
from featx import FeatxError, Rows
from featx.retrieval import find_similar
from featx.tables import merge_shards
from featx.tables.shards import Shard
from featx.tables.stored_rows import StoredRows, open_stored_rows
from tests.support.fuzzing import altered_trees, attack, mutated
from tests.support.shards import write_shards

pytest.importorskip("pyarrow")

SEED = 19
COUNT = int(os.environ.get("FEATX_FUZZ_SHARDS", "80"))
TOTAL = 3


@cache
def files_of(fingerprint: str = "f" * 64, dim: int = 4, n: int = 8) -> dict[str, bytes]:
    """The files of a folder of shards that is whole."""
    numbers = np.random.default_rng(dim + n).normal(size=(n, dim)).astype(np.float32)
    ids = tuple(f"{fingerprint[:1]}{k}" for k in range(n))
    rows = Rows(ids, tuple("ab"[k % 2] for k in range(n)), numbers, fingerprint)
    with tempfile.TemporaryDirectory() as name:
        folder = write_shards(Path(name, "rows"), rows, TOTAL)
        return {path.name: path.read_bytes() for path in folder.iterdir()}


def rewrite(files: dict[str, bytes], number: int, data: bytes, rows: int) -> None:
    """Exchange a shard, and let its facts fit it: only what it holds is wrong."""
    shard = Shard(number, TOTAL)
    facts = json.loads(files_of()[shard.facts_name])
    facts |= {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest(), "rows": rows}
    files[shard.name], files[shard.facts_name] = data, json.dumps(facts).encode()


def odd_table(rng: random.Random) -> tuple[bytes, int]:
    """A Parquet file that is no shard of these rows, and how many rows it has."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    n = rng.choice((0, 1, 2, 3))
    ids: Any = rng.choice(
        (
            [f"f{k}" for k in range(n)],
            ["x"] * n,
            [None] * n,
            list(range(n)),
            [b"\xff"] * n,
            ["" for _ in range(n)],
            [f"new{k}\n" for k in range(n)],
            [[f"new{k}"] for k in range(n)],
        )
    )
    numbers: Any = rng.choice(
        (
            [[0.0] * 4] * n,
            [[float("nan")] * 4] * n,
            [[float("inf"), 0, 0, 0.0]] * n,
            [[1e300] * 4] * n,
            [[0.0] * 3] * n,
            [[]] * n,
            [None] * n,
            [[None, 1.0, 2.0, 3.0]] * n,
            [[1, 2, 3, 4]] * n,
            [["a"] * 4] * n,
            [1.0] * n,
            [[0.0] * (4 + k % 2) for k in range(n)],
        )
    )
    columns = {"id": ids, "label": ["a"] * n, "embedding": numbers}
    if rng.random() < 0.2:
        columns.pop(rng.choice(list(columns)))
    table = pa.table(columns)
    if rng.random() < 0.7:
        table = table.replace_schema_metadata({b"featx.fingerprint": b"f" * 64})
    out = pa.BufferOutputStream()
    pq.write_table(table, out)
    return out.getvalue().to_pybytes(), rng.choice((n, n, n + 1))


def harm(files: dict[str, bytes], rng: random.Random) -> None:
    """Do one of the things that happen to folders, or that somebody does to them."""
    names = sorted(files)
    one, two = rng.choice(names), rng.choice(names)
    shards = [name for name in names if name.endswith(".parquet")] or names
    kind = rng.choice("damage facts delete swap copy stranger odd odd other other empty".split())
    if kind == "damage":
        [files[one]] = mutated(files[one], rng.randrange(10**6), 1)
    elif kind == "facts":
        tables = [name for name in names if name.endswith(".json")]
        name = rng.choice(tables) if tables else one
        try:
            [tree] = altered_trees(json.loads(files[name]), rng.randrange(10**6), 1)
            files[name] = json.dumps(tree).encode()
        except ValueError:
            files[name] = b"[" * 100_000
    elif kind == "delete":
        del files[one]
    elif kind == "swap":
        files[one], files[two] = files[two], files[one]
    elif kind == "copy":
        files[shards[0]] = files[shards[-1]]
    elif kind == "stranger":
        files[rng.choice(("part-00003-of-00003.parquet", "part-00000-of-00009.parquet", "x"))] = (
            b"x"
        )
    elif kind == "odd":
        rewrite(files, rng.randrange(TOTAL), *odd_table(rng)) if len(files) == 7 else None
    elif kind == "other":
        other = rng.choice((files_of("e" * 64), files_of(dim=5), files_of(n=4), files_of()))
        number = rng.randrange(TOTAL)
        for name in (Shard(number, TOTAL).name, Shard(number, TOTAL).facts_name):
            files[name] = other[name]
    else:
        files[one] = b""


def make_folder(folder: Path, seed: int) -> None:
    rng = random.Random(seed)
    files = dict(files_of())
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        if files:
            harm(files, rng)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    odd = rng.choice((None, None, None, "link", "loop", "folder", "broken", "pipe"))
    if odd is None or not files:
        return
    path = folder / rng.choice(sorted(files))
    path.unlink()
    if odd == "folder":
        path.mkdir()
    elif odd == "pipe":
        os.mkfifo(path)
    else:
        targets = {"link": folder / Shard(1, TOTAL).name, "loop": path, "broken": folder / "none"}
        path.symlink_to(targets[odd])


def refused(action: Callable[[], Any], refusals: list[FeatxError]) -> Any:
    """Return what an action gives; None where it is refused."""
    try:
        return action()
    except FeatxError as error:
        if "\n" in str(error):
            raise ValueError(f"several lines: {error}") from error
        refusals.append(error)
        return None


def table_of(folder: Path) -> tuple[list[str], Any]:
    """The ids and numbers of the shards, as another reader sees them."""
    import pyarrow.parquet as pq

    ids: list[str] = []
    numbers: list[Any] = []
    for number in range(TOTAL):
        table = pq.read_table(folder / Shard(number, TOTAL).name, partitioning=None)
        ids += map(str, table["id"].to_pylist())
        numbers += table["embedding"].to_pylist()
    return ids, np.asarray(numbers, np.float32).reshape(len(ids), -1)


def use_folder(seed: int) -> None:
    """Read, merge, read again and search; what is given is what lies there."""
    refusals: list[FeatxError] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_folder(folder, seed)
        for merged in (False, True):
            found = refused(partial(merge_shards, folder), refusals) if merged else None
            rows = refused(partial(featx.read_rows, folder), refusals)
            stored = refused(partial(open_stored_rows, folder), refusals)
            facts = refused(stored.facts, refusals) if stored else None
            blocks = refused(partial(blocks_of, stored), refusals) if stored else None
            if rows is not None:
                ids, numbers = table_of(folder)
                assert list(rows.ids) == ids
                np.testing.assert_array_equal(rows.embeddings, numbers)
                assert len(set(ids)) == len(ids) or found is None, "an id is there twice"
                search(folder, rows, refusals)
            if found is not None and rows is not None:
                assert found[0] == len(rows)
            if facts is not None and blocks is not None:
                assert rows is not None, f"stored rows are read, and rows are not: {refusals[-1:]}"
                assert facts.ids == list(rows.ids)
                np.testing.assert_array_equal(
                    np.concatenate(blocks or [rows.embeddings]), rows.embeddings
                )
    if refusals:
        raise refusals[0]


def blocks_of(stored: StoredRows) -> list[Any]:
    return list(stored.blocks(2))


def search(folder: Path, rows: Rows, refusals: list[FeatxError]) -> None:
    """Find the nearest rows of some, and compare with a search over all pairs."""
    own = np.random.default_rng(1).normal(size=(2, rows.dim)).astype(np.float32)
    queries = Rows(("q0", "q1"), (None, None), own, rows.fingerprint)
    for metric in ("cosine", "euclidean"):
        found = refused(partial(find_similar, folder, queries, 2, metric=metric), refusals)
        if found is None:
            continue
        assert np.isfinite(rows.embeddings).all(), "a distance from what is no number"
        if metric == "euclidean":
            apart = np.linalg.norm(own[:, None].astype(float) - rows.embeddings, axis=2)
            expected = np.sort(apart, axis=1)[:, :2].ravel()
            np.testing.assert_allclose([one.distance for one in found], expected, rtol=1e-5)


@pytest.mark.slow
def test_a_harmed_folder_is_read_as_it_lies_there_or_refused():
    tally = attack(use_folder, range(SEED * 1000, SEED * 1000 + COUNT))
    assert not tally.faults, str(tally)
    assert tally.counts["refused"] > COUNT // 2
