"""What ``report.json`` holds. The page shows nothing that is not in here."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, model_validator

from models.metrics import METRICS


def _absent_if_undefined(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


Number = Annotated[float | None, BeforeValidator(_absent_if_undefined)]
"""A number, or null where it is not defined; JSON has no NaN."""


class Part(BaseModel):
    """A part of the report: frozen, closed to unknown keys, read from plain data or from objects."""

    model_config = ConfigDict(extra="forbid", frozen=True, from_attributes=True)


class Estimate(Part):
    """A metric with its 95 % interval."""

    value: Number
    low: Number
    high: Number


Estimates = dict[str, Estimate]


class Gain(Part):
    """Cumulative gain and lift."""

    share: tuple[Number, ...]
    captured: tuple[Number, ...]
    lift: tuple[Number, ...]


class PrecisionRecall(Part):
    """The precision-recall curve."""

    recall: tuple[Number, ...]
    precision: tuple[Number, ...]


class Bin(Part):
    """Rows of similar probability: promised and converted, with a Wilson interval."""

    rows: int
    weight: float
    promised: float
    converted: float
    low: float
    high: float


class Histogram(Part):
    """Weight of converted and other rows by probability."""

    edges: tuple[float, ...]
    converted: tuple[float, ...]
    others: tuple[float, ...]


class Curves(Part):
    """All pictures of one model, on the test rows."""

    gain: Gain
    precision_recall: PrecisionRecall
    reliability: tuple[Bin, ...]
    scores: Histogram


class Difference(Part):
    """A model's metrics minus those of the winner, on the same bootstrap draws."""

    test: Estimates
    unseen_accounts: Estimates | None = None


class ModelResult(Part):
    """How one model did on the test rows. ``unseen_accounts`` is null where no such row exists."""

    title: str
    test: Estimates
    unseen_accounts: Estimates | None = None
    difference_to_winner: Difference | None = None
    """Null for the winner itself."""


class Candidate(Part):
    """A model in the race on forward folds inside the training period.

    Attributes:
        log_loss: mean over the folds. difference: to the best of the race; ``standard_error``: of that
            paired difference. simplicity: 1 is the simplest.
        note: why it did not race, or anything else worth saying.
    """

    title: str
    raced: bool = True
    log_loss: Number = None
    difference: Number = None
    standard_error: Number = None
    simplicity: int | None = None
    note: str = ""


class Race(Part):
    """How the winner was chosen, never looking at the test rows."""

    winner: str
    why: str
    folds: int = 0
    fold_kind: str = ""
    candidates: dict[str, Candidate] = {}


class Rows(Part):
    """A stretch of the data. ``base_rate`` is weighted, as everything is."""

    rows: int
    leads: int
    accounts: int
    converted: int
    base_rate: Number = None
    first: str = ""
    last: str = ""


class SplitInfo(Part):
    """Train, purged, test; instants are ISO texts."""

    test_begins: str
    train: Rows
    purged: Rows
    test: Rows
    unseen_accounts: Rows


class FunnelStep(Part):
    """What was left after a step, and what the step took out, by reason."""

    step: str
    rows: int = Field(ge=0)
    unit: str = "snapshots"
    why: str = ""
    excluded: dict[str, int] = {}


class FeatureImportance(Part):
    """``value``: mean absolute contribution in log-odds over the test rows."""

    feature: str
    signal: str
    sentence: str
    value: float = Field(ge=0.0)
    explicit: bool = False


class SignalImportance(Part):
    """As for a feature, of the summed contributions of a signal."""

    signal: str
    value: float = Field(ge=0.0)


class Importance(Part):
    """What the winner looks at; both lists are ordered, largest first."""

    signals: tuple[SignalImportance, ...] = ()
    features: tuple[FeatureImportance, ...] = ()


class Note(Part):
    """Something to know about leaks and availability. ``block`` stopped a field or the training."""

    level: Literal["ok", "note", "warn", "block"]
    subject: str
    text: str


class Data(Part):
    """What the rows are and how they came to be."""

    label_states: dict[str, int]
    funnel: tuple[FunnelStep, ...] = ()
    notes: tuple[Note, ...] = ()
    question: str = ""
    """The question the model answers, for example "Does this lead become an SQL within 90 days?"."""


class Origin(Part):
    """Where everything comes from; free-form facts are shown as they are."""

    playbook: dict[str, JsonValue] = {}
    history: dict[str, JsonValue] = {}
    versions: dict[str, str] = {}
    settings: dict[str, JsonValue] = {}
    bundle_sha256: str | None = None
    mlflow_run_id: str | None = None


class Report(Part):
    """``report.json``."""

    format: Literal[1] = 1
    headline: str
    question: str = ""
    winner: str
    why: str
    models: dict[str, ModelResult]
    race: Race
    split: SplitInfo
    label_states: dict[str, int]
    funnel: tuple[FunnelStep, ...]
    importance: Importance
    curves: dict[str, Curves]
    notes: tuple[Note, ...]
    playbook: dict[str, JsonValue]
    history: dict[str, JsonValue]
    versions: dict[str, str]
    settings: dict[str, JsonValue]
    bundle_sha256: str | None
    mlflow_run_id: str | None

    @model_validator(mode="after")
    def _adds_up(self) -> Report:
        problems = [f"no results of the winner {self.winner!r}"] if self.winner not in self.models else []
        problems += [f"no curves of {name!r}" for name in self.models if name not in self.curves]
        for name, result in self.models.items():
            lacking = [metric for metric in METRICS if metric not in result.test]
            problems += [f"{name!r} lacks {', '.join(lacking)}"] if lacking else []
        if problems:
            raise ValueError("; ".join(problems))
        return self
