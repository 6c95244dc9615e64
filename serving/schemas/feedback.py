"""What people say about a score, and what became of a lead."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from serving.schemas.words import Closed, Instant, LeadName, Text, Word

Verdict = Literal["accept", "reject", "recycle", "disagree"]
Outcome = Literal["converted", "rejected", "recycled", "duplicate"]


class FeedbackIn(Closed):
    """A reviewer's verdict on one prediction."""

    prediction_id: Annotated[str, Field(min_length=1, max_length=64)]
    verdict: Verdict
    reason: Word | None = Field(
        None, description="For reject and recycle: one of the playbook's reasons (GET /v1/model lists them)."
    )
    signal: Word | None = Field(None, description="For disagree: the signal whose reason is wrong.")
    note: Text | None = None

    @model_validator(mode="after")
    def _fits(self) -> FeedbackIn:
        if self.reason is not None and self.verdict not in ("reject", "recycle"):
            raise ValueError("only reject and recycle take a reason")
        if (self.signal is not None) != (self.verdict == "disagree"):
            raise ValueError("disagree names the signal, and nothing else does")
        return self


class OutcomeIn(Closed):
    """What became of a lead; retraining learns from it."""

    lead_id: LeadName
    outcome: Outcome
    at: Instant = Field(description="When it happened.")
    reason: Text | None = None


class FeedbackStored(BaseModel):
    """The verdict as recorded."""

    model_config = ConfigDict(extra="forbid")

    feedback_id: str
    prediction_id: str
    lead_id: str
    verdict: Verdict


class OutcomeStored(BaseModel):
    """The outcome as recorded: the stage of the playbook that stands for it."""

    model_config = ConfigDict(extra="forbid")

    lead_id: str
    outcome: Outcome
    stage: str
    at: str
    status: Literal["stored", "unchanged", "refused"]
    code: str | None = Field(
        None,
        description="Why it was refused: known_differently where the same outcome was told otherwise before.",
    )
