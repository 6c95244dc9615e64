"""When a lead is in play, and how that ends."""

from __future__ import annotations

from typing import Any

import pytest

from features.clock import NEVER, iso
from features.episodes import ENDINGS, Episodes, episodes
from tests import builders
from tests.builders import at, playbook, sql

LEAD = "lead created \n ann 2026-03-01"

DEMO = {"event": "demo"}


def found(stages: str = "", events: str = "", leads: str = LEAD, **changes: Any) -> Episodes:
    agreed = playbook(**changes)
    written = {"leads": leads, "stages": stages, "events": events}
    return episodes(builders.history(**written), agreed, agreed.definition())


def told(episodes: Episodes) -> list[str]:
    """One line per episode: ``start how closed, ending end``."""

    def day(instant: int) -> str:
        return "" if instant == NEVER else f" {iso(instant)[5:10]}"

    lines = zip(
        episodes.start, episodes.closing, episodes.in_play_until, episodes.ending, episodes.end, strict=True
    )
    return [
        f"{iso(start)[5:10]} {ENDINGS[closing]}{day(closed)}, {ENDINGS[ending]}{day(end)}"
        for start, closing, closed, ending, end in lines
    ]


@pytest.mark.parametrize(
    ("stages", "expected"),
    [
        pytest.param("", ["03-01 open, open"], id="nothing happens"),
        pytest.param("mql 02 sql 05", ["03-01 sql 03-05, sql 03-05"], id="from mql to sql"),
        pytest.param("sql 05", ["03-01 sql 03-05, sql 03-05"], id="mql is skipped"),
        pytest.param("mql 06 sql 05", ["03-01 sql 03-05, sql 03-05"], id="mql is entered too late to matter"),
        pytest.param("rejected 05", ["03-01 rejected 03-05, rejected 03-05"], id="rejected"),
        pytest.param("recycled 05", ["03-01 recycled 03-05, recycled 03-05"], id="sent back"),
        pytest.param("duplicate 05", ["03-01 duplicate 03-05, duplicate 03-05"], id="a copy"),
        pytest.param(
            "rejected 05 recycled 07", ["03-01 rejected 03-05, rejected 03-05"], id="the first closing counts"
        ),
        pytest.param("sql 05 sql 07", ["03-01 sql 03-05, sql 03-05"], id="the first sql counts"),
        pytest.param(
            "recycled 05 mql 08",
            ["03-01 recycled 03-05, recycled 03-05", "03-08 open, open"],
            id="taken up again it begins a new episode",
        ),
        pytest.param(
            "recycled 05 mql 08 sql 12",
            ["03-01 recycled 03-05, recycled 03-05", "03-08 sql 03-12, sql 03-12"],
            id="an sql after the new start belongs to the new episode",
        ),
        pytest.param(
            "rejected 05 sql 08", ["03-01 rejected 03-05, sql 03-08"], id="a rejection is taken back"
        ),
        pytest.param(
            "rejected 05 rejected 06 sql 08 mql 09",
            ["03-01 rejected 03-05, sql 03-08"],
            id="a rejection before the sql does not make the next open stage a return",
        ),
        pytest.param(
            "sql 05 contacted 08", ["03-01 sql 03-05, sql 03-05"], id="work on an sql is no new episode"
        ),
        pytest.param(
            "sql 05 recycled 08",
            ["03-01 sql 03-05, sql 03-05"],
            id="an sql sent back stays an sql of its episode",
        ),
        pytest.param(
            "sql 05 recycled 08 mql 09",
            ["03-01 sql 03-05, sql 03-05", "03-09 open, open"],
            id="an sql sent back and taken up begins a new episode",
        ),
        pytest.param(
            "sql 05 duplicate 08 mql 09",
            ["03-01 sql 03-05, sql 03-05"],
            id="a copy of an sql does not return",
        ),
        pytest.param(
            "recycled 05 mql 05",
            ["03-01 recycled 03-05, recycled 03-05", "03-05 open, open"],
            id="of equal stamps the source's order counts: sent back, then taken up",
        ),
        pytest.param(
            "mql 05 recycled 05",
            ["03-01 recycled 03-05, recycled 03-05"],
            id="of equal stamps the source's order counts: taken up, then sent back",
        ),
        pytest.param("rejected 05 sql 05", ["03-01 rejected 03-05, sql 03-05"], id="taken back at once"),
        pytest.param("unheard 02 sql 05", ["03-01 sql 03-05, sql 03-05"], id="a stage that nobody named"),
    ],
)
def test_how_a_lead_goes(stages, expected):
    words = stages.split()
    rows = [
        {"lead": "ann", "stage": stage, "at": f"2026-03-{day}"}
        for stage, day in zip(words[::2], words[1::2], strict=True)
    ]
    assert told(found(rows)) == expected


