"""The job that every contender is given, and the answer it prints: one process, one job.

A contender's script reads a job as JSON from standard input and prints its answer as JSON on the last
line of standard output. It runs in an environment of its own, so nothing here needs more than numpy.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

Embed = Callable[[Sequence[str]], np.ndarray]


def answer(open_: Callable[[dict[str, Any]], Embed]) -> None:
    """Do the job that standard input describes.

    A job has ``paths``, ``warm`` (how many of them go before the clock starts), ``out`` (a .npy file),
    ``cores`` and whatever the contender's ``open_`` wants to know. The answer has ``n``, ``seconds``
    from files on disk to rows on disk, ``extra_seconds`` (what the process spent for the measurement
    alone) and ``peak_bytes`` of this process. A contender whose workers start anew with every call
    ``warms_itself`` within the call and says, as ``paused``, how long that took, as ``lead``, with how
    many photos, and, as ``idle``, for how long it only made sure.
    """
    job = json.load(sys.stdin)
    hold_to(job["cores"])
    embed = open_(job)
    start = time.perf_counter()
    if job["warm"] and not getattr(embed, "warms_itself", False):
        embed(job["paths"][: job["warm"]])
    extra = time.perf_counter() - start
    start = time.perf_counter()
    rows = embed(job["paths"])
    np.save(job["out"], np.ascontiguousarray(rows, np.float32))
    seconds = time.perf_counter() - start - getattr(embed, "paused", 0.0)
    extra += getattr(embed, "idle", 0.0) + getattr(embed, "lead", 0) * seconds / max(1, len(rows))
    say(n=len(rows), seconds=seconds, extra_seconds=extra)


def say(**figures: Any) -> None:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024  # Linux counts in KiB
    print(json.dumps({**figures, "peak_bytes": peak}), flush=True)


def hold_to(cores: Sequence[int]) -> None:
    """Only these cores for this process and all that it starts."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cores)
