"""Leads of the store: their score, why it is what it is, and what is known about them."""

from __future__ import annotations

from functools import partial

from fastapi import APIRouter, Request
from starlette.responses import Response

from serving.answers.lead_history import lead_history
from serving.answers.scoring import Prepared
from serving.auth import PrincipalDep, admit, needs
from serving.routers.common import AsOf, LeadId, Reasons, count, moment, recording, sent, shown
from serving.schemas.history import LeadHistory
from serving.schemas.scores import Answer, Explanation, NotScored
from serving.services import Services, ServicesDep
from serving.store.errors import LeadObjected

router = APIRouter(prefix="/v1/leads", tags=["leads"])


@router.get("/{lead_id:path}/score", dependencies=[needs("score")], response_model=Answer | NotScored)
async def score_lead(
    *,
    request: Request,
    services: ServicesDep,
    principal: PrincipalDep,
    lead_id: LeadId,
    as_of: AsOf = None,
    reasons: Reasons = "signals",
) -> Response:
    """Score a lead of the store, now or as of an earlier moment.

    The answer is recorded before it is sent. One as of an earlier moment says what would have been said
    then, and leaves the latest score of the lead as it is, even where there is none; it warns where something
    that it sees came here only after that moment.
    """
    if reasons == "features":
        await admit(request, "explain")
    ask = partial(services.scoring.of_lead, principal.tenant, lead_id, moment(as_of), reasons=reasons)
    return await _recorded(services, ask)


@router.get(
    "/{lead_id:path}/explanation", dependencies=[needs("explain")], response_model=Explanation | NotScored
)
async def explain_lead(
    services: ServicesDep, principal: PrincipalDep, lead_id: LeadId, as_of: AsOf = None
) -> Response:
    """Score a lead with reasons by feature, the typical lead beside it, and what would move it.

    What would move it are the actions of the playbook, each thought of as done just now. That leads which
    did so convert more often is an association, not a promise.
    """
    return await _recorded(
        services, partial(services.scoring.explanation, principal.tenant, lead_id, moment(as_of))
    )


@router.get("/{lead_id:path}/history", dependencies=[needs("evidence:read")], response_model=LeadHistory)
async def history_of_lead(services: ServicesDep, principal: PrincipalDep, lead_id: LeadId) -> Response:
    """What is stored about a lead, and the scores it was given; the newest first."""
    return shown(await services.compute(lead_history, services.store, principal.tenant, lead_id))


async def _recorded(services: Services, ask: partial[Prepared]) -> Response:
    try:
        prepared = await services.recorded(ask, lambda prepared: recording(services, [prepared]))
    except LeadObjected:  # while we scored it; asked again, the answer says so
        prepared = await services.recorded(ask, lambda prepared: recording(services, [prepared]))
    count(services, [prepared])
    return sent(prepared.body)
