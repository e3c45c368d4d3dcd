"""Hostile input by seed, and a child process that takes it: nothing that it does can hurt the test.

``attack(read, inputs)`` calls ``read`` with each input in a child process, one after the other, and counts what
came of it. A child that dies or takes too long is replaced, and the next input follows.
"""

from __future__ import annotations

import copy
import math
import multiprocessing
import random
import resource
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from featx import FeatxError

OK, REFUSED, UNCAUGHT, HANG, CRASH, MEMORY = (
    "ok",
    "refused",
    "uncaught",
    "hang",
    "crash",
    "memory",
)

# Numbers at the borders of types, lengths and counts: what readers take for a size.
EDGES = (0, 1, 2, 127, 128, 255, 256, 32767, 32768, 65535, 65536, 2**31 - 1, 2**31, 2**32 - 1)

ODD_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2**31, 2**63, -(2**63), 10**30, 0.0, -0.0, 1e-320, 1e308),
    *(math.nan, math.inf, -math.inf, "", " ", "1", "nan", "../x", "/etc/passwd", "a\0b", "C:x"),
    *("\ud800", "é" * 3000, "x" * 100_000, [], {}, [[]], [None], {"": {}}, [0] * 10_000),
)


@dataclass
class Tally:
    """What came of the inputs: how many of each outcome, and the faults with the input's number."""

    counts: Counter[str] = field(default_factory=Counter)
    faults: list[tuple[int, str, str]] = field(default_factory=list)

    @property
    def total(self) -> int:
        """The number of inputs that were tried."""
        return self.counts.total()

    def __str__(self) -> str:
        counts = ", ".join(f"{count} {outcome}" for outcome, count in self.counts.items())
        shown = "".join(
            f"\n  input {n}: {outcome}: {said}" for n, outcome, said in self.faults[:20]
        )
        return f"{self.total} inputs: {counts}{shown}"


def mutated(data: bytes, seed: int, count: int) -> Iterator[bytes]:
    """Yield ``count`` damaged copies of the bytes: flips, cuts, repeats, noise, swaps, edge numbers."""
    rng = random.Random(seed)
    for _ in range(count):
        copied = bytearray(data)
        for _ in range(rng.choice((1, 1, 1, 2, 4, 8))):
            _damage(copied, rng)
        yield bytes(copied)


def _damage(data: bytearray, rng: random.Random) -> None:
    if not data:
        data += rng.randbytes(8)
    # Headers decide what a reader builds, so half of the damage falls into the first bytes.
    reach = len(data) if rng.random() < 0.5 else min(len(data), 128)
    start = rng.randrange(reach)
    size = rng.choice((1, 2, 4, 8, 64, 1024))
    kind = rng.choice(("bit", "cut", "repeat", "noise", "zeros", "ones", "drop", "swap", "edge"))
    if kind == "bit":
        data[start] ^= 1 << rng.randrange(8)
    elif kind == "cut":
        del data[start:]
    elif kind == "repeat":
        data[start:start] = data[start : start + size] * rng.choice((1, 2, 50))
    elif kind == "noise":
        data[start : start + size] = rng.randbytes(size)
    elif kind in ("zeros", "ones"):
        end = min(len(data), start + size)
        data[start:end] = (b"\0" if kind == "zeros" else b"\xff") * (end - start)
    elif kind == "drop":
        del data[start : start + size]
    elif kind == "swap":
        other = rng.randrange(len(data))
        one, two = data[start : start + size], data[other : other + size]
        data[start : start + size], data[other : other + size] = two, one
    else:
        width = rng.choice((1, 2, 4, 8))
        number = rng.choice(EDGES) % (1 << 8 * width)
        data[start : start + width] = number.to_bytes(width, rng.choice(("little", "big")))


def altered_trees(tree: Any, seed: int, count: int) -> Iterator[Any]:
    """Yield ``count`` copies of a tree of mappings and lists with values and keys changed or gone."""
    rng = random.Random(seed)
    for _ in range(count):
        copied = copy.deepcopy(tree)
        for _ in range(rng.choice((1, 1, 2, 3))):
            copied = _alter(copied, rng)
        yield copied


