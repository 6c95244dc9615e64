"""The queue: leads by their latest recorded score."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Annotated, Final
from urllib.parse import urlencode

import orjson
from fastapi import APIRouter, Query
from starlette.responses import Response

from models.bands import BANDS
from serving.pages import words
from serving.pages.common import PRINTABLE_OR_EMPTY, common, setting_of
from serving.pages.guard import REVIEW, Visitor, VisitorDep
from serving.pages.looking import moved
from serving.pages.rendering import page
from serving.pages.route import PageRoute
from serving.pages.views.answer import Answer
from serving.pages.views.queue import Row, row
from serving.pages.views.setting import Setting
from serving.schemas.words import PRINTABLE
from serving.services import Services, ServicesDep
from serving.store import predictions
from serving.store.predictions import Filters, Queued

router = APIRouter(route_class=PageRoute, include_in_schema=False, dependencies=[REVIEW])

SIZE: Final = 25
_PRINTABLE: Final = re.compile(PRINTABLE)
After = tuple[float, str]
"""Probability and id of the last lead seen."""

Choice = Annotated[str, Query(max_length=255)]
Text = Annotated[str, Query(max_length=255, pattern=PRINTABLE_OR_EMPTY)]
"""Goes to the database."""


@router.get("/leads")
async def queue(  # noqa: PLR0917 - one for each field of the form
    who: VisitorDep,
    services: ServicesDep,
    band: Choice = "",
    line: Text = "",
    lead: Text = "",
    after: Annotated[str, Query(max_length=600)] = "",
) -> Response:
    """One page of the queue."""
    chosen = {"band": band if band in BANDS else "", "line": line, "lead": lead.strip()}
    filters = Filters(chosen["band"] or None, line or None, chosen["lead"] or None)
    start = read_cursor(after)
    found = await services.compute(_read, services, who, filters, start)
    setting = setting_of(services)
    rows = [shown(one, setting) for one in found[:SIZE]]
    more = found[SIZE - 1][0] if len(found) > SIZE else None
    return page(
        "queue.html",
        **common(services, who, "leads"),
        rows=rows,
        chosen=chosen | {"any": any(chosen.values())},
        bands=list(words.BAND_WORDS.items()),
        service_lines=_lines(services),
        first=_link(chosen) if start else "",
        more=_link(chosen, cursor((more.probability, more.lead_id))) if more else "",
        size=SIZE,
    )


def shown(found: tuple[Queued, Answer], setting: Setting) -> Row:
    """A row, from what was said of the lead and what moved it."""
    queued, moved_by = found
    return row(orjson.loads(queued.answer), queued.service_line, setting, moved_by)


def cursor(after: After) -> str:
    """Where a page of the queue begins.

    >>> read_cursor(cursor((0.25, "L-1")))
    (0.25, 'L-1')
    """
    return base64.urlsafe_b64encode(orjson.dumps(after)).rstrip(b"=").decode()


def read_cursor(text: str) -> After | None:
    """Inverse of ``cursor``; whatever is none, or names nobody that there can be, is the beginning.

    >>> read_cursor("nonsense") is None
    True
    """
    try:
        probability, lead_id = orjson.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        found = float(probability), str(lead_id)
    except (ValueError, TypeError, binascii.Error):
        return None
    return found if _PRINTABLE.match(found[1]) else None


def _read(
    services: Services, who: Visitor, filters: Filters, after: After | None
) -> list[tuple[Queued, Answer]]:
    with services.store.reading() as connection:
        found = predictions.queue(connection, who.tenant, filters, after, SIZE + 1)
        return [moved(connection, who.tenant, one) for one in found]


def _lines(services: Services) -> list[tuple[str, str]]:
    """The playbook's lines of business, with how people say them."""
    playbook = services.live.current().champion.bundle.playbook
    return [(line, words.plain(line)) for line in playbook.service_lines]


def _link(chosen: dict[str, str], after: str = "") -> str:
    asked = {name: value for name, value in {**chosen, "after": after}.items() if value}
    return f"/leads?{urlencode(asked)}" if asked else "/leads"
