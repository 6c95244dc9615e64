"""A record: exactly what was said of a lead, and whether what was stored still gives it."""

from __future__ import annotations

from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Path
from starlette.responses import Response

from features.clock import iso
from serving.answers.refusals import Unscorable
from serving.pages.common import arm_of, common, setting_of
from serving.pages.guard import REVIEW, VisitorDep
from serving.pages.rendering import page
from serving.pages.route import PageRoute
from serving.pages.views.about import about
from serving.pages.views.page import record_page
from serving.schemas.words import PRINTABLE
from serving.services import Services, ServicesDep
from serving.store import predictions

router = APIRouter(route_class=PageRoute, include_in_schema=False, dependencies=[REVIEW])


@router.get("/scores/{prediction_id}")
async def record(
    prediction_id: Annotated[str, Path(max_length=64, pattern=PRINTABLE)],
    who: VisitorDep,
    services: ServicesDep,
) -> Response:
    """One record, for the screen and for paper."""
    replayed, fingerprint = await services.compute(_replay, services, who.tenant, prediction_id)
    arm = await services.compute(arm_of, services, fingerprint)
    shown = record_page(replayed, setting_of(services, arm))
    return page("record.html", **common(services, who, ""), **shown)


@router.get("/model")
async def model(who: VisitorDep, services: ServicesDep) -> Response:
    """What the model is."""
    champion = services.live.current().champion
    return page("model.html", **common(services, who, "model"), about=about(champion.bundle, champion.role))


def _replay(services: Services, tenant: str, prediction_id: str) -> tuple[dict[str, Any], str | None]:
    """The record and the model that gave it. A model that is gone leaves the record as it was sent."""
    try:
        replayed = services.scoring.replay(tenant, prediction_id)
    except Unscorable as error:
        if error.code != "model_not_available":
            raise
        replayed = _kept(services, tenant, prediction_id)
    scored = replayed["answer"].get("model")
    return replayed, scored["bundle"] if scored else None


def _kept(services: Services, tenant: str, prediction_id: str) -> dict[str, Any]:
    with services.store.reading() as connection:
        kept = predictions.get(connection, tenant, prediction_id)
    if kept is None:
        raise Unscorable("prediction_not_found")
    return {
        "prediction_id": kept.prediction_id,
        "made_at": iso(kept.made_at),
        "origin": kept.origin,
        "role": kept.role,
        "answer": orjson.loads(kept.answer),
        "replay": None,
    }
