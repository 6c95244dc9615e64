"""Whether the service lives, whether it can answer, and its numbers."""

from __future__ import annotations

from typing import Any, Final

import orjson
from fastapi import APIRouter
from pydantic import BaseModel
from starlette.responses import Response

from features.clock import SECOND
from serving.auth import needs
from serving.live import NoModelError
from serving.metrics import CONTENT_TYPE
from serving.readiness import OK
from serving.services import Services, ServicesDep
from serving.store import outbox

router = APIRouter(tags=["health"])

NO_STORE: Final = {"Cache-Control": "no-store"}


class Alive(BaseModel):
    """The process answers."""

    alive: bool


class Ready(BaseModel):
    """Whether the service can answer, and each thing that it takes: ``ok``, or what is wrong."""

    ready: bool
    checks: dict[str, str]


@router.get("/livez", response_model=Alive)
async def livez() -> Response:
    """Whether the process answers. Depends on nothing; a process that does not answer should be restarted."""
    return _json(200, {"alive": True})


@router.get("/readyz", response_model=Ready, responses={503: {"model": Ready}})
async def readyz(services: ServicesDep) -> Response:
    """Whether requests should be sent here: a model answers, the database can be written, the disk has room."""
    checks = await services.readiness.look()
    ready = all(told == OK for told in checks.values())
    return _json(200 if ready else 503, {"ready": ready, "checks": checks})


@router.get("/metrics", dependencies=[needs("metrics")], response_class=Response)
async def metrics(services: ServicesDep) -> Response:
    """Numbers for Prometheus: requests, problems, predictions by band, what waits, which model answers."""
    known = services.metrics
    known.state(under_way=services.lifecycle.under_way, waiting=services.writer.waiting)
    counts, oldest = await services.compute(_outbox, services)
    known.outbox(counts, oldest)
    known.models(*_models(services))
    return Response(known.text(), media_type=CONTENT_TYPE)


def _outbox(services: Services) -> tuple[dict[str, int], float]:
    with services.store.reading() as connection:
        counts, oldest = outbox.count(connection), outbox.oldest_pending(connection)
    return counts, 0.0 if oldest is None else max((services.clock.now() - oldest) / SECOND, 0.0)


def _models(services: Services) -> tuple[str | None, str | None]:
    try:
        current = services.live.current()
    except NoModelError:
        return None, None
    challenger = current.challenger
    return current.champion.fingerprint, None if challenger is None else challenger.fingerprint


def _json(status: int, told: dict[str, Any]) -> Response:
    return Response(orjson.dumps(told), status, NO_STORE, "application/json")
