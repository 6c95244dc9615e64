"""Problems as answers: RFC 9457, with pointers to what is wrong and never with what was sent."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from typing_extensions import override

from features.errors import LeadlightError
from models.sealed import BundleError
from serving.answers.refusals import Unscorable
from serving.codes import Code
from serving.live import NoModelError
from serving.logs import log
from serving.store.errors import ClaimLost, LeadForgotten, LeadObjected, StoreUnavailable

MEDIA_TYPE: Final = "application/problem+json"
TYPE: Final = "/docs#"
"""In front of the code: where the problem is explained."""

RETRY_SECONDS: Final = 1
"""For problems that pass by themselves."""

MOST_FAULTS: Final = 100
"""Faults that one answer tells; a body with more is wrong throughout."""

LONGEST_KEY: Final = 64
"""Characters of the name of a field that a pointer shows."""

CODE: Final = "leadlight.code"
REQUEST_ID: Final = "leadlight.request_id"
"""Where the scope of a request keeps the ``Code`` that was told, and the id of the request."""

MESSAGES: Final = {
    "missing": "is required",
    "extra_forbidden": "is not a field of this endpoint",
    "timezone_aware": "needs a time zone, such as Z or +01:00",
    "finite_number": "has to be finite",
    "json_invalid": "is not valid JSON",
    "too_long": "has too many items",
    "too_short": "has too few items",
    "string_too_long": "is too long",
    "string_too_short": "is too short",
    "literal_error": "is none of the allowed words",
    "enum": "is none of the allowed words",
}
"""By pydantic's type of an error; the messages of pydantic itself may repeat what was sent."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong.

    Attributes:
        pointer: where, as a JSON Pointer into the body, or ``query/name``, ``path/name``, ``header/name``.
        code: what, for programs. message: what, for people.
    """

    pointer: str
    code: str
    message: str

    @property
    def plain(self) -> dict[str, str]:
        """For JSON."""
        return {"pointer": self.pointer, "code": self.code, "message": self.message}


@dataclass(frozen=True, slots=True)
class Problem:
    """What is told. ``detail`` is a sentence of ours about this occurrence; it never holds what was sent."""

    code: Code
    detail: str = ""
    errors: tuple[Fault, ...] = ()

    @property
    def status(self) -> int:
        """Of HTTP."""
        return self.code.status

    @property
    def plain(self) -> dict[str, Any]:
        """For JSON."""
        advice = self.code.advice
        told: dict[str, Any] = {
            "type": TYPE + self.code.text,
            "title": advice.title,
            "status": advice.status,
            "code": self.code.text,
            "detail": self.detail or advice.cause,
            "next_step": advice.next_step,
        }
        if self.errors:
            told["errors"] = [fault.plain for fault in self.errors]
        return told

    @property
    def body(self) -> bytes:
        """As JSON."""
        return orjson.dumps(self.plain)

    def response(self, headers: Mapping[str, str] | None = None) -> Response:
        """As an answer."""
        return Response(self.body, self.status, {**_headers(self.code), **(headers or {})}, MEDIA_TYPE)


class ProblemError(HTTPException):
    """Raise it anywhere in a request to answer with a problem.

    >>> raise ProblemError(Code.LEAD_NOT_FOUND)
    Traceback (most recent call last):
    serving.problems.ProblemError: lead_not_found
    """

    def __init__(
        self,
        code: Code,
        detail: str = "",
        *,
        errors: Iterable[Fault] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.problem = Problem(code, detail, tuple(errors))
        super().__init__(code.status, code.text, dict(headers or {}))

    @override
    def __str__(self) -> str:
        return self.problem.code.text


def faults(error: ValidationError | RequestValidationError, at: str = "") -> list[Fault]:
    """What pydantic found, without what was sent; ``at`` is put in front of every pointer."""
    found: Sequence[Any] = (
        error.errors()
        if isinstance(error, RequestValidationError)
        else error.errors(include_url=False, include_context=False, include_input=False)
    )
    return [_fault(one, at) for one in found[:MOST_FAULTS]]


def problem_of(error: BaseException) -> Problem:
    """What is told about an error, whatever it is."""
    if isinstance(error, ProblemError):
        return error.problem
    for kind, tell in _TOLD.items():
        if isinstance(error, kind):
            return tell(error)
    return Problem(Code.INTERNAL)


def install(app: FastAPI) -> None:
    """Answer every error of ``app`` with a problem."""
    for kind in (RequestValidationError, HTTPException, LeadlightError):  # the rest: serving.middleware
        app.add_exception_handler(kind, _answer)


async def _answer(request: Request, error: Exception) -> Response:
    problem = problem_of(error)
    if problem.code is Code.INTERNAL:
        log().error("an error that nobody expected", request_id=request.scope.get(REQUEST_ID), exc_info=error)
    request.scope[CODE] = problem.code
    return problem.response(error.headers if isinstance(error, HTTPException) else None)


def _fault(found: Mapping[str, Any], at: str) -> Fault:
    place, kind = tuple(found["loc"]), str(found["type"])
    if place[:1] == ("body",):
        place = place[1:]
        if kind == "json_invalid":  # its place is a character, not a field
            place = ()
    elif not at:
        at = str(place[0]) if place else ""
        place = place[1:]
    extra = kind == "extra_forbidden"
    # The name of a field that we do not know is what the client sent, like any value.
    shown = place[:-1] if extra else place
    pointer = at + "".join("/" + _escaped(part) for part in shown)
    return Fault(pointer, kind, MESSAGES.get(kind) or _generic(kind))


def _escaped(part: object) -> str:
    return str(part)[:LONGEST_KEY].replace("~", "~0").replace("/", "~1")


def _generic(kind: str) -> str:
    if kind.endswith(("_type", "_parsing")):
        return f"has to be of the type {kind.rpartition('_')[0].replace('_', ' ')}"
    return "is not allowed: " + kind.replace("_", " ")


def _headers(code: Code) -> dict[str, str]:
    if code.status in {409, 503} and code not in {Code.CONFLICT, Code.LEAD_OBJECTED}:
        return {"Retry-After": str(RETRY_SECONDS)}
    return {"WWW-Authenticate": 'Bearer realm="leadlight"'} if code is Code.KEY_MISSING else {}


def _of_validation(error: Any) -> Problem:
    found = faults(error)
    of_body = all(one.get("loc", ("",))[0] == "body" for one in error.errors())
    return Problem(Code.BODY_INVALID if of_body else Code.PARAMETER_INVALID, errors=tuple(found))


def _of_http(error: Any) -> Problem:
    return Problem(_BY_STATUS.get(error.status_code, Code.INTERNAL))


def _of_unscorable(error: Any) -> Problem:
    return Problem(Code.of(error.code), error.what)


_BY_STATUS: Final = {
    400: Code.REQUEST_INVALID,
    401: Code.KEY_MISSING,
    403: Code.SCOPE_MISSING,
    404: Code.NOT_FOUND,
    405: Code.METHOD_NOT_ALLOWED,
    406: Code.NOT_ACCEPTABLE,
    408: Code.READ_TIMEOUT,
    409: Code.CONFLICT,
    413: Code.BODY_TOO_LARGE,
    415: Code.MEDIA_TYPE,
    422: Code.BODY_INVALID,
    429: Code.RATE_LIMITED,
    431: Code.HEADERS_TOO_LARGE,
}
"""What others raise: the router, forms, files."""

_TOLD: Final[dict[type[BaseException], Callable[[Any], Problem]]] = {
    RequestValidationError: _of_validation,
    HTTPException: _of_http,
    Unscorable: _of_unscorable,
    LeadForgotten: lambda _: Problem(Code.LEAD_FORGOTTEN),
    LeadObjected: lambda _: Problem(Code.LEAD_OBJECTED),
    ClaimLost: lambda _: Problem(Code.IN_PROGRESS),
    StoreUnavailable: lambda _: Problem(Code.STORE_UNAVAILABLE),
    NoModelError: lambda _: Problem(Code.MODEL_NOT_AVAILABLE),
    BundleError: lambda _: Problem(Code.MODEL_NOT_AVAILABLE),
}
"""The first kind that fits; any other error of ours is one of the inside."""
