from __future__ import annotations

import json
from pathlib import Path

import pytest
from sqlalchemy import func, select

from features.evidence import Evidence
from serving.jobs.files import JobFiles
from serving.jobs.progress import Order, Part, Progress
from serving.jobs.publishing import published
from serving.store import (
    audit,
    erase,
    evidence,
    feedback,
    idempotency,
    job_files,
    jobs,
    predictions,
    suppression,
)
from serving.store.errors import LeadForgotten
from serving.store.feedback import Feedback
from serving.store.idempotency import Began, Replay
from serving.store.jobs import Job
from serving.store.rows import AttributeRow, EventRow, LeadRow, StageRow
from serving.store.tables import IDEMPOTENCY, METADATA
from tests.serving.store.making import TENANT, prediction

GONE = "CANARY-lead-Zoë"
CANARY = "CANARY"
FORMS = ("CANARY", "canary")


def company(store):
    """A lead that is full of canaries beside others that have none, in every table."""
    answers: dict[str, Replay] = {}
    with store.writing() as connection:
        for lead, word in ((GONE, CANARY), ("L2", "plain"), ("L10", "plain")):
            evidence.put_leads(connection, TENANT, [LeadRow(lead, 1, "acme", f"{word} line")], 5)
            rows = [EventRow(lead, f"{word}-{n}", "visit", n, topic=f"{word} topic") for n in range(300)]
            evidence.put_events(connection, TENANT, rows, 500)
            evidence.put_attributes(
                connection, TENANT, [AttributeRow("lead", lead, "city", f"{word} city", 2)], 5
            )
            evidence.put_stages(connection, TENANT, [StageRow(lead, "mql", 2, reason=f"{word} reason")], 5)
            number = len(word) + len(lead)
            answer = json.dumps({"lead_id": lead, "facts": [word] * 400}).encode()
            made = prediction(number, lead, answer=answer, words=f'{{"0": "{word}"}}', band="A")
            predictions.record(connection, [made], alert_points=1.0)
            said = Feedback(
                f"f{number}", TENANT, lead, made.prediction_id, 9, "key", "reject", "no", None, f"{word}!"
            )
            feedback.add(connection, said)
            answers[f"{word}-{lead}"] = Replay(200, answer, "application/json")
        suppression.object_to_profiling(connection, TENANT, GONE, f"{CANARY} says no", 10)
        for key, replay in answers.items():
            idempotency.begin(connection, TENANT, "key", key, b"f", 9)
            idempotency.finish(connection, "key", key, Began(9), replay)


def keep(store, job_id: str, progress: Progress, *, tenant=TENANT, state="JobComplete") -> None:
    orders = Order("score", "csv", "none", None).to_json()
    with store.writing() as connection:
        jobs.create(connection, Job(job_id, tenant, "key", state, orders, progress.to_json(), 1, 1))


def job(store, folder: Path, job_id: str, *, tenant=TENANT, state="JobComplete") -> Path:
    keep(store, job_id, Progress(), tenant=tenant, state=state)
    made = folder / "jobs" / job_id
    made.mkdir(parents=True)
    csv = f'lead_id,note\r\n{GONE},"two\r\nlines"\r\nL2,"a ""quote"""\r\n"{GONE}",x\r\n'
    (made / "input.csv").write_text(csv, encoding="utf-8", newline="")
    lines = [{"lead_id": GONE, "deep": [CANARY]}, {"lead_id": "L2"}, {"row": {"id": GONE}}]
    text = "\n".join(json.dumps(line) for line in lines) + "\n"
    (made / "successful.ndjson").write_text(text, encoding="utf-8")
    (made / "failed.1.part").write_text(f"L2 {GONE}\nL10\n", encoding="utf-8")
    (made / "notes.txt").write_text(f"L2 {GONE}\nL10\n", encoding="utf-8")
    return made


def files_with_canaries(folder: Path) -> list[str]:
    return [
        str(path.relative_to(folder))
        for path in sorted(folder.rglob("*"))
        if path.is_file() and any(form.encode() in path.read_bytes() for form in FORMS)
    ]


def test_not_one_byte_is_left(file_store, tmp_path):
    company(file_store)
    made = job(file_store, tmp_path, "job1")
    with file_store.reading():  # keeps the log
        assert len(files_with_canaries(tmp_path)) >= 4
    erase.forget(file_store, TENANT, GONE, tmp_path, now=20)
    with file_store.reading() as connection:
        assert evidence.count_leads(connection, TENANT) == 2  # the log is written again, by a reader's start
        assert files_with_canaries(tmp_path) == []
    assert (made / "input.csv").read_bytes() == b'lead_id,note\r\nL2,"a ""quote"""\r\n'
    assert (made / "successful.ndjson").read_text() == '{"lead_id": "L2"}\n'
    assert not (made / "failed.1.part").exists()


