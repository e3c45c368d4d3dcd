"""What every request passes: an id, a token, an end to its body and its time, a line in the log."""

from __future__ import annotations

import asyncio
import re
import secrets
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from featx.server.errors import HTTPError, refuse
from featx.server.limits import Limits
from featx.server.metrics import Metrics

__all__ = ["Gate", "Log"]

Log = Callable[[Mapping[str, Any]], None]

_OPEN = frozenset(
    "/ /docs /openapi.json /healthz /readyz /v2/health/live /v2/health/ready".split()
)  # they say nothing of the classifiers but that they are there
_ID = re.compile(rb"[\w.:-]{1,64}", re.ASCII)


@dataclass(slots=True)
class _Passage:
    """One request on its way."""

    scope: Scope
    headers: dict[bytes, bytes]
    start: float = field(default_factory=time.perf_counter)
    received: int = 0  # bytes of the body
    status: int = 0  # 0: not answered yet

    def id(self) -> str:
        """The client's own, where it is short and plain; else a new one."""
        given = self.headers.get(b"x-request-id", b"")
        return given.decode("ascii") if _ID.fullmatch(given) else uuid.uuid4().hex


class Gate:
    """An ASGI application around another one.

    Parameters
    ----------
    token : str or None
        What ``Authorization: Bearer`` must say, but to see the page or the docs, or to ask
        after the server's health.
    log : callable or None
        Gets a record of each request: no payloads, no queries, no headers.
    """

    def __init__(
        self, app: ASGIApp, *, limits: Limits, metrics: Metrics, token: str | None, log: Log | None
    ) -> None:
        self._app = app
        self._limits = limits
        self._metrics = metrics
        self._token = None if token is None else token.encode()
        self._log = log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, or what is none: the application's start and end."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        passage = _Passage(scope, dict(scope["headers"]))
        name = passage.id()

        async def bounded() -> Message:
            message = await receive()
            passage.received += len(message.get("body", b""))
            if passage.received > self._limits.max_body:
                raise self._too_large()
            return message

        async def named(message: Message) -> None:
            if message["type"] == "http.response.start":
                passage.status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", name.encode())]
            await send(message)

        try:
            await self._pass(passage, bounded, named)
        finally:
            self._tell(passage, name)

    async def _pass(self, passage: _Passage, receive: Receive, send: Send) -> None:
        scope = passage.scope
        try:
            self._check(passage)
            async with asyncio.timeout(self._limits.timeout):
                await self._app(scope, receive, send)
        except HTTPError as error:
            await refuse(error, scope["path"])(scope, receive, send)
        except TimeoutError:
            if passage.status:  # the answer had begun: the server closes the connection
                raise
            late = HTTPError(
                504, "timeout", f"not answered within {self._limits.timeout:g} s; given up"
            )
            await refuse(late, scope["path"])(scope, receive, send)

    def _check(self, passage: _Passage) -> None:
        """Refuse before anything is read."""
        if self._token is not None and passage.scope["path"] not in _OPEN:
            kind, _, given = passage.headers.get(b"authorization", b"").partition(b" ")
            if kind.lower() != b"bearer" or not secrets.compare_digest(given.strip(), self._token):
                raise HTTPError(
                    401,
                    "unauthorized",
                    "expected the header Authorization: Bearer TOKEN, with this server's token",
                    {"WWW-Authenticate": "Bearer"},
                )
        length = passage.headers.get(b"content-length", b"0")
        if length.isdigit() and int(length) > self._limits.max_body:
            raise self._too_large()

    def _too_large(self) -> HTTPError:
        return HTTPError(
            413, "too_large", f"the body is larger than the limit of {self._limits.max_body} bytes"
        )

    def _tell(self, passage: _Passage, name: str) -> None:
        """Count the request, and write its line."""
        scope, seconds = passage.scope, time.perf_counter() - passage.start
        route = getattr(scope.get("route"), "path", "other")
        method = scope["method"] if scope["method"] in _METHODS else "other"
        status = passage.status or 500  # what fails without an answer is answered outside of here
        self._metrics.count_request(route, method, status, seconds)
        if self._log:
            client = scope.get("client") or ("",)
            self._log(
                {
                    "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
                    "request_id": name,
                    "client": client[0],
                    "method": scope["method"],
                    "path": scope["path"],
                    "status": status,
                    "seconds": round(seconds, 6),
                    "bytes": passage.received,
                }
            )


_METHODS = frozenset("GET HEAD POST PUT DELETE OPTIONS PATCH TRACE".split())
