"""The commands of the service, on a data folder of their own."""

from __future__ import annotations

import json
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import httpx2
import pytest
import typer
from typer.testing import CliRunner

from features.clock import DAY
from features.errors import LeadlightError
from features.evidence import Event, Evidence
from features.folder import write_history
from serving import starting
from serving.bundle_store import BundleStore
from serving.cli import app
from serving.scopes import SCOPES
from serving.settings import PREFIX, Settings
from serving.starting import Banner, StartError, listen
from tests.serving.service import NOW, TENANT

OURS = ("--tenant", TENANT)
LEADLIGHT = [sys.executable, "-P", "-c", "from pipelines.cli import main; main()"]


@pytest.fixture(autouse=True)
def nothing_is_set(monkeypatch):
    for name in Settings.model_fields:
        monkeypatch.delenv(f"{PREFIX}{name.upper()}", raising=False)


@pytest.fixture
def data(prepared_data, tmp_path) -> Path:
    return Path(shutil.copytree(prepared_data, tmp_path / "data"))


def run(*arguments: object) -> dict:
    """What a command answers; errors come out as they are."""
    done = CliRunner().invoke(app, [*map(str, arguments), "--json"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def a_lead(data: Path) -> str:
    with sqlite3.connect(data / "service.db") as connection:
        return connection.execute("SELECT lead_id FROM leads ORDER BY lead_id").fetchone()[0]


def test_keys_are_created_listed_and_revoked(data):
    made = run(
        "keys", "create", "--name", "crm", "--scope", "score", "--scope", "jobs", "--days", 30, "--data", data
    )
    assert made["key"].startswith(f"ll_{made['key_id']}_")
    assert made["scopes"] == ["jobs", "score"]
    (listed,) = run("keys", "list", "--data", data)["keys"]
    assert (listed["name"], listed["state"], listed["tenant"]) == ("crm", "holds", "default")
    assert made["key"] not in json.dumps(listed)
    run("keys", "revoke", made["key_id"], "--data", data)
    assert run("keys", "list", "--data", data)["keys"][0]["state"] == "revoked"
    with pytest.raises(LeadlightError, match="revoked before"):
        run("keys", "revoke", made["key_id"], "--data", data)


def test_the_secret_of_a_key_is_nowhere_on_the_disk(data):
    made = run("keys", "create", "--name", "crm", "--scope", "all", "--data", data)
    assert made["scopes"] == sorted(SCOPES)
    secret = (
        made["key"].rpartition("_")[2].encode() if "_" not in made["key"][15:] else made["key"][14:].encode()
    )
    assert [file for file in data.rglob("*") if file.is_file() and secret in file.read_bytes()] == []


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--name", "crm", "--scope", "everything"), "there is no scope 'everything'"),
        (("--name", " ", "--scope", "score"), "the name of a key"),
        (("--name", "crm\n", "--scope", "score"), "the name of a key"),
        (("--name", "crm", "--scope", "score", "--tenant", "x" * 101), "the tenant of a key"),
    ],
)
def test_a_key_that_cannot_be_meant_is_refused(data, options, told):
    with pytest.raises(LeadlightError, match=told):
        run("keys", "create", *options, "--data", data)


@pytest.mark.parametrize(
    "command",
    [
        ("rollback",),
        ("retire",),
        ("rescore",),
        ("purge",),
        ("keys", "list"),
        ("outbox", "list"),
        ("forget", "L1"),
    ],
)
def test_where_there_is_no_service_it_is_said_and_nothing_is_made(tmp_path, command):
    with pytest.raises(LeadlightError, match="there is no service in"):
        run(*command, "--data", tmp_path / "none")
    assert list(tmp_path.iterdir()) == []


def test_a_data_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(LeadlightError, match="cannot be made"):
        run("keys", "create", "--name", "a", "--scope", "score", "--data", tmp_path / "file" / "data")


def test_a_lead_is_objected_for_agreed_for_and_forgotten(data):
    lead = a_lead(data)
    assert run("object", lead, *OURS, "--reason", "by mail", "--data", data) == {"objected": True}
    assert (
        run("rescore", *OURS, "--data", data, "--demo-clock", NOW.isoformat())["left_out"]["lead_objected"]
        == 1
    )
    assert run("withdraw", lead, *OURS, "--data", data) == {"withdrawn": True}
    assert run("withdraw", lead, *OURS, "--data", data) == {"withdrawn": False}
    assert run("forget", lead, *OURS, "--data", data) == {"forgotten": True}
    assert a_lead(data) != lead


