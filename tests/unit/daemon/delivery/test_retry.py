"""When a delivery is done, tried again, or given up."""

import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hounsfield.daemon.association.link import Failure
from hounsfield.daemon.delivery.retry import (
    FIRST_DELAY,
    LONGEST_DELAY,
    PERMANENT_ATTEMPTS,
    Complete,
    Decision,
    Discard,
    RetryLater,
    decide,
    decide_lost,
    decide_unknown,
    delay,
    is_kept,
    is_refused_for_good,
    lost_status,
)
from hounsfield.daemon.delivery.scu import SendReport, SentObject
from hounsfield.storage.states import Reason

NOW = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
IN_A_WEEK = NOW + timedelta(days=7)


def answered(*statuses: int, failure: Failure | None = None) -> SendReport:
    return SendReport(tuple(SentObject(f"1.2.{i}", status) for i, status in enumerate(statuses)), failure)


def after(
    report: SendReport, attempts: int = 1, give_up_at: datetime | None = IN_A_WEEK, refusals: int = 1000
) -> Decision:
    return decide(report, attempts, NOW, give_up_at, random.Random(1), refusals)


@pytest.mark.parametrize("status", [0x0000, 0x0001, 0x0107, 0x0111, 0x0116, 0xB000, 0xB006, 0xB007])
def test_success_a_warning_and_a_known_object_complete_a_delivery(status: int) -> None:
    assert is_kept(status)
    assert after(answered(0, status)) == Complete()


def test_of_all_statuses_none_but_those_of_the_standard_counts_as_kept() -> None:
    kept = {0x0000, 0x0001, 0x0107, 0x0111, 0x0116, *range(0xB000, 0xC000)}
    assert {status for status in range(0x10000) if is_kept(status)} == kept


def test_of_all_statuses_none_but_those_that_may_pass_is_tried_for_days() -> None:
    passing = {0x0110, 0x0124, 0x0210, 0x0213, 0xFE00, *range(0xA700, 0xA800)}
    refused = {status for status in range(0x10000) if is_refused_for_good(answered(status))}
    assert refused == {status for status in range(0x10000) if not is_kept(status)} - passing


def test_a_delivery_of_which_something_may_pass_is_not_refused_for_good() -> None:
    assert is_refused_for_good(answered(0xA900, 0xC000))
    assert not is_refused_for_good(answered(0xA900, 0xA700))
    assert is_refused_for_good(answered(0, failure=Failure.NOT_ACCEPTED))
    assert not is_refused_for_good(answered(0xA900, failure=Failure.BROKEN_OFF))
    assert not is_refused_for_good(answered(0))


def test_nothing_left_to_send_completes_a_delivery() -> None:
    assert after(SendReport()) == Complete()


@pytest.mark.parametrize(
    ("report", "reason"),
    [
        (answered(failure=Failure.UNREACHABLE), Reason.UNREACHABLE),
        (answered(0, failure=Failure.UNREACHABLE), Reason.UNREACHABLE),
        (answered(failure=Failure.BUSY), Reason.REJECTED),
        (answered(failure=Failure.REJECTED), Reason.REJECTED),
        (answered(0, failure=Failure.BROKEN_OFF), Reason.UNREACHABLE),
        (answered(0xC000, failure=Failure.BROKEN_OFF), Reason.UNREACHABLE),
        (answered(0xA700, failure=Failure.NOT_ACCEPTED), Reason.NOT_ACCEPTED),
        (answered(0x0124), Reason.REFUSED_STATUS),
        (answered(0x0210), Reason.REFUSED_STATUS),
        (answered(0x0213), Reason.REFUSED_STATUS),
        (answered(0xFE00), Reason.REFUSED_STATUS),
        (answered(0xA700), Reason.REFUSED_STATUS),
        (answered(0, 0xA7FF), Reason.REFUSED_STATUS),
        (answered(0x0110), Reason.REFUSED_STATUS),
        (answered(0xC000, 0xA700), Reason.REFUSED_STATUS),
    ],
)
def test_a_fault_that_may_pass_is_tried_for_days(report: SendReport, reason: Reason) -> None:
    decision = after(report, attempts=1000)
    assert isinstance(decision, RetryLater)
    assert decision.reason == reason
    assert NOW + LONGEST_DELAY / 2 <= decision.at <= NOW + LONGEST_DELAY


