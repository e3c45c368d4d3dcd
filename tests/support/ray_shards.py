"""Shards that one process made, and workers of Ray on this machine."""

import os
import signal
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

import featx
from tests.support.commands import run

TEXTS = [f"text number {i} is about {'cats' if i % 2 else 'dogs'}" for i in range(3000)]
TEXTS[17] = ""
SHARDS = 12

# Of modules whose tests start a cluster
MARKS = [
    pytest.mark.slow,
    pytest.mark.skipif(
        find_spec("ray") is None, reason="Ray is not installed: pip install 'featx[ray]'"
    ),
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="kills processes by /proc"),
    # Ray's own, such as files that it leaves open
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


def make_material(folder):
    """Return a table of texts, beside which are the shards that one process makes of it."""
    table = folder / "my texts.csv"
    lines = [f"{i},{text},{i % 3}" for i, text in enumerate(TEXTS)]
    table.write_text("id,text,label\n" + "\n".join(lines) + "\n")
    made = run("extract", table, "-o", folder / "rows", *words_of(SHARDS))
    assert made.exit_code == 0, made.output
    return table


def words_of(shards):
    """Return the options of an extraction into so many shards."""
    return ["--shards", shards, "--on-error", "skip", "--no-cache"]


def contents(folder):
    return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


def expected(material):
    return contents(material.parent / "rows")


def workers_of(pid):
    """Return the processes of Ray's workers, which descend from this one by Ray's raylet."""
    parents = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            own, _, rest = status.read_text().rpartition(")")
        except OSError:
            continue
        parents[int(own.split()[0])] = (own, int(rest.split()[1]))
    children = [one for one, (_, parent) in parents.items() if parent == pid]
    found = [one for one in children if "(ray::MapWorker" in parents[one][0]]
    return found + [one for child in children for one in workers_of_known(child, parents)]


def workers_of_known(pid, parents):
    return [
        one
        for one, (name, parent) in parents.items()
        if parent == pid and "(ray::MapWorker" in name
    ]


def extract(material, output, progress=None, **options):
    """Extract by the library, with the columns of the command."""
    from featx.distributed import extract as by_ray

    engine = featx.Engine(n_jobs=2, on_error="skip", progress=progress)
    options = {"shards": SHARDS, "backbone": "featx-text-nano"} | options
    return by_ray(material, output, engine=engine, **options)


class EndsWorkers(os.PathLike):
    """A path that ends every process but one that asks for it, as a damaged library does."""

    def __init__(self, spared):
        self.spared = spared

    def __fspath__(self):
        if os.getpid() != self.spared:
            os.kill(os.getpid(), signal.SIGKILL)
        return "nothing.txt"
