"""What a playbook may say about leads that are being scored."""

from __future__ import annotations

import subprocess
import sys

import pytest

from features.errors import DefinitionError
from features.playbook import Playbook, parse_playbook, read_playbook
from features.playbook_service import Action, NextStep, Pilot

LEAST = """
name: least
stages: {new: open, won: sql}
sql: [{version: v1, effective_from: 2026-01-01, any_of: [{stage: won}]}]
service_lines: {genomics: {}, proteomics: {}}
"""

WHOLE = """
actions:
  - {event: demo_request, say: asks for a demo}
  - {event: visit, say: looks at prices, topic: pricing, channel: web, campaign: spring, source: site, value: 2.5}
next_steps:
  A: {do: call today, within_hours: 4, route: senior sales}
  D: {do: wait}
reasons: {rejected: [no budget, wrong person], recycled: [not now]}
withhold: {gender: protected, credit_score: told to us in confidence}
pilot: {share: 0.2, by: account, service_lines: [genomics]}
alerts: {points: 5.5}
"""


def parse(more: str) -> Playbook:
    return parse_playbook(LEAST + more + "\n")


def test_all_of_it_may_be_left_out():
    least = parse("")
    assert least.actions == ()
    assert least.next_steps == {}
    assert (least.reasons.rejected, least.reasons.recycled) == ((), ())
    assert least.withhold == {}
    assert least.pilot is None
    assert least.alerts.points == 10.0


def test_all_of_it_is_read_as_it_is_written():
    whole = parse(WHOLE)
    assert whole.actions[0] == Action(event="demo_request", say="asks for a demo")
    assert whole.actions[1].model_dump() == {
        "event": "visit",
        "say": "looks at prices",
        "value": 2.5,
        "topic": "pricing",
        "channel": "web",
        "campaign": "spring",
        "source": "site",
    }
    assert whole.next_steps["A"] == NextStep(do="call today", within_hours=4, route="senior sales")
    assert whole.next_steps["D"] == NextStep(do="wait")
    assert whole.reasons.rejected == ("no budget", "wrong person")
    assert whole.reasons.recycled == ("not now",)
    assert whole.withhold == {"gender": "protected", "credit_score": "told to us in confidence"}
    assert whole.pilot is not None
    assert (whole.pilot.share, whole.pilot.by, whole.pilot.service_lines) == (0.2, "account", ("genomics",))
    assert whole.alerts.points == 5.5


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        pytest.param(
            "actions: [{event: '', say: x}]", "actions.0.event: String should have at least 1", id="no event"
        ),
        pytest.param(
            "actions: [{event: [a, b], say: x}]", "actions.0.event: Input should be a valid string", id="two"
        ),
        pytest.param("actions: [{event: a}]", "actions.0.say: Field required", id="unsaid"),
        pytest.param(
            "actions: [{event: a, say: x, value: .inf}]",
            "actions.0.value: Input should be a finite",
            id="inf",
        ),
        pytest.param(
            "actions: [{event: a, say: x, type: b}]", "actions.0.type: Extra inputs", id="a slip of the pen"
        ),
        pytest.param(
            "actions: [{event: a, say: x}, {event: b, say: x}]",
            "actions: actions named twice: x",
            id="one name for two",
        ),
        pytest.param(
            "next_steps: {E: {do: x}}",
            "next_steps.E.[key]: Input should be 'A', 'B', 'C' or 'D'",
            id="band E",
        ),
        pytest.param(
            "next_steps: {a: {do: x}}", "next_steps.a.[key]: Input should be 'A', 'B'", id="a small letter"
        ),
        pytest.param(
            "next_steps: {A: {within_hours: 4}}", "next_steps.A.do: Field required", id="nothing to do"
        ),
        pytest.param(
            "next_steps: {A: {do: x, within_hours: 0}}",
            "next_steps.A.within_hours: Input should be greater",
            id="at once",
        ),
        pytest.param(
            "reasons: {rejected: [x, x]}", "reasons.rejected: reasons named twice: x", id="a reason twice"
        ),
        pytest.param("reasons: {lapsed: [x]}", "reasons.lapsed: Extra inputs", id="an unknown verdict"),
        pytest.param("withhold: [gender]", "withhold: Input should be a valid dictionary", id="no why"),
        pytest.param(
            "withhold: {gender: ''}", "withhold.gender: String should have at least 1", id="an empty why"
        ),
        pytest.param(
            "pilot: {share: 1.5}", "pilot.share: Input should be less than or equal to 1", id="over all"
        ),
        pytest.param(
            "pilot: {share: -.1}", "pilot.share: Input should be greater than or equal to 0", id="below none"
        ),
        pytest.param("pilot: {by: lead}", "pilot.share: Field required", id="no share"),
        pytest.param(
            "pilot: {share: .1, by: owner}", "pilot.by: Input should be 'lead' or 'account'", id="by owner"
        ),
        pytest.param(
            "pilot: {share: .1, service_lines: [genomics, imaging]}",
            "pilot.service_lines.1: service line 'imaging' is not among service_lines (genomics, proteomics)",
            id="an unknown line",
        ),
        pytest.param(
            "alerts: {points: 0}", "alerts.points: Input should be greater than 0", id="every breath"
        ),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_place(more, problem):
    with pytest.raises(DefinitionError) as refusal:
        parse(more)
    [told] = refusal.value.problems
    assert problem in told


