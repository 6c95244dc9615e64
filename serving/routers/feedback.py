"""What people say about scores, and what became of leads."""

from __future__ import annotations

from typing import Annotated, Any, Final
from uuid import uuid4

import orjson
from fastapi import APIRouter, Body, Request
from sqlalchemy import Connection
from starlette.responses import Response

from features.clock import SECOND, iso, micros
from features.playbook import Playbook, Role
from serving.answers.view import WITHHELD
from serving.auth import Principal, PrincipalDep, needs
from serving.codes import Code
from serving.idempotency import Done, idempotent
from serving.problems import Fault, ProblemError
from serving.schemas import examples
from serving.schemas.feedback import FeedbackIn, FeedbackStored, Outcome, OutcomeIn, OutcomeStored
from serving.services import Services, ServicesDep
from serving.store import evidence, feedback, predictions
from serving.store.feedback import Feedback
from serving.store.predictions import Prediction
from serving.store.rows import StageRow

router = APIRouter(prefix="/v1", tags=["feedback"])

AHEAD: Final = 300 * SECOND

ROLES: Final[dict[Outcome, Role]] = {
    "converted": "sql",
    "rejected": "rejected",
    "recycled": "recycled",
    "duplicate": "duplicate",
}


@router.post(
    "/feedback", status_code=201, dependencies=[needs("feedback:write")], response_model=FeedbackStored
)
async def give_feedback(
    request: Request,
    services: ServicesDep,
    principal: PrincipalDep,
    body: Annotated[FeedbackIn, Body(openapi_examples=examples.FEEDBACK)],
) -> Response:
    """Accept or reject a lead for sales, send it back, or disagree with one of the reasons of a score."""

    async def handle() -> Done:
        judged = await services.compute(_judged, services, principal.tenant, body.prediction_id)
        _check(body, judged, services.live.current().champion.bundle.playbook)
        said = Feedback(
            feedback_id=str(uuid4()),
            tenant=principal.tenant,
            lead_id=judged.lead_id,
            prediction_id=judged.prediction_id,
            at=services.clock.now(),
            actor=principal.key_id,
            verdict=body.verdict,
            reason=body.reason,
            signal=body.signal,
            note=body.note,
        )
        stored = {
            "feedback_id": said.feedback_id,
            "prediction_id": judged.prediction_id,
            "lead_id": said.lead_id,
            "verdict": said.verdict,
        }
        return Done(201, orjson.dumps(stored), lambda connection: feedback.add(connection, said))

    return await idempotent(request, services, principal, handle)


@router.post("/outcomes", dependencies=[needs("outcome:write")], response_model=OutcomeStored)
async def tell_outcome(
    request: Request,
    services: ServicesDep,
    principal: PrincipalDep,
    body: Annotated[OutcomeIn, Body(openapi_examples=examples.OUTCOME)],
) -> Response:
    """Tell what became of a lead: it becomes the stage that the playbook has for it, and retraining learns from it."""

    async def handle() -> Done:
        now, at = services.clock.now(), micros(body.at)
        if at > now + AHEAD:
            raise _wrong("/at", "in_future", "lies in the future")
        stage = _stage_of(body.outcome, services.live.current().champion.bundle.playbook)
        row = StageRow(body.lead_id, stage, at, None, body.reason, principal.key_id)
        return Done(
            200, work=lambda connection: _tell(connection, principal, body, row, services.clock.now())
        )

    return await idempotent(request, services, principal, handle)


def _judged(services: Services, tenant: str, prediction_id: str) -> Prediction:
    with services.store.reading() as connection:
        found = predictions.get(connection, tenant, prediction_id)
    if found is None or found.role == "shadow":
        raise ProblemError(Code.PREDICTION_NOT_FOUND)
    return found


def _check(body: FeedbackIn, judged: Prediction, playbook: Playbook) -> None:
    """What only the prediction and the playbook can tell of a verdict.

    Raises:
        ProblemError: the reason is none of the playbook's, or the answer has no such signal.
    """
    if body.verdict in ("reject", "recycle"):
        offered = playbook.reasons.rejected if body.verdict == "reject" else playbook.reasons.recycled
        if offered and body.reason not in offered:
            raise _wrong("/reason", "not_in_playbook", "is none of the playbook's reasons (GET /v1/model)")
    if body.verdict == "disagree" and body.signal not in _signals(judged):
        raise _wrong("/signal", "not_in_answer", "is no signal of that answer")


def _signals(judged: Prediction) -> set[str]:
    if judged.log_odds is None:
        return set()
    answer: dict[str, Any] = orjson.loads(judged.answer)
    reasons = answer.get("reasons") or {"by_signal": []}  # an answer of a job may be without
    return {one["signal"] for one in reasons["by_signal"]} - {WITHHELD}


def _stage_of(outcome: Outcome, playbook: Playbook) -> str:
    """The stage that stands for an outcome; of several the first, of SQLs one that the definition in force names."""
    stages = playbook.stages_of(ROLES[outcome])
    named = {condition.stage for condition in playbook.definition().any_of}
    preferred = [stage for stage in stages if stage in named] or list(stages)
    if not preferred:
        raise _wrong("/outcome", "not_in_playbook", "has no stage in the playbook")
    return preferred[0]


def _tell(connection: Connection, principal: Principal, body: OutcomeIn, row: StageRow, now: int) -> bytes:
    if evidence.head(connection, principal.tenant, body.lead_id) is None:
        raise ProblemError(Code.LEAD_NOT_FOUND)
    [stored] = evidence.put_stages(connection, principal.tenant, [row], now)
    if stored.code == "lead_forgotten":
        raise ProblemError(Code.LEAD_FORGOTTEN)
    told = {
        "lead_id": body.lead_id,
        "outcome": body.outcome,
        "stage": row.stage,
        "at": iso(row.entered_at),
        "status": stored.status,
        "code": stored.code,
    }
    return orjson.dumps(told)


def _wrong(pointer: str, code: str, message: str) -> ProblemError:
    return ProblemError(Code.BODY_INVALID, errors=[Fault(pointer, code, message)])
