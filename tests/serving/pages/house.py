"""A service of the pages over a real store, that says of every lead what one recorded answer says."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import orjson
from fastapi import FastAPI

from features.clock import HOUR, iso
from features.playbook import parse_playbook
from models.bands import Limits
from models.scale import Scale
from serving.answers.refusals import Unscorable
from serving.answers.scoring import Prepared
from serving.answers.stored import prediction_id
from serving.auth import KeyRing
from serving.limits import Limiter
from serving.metrics import Metrics
from serving.pages import words
from serving.pages.site import router
from serving.services import Services
from serving.store import evidence, heads, keys, predictions
from serving.store.engine import Store
from serving.store.predictions import Prediction
from serving.store.rows import EventRow, LeadRow
from serving.store.writer import Writer

HERE = Path(__file__).parent
AS_OF = words.instant("2025-07-28T13:55:00Z")
MINUTE = 60_000_000
TENANT = "acme"
HOSTILE = "<script>alert(1)</script>=cmd|' /C calc'!A0/x"
"""A lead id that means something to browsers, spreadsheets and paths."""

PLAYBOOK = """
name: Tests
time_zone: America/New_York
stages: {new: open, sql: sql}
sql: [{version: one, effective_from: 2024-01-01, any_of: [{stage: sql}]}]
service_lines: {bioprocess: {horizon_days: 90}, assay_development: {horizon_days: 30}}
reasons: {rejected: [no budget, wrong person], recycled: [not now]}
withhold: {gender: protected}
phrases: {pricing_view: [visit to the pricing page, visits to the pricing page]}
next_steps: {A: {do: call today, within_hours: 4, route: senior sales}}
"""


def recorded_answer() -> dict[str, Any]:
    return dict(json.loads((HERE / "answer.json").read_text(encoding="utf-8")))


class StoppedClock:
    """Stands until it is moved."""

    def __init__(self) -> None:
        self.at = AS_OF

    def now(self) -> int:
        return self.at


def a_bundle() -> Any:
    """What the pages ask of a loaded bundle."""
    manifest = {
        "model": "lightgbm",
        "base_rate": 0.13,
        "definition": "one",
        "horizon_days": {"": 60, "bioprocess": 90},
        "leads": 2166,
        "positives": 291,
        "first_as_of": "2023-07-17T12:40:48Z",
        "last_as_of": "2024-12-20T17:38:00Z",
    }
    return SimpleNamespace(
        manifest=manifest,
        playbook=parse_playbook(PLAYBOOK),
        bands=SimpleNamespace(limits=Limits(0.354, 0.167, 0.057, "capacity of 10 leads a week")),
        scale=Scale(21.64, 72.5, "50 points are the average chance"),
        card="# Card\n\n**It predicts** <b>nothing</b> here.",
        fingerprint="9f2c" * 16,
    )


class Models:
    """One champion."""

    def __init__(self) -> None:
        bundle = a_bundle()
        self.champion = SimpleNamespace(bundle=bundle, role="champion", fingerprint=bundle.fingerprint)

    def current(self) -> Any:
        return SimpleNamespace(champion=self.champion, arm_for=lambda *_: self.champion)

    def arm(self, _fingerprint: str) -> Any:
        return self.champion


class Scores:
    """Says of every lead of the store what the recorded answer says, as of now."""

    def __init__(self, clock: StoppedClock, store: Store, models: Models) -> None:
        self.clock, self.store, self.models = clock, store, models
        self.asked = 0
        self.has_sheet = True

    def explanation(self, tenant: str, lead_id: str, as_of: int | None = None, *, origin: Any) -> Prepared:
        self.asked += 1
        now = self.clock.now() if as_of is None else as_of
        with self.store.reading() as connection:
            head = heads.head(connection, tenant, lead_id)
        if head is None:
            raise Unscorable("lead_not_found")
        answer = deepcopy(recorded_answer()) | {"lead_id": lead_id, "prediction_id": prediction_id(now)}
        answer["as_of"] = iso(now)
        if head.last is not None:  # the same again
            answer["change"] |= {"since": head.last.prediction_id, "points": 0.0, "causes": []}
        answer["model"]["bundle"] = self.models.champion.fingerprint
        if head.objected:
            kept = ("prediction_id", "lead_id", "as_of")
            answer = {name: answer[name] for name in kept}
            answer |= {
                "scored": False,
                "sentence": "This person objected to profiling, so nothing was computed.",
            }
        body = orjson.dumps(answer)
        one = Prediction(
            prediction_id=answer["prediction_id"],
            tenant=tenant,
            lead_id=lead_id,
            as_of=now,
            made_at=now,
            bundle=self.models.champion.fingerprint,
            role="champion",
            arm="champion",
            origin=origin,
            log_odds=answer.get("log_odds"),
            probability=answer.get("probability"),
            points=answer.get("points"),
            band=answer.get("band"),
            service_line=head.service_line,
            revision=head.revision,
            previous=None,
            values=b"",
            words="{}",
            answer=body,
        )
        return Prepared(body, (one,), answer, 10.0)

    def replay(self, tenant: str, prediction_id: str) -> dict[str, Any]:
        with self.store.reading() as connection:
            kept = predictions.get(connection, tenant, prediction_id)
        if kept is None:
            raise Unscorable("prediction_not_found")
        replayed = None if kept.log_odds is None else {"equal": True, "log_odds": 0.0, "difference": 0.0}
        return {
            "prediction_id": prediction_id,
            "made_at": iso(kept.made_at),
            "origin": kept.origin,
            "role": kept.role,
            "answer": orjson.loads(kept.answer),
            "replay": replayed,
        }

    def sheet(self, _tenant: str, lead_id: str, as_of: int) -> dict[str, Any]:
        if not self.has_sheet:
            raise Unscorable("no_sheet")
        rules = [
            {"name": "asked for a demo", "on_sheet": 25.0, "points": 25.0, "refitted": 25.0, "fired": True},
            {"name": "student", "on_sheet": -50.0, "points": 0.0, "refitted": 0.0, "fired": False},
        ]
        shown = {
            "sheet": "ours",
            "total": 25.0,
            "mql_at": 35.0,
            "cell": None,
            "complete": True,
            "rules": rules,
            "refitted": {"total": 25.0, "mql_at": 35.0, "is_mql": False},
        }
        return shown | {"lead_id": lead_id, "as_of": iso(as_of), "is_mql": False, "model_points": 1.0}


class Pages:
    """The pages over a store of their own, with one key that may review."""

    def __init__(self, url: str) -> None:
        self.clock, self.models = StoppedClock(), Models()
        self.store = Store.open(url)
        self.writer = Writer(self.store)
        self.scores = Scores(self.clock, self.store, self.models)
        self.executor = ThreadPoolExecutor(2)
        self.app = FastAPI()
        self.app.include_router(router)
        self.app.state.services = self.services()
        self.key = self.new_key("review")

    def services(self, *, per_minute: int = 6000) -> Services:
        unused: dict[str, Any] = dict.fromkeys(Services.__dataclass_fields__)
        return Services(
            **unused
            | {
                "settings": SimpleNamespace(demo_clock=None, webhook_url=None),
                "clock": self.clock,
                "store": self.store,
                "writer": self.writer,
                "live": self.models,
                "metrics": Metrics(),
                "scoring": self.scores,
                "keys": KeyRing(self.store, self.clock, self.executor, ticks=self.tick),
                "limiter": Limiter(per_minute),
                "executor": self.executor,
            }
        )

    def tick(self) -> float:
        return self.clock.at / 1e6

    def new_key(self, *scopes: str, tenant: str = TENANT) -> str:
        made = self.writer.submit(
            lambda connection: keys.create(connection, tenant, "a reviewer", scopes, None, self.clock.at)
        )
        return made.result(5).text

    def add_lead(self, lead_id: str, *types: str, tenant: str = TENANT, line: str = "bioprocess") -> None:
        born = self.clock.at - 30 * 24 * HOUR
        rows = [EventRow(lead_id, f"{kind}-{at}", kind, born + at * HOUR) for at, kind in enumerate(types)]

        def work(connection: Any) -> None:
            evidence.put_leads(connection, tenant, [LeadRow(lead_id, born, None, line)], self.clock.at)
            evidence.put_events(connection, tenant, rows, self.clock.at)

        self.writer.submit(work).result(5)

    def count(self, table: str) -> int:
        with self.store.reading() as connection:
            return int(connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one())  # noqa: S608

    def close(self) -> None:
        self.writer.close(5)
        self.store.close()
        self.executor.shutdown()
