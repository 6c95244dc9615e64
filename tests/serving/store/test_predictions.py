from __future__ import annotations

import pytest
from sqlalchemy import insert, select

from serving.store import evidence, leases, outbox, predictions, suppression
from serving.store.errors import LeadObjected
from serving.store.predictions import Filters
from serving.store.rows import LeadRow
from serving.store.tables import OBJECTIONS, OUTBOX
from tests.serving.store.making import TENANT, prediction


def record(store, *records, alert_points=10.0):
    with store.writing() as connection:
        predictions.record(connection, records, alert_points=alert_points)


def last(store, lead_id="L1"):
    with store.writing() as connection:
        evidence.put_leads(connection, TENANT, [LeadRow(lead_id, 0)], 0)
        head = evidence.head(connection, TENANT, lead_id)
    assert head is not None
    return head.last


def told(store):
    with store.reading() as connection:
        return [(one.lead_id, int(one.prediction_id)) for one in outbox.due(connection, 10**9, 100)]


def test_an_answer_is_found_again_as_it_was_given(store):
    given = prediction(1)
    shadow = prediction(2, role="shadow", previous=given.prediction_id)
    silent = prediction(3, log_odds=None, probability=None, points=None, band=None, service_line=None)
    record(store, given, shadow, silent)
    with store.reading() as connection:
        assert predictions.get(connection, TENANT, given.prediction_id) == given
        assert predictions.get(connection, "another", given.prediction_id) is None
        assert predictions.of_lead(connection, TENANT, "L1", 2) == [silent, shadow]
        assert predictions.of_lead(connection, "another", "L1", 2) == []


def test_the_latest_score_is_the_one_asked_about_the_latest_moment(store):
    record(store, prediction(5))
    record(store, prediction(6, as_of=4))  # about the past
    assert last(store).prediction_id == f"{5:032d}"
    record(store, prediction(7, points=61.5))
    found = last(store)
    assert (int(found.prediction_id), found.points, found.band, found.revision) == (7, 61.5, "B", 3)


@pytest.mark.parametrize(
    "changes", [{"role": "shadow"}, {"origin": "score"}, {"log_odds": None, "band": None}], ids=str
)
def test_what_does_not_count_moves_nothing(store, changes):
    record(store, prediction(5, **changes))
    assert last(store) is None
    assert told(store) == []


@pytest.mark.parametrize("changes", [{"role": "challenger"}, {"origin": "page"}, {"origin": "job"}], ids=str)
def test_pilots_pages_and_jobs_count(store, changes):
    record(store, prediction(5, **changes))
    assert last(store).prediction_id == f"{5:032d}"


def test_the_crm_hears_of_the_first_score_then_of_what_differs_from_what_it_heard(store):
    record(store, prediction(1, points=50.0))
    assert told(store) == [("L1", 1)]
    record(store, prediction(2, points=56.0))
    record(store, prediction(3, points=59.9))
    assert told(store) == [("L1", 1)]
    record(store, prediction(4, points=60.0))  # ten points from what was told, one by one
    assert told(store) == [("L1", 4)]
    record(store, prediction(5, points=60.0, band="A"))
    assert told(store) == [("L1", 5)]
    with store.reading() as connection:
        due = outbox.due(connection, 10**9, 10)[0]
    assert (due.previous_band, due.previous_points, due.band, due.points) == ("B", 60.0, "A", 60.0)
    assert (due.tries, due.answer, due.bundle) == (0, b'{"scored": true}', "b" * 64)


def test_many_of_one_lead_in_one_go_leave_the_latest(store):
    record(store, prediction(9, band="A"), prediction(3, band="C"), prediction(5, "L2"))
    assert last(store).prediction_id == f"{9:032d}"
    assert sorted(told(store)) == [("L1", 9), ("L2", 5)]


def test_nothing_is_put_out_where_nobody_listens(store):
    record(store, prediction(1), alert_points=None)
    assert told(store) == []
    assert last(store) is not None
    record(store, prediction(2))
    assert told(store) == [("L1", 2)]


def test_a_delivery_is_settled_once(store):
    record(store, prediction(1))
    with store.writing() as connection:
        (due,) = outbox.due(connection, 10, 10)
        outbox.failed(connection, due.id, 500, "503")
    with store.writing() as connection:
        assert outbox.due(connection, 499, 10) == []
        (due,) = outbox.due(connection, 500, 10)
        assert due.tries == 1
        outbox.delivered(connection, due.id, 600)
        outbox.dead(connection, due.id, 700, "late")
        assert outbox.count(connection, ("pending", "delivered", "dead")) == {
            "pending": 0,
            "delivered": 1,
            "dead": 0,
        }
        assert outbox.oldest_pending(connection) is None


