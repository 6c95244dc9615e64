"""What is kept beside an answer comes back to the bit."""

from __future__ import annotations

import uuid

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from features.online import Row
from serving.answers.stored import prediction_id, row_of, values_of, words_of

WORDS = st.one_of(st.none(), st.text(st.characters(exclude_categories=["Cs"]), max_size=8))


@given(st.data())
def test_rows_come_back_to_the_bit(data: st.DataObject) -> None:
    length = data.draw(st.integers(0, 6))
    values = data.draw(arrays(np.float32, length, elements=st.floats(width=32)))
    words = tuple(data.draw(st.lists(WORDS, min_size=length, max_size=length)))
    again = row_of(values_of(Row(values, words)), words_of(Row(values, words)))
    assert again.values.tobytes() == values.tobytes()
    assert again.words == words
    assert again.values.flags.writeable


def test_ids_are_of_version_7_in_order_of_time_and_all_different() -> None:
    ids = [prediction_id(1_800_000_000_000_000 + 1_000 * at) for at in range(200)]
    assert ids == sorted(ids)
    assert {uuid.UUID(one).version for one in ids} == {7}
    assert {uuid.UUID(one).variant for one in ids} == {uuid.RFC_4122}
    same_moment = {prediction_id(1_800_000_000_000_000) for _ in range(1_000)}
    assert len(same_moment) == 1_000
    assert uuid.UUID(ids[1]).int >> 80 == 1_800_000_000_001
