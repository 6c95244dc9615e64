"""Files in the shape of a Marketo bulk activity extract: four weeks each, a byte order mark, JSON in a cell."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa

from features.matrix import Ints
from pipelines.simulation.behavior import Events, together
from pipelines.simulation.company import EXPORTED_AT, LINES, SECONDS_PER_DAY
from pipelines.simulation.ids import long_ids
from pipelines.simulation.records import Records
from pipelines.simulation.tables import Column, either, joined, months, numbers, words, write_csv, zulu

PAGES: Final = (
    "/products/library-prep",
    "/products/bioreactors",
    "/applications/oncology",
    "/blog",
    "/resources",
)
_WEB: Final = '{"Client IP Address":"192.0.2.10","Query Parameters":"","Referrer URL":""}'
_MAIL: Final = '{"Device":"unknown","Is Mobile Device":false,"Link":"https://www.example.com/newsletter"}'
_FORM: Final = '{"Form Fields":"[]","Webpage ID":"41"}'
_SCORE: Final = '{"Change Value":"+5","Old Value":"0","Reason":"simulated"}'
_ACTIVITIES: Final = {
    "web_visit": (1, "", _WEB),
    "pricing_view": (1, "/pricing", _WEB),
    "careers_view": (1, "/careers", _WEB),
    "email_open": (10, "", _MAIL),
    "email_click": (11, "", _MAIL),
    "unsubscribe": (9, "", _MAIL),
    "application_note": (2, "Application note", _FORM),
    "quote_tool": (2, "Quote tool", _FORM),
    "demo_request": (2, "Request a demo", _FORM),
}
_SCORED: Final = ("pricing_view", "demo_request")
_OVERLAP: Final = 2 * 3_600
"""Seconds that the next file repeats, as careful people export."""
_JOB: Final = 28 * SECONDS_PER_DAY
"""A job may cover 31 days at most."""


def write_marketo(folder: Path, records: Records) -> dict[str, int]:
    """Write one file of activities per four weeks; rows per file. A few activities are dated after the export."""
    events, kind = together(records.events, records.people.in_salesforce, tuple(_ACTIVITIES))
    written: dict[str, int] = {}
    for start in range(int(events.occurred.min()), EXPORTED_AT, _JOB):
        begin, end = np.searchsorted(events.occurred, [start - _OVERLAP, start + _JOB])
        rows = np.arange(begin, end)
        name = f"activities_{str(np.datetime64(start, 's'))[:10]}.csv"
        columns, count = _activities(records, events.take(rows), kind[rows], rows)
        write_csv(folder / name, columns, count, byte_order_mark=True)
        written[name] = count
    return written


def _activities(records: Records, events: Events, kind: Ints, number: Ints) -> tuple[dict[str, Column], int]:
    """Rows for events, for the vendor's score that followed some of them, and for a few clocks gone wrong."""
    names = list(_ACTIVITIES)
    scored = np.flatnonzero(np.isin(kind, [names.index(name) for name in _SCORED]))
    wrong = np.flatnonzero((number % 4_000 == 17) & (kind == names.index("email_open")))
    row = np.concatenate([np.arange(len(events)), scored, wrong])
    origin = np.repeat([0, 1, 2], [len(events), len(scored), len(wrong)])
    occurred = np.where(origin == 2, EXPORTED_AT + 400 * SECONDS_PER_DAY, events.occurred[row])
    order = np.lexsort((origin, number[row], occurred))
    row, origin, occurred = row[order], origin[order], occurred[order]
    kind, lead = kind[row], events.lead[row]
    score = origin == 1
    type_id = np.where(score, 22, np.array([activity[0] for activity in _ACTIVITIES.values()])[kind])
    attributes = np.where(score, len(names), kind)
    columns: dict[str, Column] = {
        "marketoGUID": numbers(100_000_000 + number[row] * 3 + origin),
        "leadId": numbers(1_000_001 + lead),
        "activityDate": either(
            origin == 2, "2026-10-06T06:56:35Z", zulu(np.minimum(occurred, EXPORTED_AT - 1))
        ),
        "activityTypeId": numbers(type_id),
        "campaignId": numbers(2_000 + kind),
        "primaryAttributeValueId": numbers(type_id * 10 + kind),
        "primaryAttributeValue": _primary(records, kind, lead, occurred, score),
        "attributes": words(attributes, [*(activity[2] for activity in _ACTIVITIES.values()), _SCORE]),
        "sfdcLeadId": long_ids("00Q", lead),
    }
    return columns, len(row)


def _primary(
    records: Records,
    kind: Ints,
    lead: Ints,
    occurred: Ints,
    score: np.ndarray[tuple[int], np.dtype[np.bool_]],
) -> pa.Array:
    """Page, form or mailing; for the vendor's score the field's name."""
    names = list(_ACTIVITIES)
    plain = words(kind, [activity[1] for activity in _ACTIVITIES.values()])
    pages = words((lead + occurred) % len(PAGES), PAGES)
    line = words(records.people.line[lead], [line.name for line in LINES])
    mailing = joined(line, " newsletter ", months(np.minimum(occurred, EXPORTED_AT - 1)))
    value = either(kind == names.index("web_visit"), pages, plain)
    is_mail = np.isin(kind, [names.index(name) for name in ("email_open", "email_click", "unsubscribe")])
    return either(score, "Lead Score", either(is_mail, mailing, value))
