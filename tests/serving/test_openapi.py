"""The description of the API is complete, frozen, and can be read by who only knows OpenAPI 3.0."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from starlette.testclient import TestClient

from serving.app import create_app
from serving.openapi import files, main, to_3_0
from serving.settings import Settings
from tests.serving.service import Caller

REGENERATE = "If the change is meant: python -m serving.openapi docs"

WORDS_3_0 = {
    *(
        "title",
        "multipleOf",
        "maximum",
        "exclusiveMaximum",
        "minimum",
        "exclusiveMinimum",
        "maxLength",
        "minLength",
    ),
    *(
        "pattern",
        "maxItems",
        "minItems",
        "uniqueItems",
        "maxProperties",
        "minProperties",
        "required",
        "enum",
        "type",
    ),
    *(
        "allOf",
        "oneOf",
        "anyOf",
        "not",
        "items",
        "properties",
        "additionalProperties",
        "description",
        "format",
    ),
    *(
        "default",
        "nullable",
        "discriminator",
        "readOnly",
        "writeOnly",
        "xml",
        "externalDocs",
        "example",
        "deprecated",
    ),
}
"""Keywords of a schema. Source: OpenAPI 3.0.3, 4.7.24."""


@pytest.fixture(scope="module")
def told() -> dict[str, Any]:
    return create_app(Settings()).openapi()


@pytest.fixture(scope="module")
def older(told) -> dict[str, Any]:
    return to_3_0(told)


@pytest.mark.parametrize("name", ["openapi-3.1.json", "openapi-3.0.json", "problems.md"])
def test_what_is_frozen_is_what_is_served(root: Path, name: str):
    written = files(root / "docs")[root / "docs" / name]
    assert (root / "docs" / name).read_text(encoding="utf-8") == written, REGENERATE


def test_the_command_writes_the_files(tmp_path: Path, capsys):
    assert main([str(tmp_path)]) == 0
    assert {path.name for path in tmp_path.iterdir()} == {
        "openapi-3.1.json",
        "openapi-3.0.json",
        "problems.md",
    }
    assert main([]) == 2
    assert "usage" in capsys.readouterr().err


def _operations(told: dict[str, Any]):
    for path, methods in told["paths"].items():
        for method, operation in methods.items():
            yield f"{method} {path}", operation


def test_every_operation_has_a_stable_name_a_scope_and_its_problems(told):
    names = [operation["operationId"] for _, operation in _operations(told)]
    assert len(set(names)) == len(names)
    assert all(name.isidentifier() for name in names)
    for name, operation in _operations(told):
        if name in {"get /livez", "get /readyz"}:
            assert "security" not in operation
            continue
        assert operation["security"], name
        assert operation["x-scope"], name
        assert {"401", "403", "429", "500", "503"} <= operation["responses"].keys(), name
        assert operation["summary"], name


def test_every_json_body_has_an_example(told):
    for name, operation in _operations(told):
        content = operation.get("requestBody", {}).get("content", {}).get("application/json")
        assert content is None or content.get("examples"), name


@pytest.fixture
def by_the_wall(settings: Settings):
    """A service of today: the examples are of this year."""
    app = create_app(settings.model_copy(update={"demo_clock": None}))
    with TestClient(app) as client:
        client.headers.update(Caller(app, client).bearer())
        yield client


def test_examples_are_accepted(by_the_wall: TestClient):
    client = by_the_wall
    for name, operation in _operations(client.app.openapi()):
        method, path = name.replace("{job_id}", "0-0").split()
        for example in (
            operation.get("requestBody", {})
            .get("content", {})
            .get("application/json", {})
            .get("examples", {})
            .values()
        ):
            answer = client.request(method, path, json=example["value"])
            assert answer.status_code in {200, 201, 404}, (name, answer.text)


def _schemas(node: Any, at: str = "#"):
    """Every schema of a document, by the places where the specification has one."""
    if isinstance(node, dict):
        for key, value in node.items():
            here = f"{at}/{key}"
            if key == "schema" or at.endswith("components/schemas"):
                yield from _within(value, here)
            elif key not in {"example", "examples"}:
                yield from _schemas(value, here)
    elif isinstance(node, list):
        for number, value in enumerate(node):
            yield from _schemas(value, f"{at}/{number}")


def _within(schema: Any, at: str):
    yield at, schema
    for key in ("items", "additionalProperties", "not"):
        if isinstance(schema.get(key), dict):
            yield from _within(schema[key], f"{at}/{key}")
    for key in ("allOf", "anyOf", "oneOf"):
        for number, part in enumerate(schema.get(key, ())):
            yield from _within(part, f"{at}/{key}/{number}")
    for name, part in schema.get("properties", {}).items():
        yield from _within(part, f"{at}/properties/{name}")


def test_the_older_description_uses_only_words_of_3_0(older):
    assert older["openapi"] == "3.0.3"
    found = list(_schemas(older))
    assert len(found) > 100
    for at, schema in found:
        if "$ref" in schema:
            assert set(schema) == {"$ref"}, f"{at}: 3.0 ignores what stands beside a reference"
            continue
        assert {key for key in schema if not key.startswith("x-")} <= WORDS_3_0, at
        assert schema.get("type", "object") in {
            "object",
            "array",
            "string",
            "number",
            "integer",
            "boolean",
        }, at
        assert schema.get("type") != "array" or "items" in schema, at
        for bound in ("exclusiveMinimum", "exclusiveMaximum"):
            assert isinstance(schema.get(bound, False), bool), at


def test_references_of_the_older_description_lead_somewhere(older):
    for at, schema in _schemas(older):
        if "$ref" in schema:
            assert schema["$ref"].rpartition("/")[2] in older["components"]["schemas"], at


def test_the_older_description_fits_the_schema_of_openapi_3_0(older):
    from schemathesis.specs.openapi.definitions import OPENAPI_30  # what schemathesis itself checks by

    jsonschema.Draft4Validator(OPENAPI_30).validate(older)


@pytest.mark.parametrize(
    ("newer", "older"),
    [
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, {"type": "string", "nullable": True}),
        (
            {"anyOf": [{"$ref": "#/components/schemas/A"}, {"type": "null"}], "title": "A"},
            {"allOf": [{"$ref": "#/components/schemas/A"}], "nullable": True, "title": "A"},
        ),
        (
            {"anyOf": [{"type": "string"}, {"type": "integer"}, {"type": "null"}]},
            {"anyOf": [{"type": "string"}, {"type": "integer"}], "nullable": True},
        ),
        ({"type": ["string", "null"]}, {"type": "string", "nullable": True}),
        ({"type": "string", "const": "lead"}, {"type": "string", "enum": ["lead"]}),
        (
            {"type": "number", "exclusiveMinimum": 0},
            {"type": "number", "minimum": 0, "exclusiveMinimum": True},
        ),
        ({"type": "string", "examples": ["a", "b"]}, {"type": "string", "example": "a"}),
        (
            {"type": "object", "properties": {"const": {"type": "string"}, "examples": {"const": 1}}},
            {"type": "object", "properties": {"const": {"type": "string"}, "examples": {"enum": [1]}}},
        ),
    ],
)
def test_a_schema_becomes_an_older_one(newer, older):
    document = {"openapi": "3.1.0", "components": {"schemas": {"X": newer}}}
    assert to_3_0(document)["components"]["schemas"]["X"] == older
    assert json.loads(json.dumps(document))["components"]["schemas"]["X"] == newer, (
        "the given one is untouched"
    )
