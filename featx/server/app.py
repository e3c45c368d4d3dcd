"""The application: a function of its classifiers."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import cache, partial
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, Response

from featx.errors import BadOption, FeatxError
from featx.persistence.artifact import load as load_predictor
from featx.predictor import Predictor
from featx.server import routes_v1, routes_v2
from featx.server.access_log import AccessLog, LogFunction
from featx.server.answers import HealthAnswer
from featx.server.bodies import Bodies
from featx.server.errors import HTTPError, handle_error, json_response
from featx.server.health import Health
from featx.server.hosts import HostPolicy
from featx.server.limits import Limits
from featx.server.metrics import Metrics
from featx.server.middleware import RequestMiddleware
from featx.server.openapi import docs_page, openapi_document
from featx.server.pool import Pool
from featx.server.predict import try_predictor
from featx.server.registry import Registry
from featx.server.reloading import Reloader
from featx.server.routing import AppState, BusyCheck, Operation
from featx.server.workers import in_thread

__all__ = ["create_app"]

_ORIGIN = re.compile(r"https?://[^/?#\s@]+", re.ASCII)
_PAGE = Path(__file__).parent / "page.html"
# The page loads nothing, and speaks to nobody but this server.
_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'; "
    "img-src blob: data:; media-src blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_DOCS_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
_HANDLED = (FeatxError, HTTPException, ClientDisconnect, Exception)


def create_app(
    classifiers: Mapping[str, Predictor],
    *,
    limits: Limits | None = None,
    token: str | None = None,
    hosts: Sequence[str] | None = None,
    cors: Sequence[str] = (),
    log: LogFunction | None = None,
    sources: Mapping[str, Path] | None = None,
    reload_every: float | None = 2.0,
    load: Callable[..., Predictor] = load_predictor,
) -> Starlette:
    """Return an application that answers with classifiers, and holds no other state.

    Parameters
    ----------
    classifiers : mapping of str to Predictor
        Predictors by the names under which they are served.
    limits : Limits, default=None
        How much it takes on.
    token : str, default=None
        What clients must show as ``Authorization: Bearer``; None lets everyone in but pages of other sites.
    hosts : sequence of str, default=None
        Names beside those of the loopback under which it may be asked where there is no token; None is every
        name, as behind an address that others reach.
    cors : sequence of str, default=()
        Origins, such as ``https://example.org``, whose pages may ask from a browser; ``*`` is every one.
    log : callable, default=None
        Gets a record of each request.
    sources : mapping of str to path, default=None
        Where classifiers were loaded from: one that is replaced there is replaced here.
    reload_every : float, default=2
        Seconds between two checks of ``sources``; None checks only when told, as ``run`` does on SIGHUP.
    load : callable, default=featx.load
        Reads one that was replaced from its path, for its ``provider=``.

    Raises
    ------
    BadOption
        There is no classifier, the token is empty, or a host or an origin is none.
    MissingWeights, WrongDigest
        A backbone is not on this machine.
    """
    if token is not None and not token.strip():
        raise BadOption(
            "token: found an empty one, which everybody knows; expected a secret, or none at all"
        )
    limits = limits or Limits()
    registry, metrics = Registry(classifiers, limits), Metrics()
    pool = Pool(limits.threads, limits.waiting, timeout=limits.timeout)
    _measure(metrics, pool, log)
    reloader = Reloader(registry, metrics, sources or {}, log, load=load)
    # Asked for readiness it answers before its own time is over.
    patience = min(5.0, limits.timeout / 2)
    health = Health(pool, partial(try_predictor, pool=pool, metrics=metrics), patience)
    state = AppState(registry, pool, limits, metrics, health)
    routes = [operation.route(state) for operation in _OPERATIONS]
    slotted = [route for route, one in zip(routes, _OPERATIONS, strict=True) if one.takes_slot]
    app = Starlette(
        routes=routes,
        middleware=[
            *_cross_origin(cors),
            Middleware(
                RequestMiddleware,
                bodies=Bodies(limits),
                check_busy=BusyCheck(pool, slotted),
                metrics=metrics,
                token=token,
                hosts=HostPolicy(hosts, cors),
                log=log,
            ),
        ],
        exception_handlers=dict.fromkeys(_HANDLED, handle_error),
        lifespan=_lifespan(pool, reloader, reload_every if sources else None),
    )
    app.state.reload = partial(reloader.check, force=True)
    return app


def _cross_origin(origins: Sequence[str]) -> list[Middleware]:
    """Return what tells browsers that pages of other origins may ask: nothing where there are none."""
    for origin in origins:
        if origin != "*" and not _ORIGIN.fullmatch(origin):
            raise BadOption(
                f"cors = {origin!r}: expected * or an origin such as https://example.org:8443, without a "
                f"path"
            )
    if not origins:
        return []
    return [
        Middleware(
            CORSMiddleware,
            allow_origins=list(origins),
            allow_methods=["GET", "HEAD", "POST"],
            allow_headers=["Authorization", "Content-Type", "X-Request-Id", "X-Sample-Id"],
            expose_headers=["X-Request-Id", "Retry-After"],
        )
    ]


def _measure(metrics: Metrics, pool: Pool, log: LogFunction | None) -> None:
    """Have the metrics show the pool and the log."""
    metrics.add_gauge(
        "featx_requests_held", "Requests that are worked on or wait.", lambda: pool.held
    )
    metrics.add_gauge(
        "featx_requests_waiting",
        "Requests that wait for a worker.",
        lambda: max(0, pool.held - pool.workers),
    )
    metrics.add_gauge("featx_workers", "Threads that embed.", lambda: pool.workers)
    metrics.add_gauge(
        "featx_workers_alive", "Threads that embed and can take a sample.", lambda: pool.alive
    )
    metrics.add_counter(
        "featx_worker_restarts",
        "Threads that were replaced because they had failed or did not come back.",
        lambda: pool.restarts,
    )
    if isinstance(log, AccessLog):
        metrics.add_counter(
            "featx_log_lines_dropped",
            "Lines of the log that were never written because its reader did not keep up.",
            lambda: log.dropped,
        )


def _lifespan(
    pool: Pool, reloader: Reloader, reload_every: float | None
) -> Callable[[Starlette], AbstractAsyncContextManager[None]]:
    """Return what runs beside the requests: the checks of the files, and the end of the workers."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        if reload_every is not None:
            reloader.start(reload_every)
        yield
        reloader.close()
        await in_thread(pool.close)

    return lifespan


