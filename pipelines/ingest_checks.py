"""What no row can know alone: the moment of the export, which leads there are, what came twice."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from features.tables import TIME_COLUMN
from pipelines.ingest_draft import Draft, flat
from pipelines.ingest_zones import Ints, Mask

Drafts = dict[str, Draft]


@dataclass(frozen=True, slots=True)
class _People:
    """Stored leads, or accounts, and when each was made (and that was known)."""

    ids: pa.StringArray
    created_at: Ints
    known_at: Ints

    def place(self, ids: pa.StringArray) -> Ints:
        """Place of each id; -1 where there is no such lead or account."""
        return np.asarray(pc.index_in(ids, value_set=self.ids).fill_null(-1).to_numpy(), np.int64)


def latest_moment(drafts: Drafts) -> int | None:
    """Latest moment that any good row speaks of."""
    moments = [
        draft.ints(name)[_dated(draft)]
        for draft in drafts.values()
        for name in (TIME_COLUMN[draft.table], "known_at")
    ]
    return max((int(found.max()) for found in moments if len(found)), default=None)


def _dated(draft: Draft) -> Mask:
    if draft.table != "attributes":
        return draft.good
    return draft.good & _equal(draft, "availability", "versioned")


def _equal(draft: Draft, column: str, word: str) -> Mask:
    return np.asarray(pc.equal(draft.rows[column], word).to_numpy())


def settle(drafts: Drafts, exported_at: int) -> None:
    """Judge the good rows of all drafts, and give attributes of wide tables their times.

    Later than the export: quarantined. A lead that comes again replaces what came before, for a later
    export knows its account better; of any other row the first one stays. What speaks of a lead or an
    account that is not among the leads is quarantined.
    """
    for draft in drafts.values():
        name = TIME_COLUMN[draft.table]
        draft.flag((draft.ints(name) > exported_at) & _dated(draft), "after_export", name)
    leads = drafts["leads"]
    _repeated(leads, ["lead_id"], keep="last")
    people = _people(leads, "lead_id")
    for table in ("events", "stages"):
        drafts[table].flag(people.place(drafts[table].texts("lead_id")) < 0, "unknown_lead", "lead_id")
    _settle_attributes(
        drafts["attributes"], {"lead": people, "account": _people(leads, "account_id")}, exported_at
    )
    _repeated(drafts["events"], ["event_id", "lead_id", "type"], keep="first")
    _repeated(
        drafts["stages"], ["lead_id", "stage", "entered_at", "known_at", "reason", "actor"], keep="first"
    )


def _people(leads: Draft, column: str) -> _People:
    """Leads, or accounts, which were made with their first lead."""
    frame = pd.DataFrame(
        {
            "id": leads.texts(column).to_pandas(),
            "created_at": leads.ints("created_at"),
            "known_at": leads.ints("known_at"),
        }
    )[leads.good]
    first = frame.dropna(subset="id").groupby("id", sort=True)[["created_at", "known_at"]].min()
    return _People(
        pa.array(first.index, pa.string()), first["created_at"].to_numpy(), first["known_at"].to_numpy()
    )


def _settle_attributes(draft: Draft, people: dict[str, _People], exported_at: int) -> None:
    occurred_at, known_at = draft.ints("occurred_at"), draft.ints("known_at")
    undated = ~_equal(draft, "availability", "versioned")
    current = _equal(draft, "availability", "current_only")
    ids = draft.texts("entity_id")
    for entity, of_kind in people.items():
        mine = _equal(draft, "entity", entity)
        place = of_kind.place(ids)
        draft.flag(mine & (place < 0), f"unknown_{entity}", "entity_id")
        rows = mine & undated & (place >= 0)
        occurred_at[rows] = of_kind.created_at[place[rows]]
        known_at[rows] = of_kind.known_at[place[rows]]
    known_at[current] = exported_at
    draft.put("occurred_at", occurred_at)
    draft.put("known_at", known_at)
    entity_field = ["entity", "entity_id", "field"]
    _repeated(draft, [*entity_field, "value", "occurred_at", "known_at"], keep="first")
    _repeated(draft, entity_field, keep="first", among=_equal(draft, "availability", "immutable_at_create"))
    _repeated(draft, entity_field, keep="last", among=current)


def _repeated(draft: Draft, columns: list[str], *, keep: str, among: Mask | None = None) -> None:
    """Mark rows that repeat the key ``columns``."""
    rows = np.flatnonzero(draft.good if among is None else draft.good & among)
    chosen = (
        draft.rows.select(columns)
        if len(rows) == len(draft)
        else draft.rows.select(columns).take(pa.array(rows))
    )
    codes: dict[str, Ints] = {}
    for name in columns:
        codes[name], distinct = _codes(chosen[name])
        if distinct == len(rows):
            return
    again = pd.DataFrame(codes).duplicated(keep="first" if keep == "first" else "last").to_numpy()
    draft.duplicate[rows[again]] = True


def _codes(column: pa.ChunkedArray) -> tuple[Ints, int]:
    """Numbers that are equal where the values are, and how many different ones there are (instants: not counted)."""
    if pa.types.is_integer(column.type):
        return np.asarray(column.to_numpy(), np.int64), -1
    coded = flat(column).dictionary_encode()
    return np.asarray(coded.indices.fill_null(-1).to_numpy(), np.int64), len(coded.dictionary) + bool(
        column.null_count
    )
