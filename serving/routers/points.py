"""The team's own points, beside those of the model."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from serving.auth import PrincipalDep, needs
from serving.routers.common import AsOf, moment, shown
from serving.schemas.model import SheetShown
from serving.schemas.words import Id
from serving.services import ServicesDep

router = APIRouter(prefix="/v1", tags=["points"])


@router.get("/points", dependencies=[needs("points:read")], response_model=SheetShown)
async def points_of_lead(
    services: ServicesDep, principal: PrincipalDep, lead_id: Annotated[Id, Query()], as_of: AsOf = None
) -> Response:
    """Which rules of the sheet hold for a lead, their total, and the points of the model."""
    ask = partial(services.scoring.sheet, principal.tenant, lead_id, moment(as_of))
    return shown(await services.compute(ask))
