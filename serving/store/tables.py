"""The tables of the service. Instants are int64 microseconds in UTC, as everywhere.

Every row of a customer carries its ``tenant``. Texts compare byte by byte on both databases, so that an order
is the same order. Where a table is clustered by its key (``WITHOUT ROWID`` in SQLite), all rows about one lead
lie together and are read in one go.

``recorded_at`` is when a row of evidence, as it stands, came here. It decides nothing; it tells whether an answer
about the past sees more than was here then.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
)

METADATA: Final = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(referred_table_name)s",
    }
)

WORD: Final = Text().with_variant(Text(collation="C"), "postgresql")
"""A text that compares byte by byte."""

COUNTER: Final = BigInteger().with_variant(Integer(), "sqlite")
"""A row number that the database gives."""


def _words(*names: str) -> list[Column[str]]:
    return [Column(name, WORD, nullable=False) for name in names]


def _maybe_words(*names: str) -> list[Column[str]]:
    return [Column(name, WORD) for name in names]


def _instants(*names: str) -> list[Column[int]]:
    return [Column(name, BigInteger, nullable=False) for name in names]


def _keys(*names: str) -> list[Column[str]]:
    return [Column(name, WORD, primary_key=True) for name in names]


META: Final = Table("meta", METADATA, *_keys("name"), Column("value", LargeBinary, nullable=False))
"""Random secrets of this database: what ids of erased leads are hashed with, what sessions are signed with."""

# ── Evidence ─────────────────────────────────────────────────────────────────────────────────────────────────

REVISIONS: Final = Table("revisions", METADATA, *_keys("tenant"), *_instants("last"), sqlite_with_rowid=False)
"""The last revision given, by tenant."""

LEADS: Final = Table(
    "leads",
    METADATA,
    *_keys("tenant", "lead_id"),
    *_maybe_words("account_id", "service_line"),
    *_instants("created_at"),
    Column("updated_at", BigInteger),  # when the CRM last changed it, where the CRM says so
    Column(
        "arrived", Boolean(create_constraint=False), nullable=False
    ),  # false: only evidence about it came yet
    *_instants("revision", "recorded_at"),
    Index("ix_leads_account", "tenant", "account_id"),
    sqlite_with_rowid=False,
)

ACCOUNTS: Final = Table(
    "accounts", METADATA, *_keys("tenant", "account_id"), *_instants("revision"), sqlite_with_rowid=False
)
"""When something last changed that every lead of an account sees."""


def _of_a_lead() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(["tenant", "lead_id"], ["leads.tenant", "leads.lead_id"], ondelete="CASCADE")


EVENTS: Final = Table(
    "events",
    METADATA,
    *_keys("tenant", "lead_id", "event_id"),
    *_words("type"),
    *_instants("occurred_at", "known_at", "recorded_at"),
    Column("value", Double),
    *_maybe_words("topic", "channel", "campaign", "source"),
    _of_a_lead(),
    sqlite_with_rowid=False,
)

STAGES: Final = Table(
    "stages",
    METADATA,
    *_keys("tenant", "lead_id", "stage"),
    Column("entered_at", BigInteger, primary_key=True),
    *_instants("known_at", "recorded_at"),
    *_maybe_words("reason", "actor"),
    _of_a_lead(),
    sqlite_with_rowid=False,
)

ATTRIBUTES: Final = Table(
    "attributes",
    METADATA,
    *_keys("tenant", "entity", "entity_id", "field"),
    Column("occurred_at", BigInteger, primary_key=True),
    Column("stated_at", BigInteger, primary_key=True),  # the known_at that was sent; -1 where we filled it
    Column("digest", LargeBinary, primary_key=True),  # of the value, which may be long or none
    *_maybe_words("value"),
    *_instants("known_at", "recorded_at"),
    sqlite_with_rowid=False,
)

# ── Answers ──────────────────────────────────────────────────────────────────────────────────────────────────

PREDICTIONS: Final = Table(
    "predictions",
    METADATA,
    *_keys("prediction_id"),
    *_words("tenant", "lead_id"),
    *_instants("as_of", "made_at"),
    *_words("bundle", "role", "arm", "origin"),
    Column("log_odds", Double),  # none where the lead objected: the answer is recorded, there is no score
    Column("probability", Double),
    Column("points", Double),
    *_maybe_words("band", "service_line"),
    *_instants("revision"),
    *_maybe_words("previous"),
    Column("values", LargeBinary, nullable=False),
    *_words("words"),
    Column("answer", LargeBinary, nullable=False),
    Index("ix_predictions_lead", "tenant", "lead_id", "made_at"),
    Index("ix_predictions_made_at", "made_at"),
)

LATEST_SCORES: Final = Table(
    "latest_scores",
    METADATA,
    *_keys("tenant", "lead_id"),
    *_words("prediction_id"),
    *_instants("as_of", "made_at"),
    *(Column(name, Double, nullable=False) for name in ("log_odds", "probability", "points")),
    *_words("band", "bundle"),
    *_maybe_words("service_line"),
    *_instants("revision"),
    *_maybe_words("told_band"),  # what the CRM was last told, or is about to be
    Column("told_points", Double),
    Index("ix_latest_scores_queue", "tenant", "probability", "lead_id"),
    sqlite_with_rowid=False,
)

OUTBOX: Final = Table(
    "outbox",
    METADATA,
    Column("id", COUNTER, primary_key=True, autoincrement=True),
    *_words("tenant", "lead_id", "prediction_id", "state"),
    *_instants("created_at", "next_at"),
    Column("attempts", Integer, nullable=False),
    *_maybe_words("previous_band", "problem"),
    Column("previous_points", Double),
    Column("settled_at", BigInteger),
    Index("ix_outbox_due", "state", "next_at"),
    Index("ix_outbox_lead", "tenant", "lead_id"),
    sqlite_autoincrement=True,
)

IDEMPOTENCY: Final = Table(
    "idempotency",
    METADATA,
    *_keys("key_id", "key"),
    *_words("tenant"),
    Column("fingerprint", LargeBinary, nullable=False),
    *_instants("started_at"),
    Column("status", Integer),  # none while in progress
    Column("body", LargeBinary),
    *_maybe_words("content_type"),
    Index("ix_idempotency_started_at", "started_at"),
)

FEEDBACK: Final = Table(
    "feedback",
    METADATA,
    *_keys("feedback_id"),
    *_words("tenant", "lead_id"),
    *_maybe_words("prediction_id"),
    *_instants("at"),
    *_words("actor", "verdict"),
    *_maybe_words("reason", "signal", "note"),
    Index("ix_feedback_lead", "tenant", "lead_id", "at"),
)

# ── People's wishes ──────────────────────────────────────────────────────────────────────────────────────────

OBJECTIONS: Final = Table(
    "objections",
    METADATA,
    *_keys("tenant", "lead_id"),
    *_instants("at"),
    *_maybe_words("reason"),
    sqlite_with_rowid=False,
)

FORGOTTEN: Final = Table(
    "forgotten",
    METADATA,
    *_keys("tenant", "lead_hash"),
    *_instants("at"),
    sqlite_with_rowid=False,
)

# ── Running the service ──────────────────────────────────────────────────────────────────────────────────────

KEYS: Final = Table(
    "keys",
    METADATA,
    *_keys("key_id"),
    *_words("tenant", "name"),
    Column("secret_hash", LargeBinary, nullable=False),
    *_words("scopes"),  # separated by spaces
    *_instants("created_at"),
    Column("expires_at", BigInteger),
    Column("revoked_at", BigInteger),
)

AUDIT: Final = Table(
    "audit",
    METADATA,
    Column("id", COUNTER, primary_key=True, autoincrement=True),
    *_words("tenant"),
    *_instants("at"),
    *_words("actor", "action"),
    *_maybe_words("subject_hash"),
    Index("ix_audit_tenant", "tenant", "at"),
    sqlite_autoincrement=True,
)

ACTIVATIONS: Final = Table(
    "activations",
    METADATA,
    Column("id", COUNTER, primary_key=True, autoincrement=True),
    *_instants("at"),
    *_words("role"),
    *_maybe_words("fingerprint"),  # none: the role is empty from here on
    *_words("actor", "state"),
    Index("ix_activations_role", "role", "state"),
    sqlite_autoincrement=True,
)

WORKERS: Final = Table(
    "workers",
    METADATA,
    *_keys("worker_id"),
    *_maybe_words("champion", "challenger", "problem"),
    *_instants("seen_at"),
)

LEASES: Final = Table("leases", METADATA, *_keys("name"), *_words("holder"), *_instants("until"))
"""What only one worker at a time may do."""

ENDED_SESSIONS: Final = Table("ended_sessions", METADATA, *_keys("session_id"), *_instants("expires_at"))
"""Sessions of the pages that somebody signed out of."""

JOBS: Final = Table(
    "jobs",
    METADATA,
    *_keys("job_id"),
    *_words("tenant", "key_id", "state", "orders", "progress"),
    *_instants("created_at", "updated_at", "held_until"),
    *_maybe_words("holder"),
    Index("ix_jobs_tenant", "tenant", "created_at"),
    Index("ix_jobs_state", "state", "created_at"),
)
