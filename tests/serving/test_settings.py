"""What can be set from outside."""

from __future__ import annotations

from pathlib import Path

import pytest

from serving.settings import PREFIX, Settings, SettingsError, read_settings

SECRET = "s3cret"  # noqa: S105 - of no use to anybody
EVERYWHERE = ".".join("0000")


@pytest.fixture(autouse=True)
def nothing_is_set(monkeypatch):
    for name in Settings.model_fields:
        monkeypatch.delenv(f"{PREFIX}{name.upper()}", raising=False)


def test_without_settings_a_service_is_for_one_machine_alone():
    settings = read_settings()
    assert (settings.host, settings.workers, settings.webhook_url) == ("127.0.0.1", 1, None)
    assert settings.address == "http://127.0.0.1:8000"
    assert not settings.webhook_allow_private


def test_the_environment_is_read_and_a_choice_wins_over_it(monkeypatch):
    monkeypatch.setenv("LEADLIGHT_PORT", "9000")
    monkeypatch.setenv("LEADLIGHT_WORKERS", "4")
    settings = read_settings(port=9001, data=None)
    assert (settings.port, settings.workers, settings.data) == (9001, 4, Path("leadlight-data"))


def test_another_process_reads_the_same_settings(monkeypatch, tmp_path):
    told = read_settings(
        data=tmp_path,
        database_url="postgresql://u:hunter2@db/leadlight",
        webhook_secret=SECRET,
        demo_clock="2025-09-01T00:00:00+02:00",
        docs=False,
        trusted_proxies="10.0.0.0/8, 2001:db8::1",
        public_key=tmp_path / "key.pem",
    )
    for name, value in told.environment().items():
        monkeypatch.setenv(name, value)
    assert read_settings() == told
    assert "LEADLIGHT_WEBHOOK_URL" not in told.environment()


def test_secrets_do_not_show():
    settings = read_settings(database_url="postgresql://u:hunter2@db/x", webhook_secret=SECRET)
    assert "hunter2" not in repr(settings)
    assert SECRET not in str(settings)
    assert settings.database == "postgresql://u:hunter2@db/x"


def test_the_database_is_a_file_below_the_data_wherever_a_worker_starts(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert read_settings(data=Path("data")).database == f"sqlite:///{tmp_path}/data/service.db"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("port", "hunter2"),
        ("port", 70_000),
        ("workers", 0),
        ("demo_clock", "2025-09-01T00:00:00"),
        ("read_seconds", -1),
        ("max_body_bytes", 1),
        ("trusted_proxies", "10.0.0.1/8,hunter2"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name_and_never_repeated(name, value):
    with pytest.raises(SettingsError, match=f"{name}: ") as refused:
        read_settings(**{name: value})
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    ("chosen", "address"),
    [
        ({"host": EVERYWHERE, "port": 80}, "http://127.0.0.1:80"),
        ({"host": "::1"}, "http://[::1]:8000"),
        ({"host": "leads.example"}, "http://leads.example:8000"),
        ({"base_url": "https://leads.example/"}, "https://leads.example"),
    ],
)
def test_the_address_is_what_people_type(chosen, address):
    assert read_settings(**chosen).address == address
