"""Which of several deliveries about the same thing stays. In any order and however often, the same one.

Every rule is a minimum or a maximum over all that was delivered, so no delivery has to remember the order:

- An event (lead, event_id) or a stage (lead, stage, entered_at): the row that was known first. Of those known
  at the same moment the smallest in order of their columns, where a filled column comes before an empty one.
- A lead: the delivery with the newest ``updated_at``; one without is older than any with. Of equally new ones
  the earliest ``created_at``, and in each other column the greatest text, where any text is greater than none.
- A value of a field: every (entity, field, occurred_at, known_at, value) is a row. Where ``known_at`` was left
  out, the moment of the first arrival stands for it and later arrivals are repeats.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from serving.store.rows import LeadRow


class KnownLead(NamedTuple):
    """A lead as it is stored. ``arrived`` is false while only evidence about it came."""

    account_id: str | None
    service_line: str | None
    created_at: int
    updated_at: int | None
    arrived: bool


def content(row: LeadRow) -> KnownLead:
    """A delivered lead, as the first one would be stored."""
    return KnownLead(row.account_id, row.service_line, row.created_at, row.updated_at, arrived=True)


def merged(known: KnownLead | None, row: LeadRow) -> KnownLead:
    """What is known of a lead after one more delivery.

    >>> first = merged(None, LeadRow("L1", 50, account_id="acme"))
    >>> merged(first, LeadRow("L1", 40, service_line="loans"))
    KnownLead(account_id='acme', service_line='loans', created_at=40, updated_at=None, arrived=True)
    >>> merged(first, LeadRow("L1", 50, account_id="aachen", updated_at=60)).account_id
    'aachen'
    """
    new = content(row)
    if known is None or not known.arrived:
        return new
    old_version, new_version = _version(known.updated_at), _version(new.updated_at)
    if new_version != old_version:
        return new if new_version > old_version else known
    return KnownLead(
        _greater(known.account_id, new.account_id),
        _greater(known.service_line, new.service_line),
        min(known.created_at, new.created_at),
        known.updated_at,
        arrived=True,
    )


def is_older(row: LeadRow, known: KnownLead) -> bool:
    """Whether something newer than this delivery is known."""
    return _version(row.updated_at) < _version(known.updated_at)


def _version(updated_at: int | None) -> tuple[bool, int]:
    return (updated_at is not None, updated_at or 0)


def _greater(one: str | None, other: str | None) -> str | None:
    return max((text for text in (one, other) if text is not None), default=None)


def rank(known_at: int, columns: tuple[Any, ...]) -> tuple[Any, ...]:
    """The order in which rows about the same event or stage stay: the smallest does.

    >>> rank(5, (None, "b")) > rank(5, ("a", None)) > rank(4, (None, None))
    True
    """
    return (known_at, *((value is None, value if value is not None else 0) for value in columns))
