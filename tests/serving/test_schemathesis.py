"""Cases that Schemathesis makes from the description: right ones and wrong ones, and never a fault of our own.

``LEADLIGHT_SCHEMATHESIS_CASES=5000`` asks for as many cases over all endpoints; a few hundred are made otherwise.
"""

from __future__ import annotations

import os

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.generation.modes import GenerationMode
from starlette.testclient import TestClient

from serving.app import create_app
from serving.settings import Settings
from tests.serving.service import Caller

CASES = int(os.environ.get("LEADLIGHT_SCHEMATHESIS_CASES", "300"))
SCHEMA = schemathesis.openapi.from_dict(create_app(Settings()).openapi())
OPERATIONS = {
    f"{operation.method.upper()} {operation.path}": operation
    for operation in (result.ok() for result in SCHEMA.get_all_operations())
}
TAKES_NOTHING = {"GET /livez", "GET /readyz"}
"""What has neither parameters nor a body: nothing can be sent wrong."""
RIGHT, WRONG = GenerationMode.POSITIVE, GenerationMode.NEGATIVE
TRIALS = [
    pytest.param(name, mode, id=f"{name} {'right' if mode is RIGHT else 'wrong'}")
    for name in OPERATIONS
    for mode in (RIGHT, WRONG)
    if mode is RIGHT or name not in TAKES_NOTHING
]
EACH = max(CASES // len(TRIALS), 1)

load_all_checks()
SELECTED = CHECKS.get_by_names(
    [
        "not_a_server_error",
        "status_code_conformance",
        "content_type_conformance",
        "response_schema_conformance",
    ]
)
UNAVAILABLE = 503


@pytest.fixture(scope="module")
def asking(prepared_data, tmp_path_factory):
    """One service for all cases; what they leave behind is part of the trial."""
    import shutil

    data = tmp_path_factory.mktemp("cases") / "data"
    shutil.copytree(prepared_data, data)
    app = create_app(Settings(data=data, requests_per_minute=10**9))
    with TestClient(app, raise_server_exceptions=False, base_url="http://testserver") as client:
        client.headers.update(Caller(app, client).bearer())
        yield client


@pytest.mark.slow
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize(("name", "mode"), TRIALS)
def test_no_case_finds_a_fault(asking: TestClient, name: str, mode: GenerationMode):
    operation = OPERATIONS[name]
    seen = []

    @settings(
        max_examples=EACH,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(mode))
    def ask(case):
        sent = case.as_transport_kwargs(base_url="http://testserver")
        sent.pop("cookies", None)
        # The client takes texts of ASCII only; what is sent is any byte.
        sent["headers"] = {
            name: value.encode("latin-1", "replace") for name, value in (sent.get("headers") or {}).items()
        }
        if "data" in sent:
            sent["content"] = sent.pop("data")
        answer = asking.request(**sent)
        seen.append(answer.status_code)
        assert answer.status_code < 500 or (name == "GET /readyz" and answer.status_code == UNAVAILABLE)
        case.validate_response(answer, checks=SELECTED)

    ask()
    assert seen
