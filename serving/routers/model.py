"""Which model answers."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from serving.answers.model_view import model_view
from serving.auth import needs
from serving.routers.common import shown
from serving.schemas.model import ModelShown
from serving.services import ServicesDep

router = APIRouter(prefix="/v1", tags=["model"])


@router.get("/model", dependencies=[needs("model:read")], response_model=ModelShown)
async def model(services: ServicesDep) -> Response:
    """The model that answers: its bands, its features in words, its card, and what is served beside it."""
    return shown(model_view(services.live.current()))
