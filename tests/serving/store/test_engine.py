from __future__ import annotations

import sqlite3
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import insert, select, text

from features.errors import LeadlightError
from serving.store import meta
from serving.store.engine import WAIT_MS, Store
from serving.store.errors import StoreUnavailable
from serving.store.migrating import FOLDER, NEWEST, upgrade
from serving.store.tables import LEASES, METADATA

ROW = {"name": "x", "holder": "y", "until": 1}

OPENER = """
import sys
from serving.store.engine import Store
sys.stdin.read()
Store.open(sys.argv[1]).close()
"""

HOLDER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
sys.stdin.read()
"""


def test_every_connection_of_sqlite_is_set_for_a_loss_of_power(file_store):
    wanted = {
        "journal_mode": "wal",
        "synchronous": 2,
        "busy_timeout": WAIT_MS,
        "foreign_keys": 1,
        "secure_delete": 1,
        "temp_store": 2,
    }

    def settings(connection):
        return {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in wanted}

    with file_store.writing() as one:
        assert settings(one) == wanted
    with file_store.reading() as one, file_store.reading() as two, file_store.reading() as three:
        assert one is not two
        assert [settings(connection) for connection in (one, two, three)] == [wanted] * 3
    with file_store.upkeep():
        pass
    with file_store.writing() as fresh:
        assert settings(fresh) == wanted


def test_the_file_is_for_our_eyes_only(file_store):
    with file_store.reading() as connection:  # the last one to close takes the log away
        connection.execute(select(LEASES)).all()
    for suffix in ("", "-wal", "-shm"):
        mode = stat.S_IMODE(Path(f"{file_store.file}{suffix}").stat().st_mode)
        assert mode == 0o600


def test_the_tables_are_what_the_migrations_make(store):
    with store.writing() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, METADATA) == []


def test_the_newest_step_is_the_last_migration():
    assert ScriptDirectory(str(FOLDER)).get_current_head() == NEWEST


def test_a_start_with_tables_in_order_does_not_load_alembic(file_store, run_python):
    program = f"""
import sys
from serving.store.engine import Store
Store.open("sqlite:///{file_store.file}").close()
print("alembic" in sys.modules)
"""
    assert run_python(program) == "False\n"


def test_readers_can_hash_ids(store):
    with store.reading() as connection:
        assert meta.keyed_hash(connection, "one", "L1") != meta.keyed_hash(connection, "two", "L1")


def test_migrating_again_changes_nothing(store):
    with store.writing() as connection:
        connection.execute(insert(LEASES), ROW)
        upgrade(connection)
    store.migrate()
    with store.reading() as connection:
        assert connection.execute(select(LEASES.c.holder)).scalars().all() == ["y"]


@pytest.mark.slow
def test_workers_that_start_at_once_all_find_the_tables(url):
    starting = [
        subprocess.Popen([sys.executable, "-c", OPENER, url], stdin=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(4)
    ]
    ended = [worker.communicate(b"go", timeout=120) for worker in starting]
    assert [worker.returncode for worker in starting] == [0] * 4, ended
    Store.open(url).close()


def test_a_database_of_a_newer_version_is_left_alone(url):
    store = Store.open(url)
    with store.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    store.close()
    with pytest.raises(LeadlightError, match="newer version"):
        Store.open(url)


@pytest.mark.parametrize("url", ["mysql://somewhere/x", "sqlite://", "sqlite:///:memory:"], ids=str)
def test_other_databases_are_refused(url):
    with pytest.raises(LeadlightError, match="no database of this kind"):
        Store.open(url)


def test_a_reader_sees_one_state_while_others_write(store):
    with store.reading() as reader:
        assert reader.execute(select(LEASES)).all() == []
        with store.writing() as writer:
            writer.execute(insert(LEASES), ROW)
        assert reader.execute(select(LEASES)).all() == []
    with store.reading() as reader:
        assert len(reader.execute(select(LEASES)).all()) == 1


def test_what_raises_is_undone_and_comes_out_as_it_is(store):
    def fails():
        with store.writing() as connection:
            connection.execute(insert(LEASES), ROW)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fails()
    with store.reading() as connection:
        assert connection.execute(select(LEASES)).all() == []


def test_a_wrong_query_is_not_called_an_outage(store):
    with pytest.raises(Exception, match="nowhere") as caught, store.reading() as connection:
        connection.execute(text("SELECT * FROM nowhere"))
    assert not isinstance(caught.value, StoreUnavailable)
    with store.reading() as connection:
        assert connection.execute(text("SELECT 1")).scalar() == 1


def test_writers_wait_for_each_other_but_not_for_long(store):
    began = time.monotonic()
    with store.writing(), pytest.raises(StoreUnavailable, match="nothing was written"), store.writing():
        pass
    assert 1.0 < time.monotonic() - began < 2.5
    with store.writing() as connection:
        connection.execute(insert(LEASES), ROW)


def test_a_database_that_another_program_holds_is_told_within_two_seconds(file_store):
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(file_store.file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert holder.stdin is not None
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    began = time.monotonic()
    with pytest.raises(StoreUnavailable), file_store.writing():
        pass
    assert time.monotonic() - began < 2
    holder.communicate(timeout=30)
    with file_store.writing() as connection:
        connection.execute(insert(LEASES), ROW)


def test_too_many_readers_are_told(url):
    store = Store.open(url, readers=1)
    with store.reading(), pytest.raises(StoreUnavailable, match="too many read"), store.reading():
        pass
    with store.reading() as connection:
        assert connection.execute(text("SELECT 1")).scalar() == 1
    store.close()


def test_readers_in_many_threads_do_not_disturb_each_other(store):
    with store.writing() as connection:
        connection.execute(
            insert(LEASES), [{"name": str(n), "holder": str(n), "until": n} for n in range(50)]
        )
    wrong: list[object] = []

    def read(number):
        for _ in range(50):
            with store.reading() as connection:
                found = connection.execute(
                    select(LEASES.c.until).where(LEASES.c.name == str(number))
                ).scalar()
            if found != number:
                wrong.append(found)

    threads = [threading.Thread(target=read, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@pytest.mark.postgres
@pytest.mark.slow
def test_a_server_that_comes_back_is_used_again(postgres_url, postgres):
    store = Store.open(postgres_url)
    with store.reading():
        pass
    postgres.stop()
    try:
        for transaction in (store.reading, store.writing, store.reading):
            began = time.monotonic()
            with pytest.raises(StoreUnavailable), transaction() as connection:
                connection.execute(text("SELECT 1"))
            assert time.monotonic() - began < 2
    finally:
        postgres.start()
    with store.reading() as connection:
        assert connection.execute(text("SELECT 1")).scalar() == 1
    with store.writing() as connection:
        connection.execute(insert(LEASES), ROW)
    store.close()


def test_a_file_that_is_no_database_is_an_outage_with_a_name(tmp_path):
    file = tmp_path / "service.db"
    file.write_bytes(b"not a database" * 1000)
    with pytest.raises(StoreUnavailable, match="not a database"):
        Store.open(f"sqlite:///{file}")
    assert file.read_bytes().startswith(b"not a database")


def test_secrets_of_the_database_stay_and_differ(store):
    with store.writing() as connection:
        pepper, other = meta.secret(connection, meta.PEPPER), meta.secret(connection, "sessions")
    with store.writing() as connection:
        assert meta.secret(connection, meta.PEPPER) == pepper
    assert len(pepper) == 32
    assert pepper != other


def test_sqlite_is_new_enough():
    assert sqlite3.sqlite_version_info >= (3, 35)