def test_what_is_under_way_while_a_newer_score_comes_does_not_come_back(store):
    record(store, prediction(1))
    with store.reading() as connection:
        (under_way,) = outbox.due(connection, 10, 10)
    record(store, prediction(2, band="A"))
    with store.writing() as connection:
        outbox.failed(connection, under_way.id, 500, "timeout")
    assert told(store) == [("L1", 2)]


def test_dead_letters_are_replayed_unless_something_newer_was_put(store):
    record(store, prediction(1), prediction(2, "L2"))
    with store.writing() as connection:
        for due in outbox.due(connection, 10, 10):
            outbox.dead(connection, due.id, 20, "gone")
    record(store, prediction(3, band="A"))
    with store.writing() as connection:
        assert outbox.replay_dead(connection, "another", 30) == 0
        assert outbox.replay_dead(connection, TENANT, 30) == 1
    assert sorted(told(store)) == [("L1", 3), ("L2", 2)]
    with store.reading() as connection:
        states = connection.execute(select(OUTBOX.c.state).order_by(OUTBOX.c.id)).scalars().all()
    assert states == ["dead", "pending", "pending"]


def test_the_queue_goes_on_where_it_stopped(store):
    record(
        store,
        *(
            prediction(n, f"L{n}", probability=p, band=b, service_line=s)
            for n, p, b, s in [
                (1, 0.5, "A", "loans"),
                (2, 0.5, "A", "loans"),
                (3, 0.9, "A", "cards"),
                (4, 0.1, "D", None),
            ]
        ),
    )

    def page(after=None, limit=10, **filters):
        with store.reading() as connection:
            return predictions.queue(connection, TENANT, Filters(**filters), after, limit)

    assert [one.lead_id for one in page()] == ["L3", "L2", "L1", "L4"]
    first = page(limit=2)
    assert [one.lead_id for one in page((first[-1].probability, first[-1].lead_id))] == ["L1", "L4"]
    assert [one.lead_id for one in page(band="A", service_line="loans")] == ["L2", "L1"]
    assert [one.lead_id for one in page(lead_id_starts_with="L4")] == ["L4"]
    assert page(lead_id_starts_with="%") == []
    assert page()[0].answer == b'{"scored": true}'
    with store.reading() as connection:
        assert predictions.queue(connection, "another", Filters(), None, 10) == []


def test_a_lease_is_held_by_one(store):
    with store.writing() as connection:
        assert leases.hold(connection, "courier", "one", 0, 100)
        assert not leases.hold(connection, "courier", "two", 99, 200)
        assert leases.hold(connection, "courier", "one", 99, 150)
        assert leases.hold(connection, "courier", "two", 150, 200)
        leases.let_go(connection, "courier", "one")
        assert not leases.hold(connection, "courier", "one", 160, 200)
        leases.let_go(connection, "courier", "two")
        assert leases.hold(connection, "courier", "one", 160, 200)


def test_an_answer_about_the_past_is_nobodys_latest_score(store):
    given = prediction(5, of_the_past=True)
    record(store, given)
    assert last(store) is None
    assert told(store) == []
    with store.reading() as connection:
        assert predictions.get(connection, TENANT, given.prediction_id) == given


def test_who_objects_while_being_scored_gets_into_no_queue_and_no_outbox(store):
    with store.writing() as connection:
        suppression.object_to_profiling(connection, TENANT, "L1", None, 1)
    silent = prediction(3, log_odds=None, probability=None, points=None, band=None)
    for records in ([prediction(2)], [prediction(2, origin="score")], [silent, prediction(2, role="shadow")]):
        with pytest.raises(LeadObjected):
            record(store, *records)
    record(store, silent, prediction(4, "L2"))
    with store.reading() as connection:
        assert predictions.queue(connection, TENANT, Filters(), None, 10)[0].lead_id == "L2"
        assert predictions.of_lead(connection, TENANT, "L1", 10) == [silent]
    assert told(store) == [("L2", 4)]


def test_what_waits_to_be_told_of_who_objected_is_not_due(store):
    """However it came there, as from a worker of an earlier version."""
    record(store, prediction(1), prediction(2, "L2"))
    with store.writing() as connection:
        connection.execute(insert(OBJECTIONS).values(tenant=TENANT, lead_id="L1", at=1))
        connection.execute(insert(OBJECTIONS).values(tenant="another", lead_id="L2", at=1))
    assert told(store) == [("L2", 2)]
