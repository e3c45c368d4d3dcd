"""The application: a function of its classifiers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import cast

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import HTMLResponse, PlainTextResponse

from featx import __version__
from featx.errors import FeatxError
from featx.predictor import Classifier
from featx.server import routes_v1, routes_v2
from featx.server.access_log import AccessLog
from featx.server.direct import Direct
from featx.server.errors import HTTPError, answer, explain
from featx.server.limits import Limits
from featx.server.metrics import Metrics
from featx.server.middleware import Gate, Log
from featx.server.openapi import describe
from featx.server.parsing import in_words
from featx.server.pool import Pool
from featx.server.registry import Registry
from featx.server.reloading import Reloader
from featx.server.routes_v1 import AppState

__all__ = ["create_app"]

_PAGE = Path(__file__).parent / "page.html"
_POLICY = (  # the page is whole in itself: it loads nothing and speaks to nobody but this server
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'; "
    "img-src blob: data:; media-src blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def create_app(
    classifiers: Mapping[str, Classifier],
    *,
    limits: Limits | None = None,
    token: str | None = None,
    log: Log | None = None,
    sources: Mapping[str, Path] | None = None,
    reload_every: float | None = 2.0,
) -> FastAPI:
    """An application that answers with classifiers, and holds no other state.

    Parameters
    ----------
    classifiers : mapping of str to Classifier
        By the names under which they are served.
    limits : Limits, default=None
        How much it takes on.
    token : str, default=None
        What clients must show as ``Authorization: Bearer``; None lets everyone in.
    log : callable, default=None
        Gets a record of each request.
    sources : mapping of str to path, default=None
        Where classifiers were loaded from: one that is replaced there is replaced here.
    reload_every : float, default=2
        Seconds between two looks at ``sources``; None looks only when told, as ``run`` does on SIGHUP.

    Raises
    ------
    BadOption
        There is no classifier.
    MissingWeights, WrongDigest
        A backbone is not on this machine.
    """
    limits = limits or Limits()
    registry, metrics = Registry(classifiers, limits), Metrics()
    if isinstance(log, AccessLog):
        metrics.follow(
            "featx_log_lines_dropped",
            "Lines of the log that were never written because its reader did not keep up.",
            lambda: log.dropped,
        )
    pool = Pool(limits.threads, limits.waiting)
    watch = Reloader(registry, metrics, sources or {}, log)
    house = AppState(registry, pool, limits, metrics)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        follows = sources and reload_every is not None
        task = asyncio.create_task(watch.run(reload_every or 0)) if follows else None
        yield
        if task:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        await asyncio.to_thread(pool.close)

    app = FastAPI(
        title="featx", version=__version__, lifespan=lifespan, docs_url=None, redoc_url=None
    )
    app.include_router(routes_v1.routes(house))
    app.include_router(routes_v2.routes(house))
    _add_pages(app, house)
    app.add_exception_handler(FeatxError, explain)
    app.add_exception_handler(HTTPException, explain)
    app.add_exception_handler(RequestValidationError, _explain_query)
    app.add_exception_handler(ClientDisconnect, _explain_leaving)
    app.add_exception_handler(Exception, explain)
    describe(app)
    app.state.reload = partial(watch.look, again=True)
    app.add_middleware(Direct, house=house)
    app.add_middleware(Gate, limits=limits, metrics=metrics, token=token, log=log)
    return app


async def _explain_query(request: Request, error: Exception) -> Response:
    words = in_words(cast(RequestValidationError, error).errors())
    return await explain(request, HTTPError(422, "unprocessable", words))


async def _explain_leaving(request: Request, error: Exception) -> Response:
    words = "the client left before its body was whole"
    return await explain(request, HTTPError(400, "incomplete", words))


def _add_pages(app: FastAPI, house: AppState) -> None:
    page, pool = _PAGE.read_text(encoding="utf-8"), house.pool
    house.metrics.watch(
        "featx_requests_held", "Requests that are worked on or wait.", lambda: pool.held
    )
    house.metrics.watch(
        "featx_requests_waiting",
        "Requests that wait for a worker.",
        lambda: max(0, pool.held - pool.workers),
    )
    house.metrics.watch("featx_workers", "Threads that embed.", lambda: pool.workers)

    @app.get("/", include_in_schema=False)
    async def show_page() -> Response:
        headers = {"Content-Security-Policy": _POLICY, "X-Content-Type-Options": "nosniff"}
        return HTMLResponse(page, headers=headers)

    @app.get("/healthz", tags=["health"])
    async def healthz() -> Response:
        """The server runs."""
        return answer({"status": "ok"})

    @app.get("/readyz", tags=["health"])
    async def readyz() -> Response:
        """Every classifier can answer: they are loaded before the server listens."""
        return answer({"status": "ready"})

    @app.get("/metrics", tags=["health"], response_class=PlainTextResponse)
    async def metrics() -> Response:
        """Requests, latency, queue, samples, labels and drift, for Prometheus."""
        return Response(house.metrics.text(), media_type="text/plain; version=0.0.4")
