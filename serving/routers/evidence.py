"""Evidence for the store: leads, events, attributes, stages; in any order, and as often as it likes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Body, Request
from starlette.responses import Response

from serving.auth import Principal, PrincipalDep, needs
from serving.idempotency import Done, idempotent
from serving.routers import deliveries
from serving.routers.deliveries import Kind
from serving.schemas import examples
from serving.schemas.evidence import AttributesIn, EventsIn, LeadsIn, StagesIn, Upserted
from serving.services import Services, ServicesDep

router = APIRouter(prefix="/v1", tags=["evidence"], dependencies=[needs("evidence:write")])


@router.post("/leads", response_model=Upserted)
async def put_leads(
    request: Request,
    services: ServicesDep,
    principal: PrincipalDep,
    body: Annotated[LeadsIn, Body(openapi_examples=examples.LEADS)],
) -> Response:
    """Store leads. Of several deliveries of one, that with the newest ``updated_at`` counts."""
    return await _store(request, services, principal, deliveries.LEADS, body.leads)


@router.post("/events", response_model=Upserted)
async def put_events(
    request: Request,
    services: ServicesDep,
    principal: PrincipalDep,
    body: Annotated[EventsIn, Body(openapi_examples=examples.EVENTS)],
) -> Response:
    """Store events. An ``event_id`` counts once per lead, however often it is delivered.

    An event may come before its lead. Told again otherwise, the row that was known first stays.
    """
    return await _store(request, services, principal, deliveries.EVENTS, body.events)


@router.post("/attributes", response_model=Upserted)
async def put_attributes(
    request: Request,
    services: ServicesDep,
    principal: PrincipalDep,
    body: Annotated[AttributesIn, Body(openapi_examples=examples.ATTRIBUTES)],
) -> Response:
    """Store values of fields of leads and accounts. Earlier values stay: a score of last week sees last week's."""
    return await _store(request, services, principal, deliveries.ATTRIBUTES, body.attributes)


@router.post("/stages", response_model=Upserted)
async def put_stages(
    request: Request,
    services: ServicesDep,
    principal: PrincipalDep,
    body: Annotated[StagesIn, Body(openapi_examples=examples.STAGES)],
) -> Response:
    """Store stages that leads entered."""
    return await _store(request, services, principal, deliveries.STAGES, body.stages)


async def _store(
    request: Request, services: Services, principal: Principal, kind: Kind[Any, Any], items: Sequence[Any]
) -> Response:
    async def handle() -> Done:
        clock = services.clock
        checked = await services.compute(deliveries.check, kind, items, clock.now())
        store = partial(deliveries.store, tenant=principal.tenant, kind=kind, delivery=checked, clock=clock)
        return Done(200, work=store)

    return await idempotent(request, services, principal, handle)
