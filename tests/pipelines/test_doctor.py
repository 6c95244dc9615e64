"""Is this machine ready?"""

from __future__ import annotations

import socket
from importlib import metadata

import pytest

from pipelines.doctor import Finding, examine


@pytest.fixture(autouse=True)
def local_tracking(monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


def finding(folder, what) -> Finding:
    return next(each for each in examine(folder) if each.what == what)


def test_this_environment_is_ready(tmp_path):
    assert [each for each in examine(tmp_path) if each.state != "ok"] == []


def test_the_packages_of_a_training_are_looked_at(tmp_path):
    names = {each.what for each in examine(tmp_path)}
    assert {"numpy", "lightgbm", "mlflow", "pandas", "tzdata"} <= names
    assert not {"pytest", "fastapi", "pyspark"} & names


def test_an_old_package_is_broken_and_says_what_is_needed(tmp_path, monkeypatch):
    real = metadata.version
    monkeypatch.setattr(metadata, "version", lambda name: "0.1" if name == "lightgbm" else real(name))
    found = finding(tmp_path, "lightgbm")
    assert (found.state, found.advice) == ("broken", "run `make setup`")
    assert found.detail.startswith("0.1, but ")


def test_a_package_that_is_not_there_is_broken(tmp_path, monkeypatch):
    real = metadata.version

    def version(name):
        if name == "shap":
            raise metadata.PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(metadata, "version", version)
    assert finding(tmp_path, "shap").detail == "not installed"


def test_a_folder_still_to_be_made_is_judged_by_its_parent(tmp_path):
    assert finding(tmp_path / "a" / "b", "folder") == Finding("folder", "ok", f"{tmp_path} can be written")


def test_a_folder_that_cannot_be_written_is_broken(tmp_path):
    (tmp_path / "file").touch()
    assert finding(tmp_path / "file" / "run", "folder").state == "broken"


def test_a_silent_tracking_server_is_a_warning_and_its_password_stays_private(tmp_path, monkeypatch):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://ann:secret@127.0.0.1:{port}")
    found = finding(tmp_path, "tracking")
    assert found.state == "warning"
    assert "secret" not in found.line()


def test_an_answering_tracking_server_is_fine(tmp_path, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{server.getsockname()[1]}")
        assert finding(tmp_path, "tracking").state == "ok"


def test_advice_stands_below_what_it_is_about():
    line = Finding("shap", "broken", "not installed", "run `make setup`").line()
    assert [part.strip() for part in line.splitlines()] == [
        "broken   shap           not installed",
        "run `make setup`",
    ]
