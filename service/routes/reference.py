"""GET /docs: the OpenAPI document as one page to read: no script, nothing fetched, so it works without internet."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from service.protocol.headers import PAGE_POLICY

Schema = Mapping[str, Any]

_CODE = re.compile(r"`([^`]+)`")

BOUNDS = {
    "minimum": "at least %s",
    "maximum": "at most %s",
    "minLength": "length at least %s",
    "maxLength": "length at most %s",
    "minItems": "at least %s of them",
    "maxItems": "at most %s of them",
}
EVERYWHERE = "X-Request-ID"
STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1b1b1b }
h2 { border-top: 1px solid #ccc; padding-top: 1rem } code, pre { font: .88em/1.4 ui-monospace, monospace }
pre { background: #f4f4f4; padding: .8rem; overflow-x: auto }
table { border-collapse: collapse; width: 100%; margin: 1rem 0 }
th, td { text-align: left; vertical-align: top; border-bottom: 1px solid #ddd; padding: .3rem .6rem .3rem 0 }
"""
EXAMPLE = """curl -F image=@photo.jpg -F caption="A walk in the park" -F seeds=dog \\
     -F platforms=instagram -F 'options={"limit": 10, "casing": "pascal"}' %s/v1/suggestions"""
PLAIN_HOST = re.compile(r"[A-Za-z0-9.:\[\]-]{1,200}")
HERE = "127.0.0.1:8000"
ADDRESS = "http://address-of-the-service.invalid"
"""Stands for the address in the page that is kept."""

router = APIRouter(include_in_schema=False)


@router.get("/openapi.json")
async def openapi(request: Request) -> Response:
    """Answer with the contract for programs."""
    return Response(_rendered(request.app).document, media_type="application/json")


@router.get("/docs")
async def docs(request: Request) -> HTMLResponse:
    """Answer with the contract as one page."""
    host = request.headers.get("host", "")
    before, after = _rendered(request.app).page
    here = escape(f"http://{host if PLAIN_HOST.fullmatch(host) else HERE}").encode()
    return HTMLResponse(before + here + after, headers={"Content-Security-Policy": PAGE_POLICY})


@dataclass(frozen=True, slots=True)
class _Rendered:
    """The contract's bytes, made once: they are asked for without a key and without a rate.

    Attributes:
        document: for programs.
        page: to read, what stands before and what behind the address of the service.
    """

    document: bytes
    page: tuple[bytes, bytes]


def _rendered(app: FastAPI) -> _Rendered:
    """Return the contract of ``app``, rendered when it is asked for first."""
    kept = getattr(app.state, "rendered_contract", None)
    if not isinstance(kept, _Rendered):
        document = app.openapi()
        before, _, after = render_reference(document, ADDRESS).encode().partition(ADDRESS.encode())
        kept = app.state.rendered_contract = _Rendered(bytes(JSONResponse(document).body), (before, after))
    return kept


def render_reference(document: Mapping[str, Any], base_url: str) -> str:
    """Return ``document`` as HTML; ``base_url`` is what the example calls."""
    info = document["info"]
    body = [
        f"<h1>{escape(info['title'])} {escape(info['version'])}</h1>",
        _paragraphs(info["description"]),
        f"<p>Every call takes <code>{EVERYWHERE}</code>, and every answer carries it.</p>",
        '<p>The same for programs: <a href="/openapi.json">/openapi.json</a></p>',
        f"<pre>{escape(EXAMPLE % base_url)}</pre>",
    ]
    calls = [
        (method, path, operation)
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    ]
    body += ["<ul>", *(f"<li>{_link(*call)}</li>" for call in calls), "</ul>"]
    for call in calls:
        body += _operation(*call)
    body.append("<h2>Objects</h2>")
    for name, schema in sorted(document["components"]["schemas"].items()):
        body += _component(name, schema)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(info["title"])}</title>'
        f"<style>{STYLE}</style></head><body>{''.join(body)}</body></html>"
    )


def _link(method: str, path: str, operation: Mapping[str, Any]) -> str:
    call = f"<code>{method.upper()} {escape(path)}</code>"
    return f'<a href="#{escape(operation["operationId"])}">{call}</a> {_prose(operation["summary"])}'


