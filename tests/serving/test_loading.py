"""A history comes into the store as it is."""

from __future__ import annotations

import pytest

from features.clock import DAY
from features.errors import TableError
from features.evidence import Colleague, Event, Evidence, Fact, StageEntry
from features.folder import write_history
from serving.loading import KINDS, ROWS, load_history
from serving.store import erase, suppression
from serving.store.engine import Store
from serving.store.evidence import count_leads, head, read_evidence

NOW = 20_400 * DAY
FIELDS = {
    "industry": {"entity": "lead", "availability": "versioned"},
    "employees": {"entity": "account", "availability": "versioned"},
}
MANIFEST = {"observed_until": "2025-10-01T00:00:00Z", "fields": FIELDS}
ANN = Evidence(
    "ann",
    created_at=20_000 * DAY,
    account_id="acme",
    service_line="genomics",
    events=(
        Event("e1", "visit", 20_001 * DAY, 20_002 * DAY, 3.5, "pricing", "web", "spring", "google"),
        Event("e2", "email_open", 20_003 * DAY, 20_003 * DAY + 1),
    ),
    stages=(StageEntry("mql", 20_002 * DAY, 20_002 * DAY, None, "marketing"),),
    facts=(
        Fact("industry", "biotech", 20_000 * DAY, 20_000 * DAY),
        Fact("industry", None, 20_005 * DAY, 20_006 * DAY),
    ),
    account_facts=(Fact("employees", "250", 19_990 * DAY, 20_001 * DAY),),
    colleagues=(Colleague("bob", 20_004 * DAY, (Event("e1", "visit", 20_004 * DAY, 20_004 * DAY),)),),
)


@pytest.fixture
def store(empty_url):
    store = Store.open(empty_url)
    yield store
    store.close()


@pytest.fixture
def history(tmp_path):
    write_history(tmp_path / "history", ANN.to_tables(), MANIFEST)
    return tmp_path / "history"


def evidence(store: Store, lead_id: str, tenant: str = "default") -> Evidence | None:
    with store.reading() as connection:
        return read_evidence(connection, tenant, lead_id, with_account=True)


def sorted_rows(one: Evidence):
    return [
        (one.lead_id, one.created_at, one.account_id, one.service_line),
        *(
            sorted(rows, key=repr)
            for rows in (one.events, one.stages, one.facts, one.account_facts, one.colleagues)
        ),
    ]


def test_what_was_known_when_stays_as_it_was(store, history):
    done = load_history(store, history, "default", NOW)
    assert sorted_rows(evidence(store, "ann")) == sorted_rows(ANN)
    assert done.to_dict() == {
        "leads": {"stored": 2},
        "attributes": {"stored": 3},
        "stages": {"stored": 1},
        "events": {"stored": 3},
    }


def test_loading_again_changes_nothing(store, history):
    load_history(store, history, "default", NOW)
    with store.reading() as connection:
        before = head(connection, "default", "ann")
    done = load_history(store, history, "default", NOW + DAY)
    with store.reading() as connection:
        assert head(connection, "default", "ann") == before
    assert {name: set(counts) for name, counts in done.to_dict().items()} == {
        name: {"unchanged"} for name in KINDS
    }


def test_every_row_of_many_transactions_comes(store, tmp_path):
    many = Evidence(
        "ann", 0, events=[Event(f"e{at}", "visit", DAY + at, DAY + at) for at in range(2 * ROWS + 7)]
    )
    write_history(tmp_path / "history", many.to_tables(), MANIFEST)
    said = []
    done = load_history(store, tmp_path / "history", "default", NOW, said.append)
    assert done.tables["events"] == {"stored": 2 * ROWS + 7}
    assert len(evidence(store, "ann").events) == 2 * ROWS + 7
    assert said[-1] == f"events: {2 * ROWS + 7:,} rows"


def test_tenants_do_not_see_each_other(store, history):
    load_history(store, history, "theirs", NOW)
    with store.reading() as connection:
        assert count_leads(connection, "default") == 0
        assert count_leads(connection, "theirs") == 2
    assert evidence(store, "ann") is None


def test_a_person_who_was_erased_does_not_come_back(store, history):
    load_history(store, history, "default", NOW)
    erase.forget(store, "default", "ann", history.parent, now=NOW)
    done = load_history(store, history, "default", NOW)
    assert done.to_dict()["leads"] == {"refused": 1, "unchanged": 1}
    assert evidence(store, "ann") is None
    with store.reading() as connection:
        assert suppression.standing(connection, "default", ["ann"]) == {"ann": "forgotten"}


def test_a_damaged_history_is_refused(store, history):
    file = next((history / "events").iterdir())
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(TableError, match="not the file that was written"):
        load_history(store, history, "default", NOW)


def test_a_missing_history_is_told_with_the_command_that_makes_one(store, tmp_path):
    with pytest.raises(TableError, match="leadlight ingest"):
        load_history(store, tmp_path / "none", "default", NOW)


def test_what_was_loaded_is_told_in_lines(store, history):
    assert load_history(store, history, "default", NOW).lines()[0] == "leads       2 stored"
