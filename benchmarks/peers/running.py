"""One contender in one process: how long it took, and the most memory its process tree held."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
EVERY = 0.25  # seconds between looks at the memory


class Failed(Exception):
    """A contender did not finish; the message is the end of what it said."""


def run(
    script: str,
    job: Mapping[str, Any],
    *,
    python: str | Path,
    environment: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """The answer of one contender to one job.

    Added to what its script says: ``process_seconds``, from the start of the process to its end less
    what was done for the measurement alone, and ``peak_bytes`` of the whole tree: the larger of the main
    process's own peak and the proportional set sizes of all, looked at four times a second.
    """
    with tempfile.TemporaryFile("w+") as said:
        start = time.perf_counter()
        held = subprocess.Popen(
            [str(python), str(HERE / script)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=said,
            env={**os.environ, **(environment or {})},
            text=True,
        )
        over, peak = threading.Event(), [0]
        watcher = threading.Thread(target=watch, args=(held.pid, over, peak))
        watcher.start()
        try:
            answer, _ = held.communicate(json.dumps(dict(job)))
        finally:
            over.set()
            watcher.join()
        seconds = time.perf_counter() - start
        if held.returncode:
            said.seek(0)
            raise Failed(f"{script}: {' '.join(said.read().split())[-400:]}")
    made: dict[str, Any] = json.loads(answer.splitlines()[-1])
    made["process_seconds"] = seconds - made.pop("extra_seconds", 0.0)
    made["peak_bytes"] = max(made["peak_bytes"], peak[0])
    return made


def watch(pid: int, over: threading.Event, peak: list[int]) -> None:
    while not over.wait(EVERY):
        peak[0] = max(peak[0], sum(map(proportional_size, tree(pid))))


def tree(pid: int) -> Iterator[int]:
    """A process and all that descend from it; none where the system has no /proc."""
    yield pid
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:  # it has ended meanwhile
        return
    for child in children:
        yield from tree(int(child))


def proportional_size(pid: int) -> int:
    """Bytes in memory, a page that several processes share counted in parts; 0 where unknown."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0
    return int(text.partition("\nPss:")[2].split()[0]) * 1024
