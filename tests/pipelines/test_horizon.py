"""`leadlight horizon`: a curve per service line, beside what was agreed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from features.folder import write_history
from pipelines.horizon import propose
from tests.builders import tables

PLAYBOOK = """
name: test
stages: {new: open, sql: sql, rejected: rejected}
sql: [{version: v1, effective_from: 2026-01-01, any_of: [{stage: sql}]}]
horizon_days: 45
service_lines: {slow: {horizon_days: 90}}
snapshots: {policy: age, days: [0]}
"""


@pytest.fixture
def written(tmp_path):
    """Writes a history in which ``leads`` (line, created, stage, entered) were observed until 2026-12-31."""

    def write(leads: list[tuple[str, str, str, str]], extra: str = "") -> tuple[Path, Path]:
        numbered = [(f"lead{number:03d}", *lead) for number, lead in enumerate(leads)]
        made = tables(
            leads=[
                {"lead": name, "line": line, "created": created} for name, line, created, _, _ in numbered
            ],
            stages=[
                {"lead": name, "stage": stage, "at": entered}
                for name, _, _, stage, entered in numbered
                if stage != "open"
            ],
        )
        write_history(tmp_path / "history", made, {"observed_until": "2026-12-31T00:00:00Z"})
        (tmp_path / "playbook.yaml").write_text(PLAYBOOK + extra, encoding="utf-8")
        return tmp_path / "history", tmp_path / "playbook.yaml"

    return write


FAST = [("fast", "2026-01-10", "sql", "2026-01-20")] * 30
SLOW = [("slow", "2026-01-10", "sql", "2026-04-01")] * 30
LOST = [("slow", "2026-01-10", "rejected", "2026-02-01")] * 30
OPEN = [("fast", "2026-12-30", "open", "-")] * 40


def test_each_line_of_business_has_its_own_proposal_beside_what_was_agreed(written):
    lines = propose(*written([*FAST, *SLOW, *LOST])).to_json()["service_lines"]
    told = {name: (line["horizon_days"], line["agreed_days"]) for name, line in lines.items()}
    assert told == {"all leads": (90, 45), "fast": (30, 45), "slow": (90, 90)}
    assert (lines["slow"]["leads"], lines["slow"]["converted"]) == (60, 30)
    assert lines["slow"]["share"][-1] == pytest.approx(0.5)
    assert lines["all leads"]["caught"]["30"] == pytest.approx(0.5)


def test_leads_that_came_yesterday_and_are_open_change_no_curve(written):
    without = propose(*written(FAST)).curves["fast"]
    along = propose(*written([*FAST, *OPEN])).curves["fast"]
    assert along.share.tolist() == without.share.tolist()
    assert (along.leads, along.converted) == (70, 30)


def test_leads_from_before_outcomes_were_recorded_are_left_out(written):
    early = [("fast", "2025-06-01", "rejected", "2025-06-02")] * 30
    found = propose(*written([*FAST, *early], "since: 2026-01-01")).curves["fast"]
    assert found.leads == 30
    assert found.share[-1] == pytest.approx(1.0)


def test_where_nothing_can_be_told_the_table_says_so(written):
    described = propose(*written([*FAST, ("slow", "2026-12-01", "open", "-")])).describe()
    lines = described.splitlines()
    assert [line.split("  ")[0] for line in lines[1:4]] == ["all leads", "fast", "slow"]
    assert "cannot tell" in lines[3]
    assert lines[2].endswith("30 d    45 d")
    assert len({len(line) for line in lines[:4]}) == 1, "columns stand below each other"
    assert "shortest that catches 80%" in described


def test_the_answer_is_plain_json(written):
    plain = propose(*written([*FAST, ("slow", "2026-12-30", "open", "-")])).to_json()
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain
    assert plain["service_lines"]["slow"]["caught"] == {}


def test_on_a_simulated_company_most_outcomes_come_within_two_months(vendor):
    plain = propose(vendor.history, vendor.playbook_file).to_json()["service_lines"]
    assert set(plain) == {"all leads", "assay_development", "bioprocess", "sequencing"}
    assert plain["all leads"]["horizon_days"] == 60
    assert plain["all leads"]["leads"] >= 1200, "a lead that came back counts again"
