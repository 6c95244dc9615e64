"""A small made-up company with accounts, a point sheet and something to withhold; a model that learned from it."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa
from scipy.special import expit

from features.clock import DAY, HOUR
from features.definitions import Feature
from features.evidence import Colleague, Event, Evidence, Fact, StageEntry
from features.history import History
from features.kernel import build
from features.language import account, account_size, count, latest, latest_number, recency, time_in_stage
from features.playbook import parse_playbook
from models import card, peers
from models.bands import Outcomes, quantile_limits, tabulate
from models.boosting import BoostingLearner, Settings
from models.bundle import Origin, Parts, save
from models.dataset import Dataset
from models.golden import record
from models.learning import Model
from models.points.evaluation import with_sheet
from models.points.refitting.refit import refit
from models.points.rows import RuleRows
from models.scale import default_scale
from tests.models.bundles import REPORT, taken_apart

BEGIN = 19_700 * DAY
"""The first lead came on this day, in December 2023."""
LATER = BEGIN + 400 * DAY
"""A present moment, after all of the evidence."""

SOURCES = ("features", "models", "tests/models/bundles.py", "tests/serving/answers/company.py")
"""What decides the bundles of this company."""

PLAYBOOK = """\
name: Company of the answers
time_zone: Europe/Berlin
stages: {new: open, mql: open, sql: sql, rejected: rejected, recycled: recycled, duplicate: duplicate}
sql: [{version: v1, effective_from: 2020-01-01, any_of: [{stage: sql}]}]
horizon_days: 60
service_lines: {assays: {horizon_days: 30}}
phrases: {pricing_view: [visit to the pricing page, visits to the pricing page]}
attributes:
  exclude: {closed_reason: written when the lead is closed}
  excuse: {region: never edited}
withhold: {gender: protected, credit_check: told to us in confidence}
actions:
  - {event: demo_request, say: asks for a demo}
  - {event: webinar, say: watches a webinar, value: 45}
  - {event: credit_check, say: is checked}
next_steps:
  A: {do: call today, within_hours: 4, route: senior sales}
reasons: {rejected: [no budget, a student], recycled: [not now]}
sheet:
  name: sheet of the team
  mql_at: 40
  rules:
    - {name: asked for a demo, points: 25, when: {event: demo_request, days: 30}}
    - {name: biotech, points: 15, when: {attribute: industry, one_of: [biotech]}}
    - {name: 500 employees or more, points: 10, when: {attribute: employees, at_least: 500}}
    - {name: three visits, points: 5, when: {event: visit, days: 30, times: 3}}
    - {name: passed the check, points: 20, when: {event: credit_check}}
