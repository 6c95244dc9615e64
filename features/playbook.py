"""The playbook: what marketing and sales agreed on, as data with versions.

A YAML file. It names the stages and their roles, says what counts as an SQL (sales-qualified lead),
how far ahead we look, when we ask, and what the team's own point sheet says. Unknown keys are refused,
so that a slip of the pen cannot be read as silence.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import Field, ValidationInfo, field_validator, model_validator

from features.clock import micros
from features.errors import DefinitionError
from features.playbook_service import Action, Alerts, Letter, NextStep, Pilot, ReviewReasons, one_way_to_say
from features.refusals import Place, Problem, refuse
from features.sheet import Selection, Sheet
from features.sheet_checks import sheet_problems
from features.strict import Strict, Word
from features.yaml_model import parse_model, read_text

Role = Literal["open", "sql", "rejected", "recycled", "duplicate"]
"""What entering a stage means: in play, accepted by sales, closed by sales, sent back to marketing, a copy."""

State = Literal["converted", "rejected", "lapsed", "recycled", "unworked", "immature", "duplicate"]
Trainable = Literal["converted", "rejected", "lapsed", "recycled", "unworked"]
"""States that say something about a lead; an unworked one says it of the team too."""


class Condition(Strict):
    """One way of becoming an SQL: a stage entered, an event done, or several of them together.

    ``all_of`` comes true when the last of its parts does.
    """

    stage: Word | None = None
    event: Word | None = None
    where: Selection = Selection()
    all_of: tuple[Condition, ...] = ()

    @model_validator(mode="after")
    def _exactly_one(self) -> Condition:
        if sum([self.stage is not None, self.event is not None, bool(self.all_of)]) != 1:
            raise ValueError("say exactly one of stage, event, all_of")
        if self.event is None and self.where != Selection():
            raise ValueError("where selects among events; this condition names none")
        return self


class SqlDefinition(Strict):
    """What counts as an SQL, from a date on. A snapshot is labelled by one named version."""

    version: Word
    effective_from: date
    any_of: tuple[Condition, ...] = Field(min_length=1)
    note: str = ""


class ServiceLine(Strict):
    """What differs between lines of business."""

    horizon_days: int | None = Field(None, ge=1, le=730)


class AtAge(Strict):
    """Ask once, at fixed ages in days after creation (and after each re-entry).

    Where a source has day grain, a fact becomes known at the next midnight; an age such as 1.25 (six in the
    morning) then sees the day before, an age of exactly 1 does not.
    """

    policy: Literal["age"]
    days: tuple[Annotated[float, Field(ge=0, le=730)], ...] = Field((1.0,), min_length=1)


class OnStage(Strict):
    """Ask when one of the stages becomes known."""

    policy: Literal["stage"]
    stages: tuple[Word, ...] = Field(min_length=1)


class Weekly(Strict):
    """Ask every Monday (UTC midnight) while the lead is open, at most ``per_lead`` times, drawn by ``seed``."""

    policy: Literal["weekly"]
    per_lead: int = Field(4, ge=1)
    seed: int = Field(0, ge=0, lt=2**32)


class OnEvent(Strict):
    """Ask just after an event of one of the types becomes known."""

    policy: Literal["event"]
    types: tuple[Word, ...] = Field(min_length=1)


SnapshotPolicy = Annotated[AtAge | OnStage | Weekly | OnEvent, Field(discriminator="policy")]


class Worked(Strict):
    """What shows that sales touched a lead. Without it every lead counts as worked."""

    stages: tuple[Word, ...] = ()
    events: tuple[Word, ...] = ()
    actors: bool = False
    """A stage change with an ``actor`` counts as a touch."""


class Attributes(Strict):
    """Fields that must not be used, and fields without history that may be, each with its reason."""

    exclude: dict[Word, Word] = Field(default_factory=dict)
    excuse: dict[Word, Word] = Field(default_factory=dict)


class Bands(Strict):
    """Lower limits of bands A, B and C in probability; below C is D. Set by capacity when left out."""

    a: float = Field(gt=0, lt=1)
    b: float = Field(gt=0, lt=1)
    c: float = Field(gt=0, lt=1)

    @model_validator(mode="after")
    def _descending(self) -> Bands:
        if not self.a > self.b > self.c:
            raise ValueError(f"bands must fall from a to c, got {self.a:g}, {self.b:g}, {self.c:g}")
        return self


TRAINS: Final[tuple[Trainable, ...]] = ("converted", "rejected", "lapsed", "recycled")
"""Mature and worked."""


class Playbook(Strict):
    """See the module; ``examples/*/playbook.yaml`` are worked examples."""

    name: Word
    time_zone: str = "UTC"
    stages: dict[Word, Role]
    sql: tuple[SqlDefinition, ...] = Field(min_length=1)
    horizon_days: int = Field(90, ge=1, le=730)
    recording_lag_days: int = Field(0, ge=0, le=365)
    service_lines: dict[Word, ServiceLine] = Field(default_factory=dict)
    snapshots: tuple[SnapshotPolicy, ...] = Field((AtAge(policy="age", days=(1.0,)),), min_length=1)
    since: date | None = None
    """Leads created before this day (UTC) are left out, for example as outcomes were not recorded yet."""
    worked: Worked = Worked()
    train_on: tuple[Trainable, ...] = TRAINS
    attributes: Attributes = Attributes()
    intent_events: tuple[Word, ...] = ()
    explicit_events: tuple[Word, ...] = ()
    phrases: dict[Word, tuple[str, str]] = Field(default_factory=dict)
    """Words for people, one and many: ``pricing_view: [visit to the pricing page, visits to the pricing page]``."""
    bands: Bands | None = None
    capacity_per_week: int | None = Field(None, ge=1)
    sheet: Sheet | None = None
    actions: tuple[Action, ...] = ()
    next_steps: dict[Letter, NextStep] = Field(default_factory=dict)
    reasons: ReviewReasons = ReviewReasons()
    withhold: dict[Word, Word] = Field(default_factory=dict)
    """Fields, event types and other words of events that no reason may name, each with why."""
    pilot: Pilot | None = None
    alerts: Alerts = Alerts()

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        if value not in available_timezones():
            raise ValueError(f"{value!r} is no IANA time zone; write one such as Europe/Berlin")
        return value

    @field_validator("snapshots", mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        return [value] if isinstance(value, dict) else value

    @field_validator("actions")
    @classmethod
    def _say_each_once(cls, actions: tuple[Action, ...]) -> tuple[Action, ...]:
        return one_way_to_say(actions)

    @field_validator("pilot")
    @classmethod
    def _salted(cls, pilot: Pilot | None, info: ValidationInfo) -> Pilot | None:
        if pilot is None or pilot.salt:
            return pilot
        return pilot.model_copy(update={"salt": info.data.get("name", "")})

    @field_validator("sheet")
    @classmethod
    def _sheet_fits(cls, sheet: Sheet | None, info: ValidationInfo) -> Sheet | None:
        if sheet is not None:
            definitions = info.data.get("sql", ())
            latest = max(definitions, key=lambda each: each.effective_from, default=None)
            refuse(sheet_problems(sheet, latest))
        return sheet

    @model_validator(mode="after")
    def _consistent(self) -> Playbook:
        refuse([*_unknown_stages(self), *_version_problems(self), *_unknown_lines(self)])
        return self

    @property
    def zone(self) -> ZoneInfo:
        """Time zone of the business."""
        return ZoneInfo(self.time_zone)

    @property
    def since_instant(self) -> int | None:
        """``since`` as an instant."""
        return None if self.since is None else micros(datetime.combine(self.since, time(), UTC))

    def horizon_of(self, service_line: str | None) -> int:
        """Days in which an SQL counts for a line of business."""
        line = self.service_lines.get(service_line) if service_line else None
        return self.horizon_days if line is None or line.horizon_days is None else line.horizon_days

    def definition(self, version: str | None = None) -> SqlDefinition:
        """The definition of an SQL called ``version``; the latest one by default."""
        if version is None:
            return max(self.sql, key=lambda definition: definition.effective_from)
        found = [definition for definition in self.sql if definition.version == version]
        if not found:
            names = ", ".join(definition.version for definition in self.sql)
            raise DefinitionError(f"playbook {self.name!r} has no SQL definition {version!r}; it has {names}")
        return found[0]

    def stages_of(self, *roles: Role) -> tuple[str, ...]:
        """Names of the stages that play one of ``roles``."""
        return tuple(stage for stage, role in self.stages.items() if role in roles)


def _mentioned(condition: Condition, place: Place) -> list[tuple[Place, str]]:
    """Stages of a condition, with their places."""
    own: list[tuple[Place, str]] = [((*place, "stage"), condition.stage)] if condition.stage else []
    parts = enumerate(condition.all_of)
    return own + [found for at, part in parts for found in _mentioned(part, (*place, "all_of", at))]


def _unknown_stages(playbook: Playbook) -> list[Problem]:
    mentioned: list[tuple[Place, str]] = []
    for version, definition in enumerate(playbook.sql):
        for at, part in enumerate(definition.any_of):
            mentioned += _mentioned(part, ("sql", version, "any_of", at))
    mentioned += [(("worked", "stages", at), stage) for at, stage in enumerate(playbook.worked.stages)]
    for index, policy in enumerate(playbook.snapshots):
        stages = policy.stages if isinstance(policy, OnStage) else ()
        mentioned += [(("snapshots", index, "stages", at), stage) for at, stage in enumerate(stages)]
    return [
        (place, f"stage {stage!r} is not among stages: ({', '.join(playbook.stages)})")
        for place, stage in mentioned
        if stage not in playbook.stages
    ]


def _unknown_lines(playbook: Playbook) -> list[Problem]:
    piloted = playbook.pilot.service_lines if playbook.pilot else ()
    known = ", ".join(playbook.service_lines) or "there are none"
    return [
        (("pilot", "service_lines", at), f"service line {line!r} is not among service_lines ({known})")
        for at, line in enumerate(piloted)
        if line not in playbook.service_lines
    ]


def _version_problems(playbook: Playbook) -> list[Problem]:
    problems: list[Problem] = []
    for at, definition in enumerate(playbook.sql):
        before = playbook.sql[:at]
        if definition.version in {other.version for other in before}:
            shared = f"SQL definitions share the version {definition.version!r}"
            problems.append((("sql", at, "version"), shared))
        if definition.effective_from in {other.effective_from for other in before}:
            problems.append((("sql", at, "effective_from"), "two SQL definitions start on one day"))
    return problems


def parse_playbook(text: str, *, source: str = "playbook") -> Playbook:
    r"""Read a playbook; every problem is named with its line and place.

    >>> parse_playbook("name: least\nhorizon_days: 0", source="playbook.yaml")
    Traceback (most recent call last):
    features.errors.DefinitionError: playbook.yaml cannot be used
      - playbook.yaml:1: sql: Field required
      - playbook.yaml:1: stages: Field required
      - playbook.yaml:2: horizon_days: Input should be greater than or equal to 1

    Raises:
        DefinitionError: with one line per problem.
    """
    return parse_model(Playbook, text, source=source)[0]


def read_playbook(path: Path) -> Playbook:
    """``parse_playbook`` on a file."""
    return parse_playbook(read_text(path, "playbook"), source=str(path))
