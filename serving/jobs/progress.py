"""How far a job has come: what its row in the store holds, beside its state."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from features.errors import LeadlightError

Reasons = Literal["none", "signals"]
Content = Literal["csv", "ndjson"]
Result = Literal["successful", "failed", "unprocessed"]


class JobError(LeadlightError):
    """A job cannot be done; ``code`` names why for the client."""

    def __init__(self, code: str, what: str) -> None:
        self.code = code
        super().__init__(what)


@dataclass(frozen=True, slots=True)
class Order:
    """What was asked for.

    Attributes:
        as_of: instant for rows that name none; ``None`` is the moment at which the job began.
    """

    kind: Literal["score"]
    content: Content
    reasons: Reasons
    as_of: int | None

    def to_json(self) -> str:
        """Text that ``from_json`` reads back."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Order:
        """Inverse of ``to_json``."""
        return cls(**json.loads(text))


@dataclass(frozen=True, slots=True)
class Part:
    """What one attempt wrote into the result files, in bytes; what lies behind was not committed.

    An attempt has files of its own, so that a worker that was taken for dead cannot spoil those of its successor.
    """

    attempt: int
    successful: int
    failed: int

    def of(self, result: Result) -> int:
        """Bytes of one of the files."""
        return self.successful if result == "successful" else self.failed


@dataclass(frozen=True, slots=True)
class Progress:
    """What was committed.

    Attributes:
        began_at: the moment that rows without one are scored at. bundles: fingerprint by role, from the first
            attempt to the last.
        position: bytes of the input whose rows are done. rows: how many those are.
        successful, failed: rows by outcome. attempts: workers that began.
        upload: which upload is the input. uploaded: its bytes.
        code, problem: why the job failed.
    """

    began_at: int | None = None
    bundles: dict[str, str] = field(default_factory=dict)
    position: int = 0
    rows: int = 0
    successful: int = 0
    failed: int = 0
    attempts: int = 0
    parts: tuple[Part, ...] = ()
    upload: str = ""
    uploaded: int = 0
    code: str = ""
    problem: str = ""

    def begun(self, now: int, bundles: dict[str, str]) -> Progress:
        """A worker takes it up."""
        attempts = self.attempts + 1
        return replace(
            self,
            began_at=self.began_at if self.began_at is not None else now,
            bundles=self.bundles or bundles,
            attempts=attempts,
            parts=(*self.parts, Part(attempts, 0, 0)),
        )

    def advanced(self, position: int, successful: int, failed: int, part: Part) -> Progress:
        """Some rows more are done; ``part`` is that of the attempt at hand."""
        return replace(
            self,
            position=position,
            rows=self.rows + successful + failed,
            successful=self.successful + successful,
            failed=self.failed + failed,
            parts=(*self.parts[:-1], part),
        )

    @property
    def fruitless(self) -> int:
        """How many attempts in a row came to nothing; the one at hand is not counted."""
        done = [part.successful + part.failed > 0 for part in self.parts]
        return len(done) if True not in done else done[::-1].index(True)

    def to_json(self) -> str:
        """Text that ``from_json`` reads back."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Progress:
        """Inverse of ``to_json``."""
        plain: dict[str, Any] = json.loads(text)
        return cls(**{**plain, "parts": tuple(Part(**part) for part in plain["parts"])})