"""

FEATURES: tuple[Feature, ...] = tuple(
    with_sheet(
        [
            *count("visit", days=(7, 30, None)),
            *recency("visit", signal="engagement"),
            *count("pricing_view", days=(7, 30), signal="intent"),
            *count("demo_request", days=(30, None), signal="intent"),
            *recency(),
            *time_in_stage(),
            *latest_number("employees"),
            *latest("industry"),
            *latest("region"),
            *latest("gender"),
            *latest("funding", entity="account"),
            *account_size(),
            *account(count(days=30)),
            *count("credit_check", days=None),
        ],
        parse_playbook(PLAYBOOK).sheet,
    )
)

INDUSTRIES = (
    "biotech",
    "pharma",
    "university",
    "food",
    "energy",
    "textile",
    "paper",
    "steel",
    "glass",
    "toys",
)


@cache
def people() -> dict[str, Evidence]:
    """Leads with everything known about them; three to an account."""
    random = np.random.default_rng(7)
    alone = [_person(random, number) for number in range(900)]
    by_account: dict[str, list[Evidence]] = {}
    for lead in alone:
        by_account.setdefault(str(lead.account_id), []).append(lead)
    return {
        lead.lead_id: replace(
            lead,
            account_facts=by_account[str(lead.account_id)][0].account_facts,
            colleagues=tuple(
                Colleague(one.lead_id, one.created_at, tuple(one.events))
                for one in by_account[str(lead.account_id)]
                if one.lead_id != lead.lead_id
            ),
        )
        for lead in alone
    }


def _person(random: np.random.Generator, number: int) -> Evidence:
    created = BEGIN + int(random.integers(0, 300 * DAY))
    likely = {"visit": 4.0, "pricing_view": 1.0, "demo_request": 0.3, "webinar": 0.4, "credit_check": 0.3}
    events = [
        Event(f"{number}-{kind}-{at}", kind, moment, moment + int(random.integers(1, HOUR)), value=value)
        for kind, rate in likely.items()
        for at in range(random.poisson(rate))
        for moment in [created + int(random.integers(0, 20 * DAY))]
        for value in [float(random.integers(1, 60)) if kind == "webinar" else None]
    ]
    facts = [
        Fact("industry", str(random.choice(INDUSTRIES)), created, created + 1),
        Fact("region", str(random.choice(["north", "south"])), created, created + 90 * DAY),
        Fact("gender", str(random.choice(["f", "m"])), created, created + 1),
        *(
            [Fact("employees", str(int(np.exp(random.normal(5, 2)))), created, created + 1)]
            if number % 4
            else []
        ),
    ]
    return Evidence(
        lead_id=f"lead {number}",
        created_at=created,
        account_id=f"account {number // 3}",
        service_line="assays" if number % 2 else "other",
        events=events,
        stages=[StageEntry("new", created, created), StageEntry("mql", created + DAY, created + DAY + 1)],
        facts=facts,
        account_facts=[Fact("funding", str(random.choice(["none", "seed"])), created - DAY, created - DAY)],
    )


def history(of: dict[str, Evidence]) -> History:
    """The leads as the tables that a pipeline reads."""
    parts, seen = [], set()
    for lead in of.values():
        own = replace(lead, colleagues=())
        parts.append((own if lead.account_id not in seen else replace(own, account_facts=())).to_tables())
        seen.add(lead.account_id)
    tables = {name: pa.concat_tables([part[name] for part in parts]) for name in parts[0]}
    agreed = parse_playbook(PLAYBOOK)
    return History.from_tables(tables, time_zone=agreed.time_zone).excusing(agreed.attributes.excuse)


def asked() -> tuple[np.ndarray, np.ndarray]:
    """Whom the pipeline asked about, and when: 14 days after they came, in order of time."""
    when = {lead_id: lead.created_at + 14 * DAY for lead_id, lead in people().items()}
    order = sorted(when, key=lambda lead_id: (when[lead_id], lead_id))
    return np.array(order, dtype=object), np.array([when[lead_id] for lead_id in order], dtype=np.int64)


@cache
def training(seed: int = 0) -> Dataset:
    """Leads of which demos, prices, industry and size decide who converts."""
    random = np.random.default_rng(seed)
    leads, as_of = asked()
    matrix = build(FEATURES, history(people()), leads, as_of)
    biotech = matrix.texts("latest(industry)") == "biotech"
    log_odds = (
        -3.0
        + 1.8 * matrix.column("count(demo_request, 30d)")
        + 0.4 * matrix.column("count(pricing_view, 30d)")
        + 0.2 * matrix.column("count(visit, 30d)")
        + 1.2 * biotech
        + 0.3 * (matrix.texts("latest(gender)") == "f")
        + 0.8 * (matrix.column("count(credit_check, all)") > 0)
        + 0.5 * (np.nan_to_num(matrix.column("latest_number(employees)")) >= 500)
    )
    return Dataset(
        matrix=matrix,
        label=(random.random(len(leads)) < expit(log_odds)).astype(float),
        weight=np.ones(len(leads)),
        lead_id=leads,
        account=np.array([people()[lead].account_id for lead in leads], dtype=object),
        service_line=np.array([people()[lead].service_line for lead in leads], dtype=object),
        as_of=as_of,
        label_known_at=as_of + 60 * DAY,
    )


def write_bundle(path: Path, *, seed: int = 0, playbook: str = PLAYBOOK) -> str:
    """Train a small booster that starts from the sheet, and write it; gives the fingerprint."""
    agreed = parse_playbook(playbook)
    settings = Settings(most_rounds=60, least_rounds=40, leaves=5)
    model = BoostingLearner(sheet=agreed.sheet, settings=settings).fit(training(), seed=seed)
    assert model.sheet is not None, "the sheet of this company is worth starting from"
    return write_model(path, model, playbook)


def write_model(path: Path, model: Model, playbook: str) -> str:
    """Write a model that learned from ``training()``; gives the fingerprint."""
    train, agreed = training(), parse_playbook(playbook)
    probability = expit(model.log_odds(train.matrix))
    outcomes = Outcomes(probability, train.label, train.weight, train.as_of)
    bands, base_rate = tabulate(outcomes, quantile_limits(probability)), float(train.label.mean())
    origin = Origin(
        model=model.name,
        definition="v1",
        horizon_days={"": 60, "assays": 30},
        rows=len(train),
        leads=len(train),
        positives=train.positives,
        base_rate=base_rate,
        first_as_of="2023-12-23T00:00:00Z",
        last_as_of="2024-10-20T00:00:00Z",
        history_sha256="ab" * 32,
        excused=tuple(agreed.attributes.excuse),
    )
    scale = default_scale(base_rate)
    return save(
        path,
        Parts(
            origin=origin,
            model=model,
            bands=bands,
            scale=scale,
            peers=peers.gather(taken_apart(model, train)),
            golden=record(model, train),
            playbook=playbook,
            card=card.render(origin, REPORT, agreed, bands, scale),
            refitted=refit(RuleRows.of(agreed.sheet, train), draws=20, seed=0).sheet,
        ),
    )