def test_others_stay_as_they_were(store, tmp_path):
    company(store)

    def rows(connection):
        return {
            name: connection.execute(select(func.count()).select_from(table)).scalar_one()
            for name, table in METADATA.tables.items()
            if name not in {"audit", "forgotten", "revisions", "accounts", "jobs"}
        }

    def other(connection) -> Evidence | None:
        return evidence.read_evidence(connection, TENANT, "L2", with_account=False)

    with store.reading() as connection:
        before, known = rows(connection), other(connection)
        revision = evidence.head(connection, TENANT, "L2").revision
    erase.forget(store, TENANT, GONE, tmp_path, now=20)
    with store.reading() as connection:
        after = rows(connection)
        assert other(connection) == known
        assert evidence.head(connection, TENANT, "L2").revision > revision  # a colleague is gone
        assert evidence.head(connection, TENANT, GONE) is None
        assert predictions.of_lead(connection, TENANT, GONE, 10) == []
        assert feedback.of_lead(connection, TENANT, GONE) == []
    lost = {name: before[name] - after[name] for name in before if before[name] != after[name]}
    assert lost == {
        "leads": 1,
        "events": 300,
        "stages": 1,
        "attributes": 1,
        "predictions": 1,
        "feedback": 1,
        "idempotency": 1,
        "objections": 1,
    }


def test_who_was_forgotten_does_not_come_back(store, tmp_path):
    erase.forget(store, TENANT, GONE, tmp_path, now=20)
    erase.forget(store, TENANT, GONE, tmp_path, now=21)
    with store.writing() as connection:
        for put, row in (
            (evidence.put_leads, LeadRow(GONE, 1)),
            (evidence.put_events, EventRow(GONE, "e", "visit", 1)),
            (evidence.put_attributes, AttributeRow("lead", GONE, "city", "x", 1)),
            (evidence.put_stages, StageRow(GONE, "mql", 1)),
        ):
            assert [tuple(outcome) for outcome in put(connection, TENANT, [row], 30)] == [
                ("refused", "lead_forgotten")
            ]
        evidence.put_leads(connection, "another", [LeadRow(GONE, 1)], 30)
        assert evidence.count_leads(connection, TENANT) == 0
        assert evidence.count_leads(connection, "another") == 1
        assert suppression.standing(connection, TENANT, [GONE, "L2"]) == {GONE: "forgotten"}
        assert len(audit.entries(connection, TENANT, subject=GONE)) == 2
    for late in (
        lambda connection: predictions.record(connection, [prediction(1, GONE)], alert_points=1.0),
        lambda connection: feedback.add(connection, Feedback("f", TENANT, GONE, None, 1, "key", "accept")),
    ):
        with pytest.raises(LeadForgotten), store.writing() as connection:
            late(connection)
    with store.reading() as connection:
        assert connection.execute(select(IDEMPOTENCY)).all() == []


def test_jobs_that_are_not_over_are_named_and_those_of_others_left_alone(file_store, tmp_path):
    running = job(file_store, tmp_path, "running", state="InProgress")
    theirs = job(file_store, tmp_path, "theirs", tenant="another")
    nobodys = tmp_path / "jobs" / "left-behind"
    nobodys.mkdir()
    (nobodys / "input.csv").write_text(f"lead_id\n{GONE}\n")
    with pytest.raises(erase.JobsHoldLead, match="job running"):
        erase.forget(file_store, TENANT, GONE, tmp_path, now=20)
    assert GONE in (running / "input.csv").read_text()
    assert GONE in (theirs / "input.csv").read_text()
    assert (nobodys / "input.csv").read_text() == "lead_id\n"
    with file_store.writing() as connection:
        assert jobs.move(connection, "running", ["InProgress"], "Aborted", 30)
    erase.forget(file_store, TENANT, GONE, tmp_path, now=40)
    assert GONE not in (running / "input.csv").read_text()


def test_a_short_id_takes_no_others_with_it(file_store, tmp_path):
    made = job(file_store, tmp_path, "job1")
    (made / "input.csv").write_text('lead_id,answer\n1,\n10,x1\n21,"{""lead_id"": ""1""}"\n11,"{""n"": 1}"\n')
    (made / "successful.ndjson").write_text('{"lead_id": "1"}\n{"lead_id": "10", "n": 1}\n')
    (made / "notes.txt").unlink()
    erase.forget(file_store, TENANT, "1", tmp_path, now=20)
    assert (made / "input.csv").read_text() == 'lead_id,answer\n10,x1\n11,"{""n"": 1}"\n'
    assert (made / "successful.ndjson").read_text() == '{"lead_id": "10", "n": 1}\n'


