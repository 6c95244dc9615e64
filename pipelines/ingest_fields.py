"""How far back each attribute can be trusted."""

from __future__ import annotations

from typing import Final

from features.errors import DefinitionError
from pipelines.ingest_draft import Draft

_ORDER: Final = ("versioned", "current_only", "immutable_at_create")
"""If a field comes from several sources, the first of these that any of them has holds: a history of changes
carries its own times, whatever an export adds; beside today's value nothing makes the creation value safe."""


def field_summaries(attributes: Draft) -> dict[str, dict[str, str]]:
    """Entity and availability of every field.

    Raises:
        DefinitionError: if a field is told of leads and of accounts under one name.
    """
    rows = attributes.rows.select(["field", "entity", "availability"]).filter(attributes.good)
    found = rows.group_by(["field", "entity", "availability"]).aggregate([]).to_pylist()
    entities: dict[str, set[str]] = {}
    availabilities: dict[str, set[str]] = {}
    for row in found:
        entities.setdefault(row["field"], set()).add(row["entity"])
        availabilities.setdefault(row["field"], set()).add(row["availability"])
    both = sorted(name for name, of in entities.items() if len(of) > 1)
    if both:
        problems = [
            f"field {name!r} is told of leads and of accounts; give one of them another name" for name in both
        ]
        raise DefinitionError("attributes share a name", problems)
    return {
        name: {"entity": min(entities[name]), "availability": min(availabilities[name], key=_ORDER.index)}
        for name in sorted(entities)
    }
