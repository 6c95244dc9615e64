"""Rules of every kind, drawn."""

from __future__ import annotations

from hypothesis import strategies as st

from features.sheet import Decay, Rule, RuleTest, Selection

WORDS = st.one_of(
    st.sampled_from(
        ["director", "a | b", "a|b", " x ", '"said"', "[x]", "|", "VP, sales", "é;\n", "0", "yes"]
    ),
    st.text(min_size=1, max_size=6),
)
MANY = st.lists(WORDS, max_size=3).map(tuple)
NUMBERS = st.one_of(
    st.sampled_from([0.0, 1.125, 20.0, -10.0, 1234567.0, 0.1 + 0.2, 1e-7, 1e300]),
    st.floats(allow_nan=False, allow_infinity=False),
)
DAYS = st.integers(1, 3650)


@st.composite
def ranges(draw: st.DrawFn) -> dict[str, float | None]:
    """Limits of which the lower is below the upper, or one of them, or none."""
    low, high = draw(st.none() | NUMBERS), draw(st.none() | NUMBERS)
    return {"at_least": low, "below": high if low is None or high is None or low < high else None}


@st.composite
def decays(draw: st.DrawFn) -> Decay:
    """Each of the three ways."""
    way = draw(st.sampled_from(["half_life_days", "linear_days", "steps"]))
    if way != "steps":
        return Decay.model_validate({way: draw(DAYS)})
    days = draw(st.lists(DAYS, min_size=1, max_size=4, unique=True))
    shares = draw(
        st.lists(
            st.floats(0, 1, exclude_max=True),
            min_size=len(days),
            max_size=len(days),
            unique_by=lambda x: x + 0.0,
        )
    )
    return Decay(steps=dict(zip(sorted(days), sorted(shares, reverse=True), strict=True)))


@st.composite
def rules(draw: st.DrawFn) -> Rule:
    """On events, on silence, on attributes."""
    points = draw(NUMBERS)
    given = {
        "name": draw(WORDS),
        "points": points,
        "group": draw(st.none() | WORDS),
        "qualifies": draw(st.booleans()),
    }
    kind = draw(st.sampled_from(["events", "silence", "attribute"]))
    if kind == "attribute":
        words = draw(st.sampled_from([{}, {"one_of": draw(MANY)}, {"contains": draw(MANY)}]))
        limits = draw(ranges())
        if not any([*words.values(), *(limit is not None for limit in limits.values())]):
            limits = {"at_least": 3.0}
        entity = draw(st.sampled_from(["lead", "account"]))
        return Rule(when=RuleTest(attribute=draw(WORDS), entity=entity, **words, **limits), **given)
    columns = {name: draw(MANY) for name in ("topic", "channel", "campaign", "source")}
    where = Selection(**columns, **draw(ranges()))
    event = draw(WORDS)
    if kind == "silence":
        return Rule(when=RuleTest(event=event, silent_days=draw(DAYS), where=where), **given)
    times, each = draw(st.integers(1, 9)), draw(st.booleans())
    if times > 1:
        test = RuleTest(event=event, days=draw(st.none() | DAYS), times=times, where=where)
        return Rule(when=test, **given)
    decay = draw(st.none() | decays())
    days = draw(st.none() | DAYS) if decay is None else None
    most = abs(points) * 3 if each and draw(st.booleans()) and 0 < abs(points) < 1e300 else None
    return Rule(
        when=RuleTest(event=event, days=days, where=where), each=each, most=most, decay=decay, **given
    )
