"""The OpenAPI document as one page to read: no script, nothing fetched from elsewhere, so it works without internet."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

Schema = Mapping[str, Any]

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1b1b1b }
h2 { border-top: 1px solid #ccc; padding-top: 1rem } code, pre { font: 14px/1.4 ui-monospace, monospace }
pre { background: #f4f4f4; padding: .8rem; overflow-x: auto } table { border-collapse: collapse; width: 100% }
th, td { text-align: left; vertical-align: top; border-bottom: 1px solid #ddd; padding: .3rem .6rem .3rem 0 }
"""
EXAMPLE = """curl -F image=@photo.jpg -F caption="A walk in the park" -F seeds=dog \\
     -F platforms=instagram -F 'options={"limit": 10, "casing": "pascal"}' %s/v1/suggestions"""


def render_reference(document: Mapping[str, Any], base_url: str) -> str:
    """Return ``document`` as HTML; ``base_url`` is what the example calls."""
    info = document["info"]
    body = [
        f"<h1>{escape(info['title'])} {escape(info['version'])}</h1>",
        *(f"<p>{escape(paragraph)}</p>" for paragraph in info["description"].strip().split("\n\n")),
        '<p>The same for programs: <a href="/openapi.json">/openapi.json</a></p>',
        f"<pre>{escape(EXAMPLE % base_url)}</pre>",
    ]
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            body += _operation(method, path, operation)
    body.append("<h2>Objects</h2>")
    for name, schema in sorted(document["components"]["schemas"].items()):
        body += _component(name, schema)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(info["title"])}</title>'
        f"<style>{STYLE}</style></head><body>{''.join(body)}</body></html>"
    )


def _operation(method: str, path: str, operation: Mapping[str, Any]) -> Iterator[str]:
    yield f"<h2><code>{method.upper()} {escape(path)}</code></h2>"
    yield f"<p>{escape(operation.get('description', operation.get('summary', '')))}</p>"
    for kind, content in operation.get("requestBody", {}).get("content", {}).items():
        yield f"<p><code>{escape(kind)}</code>: {_type(content['schema'])}</p>"
        if "properties" in content["schema"]:
            yield _fields(content["schema"])
    rows = []
    for status, response in operation["responses"].items():
        shown = ", ".join(_type(content.get("schema", {})) for content in response.get("content", {}).values())
        rows.append(f"<tr><td>{status}</td><td>{shown}</td><td>{escape(response['description'])}</td></tr>")
    yield f"<table><tr><th>Status</th><th>Body</th><th></th></tr>{''.join(rows)}</table>"


def _component(name: str, schema: Schema) -> Iterator[str]:
    yield f'<h3 id="{escape(name)}">{escape(name)}</h3><p>{escape(schema.get("description", ""))}</p>'
    if "properties" in schema:
        yield _fields(schema)
    for example in schema.get("examples", ()):
        yield f"<pre>{escape(json.dumps(example, indent=2))}</pre>"


def _fields(schema: Schema) -> str:
    rows = []
    for name, field in schema["properties"].items():
        rule = _rule(field)
        default = f" Default: <code>{escape(json.dumps(field['default']))}</code>." if "default" in field else ""
        needed = " Required." if name in schema.get("required", ()) and "default" not in field else ""
        text = f"{escape(field.get('description', ''))} {rule}{default}{needed}"
        rows.append(f"<tr><td><code>{escape(name)}</code></td><td>{_type(field)}</td><td>{text}</td></tr>")
    return f"<table><tr><th>Field</th><th>Type</th><th></th></tr>{''.join(rows)}</table>"


def _type(schema: Schema) -> str:
    """Return a type as HTML, references as links."""
    if "$ref" in schema:
        name = escape(schema["$ref"].split("/")[3])
        return f'<a href="#{name}">{name}</a>'
    for union in ("anyOf", "oneOf"):
        if union in schema:
            return " or ".join(_type(one) for one in schema[union])
    if "enum" in schema:
        return " or ".join(f"<code>{escape(str(value))}</code>" for value in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    return escape(str(schema.get("const", schema.get("type", "anything"))))


def _rule(schema: Schema) -> str:
    """Return the bounds of a value in words."""
    inner: Schema = next((one for one in schema.get("anyOf", ()) if one.get("type") != "null"), {})
    bounds = {**inner, **schema}
    names = {
        "minimum": "at least",
        "maximum": "at most",
        "minLength": "at least (characters)",
        "maxLength": "at most (characters)",
        "maxItems": "at most (items)",
    }
    told = [f"{words} {bounds[name]:,}" for name, words in names.items() if name in bounds]
    return escape("; ".join(told) + "." if told else "")