def _operation(method: str, path: str, operation: Mapping[str, Any]) -> Iterator[str]:
    yield f'<h2 id="{escape(operation["operationId"])}"><code>{method.upper()} {escape(path)}</code></h2>'
    yield _paragraphs(operation.get("description", ""))
    yield _parameters(operation.get("parameters", ()))
    for kind, content in operation.get("requestBody", {}).get("content", {}).items():
        yield f"<p><code>{escape(kind)}</code>: {_type(content['schema'])}</p>"
        if "properties" in content["schema"]:
            yield _fields(content["schema"])
    rows = []
    for status, response in sorted(operation["responses"].items()):
        shown = ", ".join(_type(content.get("schema", {})) for content in response.get("content", {}).values())
        rows.append(f"<tr><td>{status}</td><td>{shown}</td><td>{_prose(response['description'])}</td></tr>")
    yield f"<table><tr><th>Status</th><th>Body</th><th></th></tr>{''.join(rows)}</table>"


def _component(name: str, schema: Schema) -> Iterator[str]:
    yield f'<h3 id="{escape(name)}">{escape(name)}</h3>{_paragraphs(schema.get("description", ""))}'
    if "properties" in schema:
        yield _fields(schema)
    for example in schema.get("examples", ()):
        yield f"<pre>{escape(json.dumps(example, indent=2))}</pre>"


def _parameters(parameters: Iterable[Mapping[str, Any]]) -> str:
    """Return a table of what path, query string and headers take; what every call takes stands once, above."""
    rows = []
    for parameter in parameters:
        if parameter["name"] != EVERYWHERE:
            field = {**parameter["schema"], "description": parameter.get("description", "")}
            first = f"<td><code>{escape(parameter['name'])}</code></td><td>{escape(parameter['in'])}</td>"
            rows.append(_row(first, field, parameter))
    head = "<tr><th>Parameter</th><th>In</th><th>Type</th><th></th></tr>"
    return f"<table>{head}{''.join(rows)}</table>" if rows else ""


def _fields(schema: Schema) -> str:
    needed = schema.get("required", ())
    rows = [
        _row(f"<td><code>{escape(name)}</code></td>", field, {"required": name in needed})
        for name, field in schema["properties"].items()
    ]
    return f"<table><tr><th>Field</th><th>Type</th><th></th></tr>{''.join(rows)}</table>"


def _row(first: str, field: Schema, use: Mapping[str, Any]) -> str:
    default = f"default: <code>{escape(json.dumps(field['default']))}</code>" if "default" in field else ""
    needed = "required" if use.get("required") and not default else ""
    told = filter(None, (_prose(field.get("description", "")), *_bounds(field), default, needed))
    return f"<tr>{first}<td>{_type(field)}</td><td>{'; '.join(told)}</td></tr>"


def _paragraphs(text: str) -> str:
    return "".join(f"<p>{_prose(paragraph)}</p>" for paragraph in text.strip().split("\n\n"))


def _prose(text: str) -> str:
    """Return text as HTML, what stands between backticks as code."""
    return _CODE.sub(r"<code>\1</code>", escape(text))


def _type(schema: Schema) -> str:
    """Return a type as HTML, references as links."""
    if "$ref" in schema:
        name = escape(schema["$ref"].split("/")[3])
        return f'<a href="#{name}">{name}</a>'
    for union in ("anyOf", "oneOf"):
        if union in schema:
            return " or ".join(_type(member) for member in schema[union])
    if "enum" in schema:
        return " or ".join(f"<code>{escape(str(value))}</code>" for value in schema["enum"])
    if schema.get("format") == "binary":
        return "file"
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    return escape(str(schema.get("const", schema.get("type", "anything"))))


def _bounds(schema: Schema) -> Iterator[str]:
    """Yield the bounds of a value in words."""
    inner: Schema = next((member for member in schema.get("anyOf", ()) if member.get("type") != "null"), {})
    bounds = {**inner, **schema}
    for name, words in BOUNDS.items():
        if name in bounds:
            yield words % f"{bounds[name]:,}"
