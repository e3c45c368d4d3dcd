"""An application on a port, until it is told to stop."""

from __future__ import annotations

import asyncio
import gc
import math
import os
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress

import uvicorn
from fastapi import FastAPI

from featx.errors import BadOption
from featx.server.limits import Limits
from featx.server.middleware import Log

__all__ = ["listen", "run"]

_SWITCH = 0.0001  # seconds until one thread must hand Python's lock to another that waits for it
_BACKLOG = 128  # connections that the kernel holds before they are accepted


def run(
    app: FastAPI,
    *,
    host: str,
    port: int,
    limits: Limits,
    log: Log | None = None,
    last: Callable[[], object] | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT: then nothing new is accepted, and what is in flight ends.

    On SIGHUP every classifier that was loaded from a file is read again.

    Parameters
    ----------
    app : FastAPI
        As ``create_app`` makes it.
    port : int
        0 takes a free one; the log says which.
    log : callable, default=None
        Gets a record once the port is open and the signals are heeded.
    last : callable, default=None
        Called once everything is answered: after SIGTERM this does not return.

    Raises
    ------
    BadOption
        The address cannot be listened on.
    """
    _prefer_throughput()
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        log_config=None,
        access_log=False,
        server_header=False,
        backlog=_BACKLOG,
        timeout_graceful_shutdown=math.ceil(limits.timeout) + 1,
    )
    with listen(host, port) as listening:
        address = listening.getsockname()[:2]

        def first() -> None:
            if log:
                log({"message": "listening", "address": address})

        _Server(config, app.state.reload, first, last).run(sockets=[listening])


def _prefer_throughput() -> None:
    """Let workers compute in longer stretches; threads that are started later inherit it.

    The event loop's thread wakes at every byte that comes and every row that is made. As a batch process it
    waits for the end of a worker's slice of some milliseconds, instead of taking its core at once, and finds
    several things to do: 4 % more photos a second on two cores, and no later answers.
    """
    sys.setswitchinterval(_SWITCH)
    gc.collect()
    gc.freeze()  # what was loaded stays: no collection need look at it again
    if hasattr(os, "SCHED_BATCH"):  # Linux
        with suppress(OSError):  # a sandbox may forbid it
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; BadOption where the address cannot be listened on.

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
        raise BadOption(f"--host {host} --port {port}: cannot be listened on: {error}") from error
    listening.listen(_BACKLOG)
    return listening


class _Server(uvicorn.Server):
    """One that knows SIGHUP, has a first thing to do, and a last before it dies of the signal that ended it."""

    def __init__(
        self,
        config: uvicorn.Config,
        reload: Callable[[], None],
        first: Callable[[], object],
        last: Callable[[], object] | None,
    ) -> None:
        super().__init__(config)
        self._reload = reload
        self._first = first
        self._last = last

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if hasattr(signal, "SIGHUP"):  # Windows has none
            loop = asyncio.get_running_loop()
            loop.add_signal_handler(signal.SIGHUP, loop.run_in_executor, None, self._reload)
        # whoever reads that may send a signal at once: without its handler SIGHUP kills
        if self.started:
            self._first()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await super().shutdown(sockets)
        if self._last:
            self._last()
