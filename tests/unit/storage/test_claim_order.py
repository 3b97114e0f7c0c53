"""Whose line moves: the pure rule, and what it promises however many urgent jobs come."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from hounsfield.storage.claim_order import ClaimOrder, Head

NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)
ORDERS = st.builds(
    ClaimOrder, patience=st.integers(0, 60).map(lambda minutes: timedelta(minutes=minutes)), every=st.integers(2, 9)
)
HEADS = st.builds(
    Head,
    priority=st.sampled_from((0, 1, 100)),
    since=st.integers(0, 120).map(lambda minutes: NOW - timedelta(minutes=minutes)),
    passed=st.integers(0, 9),
)


def line(priority: int, minutes: float, passed: int = 0) -> Head:
    return Head(priority=priority, since=NOW - timedelta(minutes=minutes), passed=passed)


def first(*heads: Head) -> int:
    return ClaimOrder().ranked(heads, NOW)[0]


def test_the_higher_priority_is_first_and_of_equal_ones_who_waited_longer() -> None:
    assert first(line(0, 29), line(100, 0)) == 1
    assert first(line(0, 500, passed=2), line(100, 0)) == 1
    assert first(line(100, 1), line(100, 2), line(1, 3)) == 1


def test_who_waited_too_long_and_was_passed_over_often_enough_is_owed_a_turn() -> None:
    assert first(line(0, 30, passed=3), line(100, 29)) == 0
    assert first(line(0, 29.9, passed=3), line(100, 29)) == 1
    assert first(line(0, 40, passed=3), line(1, 50, passed=3), line(100, 60)) == 1
    assert first(line(1, 40, passed=3), line(0, 50, passed=3), line(100, 60)) == 1


@given(ORDERS, st.lists(HEADS, max_size=6))
def test_every_line_has_its_place_once(order: ClaimOrder, heads: list[Head]) -> None:
    assert sorted(order.ranked(heads, NOW)) == list(range(len(heads)))


@given(ORDERS, st.integers(1, 40))
def test_routine_is_taken_up_in_time_while_urgent_jobs_never_end(order: ClaimOrder, minutes_each: int) -> None:
    """A routine job waits for its patience and ``every`` - 1 urgent ones, and an urgent one for one routine job."""
    now, passed, since, in_a_row = NOW, 0, NOW, 0
    for _ in range(60):
        heads = [Head(priority=0, since=since, passed=passed), Head(priority=100, since=now, passed=0)]
        if order.ranked(heads, now)[0] == 0:
            assert now - since <= order.patience + timedelta(minutes=minutes_each * order.every)
            passed, since, in_a_row = 0, now, in_a_row + 1
        else:
            passed, in_a_row = passed + order.is_impatient(heads[0], now), 0
        assert in_a_row <= 1
        now += timedelta(minutes=minutes_each)
    assert now - since <= order.patience + timedelta(minutes=minutes_each * (order.every + 1))
