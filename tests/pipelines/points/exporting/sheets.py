"""Sheets that say everything, and what the kernel says of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from features.history import History
from features.kernel import build
from features.matrix import Texts
from features.sheet import Sheet
from models.points.evaluation import Evaluated, evaluate, with_sheet

WHOLE = Sheet.model_validate(
    {
        "name": "all that whole numbers can say",
        "mql_at": 20,
        "mql_at_by_line": {"sequencing": 25, "the 'other'": 5},
        "needs": {"fit": 5},
        "groups": {"fit": {"most": 30, "least": -20}, "interest": {"most": 25}, "nobody": {}},
        "total": {"most": 50, "least": -10},
        "rules": [
            {
                "name": "senior",
                "points": 15,
                "group": "fit",
                "when": {"attribute": "job_level", "one_of": ["director", "head of department", "director"]},
            },
            {
                "name": "bio",
                "points": 10,
                "group": "fit",
                "when": {"attribute": "industry", "contains": ["BIO", "research"]},
            },
            {"name": "big", "points": 10, "group": "fit", "when": {"attribute": "employees", "at_least": 200}},
            {
                "name": "small",
                "points": -30,
                "group": "fit",
                "when": {"attribute": "employees", "at_least": 10, "below": 60},
            },
            {
                "name": "funded account",
                "points": 5,
                "group": "fit",
                "when": {"attribute": "funding", "entity": "account", "contains": ["series", "seed"]},
            },
            {"name": "visits", "points": 1, "each": True, "most": 12, "group": "interest",
             "when": {"event": "web_visit", "days": 30}},
            {"name": "looked at products", "points": 4, "group": "interest",
             "when": {"event": "web_visit", "times": 2, "where": {"topic": ["products", "applications"]}}},
            {"name": "by mail", "points": -1, "each": True, "most": 3, "group": "interest",
             "when": {"event": "any", "where": {"channel": "email"}}},
            {"name": "clicks age", "points": 8, "each": True, "group": "interest",
             "decay": {"steps": {30: 0.5, 90: 0}}, "when": {"event": "email_click"}},
            {"name": "prices", "points": 16, "group": "interest",
             "decay": {"steps": {7: 0.75, 30: 0.25}}, "when": {"event": "pricing_view"}},
            {"name": "silent", "points": -5, "when": {"event": "any", "silent_days": 45}},
            {"name": "nothing", "points": 0, "when": {"event": "quote_tool"}, "each": True, "most": 3},
            {"name": "Demo", "points": 7, "when": {"event": "demo_request", "days": 30}, "qualifies": True},
            {"name": "demo", "points": 2, "when": {"event": "demo_request"}},
        ],
    }
)  # fmt: skip
"""Every part of a sheet but the grid and what wears off steadily; sums of its points have no rounding."""

GRID = Sheet.model_validate(
    {
        "name": "fit and interest",
        "groups": {"fit": {"least": 0}, "interest": {"most": 40}},
        "grid": {
            "rows": {"group": "fit", "at": {"A": 25, "B": 10}, "rest": "C"},
            "columns": {"group": "interest", "at": {"1": 20, "2": 5}, "rest": "3"},
            "mql": ["A1", "A2", "B1"],
        },
        "rules": [
            {"name": "senior", "points": 15, "group": "fit",
             "when": {"attribute": "job_level", "one_of": ["director", "principal investigator"]}},
            {"name": "big", "points": 10, "group": "fit", "when": {"attribute": "employees", "at_least": 100}},
            {"name": "visits", "points": 2, "each": True, "group": "interest", "when": {"event": "web_visit"}},
        ],
    }
)  # fmt: skip

WORN = Sheet.model_validate(
    {
        "name": "points that wear off",
        "mql_at": 12.5,
        "groups": {"interest": {"most": 40}},
        "rules": [
            {"name": "prices", "points": 10, "decay": {"half_life_days": 30}, "when": {"event": "pricing_view"}},
            {"name": "note", "points": 7.5, "decay": {"linear_days": 60}, "group": "interest",
             "when": {"event": "application_note"}},
            {"name": "each visit", "points": 2, "each": True, "most": 15, "decay": {"linear_days": 90},
             "group": "interest", "when": {"event": "web_visit"}},
            {"name": "each click", "points": 3.3, "each": True, "decay": {"half_life_days": 14},
             "when": {"event": "email_click"}},
        ],
    }
)  # fmt: skip


@dataclass(frozen=True)
class Judged:
    """What the kernel and ``models.points.evaluation`` say of leads at a moment."""

    lead_id: Texts
    line: Texts
    evaluated: Evaluated

    @classmethod
    def of(cls, sheet: Sheet, history: History, as_of: int, *, most: int | None = None) -> Judged:
        """Of the first ``most`` leads created before ``as_of``, in order of their ids."""
        rows = np.flatnonzero(history.created_at < as_of)[:most]
        lead_id = history.lead_ids[rows]
        matrix = build(with_sheet([], sheet), history, lead_id, np.full(len(rows), as_of))
        line = np.array(history.service_line.words, dtype=object)[history.service_line.codes[rows]]
        return cls(lead_id, line, evaluate(sheet, matrix, line))
