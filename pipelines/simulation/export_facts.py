"""What a data vendor and sales operations load: facts with the day they are about and the day they were loaded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa

from pipelines.simulation.company import BACK_FILLED, EXPORTED_AT
from pipelines.simulation.people import FUNDINGS
from pipelines.simulation.records import VOLUMES, Records, domains, lead_ids
from pipelines.simulation.tables import Column, words, write_csv, zulu


def write_facts(folder: Path, records: Records) -> dict[str, int]:
    """Write lead_facts.csv (the planted back-filled field) and account_facts.csv (honest); rows per file."""
    written = {"lead_facts.csv": _lead_facts(records), "account_facts.csv": _account_facts(records)}
    for name, (columns, rows) in written.items():
        write_csv(folder / name, columns, rows)
    return {name: rows for name, (_, rows) in written.items()}


def _lead_facts(records: Records) -> tuple[dict[str, Column], int]:
    facts = records.back_filled
    columns: dict[str, Column] = {
        "lead_id": pa.array(lead_ids(records.people), pa.large_string()).take(pa.array(facts.lead)),
        "field": BACK_FILLED,
        "value": words(facts.volume, VOLUMES),
        "effective_date": zulu(facts.dated),
        "loaded_at": zulu(facts.recorded),
    }
    return columns, len(facts.lead)


def _account_facts(records: Records) -> tuple[dict[str, Column], int]:
    accounts = records.people.accounts
    every = np.unique(records.people.account[records.people.account >= 0])
    raised = every[accounts.raised_known[every] < EXPORTED_AT]
    account = np.concatenate([every, raised])
    funding = np.concatenate([accounts.funding[every], np.full(len(raised), FUNDINGS.index("raised"))])
    happened = np.concatenate([accounts.funding_at[every], accounts.raised_at[raised]])
    known = np.concatenate([accounts.funding_at[every] + 3_600, accounts.raised_known[raised]])
    order = np.lexsort((account, known))
    columns: dict[str, Column] = {
        "domain": pa.array(domains(account[order]), pa.large_string()),
        "field": "funding",
        "value": words(funding[order], FUNDINGS),
        "effective_date": zulu(happened[order]),
        "loaded_at": zulu(known[order]),
    }
    return columns, len(account)
