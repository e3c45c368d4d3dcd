"""Admission: a stranger's graph is looked into once, before ONNX Runtime sees it, and that is remembered."""

from __future__ import annotations

import hashlib
from collections.abc import Collection

from featx.storage.blob import Blob
from featx.storage.dirs import cache_dir
from featx.storage.json_file import read_json_table, remember_entry

__all__ = ["EXPORT_ADVICE", "admit"]

EXPORT_ADVICE = "export it for inference (model.eval() in PyTorch, training=False in Keras)"

# Raised when featx looks for more.
_VERSION = 1
# Graphs that are remembered.
_MOST = 256


def admit(graph: Blob, *taps: str | None, key: str, files: Collection[str]) -> None:
    """Return where a graph is within the limits and gives the same each time; that is remembered.

    Parameters
    ----------
    *taps : str or None
        The tensors that are read.
    key : str
        Stands for the graph's bytes, those of its files, and the taps.
    files : collection of str
        Names beside the graph in which its weights may lie.

    Raises
    ------
    BadGraph
        As ``featx.graphs.limits.check_limits``, or nodes of the graph are random.
    UnknownTap
        No tensor has the name of a tap.
    """
    name = hashlib.sha256(f"{_VERSION}\0{key}".encode()).hexdigest()[:32]
    path = cache_dir() / "graphs.json"
    if name in read_json_table(path):
        return
    # onnx takes 0.2 s to import, which a graph that is known does without
    from featx.graphs.limits import check_limits
    from featx.graphs.training import refuse_random

    model = check_limits(graph, files=files)
    for tap in taps:
        refuse_random(model, tap, graph)
    remember_entry(path, name, 1, most=_MOST)