@pytest.mark.parametrize(
    ("report", "reason"),
    [
        (answered(0, failure=Failure.NOT_ACCEPTED), Reason.NOT_ACCEPTED),
        (answered(0xA900), Reason.REFUSED_STATUS),
        (answered(0, 0xC123), Reason.REFUSED_STATUS),
        (answered(0x0117), Reason.REFUSED_STATUS),
        (answered(0x0122), Reason.NOT_ACCEPTED),
        (answered(0x4711), Reason.REFUSED_STATUS),
    ],
)
def test_a_refusal_for_good_is_tried_a_limited_number_of_times(report: SendReport, reason: Reason) -> None:
    assert isinstance(after(report, attempts=1000, refusals=PERMANENT_ATTEMPTS - 1), RetryLater)
    assert after(report, refusals=PERMANENT_ATTEMPTS) == Discard(reason)


def test_no_way_to_a_destination_ends_at_once() -> None:
    assert after(answered(failure=Failure.NO_ADDRESS)) == Discard(Reason.UNKNOWN_SENDER)


@given(st.integers(0, 0xFFFF))
def test_every_status_is_either_kept_or_tried_again_at_first(status: int) -> None:
    decision = after(answered(status), refusals=1)
    assert decision == Complete() if is_kept(status) else isinstance(decision, RetryLater)


@given(st.integers(0, 0xFFFF))
def test_what_was_lost_never_counts_as_kept(failure_reason: int) -> None:
    assert not is_kept(lost_status(failure_reason))


@pytest.mark.parametrize(
    ("written", "status"), [(0x0000, 0x0112), (0xB000, 0x0112), (0x0110, 0x0110), (0x0112, 0x0112)]
)
def test_a_failure_reason_that_would_count_as_kept_says_that_there_is_no_such_instance(
    written: int, status: int
) -> None:
    assert lost_status(written) == status


def test_a_failure_that_nobody_thought_of_is_tried_again_until_the_deadline() -> None:
    decision = decide_unknown(1, NOW, IN_A_WEEK, random.Random(1))
    assert isinstance(decision, RetryLater)
    assert decision.reason == Reason.INTERNAL
    assert isinstance(decide_unknown(1, NOW, None, random.Random(1)), RetryLater)
    assert decide_unknown(1, NOW, NOW, random.Random(1)) == Discard(Reason.DEADLINE)


def test_what_was_lost_is_sent_again_until_the_deadline() -> None:
    decision = decide_lost(1, NOW, IN_A_WEEK, random.Random(1))
    assert isinstance(decision, RetryLater)
    assert decision.reason == Reason.PROOF_FAILED
    assert decide_lost(9, IN_A_WEEK, IN_A_WEEK, random.Random(1)) == Discard(Reason.DEADLINE)


def test_an_unreachable_peer_is_given_up_only_at_the_deadline() -> None:
    down = answered(failure=Failure.UNREACHABLE)
    soon = NOW + timedelta(milliseconds=100)
    assert after(down, give_up_at=soon) == RetryLater(soon, Reason.UNREACHABLE)
    assert after(down, give_up_at=NOW) == Discard(Reason.DEADLINE)
    assert isinstance(after(down, attempts=100_000, give_up_at=None), RetryLater)


def test_a_delivery_that_succeeds_after_its_deadline_is_complete() -> None:
    assert after(answered(0), give_up_at=NOW - timedelta(days=1)) == Complete()


def test_the_first_wait_is_of_seconds_the_longest_of_a_quarter_of_an_hour() -> None:
    class Longest(random.Random):
        def uniform(self, a: float, b: float) -> float:
            return max(a, b)

    class Shortest(random.Random):
        def uniform(self, a: float, b: float) -> float:
            return min(a, b)

    attempts = (0, 1, 2, 3, 8, 9, 50)
    assert [delay(one, Longest()).total_seconds() for one in attempts] == [4, 4, 8, 16, 512, 900, 900]
    assert [delay(one, Shortest()).total_seconds() for one in attempts] == [2, 2, 4, 8, 256, 450, 450]
    assert PERMANENT_ATTEMPTS == 24


def test_waits_double_up_to_a_quarter_of_an_hour_and_differ() -> None:
    rng = random.Random(7)
    for attempt in range(1, 40):
        longest = min(FIRST_DELAY * 2 ** min(attempt - 1, 16), LONGEST_DELAY)
        waits = {delay(attempt, rng) for _ in range(20)}
        assert len(waits) > 1
        assert all(longest / 2 <= wait <= longest for wait in waits)


def test_a_week_of_tries_is_what_a_dead_pacs_gets() -> None:
    rng, now, attempts = random.Random(3), NOW, 0
    while True:
        attempts += 1
        decision = decide(answered(failure=Failure.UNREACHABLE), attempts, now, IN_A_WEEK, rng)
        if isinstance(decision, Discard):
            break
        assert isinstance(decision, RetryLater)
        assert now < decision.at <= now + LONGEST_DELAY
        now = decision.at
    assert decision.reason == Reason.DEADLINE
    assert now == IN_A_WEEK
    assert attempts > 600
