from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.clock import HOUR
from serving.pages import session

SECRET = b"s" * 32
NOW = 1_700_000_000_000_000


def test_a_session_says_whose_it_is_until_it_is_over() -> None:
    cookie = session.mint(SECRET, "k1", NOW)
    found = session.read(SECRET, cookie, NOW + session.HOURS * HOUR - 1)
    assert found is not None
    assert (found.key_id, found.expires_at) == ("k1", NOW + session.HOURS * HOUR)
    assert found.session_id
    assert session.read(SECRET, cookie, NOW + session.HOURS * HOUR) is None


def test_two_sessions_of_a_key_differ() -> None:
    one, other = session.mint(SECRET, "k1", NOW), session.mint(SECRET, "k1", NOW)
    assert one != other
    assert session.csrf_token(SECRET, one) != session.csrf_token(SECRET, other)


def test_every_character_is_signed() -> None:
    cookie = session.mint(SECRET, "k1", NOW)
    for at, letter in enumerate(cookie):
        other = "B" if letter == "A" else "A"
        if at == len(cookie) - 1:
            continue  # of the last one two bits are padding
        assert session.read(SECRET, cookie[:at] + other + cookie[at + 1 :], NOW) is None, at


@given(st.text(max_size=80))
def test_anything_else_is_no_session(text: str) -> None:
    assert session.read(SECRET, text, NOW) is None
    assert not session.csrf_holds(SECRET, session.mint(SECRET, "k1", NOW), text)


def test_another_database_does_not_know_the_session() -> None:
    assert session.read(b"t" * 32, session.mint(SECRET, "k1", NOW), NOW) is None


def test_a_token_belongs_to_one_session() -> None:
    mine, other = session.mint(SECRET, "k1", NOW), session.mint(SECRET, "k2", NOW)
    assert session.csrf_holds(SECRET, mine, session.csrf_token(SECRET, mine))
    assert not session.csrf_holds(SECRET, mine, session.csrf_token(SECRET, other))


def test_a_token_is_not_the_signature_of_the_cookie() -> None:
    cookie = session.mint(SECRET, "k1", NOW)
    assert session.csrf_token(SECRET, cookie) != cookie.rpartition(".")[2]


@pytest.mark.parametrize("forged", ["1.k1.9.x", "", ".", "....", "1.k1.99999999999999999.nonce"])
def test_an_unsigned_session_is_refused(forged: str) -> None:
    signature = base64.urlsafe_b64encode(b"0" * 32).rstrip(b"=").decode()
    assert session.read(SECRET, f"{forged}.{signature}", NOW) is None
