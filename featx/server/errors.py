"""The JSON that a server answers: results, and every failure in one shape."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from featx.errors import BadOption, BadSample, FeatxError

__all__ = ["HTTPError", "error_response", "handle_error", "json_response", "wrong_inputs"]

_MAX_MESSAGE = 1000
_CODES = {
    400: "bad_request",
    404: "not_found",
    405: "method_not_allowed",
    415: "unsupported_media_type",
    422: "unprocessable",
}


class _JsonResponse(Response):
    """A response whose headers need not be looked through."""

    media_type = "application/json"

    def init_headers(self, headers: Mapping[str, str] | None = None) -> None:
        """Set the given headers, and the length and the type of the body."""
        self.raw_headers = [
            *((name.lower().encode(), value.encode()) for name, value in (headers or {}).items()),
            (b"content-length", b"%d" % len(self.body)),
            (b"content-type", b"application/json"),
        ]


_to_json = json.JSONEncoder(allow_nan=False, separators=(",", ":")).encode


class HTTPError(FeatxError):
    """A request that the server does not answer as asked, with the HTTP status that says so."""

    def __init__(
        self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.headers = dict(headers or {})


def wrong_inputs(words: str) -> HTTPError:
    """Return the error (422) of tensors in the Open Inference Protocol that make no sense."""
    return HTTPError(422, "unprocessable", f"inputs: {words}")


def json_response(
    content: Any, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """Return a JSON response in ASCII, so that no text that a client sent can make it fail."""
    body = _to_json(content).encode("ascii")
    return _JsonResponse(body, status, headers)


def error_response(error: Exception, path: str = "", **more: Any) -> Response:
    """Return the one shape of every failure.

    It is ``{"error": {"status", "code", "message"}}`` and the fields of ``more``; for a ``path`` under
    ``/v2`` it is that of the Open Inference Protocol, ``{"error": message}``.
    """
    failure = _to_http(error)
    message = str(failure)
    # Messages quote what was sent, which may be long.
    if len(message) > _MAX_MESSAGE:
        message = f"{message[:_MAX_MESSAGE]}…"
    of_v2 = path.startswith("/v2")
    if more:
        content = {"error": _describe(failure.status, failure.code, message, of_v2), **more}
        return json_response(content, failure.status, failure.headers)
    headers = tuple(failure.headers.items())
    return _failure_response(failure.status, failure.code, message, headers, of_v2)


# An overload needs many of the same. They are shared: whoever adds headers must copy the list of them.
@lru_cache(maxsize=64)
def _failure_response(
    status: int, code: str, message: str, headers: tuple[tuple[str, str], ...], of_v2: bool
) -> Response:
    content = {"error": _describe(status, code, message, of_v2)}
    return json_response(content, status, dict(headers))


def _describe(status: int, code: str, message: str, of_v2: bool) -> Any:
    return message if of_v2 else {"status": status, "code": code, "message": message}


def _to_http(error: Exception) -> HTTPError:
    match error:
        case HTTPError():
            return error
        case StarletteHTTPException():
            code = _CODES.get(error.status_code, "refused")
            return HTTPError(error.status_code, code, str(error.detail), error.headers)
        case ClientDisconnect():
            return HTTPError(400, "incomplete", "the client left before its body was whole")
        case BadSample():
            return HTTPError(422, "bad_sample", str(error))
        case BadOption():
            return HTTPError(422, "bad_option", str(error))
        case FeatxError():
            return HTTPError(500, "failed", str(error))
    return HTTPError(500, "failed", "the server failed; its log says why")


async def handle_error(request: Request, error: Exception) -> Response:
    """Answer a request with ``error_response``: the exception handler of the application."""
    return error_response(error, request.scope["path"])
