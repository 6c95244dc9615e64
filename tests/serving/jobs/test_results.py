"""What a spreadsheet would take for a formula is shown as text."""

from __future__ import annotations

import csv
import io

import pytest

from serving.jobs.results import REFUSED, UNPROCESSED, Outcome, failed, head, left_over
from serving.jobs.rows import InputRow


def cells(written):
    return list(csv.reader(io.StringIO(written.decode())))


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", '=HYPERLINK("http://x","y")', "\t=1"])
def test_cells_that_look_like_formulas(text):
    outcome = Outcome(InputRow(text, 0), 0, code="lead_not_found")
    [row] = cells(failed("csv", [outcome]))
    assert dict(zip(REFUSED, row, strict=True))["lead_id"] == f"'{text}"
    [row] = cells(b"".join(left_over([InputRow(text, 0)])))
    assert dict(zip(UNPROCESSED, row, strict=True))["lead_id"] == f"'{text}"


def test_every_refusal_says_why():
    outcome = Outcome(InputRow("L1", 0), 0, code="lead_not_found")
    [row] = cells(failed("csv", [outcome]))
    assert row == ["L1", "1970-01-01T00:00:00Z", "lead_not_found", "There is no such lead."]
    assert head("csv", "failed", "none") == b"lead_id,as_of,code,problem\r\n"
    assert head("ndjson", "failed", "none") == b""
