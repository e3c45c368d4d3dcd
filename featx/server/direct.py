"""A shorter way to the one endpoint that must be fast."""

from __future__ import annotations

from types import SimpleNamespace

from starlette.datastructures import QueryParams
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from featx.errors import FeatxError
from featx.server.errors import refuse
from featx.server.routes_v1 import AppState, answer_predict

__all__ = ["Direct"]

_PATH = "/v1/predict"
_ROUTE = SimpleNamespace(path=_PATH)  # what the gate counts it under


class Direct:
    """An ASGI application around another one, which answers plain requests to predict itself.

    What FastAPI does between a request and its handler, routing, dependencies and exit stacks, takes a
    third of the time that a server of one picture a request spends outside of its workers. The handler is the
    same; a request whose query is not plain goes the long way, where what is wrong is found and said.
    """

    def __init__(self, app: ASGIApp, *, house: AppState) -> None:
        self._app = app
        self._house = house

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or pass on."""
        if scope["type"] != "http" or scope["method"] != "POST" or scope["path"] != _PATH:
            await self._app(scope, receive, send)
            return
        query = QueryParams(scope["query_string"])
        top_k = query.get("top_k", "3")
        if not (top_k.isascii() and top_k.isdecimal() and 1 <= int(top_k[:9]) <= 1000):
            await self._app(scope, receive, send)
            return
        scope["route"] = _ROUTE
        request = Request(scope, receive, send)
        try:
            made = await answer_predict(self._house, request, query.getlist("model"), int(top_k))
        except (FeatxError, HTTPException) as error:
            made = refuse(error)
        await made(scope, receive, send)