def test_all_leads_are_scored_and_recorded(data):
    done = run("rescore", *OURS, "--data", data, "--demo-clock", NOW.isoformat())
    with sqlite3.connect(data / "service.db") as connection:
        count = connection.execute("SELECT count(*) FROM latest_scores").fetchone()[0]
        origins = connection.execute("SELECT DISTINCT origin FROM predictions").fetchall()
    assert done["scored"] == sum(done["bands"].values()) == count > 0
    assert origins == [("job",)]
    opened = run("rescore", *OURS, "--open", "--data", data, "--demo-clock", NOW.isoformat())
    assert 0 < opened["scored"] <= count


@pytest.mark.slow
def test_a_backup_is_a_data_folder_of_its_own(data, tmp_path):
    done = run("backup", "--out", tmp_path / "copy", "--data", data)
    assert done["bundles"] == 1
    scored = run("rescore", *OURS, "--data", tmp_path / "copy", "--demo-clock", NOW.isoformat())
    assert scored["scored"] > 0
    with pytest.raises(LeadlightError, match="never written over"):
        run("backup", "--out", tmp_path / "copy", "--data", data)


def test_what_is_past_its_time_is_removed(data):
    run("rescore", *OURS, "--data", data, "--demo-clock", "2026-01-01T00:00:00Z")
    with sqlite3.connect(data / "service.db") as connection:
        connection.execute("UPDATE predictions SET made_at = made_at - ?", (800 * DAY,))
        before = connection.execute("SELECT count(*) FROM predictions").fetchone()[0]
    connection.close()
    assert run("purge", "--data", data)["rows"] >= before > 0


def test_dead_letters_are_listed_and_replayed(data):
    assert run("outbox", "list", "--data", data) == {"dead": []}
    assert run("outbox", "replay", "--data", data) == {"replayed": 0}


def test_a_history_is_loaded_into_a_new_service(tmp_path):
    rows = Evidence("ann", DAY, events=[Event("e1", "visit", 2 * DAY, 2 * DAY)])
    write_history(tmp_path / "history", rows.to_tables(), {"observed_until": "2025-10-01T00:00:00Z"})
    done = run("load", tmp_path / "history", "--data", tmp_path / "new")
    assert (done["leads"], done["events"]) == ({"stored": 1}, {"stored": 1})
    assert (tmp_path / "new").stat().st_mode & 0o077 == 0


def test_bundles_are_signed_and_then_taken_by_who_asks_for_it(bundle_dir, tmp_path, monkeypatch):
    bundle = Path(shutil.copytree(bundle_dir, tmp_path / "bundle"))
    keys = run("keys", "new-signing", "--out", tmp_path / "keys")
    monkeypatch.setenv("LEADLIGHT_PUBLIC_KEY", keys["public"])
    monkeypatch.setattr(BundleStore, "_try", lambda *_: None)
    with pytest.raises(LeadlightError, match="not signed"):
        run("activate", bundle, "--data", tmp_path / "data")
    signed = run("sign", "--bundle", bundle, "--key", keys["private"])
    done = run("activate", bundle, "--data", tmp_path / "data")
    assert done["fingerprint"] == signed["fingerprint"]
    assert (done["role"], done["serving"], done["previous"]) == ("champion", 0, None)


def test_a_challenger_comes_and_goes(data, bundle_dir):
    done = run("activate", bundle_dir, "--as", "challenger", "--data", data)
    assert done["role"] == "challenger"
    assert run("retire", "--data", data)["previous"] == done["fingerprint"]


@pytest.mark.parametrize("moment", ["yesterday", "2025-09-01T00:00:00"])
def test_a_clock_that_cannot_be_meant_is_refused(data, moment):
    with pytest.raises(LeadlightError, match=moment):
        run("rescore", *OURS, "--data", data, "--demo-clock", moment)


# ── serve ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def port():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        yield taken.getsockname()[1]


def test_a_port_that_is_taken_is_told_before_anything_is_made(port, tmp_path):
    with pytest.raises(StartError, match="--port 8001"):
        run("serve", "--port", port, "--data", tmp_path / "data")
    assert not (tmp_path / "data").exists()


def test_a_host_of_another_machine_is_told():
    with pytest.raises(StartError, match="cannot be listened on"):
        listen(Settings(host="192.0.2.1", port=0))


