"""Ray: a cluster that featx starts on this machine and ends, or one that is there already."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from featx._extras import require
from featx.errors import BadOption, ClusterFailed
from featx.storage.border import error_line, library_border

__all__ = ["check_address", "connected", "core_count", "load_ray", "said_by_ray"]

# Bytes of Ray's object store on this machine: it holds names and texts, no pictures and no rows.
_STORE = 200 << 20
# Seconds to wait for a cluster to answer.
_PATIENCE = 15
# Set before Ray is loaded, where featx loads it: no reports to its makers, and no lines but ours.
_REPORTS = "RAY_USAGE_STATS_ENABLED"
_QUIET = {
    _REPORTS: "0",
    "RAY_BACKEND_LOG_LEVEL": "fatal",
    "RAY_DATA_LOG_LEVEL": "CRITICAL",
    "RAY_DEDUP_LOGS_SKIP_REGEX": ".",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}


def check_address(address: str | None) -> str:
    """Return the address to give to Ray: what is named, else $RAY_ADDRESS, else "local".

    Raises
    ------
    BadOption
        It is that of a Ray Client, over which no data set can be processed.

    Examples
    --------
    >>> check_address("head:6379")
    'head:6379'
    """
    address = address or os.environ.get("RAY_ADDRESS") or "local"
    if "://" in address:
        raise BadOption(
            f"address={address!r}: expected that of the head of a cluster, such as 10.0.0.1:6379, or auto; "
            "run featx on a machine of the cluster, such as by `ray job submit`"
        )
    return address


def load_ray() -> Any:
    """Return the module ``ray``, told to be quiet and to report nothing where featx is who loads it.

    Raises
    ------
    MissingExtra
        Ray is not installed.
    """
    if "ray" not in sys.modules:
        for name, value in _QUIET.items():
            os.environ.setdefault(name, value)
    require("ray.data", extra="ray")
    return sys.modules["ray"]


@contextmanager
def connected(address: str | None, cores: int) -> Iterator[Any]:
    """Give the module ``ray``, connected to a cluster; one that was not connected is left at the end.

    Parameters
    ----------
    address : str or None
        Where the cluster is; None is $RAY_ADDRESS, else one of so many ``cores`` on this machine, which is
        started here and ends with the block. A program that is connected already stays with its cluster.

    Raises
    ------
    MissingExtra
        Ray is not installed.
    ClusterFailed
        The cluster cannot be reached or started.
    """
    ray = load_ray()
    if ray.is_initialized():
        if address is not None:
            raise BadOption(
                f"address={address!r}: this program is connected to a cluster of Ray already; leave it out"
            )
        with _quiet(ray):
            yield ray
        return
    named = check_address(address)
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.CRITICAL}
    if named == "local":
        # It is read now, whoever loaded Ray.
        os.environ.setdefault(_REPORTS, "0")
        options |= {"num_cpus": cores, "object_store_memory": _STORE, "include_dashboard": False}
    else:
        _check_health(named)
    what = "cannot be started on this machine" if named == "local" else f"{named} cannot be reached"
    try:
        with library_border(f"the cluster of Ray {what}", ClusterFailed), _silent():
            ray.init(address=named, **options)
        with _quiet(ray):
            yield ray
    finally:
        ray.shutdown()


def _check_health(address: str) -> None:
    """Refuse an address where no cluster answers: Ray itself would try again for ten minutes and more."""
    command = [sys.executable, "-m", "ray.scripts.scripts", "health-check", "--skip-version-check"]
    try:
        done = subprocess.run(
            command,
            env={**os.environ, "RAY_ADDRESS": address},
            capture_output=True,
            timeout=_PATIENCE,
            check=False,
        )
        answered = done.returncode == 0
    except subprocess.TimeoutExpired:
        answered = False
    if not answered:
        raise ClusterFailed(
            f"address={address!r}: no cluster of Ray answers there; expected that of its head, as "
            "`ray start` says it, or none for a cluster of this machine"
        )


@contextmanager
def _silent() -> Iterator[None]:
    """Hide what libraries of C write to standard error: that Ray was told to be quiet, it says aloud."""
    sys.stderr.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


@contextmanager
def _quiet(ray: Any) -> Iterator[None]:
    """Keep Ray Data's bars and lines off the terminal: progress is the engine's to show."""
    context = ray.data.DataContext.get_current()
    wanted = {
        "enable_progress_bars": False,
        "print_on_execution_start": False,
        "enable_rich_progress_bars": False,
    }
    before = {name: getattr(context, name) for name in wanted if hasattr(context, name)}
    logger = logging.getLogger("ray.data")
    level = logger.level
    for name in before:
        setattr(context, name, wanted[name])
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)
        for name, value in before.items():
            setattr(context, name, value)


def core_count(ray: Any) -> int:
    """Return the number of cores that the cluster offers now, at least 1."""
    return max(1, int(ray.cluster_resources().get("CPU", 1)))


def said_by_ray(error: BaseException) -> str:
    """Return in one line why a job of Ray failed, without the tracebacks that its errors carry.

    >>> said_by_ray(RuntimeError("ray::f() (pid=1)\\n  File x\\nModuleNotFoundError: No module named 'featx'"))
    "a node has no featx of this version: No module named 'featx'; install the same featx on every node"
    """
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    last = error_line(Exception(lines[-1])) if lines else type(error).__name__
    kind, _, text = last.partition(": ")
    if kind in ("ModuleNotFoundError", "ImportError", "AttributeError") and "featx" in text:
        return f"a node has no featx of this version: {text}; install the same featx on every node"
    return last
