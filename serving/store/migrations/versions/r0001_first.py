"""All tables, as the first version made them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

WORD = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
COUNTER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make them."""
    _make_accounts()
    _make_activations()
    _make_attributes()
    _make_audit()
    _make_ended_sessions()
    _make_feedback()
    _make_forgotten()
    _make_idempotency()
    _make_jobs()
    _make_keys()
    _make_latest_scores()
    _make_leads()
    _make_leases()
    _make_meta()
    _make_objections()
    _make_outbox()
    _make_predictions()
    _make_revisions()
    _make_workers()
    _make_events()
    _make_stages()


def _make_accounts() -> None:
    op.create_table(
        "accounts",
        sa.Column("tenant", WORD, nullable=False),
        sa.Column("account_id", WORD, nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "account_id", name=op.f("pk_accounts")),
        sqlite_with_rowid=False,
    )


def _make_activations() -> None:
    op.create_table(
        "activations",
        sa.Column("id", COUNTER, autoincrement=True, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("role", WORD, nullable=False),
        sa.Column("fingerprint", WORD, nullable=True),
        sa.Column("actor", WORD, nullable=False),
        sa.Column("state", WORD, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_activations")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_activations_role", "activations", ["role", "state"], unique=False)


def _make_attributes() -> None:
    op.create_table(
        "attributes",
        sa.Column("tenant", WORD, nullable=False),
        sa.Column("entity", WORD, nullable=False),
        sa.Column("entity_id", WORD, nullable=False),
        sa.Column("field", WORD, nullable=False),
        sa.Column("occurred_at", sa.BigInteger(), nullable=False),
        sa.Column("stated_at", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("value", WORD, nullable=True),
        sa.Column("known_at", sa.BigInteger(), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(
            "tenant",
            "entity",
            "entity_id",
            "field",
            "occurred_at",
            "stated_at",
            "digest",
            name=op.f("pk_attributes"),
        ),
        sqlite_with_rowid=False,
    )


def _make_audit() -> None:
    op.create_table(
        "audit",
        sa.Column("id", COUNTER, autoincrement=True, nullable=False),
        sa.Column("tenant", WORD, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("actor", WORD, nullable=False),
        sa.Column("action", WORD, nullable=False),
        sa.Column("subject_hash", WORD, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_audit_tenant", "audit", ["tenant", "at"], unique=False)


def _make_ended_sessions() -> None:
    op.create_table(
        "ended_sessions",
        sa.Column("session_id", WORD, nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("session_id", name=op.f("pk_ended_sessions")),
    )


def _make_feedback() -> None:
    op.create_table(
        "feedback",
        sa.Column("feedback_id", WORD, nullable=False),
        sa.Column("tenant", WORD, nullable=False),
        sa.Column("lead_id", WORD, nullable=False),
        sa.Column("prediction_id", WORD, nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("actor", WORD, nullable=False),
        sa.Column("verdict", WORD, nullable=False),
        sa.Column("reason", WORD, nullable=True),
        sa.Column("signal", WORD, nullable=True),
        sa.Column("note", WORD, nullable=True),
        sa.PrimaryKeyConstraint("feedback_id", name=op.f("pk_feedback")),
    )
    op.create_index("ix_feedback_lead", "feedback", ["tenant", "lead_id", "at"], unique=False)


def _make_forgotten() -> None:
    op.create_table(
        "forgotten",
        sa.Column("tenant", WORD, nullable=False),
        sa.Column("lead_hash", WORD, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "lead_hash", name=op.f("pk_forgotten")),
        sqlite_with_rowid=False,
    )


def _make_idempotency() -> None:
    op.create_table(
        "idempotency",
        sa.Column("key_id", WORD, nullable=False),
        sa.Column("key", WORD, nullable=False),
        sa.Column("tenant", WORD, nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.Column("content_type", WORD, nullable=True),
        sa.PrimaryKeyConstraint("key_id", "key", name=op.f("pk_idempotency")),
    )
    op.create_index("ix_idempotency_started_at", "idempotency", ["started_at"], unique=False)


def _make_jobs() -> None:
    op.create_table(
        "jobs",
        sa.Column("job_id", WORD, nullable=False),
        sa.Column("tenant", WORD, nullable=False),
        sa.Column("key_id", WORD, nullable=False),
        sa.Column("state", WORD, nullable=False),
        sa.Column("orders", WORD, nullable=False),
        sa.Column("progress", WORD, nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("held_until", sa.BigInteger(), nullable=False),
        sa.Column("holder", WORD, nullable=True),
        sa.PrimaryKeyConstraint("job_id", name=op.f("pk_jobs")),
    )
    op.create_index("ix_jobs_state", "jobs", ["state", "created_at"], unique=False)
    op.create_index("ix_jobs_tenant", "jobs", ["tenant", "created_at"], unique=False)


def _make_keys() -> None:
    op.create_table(
        "keys",
        sa.Column("key_id", WORD, nullable=False),
        sa.Column("tenant", WORD, nullable=False),
        sa.Column("name", WORD, nullable=False),
        sa.Column("secret_hash", sa.LargeBinary(), nullable=False),
        sa.Column("scopes", WORD, nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("key_id", name=op.f("pk_keys")),
    )


def _make_latest_scores() -> None:
    op.create_table(
        "latest_scores",
        sa.Column("tenant", WORD, nullable=False),
        sa.Column("lead_id", WORD, nullable=False),
        sa.Column("prediction_id", WORD, nullable=False),
        sa.Column("as_of", sa.BigInteger(), nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("log_odds", sa.Double(), nullable=False),
        sa.Column("probability", sa.Double(), nullable=False),
        sa.Column("points", sa.Double(), nullable=False),
        sa.Column("band", WORD, nullable=False),
        sa.Column("bundle", WORD, nullable=False),
        sa.Column("service_line", WORD, nullable=True),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("told_band", WORD, nullable=True),
        sa.Column("told_points", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("tenant", "lead_id", name=op.f("pk_latest_scores")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_latest_scores_queue", "latest_scores", ["tenant", "probability", "lead_id"], unique=False
    )


def _make_leads() -> None:
    op.create_table(
        "leads",
        sa.Column("tenant", WORD, nullable=False),
        sa.Column("lead_id", WORD, nullable=False),
        sa.Column("account_id", WORD, nullable=True),
        sa.Column("service_line", WORD, nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=True),
        sa.Column("arrived", sa.Boolean(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "lead_id", name=op.f("pk_leads")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_leads_account", "leads", ["tenant", "account_id"], unique=False)


def _make_leases() -> None:
    op.create_table(
        "leases",
        sa.Column("name", WORD, nullable=False),
        sa.Column("holder", WORD, nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_leases")),
    )


def _make_meta() -> None:
    op.create_table(
        "meta",
        sa.Column("name", WORD, nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_meta")),
    )


def _make_objections() -> None:
    op.create_table(
        "objections",
        sa.Column("tenant", WORD, nullable=False),
        sa.Column("lead_id", WORD, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("reason", WORD, nullable=True),
        sa.PrimaryKeyConstraint("tenant", "lead_id", name=op.f("pk_objections")),
        sqlite_with_rowid=False,
    )


def _make_outbox() -> None:
    op.create_table(
        "outbox",
        sa.Column("id", COUNTER, autoincrement=True, nullable=False),
        sa.Column("tenant", WORD, nullable=False),
        sa.Column("lead_id", WORD, nullable=False),
        sa.Column("prediction_id", WORD, nullable=False),
        sa.Column("state", WORD, nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("next_at", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("previous_band", WORD, nullable=True),
        sa.Column("problem", WORD, nullable=True),
        sa.Column("previous_points", sa.Double(), nullable=True),
        sa.Column("settled_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_outbox_due", "outbox", ["state", "next_at"], unique=False)
    op.create_index("ix_outbox_lead", "outbox", ["tenant", "lead_id"], unique=False)


def _make_predictions() -> None:
    op.create_table(
        "predictions",
        sa.Column("prediction_id", WORD, nullable=False),
        sa.Column("tenant", WORD, nullable=False),
        sa.Column("lead_id", WORD, nullable=False),
        sa.Column("as_of", sa.BigInteger(), nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("bundle", WORD, nullable=False),
        sa.Column("role", WORD, nullable=False),
        sa.Column("arm", WORD, nullable=False),
        sa.Column("origin", WORD, nullable=False),
        sa.Column("log_odds", sa.Double(), nullable=True),
        sa.Column("probability", sa.Double(), nullable=True),
        sa.Column("points", sa.Double(), nullable=True),
        sa.Column("band", WORD, nullable=True),
        sa.Column("service_line", WORD, nullable=True),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("previous", WORD, nullable=True),
        sa.Column("values", sa.LargeBinary(), nullable=False),
        sa.Column("words", WORD, nullable=False),
        sa.Column("answer", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("prediction_id", name=op.f("pk_predictions")),
    )
    op.create_index("ix_predictions_lead", "predictions", ["tenant", "lead_id", "made_at"], unique=False)
    op.create_index("ix_predictions_made_at", "predictions", ["made_at"], unique=False)


def _make_revisions() -> None:
    op.create_table(
        "revisions",
        sa.Column("tenant", WORD, nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", name=op.f("pk_revisions")),
        sqlite_with_rowid=False,
    )


def _make_workers() -> None:
    op.create_table(
        "workers",
        sa.Column("worker_id", WORD, nullable=False),
        sa.Column("champion", WORD, nullable=True),
        sa.Column("challenger", WORD, nullable=True),
        sa.Column("problem", WORD, nullable=True),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("worker_id", name=op.f("pk_workers")),
    )


def _make_events() -> None:
    op.create_table(
        "events",
        sa.Column("tenant", WORD, nullable=False),
        sa.Column("lead_id", WORD, nullable=False),
        sa.Column("event_id", WORD, nullable=False),
        sa.Column("type", WORD, nullable=False),
        sa.Column("occurred_at", sa.BigInteger(), nullable=False),
        sa.Column("known_at", sa.BigInteger(), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.Column("value", sa.Double(), nullable=True),
        sa.Column("topic", WORD, nullable=True),
        sa.Column("channel", WORD, nullable=True),
        sa.Column("campaign", WORD, nullable=True),
        sa.Column("source", WORD, nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant", "lead_id"],
            ["leads.tenant", "leads.lead_id"],
            name=op.f("fk_events_leads"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant", "lead_id", "event_id", name=op.f("pk_events")),
        sqlite_with_rowid=False,
    )


def _make_stages() -> None:
    op.create_table(
        "stages",
        sa.Column("tenant", WORD, nullable=False),
        sa.Column("lead_id", WORD, nullable=False),
        sa.Column("stage", WORD, nullable=False),
        sa.Column("entered_at", sa.BigInteger(), nullable=False),
        sa.Column("known_at", sa.BigInteger(), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.Column("reason", WORD, nullable=True),
        sa.Column("actor", WORD, nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant", "lead_id"],
            ["leads.tenant", "leads.lead_id"],
            name=op.f("fk_stages_leads"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant", "lead_id", "stage", "entered_at", name=op.f("pk_stages")),
        sqlite_with_rowid=False,
    )