def test_a_lead_closed_before_it_was_created_was_never_in_play():
    [only] = told(found("lead stage at \n ann rejected 2026-02-01"))
    assert only == "03-01 rejected 02-01, rejected 02-01"


def test_an_episode_never_begins_before_the_lead():
    closed_and_reopened = "lead stage at \n ann rejected 2026-02-01 \n ann mql 2026-02-03"
    assert told(found(closed_and_reopened)) == ["03-01 rejected 02-01, rejected 02-01", "03-01 open, open"]


def test_each_lead_goes_its_own_way():
    episodes = found(
        leads="lead created \n cy 2026-03-01 \n ann 2026-03-01 \n bo 2026-03-01",
        stages="lead stage at \n bo recycled 2026-03-02 \n bo mql 2026-03-03 \n cy sql 2026-03-04",
    )
    assert list(zip(episodes.lead.tolist(), episodes.number.tolist(), strict=True)) == [
        (0, 0), (1, 0), (1, 1), (2, 0),
    ]  # fmt: skip
    assert [ENDINGS[ending] for ending in episodes.ending] == ["open", "recycled", "open", "sql"]


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        pytest.param("2026-03-09", "2026-03-09", id="recorded later"),
        pytest.param("2026-03-02", "2026-03-05", id="planned ahead is known when it happens"),
    ],
)
def test_an_outcome_is_known_once_it_happened_and_was_recorded(known, expected):
    episodes = found(f"lead stage at known \n ann sql 2026-03-05 {known}")
    assert episodes.end_known_at.tolist() == [at(expected)]
    assert episodes.end.tolist() == [at("2026-03-05")]


def test_of_equal_stamps_what_was_known_first_comes_first():
    episodes = found("""
        lead stage    at         known
        ann  mql      2026-03-05 2026-03-07
        ann  recycled 2026-03-05 2026-03-06
    """)
    assert len(episodes) == 2


def test_the_reason_is_that_of_the_first_closing():
    episodes = found("""
        lead stage    at         reason
        ann  rejected 2026-03-05 budget
        ann  sql      2026-03-06 pleaded
        ann  recycled 2026-03-08 tired
        ann  mql      2026-03-09 -
        ann  rejected 2026-03-10 -
        ann  mql      2026-03-11 -
        ann  sql      2026-03-12 fit
    """)
    assert episodes.reason.tolist() == ["budget", "", ""]


BOTH = {"all_of": [{"stage": "mql"}, DEMO]}


