"""Problems: each has advice, each is written down, none repeats what was sent."""

from __future__ import annotations

import pytest
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.exceptions import HTTPException
from starlette.testclient import TestClient

from features.errors import LeadlightError
from models.sealed import BundleError
from serving import answers
from serving.answers.refusals import SAID, Unscorable
from serving.codes import Code
from serving.live import NoModelError
from serving.problems import Fault, Problem, ProblemError, faults, problem_of
from serving.store.errors import StoreUnavailable
from tests.serving.service import LEAD

SENT = "canary-of-the-sender"


@pytest.mark.parametrize("code", Code)
def test_every_code_has_a_status_a_cause_and_a_next_step(code: Code):
    status, title, cause, next_step = code.advice
    assert 400 <= status < 600
    assert cause.endswith(".")
    assert next_step.endswith(".")
    assert not title.endswith(".")
    assert Code.of(code.text) is code


def test_no_two_codes_say_the_same():
    assert len({code.advice.title for code in Code}) == len(Code)
    assert len(Code.__members__) == len(Code), "equal advice would make one code an alias of another"


@pytest.mark.parametrize("code", SAID)
def test_every_reason_not_to_score_is_a_code(code):
    problem = problem_of(Unscorable(code))
    assert problem.code.text == code
    assert answers.refusals.SAID[code] in problem.plain["detail"]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (StoreUnavailable(SENT), Code.STORE_UNAVAILABLE),
        (NoModelError(SENT), Code.MODEL_NOT_AVAILABLE),
        (BundleError(SENT), Code.MODEL_NOT_AVAILABLE),
        (LeadlightError(SENT), Code.INTERNAL),
        (ZeroDivisionError(SENT), Code.INTERNAL),
        (HTTPException(404, SENT), Code.NOT_FOUND),
        (HTTPException(418, SENT), Code.INTERNAL),
        (ProblemError(Code.CONFLICT), Code.CONFLICT),
    ],
)
def test_an_error_is_told_by_its_kind_not_by_its_words(error, code):
    problem = problem_of(error)
    assert problem.code is code
    assert SENT.encode() not in problem.body


class Thing(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str = Field(max_length=3)
    sizes: list[int]


def test_faults_point_and_do_not_repeat():
    with pytest.raises(ValidationError) as refused:
        Thing.model_validate({"name": SENT, "sizes": [1, SENT], SENT: 1, "a/b~c": 2})
    told = faults(refused.value, "/things/3")
    assert {(fault.pointer, fault.code) for fault in told} == {
        ("/things/3/name", "string_too_long"),
        ("/things/3/sizes/1", "int_parsing"),
        ("/things/3", "extra_forbidden"),
    }
    assert SENT not in str([fault.plain for fault in told])


def test_what_is_wrong_in_an_address_is_told_apart_from_a_body():
    query = RequestValidationError(
        [{"type": "int_parsing", "loc": ("query", "limit"), "msg": SENT, "input": SENT}]
    )
    problem = problem_of(query)
    assert problem.code is Code.PARAMETER_INVALID
    assert problem.errors == (Fault("query/limit", "int_parsing", "has to be of the type int"),)


def test_a_problem_is_an_answer_of_rfc_9457():
    answer = Problem(Code.STORE_UNAVAILABLE).response({"X-Other": "1"})
    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["retry-after"] == "1"
    assert answer.headers["x-other"] == "1"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("GET", "/v1/nowhere", 404),
        ("DELETE", "/v1/score", 405),
        ("GET", f"/v1/leads/{LEAD}/score?as_of=yesterday", 422),
        ("GET", f"/v1/leads/{'x' * 300}/score", 422),
        ("GET", "/v1/scores/0190d3c0-0000-7000-8000-000000000000", 404),
    ],
)
def test_whatever_goes_wrong_is_answered_as_a_problem(client: TestClient, method, path, status):
    answer = client.request(method, path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    told = answer.json()
    assert told["type"] == f"/docs#{told['code']}"
    assert told["status"] == status


@pytest.mark.parametrize(
    ("headers", "body", "code"),
    [
        ({"Content-Type": "text/plain"}, b"{}", "media_type"),
        ({"Content-Type": ""}, b"{}", "media_type"),
        ({"Content-Type": "application/json; charset=latin-1"}, b"{}", "media_type"),
        ({"Content-Encoding": "gzip"}, b"{}", "content_encoding"),
        ({}, b"", "body_missing"),
        ({"Content-Length": "999999999"}, b"{}", "body_too_large"),
    ],
)
def test_the_envelope_of_a_body_is_checked(client: TestClient, headers, body, code):
    answer = client.post("/v1/score", content=body, headers={"Content-Type": "application/json", **headers})
    assert answer.json()["code"] == code, answer.text
