"""What programs can ask, in OpenAPI and as a page: both are made here, and load nothing from elsewhere."""

from __future__ import annotations

from html import escape
from typing import Any

from fastapi import FastAPI, Response
from pydantic import BaseModel
from starlette.responses import HTMLResponse

from featx.server.schemas import (
    EmbeddingsRequest,
    ErrorForm,
    InferErrorForm,
    InferRequest,
    PredictRequest,
)

__all__ = ["body_of", "describe"]

_AT = "#/components/schemas/{model}"
_FORMS: tuple[type[BaseModel], ...] = (
    EmbeddingsRequest,
    InferRequest,
    PredictRequest,
    ErrorForm,
    InferErrorForm,
)
_STYLE = (
    "body{font:1rem/1.5 system-ui,sans-serif;max-width:48rem;margin:2rem auto;padding:0 1rem;"
    "color:#1b1f24;background:#fff}code{font-family:ui-monospace,monospace}h2{margin:2rem 0 .2rem;"
    "font-size:1.1rem}p{margin:.3rem 0;white-space:pre-line}"
)


def body_of(form: type[BaseModel], *, raw: bool = False) -> dict[str, Any]:
    """What OpenAPI says of a body that the handler reads itself."""
    content: dict[str, Any] = {"application/json": {"schema": {"$ref": _at(form)}}}
    if raw:
        file = {"type": "string", "format": "binary"}
        fields = {
            "file": {"type": "array", "items": file},
            "text": {"type": "array", "items": {"type": "string"}},
            "model": {"type": "array", "items": {"type": "string"}},
            "top_k": {"type": "integer", "minimum": 1, "maximum": 1000},
        }
        content["multipart/form-data"] = {"schema": {"type": "object", "properties": fields}}
        content |= {kind: {"schema": file} for kind in ("image/*", "audio/*", "text/plain")}
    return {"requestBody": {"required": True, "content": content}}


def describe(app: FastAPI) -> None:
    """Give an application its ``/openapi.json``, with every form and failure, and its ``/docs``."""
    plain = app.openapi

    def whole() -> dict[str, Any]:
        if app.openapi_schema is None:
            made = plain()
            held = made.setdefault("components", {}).setdefault("schemas", {})
            for form in _FORMS:
                schema = form.model_json_schema(ref_template=_AT)
                held |= schema.pop("$defs", {})
                held[form.__name__] = schema
            for path, _, operation in _operations(made):
                failure = InferErrorForm if path.startswith("/v2") else ErrorForm
                operation["responses"].pop("422", None)
                operation["responses"]["default"] = {
                    "description": "A failure, in words",
                    "content": {"application/json": {"schema": {"$ref": _at(failure)}}},
                }
            app.openapi_schema = made
        return app.openapi_schema

    app.openapi = whole  # type: ignore[method-assign]

    @app.get("/docs", include_in_schema=False)
    async def docs() -> Response:
        return HTMLResponse(_page(app.openapi()))


def _operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    """(path, method, operation) of everything that can be asked."""
    paths = document["paths"].items()
    return [(path, method, each) for path, methods in paths for method, each in methods.items()]


def _page(document: dict[str, Any]) -> str:
    parts = [
        f"<h2><code>{method.upper()} {escape(path)}</code></h2><p>{escape(each['description'])}</p>"
        for path, method, each in _operations(document)
    ]
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>featx: what programs can ask'
        f"</title><style>{_STYLE}</style><h1>What programs can ask</h1><p>The forms of bodies and "
        f'answers are in <a href="openapi.json">openapi.json</a>. To try it by hand, there is '
        f'<a href="./">a page</a>.</p>{"".join(parts)}</html>'
    )


def _at(form: type[BaseModel]) -> str:
    return _AT.format(model=form.__name__)
