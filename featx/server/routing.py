"""The operations of a server: one record each, from which the route and its documentation are made."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import Receive, Scope, Send

from featx.server.health import Health
from featx.server.limits import Limits
from featx.server.metrics import Metrics
from featx.server.pool import Pool
from featx.server.registry import Registry

__all__ = ["AppState", "BusyCheck", "Operation"]


@dataclass(frozen=True, slots=True)
class AppState:
    """What the handlers of one application share."""

    registry: Registry
    pool: Pool
    limits: Limits
    metrics: Metrics
    health: Health

    async def unready(self) -> list[str]:
        """Return what is not ready: workers, or classifiers by name."""
        if not self.health.workers_live():
            return ["no worker lives"]
        all_served = list(self.registry)
        ready = await asyncio.gather(*map(self.health.is_ready, all_served))
        return [
            f"{served.name} cannot answer"
            for served, fine in zip(all_served, ready, strict=True)
            if not fine
        ]


Handler = Callable[[AppState, Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path.

    Attributes
    ----------
    method, path : str
        ``{name}`` in the path is a parameter.
    handler : coroutine function of AppState and Request
        Answers it; its docstring is the description in the OpenAPI document.
    tag : str, default=None
        The section of the OpenAPI document; None leaves the operation out of it.
    query : type of BaseModel, default=None
        The parameters in the query.
    body : type of BaseModel, default=None
        The JSON body.
    other_bodies : mapping of str to JSON schema, default={}
        Bodies of other media types.
    media_type : str, default="application/json"
        The type of the answer.
    answer : type of BaseModel, default=None
        The answer in JSON; None: anything of the media type.
    takes_slot : bool, default=False
        Whether it holds a slot of the pool: while none is free it is refused before anything else is done.
    """

    method: str
    path: str
    handler: Handler
    tag: str | None = None
    query: type[BaseModel] | None = None
    body: type[BaseModel] | None = None
    other_bodies: Mapping[str, Any] = field(default_factory=dict)
    media_type: str = "application/json"
    answer: type[BaseModel] | None = None
    takes_slot: bool = False

    def route(self, state: AppState) -> Route:
        """Return the route that answers with that state."""
        return _Route(self.path, _Endpoint(self.handler, state), methods=[self.method])


class BusyCheck:
    """A check of requests before they are routed: those that need a slot of the pool are refused without one.

    Under an overload most requests are refused, and what a refusal costs is taken from those that are answered.

    Parameters
    ----------
    pool : Pool
    routes : iterable of Route
        Of the operations that hold a slot.
    """

    def __init__(self, pool: Pool, routes: Iterable[Route]) -> None:
        self._pool = pool
        self._routes = list(routes)

    def __call__(self, scope: Scope) -> None:
        """Raise HTTPError (429) where a request would get no slot now; its route is then in the scope."""
        if not self._pool.is_full:
            return
        for route in self._routes:
            match, child_scope = route.matches(scope)
            if match is Match.FULL:
                scope.update(child_scope)
                self._pool.check()


@dataclass(frozen=True, slots=True)
class _Endpoint:
    """A handler as an ASGI application.

    Starlette would wrap a function in a second handling of exceptions beside the application's own, which
    is slower.
    """

    handler: Handler
    state: AppState

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self.handler(self.state, Request(scope, receive, send))
        await response(scope, receive, send)


class _Route(Route):
    """A route that older releases of Starlette, too, leave in the scope: metrics count by its path."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        match, child_scope = super().matches(scope)
        child_scope["route"] = self
        return match, child_scope
