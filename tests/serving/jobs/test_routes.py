"""A job over HTTP, from opening it to fetching its results."""

from __future__ import annotations

import csv
import io
import time

import pytest

from serving.jobs import room, upload
from serving.store import jobs
from serving.store.errors import StoreUnavailable

CSV = {"content-type": "text/csv"}
PATIENCE = 60.0


@pytest.fixture
def job(client):
    """An open job."""
    answer = client.post("/v1/jobs", json={"content_type": "csv"})
    assert answer.status_code == 201, answer.text
    return answer.json()


def path(job, rest=""):
    return f"/v1/jobs/{job['job_id']}{rest}"


def code(answer):
    return answer.status_code, answer.json()["code"]


@pytest.mark.slow
def test_from_opening_to_results(client, job):
    assert job["state"] == "Open"
    rows = b"lead_id,note\nlead 0,x\nlead 1,y\nnobody,z\n"
    uploaded = client.put(path(job, "/batches"), content=rows, headers=CSV)
    assert (uploaded.status_code, uploaded.json()["uploaded_bytes"]) == (200, len(rows))
    assert client.patch(path(job), json={"state": "UploadComplete"}).json()["state"] in {
        "UploadComplete",
        "InProgress",
    }
    end = time.monotonic() + PATIENCE
    while (shown := client.get(path(job)).json())["state"] != "JobComplete":
        assert time.monotonic() < end, shown
        time.sleep(0.1)
    assert (shown["rows"], shown["successful"], shown["failed"]) == (3, 2, 1)
    answer = client.get(path(job, "/successful"))
    assert answer.headers["content-type"].startswith("text/csv")
    assert "attachment" in answer.headers["content-disposition"]
    scored = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["lead_id"] for row in scored] == ["lead 0", "lead 1"]
    stored = client.get(f"/v1/scores/{scored[0]['prediction_id']}").json()
    assert stored["replay"]["equal"], stored["replay"]
    assert stored["answer"]["probability"] == float(scored[0]["probability"])
    refused = list(csv.DictReader(io.StringIO(client.get(path(job, "/failed")).text)))
    assert [(row["lead_id"], row["code"]) for row in refused] == [("nobody", "lead_not_found")]
    assert client.get(path(job, "/unprocessed")).text == "lead_id,as_of\r\n"
    assert client.delete(path(job)).status_code == 204
    assert code(client.get(path(job))) == (404, "job_not_found")


def test_what_is_sent_in_another_form_is_refused(client, job):
    answer = client.put(
        path(job, "/batches"), content=b"lead_id\n", headers={"content-type": "application/json"}
    )
    assert code(answer) == (415, "media_type")


def test_an_upload_that_is_too_large_leaves_nothing(client, job, monkeypatch, settings):
    monkeypatch.setattr(upload, "MOST_BYTES", 1_000)
    monkeypatch.setattr(upload, "AT_ONCE", 100)
    answer = client.put(path(job, "/batches"), content=(b"x" * 90 for _ in range(100)), headers=CSV)
    assert code(answer) == (413, "body_too_large")
    assert list((settings.jobs / job["job_id"]).iterdir()) == []
    assert client.get(path(job)).json()["uploaded_bytes"] == 0


def test_a_second_upload_takes_the_place_of_the_first(client, job, settings):
    for rows in (b"lead_id\nlead 0\nlead 1\n", b"lead_id\nlead 2\n"):
        client.put(path(job, "/batches"), content=rows, headers=CSV)
    assert [file.read_bytes() for file in (settings.jobs / job["job_id"]).iterdir()] == [b"lead_id\nlead 2\n"]


def test_states_that_cannot_be_reached(client, job):
    assert code(client.patch(path(job), json={"state": "UploadComplete"})) == (409, "conflict")
    assert code(client.get(path(job, "/successful"))) == (409, "conflict")
    assert client.patch(path(job), json={"state": "JobComplete"}).status_code == 422
    assert client.patch(path(job), json={"state": "Aborted"}).json()["state"] == "Aborted"
    assert client.patch(path(job), json={"state": "Aborted"}).status_code == 200
    assert code(client.patch(path(job), json={"state": "UploadComplete"})) == (409, "conflict")
    assert code(client.put(path(job, "/batches"), content=b"lead_id\n", headers=CSV)) == (409, "conflict")