@pytest.mark.parametrize(
    ("lead", "file", "before", "after"),
    [
        ("L-77", "input-1.csv", "lead_id,m\n  L-77 ,x\nL-88,y\n", "lead_id,m\nL-88,y\n"),
        ("+4917", "successful.csv", "id,lead_id\np1,'+4917\np2,'+49170\n", "id,lead_id\np2,'+49170\n"),
        ('a"b', "input-1.csv", 'lead_id\n"a""b"\nL-1\n', "lead_id\nL-1\n"),
        ("L-7", "input-1.csv", "\ufeffL-7\nL-1\n", "L-1\n"),
        ("L-7", "input-1.csv", 'lead_id\n"never closed L-7,\nL-1\n', "lead_id\nL-1\n"),
        (
            "L-7",
            "input-1.csv",
            "lead_id,n\nL-1,about L-7 \nL-71,\nL-2,L-7.5\n",
            "lead_id,n\nL-71,\nL-2,L-7.5\n",
        ),
        ("L-7", "input-1.ndjson", '{"lead_id": "\\u004c-7"}\n{"lead_id": "L-1"}\n', '{"lead_id": "L-1"}\n'),
        ("L-7", "input-1.ndjson", '{"lead_id": "L-7", \n{"lead_id": "L-71"}\n', '{"lead_id": "L-71"}\n'),
        ("L-7", "input-1.csv", 'lead_id,n\nL-7,"a\u2028b"\nL-1,"a\u2028b"\n', 'lead_id,n\nL-1,"a\u2028b"\n'),
        ("L-7", "input-1.csv", "n,lead_id\na\u2028b,L-7\na,L-1\n", "n,lead_id\na,L-1\n"),
    ],
)
def test_a_person_is_found_however_a_file_writes_the_id(tmp_path, lead, file, before, after):
    (tmp_path / file).write_text(before, encoding="utf-8", newline="")
    assert job_files.holds(tmp_path, lead)
    job_files.forget(tmp_path, lead)
    assert (tmp_path / file).read_bytes().decode() == after
    assert not job_files.holds(tmp_path, lead)
    assert [one.name for one in tmp_path.iterdir()] == [file]


def test_results_of_a_job_that_nobody_fetched_yet_are_there_after_erasing(file_store, tmp_path):
    rows = b"lead_id\nL-1\nL-2\nL-3\nL-4\n"
    scored = b"p1,L-1,x\r\np2,L-2,x\r\n"
    progress = Progress(
        position=len(b"lead_id\nL-1\nL-2\n"),
        rows=2,
        successful=2,
        attempts=1,
        parts=(Part(1, len(scored), 0),),
        upload="1",
        uploaded=len(rows),
    )
    keep(file_store, "job1", progress, state="Aborted")
    files = JobFiles(tmp_path / "jobs" / "job1", "csv")
    files.folder.mkdir(parents=True)
    files.input("1").write_bytes(rows)
    files.part("successful", 1).write_bytes(scored + b"p3,L-1,not committed\r\n")
    for lead in ("L-1", "L-3"):
        erase.forget(file_store, TENANT, lead, tmp_path, now=20)
    order = Order("score", "csv", "none", None)
    told = {
        name: published(files, order, progress, name).read_bytes() for name in ("successful", "unprocessed")
    }
    assert told["successful"].splitlines()[1:] == [b"p2,L-2,x"]
    assert told["unprocessed"] == b"lead_id,as_of\r\nL-4,\r\n"
    assert files.input("1").read_bytes() == b"lead_id\nL-2\nL-4\n"
    assert not list(files.folder.glob("*.part"))


def test_a_file_that_was_published_meanwhile_is_not_published_again(tmp_path):
    files = JobFiles(tmp_path, "csv")
    files.result("failed").write_bytes(b"without the lead\n")
    files.publish("failed", b"with the lead\n", ())
    assert [one.name for one in tmp_path.iterdir()] == ["failed.csv"]
    assert files.result("failed").read_bytes() == b"without the lead\n"


def test_every_table_with_leads_is_erased():
    with_leads = {table for table in METADATA.tables.values() if "lead_id" in table.c}
    assert with_leads == set(erase.ABOUT_A_LEAD)