@pytest.mark.parametrize(
    ("condition", "stages", "events", "ending"),
    [
        pytest.param(DEMO, "", "demo 04", "sql 03-04", id="an event is enough"),
        pytest.param(DEMO, "", "visit 04", "open", id="another event is not"),
        pytest.param(DEMO, "sql 03", "", "open", id="the stage counts only if the definition says so"),
        pytest.param({"event": "any"}, "", "visit 04", "sql 03-04", id="any event"),
        pytest.param(BOTH, "mql 03", "demo 06", "sql 03-06", id="of two parts the later completes it"),
        pytest.param(BOTH, "mql 08", "demo 06", "sql 03-08", id="in either order"),
        pytest.param(BOTH, "mql 03", "", "open", id="one of two parts is not enough"),
        pytest.param(BOTH, "", "demo 06 demo 07", "open", id="one part twice is not both"),
        pytest.param(
            {"all_of": [DEMO, {"all_of": [{"event": "call"}, {"stage": "mql"}]}]},
            "mql 05",
            "call 02 demo 03",
            "sql 03-05",
            id="parts within parts",
        ),
    ],
)
def test_what_counts_as_an_sql(condition, stages, events, ending):
    def rows(text: str, column: str) -> list[builders.Row]:
        pairs = zip(text.split()[::2], text.split()[1::2], strict=True)
        return [{"lead": "ann", column: word, "at": f"2026-03-{day}"} for word, day in pairs]

    [line] = told(found(rows(stages, "stage"), rows(events, "type"), sql=[sql(condition)]))
    assert line.split(", ")[1] == ending


@pytest.mark.parametrize(
    ("where", "ids"),
    [
        pytest.param({"topic": "pricing"}, "a", id="topic"),
        pytest.param({"topic": ["pricing", "demo"]}, "ab", id="one of two topics"),
        pytest.param({"channel": "web", "campaign": "spring"}, "a", id="channel and campaign together"),
        pytest.param({"source": "crm"}, "b", id="source"),
        pytest.param({"at_least": 5}, "bc", id="a value exactly at the least counts"),
        pytest.param({"below": 5}, "a", id="a value exactly at the limit does not"),
        pytest.param({"at_least": 5, "below": 9}, "b", id="a range"),
    ],
)
def test_an_event_counts_only_where_it_was_asked_for(where, ids):
    """Each of the leads a to d has one event; d's has neither words nor a value."""
    episodes = found(
        leads="lead created \n a 2026-03-01 \n b 2026-03-01 \n c 2026-03-01 \n d 2026-03-01",
        events="""
            lead type at         value topic   channel campaign source
            a    form 2026-03-02 1     pricing web     spring   site
            b    form 2026-03-02 5     demo    web     autumn   crm
            c    form 2026-03-02 9     other   phone   spring   site
            d    form 2026-03-02 -     -       -       -        -
        """,
        sql=[sql({"event": "form", "where": where})],
    )
    assert (
        "".join(
            lead for lead, ending in zip("abcd", episodes.ending, strict=True) if ENDINGS[ending] == "sql"
        )
        == ids
    )


def test_parts_do_not_add_up_over_two_episodes():
    episodes = found(
        "lead stage at \n ann recycled 2026-03-05 \n ann contacted 2026-03-07 \n ann mql 2026-03-09",
        "lead type at \n ann demo 2026-03-02",
        sql=[sql(BOTH)],
    )
    assert told(episodes) == ["03-01 recycled 03-05, recycled 03-05", "03-07 open, open"]


def test_a_stage_that_is_part_of_a_definition_still_takes_a_lead_up_again():
    episodes = found(
        "lead stage at \n ann recycled 2026-03-05 \n ann mql 2026-03-07",
        "lead type at \n ann demo 2026-03-09",
        sql=[sql(BOTH)],
    )
    assert told(episodes) == ["03-01 recycled 03-05, recycled 03-05", "03-07 sql 03-09, sql 03-09"]


def test_versions_of_the_definition_find_different_sqls():
    agreed = playbook(
        sql=[sql(DEMO, version="old"), sql({"stage": "sql"}, version="new", since="2026-06-01")]
    )
    history = builders.history(
        leads=LEAD, events="lead type at \n ann demo 2026-03-03", stages="lead stage at \n ann sql 2026-03-08"
    )
    ends = {name: episodes(history, agreed, agreed.definition(name)).end.tolist() for name in ("old", "new")}
    assert ends == {"old": [at("2026-03-03")], "new": [at("2026-03-08")]}


def test_no_leads_have_no_episodes():
    assert len(found(leads="")) == 0
