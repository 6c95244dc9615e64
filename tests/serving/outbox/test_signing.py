"""Only what was signed with the secret, just now, is taken."""

from __future__ import annotations

import random

import pytest

from serving.outbox import signing
from serving.outbox.signing import SIGNATURE, TIMESTAMP, headers, verify

SECRET, BODY, NOW = b"0123456789abcdef", b'{"points":62.5}', 1_775_000_000


def test_what_was_signed_is_taken():
    given = headers(SECRET, NOW, "7", BODY)
    assert verify(BODY, given, SECRET, now=NOW + 1)
    assert verify(BODY, {name.lower(): value for name, value in given.items()}, SECRET, now=NOW)


@pytest.mark.parametrize(("late", "taken"), [(-301, False), (-300, True), (300, True), (301, False)])
def test_five_minutes_either_way(late, taken):
    assert verify(BODY, headers(SECRET, NOW, "7", BODY), SECRET, now=NOW + late) is taken


def test_a_thousand_forgeries_are_refused():
    rng = random.Random(5)
    given = headers(SECRET, NOW, "7", BODY)
    for _ in range(1_000):
        body, forged = _mutated(rng, BODY, dict(given))
        assert (body, forged) == (BODY, given) or not verify(body, forged, SECRET, now=NOW)


def _mutated(rng, body, given):
    name = rng.choice([SIGNATURE, TIMESTAMP, "body", "missing"])
    if name == "body":
        at = rng.randrange(len(body))
        return body[:at] + bytes([rng.randrange(256)]) + body[at + rng.choice([0, 1]) :], given
    if name == "missing":
        del given[rng.choice([SIGNATURE, TIMESTAMP])]
        return body, given
    at = rng.randrange(len(given[name]))
    letter = rng.choice(["0", "f", "é", "\ud800", " ", "+", "-", "٣", "v1="])
    given[name] = given[name][:at] + letter + given[name][at + rng.choice([0, 1]) :]
    return body, given


def test_another_secret_is_refused():
    assert not verify(BODY, headers(b"another", NOW, "7", BODY), SECRET, now=NOW)


def test_the_text_of_the_timestamp_counts():
    given = headers(SECRET, NOW, "7", BODY) | {TIMESTAMP: f"0{NOW}"}
    assert not verify(BODY, given, SECRET, now=NOW)


def test_the_comparison_takes_constant_time(monkeypatch):
    compared = []
    monkeypatch.setattr(signing.hmac, "compare_digest", lambda *both: compared.append(both) or False)
    assert not verify(BODY, headers(SECRET, NOW, "7", BODY), SECRET, now=NOW)
    assert len(compared) == 1