def test_what_was_aborted_before_it_began_is_unprocessed(client, job):
    client.put(path(job, "/batches"), content=b"lead_id\nlead 0\n=1\n", headers=CSV)
    client.patch(path(job), json={"state": "Aborted"})
    assert client.get(path(job, "/successful")).text.count("\n") == 1
    assert client.get(path(job, "/unprocessed")).text == "lead_id,as_of\r\nlead 0,\r\n'=1,\r\n"


def test_another_tenant_s_job_is_not_there(client, job, caller):
    other = caller.bearer(tenant="other")
    for answer in (
        client.get(path(job), headers=other),
        client.patch(path(job), json={"state": "Aborted"}, headers=other),
        client.put(path(job, "/batches"), content=b"", headers={**CSV, **other}),
        client.delete(path(job), headers=other),
        client.get(path(job, "/failed"), headers=other),
    ):
        assert code(answer) == (404, "job_not_found")
    assert client.get("/v1/jobs", headers=other).json() == {"jobs": []}
    assert [one["job_id"] for one in client.get("/v1/jobs").json()["jobs"]] == [job["job_id"]]


def test_a_repeat_with_the_same_idempotency_key_opens_one_job(client):
    headers = {"Idempotency-Key": "once"}
    first, second = (client.post("/v1/jobs", json={"content_type": "csv"}, headers=headers) for _ in range(2))
    assert first.content == second.content
    assert len(client.get("/v1/jobs").json()["jobs"]) == 1


def test_a_moment_in_the_future_is_refused(client):
    answer = client.post("/v1/jobs", json={"content_type": "csv", "as_of": "2199-01-01T00:00:00Z"})
    assert code(answer) == (422, "as_of_in_future")


def test_so_many_jobs_may_be_open_and_no_more(client, job, caller, monkeypatch):
    monkeypatch.setattr(room, "MOST_JOBS", 2)
    assert client.post("/v1/jobs", json={"content_type": "csv"}).status_code == 201
    refused = client.post("/v1/jobs", json={"content_type": "csv"})
    assert code(refused) == (429, "too_many_jobs")
    assert int(refused.headers["retry-after"]) > 0
    other = caller.bearer(tenant="other")
    assert client.post("/v1/jobs", json={"content_type": "csv"}, headers=other).status_code == 201
    client.patch(path(job), json={"state": "Aborted"})
    assert client.post("/v1/jobs", json={"content_type": "csv"}).status_code == 201


def test_uploads_together_may_be_so_large_and_no_larger(client, job, monkeypatch, settings):
    monkeypatch.setattr(room, "MOST_KEPT", 30)
    rows = b"lead_id\nlead 0\nlead 1\n"
    second = client.post("/v1/jobs", json={"content_type": "csv"}).json()
    for _ in range(2):  # the second takes the place of the first
        assert client.put(path(job, "/batches"), content=rows, headers=CSV).status_code == 200
    refused = client.put(path(second, "/batches"), content=rows, headers=CSV)
    assert code(refused) == (429, "too_many_jobs")
    assert list((settings.jobs / second["job_id"]).iterdir()) == []
    client.patch(path(job), json={"state": "Aborted"})
    assert client.put(path(second, "/batches"), content=rows, headers=CSV).status_code == 429
    assert client.delete(path(job)).status_code == 204
    assert client.put(path(second, "/batches"), content=rows, headers=CSV).status_code == 200


def test_no_upload_fills_the_disk(client, job, monkeypatch, settings):
    monkeypatch.setattr(upload, "LEAST_FREE", 1 << 62)
    answer = client.put(path(job, "/batches"), content=b"lead_id\nlead 0\n", headers=CSV)
    assert code(answer) == (503, "storage_full")
    assert list((settings.jobs / job["job_id"]).iterdir()) == []


def test_an_upload_that_could_not_be_written_down_leaves_the_one_before(client, job, monkeypatch):
    client.put(path(job, "/batches"), content=b"lead_id\nlead 0\n", headers=CSV)

    def fails(*_, **__):
        raise StoreUnavailable("the disk is gone")

    with monkeypatch.context() as patch:
        patch.setattr(jobs, "move", fails)
        answer = client.put(path(job, "/batches"), content=b"lead_id\nlead 1\nlead 2\n", headers=CSV)
        assert code(answer) == (503, "store_unavailable")
    assert client.get(path(job)).json()["uploaded_bytes"] == len(b"lead_id\nlead 0\n")
    client.patch(path(job), json={"state": "Aborted"})
    assert client.get(path(job, "/unprocessed")).text == "lead_id,as_of\r\nlead 0,\r\n"
