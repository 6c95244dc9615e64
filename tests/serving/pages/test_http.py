from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from features.clock import HOUR
from serving.pages import looking, queue_pages, session
from serving.pages.rendering import POLICY, in_path
from serving.store import keys, suppression
from tests.serving.pages.house import HOSTILE, MINUTE, TENANT, Pages

CSRF = re.compile(r'name="csrf" value="([^"]+)"')
PAGES = (
    "/leads",
    "/leads/L-1",
    "/model",
    "/leads/nobody",
    "/login",
    "/leads?band=A",
    "/scores/none",
    "/static/none",
)


def csrf(page: str) -> str:
    found = CSRF.search(page)
    assert found
    return found[1]


def remark(client: TestClient, lead_id: str = "L-1", **fields: str) -> dict[str, str]:
    """The fields of a form on the page of a lead."""
    page = client.get(f"/leads/{in_path(lead_id)}").text
    shown = re.search(r'name="prediction_id" value="([^"]+)"', page)
    assert shown
    return {"csrf": csrf(page), "prediction_id": shown[1], "verdict": "accept"} | fields


# ── Signing in ───────────────────────────────────────────────────────────────────────────────────────────────


def test_the_cookie_is_for_this_host_alone_and_out_of_reach_of_scripts(pages: Pages) -> None:
    with TestClient(pages.app, base_url="https://testserver", follow_redirects=False) as client:
        answer = client.post("/login", data={"key": pages.key, "next": "/model"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/model")
    said = answer.headers["set-cookie"]
    assert said.startswith("__Host-leadlight=")
    parts = {part.strip().lower() for part in said.split(";")[1:]}
    assert parts == {"httponly", "path=/", "samesite=strict", "secure", "max-age=28800"}
    assert pages.key.rpartition("_")[2] not in said


@pytest.mark.parametrize(
    "key",
    ["", "nonsense", "ll_0123456789_" + 43 * "x", "ll_" + "é" * 53, "\x00"],
    ids=["none", "words", "unknown", "not ascii", "nul"],
)
def test_a_key_that_is_none_signs_nobody_in(pages: Pages, key: str) -> None:
    with TestClient(pages.app, base_url="https://testserver", follow_redirects=False) as client:
        answer = client.post("/login", data={"key": key})
    assert answer.status_code in {401, 422}
    assert "set-cookie" not in answer.headers


def test_a_key_without_the_scope_signs_nobody_in_and_is_not_repeated(pages: Pages) -> None:
    other = pages.new_key("score", "explain")
    with TestClient(pages.app, base_url="https://testserver", follow_redirects=False) as client:
        answer = client.post("/login", data={"key": other})
    assert answer.status_code == 401
    assert other not in answer.text
    assert "may not review" in answer.text


@pytest.mark.parametrize(
    "target", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)", "/a\r\nb"]
)
def test_signing_in_leads_nowhere_else(pages: Pages, target: str) -> None:
    with TestClient(pages.app, base_url="https://testserver", follow_redirects=False) as client:
        answer = client.post("/login", data={"key": pages.key, "next": target})
    assert answer.headers["location"] == "/leads"


@pytest.mark.parametrize("path", ["/leads", "/leads/L-1", "/scores/x", "/model"])
def test_who_is_not_signed_in_is_asked_to_and_comes_back(pages: Pages, path: str) -> None:
    with TestClient(pages.app, base_url="https://testserver", follow_redirects=False) as client:
        answer = client.get(path)
        assert answer.status_code == 303
        assert answer.headers["location"] == f"/login?next={in_path(path)}"
        back = client.post("/login", data={"key": pages.key, "next": path})
    assert back.headers["location"] == path


def test_a_link_from_another_site_is_followed_once_more_from_here(pages: Pages) -> None:
    with TestClient(pages.app, base_url="https://testserver", follow_redirects=False) as client:
        answer = client.get("/leads/L-1", headers={"sec-fetch-site": "cross-site"})
    assert answer.status_code == 200
    assert 'http-equiv="refresh"' in answer.text


def test_a_revoked_key_ends_its_sessions(pages: Pages, client: TestClient) -> None:
    assert client.get("/leads").status_code == 200
    key_id = pages.key.split("_")[1]
    pages.writer.submit(lambda connection: keys.revoke(connection, key_id, pages.clock.at)).result(5)
    pages.clock.at += 2_000_000
    assert client.get("/leads").status_code == 303
    assert client.get("/leads", headers={"hx-request": "true"}).status_code == 401


def test_a_session_ends_after_eight_hours(pages: Pages, client: TestClient) -> None:
    pages.clock.at += session.HOURS * HOUR - 1
    assert client.get("/leads").status_code == 200
    pages.clock.at += 1
    assert client.get("/leads").status_code == 303


def test_signing_out_takes_the_cookie_back(client: TestClient) -> None:
    answer = client.post("/logout", data={"csrf": csrf(client.get("/leads").text)})
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    assert "max-age=0" in answer.headers["set-cookie"].lower()
    assert client.get("/leads").status_code == 303


def test_a_cookie_of_a_session_that_was_left_opens_nothing(pages: Pages, client: TestClient) -> None:
    kept = {"cookie": f"{session.COOKIE}={client.cookies[session.COOKIE]}"}
    other = {"cookie": f"{session.COOKIE}={signed_in_elsewhere(pages)}"}
    client.post("/logout", data={"csrf": csrf(client.get("/leads").text)})
    client.cookies.clear()
    assert client.get("/leads", headers=kept).status_code == 303
    assert client.get("/leads", headers=other).status_code == 200
    pages.clock.at += session.HOURS * HOUR
    client.post("/login", data={"key": pages.key})
    client.post("/logout", data={"csrf": csrf(client.get("/leads").text)})
    assert pages.count("ended_sessions") == 1, "what ended by itself need not be remembered"


def signed_in_elsewhere(pages: Pages) -> str:
    with TestClient(pages.app, base_url="https://testserver") as other:
        other.post("/login", data={"key": pages.key})
        return str(other.cookies[session.COOKIE])


def test_guessing_is_slowed_down(pages: Pages) -> None:
    with TestClient(pages.app, base_url="https://testserver", follow_redirects=False) as client:
        guesses = [client.post("/login", data={"key": "ll_0123456789_" + 43 * "x"}) for _ in range(31)]
        assert [one.status_code for one in guesses] == [401] * 30 + [429]
        again = client.post("/login", data={"key": "ll_0123456789_" + 43 * "y"})
        right = client.post("/login", data={"key": pages.key})
    assert int(again.headers["retry-after"]) >= 1
    assert again.headers["content-type"].startswith("text/html")
    assert right.status_code == 303  # who has a key is let in, whatever others at the same address tried


def test_a_key_has_a_limit_on_pages_too(pages: Pages, client: TestClient) -> None:
    pages.app.state.services = pages.services(per_minute=3)
    assert [client.get("/leads").status_code for _ in range(4)] == [200, 200, 200, 429]


# ── Forms ────────────────────────────────────────────────────────────────────────────────────────────────────

FORMS = ("/logout", "/leads/L-1/rescore", "/leads/L-1/feedback")
FIELDS = {"prediction_id": "x", "verdict": "accept"}


@pytest.mark.parametrize("path", FORMS)
@pytest.mark.parametrize("token", [None, "", "x", "ü"])
def test_no_form_is_taken_without_the_token_of_the_session(
    pages: Pages, client: TestClient, path: str, token: str | None
) -> None:
    pages.add_lead("L-1")
    fields = FIELDS | ({} if token is None else {"csrf": token})
    assert client.post(path, data=fields).status_code in {403, 422}
    assert (pages.count("feedback"), pages.count("predictions")) == (0, 0)


@pytest.mark.parametrize("path", FORMS)
def test_a_token_of_another_session_is_not_taken(pages: Pages, client: TestClient, path: str) -> None:
    with TestClient(pages.app, base_url="https://testserver") as other:
        other.post("/login", data={"key": pages.key})
        token = csrf(other.get("/leads").text)
    assert client.post(path, data=FIELDS | {"csrf": token}).status_code == 403


@pytest.mark.parametrize("path", [*FORMS, "/login"])
@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "https://evil.example"},
        {"origin": "null"},
    ],
    ids=lambda one: " ".join(one.values()),
)
def test_no_form_is_taken_from_another_site(
    pages: Pages, client: TestClient, path: str, headers: dict[str, str]
) -> None:
    fields = FIELDS | {"csrf": csrf(client.get("/leads").text), "key": pages.key}
    assert client.post(path, data=fields, headers=headers).status_code == 403
    assert pages.count("predictions") == 0


