"""Answers of the past, computed again."""

from __future__ import annotations

import asyncio
from functools import partial

from fastapi import APIRouter
from starlette.responses import Response

from serving.auth import PrincipalDep, needs
from serving.routers.common import PredictionId, Reasons, shown
from serving.schemas.scores import Recorded
from serving.services import ServicesDep

router = APIRouter(prefix="/v1/scores", tags=["scores"])


@router.get("/{prediction_id}", dependencies=[needs("explain")], response_model=Recorded)
async def replay_score(
    services: ServicesDep,
    principal: PrincipalDep,
    prediction_id: PredictionId,
    reasons: Reasons = "signals",
) -> Response:
    """An answer as it was sent, and what its stored values give by the same model now.

    ``replay.equal`` says whether the two are equal to the last bit.
    """
    ask = partial(services.scoring.replay, principal.tenant, prediction_id, reasons=reasons)
    # In a thread of its own: an old model takes seconds to load, and scores must not wait for that.
    return shown(await asyncio.to_thread(ask))
