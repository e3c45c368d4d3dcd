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
EVERY = 0.1  # seconds between looks at the process tree
TICKS = os.sysconf("SC_CLK_TCK")
SELDOM = 3  # looks between two at its memory, which are dearer


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
        watched = Watched(held.pid)
        watcher = threading.Thread(target=watched.keep_looking)
        watcher.start()
        try:
            answer, _ = held.communicate(json.dumps(dict(job)))
        finally:
            watched.over.set()
            watcher.join()
        seconds = time.perf_counter() - start
        if held.returncode:
            said.seek(0)
            raise Failed(f"{script}: {' '.join(said.read().split())[-400:]}")
    made: dict[str, Any] = json.loads(answer.splitlines()[-1])
    made["process_seconds"] = seconds - made.pop("extra_seconds", 0.0)
    made["peak_bytes"] = max(made["peak_bytes"], watched.peak)
    made["cpu_seconds"] = sum(watched.used.values())
    return made


class Watched:
    """A process tree while it runs: its peak in bytes, and processor seconds by process."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.over = threading.Event()
        self.peak = 0
        self.used: dict[int, float] = {}

    def keep_looking(self) -> None:
        looks = 0
        while not self.over.wait(EVERY):
            pids = list(tree(self.pid))
            self.used |= {pid: used for pid in pids if (used := cpu_seconds(pid)) is not None}
            if looks % SELDOM == 0:
                self.peak = max(self.peak, sum(map(proportional_size, pids)))
            looks += 1


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


def cpu_seconds(pid: int) -> float | None:
    """Of all threads of a process; None where it has ended, or the system has no /proc."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return (int(fields[11]) + int(fields[12])) / TICKS


def machine_seconds() -> float:
    """Processor seconds that all processes of the machine have used, and what its host took away."""
    try:
        fields = Path("/proc/stat").read_text().partition("\n")[0].split()
    except OSError:
        return 0.0
    user, nice, system, _, _, *rest = map(int, fields[1:9])  # without idle and waiting
    return (user + nice + system + sum(rest)) / TICKS