# ── The queue ────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_empty_queue_says_what_to_do(client: TestClient) -> None:
    page = client.get("/leads").text
    assert "No lead has been scored yet" in page
    assert "POST /v1/leads" in page


def test_a_lead_that_was_looked_at_is_in_the_queue(pages: Pages, client: TestClient) -> None:
    pages.add_lead("L-1")
    client.get("/leads/L-1")
    page = client.get("/leads").text
    assert 'href="/leads/L-1"' in page
    assert "about 1 in 3" in page
    assert "2 visits to the pricing page in the last 7 days; " in page


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("band=B", True),
        ("band=A", False),
        ("line=bioprocess", True),
        ("line=other", False),
        ("lead=L-", True),
        ("lead=X", False),
        ("band=%00", True),
    ],
)
def test_the_queue_can_be_filtered(pages: Pages, client: TestClient, asked: str, *, found: bool) -> None:
    pages.add_lead("L-1")
    client.get("/leads/L-1")
    page = client.get(f"/leads?{asked}").text
    assert ('href="/leads/L-1"' in page) == found
    assert ("No lead fits" in page) != found


def test_the_queue_goes_on_where_the_page_before_ended(pages: Pages, client: TestClient) -> None:
    ids = [f"L-{at:02}" for at in range(30)]
    for lead_id in ids:
        pages.add_lead(lead_id)
        pages.clock.at += 1000
        client.get(f"/leads/{lead_id}")
    first = client.get("/leads").text
    [more] = re.findall(r'href="(/leads\?after=[^"]+)"', first)
    second = client.get(more).text
    shown = [re.findall(r'<a href="/leads/(L-\d\d)"', page) for page in (first, second)]
    assert [len(part) for part in shown] == [25, 5]
    assert sorted(shown[0] + shown[1]) == ids
    assert "First page" in second