def _alter(tree: Any, rng: random.Random) -> Any:
    if isinstance(tree, Mapping) and tree and rng.random() < 0.9:
        key = rng.choice(list(tree))
        kind = rng.random()
        if kind < 0.1:
            return {name: value for name, value in tree.items() if name != key}
        if kind < 0.2:
            return {**tree, f"{key}_": copy.deepcopy(tree[key])}
        if kind < 0.25:
            return {**tree, key: copy.deepcopy(tree[rng.choice(list(tree))])}
        return {**tree, key: _alter(tree[key], rng)}
    if isinstance(tree, list) and tree and rng.random() < 0.8:
        index = rng.randrange(len(tree))
        kind = rng.random()
        if kind < 0.1:
            return [*tree[:index], *tree[index + 1 :]]
        if kind < 0.2:
            return [*tree[:index], tree[index], *tree[index:]]
        return [*tree[:index], _alter(tree[index], rng), *tree[index + 1 :]]
    if isinstance(tree, int | float) and not isinstance(tree, bool) and rng.random() < 0.4:
        return rng.choice((-tree, tree + 1, tree - 1, tree * 1000, tree / 3, float(tree)))
    return copy.deepcopy(rng.choice(ODD_VALUES))


def attack(
    read: Callable[[Any], object],
    inputs: Iterable[Any],
    *,
    seconds: float = 10.0,
    memory: int = 1 << 30,
) -> Tally:
    """Call ``read`` with each input in a child process and count the outcomes.

    ``read`` is a function of a module (the child imports it); returning is ``ok``, a FeatxError is ``refused``,
    any other exception ``uncaught``, more than ``seconds`` a ``hang``, a dead child a ``crash``, and a peak of
    resident memory more than ``memory`` bytes above what the child had at its start ``memory``.
    """
    tally = Tally()
    child = _Child(read, memory)
    try:
        for number, given in enumerate(inputs):
            outcome, said = child.take(given, seconds)
            tally.counts[outcome] += 1
            if outcome not in (OK, REFUSED):
                tally.faults.append((number, outcome, said))
                child.stop()
                child = _Child(read, memory)
    finally:
        child.stop()
    return tally


class _Child:
    """A process of its own that reads what it is sent."""

    def __init__(self, read: Callable[[Any], object], memory: int) -> None:
        context = multiprocessing.get_context("spawn")
        self.ours, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(read, theirs, memory), daemon=True)
        self.process.start()
        theirs.close()
        # The imports of the child are no part of what an input costs.
        self.ours.poll(120)
        self.ours.recv()

    def take(self, given: Any, seconds: float) -> tuple[str, str]:
        try:
            self.ours.send(given)
            if not self.ours.poll(seconds):
                return HANG, f"no end within {seconds:g} s"
            outcome, said = self.ours.recv()
            return outcome, said
        except (EOFError, ConnectionError):
            self.process.join(10)
            return CRASH, f"the process ended with {self.process.exitcode}"

    def stop(self) -> None:
        self.process.kill()
        self.process.join(10)
        self.ours.close()


def _peak() -> int:
    """Return the most resident memory of this process so far; getrusage would count its parent's too."""
    status = Path("/proc/self/status")
    if status.exists():
        return int(status.read_text().partition("VmHWM:")[2].split()[0]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _serve(read: Callable[[Any], object], pipe: Connection, memory: int) -> None:
    warnings.simplefilter("ignore")
    pipe.send("ready")
    before = None
    while True:
        try:
            given = pipe.recv()
        except EOFError:
            return
        if before is None:
            before = _peak()
        outcome, said = OK, ""
        try:
            read(given)
        except FeatxError as error:
            outcome, said = REFUSED, str(error)
            # A message of several lines or without a word is no message.
            if not said.strip() or "\n" in said:
                outcome = UNCAUGHT
        except BaseException as error:
            outcome, said = UNCAUGHT, f"{type(error).__module__}.{type(error).__name__}: {error}"
        if outcome in (OK, REFUSED) and _peak() - before > memory:
            outcome, said = MEMORY, f"{(_peak() - before) >> 20} MiB more than at the start"
        pipe.send((outcome, said[:500]))
