"""The team's own point sheet, as data: rules that hold or not, each with its points."""

from __future__ import annotations

from typing import Any, Final, Literal

from pydantic import Field, field_validator, model_validator

from features.definitions import COLUMNS, Where
from features.strict import Strict, Word


class Selection(Strict):
    """Conditions on the columns of an event, written as single words or lists."""

    topic: tuple[Word, ...] = ()
    channel: tuple[Word, ...] = ()
    campaign: tuple[Word, ...] = ()
    source: tuple[Word, ...] = ()
    at_least: float | None = None
    below: float | None = None

    @field_validator("topic", "channel", "campaign", "source", mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value


_OF_EVENTS: Final = ("days", "times", "where")
_OF_ATTRIBUTES: Final = ("entity", "one_of", "at_least", "below")


class RuleTest(Strict):
    """When a rule of the sheet fires: events in a window, or words or numbers of an attribute."""

    event: Word | None = None
    days: int | None = Field(None, ge=1)
    times: int = Field(1, ge=1)
    where: Selection = Selection()
    attribute: Word | None = None
    entity: Literal["lead", "account"] = "lead"
    one_of: tuple[Word, ...] = ()
    at_least: float | None = None
    below: float | None = None

    @model_validator(mode="after")
    def _complete(self) -> RuleTest:
        if (self.event is None) == (self.attribute is None):
            raise ValueError("say exactly one of event, attribute")
        if self.attribute is not None and not self.one_of and self.at_least is None and self.below is None:
            raise ValueError("an attribute needs one_of, at_least or below")
        kind, of_other = ("event", _OF_ATTRIBUTES) if self.attribute is None else ("attribute", _OF_EVENTS)
        fields = type(self).model_fields
        stray = [name for name in of_other if getattr(self, name) != fields[name].default]
        if stray:
            raise ValueError(f"an {kind} has no {', '.join(stray)}")
        return self

    @property
    def selection(self) -> Where:
        """Rows of the event."""
        words = {column: getattr(self.where, column) for column in COLUMNS[1:]}
        kinds = () if self.event in (None, "any") else (self.event,)
        return Where(type=kinds, at_least=self.where.at_least, below=self.where.below, **words)


class Rule(Strict):
    """Signed points, given once when the test holds."""

    name: Word
    points: float
    when: RuleTest


class Sheet(Strict):
    """The team's own point sheet."""

    name: Word = "hand-set sheet"
    mql_at: float | None = None
    rules: tuple[Rule, ...] = Field(min_length=1)

    @field_validator("rules")
    @classmethod
    def _names_differ(cls, rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
        names = [rule.name for rule in rules]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"rules share a name: {', '.join(twice)}")
        return rules
