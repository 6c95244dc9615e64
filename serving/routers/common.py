"""What the routes share: parameters, answers as bytes, and the record of what is answered."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Any

import orjson
from fastapi import Path, Query
from sqlalchemy import Connection
from starlette.responses import Response

from features.clock import micros
from serving.answers.scoring import Prepared
from serving.schemas.scores import Detail
from serving.schemas.words import PRINTABLE, Instant
from serving.services import Services
from serving.store import predictions

LeadId = Annotated[
    str, Path(min_length=1, max_length=255, pattern=PRINTABLE, description="As your CRM calls it.")
]
PredictionId = Annotated[str, Path(min_length=1, max_length=64, pattern=r"^[0-9a-f-]+$")]
AsOf = Annotated[
    Instant | None, Query(description="Only what was known before this moment counts; now where left out.")
]
Reasons = Annotated[
    Detail, Query(description="Reasons by signal; by feature as well, for keys of the scope explain.")
]


def moment(as_of: datetime | None) -> int | None:
    """Microseconds of an instant that may be left out."""
    return None if as_of is None else micros(as_of)


def sent(body: bytes, status: int = 200) -> Response:
    """JSON that is already bytes."""
    return Response(body, status, media_type="application/json")


def shown(plain: Any, status: int = 200) -> Response:
    """Plain data as JSON."""
    return sent(orjson.dumps(plain), status)


def recording(services: Services, prepared: Sequence[Prepared]) -> Callable[[Connection], None]:
    """Work for a transaction: write the answers down, and tell the CRM where somebody listens."""
    listens = services.settings.webhook_url is not None

    def write(connection: Connection) -> None:
        for one in prepared:
            limit = one.alert_points if listens else None
            predictions.record(connection, one.records, alert_points=limit)

    return write


def count(services: Services, recorded: Sequence[Prepared]) -> None:
    """Count answers in the metrics, after what was recorded of them is on the disk."""
    for one in recorded:
        for record in one.records:
            services.metrics.predicted(record.band, record.role, record.origin)
        if one.shadow_failed:
            services.metrics.predicted("failed", "shadow", one.records[0].origin)
