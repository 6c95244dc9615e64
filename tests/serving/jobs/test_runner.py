"""Whatever breaks, each row of a job is in exactly one of its files, once, and recorded once."""

from __future__ import annotations

import csv
import json
import threading
from collections import Counter

import pytest
from sqlalchemy import func, select

from features.clock import SECOND, iso
from serving.jobs import runner
from serving.jobs.desk import LEASE_SECONDS, NotOursError
from serving.jobs.files import RESULTS
from serving.jobs.parts import PartFiles
from serving.jobs.progress import Order
from serving.jobs.publishing import published
from serving.jobs.runner import StoppedError, run
from serving.store import jobs, predictions
from serving.store.errors import StoreUnavailable
from serving.store.tables import LATEST_SCORES, OUTBOX, PREDICTIONS
from tests.serving.jobs.conftest import PEOPLE, TENANT

LEADS = [f"lead {number}" for number in range(PEOPLE)]
UNKNOWN = ["nobody", "=no one"]
ROWS = b"lead_id\n" + "".join(f"{lead}\n" for lead in [*LEADS[:30], *UNKNOWN, *LEADS[30:]]).encode()


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch):
    monkeypatch.setattr(runner, "BLOCK_ROWS", 25)
    monkeypatch.setattr(runner, "SLICE_ROWS", 10)
    monkeypatch.setattr(runner, "LONGEST_REST", 0.0)


def rows_of(office, job):
    """Ids in each of the files."""
    job, progress = office.now(job)
    order, found = Order.from_json(job.orders), {}
    for result in RESULTS:
        path = published(office.files(job), order, progress, result)
        with path.open(newline="", encoding="utf-8") as file:
            rows = (
                list(csv.DictReader(file)) if order.content == "csv" else [json.loads(line) for line in file]
            )
        found[result] = [row["lead_id"] for row in rows]
    return found


def recorded(office):
    with office.store.reading() as connection:
        query = select(PREDICTIONS.c.lead_id, func.count()).where(PREDICTIONS.c.origin == "job")
        return Counter(dict(connection.execute(query.group_by(PREDICTIONS.c.lead_id)).all()))


def take(office, bench, job):
    assert bench.desk.hold()
    taken = bench.desk.next()
    assert taken is not None
    assert taken.job_id == job.job_id
    return taken


def test_a_job_from_its_begin_to_its_end(office):
    job = office.job("csv", ROWS, reasons="signals")
    bench = office.bench()
    run(bench, take(office, bench, job))
    over, progress = office.now(job)
    assert over.state == "JobComplete"
    assert (progress.rows, progress.successful, progress.failed) == (PEOPLE + 2, PEOPLE, 2)
    assert progress.position == progress.uploaded == len(ROWS)
    assert rows_of(office, job) == {"successful": LEADS, "failed": ["nobody", "'=no one"], "unprocessed": []}
    assert recorded(office) == Counter(LEADS)
    assert not list(office.files(job).folder.glob("*.part"))
    with office.files(job).result("successful").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            parts = [float(row[name]) for name in row if name.endswith("_points")]
            assert sum(parts) == pytest.approx(float(row["points"]), abs=1e-6)
    with office.store.reading() as connection:
        assert connection.execute(select(func.count()).select_from(OUTBOX)).scalar() == PEOPLE  # first scores


class CrashedError(BaseException):
    """The process is gone: nobody catches that."""


def crashing(call, number, *, after):
    """``call``, until its ``number``th time."""
    calls = Counter()

    def passed(*arguments, **named):
        calls["all"] += 1
        if calls["all"] == number and not after:
            raise CrashedError
        result = call(*arguments, **named)
        if calls["all"] == number:
            raise CrashedError
        return result

    return passed


STEPS = {
    "scored": (runner.BlockScorer, "score", True),
    "written": (PartFiles, "write", True),
    "before it is kept": (runner.Desk, "keep", False),
    "kept": (runner.Desk, "keep", True),
    "before it is published": (runner, "publish_all", False),
    "published": (runner, "publish_all", True),
}


