"""Extraction on the cores of several machines, by Ray Data.

A shard is the unit of work: deterministic, written under a temporary name and renamed when it is whole. Whoever
makes it, and however often a machine is lost on the way, the folder holds the bytes that one process writes.
Nothing else of featx imports Ray, and this package imports it when an extraction begins.
"""

from __future__ import annotations

from featx.distributed.extraction import extract

__all__ = ["extract"]
