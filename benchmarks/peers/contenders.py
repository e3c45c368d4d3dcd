"""Who takes part: a script, the environment that it wants, and the settings to choose from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

Setting = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Contender:
    script: str
    environment: str | None = None  # of environments.WANTED; None is the interpreter that has featx
    comparable: bool = True  # whether its rows ought to be featx's
    settings: tuple[Setting, ...] = ({},)


def contenders(cores: int) -> Mapping[str, Contender]:
    """By name, with settings for ``cores``."""
    return MappingProxyType(
        {
            "featx": Contender("featx_rows.py"),
            "featx int8": Contender("featx_rows.py"),
            "fastembed": Contender("fastembed_rows.py", "fastembed", settings=fastembed(cores)),
            "torch": Contender("torch_rows.py", "torch", settings=torch(cores)),
            "keras": Contender("keras_rows.py", "keras", comparable=False, settings=keras(cores)),
        }
    )


def fastembed(cores: int) -> tuple[Setting, ...]:
    alone = [{"threads": cores, "batch": batch, "parallel": None} for batch in (1, 4, 16)]
    shared = [{"threads": 1, "batch": batch, "parallel": cores} for batch in (1, 4, 16)]
    return (*alone, *shared)


def torch(cores: int) -> tuple[Setting, ...]:
    """DataLoader workers and torch's threads; memory in channels-last order, and once not."""
    shapes = [(0, cores, True), (1, cores, True), (cores, cores, True), (cores, 1, True)]
    return tuple(
        {"workers": workers, "threads": threads, "batch": 16, "channels_last": last}
        for workers, threads, last in [*shapes, (cores, cores, False)]
    )


def keras(cores: int) -> tuple[Setting, ...]:
    return tuple({"threads": cores, "batch": batch} for batch in (8, 32))
