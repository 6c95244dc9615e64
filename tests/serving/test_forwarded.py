"""Who asks, where proxies stand in front."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from starlette.testclient import TestClient

from serving.app import create_app
from serving.forwarded import Proxies
from serving.limits import FAILED_ATTEMPTS
from serving.settings import Settings
from tests.serving.service import LEAD, Caller

PATH = f"/v1/leads/{LEAD}/score"
TRUSTED = Proxies([ip_network("10.0.0.0/8"), ip_network("2001:db8::/32")])


def seen(peer: str, *forwarded: str, proto: str | None = None) -> tuple[str, str]:
    headers = [(b"x-forwarded-for", one.encode()) for one in forwarded]
    if proto is not None:
        headers.append((b"x-forwarded-proto", proto.encode()))
    scope = {"type": "http", "client": (peer, 4711), "scheme": "http", "headers": headers}
    TRUSTED.look_through(scope)
    return scope["client"][0], scope["scheme"]


@pytest.mark.parametrize(
    ("peer", "forwarded", "asks"),
    [
        ("192.0.2.1", ["203.0.113.9"], "192.0.2.1"),  # no proxy of ours: it may say what it likes
        ("10.0.0.1", ["203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", ["198.51.100.7, 203.0.113.9"], "203.0.113.9"),  # what stands before was made up
        ("10.0.0.1", ["198.51.100.7", "203.0.113.9, 10.0.0.2"], "203.0.113.9"),
        ("10.0.0.1", ["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        ("10.0.0.1", ["203.0.113.9:5000"], "203.0.113.9"),
        ("10.0.0.1", ["[2001:db9::1]:5000"], "2001:db9::1"),
        ("::ffff:10.0.0.1", ["::ffff:203.0.113.9"], "203.0.113.9"),
        ("2001:db8::1", ["203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", ["203.0.113.9, unknown, 10.0.0.2"], "10.0.0.2"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("testclient", ["203.0.113.9"], "testclient"),
    ],
)
def test_the_last_hop_that_is_not_trusted_asks(peer: str, forwarded: list[str], asks: str):
    assert seen(peer, *forwarded)[0] == asks


@pytest.mark.parametrize(
    ("peer", "proto", "scheme"),
    [
        ("10.0.0.1", "https", "https"),
        ("10.0.0.1", "http, HTTPS", "https"),
        ("10.0.0.1", "gopher", "http"),
        ("10.0.0.1", None, "http"),
        ("192.0.2.1", "https", "http"),
    ],
)
def test_the_scheme_is_what_a_trusted_proxy_says(peer: str, proto: str | None, scheme: str):
    assert seen(peer, proto=proto)[1] == scheme


def test_who_guesses_behind_a_proxy_is_the_only_one_not_listened_to(settings: Settings):
    behind = settings.model_copy(update={"trusted_proxies": (ip_network("10.0.0.0/8"),)})
    app = create_app(behind)
    with TestClient(app, client=("10.0.0.1", 4711)) as client:
        wrong = {"X-API-Key": "ll_0123456789_" + 43 * "x"}

        def ask(**headers: str) -> tuple[int, str | None]:
            answer = client.get(PATH, headers=headers)
            return answer.status_code, answer.headers.get("strict-transport-security")

        guesser = {**wrong, "X-Forwarded-For": "203.0.113.9"}
        statuses = [ask(**guesser)[0] for _ in range(FAILED_ATTEMPTS + 1)]
        assert statuses == [401] * FAILED_ATTEMPTS + [429]
        assert ask(**{**wrong, "X-Forwarded-For": "203.0.113.10"})[0] == 401
        good = Caller(app, client).bearer(["score"])
        assert ask(**good) == (200, None)
        status, strict = ask(**good, **{"X-Forwarded-Proto": "https"})
        assert status == 200
        assert strict is not None
