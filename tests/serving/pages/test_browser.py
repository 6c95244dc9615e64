"""The pages in a real browser: by mouse, by keyboard alone, without scripts, and for those who listen to them."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.serving.pages.house import HOSTILE, MINUTE, Pages

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
AXE = Path(__file__).parent / "axe" / "axe.min.js"

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        CHROMIUM is None and not os.environ.get("CI"),
        reason="there is no Chromium (apt-get install chromium)",
    ),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield found
        found.close()


class Visit:
    """A page of the browser, and what it complained about."""

    def __init__(self, context: BrowserContext, address: str) -> None:
        self.page: Page = context.new_page()
        self.page.set_default_timeout(10_000)
        self.address = address
        self.complaints: list[str] = []
        self.page.on("console", lambda said: self._note(said.type, said.text))
        self.page.on("pageerror", lambda error: self._note("error", str(error)))

    def _note(self, kind: str, words: str) -> None:
        if kind in {"error", "warning"} and "status of 4" not in words:  # a 4xx that a test asks for
            self.complaints.append(words)

    def open(self, path: str) -> None:
        self.page.goto(self.address + path)

    def sign_in(self, key: str) -> None:
        self.open("/login")
        self.page.get_by_label("API key").fill(key)
        self.page.get_by_role("button", name="Sign in").click()
        self.page.wait_for_url("**/leads")

    def faults(self) -> list[str]:
        """What axe finds that is serious for people who cannot see or use a mouse."""
        self.page.evaluate(AXE.read_text(encoding="utf-8"))
        found: list[dict[str, Any]] = self.page.evaluate("axe.run().then(found => found.violations)")
        return [
            f"{one['id']}: {node['html'][:120]} {json.dumps(node['any'][:1])[:300]}"
            for one in found
            if one["impact"] in {"serious", "critical"}
            for node in one["nodes"]
        ]


def visiting(browser: Browser, pages: Pages, address: str, **options: Any) -> Iterator[Visit]:
    context = browser.new_context(**options)
    visit = Visit(context, address)
    visit.sign_in(pages.key)
    yield visit
    context.close()
    assert visit.complaints == []  # above all: nothing that the content security policy stopped


@pytest.fixture
def visit(browser: Browser, pages: Pages, address: str) -> Iterator[Visit]:
    pages.add_lead("L-1", "pricing_view", "web_visit")
    yield from visiting(browser, pages, address)


@pytest.fixture
def without_scripts(browser: Browser, pages: Pages, address: str) -> Iterator[Visit]:
    pages.add_lead("L-1", "pricing_view", "web_visit")
    yield from visiting(browser, pages, address, java_script_enabled=False)


def verdicts(pages: Pages) -> list[tuple[Any, ...]]:
    with pages.store.reading() as connection:
        rows = connection.exec_driver_sql("SELECT verdict, reason, signal, note FROM feedback ORDER BY at")
        return [tuple(row) for row in rows]


def test_the_session_cookie_is_kept_on_plain_http_of_ones_own_machine(visit: Visit) -> None:
    [cookie] = visit.page.context.cookies()
    assert (cookie["name"], cookie["secure"], cookie["httpOnly"]) == ("__Host-leadlight", True, True)
    assert cookie["sameSite"] == "Strict"


def test_a_wrong_key_is_told_and_the_field_is_ready_again(browser: Browser, address: str) -> None:
    with browser.new_context() as context:
        visit = Visit(context, address)
        visit.open("/login")
        visit.page.get_by_label("API key").fill("ll_wrong")
        visit.page.get_by_role("button", name="Sign in").click()
        expect(visit.page.get_by_role("alert")).to_contain_text("not known")
        expect(visit.page.get_by_label("API key")).to_be_focused()
        assert visit.faults() == []


def test_from_the_queue_to_a_lead_and_back(visit: Visit) -> None:
    page = visit.page
    expect(page.get_by_role("heading", name="No lead has been scored yet")).to_be_visible()
    visit.open("/leads/L-1")
    expect(page.get_by_role("heading", level=1)).to_have_text(
        "About 1 in 3 leads like L-1 become an SQL within 90 days"
    )
    page.get_by_role("link", name="Leads").first.click()
    page.get_by_role("link", name="L-1").click()
    expect(page.get_by_text("call today")).to_be_visible()


def test_rescoring_changes_the_row_in_its_place(visit: Visit, pages: Pages) -> None:
    visit.open("/leads/L-1")
    pages.clock.at += 5 * MINUTE
    visit.open("/leads")
    row = visit.page.get_by_role("row").filter(has_text="L-1")
    expect(row).to_contain_text("5 minutes ago")
    visit.page.evaluate("window.same = true")
    row.get_by_role("button", name="Rescore L-1").click()
    expect(row).to_contain_text("just now")
    assert visit.page.evaluate("window.same")  # no other page was loaded
    assert pages.count("predictions") == 2


@pytest.mark.parametrize("scripts", [True, False])
@pytest.mark.parametrize(
    ("name", "reason", "button", "kept"),
    [
        ("Accept", None, "Accept this lead", ("accept", None, None, "as seen")),
        ("Reject", "no budget", "Reject this lead", ("reject", "no budget", None, "as seen")),
        ("Recycle", "not now", "Send it back to marketing", ("recycle", "not now", None, "as seen")),
    ],
)
def test_a_decision_with_and_without_scripts(
    request: pytest.FixtureRequest,
    pages: Pages,
    name: str,
    reason: str | None,
    button: str,
    kept: Any,
    *,
    scripts: bool,
) -> None:
    visit: Visit = request.getfixturevalue("visit" if scripts else "without_scripts")
    visit.open("/leads/L-1")
    decide = visit.page.get_by_role("region", name="Your decision")
    decide.get_by_text(name, exact=True).click()
    form = decide.locator("details[open]")
    if reason:
        form.get_by_label(reason).check()
    form.get_by_label("Note").fill("as seen")
    form.get_by_role("button", name=button).click()
    expect(decide.get_by_role("status")).to_contain_text("Recorded: you")
    expect(decide.locator("#feedback")).to_contain_text("as seen")
    assert verdicts(pages) == [kept]


@pytest.mark.parametrize("scripts", [True, False])
def test_a_reason_is_disputed_with_and_without_scripts(
    request: pytest.FixtureRequest, pages: Pages, *, scripts: bool
) -> None:
    visit: Visit = request.getfixturevalue("visit" if scripts else "without_scripts")
    visit.open("/leads/L-1")
    signal = visit.page.locator("#signal-fit")
    signal.locator("summary").click()
    signal.get_by_label("I disagree").fill("it is a spin-off")
    signal.get_by_role("button", name="Disagree").click()
    expect(visit.page.get_by_role("status")).to_contain_text("you disagree")
    assert verdicts(pages) == [("disagree", None, "fit", "it is a spin-off")]
    assert visit.page.locator("#signal-withheld form").count() == 0


def test_rejecting_without_a_reason_stays_on_the_page(visit: Visit, pages: Pages) -> None:
    visit.open("/leads/L-1")
    decide = visit.page.get_by_role("region", name="Your decision")
    decide.get_by_text("Reject", exact=True).click()
    decide.get_by_role("button", name="Reject this lead").click()
    assert visit.page.evaluate("document.querySelector('details[open] form').checkValidity()") is False
    assert verdicts(pages) == []


def test_a_lead_is_accepted_by_keyboard_alone(browser: Browser, pages: Pages, address: str) -> None:
    pages.add_lead("L-1", "pricing_view")
    with browser.new_context() as context:
        visit = Visit(context, address)
        page = visit.page
        visit.open("/login?next=/leads/L-1")
        page.keyboard.type(pages.key)  # the field has the focus
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", level=1)).to_contain_text("L-1")
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
        page.keyboard.press("Enter")
        for _ in range(12):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.textContent") == "Accept":
                break
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        page.keyboard.type("by keyboard")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(page.get_by_role("status")).to_contain_text("you accepted")
        assert verdicts(pages) == [("accept", None, None, "by keyboard")]
        assert visit.complaints == []


PATHS = ("/login", "/leads", "/leads/L-1", "/model", "/leads/nobody", "/leads?lead=nobody")
OPEN_ALL = "document.querySelectorAll('details').forEach(one => { one.name = ''; one.open = true })"


def every_page(visit: Visit) -> Iterator[str]:
    """Each page, with everything on it unfolded."""
    visit.open("/leads/L-1")
    record = visit.page.get_by_role("link").last.get_attribute("href")
    for path in (*PATHS, str(record)):
        visit.open(path)
        visit.page.evaluate(OPEN_ALL)
        yield path


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_serious_hurdles_and_enough_contrast(
    browser: Browser, pages: Pages, address: str, scheme: Any
) -> None:
    pages.add_lead("L-1", "pricing_view")
    for visit in visiting(browser, pages, address, color_scheme=scheme):
        found = {path: visit.faults() for path in every_page(visit)}
        assert len(found) == len(PATHS) + 1
        assert {path: faults for path, faults in found.items() if faults} == {}


@pytest.mark.parametrize("width", [360, 768])
def test_nothing_is_wider_than_a_narrow_screen(
    browser: Browser, pages: Pages, address: str, width: int
) -> None:
    pages.add_lead("L-1", "pricing_view")
    for visit in visiting(browser, pages, address, viewport={"width": width, "height": 800}):
        widths = {
            path: visit.page.evaluate("document.documentElement.scrollWidth") for path in every_page(visit)
        }
        assert {path: wide for path, wide in widths.items() if wide > width} == {}


def test_hostile_words_do_nothing(visit: Visit, pages: Pages) -> None:
    pages.add_lead(HOSTILE, "<img src=x onerror=alert(1)>", line="<svg onload=alert(1)>")
    visit.page.on("dialog", lambda dialog: visit.complaints.append(dialog.message))
    visit.open("/leads?lead=nobody")
    visit.page.get_by_label("Lead id").fill(HOSTILE)
    visit.page.get_by_role("button", name="Show").click()
    visit.page.get_by_role("link", name="open it by its id").click()
    expect(visit.page.get_by_role("heading", level=1)).to_contain_text(HOSTILE)
    visit.open("/leads")
    visit.page.get_by_role("link", name=HOSTILE).click()
    expect(visit.page.get_by_role("heading", level=1)).to_contain_text(HOSTILE)


def test_paper_shows_the_drawing_and_no_buttons(visit: Visit) -> None:
    visit.open("/leads/L-1")
    visit.page.emulate_media(media="print", color_scheme="dark")
    expect(visit.page.locator("svg.wide").first).to_be_visible()
    for hidden in ("button", "form", "svg.narrow", ".top"):
        assert not any(one.is_visible() for one in visit.page.locator(hidden).all()), hidden
    assert visit.page.evaluate("getComputedStyle(document.body).backgroundColor") in {
        "rgb(255, 255, 255)",
        "rgba(0, 0, 0, 0)",
    }
    assert len(visit.page.pdf()) > 10_000


def test_a_key_revoked_while_somebody_looks_leads_to_the_sign_in(visit: Visit, pages: Pages) -> None:
    visit.open("/leads/L-1")
    pages.clock.at += 9 * 60 * MINUTE
    decide = visit.page.get_by_role("region", name="Your decision")
    decide.get_by_text("Accept", exact=True).click()
    decide.get_by_role("button", name="Accept this lead").click()
    visit.page.wait_for_url("**/login?next=*")
    assert verdicts(pages) == []
    assert all("401" in said for said in visit.complaints)
    visit.complaints.clear()