@pytest.mark.parametrize("step", STEPS)
def test_a_crash_at_any_step_loses_nothing_and_repeats_nothing(office, monkeypatch, step):
    job = office.job("csv", ROWS)
    place, name, after = STEPS[step]
    crashed = 0
    for number in (1, 2, 4):
        bench = office.bench(f"worker {number}")
        assert bench.desk.hold()
        taken = bench.desk.next()
        with monkeypatch.context() as patch:
            patch.setattr(place, name, crashing(getattr(place, name), number, after=after))
            try:
                if taken is not None:
                    run(bench, taken)
            except CrashedError:
                crashed += 1
        office.clock.forward(LEASE_SECONDS + 1)
    assert crashed > 0
    bench = office.bench("the last one")
    assert bench.desk.hold()
    while (taken := bench.desk.next()) is not None:
        run(bench, taken)
    assert office.now(job)[0].state == "JobComplete"
    found = rows_of(office, job)
    assert found == {"successful": LEADS, "failed": ["nobody", "'=no one"], "unprocessed": []}
    assert recorded(office) == Counter(LEADS)


def test_a_worker_that_wakes_up_after_another_took_over_writes_nothing(office):
    job = office.job("csv", ROWS)
    sleeper, other = office.bench("sleeper"), office.bench("other")
    asleep, awake = threading.Event(), threading.Event()
    taken = take(office, sleeper, job)
    score = runner.BlockScorer.score

    def slow(self, rows, made_at):
        found = score(self, rows, made_at)
        if threading.current_thread().name == "sleeper":
            asleep.set()
            assert awake.wait(30)
        return found

    failures = []

    def sleep_in_the_middle():
        try:
            run(sleeper, taken)
        except NotOursError as error:
            failures.append(error)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runner.BlockScorer, "score", slow)
        thread = threading.Thread(target=sleep_in_the_middle, name="sleeper")
        thread.start()
        assert asleep.wait(30)
        assert not other.desk.hold()
        office.clock.forward(LEASE_SECONDS + 1)
        run(other, take(office, other, job))
        other.desk.let_go()
        awake.set()
        thread.join(30)
    assert len(failures) == 1
    assert rows_of(office, job)["successful"] == LEADS
    assert recorded(office) == Counter(LEADS)


def test_an_abort_keeps_what_was_done(office):
    job = office.job("csv", ROWS)
    bench = office.bench()
    taken = take(office, bench, job)
    keep = bench.desk.keep

    def abort_after_the_second_slice(current, progress, state, records=()):
        kept = keep(current, progress, state, records)
        if progress.rows == 20:
            office.writer.submit(
                lambda connection: jobs.move(
                    connection, job.job_id, ("InProgress",), "Aborted", office.clock.now()
                )
            ).result(10)
        return kept

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bench.desk, "keep", abort_after_the_second_slice)
        with pytest.raises(NotOursError):
            run(bench, taken)
    found = rows_of(office, job)
    assert found["successful"] == LEADS[:20]
    assert found["unprocessed"] == [*LEADS[20:30], "nobody", "'=no one", *LEADS[30:]]
    assert recorded(office) == Counter(LEADS[:20])


def test_a_worker_that_is_told_to_stop_lets_the_next_one_go_on(office):
    job = office.job("csv", ROWS)
    bench = office.bench("first")
    taken = take(office, bench, job)
    bench.stopping.set()
    with pytest.raises(StoppedError):
        run(bench, taken)
    bench.desk.let_go()
    second = office.bench("second")
    run(second, take(office, second, job))
    assert rows_of(office, job)["successful"] == LEADS


def test_a_file_without_a_header_fails_the_job(office):
    job = office.job("csv", b"id\nL1\n")
    bench = office.bench()
    run(bench, take(office, bench, job))
    over, progress = office.now(job)
    assert (over.state, progress.code) == ("Failed", "no_lead_id_column")
    assert rows_of(office, job) == {"successful": [], "failed": [], "unprocessed": []}