async def show_page(state: AppState, request: Request) -> Response:
    """Return the page with which a person tries the classifiers."""
    return HTMLResponse(_page(), headers={"Content-Security-Policy": _POLICY})


async def show_docs(state: AppState, request: Request) -> Response:
    """Return the page that lists what programs can ask."""
    return HTMLResponse(docs_page(_document()), headers={"Content-Security-Policy": _DOCS_POLICY})


async def show_openapi(state: AppState, request: Request) -> Response:
    """Return the OpenAPI document."""
    return json_response(_document())


async def healthz(state: AppState, request: Request) -> Response:
    """The server runs."""
    return json_response({"status": "ok"})


async def readyz(state: AppState, request: Request) -> Response:
    """Every classifier can answer; else the status is 503, and the message says what cannot."""
    if reasons := await state.unready():
        raise HTTPError(503, "not_ready", "; ".join(reasons))
    return json_response({"status": "ready"})


async def show_metrics(state: AppState, request: Request) -> Response:
    """Return requests, latency, queue, samples, labels and drift, for Prometheus."""
    return Response(state.metrics.text(), media_type="text/plain; version=0.0.4")


@cache
def _page() -> str:
    return _PAGE.read_text(encoding="utf-8")


@cache
def _document() -> dict[str, Any]:
    return openapi_document(_OPERATIONS)


_OPERATIONS = (
    *routes_v1.OPERATIONS,
    *routes_v2.OPERATIONS,
    Operation("GET", "/healthz", healthz, tag="health", answer=HealthAnswer),
    Operation("GET", "/readyz", readyz, tag="health", answer=HealthAnswer),
    Operation("GET", "/metrics", show_metrics, tag="health", media_type="text/plain"),
    Operation("GET", "/", show_page),
    Operation("GET", "/docs", show_docs),
    Operation("GET", "/openapi.json", show_openapi),
)
