"""Files in the shape of HubSpot exports: wide dates on the account's wall clock, property history, email events."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa

from features.matrix import Ints
from pipelines.simulation.behavior import together
from pipelines.simulation.company import EXPORTED_AT, FREE_MAIL
from pipelines.simulation.export_salesforce import owners
from pipelines.simulation.people import (
    COUNTRIES,
    INDUSTRIES,
    KINDS_OF_CONTACT,
    LEVELS,
    MAILS,
    first_names,
    last_names,
)
from pipelines.simulation.records import STATES, Records, domains, hubspot_numbers
from pipelines.simulation.tables import (
    Column,
    either,
    joined,
    local_minutes,
    months,
    numbers,
    stamps,
    words,
    write_csv,
    zulu,
)

PAGES: Final = ("/products/assay-kits", "/applications/cell-health", "/blog", "/resources")
_STATUS: Final = {
    "mql": "MARKETING_QUALIFIED",
    "contacted": "IN_PROGRESS",
    "recycled": "BAD_TIMING",
    "reopened": "RE_ENGAGED",
    "duplicate": "DUPLICATE",
    "rejected: no budget": "UNQUALIFIED_NO_BUDGET",
    "rejected: no need": "UNQUALIFIED_NO_NEED",
    "rejected: no answer": "UNQUALIFIED_NO_ANSWER",
    "rejected: bad timing": "UNQUALIFIED_TIMING",
    "rejected: not a buyer": "UNQUALIFIED_NOT_A_BUYER",
    "rejected: competitor": "UNQUALIFIED_COMPETITOR",
}
_ORIGINS: Final = ("Organic Search", "Event", "Paid Social", "Referrals", "Offline Sources")
_EMAIL: Final = {"email_open": "OPEN", "email_click": "CLICK", "unsubscribe": "STATUSCHANGE"}
_FORMS: Final = {
    "application_note": "Application note",
    "quote_tool": "Quote tool",
    "demo_request": "Request a demo",
    "webinar_registered": "Webinar registration",
    "webinar_attended": "Webinar attendance",
}
_VIEWS: Final = {"web_visit": "", "pricing_view": "/pricing", "careers_view": "/careers"}


def write_hubspot(folder: Path, records: Records) -> dict[str, int]:
    """Write contacts, property history, email events, form submissions, page views, engagements; rows per file."""
    written = {
        "contacts.csv": _contacts(records),
        "property_history.csv": _properties(records),
        "email_events.csv": _emails(records),
        "form_submissions.csv": _forms(records),
        "page_views.csv": _views(records),
        "engagements.csv": _engagements(records),
    }
    for name, (columns, rows) in written.items():
        write_csv(folder / name, columns, rows)
    return {name: rows for name, (_, rows) in written.items()}


def _contacts(records: Records) -> tuple[dict[str, Column], int]:
    people, changes = records.people, records.changes
    lead = np.flatnonzero(~people.in_salesforce)
    mql = np.full(len(people), EXPORTED_AT)
    marked = changes.state == STATES.index("mql")
    mql[changes.lead[marked]] = changes.recorded[marked]
    sql = np.full(len(people), EXPORTED_AT)
    sql[records.acceptances.lead] = records.acceptances.happened
    touched = people.created.copy()
    touched[changes.lead] = changes.recorded
    accepted = sql[lead] < EXPORTED_AT
    domain = either(people.account[lead] < 0, FREE_MAIL, pa.array(domains(people.account[lead])))
    first, last = pa.array(first_names(lead).tolist()), pa.array(last_names(lead).tolist())
    stage = np.select([accepted, mql[lead] < EXPORTED_AT], [2, 1], 0)
    columns: dict[str, Column] = {
        "Record ID": numbers(hubspot_numbers(lead)),
        "First Name": first,
        "Last Name": last,
        "Email": joined(first, ".", last, ".", numbers(lead), "@", domain),
        "Phone Number": "555-0101",
        "Contact owner": owners(lead),
        "Lifecycle Stage": words(stage, ("Lead", "Marketing Qualified Lead", "Sales Qualified Lead")),
        "Create Date": local_minutes(people.created[lead]),
        "Last Activity Date": local_minutes(touched[lead]),
        "Original Source": words(people.source[lead], _ORIGINS),
        "Became a Lead Date": local_minutes(people.created[lead]),
        "Became a Marketing Qualified Lead Date": local_minutes(mql[lead]),
        "Became a Sales Qualified Lead Date": local_minutes(sql[lead]),
        "Became an Opportunity Date": "",
        "Became a Customer Date": "",
        "HubSpot Score": numbers(np.where(accepted, 80, 20) + lead * 17 % 25),
        "Associated Company": either(
            people.account[lead] < 0, "", joined("Simulated Lab ", numbers(people.account[lead]))
        ),
        "Industry": words(
            people.industry[lead], [industry.upper().replace(" ", "_") for industry in INDUSTRIES]
        ),
        "Country/Region": words(people.country[lead], COUNTRIES),
        "Number of Employees": numbers(people.employees[lead]),
        "Job Level": words(people.level[lead], LEVELS),
        "Contact Kind": words(people.contact[lead], KINDS_OF_CONTACT),
        "Email Kind": words(people.mail[lead], MAILS),
    }
    return columns, len(lead)


def _properties(records: Records) -> tuple[dict[str, Column], int]:
    """Status, project and the day of acceptance, whose value is the moment and whose timestamp is the recording."""
    people, inside = records.people, ~records.people.in_salesforce
    every = np.flatnonzero(inside)
    changes, accepted = records.changes, records.acceptances
    moves = np.flatnonzero(inside[changes.lead] & (changes.state != STATES.index("mql")))
    sql = np.flatnonzero(inside[accepted.lead])
    steps = [("exploring", people.created), ("planning", people.planning_at), ("budgeted", people.budget_at)]
    parts: list[tuple[Ints, Ints, str, pa.Array]] = [
        (
            changes.lead[moves],
            changes.recorded[moves],
            "hs_lead_status",
            words(changes.state[moves], [_STATUS[name] for name in STATES]),
        ),
        (
            accepted.lead[sql],
            accepted.recorded[sql],
            "hs_v2_date_entered_salesqualifiedlead",
            numbers(accepted.happened[sql] * 1_000),
        ),
    ]
    for word, when in steps:
        said = every[when[every] < EXPORTED_AT]
        parts.append((said, when[said], "project", words(np.zeros(len(said), dtype=np.int64), [word])))
    lead = np.concatenate([part[0] for part in parts])
    when = np.concatenate([part[1] for part in parts])
    number = np.concatenate([np.full(len(part[0]), place) for place, part in enumerate(parts)])
    order = np.lexsort((number, lead, when))
    columns: dict[str, Column] = {
        "contactId": numbers(hubspot_numbers(lead[order])),
        "property": words(number[order], [part[2] for part in parts]),
        "value": pa.concat_arrays([part[3] for part in parts]).take(pa.array(order)),
        "timestamp": zulu(when[order]),
        "sourceType": either(number[order] < 2, "CRM_UI", "FORM"),
        "sourceId": "",
    }
    return columns, len(lead)


def _emails(records: Records) -> tuple[dict[str, Column], int]:
    """Opens by machines are marked ``filtered_event``. ``recipient`` holds the contact's id (really: the address)."""
    events, kind = together(records.events, ~records.people.in_salesforce, tuple(_EMAIL))
    columns: dict[str, Column] = {
        "id": joined("e", numbers(np.arange(len(events)))),
        "app_id": "2286",
        "created": zulu(events.occurred),
        "email_campaign_id": joined("assay newsletter ", months(events.occurred)),
        "portal_id": "4727653",
        "type": words(kind, tuple(_EMAIL.values())),
        "filtered_event": either(events.bot, "true", "false"),
        "recipient": numbers(hubspot_numbers(events.lead)),
    }
    return columns, len(events)


