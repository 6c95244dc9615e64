"""The mapping: a YAML file that says how an export becomes history.

``examples/*/mapping.yaml`` are worked examples. Unknown keys are refused, and every problem is named
with the line to mend.
"""

from __future__ import annotations

from datetime import datetime
from functools import cache
from typing import Annotated, Any, Final, Literal
from zoneinfo import available_timezones

from pydantic import Field, field_validator, model_validator

from features.clock import micros
from pipelines.ingest_zones import OnAmbiguous, OnNonexistent
from pipelines.mapping_cells import (
    Cell,
    Condition,
    Exploded,
    FieldCell,
    Grain,
    Known,
    Strict,
    Word,
    known_formats,
)

NULLS: Final = (
    "",
    "NULL",
    "Null",
    "null",
    "N/A",
    "n/a",
    "#N/A",
    "NaN",
    "nan",
    "None",
    "<NA>",
    "\\N",
    "000000000000000AAA",
)
"""Cells that hold nothing, whatever the mapping adds; the last one is Salesforce's empty reference."""


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


class Rows(Strict):
    """What all targets share."""

    where: tuple[Condition, ...] = ()
    known: Known | None = None

    @field_validator("where", mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        return [value] if isinstance(value, dict) else value


class LeadCells(Strict):
    """Columns of a lead."""

    lead_id: Cell
    account_id: Cell | None = None
    service_line: Cell | None = None
    created_at: Cell


class LeadRows(Rows):
    """One lead per row."""

    table: Literal["leads"]
    set: LeadCells


class EventCells(Strict):
    """Columns of an event; without ``event_id`` a digest of the content stands in."""

    lead_id: Cell
    event_id: Cell | None = None
    type: Cell | None = None
    occurred_at: Cell | None = None
    value: Cell | None = None
    topic: Cell | None = None
    channel: Cell | None = None
    campaign: Cell | None = None
    source: Cell | None = None


class StageCells(Strict):
    """Columns of a stage entered."""

    lead_id: Cell
    stage: Cell | None = None
    entered_at: Cell | None = None
    reason: Cell | None = None
    actor: Cell | None = None


class EventRows(Rows):
    """One event per row, or one per filled date column of ``explode``."""

    table: Literal["events"]
    set: EventCells
    explode: dict[Word, Exploded] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _complete(self) -> EventRows:
        _exclusive(self.explode, "type", self.set.type, "occurred_at", self.set.occurred_at)
        return self


class StageRows(Rows):
    """One stage entry per row, or one per filled date column of ``explode``."""

    table: Literal["stages"]
    set: StageCells
    explode: dict[Word, Exploded] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _complete(self) -> StageRows:
        _exclusive(self.explode, "stage", self.set.stage, "entered_at", self.set.entered_at)
        return self


def _exclusive(
    explode: dict[str, Exploded], word: str, cell: Cell | None, time: str, when: Cell | None
) -> None:
    if explode and when is not None:
        raise ValueError(f"explode and {time} exclude each other: the exploded columns hold the time")
    if explode and cell is not None:
        raise ValueError(f"explode and {word} exclude each other: the exploded columns name it")
    if not explode and (cell is None or when is None):
        raise ValueError(f"set needs {word} and {time}, or the rows need explode")


class AttributeCells(Strict):
    """Columns of an attribute: either all of them (a history of changes), or the entity alone beside ``fields``."""

    entity_id: Cell | None = None
    field: Cell | None = None
    value: Cell | None = None
    occurred_at: Cell | None = None


class AttributeRows(Rows):
    """Facts about leads or accounts: a history of changes, or columns (``fields``) of a wide table."""

    table: Literal["attributes"]
    entity: Literal["lead", "account"] = "lead"
    set: AttributeCells = AttributeCells()
    fields: dict[Word, FieldCell] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _complete(self) -> AttributeRows:
        long = (self.set.field, self.set.value, self.set.occurred_at)
        if self.fields and (self.set.field is not None or self.set.value is not None):
            raise ValueError(
                "fields (a wide table) and set.field, set.value (a history of changes) exclude each other"
            )
        if not self.fields and None in long:
            raise ValueError("say fields, or set needs field, value and occurred_at")
        versioned = [name for name, cell in self.fields.items() if cell.availability == "versioned"]
        if versioned and self.set.occurred_at is None:
            raise ValueError(f"fields {', '.join(versioned)} cannot be versioned without set.occurred_at")
        return self


Target = Annotated[LeadRows | EventRows | StageRows | AttributeRows, Field(discriminator="table")]


class Source(Strict):
    """One export file, or several of one shape (``file`` may be a glob, read in order of name)."""

    file: Word
    time_zone: Word | None = None
    date_formats: tuple[Word, ...] = ("iso",)
    grain: Grain = "second"
    on_ambiguous: OnAmbiguous = "earlier"
    on_nonexistent: OnNonexistent = "shift_forward"
    known: Known = Known(delay="0s")
    nulls: tuple[str, ...] = ()
    delimiter: str | None = Field(None, min_length=1, max_length=1)
    encoding: Word = "utf-8"
    rows: tuple[Target, ...] = Field(min_length=1)

    @field_validator("date_formats", mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value

    @field_validator("date_formats")
    @classmethod
    def _known_formats(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return known_formats(value)

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, value: str | None) -> str | None:
        if value is not None and value not in _zones():
            raise ValueError(f"{value!r} is no IANA time zone; write one such as Europe/Berlin")
        return value

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, value: str) -> str:
        try:
            return "utf-8" if not "".encode(value) and value.lower() in ("utf8", "utf-8-sig") else value
        except LookupError as error:
            raise ValueError(
                f"{value!r} is no text encoding; write one such as utf-8, cp1252 or utf-16"
            ) from error

    @model_validator(mode="after")
    def _entities(self) -> Source:
        has_leads = any(isinstance(rows, LeadRows) for rows in self.rows)
        for rows in self.rows:
            if isinstance(rows, AttributeRows) and rows.set.entity_id is None and not has_leads:
                raise ValueError(
                    "attributes need set.entity_id, for this source feeds no leads to take it from"
                )
        return self


class Accounts(Strict):
    """Ids that are no account, such as a mail provider's domain."""

    none: tuple[str, ...] = ()


class Mapping(Strict):
    """See the module."""

    name: Word
    exported_at: datetime | Literal["latest"] = "latest"
    """When the export was made; ``latest`` is the latest moment seen in it."""
    max_bad_share: float = Field(0.05, ge=0, le=1)
    """Above this share of quarantined rows in any table nothing is published."""
    nulls: tuple[str, ...] = ()
    account: Accounts = Accounts()
    sources: tuple[Source, ...] = Field(min_length=1)

    @field_validator("exported_at")
    @classmethod
    def _aware(cls, value: datetime | str) -> datetime | str:
        if isinstance(value, datetime):
            micros(value)
        return value

    @property
    def exported_instant(self) -> int | None:
        """``exported_at`` as an instant, if it is stated."""
        return micros(self.exported_at) if isinstance(self.exported_at, datetime) else None
