"""Who may do what: every route, and the scope that a key needs for it.

A route that is missing here, or that asks for another scope, keeps the service from starting.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, get_args

Scope = Literal[
    "score",
    "explain",
    "evidence:write",
    "evidence:read",
    "outcome:write",
    "feedback:write",
    "jobs",
    "model:read",
    "points:read",
    "review",
    "metrics",
]
SCOPES: Final[tuple[Scope, ...]] = get_args(Scope)

Public = Literal["public"]
PUBLIC: Final[Public] = "public"

SAYS: Final[Mapping[Scope, str]] = {
    "score": "ask for scores, with reasons by signal",
    "explain": "ask for reasons by feature, for what would move a lead, and for past answers",
    "evidence:write": "deliver leads, events, attributes and stages",
    "evidence:read": "read what is recorded about a lead",
    "outcome:write": "tell what became of leads",
    "feedback:write": "accept, reject or disagree, as a reviewer",
    "jobs": "run bulk jobs",
    "model:read": "read which model answers",
    "points:read": "read the point sheets",
    "review": "sign in to the review pages",
    "metrics": "read the numbers of the service",
}
"""What a key with the scope may do, for ``/docs`` and the command line."""

Route = tuple[str, str]
"""Method and path template."""

ROUTES: Final[Mapping[Route, Scope | Public]] = {
    ("GET", "/livez"): PUBLIC,
    ("GET", "/readyz"): PUBLIC,
    ("GET", "/docs"): PUBLIC,
    ("GET", "/docs/style.css"): PUBLIC,
    ("GET", "/openapi.json"): PUBLIC,
    ("GET", "/static/{name}"): PUBLIC,
    ("GET", "/login"): PUBLIC,
    ("POST", "/login"): PUBLIC,
    ("POST", "/logout"): "review",
    ("GET", "/"): PUBLIC,
    ("GET", "/leads"): "review",
    ("GET", "/leads/{lead_id:path}"): "review",
    ("POST", "/leads/{lead_id:path}/rescore"): "review",
    ("POST", "/leads/{lead_id:path}/feedback"): "review",
    ("GET", "/scores/{prediction_id}"): "review",
    ("GET", "/model"): "review",
    ("GET", "/metrics"): "metrics",
    ("POST", "/v1/score"): "score",
    ("POST", "/v1/leads"): "evidence:write",
    ("POST", "/v1/events"): "evidence:write",
    ("POST", "/v1/attributes"): "evidence:write",
    ("POST", "/v1/stages"): "evidence:write",
    ("GET", "/v1/leads/{lead_id:path}/score"): "score",
    ("GET", "/v1/leads/{lead_id:path}/explanation"): "explain",
    ("GET", "/v1/leads/{lead_id:path}/history"): "evidence:read",
    ("GET", "/v1/scores/{prediction_id}"): "explain",
    ("POST", "/v1/feedback"): "feedback:write",
    ("POST", "/v1/outcomes"): "outcome:write",
    ("GET", "/v1/model"): "model:read",
    ("GET", "/v1/points"): "points:read",
    ("POST", "/v1/jobs"): "jobs",
    ("GET", "/v1/jobs"): "jobs",
    ("GET", "/v1/jobs/{job_id}"): "jobs",
    ("PATCH", "/v1/jobs/{job_id}"): "jobs",
    ("DELETE", "/v1/jobs/{job_id}"): "jobs",
    ("PUT", "/v1/jobs/{job_id}/batches"): "jobs",
    ("GET", "/v1/jobs/{job_id}/successful"): "jobs",
    ("GET", "/v1/jobs/{job_id}/failed"): "jobs",
    ("GET", "/v1/jobs/{job_id}/unprocessed"): "jobs",
}
