"""Scores of leads that are sent along with everything known about them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Body, Request
from pydantic import ValidationError
from sqlalchemy import Connection
from starlette.responses import Response

from serving.answers.inline import evidence_of
from serving.answers.refusals import Unscorable
from serving.answers.scoring import Prepared, Scoring
from serving.auth import PrincipalDep, admit, needs
from serving.codes import Code
from serving.idempotency import Done, idempotent
from serving.problems import Problem, faults, problem_of
from serving.routers.common import count, moment, recording
from serving.schemas.evidence import InlineLead
from serving.schemas.examples import SCORE
from serving.schemas.scores import ScoreRequest, ScoreResults
from serving.services import Services, ServicesDep
from serving.store.errors import LeadForgotten, LeadObjected

router = APIRouter(prefix="/v1", tags=["scores"])

Answered = Prepared | Problem


@router.post("/score", dependencies=[needs("score")], response_model=ScoreResults)
async def score(
    request: Request,
    services: ServicesDep,
    principal: PrincipalDep,
    body: Annotated[ScoreRequest, Body(openapi_examples=SCORE)],
) -> Response:
    """Score up to 100 leads. Nothing of the store is read but objections; the answers are recorded.

    Each lead gets its own result, in the order sent; one that cannot be scored spoils no other.
    """
    if body.reasons == "features":
        await admit(request, "explain")

    recorded: list[Answered] = []

    async def handle() -> Done:
        recorded[:] = await services.compute(_answer, services.scoring, principal.tenant, body)
        return Done(200, _results(recorded), partial(_record, services, recorded))

    answer = await idempotent(request, services, principal, handle)
    count(services, _prepared(recorded))
    return answer


def _record(services: Services, answered: list[Answered], connection: Connection) -> bytes | None:
    """Write the answers down. Where somebody may not be written about any more, the others' still are.

    Returns the body that says so, ``None`` where it is as it was.
    """
    try:
        recording(services, _prepared(answered))(connection)
    except (LeadForgotten, LeadObjected):  # while we scored them, or before; nothing of it was written
        answered[:] = [_recorded(services, one, connection) for one in answered]
        return _results(answered)
    return None


def _recorded(services: Services, one: Answered, connection: Connection) -> Answered:
    if isinstance(one, Prepared):
        try:
            recording(services, [one])(connection)
        except LeadForgotten as error:
            return problem_of(error)
        except LeadObjected:
            return _recorded(services, services.scoring.silent(one), connection)
    return one


def _prepared(answered: Sequence[Answered]) -> list[Prepared]:
    return [one for one in answered if isinstance(one, Prepared)]


def _answer(scoring: Scoring, tenant: str, body: ScoreRequest) -> list[Answered]:
    """The results in the order sent: what can be read is scored, by one snapshot of the models."""
    read = [_read(item, at) for at, item in enumerate(body.leads)]
    leads = [evidence_of(one) for one in read if isinstance(one, InlineLead)]
    scored = iter(scoring.of_many(tenant, leads, moment(body.as_of), reasons=body.reasons))
    return [_told(next(scored)) if isinstance(one, InlineLead) else one for one in read]


def _read(item: Any, at: int) -> InlineLead | Problem:
    try:
        return InlineLead.model_validate(item)
    except ValidationError as error:
        return Problem(Code.BODY_INVALID, errors=tuple(faults(error, f"/leads/{at}")))


def _told(scored: Prepared | Unscorable) -> Answered:
    return scored if isinstance(scored, Prepared) else problem_of(scored)


def _results(answered: Sequence[Answered]) -> bytes:
    return orjson.dumps({"results": [_result(one) for one in answered]})


def _result(one: Answered) -> dict[str, Any]:
    if isinstance(one, Prepared):
        return {"status": 200, "answer": orjson.Fragment(one.body)}
    return {"status": one.status, "problem": one.plain}
