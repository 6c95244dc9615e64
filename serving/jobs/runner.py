"""One job from where it is to its end.

Rows are read and scored in blocks, and kept in smaller slices: the rows of a slice are appended to the result
files and reach the disk, then one transaction records its predictions and how far the job has come. A crash
before that transaction leaves bytes that no progress knows of; after it, the next worker goes on behind the
slice. So no row is there twice, and none is lost.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol

from serving.clock import Clock
from serving.jobs import csv_rows, ndjson_rows
from serving.jobs.desk import Desk, Record
from serving.jobs.files import JobFiles
from serving.jobs.parts import PartFiles
from serving.jobs.progress import JobError, Order, Progress
from serving.jobs.publishing import publish_all
from serving.jobs.results import Outcome
from serving.jobs.rows import InputRow
from serving.jobs.scoring import BlockScorer, Source
from serving.jobs.states import State
from serving.live import LiveModels
from serving.logs import log
from serving.store.errors import LeadForgotten, LeadObjected, StoreUnavailable
from serving.store.jobs import Job

BLOCK_ROWS: Final = 10_000
BLOCK_BYTES: Final = 8 << 20
"""Of input; a line with inline evidence can be long, and a block is held in memory."""
SLICE_ROWS: Final = 500
"""Written in some tens of milliseconds: so long a request of a person may have to wait."""
LONGEST_REST: Final = 0.2
MOST_FRUITLESS: Final = 5
"""A job whose attempts came to nothing so often in a row has failed."""
READERS: Final = {"csv": csv_rows.read, "ndjson": ndjson_rows.read}


class StoppedError(Exception):
    """The worker was told to stop; the job goes on with the next one."""


class Models(Protocol):
    """Where models come from; ``worker.StoredModels``."""

    def pinned(self, bundles: dict[str, str]) -> LiveModels:
        """Those of the fingerprints by role; what is activated now where there are none."""


@dataclass(frozen=True, slots=True)
class Bench:
    """What a worker needs for any job.

    Attributes:
        alerts: whether a CRM listens for changes of scores.
        stopping: set when the worker is to stop.
    """

    desk: Desk
    files: Callable[[Job], JobFiles]
    source: Callable[[Job], Source]
    models: Models
    clock: Clock
    alerts: bool
    stopping: threading.Event


def run(bench: Bench, job: Job) -> None:
    """Do a job until it is over.

    Raises:
        StoppedError: the worker is to stop; the next one goes on.
        NotOursError: it was aborted, or another worker has it.
        StoreUnavailable, LeadlightError: it cannot be gone on with now.
    """
    order, progress, files = Order.from_json(job.orders), Progress.from_json(job.progress), bench.files(job)
    if progress.fruitless >= MOST_FRUITLESS:
        problem = "The job was begun several times and got no further."
        _finish(bench, job, replace(progress, code="gave_up", problem=problem), "Failed")
        return
    models = bench.models.pinned(progress.bundles)
    progress = progress.begun(bench.clock.now(), fingerprints(models))
    job = bench.desk.keep(job, progress, "InProgress")
    scorer = BlockScorer(models, bench.source(job), job.tenant, order, int(progress.began_at or 0))
    state: State = "JobComplete"
    source = files.input(progress.upload)
    with PartFiles(files, progress.attempts) as parts:
        attempt = _Attempt(bench, order, scorer, parts)
        try:
            for block in _blocks(READERS[order.content](source, progress.position), progress.position):
                job, progress = attempt.block(job, progress, block)
        except JobError as error:
            progress, state = replace(progress, code=error.code, problem=error.what), "Failed"
    _finish(bench, job, progress, state)


def fingerprints(models: LiveModels) -> dict[str, str]:
    """By role."""
    arms = (models.champion, models.challenger)
    return {arm.role: arm.fingerprint for arm in arms if arm is not None}


def _finish(bench: Bench, job: Job, progress: Progress, state: State) -> None:
    bench.desk.keep(job, progress, state)
    publish_all(bench.files(job), Order.from_json(job.orders), progress)


@dataclass(frozen=True, slots=True)
class _Attempt:
    bench: Bench
    order: Order
    scorer: BlockScorer
    parts: PartFiles

    def block(self, job: Job, progress: Progress, rows: Sequence[InputRow]) -> tuple[Job, Progress]:
        """Score a block and keep it, slice by slice."""
        outcomes = self._scored(rows)
        for first in range(0, len(outcomes), SLICE_ROWS):
            if self.bench.stopping.is_set():
                raise StoppedError
            job, progress = self._slice(job, progress, outcomes[first : first + SLICE_ROWS])
        return job, progress

    def _scored(self, rows: Sequence[InputRow]) -> list[Outcome]:
        made_at = self.bench.clock.now()
        try:
            return self.scorer.score(rows, made_at)
        except StoreUnavailable:
            raise
        except Exception:  # noqa: BLE001 - one row that nobody foresaw must not take all others with it
            log().exception("a block of a job could not be computed")
            return self._halved(rows, made_at)

    def _halved(self, rows: Sequence[InputRow], made_at: int) -> list[Outcome]:
        """Outcomes of rows of which some cannot be computed; those fail, each by itself."""
        if len(rows) == 1:
            return [self.scorer.not_computed(rows[0])]
        outcomes: list[Outcome] = []
        for half in (rows[: len(rows) // 2], rows[len(rows) // 2 :]):
            try:
                outcomes += self.scorer.score(half, made_at)
            except StoreUnavailable:
                raise
            except Exception:  # noqa: BLE001 - as above; it was logged there
                outcomes += self._halved(half, made_at)
        return outcomes

    def _slice(self, job: Job, progress: Progress, outcomes: Sequence[Outcome]) -> tuple[Job, Progress]:
        try:
            return self._keep(job, progress, outcomes)
        except (LeadForgotten, LeadObjected):  # while we scored it; asked again, it has to say so
            return self._keep(job, progress, self._scored([outcome.row for outcome in outcomes]))

    def _keep(self, job: Job, progress: Progress, outcomes: Sequence[Outcome]) -> tuple[Job, Progress]:
        began = time.monotonic()
        part = self.parts.write(self.order, progress.parts[-1], outcomes)
        scored = sum(outcome.scored is not None for outcome in outcomes)
        progress = progress.advanced(outcomes[-1].row.end, scored, len(outcomes) - scored, part)
        job = self.bench.desk.keep(job, progress, "InProgress", list(self._records(outcomes)))
        # The database is for people first: it is left alone for as long as it was used.
        time.sleep(min(time.monotonic() - began, LONGEST_REST))
        return job, progress

    def _records(self, outcomes: Iterable[Outcome]) -> Iterator[Record]:
        by_arm: dict[str, Record] = {}
        for outcome in outcomes:
            if outcome.scored is not None:
                record = by_arm.setdefault(outcome.scored.prediction.bundle, (self._limit(outcome), []))
                record[1].append(outcome.scored.prediction)
        yield from by_arm.values()

    def _limit(self, outcome: Outcome) -> float | None:
        """From which change of points on the CRM is told."""
        return outcome.scored.alert_points if self.bench.alerts and outcome.scored is not None else None


def _blocks(rows: Iterable[InputRow], position: int) -> Iterator[list[InputRow]]:
    """Rows, as many at a time as are held in memory."""
    block: list[InputRow] = []
    for row in rows:
        block.append(row)
        if len(block) == BLOCK_ROWS or row.end - position >= BLOCK_BYTES:
            yield block
            block, position = [], row.end
    if block:
        yield block