def _forms(records: Records) -> tuple[dict[str, Column], int]:
    events, kind = together(records.events, ~records.people.in_salesforce, tuple(_FORMS))
    columns: dict[str, Column] = {
        "timestamp": zulu(events.occurred),
        "form_id": numbers(kind + 101),
        "contact_id": numbers(hubspot_numbers(events.lead)),
        "conversion_id": joined("c", numbers(np.arange(len(events)))),
        "page_id": numbers(kind + 201),
        "page_url": "https://www.example.com/forms",
        "portal_id": "4727653",
        "title": words(kind, tuple(_FORMS.values())),
    }
    return columns, len(events)


def _views(records: Records) -> tuple[dict[str, Column], int]:
    events, kind = together(records.events, ~records.people.in_salesforce, tuple(_VIEWS))
    page = np.where(kind == 0, (events.lead + events.occurred) % len(PAGES), kind + len(PAGES) - 1)
    columns: dict[str, Column] = {
        "id": joined("v", numbers(np.arange(len(events)))),
        "objectType": "CONTACT",
        "objectId": numbers(hubspot_numbers(events.lead)),
        "eventType": "e_visited_page",
        "occurredAt": zulu(events.occurred),
        "url": joined("https://www.example.com", words(page, (*PAGES, "/pricing", "/careers"))),
    }
    return columns, len(events)


def _engagements(records: Records) -> tuple[dict[str, Column], int]:
    rows = np.flatnonzero(~records.people.in_salesforce[records.touches.events.lead])
    touches, phone = records.touches.events.take(rows), records.touches.by_phone[rows]
    columns: dict[str, Column] = {
        "engagement_id": numbers(19_732_000_000 + np.arange(len(rows))),
        "contact_id": numbers(hubspot_numbers(touches.lead)),
        "property_hs_createdate": joined(stamps(touches.known), ".000000"),
        "property_hs_timestamp": joined(stamps(touches.occurred), ".000000"),
        "type": either(phone, "CALL", "EMAIL"),
    }
    return columns, len(rows)