def test_half_the_leads_are_about_half_the_leads():
    for share in (0.05, 0.2, 0.5):
        pilot = Pilot(share=share, by="lead", salt="test")
        taken = sum(pilot.takes(f"lead {number}", None, None) for number in range(20_000))
        assert abs(taken / 20_000 - share) < 4 * (share * (1 - share) / 20_000) ** 0.5


def test_none_and_all_are_none_and_all():
    assert not any(Pilot(share=0, by="lead").takes(f"{number}", None, None) for number in range(1000))
    assert all(Pilot(share=1, by="lead").takes(f"{number}", None, None) for number in range(1000))


def test_leads_of_an_account_are_drawn_together_and_others_by_themselves():
    pilot = Pilot(share=0.5, by="account", salt="test")
    for number in range(50):
        account = f"account {number}"
        assert len({pilot.takes(f"lead {lead}", account, None) for lead in range(20)}) == 1
    alone = [pilot.takes(f"lead {number}", None, None) for number in range(200)]
    by_lead = Pilot(share=0.5, by="lead", salt="test")
    assert alone == [by_lead.takes(f"lead {number}", None, None) for number in range(200)]
    assert 0 < sum(alone) < 200
    assert [by_lead.takes(f"lead {number}", "acme", None) for number in range(200)] == alone


def test_whoever_is_in_stays_in_as_the_share_grows():
    small, large = Pilot(share=0.2, by="lead", salt="test"), Pilot(share=0.3, by="lead", salt="test")
    inside = [number for number in range(2000) if small.takes(f"{number}", None, None)]
    assert all(large.takes(f"{number}", None, None) for number in inside)


def test_a_pilot_is_held_in_its_service_lines():
    pilot = Pilot(share=1, by="lead", service_lines=("genomics",))
    assert pilot.takes("ann", None, "genomics")
    assert not pilot.takes("ann", None, "proteomics")
    assert not pilot.takes("ann", None, None)


def test_another_playbook_draws_other_leads():
    def drawn(text: str) -> list[bool]:
        pilot = parse_playbook(text).pilot
        assert pilot is not None
        return [pilot.takes(f"{number}", None, None) for number in range(200)]

    plain = LEAST + "pilot: {share: 0.5, by: lead}\n"
    renamed = plain.replace("name: least", "name: other")
    salted = renamed.replace("by: lead", "by: lead, salt: least")
    assert drawn(plain) != drawn(renamed)
    assert drawn(plain) == drawn(salted)


def test_every_process_draws_alike():
    program = (
        "from features.playbook_service import Pilot;"
        "p = Pilot(share=0.5, by='lead', salt='test');"
        "print([p.takes(f'{n}', None, None) for n in range(100)])"
    )
    told = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    pilot = Pilot(share=0.5, by="lead", salt="test")
    assert told == {f"{[pilot.takes(f'{number}', None, None) for number in range(100)]}\n"}


@pytest.mark.parametrize("example", ["simulated", "bpic2012", "olist"])
def test_the_examples_say_what_to_do_with_every_band_and_pilot_nothing(root, example):
    playbook = read_playbook(root / "examples" / example / "playbook.yaml")
    assert sorted(playbook.next_steps) == ["A", "B", "C", "D"]
    assert playbook.reasons.rejected
    assert playbook.reasons.recycled
    assert playbook.pilot is None
