"""What follows a failed attempt, as a function of numbers."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hounsfield.daemon.pipeline.attempts import Leaving, batch_of, pause_before_next


@pytest.mark.parametrize(("attempt", "slices"), [(1, 16), (2, 8), (3, 4), (5, 1), (9, 1), (10_000, 1)])
def test_each_attempt_takes_half_as_many_slices_at_once(attempt: int, slices: int) -> None:
    assert batch_of(attempt, 16) == slices


@given(st.integers(0, 10**6), st.integers(1, 1024))
def test_there_is_always_a_slice_to_score_and_never_more_than_configured(attempt: int, batch: int) -> None:
    assert 1 <= batch_of(attempt, batch) <= batch
    assert batch_of(attempt + 1, batch) <= batch_of(attempt, batch)


@pytest.mark.parametrize(("failed", "seconds"), [(1, 1), (2, 2), (3, 4), (6, 30), (19, 30)])
def test_the_pause_grows_up_to_half_a_minute(failed: int, seconds: int) -> None:
    assert pause_before_next(failed, 20) == timedelta(seconds=seconds)


@given(st.integers(1, 20), st.integers(0, 40))
def test_after_the_last_attempt_there_is_none(most: int, failed: int) -> None:
    assert (pause_before_next(failed, most) is None) == (failed >= most)


def test_exit_statuses_tell_why_a_worker_ended_itself() -> None:
    assert {int(status) for status in Leaving} == {70, 71, 72}
