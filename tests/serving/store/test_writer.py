from __future__ import annotations

import subprocess
import sys
import threading
import time

import pytest
from sqlalchemy import event, insert, select, text

from serving.store.engine import Store
from serving.store.errors import StoreUnavailable
from serving.store.tables import LEASES, META
from serving.store.writer import Writer
from tests.serving.store.test_engine import HOLDER


def put(name):
    def work(connection):
        connection.execute(insert(LEASES), {"name": name, "holder": "x", "until": 1})
        return name

    return work


def names(store):
    with store.reading() as connection:
        return sorted(connection.execute(select(LEASES.c.name)).scalars())


@pytest.fixture
def held(writer):
    """Makes the writer wait inside a unit, so that what is submitted meanwhile becomes one group."""
    began, go = threading.Event(), threading.Event()

    def wait(_connection):
        began.set()
        assert go.wait(10)

    first = writer.submit(wait)
    assert began.wait(10)
    yield go
    go.set()
    first.result(10)


def test_a_unit_returns_what_it_returned_after_it_can_be_read(store, writer):
    assert writer.submit(put("a")).result(10) == "a"
    assert names(store) == ["a"]


def test_a_unit_that_fails_is_undone_alone(store, writer, held):
    def fails(connection):
        put("half")(connection)
        raise ValueError("no")

    units = [writer.submit(put("a")), writer.submit(fails), writer.submit(put("b")), writer.submit(put("a"))]
    held.set()
    assert units[0].result(10) == "a"
    with pytest.raises(ValueError, match="no"):
        units[1].result(10)
    assert units[2].result(10) == "b"
    with pytest.raises(Exception, match=r"(?i)unique"):
        units[3].result(10)
    assert names(store) == ["a", "b"]


def test_units_that_wait_share_one_commit(store, writer, held):
    commits = []
    event.listen(store._writers, "commit", commits.append)
    units = [writer.submit(put(str(number))) for number in range(20)]
    held.set()
    for unit in units:
        unit.result(10)
    assert len(names(store)) == 20
    assert 1 <= len(commits) < 20  # a slow machine closes a group by time


def test_a_commit_that_fails_fails_every_unit_of_the_group_and_leaves_nothing(file_store, monkeypatch):
    writer = Writer(file_store)
    assert writer.submit(put("before")).result(10) == "before"
    with file_store.writing() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
    file_store._writers.dispose()  # the limit is a connection's, and is set again at each

    def limit(connection, _record):
        connection.execute(f"PRAGMA max_page_count = {pages}")

    event.listen(file_store._writers, "connect", limit)

    def big(connection):
        connection.execute(insert(META), {"name": "big", "value": b"x" * 1_000_000})

    units = [writer.submit(work) for work in (put("one"), big, put("two"))]
    failed = [unit.exception(10) for unit in units]
    assert isinstance(failed[1], StoreUnavailable)
    kept = {name for name, error in zip(["one", "big", "two"], failed, strict=True) if error is None}
    assert set(names(file_store)) == {"before"} | kept  # what was answered is there, and nothing else
    event.remove(file_store._writers, "connect", limit)
    file_store._writers.dispose()
    assert writer.submit(put("after")).result(10) == "after"
    with file_store.reading() as connection:
        assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
    assert writer.close()


def test_all_who_wait_for_a_locked_database_are_told_within_two_seconds(file_store, file_writer):
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(file_store.file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    began = time.monotonic()
    units = [file_writer.submit(put(str(number))) for number in range(300)]
    for unit in units:
        with pytest.raises(StoreUnavailable):
            unit.result(10)
    assert time.monotonic() - began < 2
    holder.communicate(timeout=30)
    assert file_writer.submit(put("after")).result(5) == "after"
    assert names(file_store) == ["after"]


def test_a_full_queue_is_told_at_once(store):
    go = threading.Event()
    writer = Writer(store, most_waiting=1)
    began = threading.Event()

    def wait(_connection):
        began.set()
        assert go.wait(10)

    first = writer.submit(wait)
    assert began.wait(10)
    second = writer.submit(put("a"))
    with pytest.raises(StoreUnavailable, match="too many writes"):
        writer.submit(put("b"))
    go.set()
    first.result(10)
    assert second.result(10) == "a"
    assert writer.close()


def test_closing_writes_what_waits_and_takes_nothing_more(store):
    writer = Writer(store)
    units = [writer.submit(put(f"{number:03d}")) for number in range(300)]
    assert writer.close()
    assert [unit.result(0) for unit in units] == [f"{number:03d}" for number in range(300)]
    assert len(names(store)) == 300
    with pytest.raises(StoreUnavailable, match="shutting down"):
        writer.submit(put("late"))
    assert writer.close()


def test_a_unit_that_was_cancelled_is_not_done(store, writer, held):
    unit = writer.submit(put("cancelled"))
    assert unit.cancel()
    held.set()
    assert writer.submit(put("kept")).result(10) == "kept"
    assert names(store) == ["kept"]


@pytest.mark.postgres
@pytest.mark.slow
def test_a_connection_that_breaks_does_not_stop_the_writer(postgres_url):
    store = Store.open(postgres_url)
    writer = Writer(store)

    def killed(connection):
        put("lost")(connection)
        connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))

    with pytest.raises(StoreUnavailable):
        writer.submit(killed).result(10)
    assert writer.submit(put("kept")).result(10) == "kept"
    assert names(store) == ["kept"]
    assert writer.close()
    store.close()
