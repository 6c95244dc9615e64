"""The description of the API: OpenAPI 3.1 as FastAPI makes it, told completely, and 3.0.3 for who reads only that.

``python -m serving.openapi docs`` writes both, and the page of problems; tests compare them with what is written.
"""

from __future__ import annotations

import copy
import json
import sys
from pathlib import Path
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from serving import codes
from serving.auth import declared
from serving.codes import Code
from serving.problems import MEDIA_TYPE
from serving.scopes import SAYS
from serving.settings import Settings

Plain = dict[str, Any]

DESCRIPTION: Final = """\
Probability, points, band and reasons for leads, from a model that learned what sales accepts.

- Send a key: `Authorization: Bearer ll_...`. Each endpoint names the scope that a key needs.
- Moments are ISO 8601 with a time zone. Answers are in UTC.
- Writing requests take `Idempotency-Key`: a repeat within 24 hours gets the first answer.
- Errors are `application/problem+json` (RFC 9457) with a `code`, a cause and a next step.
"""

PROBLEM: Final[Plain] = {
    "type": "object",
    "title": "Problem",
    "description": "RFC 9457. Never repeats what was sent.",
    "required": ["type", "title", "status", "code", "detail", "next_step"],
    "properties": {
        "type": {"type": "string", "description": "Where the problem is explained."},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string", "enum": [code.text for code in Code]},
        "detail": {"type": "string", "description": "About this occurrence."},
        "next_step": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["pointer", "code", "message"],
                "properties": {
                    "pointer": {"type": "string", "description": "JSON Pointer into the body, or parameter."},
                    "code": {"type": "string"},
                    "message": {"type": "string"},
                },
            },
        },
    },
}

SECURITY: Final[Plain] = {
    "key": {"type": "http", "scheme": "bearer", "description": "`Authorization: Bearer ll_...`"},
    "keyHeader": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}

IDEMPOTENCY_KEY: Final[Plain] = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "A repeat with the same key within 24 hours gets the first answer, byte for byte.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"},
}

EXAMPLES: Final[dict[str, Plain]] = {
    "open_job": {"a file of lead ids": {"value": {"kind": "score", "content_type": "csv"}}},
    "change_job": {"the upload is complete": {"value": {"state": "UploadComplete"}}},
}
"""Of bodies, by operation, where the route gives none."""

EVERYWHERE: Final = (400, 401, 403, 406, 408, 422, 429, 500, 503)
WITH_BODY: Final = (409, 413, 415)
OF_A_LEAD: Final = (404, 409, 410)
ABOUT_A_LEAD: Final = frozenset({"/v1/points", "/v1/feedback", "/v1/outcomes"})
"""Paths that ask for a lead in the query or the body."""


def describe(app: FastAPI) -> None:
    """Have ``app.openapi()`` tell all of it, once."""
    told: Plain = {}

    def openapi() -> Plain:
        if not told:
            told.update(_described(app))
        return told

    app.openapi = openapi  # type: ignore[method-assign] # how FastAPI is extended


def _described(app: FastAPI) -> Plain:
    routes = [route for route in app.routes if isinstance(route, APIRoute) and route.include_in_schema]
    for route in routes:
        route.operation_id = route.operation_id or route.name
        route.unique_id = route.operation_id
    told = get_openapi(
        title=app.title, version=app.version, description=DESCRIPTION, routes=routes, openapi_version="3.1.0"
    )
    components = told.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    schemas["Problem"] = PROBLEM
    components["schemas"] = dict(sorted(schemas.items()))
    components["securitySchemes"] = SECURITY
    for route in routes:
        for method in route.methods or ():
            _complete(told["paths"][route.path_format][method.lower()], route, method)
    return told


def _complete(operation: Plain, route: APIRoute, method: str) -> None:
    scopes = declared(route.dependencies)
    answers = operation["responses"]
    body = operation.get("requestBody", {}).get("content", {}).get("application/json")
    if body is not None and route.name in EXAMPLES:
        body.setdefault("examples", EXAMPLES[route.name])
    answers.pop("422", None)
    if not scopes:
        return
    operation["security"] = [{name: []} for name in SECURITY]
    operation["x-scope"] = scopes[0]
    operation["description"] = (
        f"{operation.get('description', '')}\n\nScope: `{scopes[0]}` ({SAYS[scopes[0]]}).".strip()  # type: ignore[index]
    )
    writes = method in {"POST", "PUT", "PATCH"}
    if method == "POST":
        operation.setdefault("parameters", []).append(IDEMPOTENCY_KEY)
    for status in sorted({*EVERYWHERE, *(WITH_BODY if writes else ()), *_of_path(route)}):
        answers.setdefault(str(status), _problem(status))


def _of_path(route: APIRoute) -> tuple[int, ...]:
    return OF_A_LEAD if "{" in route.path or route.path in ABOUT_A_LEAD else ()


def _problem(status: int) -> Plain:
    titles = [f"`{code.text}`" for code in Code if code.status == status]
    return {
        "description": f"Problem: {', '.join(titles)}",
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }


