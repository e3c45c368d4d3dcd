"""What every request passes: an id, a token, limits of its body and its time, a line in the access log.

It leaves a ``Client`` in the scope, under ``featx.client``: who asks.
"""

from __future__ import annotations

import asyncio
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from featx.server.access_log import LogFunction
from featx.server.bodies import LEFT, Bodies, Body
from featx.server.errors import HTTPError, error_response
from featx.server.hosts import HostPolicy
from featx.server.metrics import Metrics

__all__ = ["Client", "RequestMiddleware"]

# Paths that need no token: they tell nothing of the classifiers but that they are there.
_PUBLIC_PATHS = frozenset(
    "/ /docs /openapi.json /healthz /readyz /v2/health/live /v2/health/ready".split()
)
_METHODS = frozenset("GET HEAD POST PUT DELETE OPTIONS PATCH TRACE".split())
_REQUEST_ID = re.compile(rb"[\w.:-]{1,64}", re.ASCII)
# Letters of a path in the log.
_LOGGED_PATH = 500
# What a client has who left before the answer; nginx has made the number known.
_LEFT = 499


@dataclass(frozen=True, slots=True)
class Client:
    """Who asks.

    Attributes
    ----------
    trusted : bool
        Whether the token was shown.
    count_bytes : callable
        Counts bytes, beside those of the body, that the request makes the server hold; raises HTTPError (429)
        for too many.
    """

    trusted: bool
    count_bytes: Callable[[int], None]


@dataclass(slots=True)
class _Progress:
    """A request, and how far it has come."""

    scope: Scope
    headers: dict[bytes, bytes]
    body: Body
    start: float = field(default_factory=time.perf_counter)
    # The status of the response; 0 until it is sent.
    status: int = 0

    def request_id(self) -> str:
        """Return the client's own id where it is short and plain, else a new one."""
        given = self.headers.get(b"x-request-id", b"")
        return given.decode("ascii") if _REQUEST_ID.fullmatch(given) else secrets.token_hex(16)


class RequestMiddleware:
    """An ASGI application around another one.

    Parameters
    ----------
    app : ASGI application
        Answers what is let through.
    bodies : Bodies
        Whose limits of bodies and of time are enforced here.
    check_busy : callable
        Gets the scope of a request that is let in; raises HTTPError where there is too much to do.
    metrics : Metrics
        Count each request.
    token : str or None
        What ``Authorization: Bearer`` must say, except for the page, the docs and the health checks.
    hosts : HostPolicy
        Asked where there is no token.
    log : callable or None
        Gets a record of each request: no payloads, no queries, no headers.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        bodies: Bodies,
        check_busy: Callable[[Scope], None],
        metrics: Metrics,
        token: str | None,
        hosts: HostPolicy,
        log: LogFunction | None,
    ) -> None:
        self._app = app
        self._bodies = bodies
        self._check_busy = check_busy
        self._metrics = metrics
        self._hosts = hosts
        self._token = None if token is None else token.encode()
        self._log = log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request; what is none, such as the start of the application, is passed on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body = self._bodies.body(receive, scope.get("featx.peer"))
        progress = _Progress(scope, dict(scope["headers"]), body)
        request_id = progress.request_id()

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                progress.status = message["status"]
                progress.body.answer()
                message["headers"] = [
                    *message["headers"],
                    (b"x-request-id", request_id.encode()),
                    (b"x-content-type-options", b"nosniff"),
                ]
            await send(message)

        try:
            await self._answer(progress, send_with_id)
        finally:
            progress.body.release()
            self._record(progress, request_id)

    async def _answer(self, progress: _Progress, send: Send) -> None:
        scope, receive = progress.scope, progress.body.receive
        timeout = self._bodies.limits.timeout
        try:
            self._check(progress)
            self._check_busy(scope)
            scope["featx.client"] = Client(self._token is not None, progress.body.count)
            async with asyncio.timeout(timeout):
                await self._app(scope, receive, send)
        except HTTPError as error:
            await error_response(error, scope["path"])(scope, receive, send)
        except ClientDisconnect:
            progress.body.left = True
        except asyncio.CancelledError as error:
            # The end of the server cancels requests, too.
            if error.args != (LEFT,) or (task := asyncio.current_task()) is None:
                raise
            task.uncancel()
        except TimeoutError:
            # An answer that has begun cannot be replaced: the server closes the connection.
            if progress.status:
                raise
            late = HTTPError(504, "timeout", f"not answered within {timeout:g} s; given up")
            await error_response(late, scope["path"])(scope, receive, send)

    def _check(self, progress: _Progress) -> None:
        """Refuse a request before anything of its body is read."""
        headers, lines = progress.headers, progress.scope["headers"]
        # A proxy in front might take another one of them for the host (RFC 9112, section 3.2).
        if len(headers) < len(lines) and sum(name == b"host" for name, _ in lines) > 1:
            raise HTTPError(400, "bad_request", "found more than one header Host; expected one")
        if self._token is None:
            self._hosts.check(headers, sends=progress.scope["method"] not in ("GET", "HEAD"))
        elif progress.scope["path"] not in _PUBLIC_PATHS:
            scheme, _, token = headers.get(b"authorization", b"").partition(b" ")
            known = secrets.compare_digest(token.strip(), self._token)
            if scheme.lower() != b"bearer" or not known:
                raise HTTPError(
                    401,
                    "unauthorized",
                    "expected the header Authorization: Bearer TOKEN, with this server's token",
                    {"WWW-Authenticate": "Bearer"},
                )
        length = headers.get(b"content-length", b"0")
        # A number of so many digits is above every limit, and slow to read.
        if length.isdigit() and (len(length) > 18 or int(length) > self._bodies.limits.max_body):
            raise progress.body.too_large()

    def _record(self, progress: _Progress, request_id: str) -> None:
        """Count the request, and write its line in the log."""
        scope, seconds = progress.scope, time.perf_counter() - progress.start
        route = getattr(scope.get("route"), "path", "other")
        method = scope["method"] if scope["method"] in _METHODS else "other"
        # A request that fails without an answer gets its 500 from the framework around this.
        status = _LEFT if progress.body.left else progress.status or 500
        self._metrics.count_request(route, method, status, seconds)
        if self._log:
            client = scope.get("client") or ("",)
            self._log(
                {
                    "time": _now(),
                    "request_id": request_id,
                    "client": client[0],
                    "method": scope["method"],
                    "path": scope["path"][:_LOGGED_PATH],
                    "status": status,
                    "seconds": round(seconds, 6),
                    "bytes": progress.body.received,
                }
            )


def _now() -> str:
    """Return the time as ISO 8601 has it, with milliseconds."""
    second, thousandth = divmod(time.time_ns() // 1_000_000, 1000)
    return f"{_to_second(second)}.{thousandth:03d}+00:00"


@lru_cache(maxsize=1)
def _to_second(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")
