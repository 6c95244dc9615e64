"""Who comes: accounts, and leads with what they say about themselves. Every name is made of invented syllables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from features.matrix import Ints, Texts
from pipelines.simulation.company import CLOSED, LINES, OPENED, SECONDS_PER_DAY
from pipelines.simulation.tables import writable

Generator = np.random.Generator
Booleans = np.ndarray[tuple[int], np.dtype[np.bool_]]

NEVER: Final = 2**40
"""Later than anything, in seconds."""

INDUSTRIES: Final = ("biopharma", "contract research", "diagnostics", "academia", "agriculture", "")
COUNTRIES: Final = (
    "United States",
    "Germany",
    "United Kingdom",
    "Switzerland",
    "Japan",
    "Brazil",
    "Australia",
    "",
)
LEVELS: Final = (
    "associate",
    "scientist",
    "manager",
    "director",
    "head of department",
    "principal investigator",
    "",
)
SOURCES: Final = ("web", "webinar", "content syndication", "referral", "trade show")
KINDS_OF_CONTACT: Final = ("practitioner", "student", "competitor")
MAILS: Final = ("company", "free")
FUNDINGS: Final = ("none", "seed", "public", "raised")

_YEAR: Final = 365 * SECONDS_PER_DAY
_SHARE_OF_COPIES: Final = 0.025
_SHARE_OF_RETURNERS: Final = 0.14


@dataclass(frozen=True, slots=True)
class Accounts:
    """One row per account; positions are account numbers.

    Attributes:
        moment: middle of the time in which the account looks for a vendor.
        funding: positions in ``FUNDINGS`` before and after ``raised_at``; ``raised_at`` may be ``NEVER``.
        raised_known: when the vendor of facts loaded the round.
        intent: standard normal; shared by the committee.
    """

    industry: Ints
    country: Ints
    employees: Ints
    funding: Ints
    funding_at: Ints
    raised_at: Ints
    raised_known: Ints
    moment: Ints
    intent: np.ndarray[tuple[int], np.dtype[np.float64]]


@dataclass(frozen=True, slots=True)
class People:
    """One row per lead, in order of creation; instants are seconds since 1970 in UTC, words are positions.

    Attributes:
        account: position in ``accounts``; -1 for a free mail address.
        employees: -1 where nobody knows.
        planning_at, budget_at: when the lead said so on a form.
        returns_at: when interest wakes up a second time.
        copy_of: the lead that this one duplicates, or -1.
    """

    accounts: Accounts
    account: Ints
    line: Ints
    created: Ints
    industry: Ints
    country: Ints
    employees: Ints
    level: Ints
    source: Ints
    mail: Ints
    contact: Ints
    planning_at: Ints
    budget_at: Ints
    returns_at: Ints
    copy_of: Ints
    intent: np.ndarray[tuple[int], np.dtype[np.float64]]

    def __len__(self) -> int:
        return len(self.account)

    @property
    def in_salesforce(self) -> Booleans:
        """Leads of the lines that live in Salesforce and Marketo; the others live in HubSpot."""
        return np.array([line.system == "salesforce" for line in LINES])[self.line]


def draw_people(rng: Generator, leads: int) -> People:
    """Accounts first, then leads around the moments of their accounts."""
    accounts = _draw_accounts(rng, max(leads * 2 // 5, 1))
    free = rng.random(leads) < 0.16
    account = (len(accounts.moment) * rng.random(leads) ** 1.4).astype(np.int64)
    created = np.where(rng.random(leads) < 0.65, accounts.moment[account], _days(rng, leads))
    created = created + (rng.normal(0, 25, leads) * SECONDS_PER_DAY).astype(np.int64)
    created = _in_office_hours(rng, OPENED + (created - OPENED) % (CLOSED - OPENED))
    order = np.argsort(created, kind="stable")
    account, free, created = account[order], free[order], created[order]
    line = rng.choice(len(LINES), leads, p=[line.share for line in LINES])
    hubspot = np.array([entry.system == "hubspot" for entry in LINES])[line]
    created = np.where(hubspot, writable(created - created % 60), created)
    contact = rng.choice(3, leads, p=[0.92, 0.055, 0.025])
    level = rng.choice(7, leads, p=[0.14, 0.3, 0.2, 0.12, 0.06, 0.1, 0.08])
    fit = _said_or_own(rng, accounts, account, free)
    planning = created + (rng.exponential(18, leads) * SECONDS_PER_DAY).astype(np.int64)
    budget = planning + (rng.exponential(9, leads) * SECONDS_PER_DAY).astype(np.int64)
    has_plan, has_budget = rng.random(leads) < 0.6, rng.random(leads) < 0.55
    source = rng.choice(5, leads, p=[0.4, 0.2, 0.18, 0.1, 0.12])
    back = rng.random(leads) < _SHARE_OF_RETURNERS
    return People(
        accounts=accounts,
        account=np.where(free, -1, account),
        line=line,
        created=created,
        industry=fit[0],
        country=fit[1],
        employees=fit[2],
        level=np.where(contact == 1, 0, level),
        source=np.where(hubspot & (source == 4), 0, source),
        mail=free.astype(np.int64),
        contact=contact,
        planning_at=np.where(has_plan, planning, NEVER),
        budget_at=np.where(has_plan & has_budget, budget, NEVER),
        returns_at=np.where(
            back, created + rng.integers(150 * SECONDS_PER_DAY, 420 * SECONDS_PER_DAY, leads), NEVER
        ),
        copy_of=_copies(rng, hubspot),
        intent=0.6 * accounts.intent[account] + 0.8 * rng.normal(size=leads),
    )


def _draw_accounts(rng: Generator, count: int) -> Accounts:
    raised = rng.random(count) < 0.35
    raised_at = OPENED - _YEAR // 4 + rng.integers(0, 2 * _YEAR + _YEAR // 4, count)
    lag = rng.integers(3_600, 40 * 3_600, count)
    return Accounts(
        industry=rng.choice(5, count, p=[0.32, 0.14, 0.2, 0.24, 0.1]),
        country=rng.choice(7, count, p=[0.42, 0.14, 0.12, 0.07, 0.1, 0.08, 0.07]),
        employees=np.maximum(2, np.exp(rng.normal(4.9, 1.6, count))).astype(np.int64),
        funding=rng.choice(3, count, p=[0.55, 0.25, 0.2]),
        funding_at=OPENED - rng.integers(_YEAR // 2, 2 * _YEAR, count),
        raised_at=np.where(raised, raised_at, NEVER),
        raised_known=np.where(raised, raised_at + lag, NEVER),
        moment=_days(rng, count),
        intent=rng.normal(size=count),
    )


def _days(rng: Generator, count: int) -> Ints:
    """Days of creation, growing by a fifth from the first to the last, fewer in July, August and December."""
    days = np.arange((CLOSED - OPENED) // SECONDS_PER_DAY)
    month = (OPENED + days * SECONDS_PER_DAY).astype("datetime64[s]").astype("datetime64[M]").astype(
        np.int64
    ) % 12
    weight = (1 + 0.2 * days / len(days)) * np.where(np.isin(month, (6, 7, 11)), 0.75, 1.0)
    return OPENED + rng.choice(days, count, p=weight / weight.sum()) * SECONDS_PER_DAY


def _in_office_hours(rng: Generator, instant: Ints) -> Ints:
    """Most of the weekend moves to Monday; the hour follows the working day on both sides of the Atlantic."""
    day = instant - instant % SECONDS_PER_DAY
    weekday = (day // SECONDS_PER_DAY + 3) % 7
    moves = (weekday >= 5) & (rng.random(len(day)) < 0.7)
    day = np.where(moves, day + (7 - weekday) * SECONDS_PER_DAY, day)
    second = np.clip(rng.normal(14.5, 3.5, len(day)), 0.1, 23.9) * 3_600
    instants: Ints = np.minimum(day + second.astype(np.int64), CLOSED - 3_600)
    return instants


def _said_or_own(
    rng: Generator, accounts: Accounts, account: Ints, free: Booleans
) -> tuple[Ints, Ints, Ints]:
    """Industry, country, employees: of the account, unless the mail is free or the field stayed empty."""
    leads = len(account)
    own = rng.choice(5, leads, p=[0.12, 0.08, 0.15, 0.5, 0.15])
    industry = np.where(free, own, accounts.industry[account])
    employees = np.where(free, -1, accounts.employees[account])
    silent = rng.random((3, leads)) < np.array([[0.08], [0.04], [0.15]])
    return (
        np.where(silent[0], len(INDUSTRIES) - 1, industry),
        np.where(silent[1], len(COUNTRIES) - 1, accounts.country[account]),
        np.where(silent[2], -1, employees),
    )


def _copies(rng: Generator, hubspot: Booleans) -> Ints:
    """A few leads repeat an earlier one of the same system."""
    leads = len(hubspot)
    copies = np.full(leads, -1)
    for system in (False, True):
        of_system = np.flatnonzero(hubspot == system)
        later = np.arange(len(of_system))
        original = (later * rng.random(len(later))).astype(np.int64)
        copied = (rng.random(len(later)) < _SHARE_OF_COPIES) & (original < later)
        copies[of_system[copied]] = of_system[original[copied]]
    return copies


_FIRST: Final = (
    "Abelin",
    "Bryndo",
    "Corvane",
    "Dariq",
    "Elshan",
    "Fenwyo",
    "Galtrea",
    "Hestrin",
    "Iluvo",
    "Jorvexa",
)
_LAST: Final = (
    "Quillander",
    "Ostravine",
    "Nembrook",
    "Tarvissol",
    "Umbreck",
    "Vexholm",
    "Wyndarro",
    "Yastrel",
    "Zorbane",
)


def first_names(positions: Ints) -> Texts:
    """Invented first names of leads."""
    return np.array(_FIRST, dtype=object)[positions * 7 % len(_FIRST)]


def last_names(positions: Ints) -> Texts:
    """Invented last names of leads."""
    return np.array(_LAST, dtype=object)[positions * 5 % len(_LAST)]
