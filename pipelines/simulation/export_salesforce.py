"""Files in the shape of a Salesforce Data Export: quoted, no zone (GMT), empty references spelled out, 0 and 1."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa

from features.matrix import Ints
from pipelines.simulation.behavior import together
from pipelines.simulation.company import EXPORTED_AT, FREE_MAIL, LINES
from pipelines.simulation.ids import long_ids, short_ids
from pipelines.simulation.people import (
    COUNTRIES,
    INDUSTRIES,
    KINDS_OF_CONTACT,
    LEVELS,
    MAILS,
    SOURCES,
    first_names,
    last_names,
)
from pipelines.simulation.records import STATES, Records, domains
from pipelines.simulation.tables import Column, dates, either, joined, numbers, stamps, words, write_csv

NOBODY: Final = "000000000000000AAA"
_SYSTEM_USER: Final = long_ids("005", np.array([1]))[0].as_py()
_STATUS: Final = {
    "mql": "Marketing Qualified",
    "contacted": "Working - Contacted",
    "recycled": "Recycled - Nurture",
    "reopened": "Re-engaged",
    "duplicate": "Closed - Duplicate",
    "rejected: no budget": "Closed - No Budget",
    "rejected: no need": "Closed - No Need",
    "rejected: no answer": "Closed - No Answer",
    "rejected: bad timing": "Closed - Bad Timing",
    "rejected: not a buyer": "Closed - Not a Buyer",
    "rejected: competitor": "Closed - Competitor",
}
_CAMPAIGNS: Final = {
    "webinar_registered": ("Registered", 11),
    "webinar_attended": ("Attended", 12),
    "trade_show_scan": ("Badge Scanned", 13),
}
LEAD_COLUMNS: Final = (
    "Id", "IsDeleted", "MasterRecordId", "Salutation", "FirstName", "LastName", "MiddleName", "Suffix",
    "RecordTypeId", "Title", "Company", "Street", "City", "State", "PostalCode", "Country", "StateCode",
    "CountryCode", "Latitude", "Longitude", "GeocodeAccuracy", "Phone", "MobilePhone", "Fax", "Email",
    "Website", "Description", "LeadSource", "Status", "Industry", "Rating", "CurrencyIsoCode",
    "AnnualRevenue", "NumberOfEmployees", "OwnerId", "HasOptedOutOfEmail", "IsConverted", "ConvertedDate",
    "ConvertedAccountId", "ConvertedContactId", "ConvertedOpportunityId", "IsUnreadByOwner", "CreatedDate",
    "CreatedById", "LastModifiedDate", "LastModifiedById", "SystemModstamp", "LastActivityDate", "DoNotCall",
    "HasOptedOutOfFax", "LastTransferDate", "Jigsaw", "JigsawContactId", "EmailBouncedReason",
    "EmailBouncedDate", "Pronouns", "GenderIdentity", "Service_Line__c", "JobLevel__c", "Contact_Kind__c",
    "Email_Kind__c",
)  # fmt: skip
TASK_COLUMNS: Final = (
    "Id", "WhoId", "WhatId", "WhoCount", "WhatCount", "Subject", "ActivityDate", "Status", "Priority",
    "OwnerId", "Description", "CurrencyIsoCode", "Type", "IsDeleted", "AccountId", "IsClosed", "CreatedDate",
    "CreatedById", "LastModifiedDate", "LastModifiedById", "SystemModstamp", "IsArchived", "EmailMessageId",
    "ActivityOriginType", "CallDurationInSeconds", "CallType", "CallDisposition", "CallObject",
    "ReminderDateTime", "IsReminderSet", "CompletedDateTime",
)  # fmt: skip


def owners(leads: Ints) -> pa.Array:
    """The sales person of each lead, one of forty."""
    return long_ids("005", 100 + leads * 13 % 40)


def write_salesforce(folder: Path, records: Records) -> dict[str, int]:
    """Write Lead.csv, LeadHistory.csv, Task.csv and CampaignMember.csv; rows per file."""
    written = {
        "Lead.csv": _leads(records),
        "LeadHistory.csv": _history(records),
        "Task.csv": _tasks(records),
        "CampaignMember.csv": _members(records),
    }
    for name, (columns, rows) in written.items():
        write_csv(folder / name, columns, rows)
    return {name: rows for name, (_, rows) in written.items()}


def _leads(records: Records) -> tuple[dict[str, Column], int]:
    people = records.people
    lead = np.flatnonzero(people.in_salesforce)
    status, changed = _latest_status(records)
    accepted = np.zeros(len(people), dtype=bool)
    accepted_at = np.full(len(people), EXPORTED_AT)
    accepted[records.acceptances.lead] = True
    accepted_at[records.acceptances.lead] = records.acceptances.recorded
    copied = np.isin(lead, records.changes.lead[records.changes.state == STATES.index("duplicate")])
    domain = either(people.account[lead] < 0, FREE_MAIL, pa.array(domains(people.account[lead])))
    first, last = pa.array(first_names(lead).tolist()), pa.array(last_names(lead).tolist())
    changed = np.maximum(changed, people.created)[lead]
    rating = np.where(accepted[lead], 0, np.where((lead * 31 % 10) < 3, 1, 2))
    columns: dict[str, Column] = {
        "Id": long_ids("00Q", lead),
        "IsDeleted": either(copied, "1", "0"),
        "MasterRecordId": either(copied, long_ids("00Q", np.maximum(people.copy_of[lead], 0)), NOBODY),
        "FirstName": first,
        "LastName": last,
        "RecordTypeId": short_ids("012", np.array([7]))[0].as_py(),
        "Title": words(people.level[lead], LEVELS),
        "Company": either(
            people.account[lead] < 0,
            "[not provided]",
            joined("Simulated Lab ", numbers(people.account[lead])),
        ),
        "Country": words(people.country[lead], COUNTRIES),
        "CountryCode": "",
        "Phone": "555-0100",
        "Email": joined(first, ".", last, ".", numbers(lead), "@", domain),
        "Description": either(lead % 90 == 0, 'Simulated lead.\nSecond line, with a "quote".', ""),
        "LeadSource": words(people.source[lead], [source.title() for source in SOURCES]),
        "Status": either(accepted[lead], "Qualified", status.take(pa.array(lead))),
        "Industry": words(people.industry[lead], [industry.title() or "Select" for industry in INDUSTRIES]),
        "Rating": words(rating, ("Hot", "Warm", "Cold")),
        "CurrencyIsoCode": "000",
        "NumberOfEmployees": numbers(people.employees[lead]),
        "OwnerId": owners(lead),
        "HasOptedOutOfEmail": "0",
        "IsConverted": either(accepted[lead], "1", "0"),
        "ConvertedDate": dates(accepted_at[lead]),
        "ConvertedAccountId": either(accepted[lead], long_ids("001", lead), NOBODY),
        "ConvertedContactId": either(accepted[lead] & (lead % 50 > 0), long_ids("003", lead), NOBODY),
        "ConvertedOpportunityId": either(accepted[lead] & (lead % 20 > 0), long_ids("006", lead), NOBODY),
        "IsUnreadByOwner": "0",
        "CreatedDate": stamps(people.created[lead]),
        "CreatedById": _SYSTEM_USER,
        "LastModifiedDate": stamps(changed),
        "LastModifiedById": owners(lead),
        "SystemModstamp": stamps(changed),
        "LastActivityDate": dates(changed),
        "DoNotCall": "0",
        "HasOptedOutOfFax": "0",
        "Service_Line__c": words(people.line[lead], [line.name for line in LINES]),
        "JobLevel__c": words(people.level[lead], LEVELS),
        "Contact_Kind__c": words(people.contact[lead], KINDS_OF_CONTACT),
        "Email_Kind__c": words(people.mail[lead], MAILS),
    }
    return {name: columns.get(name, "") for name in LEAD_COLUMNS}, len(lead)


def _latest_status(records: Records) -> tuple[pa.Array, Ints]:
    """The status that every lead holds today, and since when."""
    people, changes = records.people, records.changes
    state = np.full(len(people), len(STATES))
    since = people.created.copy()
    state[changes.lead], since[changes.lead] = changes.state, changes.recorded
    return words(state, [*(_STATUS[name] for name in STATES), "Open - Not Contacted"]), since


def _history(records: Records) -> tuple[dict[str, Column], int]:
    """Tracked changes: status, the day of acceptance, the project, and the special rows for creation and conversion."""
    people, inside = records.people, records.people.in_salesforce
    every = np.flatnonzero(inside)
    moves = np.flatnonzero(inside[records.changes.lead])
    sql = np.flatnonzero(inside[records.acceptances.lead])
    planning = every[people.planning_at[every] < EXPORTED_AT]
    budget = every[people.budget_at[every] < EXPORTED_AT]
    accepted = records.acceptances
    parts: list[tuple[Ints, Ints, str, pa.Array | str]] = [
        (every, people.created[every], "created", ""),
        (every, people.created[every], "Project__c", "exploring"),
        (planning, people.planning_at[planning], "Project__c", "planning"),
        (budget, people.budget_at[budget], "Project__c", "budgeted"),
        (
            records.changes.lead[moves],
            records.changes.recorded[moves],
            "Status",
            words(records.changes.state[moves], [_STATUS[name] for name in STATES]),
        ),
        (accepted.lead[sql], accepted.recorded[sql], "Accepted_On__c", stamps(accepted.happened[sql])),
        (accepted.lead[sql], accepted.recorded[sql], "leadConverted", ""),
    ]
    lead = np.concatenate([part[0] for part in parts])
    when = np.concatenate([part[1] for part in parts])
    field = np.concatenate([np.full(len(part[0]), number) for number, part in enumerate(parts)])
    value = pa.concat_arrays([_filled(part[3], len(part[0])) for part in parts])
    order = np.lexsort((field, lead, when))
    lead, field, value = lead[order], field[order], value.take(pa.array(order))
    names = [part[2] for part in parts]
    by_hand = np.isin(
        field,
        [place for place, name in enumerate(names) if name in ("Status", "Accepted_On__c", "leadConverted")],
    )
    columns: dict[str, Column] = {
        "Id": long_ids("017", np.arange(len(lead))),
        "IsDeleted": "0",
        "LeadId": long_ids("00Q", lead),
        "CreatedById": either(by_hand, owners(lead), _SYSTEM_USER),
        "CreatedDate": stamps(when[order]),
        "Field": words(field, names),
        "DataType": either(np.isin(field, [names.index("Accepted_On__c")]), "DateTime", "Text"),
        "OldValue": _old_values(lead, field, names, value),
        "NewValue": value,
    }
    return columns, len(lead)


def _old_values(lead: Ints, field: Ints, names: list[str], value: pa.Array) -> pa.Array:
    """The value before, of the same lead and field."""
    field = np.array([names.index(name) for name in names])[field]
    order = np.lexsort((np.arange(len(lead)), field, lead))
    same = (lead[order][1:] == lead[order][:-1]) & (field[order][1:] == field[order][:-1])
    before = np.full(len(lead), -1)
    before[order[1:]] = np.where(same, order[:-1], -1)
    return value.take(pa.array(before, mask=before < 0))


def _filled(value: pa.Array | str, rows: int) -> pa.Array:
    return pa.repeat(pa.scalar(value, pa.large_string()), rows) if isinstance(value, str) else value


def _tasks(records: Records) -> tuple[dict[str, Column], int]:
    """Done tasks, and among them a few that are open, moved to the contact after conversion, or badly dated."""
    rows = np.flatnonzero(records.people.in_salesforce[records.touches.events.lead])
    touches, phone = records.touches.events.take(rows), records.touches.by_phone[rows]
    number = np.arange(len(rows))
    still_open, moved, broken = number % 40 == 7, number % 200 == 11, number % 500 == 13
    who = either(moved, long_ids("003", touches.lead), long_ids("00Q", touches.lead))
    done = either(broken, "31/13/2024 99:99", stamps(touches.occurred))
    columns: dict[str, Column] = {
        "Id": long_ids("00T", number),
        "WhoId": who,
        "WhatId": NOBODY,
        "WhoCount": "1",
        "WhatCount": "0",
        "Subject": either(phone, "Call", "Email: next steps"),
        "ActivityDate": dates(touches.occurred),
        "Status": either(still_open, "Not Started", "Completed"),
        "Priority": "Normal",
        "OwnerId": owners(touches.lead),
        "Type": either(phone, "Call", "Email"),
        "IsDeleted": "0",
        "AccountId": NOBODY,
        "IsClosed": either(still_open, "0", "1"),
        "CreatedDate": stamps(touches.known),
        "CreatedById": owners(touches.lead),
        "LastModifiedDate": stamps(touches.known),
        "LastModifiedById": owners(touches.lead),
        "SystemModstamp": stamps(touches.known),
        "IsArchived": "0",
        "EmailMessageId": NOBODY,
        "CallDurationInSeconds": either(phone, numbers(60 + number * 37 % 900), ""),
        "CallType": either(phone, "Outbound", ""),
        "IsReminderSet": "0",
        "CompletedDateTime": either(still_open, "", done),
    }
    return {name: columns.get(name, "") for name in TASK_COLUMNS}, len(rows)


def _members(records: Records) -> tuple[dict[str, Column], int]:
    """Campaign members with ids of 15 characters, as in a report; a few more are contacts without a LeadId."""
    events, kind = together(records.events, records.people.in_salesforce, tuple(_CAMPAIGNS))
    every = np.arange(len(events))
    rows = np.concatenate([every, every[17::150]])
    is_contact = np.arange(len(rows)) >= len(every)
    lead, kind = events.lead[rows], kind[rows]
    occurred, known = events.occurred[rows], events.known[rows]
    who = either(is_contact, NOBODY, short_ids("00Q", lead))
    campaign = np.array([number for _, number in _CAMPAIGNS.values()])[kind] * 100 + lead % 7
    columns: dict[str, Column] = {
        "Id": short_ids("00v", np.arange(len(lead))),
        "IsDeleted": "0",
        "CampaignId": short_ids("701", campaign),
        "LeadId": who,
        "ContactId": either(is_contact, short_ids("003", lead), NOBODY),
        "Status": words(kind, [status for status, _ in _CAMPAIGNS.values()]),
        "HasResponded": "1",
        "IsPrimary": "0",
        "CreatedDate": stamps(known),
        "CreatedById": _SYSTEM_USER,
        "LastModifiedDate": stamps(known),
        "LastModifiedById": _SYSTEM_USER,
        "SystemModstamp": stamps(known),
        "FirstRespondedDate": dates(occurred),
        "CurrencyIsoCode": "000",
        "Responded_At__c": stamps(occurred),
    }
    return columns, len(lead)
