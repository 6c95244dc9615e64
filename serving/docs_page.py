"""``/docs`` and ``/openapi.json``: the endpoints on one page, without scripts and without anything from elsewhere."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import orjson
from fastapi import APIRouter, Request
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.responses import FileResponse, HTMLResponse, Response

from serving.codes import Code
from serving.openapi import Plain, resolved
from serving.scopes import SAYS
from serving.services import ServicesDep

router = APIRouter(include_in_schema=False)

STATIC: Final = Path(__file__).parent / "static"
TITLES: Final = {
    "scores": "Scores of leads that are sent along, and past answers",
    "leads": "Leads of the store",
    "evidence": "Evidence: what leads do and are",
    "feedback": "Feedback and outcomes",
    "jobs": "Bulk jobs",
    "model": "The model",
    "points": "Point sheets",
    "health": "Health and numbers",
}


@dataclass(frozen=True, slots=True)
class Field:
    """A parameter of a call."""

    name: str
    place: str
    kind: str
    says: str
    needed: bool


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One endpoint as it is shown.

    Attributes:
        body, answer: fields of the JSON that is sent and of the first answer. example: a body that works.
    """

    anchor: str
    method: str
    path: str
    summary: str
    says: str
    scope: str | None
    parameters: tuple[Field, ...]
    body: tuple[Field, ...]
    answer: tuple[Field, ...]
    example: str | None
    curl: str
    tag: str


@router.get("/openapi.json")
async def openapi(request: Request) -> Response:
    """The description of the API, OpenAPI 3.1."""
    return Response(orjson.dumps(request.app.openapi()), media_type="application/json")


@router.get("/docs")
async def docs(request: Request, services: ServicesDep) -> HTMLResponse:
    """The page; it is made once."""
    state = request.app.state
    if not hasattr(state, "docs_html"):
        state.docs_html = _page(request.app.openapi(), services.settings.address)
    return HTMLResponse(state.docs_html)


def _page(told: Plain, address: str) -> str:
    groups: dict[str, list[Endpoint]] = {}
    for endpoint in endpoints(told, address):
        groups.setdefault(endpoint.tag, []).append(endpoint)
    ordered = {TITLES.get(tag, tag): groups[tag] for tag in sorted(groups, key=_place)}
    return (
        _environment()
        .get_template("docs.html")
        .render(
            groups=ordered, codes=list(Code), scopes=SAYS, address=address, version=told["info"]["version"]
        )
    )


@router.get("/docs/style.css")
async def style() -> FileResponse:
    """How it looks."""
    return FileResponse(STATIC / "docs.css", headers={"Cache-Control": "public, max-age=3600"})


def endpoints(told: Plain, address: str) -> list[Endpoint]:
    """What the description tells, for people."""
    return [
        _endpoint(told, address, path, method, operation)
        for path, methods in told["paths"].items()
        for method, operation in methods.items()
    ]


def _endpoint(told: Plain, address: str, path: str, method: str, operation: Plain) -> Endpoint:
    kind, body = _body(told, operation)
    example = _example(operation)
    says, _, _ = str(operation.get("description", "")).partition("\n\nScope:")
    return Endpoint(
        anchor=str(operation["operationId"]),
        method=method.upper(),
        path=path,
        summary=str(operation.get("summary", "")),
        says=says,
        scope=operation.get("x-scope"),
        parameters=tuple(_parameter(told, one) for one in operation.get("parameters", ())),
        body=body,
        answer=_answer(told, operation),
        example=None if example is None else json.dumps(example, indent=2, ensure_ascii=False),
        curl=_curl(address + path, method, operation, kind, example),
        tag=str(operation.get("tags", ["other"])[0]),
    )


def _body(told: Plain, operation: Plain) -> tuple[str | None, tuple[Field, ...]]:
    content = operation.get("requestBody", {}).get("content", {})
    kind = next(iter(content), None)
    return kind, () if kind is None else _fields(told, content[kind]["schema"])


def _answer(told: Plain, operation: Plain) -> tuple[Field, ...]:
    answers = operation["responses"]
    first: Plain = next((answers[status] for status in answers if status.startswith("2")), {})
    schema = first.get("content", {}).get("application/json", {}).get("schema", {})
    options = schema.get("anyOf") or [schema]
    return _fields(told, options[0])


def _fields(told: Plain, schema: Plain) -> tuple[Field, ...]:
    whole = resolved(told, schema)
    required = whole.get("required", ())
    fields = whole.get("properties", {})
    return tuple(_field(told, fields[name], name, "", needed=name in required) for name in fields)


def _parameter(told: Plain, one: Plain) -> Field:
    schema = {"description": one.get("description", ""), **one["schema"]}
    return _field(told, schema, one["name"], one["in"], needed=one.get("required", False))


def _field(told: Plain, schema: Plain, name: str, place: str, *, needed: bool) -> Field:
    text = schema.get("description") or resolved(told, schema).get("description", "")
    return Field(name, place, _kind(told, schema), str(text).partition("\n")[0], needed)


def _kind(told: Plain, schema: Plain) -> str:
    """The type of a field in a few words."""
    options = schema.get("anyOf") or schema.get("oneOf")
    if options:
        return " or ".join(dict.fromkeys(_kind(told, one) for one in options))
    whole = resolved(told, schema)
    if "$ref" in schema and whole.get("type") == "object":
        return str(schema["$ref"]).rpartition("/")[2]
    return _plain_kind(told, whole)


def _plain_kind(told: Plain, schema: Plain) -> str:
    if "const" in schema or "enum" in schema:
        return " or ".join(json.dumps(one) for one in schema.get("enum") or [schema["const"]])
    if schema.get("type") == "array":
        return f"list of {_kind(told, schema.get('items', {}))}"
    return str(schema.get("format") or schema.get("type") or "anything")


def _example(operation: Plain) -> Any:
    """A body that works: the first example of the endpoint, if it gives one."""
    for content in operation.get("requestBody", {}).get("content", {}).values():
        for example in content.get("examples", {}).values():
            return example.get("value")
    return None


def _curl(url: str, method: str, operation: Plain, kind: str | None, example: Any) -> str:
    parts = ["curl -s"] if method == "get" else [f"curl -s -X {method.upper()}"]
    if operation.get("x-scope"):
        parts.append('-H "Authorization: Bearer $LEADLIGHT_KEY"')
    if kind is not None:
        parts.append(f"-H {shlex.quote(f'Content-Type: {kind}')}")
        parts.append(
            "--data-binary @rows" if example is None and kind != "application/json" else "-d @body.json"
        )
    parts.append(shlex.quote(url))
    return " \\\n  ".join(parts)


def _place(tag: str) -> tuple[int, str]:
    known = list(TITLES)
    return (known.index(tag) if tag in known else len(known)), tag


def _marked(text: str) -> Markup:
    """Text with what stands between backticks as code."""
    parts = re.split(r"`+", text)
    return Markup("").join(
        Markup("<code>%s</code>") % part if at % 2 else part for at, part in enumerate(parts)
    )


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("serving", "static"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["marked"] = _marked
    return environment
