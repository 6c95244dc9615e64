from __future__ import annotations

import threading

import pytest
from sqlalchemy import func, select

from features.clock import DAY
from features.errors import LeadlightError
from serving.store import audit, evidence, feedback, idempotency, outbox, predictions, retention, suppression
from serving.store.backing_up import backup
from serving.store.engine import Store
from serving.store.feedback import Feedback
from serving.store.rows import LeadRow
from serving.store.tables import FEEDBACK, LATEST_SCORES, OUTBOX, PREDICTIONS
from tests.serving.store.making import TENANT, prediction

NOW = 1_000 * DAY


def test_rows_past_their_time_go_and_half_a_year_is_always_kept(store):
    ages = {"L1": 731, "L2": 729, "L3": 181, "L4": 179}
    with store.writing() as connection:
        for number, (lead, days) in enumerate(ages.items(), start=1):
            at = NOW - days * DAY
            predictions.record(connection, [prediction(number, lead, as_of=at, made_at=at)], alert_points=1.0)
            feedback.add(connection, Feedback(lead, TENANT, lead, None, at, "key", "accept"))
        idempotency.begin(connection, TENANT, "key", "old", b"f", NOW - 2 * DAY)
        idempotency.begin(connection, TENANT, "key", "new", b"f", NOW)

    def left():
        with store.reading() as connection:
            tables = (PREDICTIONS, FEEDBACK, OUTBOX, LATEST_SCORES)
            found = [set(connection.execute(select(table.c.lead_id)).scalars()) for table in tables]
        assert all(leads == found[0] for leads in found)
        return found[0]

    def purge(days):
        with store.writing() as connection:
            return retention.purge(connection, NOW, days)

    assert purge(730) == 5
    assert left() == {"L2", "L3", "L4"}
    assert purge(730) == 0
    assert purge(1) == 8
    assert left() == {"L4"}


def test_much_is_purged_in_parts(store):
    with store.writing() as connection:
        predictions.record(connection, [prediction(n, f"L{n}") for n in range(7)], alert_points=None)
        for number in range(7):
            idempotency.begin(connection, TENANT, "key", str(number), b"f", 0)
        purged = [retention.purge(connection, NOW, 200, 3) for _ in range(4)]
        assert purged == [3 * 3, 3 * 3, 3 * 1, 0], "of predictions, latest scores and repeated answers"


def test_an_objection_ends_scores_and_what_follows_from_them(store):
    with store.writing() as connection:
        evidence.put_leads(connection, TENANT, [LeadRow("L1", 1)], 1)
        predictions.record(connection, [prediction(1)], alert_points=1.0)
        suppression.object_to_profiling(connection, TENANT, "L1", "by mail", 5)
        suppression.object_to_profiling(connection, TENANT, "L1", "again", 6)
        suppression.object_to_profiling(connection, TENANT, "unknown", None, 6)
        head = evidence.head(connection, TENANT, "L1")
        assert head.objected
        assert head.last is None
        assert outbox.due(connection, 10, 10) == []
        assert len(predictions.of_lead(connection, TENANT, "L1", 10)) == 1
        assert suppression.standing(connection, TENANT, ["L1", "unknown", "L3"]) == {
            "L1": "objected",
            "unknown": "objected",
        }
        assert suppression.standing(connection, "another", ["L1"]) == {}
        assert suppression.withdraw(connection, TENANT, "L1", 7)
        assert not suppression.withdraw(connection, TENANT, "L1", 8)
        assert not evidence.head(connection, TENANT, "L1").objected
        actions = [entry.action for entry in audit.entries(connection, TENANT, subject="L1")]
    assert actions == ["objection_withdrawn", "objected"]


class Client:
    """Records answers, one after another, until it is stopped; knows which were acknowledged."""

    def __init__(self, writer):
        self.writer, self.acknowledged = writer, []
        self.enough, self.stopping = threading.Event(), threading.Event()
        self.thread = threading.Thread(target=self.work)
        self.thread.start()

    def work(self):
        while not self.stopping.is_set():
            number = len(self.acknowledged)
            made = prediction(number, f"L{number}", answer=b"x" * 5_000)
            self.writer.submit(lambda c, made=made: predictions.record(c, [made], alert_points=1.0)).result(
                10
            )
            self.acknowledged.append(made.prediction_id)
            if number == 50:
                self.enough.set()

    def stop(self):
        self.stopping.set()
        self.thread.join()


def test_a_backup_made_while_others_write_holds_all_that_was_acknowledged_before(
    file_store, file_writer, tmp_path
):
    client = Client(file_writer)
    assert client.enough.wait(60)
    before = list(client.acknowledged)
    copy = tmp_path / "backups" / "copy.db"
    copy.parent.mkdir()
    backup(file_store, copy)
    client.stop()
    assert [path.name for path in copy.parent.iterdir()] == ["copy.db"]
    restored = Store.open(f"sqlite:///{copy}")
    with restored.reading() as connection:
        assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
        kept = set(connection.execute(select(PREDICTIONS.c.prediction_id)).scalars())
        told = connection.execute(select(func.count()).select_from(OUTBOX)).scalar()
    restored.close()
    assert set(before) <= kept
    assert told == len(kept)  # no half of a transaction


@pytest.mark.postgres
@pytest.mark.slow
def test_postgresql_is_told_to_use_its_own_backups(postgres_url, tmp_path):
    store = Store.open(postgres_url)
    with pytest.raises(LeadlightError, match="pg_dump"):
        backup(store, tmp_path / "copy.db")
    store.close()
