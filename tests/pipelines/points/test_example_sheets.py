"""The published sheets are read, and give the points that their sources would."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from features.history import History
from features.kernel import build
from features.sheet import Sheet
from features.sheet_file import read_sheet
from models.points.evaluation import evaluate, with_sheet
from pipelines.points.table import from_row, to_row
from tests.builders import at, history, rows

PUBLISHED = ["account_engagement", "hubspot_saas", "marketo", "relias"]
AS_OF = "2026-03-31"

# One lead per story, created on 1 March and asked about at the end of the month.
STORIES: dict[str, tuple[History, dict[str, float], set[str]]] = {
    "account_engagement": (
        history(
            leads="lead created\nann 2026-03-01\nbob 2026-03-01\ncyd 2026-03-01",
            events="""lead type                    at
                      ann  visitor_session         2026-03-02
                      ann  page_view               2026-03-02
                      ann  page_view               2026-03-02
                      ann  site_search             2026-03-02
                      ann  form_error              2026-03-02
                      ann  form_success            2026-03-02
                      ann  email_open              2026-03-03
                      ann  custom_redirect_click   2026-03-03
                      bob  form_handler_submission 2026-03-03
                      bob  form_handler_submission 2026-03-04
                      bob  form_handler_error      2026-03-04
                      bob  file_access             2026-03-05
                      bob  tracker_click           2026-03-05
                      bob  landing_page_success    2026-03-05
                      bob  event_registered        2026-03-05
                      bob  event_checked_in        2026-03-06""",
        ),
        {"ann": 3 + 1 + 1 + 3 - 5 + 50 + 0 + 3, "bob": 50 + 50 - 5 + 3 + 3 + 50, "cyd": 0},
        set(),
    ),
    "marketo": (
        history(
            leads="lead created\nann 2026-03-01\nbob 2026-03-01\ncyd 2026-03-01\ndan 2026-03-01",
            events=[
                *rows(
                    "\n".join(
                        [
                            "lead type topic at",
                            *(f"ann page_view - 2026-03-30T0{hour}:00" for hour in range(9)),
                            *(f"bob page_view - 2026-03-0{day}" for day in range(1, 10)),
                            "ann visit - 2026-03-25",
                            "ann visit - 2026-03-30",
                            "ann demo_watched - 2026-03-30",
                            "ann demo_watched - 2026-03-30",
                            "ann email_open - 2026-03-30",
                            "ann pricing_view - 2026-03-30",
                            "ann webinar_registered - 2026-03-10",
                            "ann webinar_attended - 2026-03-11",
                            "bob brand_search - 2026-03-11",
                            "bob visit - 2026-03-11",
                            "bob visit - 2026-03-12",
                            "dan careers_view - 2026-03-11",
                        ]
                    )
                ),
                {"lead": "bob", "type": "download", "topic": "product reviews", "at": "2026-03-11"},
            ],
            attributes=[
                {
                    "entity": "lead",
                    "id": "ann",
                    "field": "prospect_review",
                    "value": "good",
                    "at": "2026-03-01",
                },
                {
                    "entity": "lead",
                    "id": "ann",
                    "field": "job_title",
                    "value": "Vice President",
                    "at": "2026-03-01",
                },
                {
                    "entity": "lead",
                    "id": "bob",
                    "field": "lead_source",
                    "value": "website",
                    "at": "2026-03-01",
                },
            ],
        ),
        {
            "ann": 30 + 8 + 9 + 7 + 8 + 2 * 5 + 1 + 5 + 5 + 5,
            "bob": 7 + 9 + 15 + 12,
            "cyd": 0,
            "dan": 0,  # -10, and the scale ends at 0
        },
        set(),
    ),
    "hubspot_saas": (
        history(
            leads="lead created\nann 2026-03-01\nbob 2026-03-01\ncyd 2026-03-01",
            events="""lead type                at
                      ann  pricing_view        2026-03-02
                      ann  whitepaper_download 2026-03-02
                      ann  webinar_attended    2026-03-03
                      ann  demo_request        2026-03-04
                      bob  pricing_view        2026-03-02
                      bob  demo_request        2026-03-02
                      bob  email_open          2026-03-02
                      bob  email_open          2026-03-03
                      bob  email_open          2026-03-04
                      bob  visit               2026-03-05
                      bob  visit               2026-03-06
                      bob  visit               2026-03-07
                      bob  visit               2026-03-08""",
            attributes=[
                {"entity": "lead", "id": lead, "field": field, "value": value, "at": "2026-03-01"}
                for lead, field, value in (
                    ("ann", "employees", "500"),
                    ("ann", "industry", "technology"),
                    ("ann", "job_title", "Director of Sales"),
                    ("bob", "employees", "499"),
                    ("bob", "industry", "professional services"),
                    ("bob", "job_title", "Product manager"),
                    ("cyd", "email_kind", "free"),
                    ("cyd", "job_title", "Student"),
                    ("cyd", "market", "outside"),
                    ("cyd", "contact_kind", "competitor"),
                )
            ],
        ),
        # Behaviour is capped at 50: ann has 55 of it.
        {"ann": 15 + 10 + 15 + 50, "bob": 10 + 10 + 10 + 10 + 25 + 5, "cyd": -10 - 50 - 20 - 100},
        {"ann", "bob"},
    ),
    "relias": (
        history(
            leads="""lead line      created
                     ann  prospects 2026-03-01
                     bob  customers 2026-03-01
                     cyd  prospects 2026-03-01
                     dan  customers 2026-03-01""",
            events="\n".join(
                [
                    "lead type topic at",
                    *(
                        f"{lead} {kind} {topic} 2026-03-1{number}"
                        for lead in ("ann", "bob")
                        for number, (kind, topic) in enumerate(
                            [
                                ("form", "general"),
                                ("form", "product"),
                                ("webinar_registered", "product"),
                                ("webinar_attended", "product"),
                                ("link_click", "-"),
                                ("link_click", "-"),
                                ("email_click", "-"),
                                ("email_open", "-"),
                            ]
                        )
                    ),
                    "cyd trade_show warm 2026-03-11",
                    "cyd careers_view - 2026-03-11",
                    "cyd unsubscribe - 2026-03-12",
                    "cyd resubscribe - 2026-03-13",
                    "dan hand_raise - 2026-03-13",
                    "dan trade_show cold 2026-03-13",
                ]
            ),
        ),
        {"ann": 20 + 40 + 40 + 30 + 3, "bob": 133, "cyd": 50 - 10 - 15 + 10, "dan": 4},
        {"ann", "dan"},  # bob is a customer and lacks 67 points; dan asked to be called
    ),
}


def example(root: Path, name: str) -> Sheet:
    return read_sheet(root / "examples" / "sheets" / f"{name}.yaml")


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_published_sheet_gives_the_points_of_its_source(root, name):
    sheet = example(root, name)
    happened, points, mql = STORIES[name]
    leads = happened.lead_ids
    matrix = build(with_sheet([], sheet), happened, leads, np.full(len(leads), at(AS_OF)))
    lines = np.array(happened.service_line.words, dtype=object)[happened.service_line.codes]
    found = evaluate(sheet, matrix, lines)
    assert dict(zip(leads, found.total, strict=True)) == points
    assert {lead for lead, handed in zip(leads, found.is_mql, strict=True) if handed} == mql


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_published_sheet_fits_into_a_table_and_names_its_source(root, name):
    sheet = example(root, name)
    assert tuple(from_row(to_row(rule)) for rule in sheet.rules) == sheet.rules
    assert sheet.source


def test_the_readme_counts_the_rules_of_every_sheet(root):
    folder = root / "examples" / "sheets"
    told = (folder / "README.md").read_text(encoding="utf-8")
    assert {path.stem for path in folder.glob("*.yaml")} == set(PUBLISHED)
    for name in PUBLISHED:
        row = next(line for line in told.splitlines() if line.startswith(f"| `{name}.yaml`"))
        assert f"| {len(example(root, name).rules)} |" in row


@pytest.mark.parametrize("name", ["bpic2012", "olist"])
def test_the_sheets_of_the_real_examples_can_be_read(root, name):
    sheet = read_sheet(root / "examples" / name / "sheet.yaml")
    assert "invented" in sheet.name
    assert sheet.decides
