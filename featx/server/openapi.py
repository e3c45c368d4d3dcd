"""The OpenAPI document of a server, and a page that shows it; neither loads anything from elsewhere."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Sequence
from html import escape
from typing import Any

from pydantic import BaseModel

from featx import __version__
from featx.server.routing import Operation
from featx.server.schemas import ErrorResponse, InferErrorResponse

__all__ = ["docs_page", "openapi_document"]

_REFERENCE = "#/components/schemas/{model}"
# Docstrings mark code with two backticks, which OpenAPI's Markdown reads as well.
_CODE = re.compile(r"``(.+?)``", re.DOTALL)
_STYLE = (
    "body{font:1rem/1.5 system-ui,sans-serif;max-width:48rem;margin:2rem auto;padding:0 1rem;"
    "color:#1b1f24;background:#fff}code{font-family:ui-monospace,monospace}h2{margin:2rem 0 .2rem;"
    "font-size:1.1rem}p{margin:.3rem 0;white-space:pre-line}"
)


def openapi_document(operations: Sequence[Operation]) -> dict[str, Any]:
    """Return the OpenAPI document of the operations that have a tag."""
    paths: dict[str, dict[str, Any]] = {}
    models: set[type[BaseModel]] = {ErrorResponse, InferErrorResponse}
    for operation in operations:
        if operation.tag is not None:
            paths.setdefault(operation.path, {})[operation.method.lower()] = _describe(operation)
            models |= {model for model in (operation.body, operation.answer) if model}
    schemas: dict[str, Any] = {}
    for model in sorted(models, key=lambda model: model.__name__):
        schema = model.model_json_schema(ref_template=_REFERENCE)
        schemas |= schema.pop("$defs", {})
        schemas[model.__name__] = schema
    return {
        "openapi": "3.1.0",
        "info": {"title": "featx", "version": __version__},
        "paths": paths,
        "components": {"schemas": schemas},
    }


def docs_page(document: dict[str, Any]) -> str:
    """Return an HTML page that lists the operations of an OpenAPI document."""
    parts = [
        f"<h2><code>{method.upper()} {escape(path)}</code></h2>"
        f"<p>{_to_html(operation['description'])}</p>"
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>featx: what programs can ask'
        f"</title><style>{_STYLE}</style><h1>What programs can ask</h1><p>The forms of bodies and "
        f'answers are in <a href="openapi.json">openapi.json</a>. To try it by hand, there is '
        f'<a href="./">a page</a>.</p>{"".join(parts)}</html>'
    )


def _to_html(description: str) -> str:
    return _CODE.sub(r"<code>\1</code>", escape(description))


def _describe(operation: Operation) -> dict[str, Any]:
    name = operation.handler.__name__
    error = InferErrorResponse if operation.path.startswith("/v2") else ErrorResponse
    answer: dict[str, Any] = {operation.media_type: {"schema": {}}}
    if operation.answer:
        answer = _json_content(operation.answer)
    described: dict[str, Any] = {
        "tags": [operation.tag],
        "summary": name.replace("_", " ").capitalize(),
        "description": inspect.getdoc(operation.handler),
        "operationId": name,
        "responses": {
            "200": {"description": "The answer", "content": answer},
            "default": {"description": "A failure, in words", "content": _json_content(error)},
        },
    }
    if parameters := list(_parameters(operation)):
        described["parameters"] = parameters
    if operation.body:
        content = _json_content(operation.body)
        content |= {kind: {"schema": schema} for kind, schema in operation.other_bodies.items()}
        described["requestBody"] = {"required": True, "content": content}
    return described


def _parameters(operation: Operation) -> Iterator[dict[str, Any]]:
    for name in re.findall(r"{(\w+)}", operation.path):
        yield {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
    if operation.query:
        for name, schema in operation.query.model_json_schema()["properties"].items():
            words = schema.pop("description")
            yield {"name": name, "in": "query", "description": words, "schema": schema}


def _json_content(model: type[BaseModel]) -> dict[str, Any]:
    reference = _REFERENCE.format(model=model.__name__)
    return {"application/json": {"schema": {"$ref": reference}}}