@pytest.mark.parametrize("after", ["x", "%00", "W10", "eyJhIjoxfQ", "WzEsMl0", "bm9uc2Vuc2U"])
def test_a_cursor_of_nobody_is_the_beginning(pages: Pages, client: TestClient, after: str) -> None:
    pages.add_lead("L-1")
    client.get("/leads/L-1")
    assert client.get(f"/leads?after={after}").status_code == 200


NUL_IN_A_CURSOR = queue_pages.cursor((0.5, "L-1\0"))


@pytest.mark.parametrize(
    "path",
    ["/leads?line=%00", "/leads?lead=%00", "/leads?lead=a%1Fb", "/leads/%00", "/leads/L%00", "/scores/%00"],
)
def test_what_no_database_can_look_for_is_refused(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 422


def test_a_cursor_that_no_database_can_look_for_is_the_beginning(client: TestClient) -> None:
    assert queue_pages.read_cursor(NUL_IN_A_CURSOR) is None
    assert client.get(f"/leads?after={NUL_IN_A_CURSOR}").status_code == 200


def test_fields_of_the_form_that_were_left_empty_filter_nothing(pages: Pages, client: TestClient) -> None:
    pages.add_lead("L-1")
    client.get("/leads/L-1")
    assert 'href="/leads/L-1"' in client.get("/leads?band=&line=&lead=").text


@pytest.mark.parametrize("field", ["note", "reason"])
def test_a_remark_that_no_database_can_keep_is_refused(pages: Pages, client: TestClient, field: str) -> None:
    pages.add_lead("L-1")
    form = remark(client, verdict="reject", reason="no budget") | {field: "a\0b"}
    assert client.post("/leads/L-1/feedback", data=form).status_code == 422
    assert said_of(pages) == []


# ── A lead ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_looking_at_a_lead_scores_it_once(pages: Pages, client: TestClient) -> None:
    pages.add_lead("L-1", "pricing_view")
    for _ in range(3):
        assert client.get("/leads/L-1").status_code == 200
    assert (pages.scores.asked, pages.count("predictions")) == (1, 1)


def test_the_crm_is_told_of_a_score_only_where_it_listens(pages: Pages, client: TestClient) -> None:
    pages.add_lead("L-1")
    client.get("/leads/L-1")
    assert pages.count("outbox") == 0
    pages.app.state.services.settings.webhook_url = "https://crm.example"
    pages.add_lead("L-2")
    client.get("/leads/L-2")
    assert pages.count("outbox") == 1


def a_quarter_of_an_hour(pages: Pages) -> None:
    pages.clock.at += looking.FRESH


def another_event(pages: Pages) -> None:
    pages.add_lead("L-1", "pricing_view", "web_visit")


def another_model(pages: Pages) -> None:
    pages.models.champion.fingerprint = "b" * 64


@pytest.mark.parametrize("happens", [a_quarter_of_an_hour, another_event, another_model])
def test_a_lead_is_scored_again_when_something_changed(
    pages: Pages, client: TestClient, happens: Callable[[Pages], None]
) -> None:
    pages.add_lead("L-1", "pricing_view")
    client.get("/leads/L-1")
    pages.clock.at += MINUTE
    happens(pages)
    client.get("/leads/L-1")
    assert pages.scores.asked == 2


def test_what_is_shown_is_what_is_recorded(pages: Pages, client: TestClient) -> None:
    pages.add_lead("L-1")
    page = client.get("/leads/L-1").text
    with pages.store.reading() as connection:
        [told] = connection.exec_driver_sql("SELECT prediction_id FROM predictions").scalars().all()
    assert f'href="/scores/{told}"' in page
    assert "55.2" in page
    assert "About 1 in 3 leads like" in page


def test_a_lead_shows_sheet_reasons_moves_and_what_happened(pages: Pages, client: TestClient) -> None:
    pages.add_lead("L-1", "pricing_view")
    page = client.get("/leads/L-1").text
    for said in (
        "<b>call today</b>",
        "Visit to the pricing page",
        "asks for a demo",
        "not a promise",
        "The sheet would not hand it over, the model would hand it over.",
        "Job level is not known.",
        "<b>What is not told</b>",
    ):
        assert said in page, said
    pages.scores.has_sheet = False
    assert "Your points beside" not in client.get("/leads/L-1").text


def test_looking_again_does_not_hide_why_a_lead_moved(pages: Pages, client: TestClient) -> None:
    pages.add_lead("L-1")
    for _ in range(3):
        client.get("/leads/L-1")
        pages.clock.at += looking.FRESH
    assert pages.count("predictions") == 3
    page = client.get("/leads/L-1").text
    assert "Up 11.7 points since 25 Jul 2025, 05:00 EDT" in page
    queue = client.get("/leads").text
    assert "+11.7 lately: Use of the quote tool." in queue


def test_nobody_is_told_apart_from_somebody_elses_lead(pages: Pages, client: TestClient) -> None:
    pages.add_lead("L-2", tenant="other")
    assert client.get("/leads/L-2").status_code == 404
    assert client.get("/leads/L-2").text == client.get("/leads/L-3").text
    pages.add_lead("L-1")
    client.get("/leads/L-1")
    with pages.store.reading() as connection:
        [told] = connection.exec_driver_sql("SELECT prediction_id FROM predictions").scalars().all()
    other = pages.new_key("review", tenant="other")
    with TestClient(pages.app, base_url="https://testserver") as elsewhere:
        elsewhere.post("/login", data={"key": other})
        assert elsewhere.get("/leads/L-1").status_code == 404
        assert elsewhere.get(f"/scores/{told}").status_code == 404
        assert "L-1" not in elsewhere.get("/leads").text


def test_who_objected_has_no_score_and_the_page_says_so(pages: Pages, client: TestClient) -> None:
    pages.add_lead("L-1")
    client.get("/leads/L-1")
    pages.writer.submit(
        lambda connection: suppression.object_to_profiling(connection, TENANT, "L-1", None, pages.clock.at)
    ).result(5)
    page = client.get("/leads/L-1").text
    assert "No score for" in page
    assert "objected to profiling" in page
    assert "55.2" not in page
    client.get("/leads/L-1")
    assert pages.scores.asked == 2
    assert "L-1" not in client.get("/leads").text


def test_a_record_is_shown_as_it_was_sent(pages: Pages, client: TestClient) -> None:
    pages.add_lead("L-1")
    record = re.findall(r'href="(/scores/[^"]+)"', client.get("/leads/L-1").text)[-1]
    page = client.get(record).text
    assert "equal to the last bit" in page
    assert "&#34;probability&#34;: 0.30977" in page


def test_the_model_page_shows_the_card_as_text(client: TestClient) -> None:
    page = client.get("/model").text
    assert "On average it is about 1 in 8." in page
    assert "&lt;b&gt;nothing&lt;/b&gt;" in page


# ── What reviewers say ───────────────────────────────────────────────────────────────────────────────────────


def said_of(pages: Pages) -> list[tuple[Any, ...]]:
    with pages.store.reading() as connection:
        rows = connection.exec_driver_sql("SELECT verdict, reason, signal, note FROM feedback ORDER BY at")
        return [tuple(row) for row in rows]


@pytest.mark.parametrize(
    ("fields", "kept"),
    [
        ({"verdict": "accept", "note": " fine "}, ("accept", None, None, "fine")),
        ({"verdict": "reject", "reason": "no budget"}, ("reject", "no budget", None, None)),
        (
            {"verdict": "recycle", "reason": "not now", "note": "in May"},
            ("recycle", "not now", None, "in May"),
        ),
        ({"verdict": "disagree", "signal": "fit"}, ("disagree", None, "fit", None)),
    ],
)
@pytest.mark.parametrize("htmx", [False, True])
def test_a_decision_is_kept(
    pages: Pages, client: TestClient, fields: dict[str, str], kept: tuple[Any, ...], *, htmx: bool
) -> None:
    pages.add_lead("L-1")
    form = remark(client, **fields)
    answer = client.post("/leads/L-1/feedback", data=form, headers={"hx-request": "true"} if htmx else {})
    assert said_of(pages) == [kept]
    if htmx:
        assert answer.status_code == 200
        assert answer.text.lstrip().startswith('<div id="feedback"')
        page = answer.text
    else:
        assert answer.status_code == 303
        page = client.get(answer.headers["location"]).text
    assert "Recorded: you" in page
    assert "Said before" in page
    assert "by you" in page


@pytest.mark.parametrize(
    "fields",
    [
        {"verdict": "reject"},
        {"verdict": "reject", "reason": "not now"},
        {"verdict": "recycle", "reason": "no budget"},
        {"verdict": "disagree"},
        {"verdict": "disagree", "signal": "withheld"},
        {"verdict": "disagree", "signal": "nothing"},
        {"verdict": "accept", "prediction_id": "of another lead"},
    ],
)
@pytest.mark.parametrize("htmx", [False, True])
def test_what_cannot_be_meant_is_not_kept_and_said_so(
    pages: Pages, client: TestClient, fields: dict[str, str], *, htmx: bool
) -> None:
    pages.add_lead("L-1")
    form = remark(client, **fields)
    answer = client.post("/leads/L-1/feedback", data=form, headers={"hx-request": "true"} if htmx else {})
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    assert said_of(pages) == []


@pytest.mark.parametrize("fields", [{"verdict": "marry"}, {"more": "x"}, {"note": 2001 * "x"}])
def test_a_form_of_our_own_cannot_say_that(pages: Pages, client: TestClient, fields: dict[str, str]) -> None:
    pages.add_lead("L-1")
    assert client.post("/leads/L-1/feedback", data=remark(client, **fields)).status_code == 422
    assert said_of(pages) == []


@pytest.mark.parametrize("htmx", [False, True])
def test_a_lead_can_be_scored_again_from_the_queue(pages: Pages, client: TestClient, *, htmx: bool) -> None:
    pages.add_lead("L-1")
    client.get("/leads/L-1")
    pages.clock.at += MINUTE
    form = {"csrf": csrf(client.get("/leads").text), "to": "queue"}
    answer = client.post("/leads/L-1/rescore", data=form, headers={"hx-request": "true"} if htmx else {})
    assert pages.count("predictions") == 2
    if htmx:
        assert answer.text.lstrip().startswith("<tr")
        assert "just now" in answer.text
    else:
        assert (answer.status_code, answer.headers["location"]) == (303, "/leads")


# ── Whatever is sent ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("path", PAGES)
def test_every_page_has_the_policy_and_nothing_inline(pages: Pages, client: TestClient, path: str) -> None:
    pages.add_lead("L-1", "web_visit")
    answer = client.get(path)
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.headers["content-security-policy"] == POLICY
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert not re.search(r"\sstyle=|<style|\son\w+=|<script(?! src=\"/static/)|javascript:", answer.text)


def test_hostile_words_are_inert_everywhere(pages: Pages, client: TestClient) -> None:
    hostile = "<img src=x onerror=alert(1)>"
    pages.add_lead(HOSTILE, hostile, line=hostile)
    address = f"/leads/{in_path(HOSTILE)}"
    form = remark(client, HOSTILE, note=hostile)
    client.post(f"{address}/feedback", data=form)
    record = re.findall(r'href="(/scores/[^"]+)"', client.get(address).text)[-1]
    for path in (address, "/leads", record, f"/leads?lead={in_path(HOSTILE)}"):
        page = client.get(path).text
        assert "alert(1)" in page, path
        assert "<script>alert" not in page
        assert "<img" not in page


def test_files_are_kept_by_browsers_and_nothing_else_is_served(client: TestClient) -> None:
    page = client.get("/login").text
    files = re.findall(r'(?:href|src)="(/static/[^"]+)"', page)
    assert len(files) == 4
    for file in files:
        answer = client.get(file)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]
    assert client.get("/static/..%2frendering.py").status_code == 404
    assert client.get("/static/%2e%2e/rendering.py").status_code == 404