def test_without_a_model_it_is_said_how_to_name_one(tmp_path):
    with pytest.raises(StartError, match="--bundle"):
        starting.prepare(Settings(data=tmp_path / "data"), None)


def test_a_missing_bundle_is_told(tmp_path):
    with pytest.raises(LeadlightError, match="there is no bundle at"):
        starting.prepare(Settings(data=tmp_path / "data"), tmp_path / "none")


def test_the_first_start_makes_a_key_and_later_ones_do_not(data, bundle_dir):
    first = starting.prepare(Settings(data=data), bundle_dir)
    assert first.key is not None
    assert first.key in first.curl()
    again = starting.prepare(Settings(data=data), None)
    assert again.key is None
    assert again.champion == first.champion
    assert "$LEADLIGHT_KEY" in again.curl()
    (listed,) = run("keys", "list", "--data", data)["keys"]
    assert (listed["name"], listed["scopes"]) == ("first key", sorted(SCOPES))


def test_the_curl_line_is_safe_whatever_the_id_of_the_lead():
    banner = Banner(Settings(), "ab" * 32, None, 'a/b"; rm -rf $HOME #')
    assert banner.curl().endswith("/v1/leads/a%2Fb%22%3B%20rm%20-rf%20%24HOME%20%23/score")
    assert Banner(Settings(docs=False), "ab" * 32, None, None).to_dict()["docs"] is None


def test_a_registry_that_is_down_keeps_no_service_from_starting_again(data, monkeypatch, capsys):
    monkeypatch.setattr(
        starting, "_command", lambda: [sys.executable, "-c", "raise SystemExit('no MLflow there')"]
    )
    banner = starting.prepare(Settings(data=data), None, "models:/leadlight@champion")
    assert banner.champion in {entry.name for entry in (data / "bundles").iterdir()}
    assert "no MLflow there" in capsys.readouterr().err


def test_a_registry_that_is_down_is_told_where_there_is_nothing_else(tmp_path, monkeypatch):
    monkeypatch.setattr(
        starting, "_command", lambda: [sys.executable, "-c", "raise SystemExit('no MLflow there')"]
    )
    with pytest.raises(StartError, match="no MLflow there"):
        starting.prepare(Settings(data=tmp_path / "data"), None, "models:/leadlight@champion")


def test_a_registered_model_is_fetched_by_another_process(data, bundle_dir, monkeypatch):
    copies = (
        f"import shutil, sys; shutil.copytree({str(bundle_dir)!r}, sys.argv[sys.argv.index('--out') + 1])"
    )
    monkeypatch.setattr(starting, "_command", lambda: [sys.executable, "-c", copies])
    banner = starting.prepare(Settings(data=data), None, "models:/leadlight@champion")
    assert (data / "bundles" / banner.champion).is_dir()
    assert list(data.glob(".fetched-*")) == []


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_it_serves_as_printed_and_stops_when_told(data, workers, tmp_path):
    ann = Evidence("ann", DAY, events=[Event("e1", "visit", 2 * DAY, 2 * DAY)])
    write_history(tmp_path / "history", ann.to_tables(), {"observed_until": "2025-10-01T00:00:00Z"})
    run("load", tmp_path / "history", "--data", data)
    command = [*LEADLIGHT, "serve", "--data", str(data), "--port", "0", "--workers", str(workers), "--json"]
    command += ["--demo-clock", NOW.isoformat()]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as service:
        banner = json.loads(service.stdout.readline())
        try:
            url = next(word for word in banner["try"].split() if word.startswith("http://"))
            headers = {"Authorization": f"Bearer {banner['key']}"}
            answer = httpx2.get(
                url, headers=headers, timeout=60
            )  # the socket listens before the workers are up
            assert answer.status_code == 200
            assert answer.json()["scored"] is True
            assert answer.json()["model"]["bundle"] == banner["champion"]
            assert httpx2.get(banner["docs"], timeout=10).status_code == 200
        finally:
            service.terminate()
            began = time.monotonic()
            _, log = service.communicate(timeout=30)
    assert time.monotonic() - began < 15
    assert service.returncode in (0, -15)
    lines = [json.loads(line) for line in log.splitlines()]
    assert {"models are live", "the service stops"} <= {line["event"] for line in lines}
    assert banner["key"] not in log
    assert url.split("/")[-2] not in log


def test_commands_are_a_typer_app_for_the_entry_point():
    assert isinstance(app, typer.Typer)
