"""Activations, workers, jobs, feedback: what the service keeps about itself."""

from __future__ import annotations

from dataclasses import replace

from serving.store import activations, audit, feedback, jobs, workers
from serving.store.feedback import Feedback
from serving.store.jobs import Job
from serving.store.workers import Worker
from tests.serving.store.making import TENANT


def test_the_last_activation_of_a_role_is_current(store):
    with store.writing() as connection:
        assert activations.current(connection, "champion") is None
        assert activations.rollback(connection, "ann", 1) is None
        first = activations.activate(connection, "champion", "aaa", "ann", 1)
        second = activations.activate(connection, "champion", "bbb", "bob", 2)
        activations.activate(connection, "challenger", "ccc", "bob", 3)
        assert activations.current(connection, "champion") == second
        assert activations.previous(connection) == replace(first, state="replaced")
        activations.activate(connection, "challenger", None, "bob", 4)
        challenger = activations.current(connection, "challenger")
        assert [entry.id for entry in activations.log(connection)] == [4, 3, 2, 1]
    assert challenger is not None
    assert challenger.fingerprint is None


def test_rollbacks_go_further_back_and_never_to_what_was_rolled_back_from(store):
    with store.writing() as connection:
        for at, fingerprint in enumerate(["aaa", "bbb", "ccc", "ccc"]):
            activations.activate(connection, "champion", fingerprint, "ann", at)
        found = [activations.rollback(connection, "ann", at) for at in (10, 11, 12)]
        actions = [entry.action for entry in audit.entries(connection, activations.EVERYWHERE)]
    assert [one and one.fingerprint for one in found] == ["bbb", "aaa", None]
    assert actions == [*["rolled_back"] * 2, *["activated"] * 4]


def test_what_was_rolled_back_from_counts_again_once_it_is_activated_anew(store):
    with store.writing() as connection:
        for at, fingerprint in enumerate(["aaa", "bbb"]):
            activations.activate(connection, "champion", fingerprint, "ann", at)
        activations.rollback(connection, "ann", 10)
        for at, fingerprint in enumerate(["bbb", "ccc"], start=11):
            activations.activate(connection, "champion", fingerprint, "ann", at)
        found = activations.rollback(connection, "ann", 20)
    assert found.fingerprint == "bbb"


def test_a_rollback_that_is_refused_leaves_what_was_rolled_back_from(store):
    with store.writing() as connection:
        for at, fingerprint in enumerate(["aaa", "bbb", "ccc"]):
            activations.activate(connection, "champion", fingerprint, "ann", at)
        made = activations.rollback(connection, "ann", 10)
        assert activations.refuse(connection, made.id).fingerprint == "ccc"
        assert activations.current(connection, "champion").fingerprint == "ccc"


def test_an_activation_that_was_refused_leaves_the_one_before(store):
    with store.writing() as connection:
        first = activations.activate(connection, "champion", "aaa", "ann", 1)
        second = activations.activate(connection, "champion", "bbb", "ann", 2)
        assert activations.refuse(connection, second.id) == first
        assert activations.current(connection, "champion") == first
        assert activations.refuse(connection, second.id) is None
        assert activations.log(connection)[0].state == "refused"
        assert activations.previous(connection) is None


def test_workers_say_what_they_serve(store):
    one, two = Worker("one", "aaa", None, None, 10), Worker("two", None, None, "cannot load", 20)
    with store.writing() as connection:
        for worker in (two, one, replace(one, seen_at=30)):
            workers.report(connection, worker)
        assert workers.seen_since(connection, 20) == [replace(one, seen_at=30), two]
        workers.drop_unseen(connection, 30)
        assert workers.seen_since(connection, 0) == [replace(one, seen_at=30)]


def test_a_job_is_done_by_one_worker_at_a_time(store):
    made = Job("j1", TENANT, "key", "Open", "{}", "{}", 1, 1)
    with store.writing() as connection:
        jobs.create(connection, made)
        jobs.create(connection, replace(made, job_id="j2", created_at=2))
        jobs.create(connection, replace(made, job_id="j3", tenant="another"))
        assert jobs.get(connection, TENANT, "j1") == made
        assert jobs.get(connection, TENANT, "j3") is None
        assert [job.job_id for job in jobs.list_of(connection, TENANT)] == ["j2", "j1"]
        assert jobs.take(connection, ["Ready"], "w1", 10, 20) is None
        assert jobs.move(connection, "j1", ["Open"], "Ready", 10)
        assert not jobs.move(connection, "j1", ["Open"], "Ready", 10)
        taken = jobs.take(connection, ["Ready"], "w1", 10, 20)
        assert taken == replace(made, state="Ready", updated_at=10, held_until=20, holder="w1")
        assert jobs.take(connection, ["Ready"], "w2", 19, 30) is None
        assert jobs.save(connection, "j1", "w1", '{"rows": 5}', 15, 25)
        assert not jobs.save(connection, "j1", "w2", "{}", 15, 25)
        assert jobs.take(connection, ["Ready"], "w2", 25, 40) is not None  # the first was heard of no more
        assert not jobs.save(connection, "j1", "w1", "{}", 26, 50)
        jobs.let_go(connection, "j1", "w1")
        assert jobs.take(connection, ["Ready"], "w3", 30, 40) is None
        jobs.let_go(connection, "j1", "w2")
        again = jobs.take(connection, ["Ready"], "w3", 30, 40)
        assert again is not None
        assert again.progress == '{"rows": 5}'
        assert [job.job_id for job in jobs.unchanged_since(connection, ["Open"], 2)] == ["j3", "j2"]
        jobs.drop(connection, "j1")
        assert jobs.get(connection, TENANT, "j1") is None


def test_a_verdict_is_kept_once(store):
    said = Feedback("f1", TENANT, "L1", "p1", 5, "key", "disagree", None, "intent", "he was on holiday")
    with store.writing() as connection:
        feedback.add(connection, said)
        feedback.add(connection, replace(said, note="again"))
        feedback.add(connection, replace(said, feedback_id="f2", at=9))
        assert feedback.of_lead(connection, TENANT, "L1") == [replace(said, feedback_id="f2", at=9), said]
        assert feedback.of_lead(connection, TENANT, "L1", 1) == [replace(said, feedback_id="f2", at=9)]
        assert feedback.of_lead(connection, "another", "L1") == []
