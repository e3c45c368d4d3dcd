"""What a server answers: JSON that never fails to be written, and every failure in one shape."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from featx.errors import BadOption, BadSample, FeatxError

__all__ = ["HTTPError", "answer", "explain", "refuse"]

_CODES = {
    400: "bad_request",
    404: "not_found",
    405: "method_not_allowed",
    415: "unsupported_media_type",
    422: "unprocessable",
}


_to_json = json.JSONEncoder(allow_nan=False, separators=(",", ":")).encode


class HTTPError(FeatxError):
    """What a server will not do, with the HTTP status that says so."""

    def __init__(
        self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.headers = dict(headers or {})


def answer(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON response; ASCII only, so that no text a client sent can make it fail."""
    body = _to_json(content).encode("ascii")
    return Response(body, status, dict(headers or {}), "application/json")


def refuse(error: Exception, path: str = "", **more: Any) -> Response:
    """The one shape of every failure: ``{"error": {"status", "code", "message"}}`` and ``more``.

    Under ``/v2`` it is that of the Open Inference Protocol: ``{"error": message}``.
    """
    status, code, headers = 500, "failed", {}
    message = str(error)
    if isinstance(error, HTTPError):
        status, code, headers = error.status, error.code, error.headers
    elif isinstance(error, HTTPException):
        status, code = error.status_code, _CODES.get(error.status_code, "refused")
        message, headers = str(error.detail), dict(error.headers or {})
    elif isinstance(error, BadSample):
        status, code = 422, "bad_sample"
    elif isinstance(error, BadOption):
        status, code = 422, "bad_option"
    elif not isinstance(error, FeatxError):
        message = "the server failed; its log says why"
    told = {"status": status, "code": code, "message": message}
    said = message if path.startswith("/v2") else told
    return answer({"error": said, **more}, status, headers)


async def explain(request: Request, error: Exception) -> Response:
    """``refuse`` as a handler of the application."""
    return refuse(error, request.scope["path"])
