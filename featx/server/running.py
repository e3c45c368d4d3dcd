"""Serve an application on a port until a signal ends it."""

from __future__ import annotations

import asyncio
import gc
import logging
import math
import os
import signal
import socket
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread
from typing import TextIO

import uvicorn
from starlette.applications import Starlette

from featx.errors import BadOption
from featx.server.access_log import LogFunction
from featx.server.limits import Limits
from featx.server.protocol import close_stalled, protocol_of

__all__ = ["count_connections", "listen", "run"]

# Seconds until one thread must hand Python's lock to another that waits for it.
_SWITCH_INTERVAL = 0.0001
# Descriptors that are left for files, and the fewest connections that are tried.
_RESERVED, _FEWEST = 32, 8
# Letters of a traceback in the log, from its end.
_MAX_TRACEBACK = 8000
# Connections that the kernel holds before they are accepted.
_BACKLOG = 128


def run(
    app: Starlette,
    *,
    host: str,
    port: int,
    limits: Limits,
    log: LogFunction | None = None,
    on_stop: Callable[[], object] | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT: then nothing new is accepted, and what is in flight ends.

    On SIGHUP every classifier that was loaded from a file is read again.

    Parameters
    ----------
    app : Starlette
        An application that ``create_app`` made.
    port : int
        0 takes a free one; the log says which.
    log : callable, default=None
        Gets a record once the port is open and the signals are handled.
    on_stop : callable, default=None
        Called once everything is answered: after SIGTERM this function does not return.

    Raises
    ------
    BadOption
        The address cannot be listened on.
    """
    _prefer_throughput()
    with listen(host, port) as listening, _logged(log):
        config = uvicorn.Config(
            app,
            host=host,
            port=port,
            http=protocol_of(limits, count_connections(limits.max_connections)),
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            backlog=_BACKLOG,
            timeout_graceful_shutdown=math.ceil(limits.timeout) + 1,
        )
        address = listening.getsockname()[:2]

        def on_ready() -> None:
            if log:
                log({"message": "listening", "address": address})

        _Server(config, app.state.reload, on_ready, on_stop).run(sockets=[listening])


def count_connections(wanted: int) -> int:
    """Return how many connections the process can have, of which each takes a descriptor.

    The limit of descriptors is raised where that is allowed; some are left for files that are read meanwhile.
    """
    # Windows has no such limit.
    try:
        import resource
    except ImportError:
        return wanted
    opened = Path("/dev/fd")
    taken = _RESERVED + (len(list(opened.iterdir())) if opened.is_dir() else _RESERVED)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return wanted
    most = wanted + taken if hard == resource.RLIM_INFINITY else min(wanted + taken, hard)
    if soft < most:
        # A sandbox may forbid it.
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
            soft = most
    return max(_FEWEST, min(wanted, soft - taken))


@contextmanager
def _logged(log: LogFunction | None) -> Iterator[None]:
    """Let what uvicorn logs, and warnings, become records of the log instead of lines of their own."""
    logger = logging.getLogger("uvicorn.error")
    handler = _LogHandler(log)

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        if log is not None:
            log({"level": "warning", "message": str(message)})

    propagated, logger.propagate = logger.propagate, False
    logger.addHandler(handler)
    try:
        with warnings.catch_warnings():
            warnings.showwarning = show
            yield
    finally:
        logger.removeHandler(handler)
        logger.propagate = propagated


class _LogHandler(logging.Handler):
    """A handler of logging that writes records of warnings and failures to a server's log."""

    def __init__(self, log: LogFunction | None) -> None:
        super().__init__(logging.WARNING)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        # A client that reads nothing, and a request that the end of the server ends, are no failures of ours.
        if self._log is None or isinstance(error, TimeoutError | asyncio.CancelledError):
            return
        message = {"level": record.levelname.lower(), "message": record.getMessage().strip()}
        if error is not None:
            message["traceback"] = "".join(traceback.format_exception(error))[-_MAX_TRACEBACK:]
        self._log(message)


def _prefer_throughput() -> None:
    """Let workers compute in longer stretches; threads that are started later inherit it.

    The event loop's thread wakes at every byte that comes and every row that is made. As a batch process it
    waits for the end of a worker's slice of some milliseconds, instead of taking its core at once, and finds
    several things to do: 4 % more photos a second on two cores, and no later answers.
    """
    sys.setswitchinterval(_SWITCH_INTERVAL)
    # What was loaded stays: no later collection need look at it.
    gc.collect()
    gc.freeze()
    # Linux alone has it, and a sandbox may forbid it.
    if hasattr(os, "SCHED_BATCH"):
        with suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket; raise BadOption where the address cannot be listened on.

    It names its protocol, from which asyncio sees that it may turn off Nagle's algorithm: without, each
    answer of two writes would wait 40 ms for an acknowledgement.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except (OSError, OverflowError) as error:
        listening.close()
        raise BadOption(f"host={host!r}, port={port}: cannot be listened on: {error}") from error
    listening.listen(_BACKLOG)
    return listening


class _Server(uvicorn.Server):
    """A server that handles SIGHUP, and calls functions once it is ready and before a signal ends it."""

    def __init__(
        self,
        config: uvicorn.Config,
        reload: Callable[[], None],
        on_ready: Callable[[], object],
        on_stop: Callable[[], object] | None,
    ) -> None:
        super().__init__(config)
        self._reload = reload
        self._on_ready = on_ready
        self._on_stop = on_stop

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        # Windows has no SIGHUP.
        if hasattr(signal, "SIGHUP"):
            loop = asyncio.get_running_loop()
            loop.add_signal_handler(signal.SIGHUP, self._reload_beside)
        self._watch = asyncio.create_task(close_stalled(lambda: self.server_state.connections))
        # Last: who reads that the server listens may send a signal at once, and without its handler
        # SIGHUP kills.
        if self.started:
            self._on_ready()

    def _reload_beside(self) -> None:
        """Read the files again, in a thread that does not keep the process."""
        Thread(target=self._reload, name="reloading", daemon=True).start()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await super().shutdown(sockets)
        self._watch.cancel()
        if self._on_stop:
            self._on_stop()
