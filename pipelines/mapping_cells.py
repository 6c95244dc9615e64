"""Cells of the mapping: where a value comes from, which rows to take, when a row became known."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from features.clock import DAY, SECOND
from features.errors import DefinitionError
from pipelines.ingest_formats import pattern

Word = Annotated[str, Field(min_length=1)]
Grain = Literal["second", "day"]
Availability = Literal["versioned", "immutable_at_create", "current_only"]

_UNITS: Final = {"s": SECOND, "m": 60 * SECOND, "h": 3_600 * SECOND, "d": DAY}


class Strict(BaseModel):
    """Frozen, and closed to unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True, populate_by_name=True)


def known_formats(value: tuple[str, ...]) -> tuple[str, ...]:
    """``value``, if all of it can be read."""
    for date_format in value:
        try:
            pattern(date_format)
        except DefinitionError as error:
            raise ValueError(str(error)) from error
    return value


class Cell(Strict):
    """Where a value comes from: a column, several columns joined, or a constant; plain text names a column."""

    column: Word | None = None
    columns: tuple[Word, ...] = ()
    value: str | None = None
    join: str = "|"
    words: dict[str, str] = {}
    """What a text is called in the history; texts not listed stay as they are."""
    id: Literal["salesforce", "email_domain"] | None = None
    grain: Grain | None = None
    date_formats: tuple[Word, ...] | None = None

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        return {"column": value} if isinstance(value, str) else value

    @field_validator("date_formats", mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value

    @field_validator("date_formats")
    @classmethod
    def _known_formats(cls, value: tuple[str, ...] | None) -> tuple[str, ...] | None:
        return None if value is None else known_formats(value)

    @model_validator(mode="after")
    def _exactly_one(self) -> Cell:
        if sum([self.column is not None, bool(self.columns), self.value is not None]) != 1:
            raise ValueError("say exactly one of column, columns, value")
        return self

    @property
    def reads(self) -> tuple[str, ...]:
        """Columns of the source."""
        return self.columns or (() if self.column is None else (self.column,))

    @property
    def label(self) -> str:
        """Columns, for people."""
        return "+".join(self.reads) or "(constant)"


class FieldCell(Cell):
    """An attribute in a column of its own. An export holds only today's value, unless the mapping knows more."""

    availability: Availability = "current_only"


class Exploded(Strict):
    """What a wide date column becomes: a stage or an event type; plain text is the word."""

    word: Word
    grain: Grain | None = None

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        return {"word": value} if isinstance(value, str) else value


class Condition(Strict):
    """Rows to take: those whose column holds one of the words (``in``), or none of them (``not_in``)."""

    column: Word
    among: tuple[str, ...] = Field((), alias="in")
    not_in: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _says_something(self) -> Condition:
        if bool(self.among) == bool(self.not_in):
            raise ValueError("say exactly one of in, not_in")
        return self


class Known(Strict):
    """When a row became known: by a column, or so long after it happened; ``same`` is short for no delay."""

    column: Word | None = None
    delay: Word | None = None
    grain: Grain | None = None
    date_formats: tuple[Word, ...] | None = None

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        return {"delay": "0s"} if value == "same" else value

    @model_validator(mode="after")
    def _exactly_one(self) -> Known:
        if (self.column is None) == (self.delay is None):
            raise ValueError("say exactly one of column, delay")
        if self.delay is not None and re.fullmatch(r"\d+[smhd]", self.delay) is None:
            raise ValueError(
                f"{self.delay!r} is no delay; write a whole number and s, m, h or d, for example 1d"
            )
        known_formats(self.date_formats or ())
        return self

    @property
    def delay_micros(self) -> int:
        """Microseconds between happening and knowing."""
        return 0 if self.delay is None else int(self.delay[:-1]) * _UNITS[self.delay[-1]]
