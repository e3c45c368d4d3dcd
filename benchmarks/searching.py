"""Time the search for the nearest of a million rows in shards, beside scikit-learn's on rows in memory.

    python benchmarks/searching.py                          # 1 000 000 x 384 in 20 shards; 1 and 1000 queries
    python benchmarks/searching.py --rows 100000

Rows are drawn from a normal distribution, and written once below --work. Peak memory is that of a process that
does nothing else; scikit-learn's holds all rows.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

import common
import numpy as np

SHARDS, K = 20, 10
QUERIES = (1, 1000)


def write(folder: Path, n: int, dim: int) -> None:
    """Write the shards of drawn rows, unless they are there."""
    from featx import Rows, make_samples
    from featx.tables.shard_facts import INDEX
    from featx.tables.shards import Shard, ShardFolder, merge_shards

    if (folder / INDEX).exists():
        return
    shards = ShardFolder(folder, SHARDS, fingerprint="drawn", dim=dim, dtype="float32", columns={})
    folder.parent.mkdir(parents=True, exist_ok=True)
    shards.open()
    for number in range(SHARDS):
        own = Shard(number, SHARDS)
        ids = tuple(map(str, own.of(n)))
        samples = make_samples(list(ids), ids=list(ids))
        with shards.writing(own, samples) as writer:
            rows = np.random.default_rng(number).standard_normal((len(ids), dim), np.float32)
            writer.write(Rows(ids, (None,) * len(ids), rows, "drawn"))
    merge_shards(folder)


def measure(who: str, folder: Path, n_queries: int, dim: int) -> dict[str, Any]:
    """Search once, in a process of its own; return seconds and peak memory in MB."""
    from featx import Rows, find_similar, read_rows

    drawn = np.random.default_rng(10**6).standard_normal((n_queries, dim), np.float32)
    if who == "featx":
        queries = Rows(tuple(map(str, range(-n_queries, 0))), (None,) * n_queries, drawn, "drawn")
        start = time.perf_counter()
        found = [one.id for one in find_similar(folder, queries, K)]
    else:
        from sklearn.neighbors import NearestNeighbors

        rows = read_rows(folder)
        start = time.perf_counter()
        search = NearestNeighbors(n_neighbors=K, metric="cosine", algorithm="brute")
        indices = search.fit(rows.embeddings).kneighbors(drawn, return_distance=False)
        found = [rows.ids[i] for i in indices.ravel()]
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": seconds, "MB": peak, "found": found}


def main() -> None:
    parser = common.make_parser(__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="[%(default)s]")
    parser.add_argument("--dim", type=int, default=384, help="[%(default)s]")
    parser.add_argument("--one", nargs=2, help="used by the benchmark itself")
    given = common.parse(parser)
    folder = given.work / f"shards-{given.rows}-{given.dim}"
    if given.one:
        who, n_queries = given.one
        print(json.dumps(measure(who, folder, int(n_queries), given.dim)))
        return
    write(folder, given.rows, given.dim)
    lines = []
    for n_queries in QUERIES:
        results = {}
        for who in ("featx", "scikit-learn"):
            words = ["--rows", given.rows, "--dim", given.dim, "--work", given.work, "--one", who]
            command = [sys.executable, __file__, *map(str, [*words, n_queries])]
            said = common.run_process(command).stdout
            results[who] = json.loads(said.splitlines()[-1])
            row = results[who]
            lines.append((n_queries, who, f"{row['seconds']:.1f} s", f"{row['MB']:.0f} MB"))
        if results["featx"]["found"] != results["scikit-learn"]["found"]:
            sys.exit("the two do not agree")
    print(common.format_table(("queries", "", "search", "peak"), lines))


if __name__ == "__main__":
    main()
