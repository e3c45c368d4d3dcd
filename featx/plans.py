"""How a backbone runs best on this host: what was measured once and is remembered in the user's data folder."""

from __future__ import annotations

import json
import platform
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from featx.errors import OutputFailed
from featx.files import data_dir, replacing

__all__ = ["Plan", "forget", "place", "remember", "remembered"]


@dataclass(frozen=True, slots=True)
class Plan:
    """What an engine does where nobody says otherwise; it changes how fast rows are made, not which."""

    batch_size: int
    workers: int


def remember(kept_as: str, plan: Plan, *, cores: int) -> Path:
    """Keep a plan for a backbone on this host, for as long as it has so many cores; the file it is in.

    Raises
    ------
    OutputFailed
        The user's data folder cannot be written.
    """
    place().parent.mkdir(parents=True, exist_ok=True)
    entry = {**asdict(plan), "cores": cores}
    with replacing(place()) as temporary:
        table = _table() | {_key(kept_as): entry}
        temporary.write_text(json.dumps(table, indent=1, sort_keys=True), encoding="utf-8")
    return place()


def remembered(kept_as: str, *, cores: int | None = None) -> Plan | None:
    """The plan that was kept, if there is one for this host; ``cores``: only if measured with so many."""
    entry = _table().get(_key(kept_as))
    if not isinstance(entry, dict) or cores not in (None, entry.get("cores")):
        return None
    plan = Plan(entry.get("batch_size", 0), entry.get("workers", 0))
    whole = all(type(value) is int and value > 0 for value in (plan.batch_size, plan.workers))
    return plan if whole else None


def forget() -> None:
    """Forget every plan.

    Raises
    ------
    OutputFailed
        The file cannot be removed.
    """
    try:
        place().unlink(missing_ok=True)
    except OSError as error:
        raise OutputFailed(f"{place()}: cannot be removed: {error.strerror}") from error


def place() -> Path:
    """The file of all plans; it may not exist yet."""
    return data_dir() / "plans.json"


def _key(kept_as: str) -> str:
    return f"{platform.node()} {kept_as[:16]}"  # a home may be shared by several hosts


def _table() -> dict[str, Any]:
    try:
        table = json.loads(place().read_bytes())
    except (OSError, ValueError):
        return {}
    return table if isinstance(table, dict) else {}