def test_attempts_that_come_to_nothing_end(office, monkeypatch):
    job = office.job("csv", ROWS)

    def broken(*_):
        raise CrashedError

    monkeypatch.setattr(runner.BlockScorer, "score", broken)
    for number in range(runner.MOST_FRUITLESS + 1):
        bench = office.bench(str(number))
        taken = take(office, bench, job)
        try:
            run(bench, taken)
        except CrashedError:
            office.clock.forward(LEASE_SECONDS + 1)
    over, progress = office.now(job)
    assert (over.state, progress.code) == ("Failed", "gave_up")
    assert rows_of(office, job)["unprocessed"][:2] == LEADS[:2]


@pytest.mark.parametrize("broken", [{"lead 7"}, {"lead 0", "lead 7", "lead 59"}])
def test_rows_that_nobody_foresaw_fail_and_take_no_others_along(office, monkeypatch, broken):
    score = runner.BlockScorer.score

    def unforeseen(self, rows, made_at):
        if broken & {row.lead_id for row in rows}:
            raise OverflowError
        return score(self, rows, made_at)

    monkeypatch.setattr(runner.BlockScorer, "score", unforeseen)
    job = office.job("csv", ROWS)
    bench = office.bench()
    run(bench, take(office, bench, job))
    over, progress = office.now(job)
    assert (over.state, progress.failed) == ("JobComplete", len(UNKNOWN) + len(broken))
    assert rows_of(office, job)["successful"] == [lead for lead in LEADS if lead not in broken]
    told = office.files(job).result("failed").read_text(encoding="utf-8")
    assert told.count("row_not_computed") == len(broken)


def test_a_store_that_is_away_fails_no_row(office, monkeypatch):
    def away(*_):
        raise StoreUnavailable("the database cannot be reached")

    monkeypatch.setattr(runner.BlockScorer, "score", away)
    job = office.job("csv", ROWS)
    bench = office.bench()
    with pytest.raises(StoreUnavailable):
        run(bench, take(office, bench, job))
    assert office.now(job)[1].rows == 0


def test_an_answer_about_a_past_moment_is_nobodys_latest(office):
    past = office.clock.now() - SECOND
    job = office.job(
        "ndjson", json.dumps({"lead_id": "lead 0", "as_of": iso(past)}).encode() + b'\n{"lead_id": "lead 1"}'
    )
    bench = office.bench()
    run(bench, take(office, bench, job))
    with office.store.reading() as connection:
        assert set(connection.execute(select(LATEST_SCORES.c.lead_id)).scalars()) == {"lead 1"}
    assert recorded(office) == Counter(["lead 0", "lead 1"])


def test_ndjson_in_and_out(office):
    lines = [json.dumps({"lead_id": lead}) for lead in [*LEADS[:5], "nobody"]]
    job = office.job("ndjson", "\n".join(lines).encode())
    bench = office.bench()
    run(bench, take(office, bench, job))
    assert rows_of(office, job) == {"successful": LEADS[:5], "failed": ["nobody"], "unprocessed": []}
    with office.store.reading() as connection:
        [stored] = predictions.of_lead(connection, TENANT, LEADS[0], 10)
    first = office.files(job).result("successful").read_bytes().splitlines()[0]
    assert first == stored.answer


def test_a_lead_erased_while_it_is_scored_is_not_recorded(office, monkeypatch):
    from serving.store.meta import keyed_hashes
    from serving.store.tables import FORGOTTEN

    job = office.job("csv", b"lead_id\nlead 0\nlead 1\n")
    bench = office.bench()
    score = runner.BlockScorer.score

    def erased_meanwhile(self, rows, made_at):
        found = score(self, rows, made_at)

        def erase(connection):
            [hashed] = keyed_hashes(connection, TENANT, ["lead 1"])
            connection.execute(FORGOTTEN.insert().values(tenant=TENANT, lead_hash=hashed, at=made_at))

        monkeypatch.setattr(runner.BlockScorer, "score", score)
        office.writer.submit(erase).result(10)
        return found

    monkeypatch.setattr(runner.BlockScorer, "score", erased_meanwhile)
    run(bench, take(office, bench, job))
    assert rows_of(office, job) == {"successful": ["lead 0"], "failed": ["lead 1"], "unprocessed": []}
    assert recorded(office) == Counter(["lead 0"])
    assert office.clock.now() % SECOND == 0
