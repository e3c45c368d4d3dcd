"""How long one picture takes."""

import time
from pathlib import Path

import numpy as np

from recipes.common.sessions import open_session
from recipes.image_nano.schedule import SIDE

__all__ = ["print_latency"]

WARM_UP, REPEATS = 20, 300


def print_latency(graph: Path) -> None:
    """Print the median time of a single picture on one thread."""
    session = open_session(graph)
    feed = {"input": np.zeros((1, 3, SIDE, SIDE), np.float32)}
    times = []
    for _ in range(WARM_UP + REPEATS):
        start = time.perf_counter()
        session.run(["embedding"], feed)
        times.append(1e3 * (time.perf_counter() - start))
    median = np.median(times[WARM_UP:])
    print(f"{median:.2f} ms an image of {SIDE} px, median of {REPEATS}, one thread")
