"""Handlers of simple routes, called straight away.

FastAPI works out anew for each request what a route wants; for a question of a few words that takes longer than
most answers. What it found out about a route when it was declared is used here once: parameters are checked by
the same fields, and their faults raised as the same error. Whatever is not simple is left to FastAPI.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, get_type_hints

from fastapi import Request
from fastapi._compat import field_annotation_is_scalar
from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError
from fastapi.params import Path
from fastapi.routing import APIRoute
from pydantic.fields import FieldInfo
from starlette.responses import Response

Handler = Callable[[Request], Awaitable[Response]]

_SIMPLE: Final = (str, int, bool, type(None))
"""Types of defaults that every request may share."""

_BEYOND: Final = (
    *("header_params", "cookie_params", "body_params", "response_param_name", "websocket_param_name"),
    *("background_tasks_param_name", "security_scopes_param_name", "http_connection_param_name"),
)
"""What a simple route does not ask for."""


def straight(route: APIRoute) -> Handler | None:
    """A handler that does what ``route.get_route_handler()`` does; ``None`` where that takes more than this.

    A route is simple where it asks for the request, for single words of its path and of its query (these with
    defaults), and for what coroutines make of the request alone; and where it answers with a ``Response``.
    """
    wants, endpoint = route.dependant, route.endpoint
    fields = [*wants.path_params, *wants.query_params]
    right = (
        _asks_little(wants)
        and all(map(_makes_of_request, wants.dependencies))
        and all(map(_is_single, fields))
        and inspect.iscoroutinefunction(endpoint)
        and get_type_hints(endpoint).get("return") is Response
    )
    if not right:
        return None
    in_path = tuple(map(_parameter, wants.path_params))
    in_query = tuple(map(_parameter, wants.query_params))
    made = tuple(map(_made, wants.dependencies))
    named = wants.request_param_name

    async def handle(request: Request) -> Response:
        values: dict[str, Any] = {} if named is None else {named: request}
        faults: list[Any] = []
        _read(in_path, request.path_params, values, faults)
        _read(in_query, request.query_params, values, faults)
        if faults:
            raise RequestValidationError(faults)
        for name, make in made:
            values[name] = await make(request)
        response: Response = await endpoint(**values)
        return response

    return handle


def _made(wants: Dependant) -> tuple[str, Callable[[Request], Awaitable[Any]]]:
    """The name of what a dependency gives, and what makes it."""
    if wants.name is None or wants.call is None:
        raise TypeError(f"{wants} does not make anything of a request")
    return wants.name, wants.call


@dataclass(frozen=True, slots=True)
class _Parameter:
    name: str
    alias: str
    place: tuple[str, str]
    validate: Callable[..., tuple[Any, list[Any]]]
    default: Any


def _parameter(field: Any) -> _Parameter:
    place = field.field_info.in_.value, field.alias
    return _Parameter(field.name, field.alias, place, field.validate, field.default)


def _read(
    parameters: tuple[_Parameter, ...], sent: Mapping[str, Any], values: dict[str, Any], faults: list[Any]
) -> None:
    for one in parameters:
        value = sent.get(one.alias)
        if value is None:
            values[one.name] = one.default
            continue
        values[one.name], wrong = one.validate(value, loc=one.place)
        faults += wrong


def _asks_little(wants: Dependant) -> bool:
    return not any(getattr(wants, name) for name in _BEYOND)


def _makes_of_request(wants: Dependant) -> bool:
    more = wants.dependencies or wants.path_params or wants.query_params or wants.concurrency
    simple = _asks_little(wants) and not more and inspect.iscoroutinefunction(wants.call)
    return simple and wants.name is not None and wants.request_param_name is not None


def _is_single(field: Any) -> bool:
    info: FieldInfo = field.field_info
    in_path = isinstance(info, Path)
    shared = in_path or (type(field.default) in _SIMPLE and not info.validate_default)
    renamed = info.validation_alias not in {None, field.alias}
    return shared and not renamed and field_annotation_is_scalar(info.annotation)
