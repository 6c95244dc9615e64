"""The team's own point sheet, as data: rules that hold or not, each with its points.

A rule gives points once, or for each event; its points may wear off with the age of the event, and be capped.
Groups of rules and the total may be capped too. A lead is an MQL by its total, by the needs of single groups, by
its cell of a grid of two groups, or because a rule qualifies at once. ``models.points.evaluation`` reads it.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any, Final, Literal

from pydantic import Field, field_validator, model_validator

from features.definitions import COLUMNS, Where
from features.strict import Number, Strict, Whole, Word

LONGEST: Final = 3650
"""Days at most of a window or a decay."""


class Selection(Strict):
    """Conditions on the columns of an event, written as single words or lists."""

    topic: tuple[Word, ...] = ()
    channel: tuple[Word, ...] = ()
    campaign: tuple[Word, ...] = ()
    source: tuple[Word, ...] = ()
    at_least: Number | None = None
    below: Number | None = None

    @field_validator("topic", "channel", "campaign", "source", mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        return value if value is None or isinstance(value, (tuple, list, dict)) else (value,)


_OF_EVENTS: Final = ("days", "times", "silent_days", "where")
_OF_ATTRIBUTES: Final = ("entity", "one_of", "contains", "at_least", "below")


class RuleTest(Strict):
    """When a rule of the sheet fires: events in a window, no events, or words or numbers of an attribute.

    Attributes:
        event: type of the event; "any" is all of them. days: of the window, all of the past if left out.
        times: events needed. silent_days: fires where there was no such event in these days instead; a lead
            younger than that is not silent yet.
        attribute: of the lead or, by ``entity``, of its account. one_of: whole words. contains: parts of the
            word, whatever the case. at_least, below: limits of the number.
    """

    event: Word | None = None
    days: Whole | None = Field(None, ge=1, le=LONGEST)
    times: Whole = Field(1, ge=1)
    silent_days: Whole | None = Field(None, ge=1, le=LONGEST)
    where: Selection = Selection()
    attribute: Word | None = None
    entity: Literal["lead", "account"] = "lead"
    one_of: tuple[Word, ...] = ()
    contains: tuple[Word, ...] = ()
    at_least: Number | None = None
    below: Number | None = None

    @model_validator(mode="after")
    def _complete(self) -> RuleTest:
        if (self.event is None) == (self.attribute is None):
            raise ValueError("say exactly one of event, attribute")
        if self.attribute is not None and not self.has_words and not self.has_range:
            raise ValueError("an attribute needs one_of, contains, at_least or below")
        if self.one_of and self.contains:
            raise ValueError("say one of one_of, contains")
        if self.at_least is not None and self.below is not None and self.at_least >= self.below:
            raise ValueError(f"no value is at least {self.at_least:g} and below {self.below:g}")
        if self.silent_days is not None and (self.days is not None or self.times != 1):
            raise ValueError("silent_days takes neither days nor times")
        kind, of_other = ("event", _OF_ATTRIBUTES) if self.attribute is None else ("attribute", _OF_EVENTS)
        fields = type(self).model_fields
        stray = [name for name in of_other if getattr(self, name) != fields[name].default]
        if stray:
            raise ValueError(f"an {kind} has no {', '.join(stray)}")
        return self

    @property
    def has_words(self) -> bool:
        """Whether words are compared."""
        return bool(self.one_of or self.contains)

    @property
    def has_range(self) -> bool:
        """Whether numbers are compared."""
        return self.at_least is not None or self.below is not None

    @property
    def selection(self) -> Where:
        """Rows of the event."""
        words = {column: getattr(self.where, column) for column in COLUMNS[1:]}
        kinds = () if self.event in (None, "any") else (self.event,)
        return Where(type=kinds, at_least=self.where.at_least, below=self.where.below, **words)


class Decay(Strict):
    """How points wear off with the age of the event, in exactly one way.

    Attributes:
        half_life_days: halved after so many days, again after as many, and so on.
        linear_days: evenly, and gone after so many days.
        steps: age in days -> share that is left of what is older, for example ``{30: 0.5, 90: 0}``.
    """

    half_life_days: Whole | None = Field(None, ge=1, le=LONGEST)
    linear_days: Whole | None = Field(None, ge=1, le=LONGEST)
    steps: dict[Whole, Number] | None = None

    @field_validator("steps")
    @classmethod
    def _fall(cls, steps: dict[int, float] | None) -> dict[int, float] | None:
        if steps is None:
            return None
        ordered = dict(sorted(steps.items()))
        if not ordered or not all(1 <= days <= LONGEST for days in ordered):
            raise ValueError(f"steps are ages of 1 to {LONGEST} days, each with the share that is left")
        if not all(before > after for before, after in pairwise([1.0, *ordered.values()])):
            raise ValueError("shares of steps must fall, from below 1")
        if min(ordered.values()) < 0:
            raise ValueError("a share cannot be negative")
        return ordered

    @model_validator(mode="after")
    def _exactly_one(self) -> Decay:
        if sum(way is not None for way in (self.half_life_days, self.linear_days, self.steps)) != 1:
            raise ValueError("say exactly one of half_life_days, linear_days, steps")
        return self


class Rule(Strict):
    """Signed points, given when the test holds.

    Attributes:
        each: given for every event, not once.
        most: cap on what the rule gives in all, whatever its sign.
        decay: how the points of an event wear off; of the latest event where they are given once.
        group: of ``Sheet.groups``.
        qualifies: a lead for which it holds is an MQL, whatever its points.
    """

    name: Word
    points: Number
    when: RuleTest
    each: bool = False
    most: Number | None = Field(None, gt=0)
    decay: Decay | None = None
    group: Word | None = None
    qualifies: bool = False

    @model_validator(mode="after")
    def _consistent(self) -> Rule:
        test, of_events = self.when, self.when.event is not None and self.when.silent_days is None
        if (self.each or self.decay) and not of_events:
            raise ValueError("only points for events are given for each, or decay")
        if (self.each or self.decay) and test.times != 1:
            raise ValueError("times says how many events it takes: neither each nor decay goes with it")
        if self.decay and test.days is not None:
            raise ValueError("say one of when.days, decay: points either end with a window or wear off")
        if self.most is not None and not self.each:
            raise ValueError("most caps points that are given for each event; these are given once")
        if self.most is not None and self.most < abs(self.points):
            raise ValueError(f"the cap {self.most:g} is below the {abs(self.points):g} points of one event")
        return self


class Limits(Strict):
    """Caps on a sum of points; 0 lies between them."""

    most: Number | None = Field(None, ge=0)
    least: Number | None = Field(None, le=0)

    @model_validator(mode="after")
    def _differ(self) -> Limits:
        if self.most == 0 and self.least == 0:
            raise ValueError("caps of 0 leave nothing")
        return self


class Axis(Strict):
    """One side of a grid: the first name whose limit the points of the group reach; ``rest`` is below all."""

    group: Word
    at: dict[Word, Number] = Field(min_length=1)
    rest: Word

    @model_validator(mode="after")
    def _fall(self) -> Axis:
        if not all(above > below for above, below in pairwise(self.at.values())):
            raise ValueError("limits must fall from the first name to the last")
        if self.rest in self.at:
            raise ValueError(f"rest must have a name of its own, {self.rest!r} is taken")
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """Every name, the best first."""
        return (*self.at, self.rest)


class Grid(Strict):
    """Fit and engagement side by side, as "B2": the cells in which a lead is an MQL."""

    rows: Axis
    columns: Axis
    mql: tuple[Word, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _known_cells(self) -> Grid:
        if self.rows.group == self.columns.group:
            raise ValueError("the two sides of a grid are two groups")
        cells = [row + column for row in self.rows.names for column in self.columns.names]
        twice = sorted({cell for cell in cells if cells.count(cell) > 1})
        if twice:
            raise ValueError(f"two cells of the grid would both be called {', '.join(twice)}")
        unknown = sorted(set(self.mql) - set(cells))
        if unknown:
            raise ValueError(f"the grid has no cell {', '.join(unknown)}")
        return self


class Sheet(Strict):
    """The team's own point sheet.

    Attributes:
        mql_at: total from which a lead is an MQL; by_line: where a service line has its own.
        needs: points that a group must reach besides.
        groups: of rules, with their caps. total: caps of the sum.
        grid: decides instead of ``mql_at`` and ``needs``.
    """

    name: Word = "hand-set sheet"
    source: str = ""
    mql_at: Number | None = None
    mql_at_by_line: dict[Word, Number] = Field(default_factory=dict)
    needs: dict[Word, Number] = Field(default_factory=dict)
    groups: dict[Word, Limits] = Field(default_factory=dict)
    total: Limits = Limits()
    grid: Grid | None = None
    rules: tuple[Rule, ...] = Field(min_length=1)

    @field_validator("rules")
    @classmethod
    def _names_differ(cls, rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
        names = [rule.name for rule in rules]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"rules share a name: {', '.join(twice)}")
        return rules

    @model_validator(mode="after")
    def _consistent(self) -> Sheet:
        sides = (self.grid.rows.group, self.grid.columns.group) if self.grid else ()
        named = {rule.group for rule in self.rules if rule.group} | set(self.needs) | set(sides)
        unknown = sorted(named - set(self.groups))
        if unknown:
            raise ValueError(f"groups lacks {', '.join(unknown)}")
        if self.grid and (self.mql_at is not None or self.mql_at_by_line or self.needs):
            raise ValueError("a grid says who is an MQL: leave out mql_at, mql_at_by_line and needs")
        if (self.mql_at_by_line or self.needs) and self.mql_at is None:
            raise ValueError("mql_at is missing: what holds for all other leads?")
        return self

    @property
    def decides(self) -> bool:
        """Whether it says who is an MQL."""
        return self.mql_at is not None or self.grid is not None or any(rule.qualifies for rule in self.rules)