def to_3_0(told: Plain) -> Plain:
    """The same as OpenAPI 3.0.3, as Salesforce External Services reads it.

    JSON Schema 2020-12 becomes the older dialect: ``null`` in a choice becomes ``nullable``, ``const`` an ``enum``
    of one, numeric ``exclusiveMinimum`` a flag, ``examples`` one ``example``.
    """
    converted: Plain = _older(copy.deepcopy(told))
    converted["openapi"] = "3.0.3"
    converted.pop("jsonSchemaDialect", None)
    converted.pop("webhooks", None)
    for schema in converted.get("components", {}).get("schemas", {}).values():
        schema.pop("discriminator", None)
    return converted


SCHEMA_MAPS: Final = frozenset({"properties", "schemas"})
"""Keys whose values are schemas by name, not keywords."""
DATA: Final = frozenset({"example", "examples", "default", "enum"})
"""Keys whose values are data, not schemas."""
UNKNOWN_TO_3_0: Final = frozenset(
    {
        "$schema",
        "$id",
        "$comment",
        "contentMediaType",
        "contentEncoding",
        "propertyNames",
        "patternProperties",
    }
    | {"unevaluatedProperties", "unevaluatedItems", "if", "then", "else", "dependentRequired", "prefixItems"}
)


def _older(node: Any) -> Any:
    if isinstance(node, list):
        return [_older(one) for one in node]
    if not isinstance(node, dict):
        return node
    plain = {key: _older_value(key, value) for key, value in node.items()}
    return _older_schema(plain) if _is_schema(plain) else plain


def _older_value(key: str, value: Any) -> Any:
    if key in SCHEMA_MAPS and isinstance(value, dict):
        return {name: _older(schema) for name, schema in value.items()}
    return value if key in DATA else _older(value)


SCHEMA_WORDS: Final = frozenset(
    {"type", "anyOf", "oneOf", "allOf", "const", "enum", "items", "properties", "examples"}
    | {"exclusiveMinimum", "exclusiveMaximum", "additionalProperties", "title", "$ref", "prefixItems"}
)


def _is_schema(node: Plain) -> bool:
    """Whether a node is a schema; parameters and media types have words of their own."""
    foreign = {"in", "schema", "content", "responses", "paths", "openapi", "scheme", "operationId", "summary"}
    return bool(SCHEMA_WORDS & node.keys()) and not foreign & node.keys()


def _older_schema(schema: Plain) -> Plain:
    schema = {
        key: value for key, value in schema.items() if key not in UNKNOWN_TO_3_0 or key == "prefixItems"
    }
    if "prefixItems" in schema:
        parts = schema.pop("prefixItems")
        schema["items"] = parts[0] if all(one == parts[0] for one in parts) else {}
    if "const" in schema:
        schema["enum"] = [schema.pop("const")]
    for keyword, bound in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if keyword in schema and not isinstance(schema[keyword], bool):
            schema[bound], schema[keyword] = schema[keyword], True
    if isinstance(schema.get("examples"), list):
        examples = schema.pop("examples")
        if examples:
            schema["example"] = examples[0]
    return _nullable(schema)


def _nullable(schema: Plain) -> Plain:
    kinds = schema.get("type")
    if isinstance(kinds, list):
        others = [kind for kind in kinds if kind != "null"]
        schema["type"] = others[0]
        if len(others) < len(kinds):
            schema["nullable"] = True
    for choice in ("anyOf", "oneOf"):
        options = schema.get(choice)
        if not options:
            continue
        others = [option for option in options if option.get("type") != "null"]
        if len(others) < len(options):
            schema["nullable"] = True
        if len(others) > 1:
            schema[choice] = others
            continue
        del schema[choice]
        # 3.0 ignores what stands beside a reference.
        schema |= {"allOf": others} if "$ref" in others[0] else others[0]
    return schema


def resolved(told: Plain, schema: Plain) -> Plain:
    """A schema, or the one that it refers to."""
    while "$ref" in schema:
        schema = told["components"]["schemas"][str(schema["$ref"]).rpartition("/")[2]]
    return schema


def written(told: Plain) -> str:
    """As it is kept in ``docs/``."""
    return json.dumps(told, indent=1, ensure_ascii=False) + "\n"


def files(folder: Path) -> dict[Path, str]:
    """What is kept in ``folder``, as it should be now."""
    from serving.app import create_app  # noqa: PLC0415 - it imports this module

    told = create_app(Settings()).openapi()
    return {
        folder / "openapi-3.1.json": written(told),
        folder / "openapi-3.0.json": written(to_3_0(told)),
        folder / "problems.md": codes.markdown(),
    }


def main(arguments: list[str]) -> int:
    """Write the files into the folder that is named."""
    if len(arguments) != 1:
        print("usage: python -m serving.openapi FOLDER", file=sys.stderr)  # noqa: T201 - a command
        return 2
    for path, text in files(Path(arguments[0])).items():
        path.write_text(text, encoding="utf-8")
        print(f"wrote {path}")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
