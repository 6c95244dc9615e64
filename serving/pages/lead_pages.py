"""A lead: what is said of it and why, and what a reviewer says to that."""

from __future__ import annotations

from typing import Annotated, Any, Final
from urllib.parse import quote

from fastapi import APIRouter, Form, Path, Request
from starlette.responses import RedirectResponse, Response

from serving.arms import Arm
from serving.pages import looking
from serving.pages.common import arm_of, common, setting_of
from serving.pages.guard import REVIEW, SenderDep, Visitor, VisitorDep
from serving.pages.looking import Known, hand_set, look
from serving.pages.queue_pages import shown
from serving.pages.remarks import Remark, as_feedback, refusal
from serving.pages.rendering import HEADERS, page
from serving.pages.route import PageRoute
from serving.pages.views.answer import is_scored
from serving.pages.views.page import lead_page, said_before, unscored_page
from serving.schemas.words import PRINTABLE
from serving.services import Services, ServicesDep
from serving.store import feedback as store_feedback

router = APIRouter(route_class=PageRoute, include_in_schema=False, dependencies=[REVIEW])

LeadId = Annotated[str, Path(min_length=1, max_length=255, pattern=PRINTABLE)]

SAID: Final = {
    "accept": "Recorded: you accepted this lead.",
    "reject": "Recorded: you rejected this lead.",
    "recycle": "Recorded: you sent this lead back to marketing.",
    "disagree": "Recorded: you disagree with this reason.",
    "rescored": "Scored again just now.",
}


@router.get("/leads/{lead_id:path}")
async def lead(lead_id: LeadId, who: VisitorDep, services: ServicesDep, said: str = "") -> Response:
    """A lead, as it was last scored; scored now where that is not what would be said now."""
    known = await look(services, who.tenant, lead_id)
    return await _page(services, who, known, said=SAID.get(said, ""))


@router.post("/leads/{lead_id:path}/rescore")
async def rescore(
    request: Request,
    lead_id: LeadId,
    who: SenderDep,
    services: ServicesDep,
    to: Annotated[str, Form()] = "lead",
) -> Response:
    """Score a lead as of now."""
    await looking.score(services, who.tenant, lead_id)
    if "hx-request" not in request.headers:
        return _to("/leads" if to == "queue" else _address(lead_id, "rescored"))
    found = await services.compute(looking.queued, services, who.tenant, lead_id)
    if found is None:  # the person objected: no score, no row
        return Response(status_code=200, headers=HEADERS)
    return page("queue_row.html", visitor=who, row=shown(found, setting_of(services)))


@router.post("/leads/{lead_id:path}/feedback")
async def feedback(
    request: Request,
    lead_id: LeadId,
    who: SenderDep,
    services: ServicesDep,
    remark: Annotated[Remark, Form()],
) -> Response:
    """Record what a reviewer says of a score."""
    known = await services.compute(looking.recorded, services, who.tenant, lead_id)
    playbook = services.live.current().champion.bundle.playbook
    refused = refusal(remark, known, playbook)
    if refused:
        known = await look(services, who.tenant, lead_id)
        return await _answer(request, services, who, known, refused=refused)
    said = as_feedback(remark, lead_id, who, services.clock.now())
    await services.commit(lambda connection: store_feedback.add(connection, said))
    if "hx-request" not in request.headers:
        return _to(_address(lead_id, remark.verdict))
    known = await services.compute(looking.recorded, services, who.tenant, lead_id)
    return await _answer(request, services, who, known, said=SAID[remark.verdict])


async def _answer(
    request: Request, services: Services, who: Visitor, known: Known, *, said: str = "", refused: str = ""
) -> Response:
    """The part of the page that htmx asked for, or all of it."""
    if "hx-request" not in request.headers:
        return await _page(services, who, known, said=said, refused=refused)
    told = said_before(known, setting_of(services), who.key_id)
    return page("feedback.html", 422 if refused else 200, feedback=told, said=said, refused=refused)


async def _page(
    services: Services, who: Visitor, known: Known, *, said: str = "", refused: str = ""
) -> Response:
    answer = known.answer
    if not is_scored(answer):
        return page(
            "unscored.html", **common(services, who, ""), **unscored_page(answer, setting_of(services))
        )
    arm, sheet = await services.compute(_beside, services, who, known)
    setting = setting_of(services, arm)
    shown = lead_page(known, sheet, arm.bundle, setting, who.key_id)
    status = 422 if refused else 200
    return page("lead.html", status, **common(services, who, ""), **shown, said=said, refused=refused)


def _beside(services: Services, who: Visitor, known: Known) -> tuple[Arm, dict[str, Any] | None]:
    """The model of the answer, and the team's own sheet at the same moment."""
    current = known.current
    sheet = hand_set(services, who.tenant, current.lead_id, current.as_of)
    return arm_of(services, current.bundle), sheet


def _address(lead_id: str, said: str) -> str:
    return f"/leads/{quote(lead_id, safe='')}?said={said}#feedback"


def _to(address: str) -> Response:
    return RedirectResponse(address, 303, HEADERS)
