"""When storage commitment is asked for, looked for, believed and given up; without a network and on a drawn clock."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hounsfield.daemon.delivery.plugs import Lost, NotYet, Proven, Unobtainable
from hounsfield.daemon.delivery.proof.decision import ASK_ANEW, LATER_LOOKS, NOT_FOUND, Ask, judge, next_look
from hounsfield.storage.commitments import KEPT, Commitment

T0 = datetime(2026, 11, 22, 8, tzinfo=UTC)
A, B = "2.25.1", "2.25.2"
NEVER = T0 + timedelta(days=30)


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def asked(
    requested: float = 0, answered: float | None = None, closed: float | None = None, **items: int | None
) -> Commitment:
    return Commitment(
        transaction_uid=f"2.25.{int(requested) + 100}",
        job_id=1,
        requested_at=at(requested),
        answered_at=None if answered is None else at(answered),
        closed_at=None if closed is None else at(closed),
        items={{"a": A, "b": B}[name]: failure for name, failure in items.items()},
    )


def test_looks_come_after_two_seconds_ten_a_minute_five_and_then_every_quarter_of_an_hour() -> None:
    looks, now = [], T0
    for _ in range(7):
        now = next_look(T0, now)
        looks.append((now - T0).total_seconds())
    assert looks == [2, 12, 72, 372, 372 + 900, 372 + 1800, 372 + 2700]


@given(st.floats(min_value=-1000, max_value=3e6))
def test_the_next_look_is_ahead_and_at_most_a_quarter_of_an_hour(seconds: float) -> None:
    ahead = next_look(T0, at(seconds)) - at(max(seconds, 0))
    assert timedelta() < ahead <= LATER_LOOKS


def test_it_is_asked_at_once_and_for_every_object() -> None:
    assert judge([A, B], [], T0, T0, NEVER) == Ask((A, B))


def test_an_open_request_is_waited_for() -> None:
    assert judge([A], [asked(a=None)], T0, at(3), NEVER) == NotYet(at(12))


def test_after_an_hour_without_an_answer_it_is_asked_anew() -> None:
    later = ASK_ANEW.total_seconds()
    first = asked(a=None)
    assert isinstance(judge([A], [first], T0, at(later - 1), NEVER), NotYet)
    assert judge([A], [first], T0, at(later), NEVER) == Ask((A,), (first.transaction_uid,))


def test_a_request_is_waited_for_an_hour_and_asked_for_only_what_it_passes_over() -> None:
    first = asked(a=None)
    assert isinstance(judge([A], [first], T0, at(3599), NEVER), NotYet)
    assert judge([A, B], [first], T0, at(3600), NEVER) == Ask((A, B), (first.transaction_uid,))
    assert judge([A, B], [first], T0, at(2), NEVER) == Ask((B,))


def test_a_request_that_was_refused_is_made_again_at_the_next_look_and_not_before() -> None:
    refused = asked(0, closed=0, a=None)
    assert judge([A], [refused], T0, at(1), NEVER) == NotYet(at(2))
    assert judge([A], [refused], T0, at(2), NEVER) == Ask((A,))


@pytest.mark.parametrize("closed", [None, 5])
def test_what_is_committed_is_proven_also_by_a_late_answer_to_an_old_request(closed: float | None) -> None:
    old = asked(0, answered=500, closed=closed, a=KEPT, b=KEPT)
    assert judge([A, B], [old, asked(100, a=None, b=None)], T0, at(501), NEVER) == Proven()


def test_what_the_destination_does_not_have_is_lost_with_its_failure_reason() -> None:
    assert judge([A, B], [asked(0, answered=1, a=KEPT, b=NOT_FOUND)], T0, at(1), NEVER) == Lost({B: 0x0112})


def test_a_loss_that_was_acted_upon_is_not_told_again() -> None:
    """The object has been sent again at second 10; what was said of it before is out of date."""
    acted = asked(0, answered=1, closed=1, a=NOT_FOUND)
    assert judge([A], [acted], at(10), at(10), NEVER) == Ask((A,))


def test_a_failure_that_may_pass_is_asked_again_but_not_in_a_circle() -> None:
    busy = asked(0, answered=0, a=0x0213)
    assert judge([A], [busy], T0, at(0.5), NEVER) == NotYet(at(2))
    assert judge([A], [busy], T0, at(2), NEVER) == Ask((A,))


@pytest.mark.parametrize("failure", [0x0119, 0x0122])
def test_what_it_will_never_commit_to_is_not_asked_again(failure: int) -> None:
    assert judge([A], [asked(0, answered=1, a=failure)], T0, at(1), NEVER) == Unobtainable()


def test_objects_that_an_answer_passes_over_are_asked_for_alone() -> None:
    assert judge([A, B], [asked(0, answered=1, a=KEPT, b=None)], T0, at(2), NEVER) == Ask((B,))


def test_of_two_requests_only_the_one_without_an_answer_for_an_hour_is_overdue() -> None:
    old, fresh = asked(0, a=None), asked(3000, b=None)
    assert judge([A, B], [old, fresh], T0, at(4000), NEVER) == Ask((A,), (old.transaction_uid,))


def test_the_last_request_says_whether_it_is_too_early_for_the_next() -> None:
    refused = [asked(0, closed=0, a=None), asked(10, closed=10, a=None)]
    assert judge([A], refused, T0, at(11), NEVER) == NotYet(at(12))
    assert judge([A], refused, T0, at(12), NEVER) == Ask((A,))


def test_what_is_kept_is_not_lost_by_another_answer_that_does_not_find_it() -> None:
    """Each object by itself: the other one of the same result is what is still asked for."""
    transactions = [asked(0, answered=1, a=KEPT, b=None), asked(10, answered=11, a=NOT_FOUND, b=None)]
    assert judge([A, B], transactions, T0, at(12), NEVER) == Ask((B,))


def test_one_object_that_will_never_be_committed_to_ends_the_proof_of_all() -> None:
    assert judge([A, B], [asked(0, answered=1, a=0x0213, b=0x0122)], T0, at(1), NEVER) == Unobtainable()


def test_the_time_for_a_proof_ends() -> None:
    assert judge([A], [asked(a=None)], T0, at(10), at(10)) == Unobtainable()
    assert judge([A], [asked(a=None)], T0, at(9), at(10)) == NotYet(at(10))


def test_a_proof_that_comes_in_the_last_moment_still_counts() -> None:
    assert judge([A], [asked(0, answered=10, a=KEPT)], T0, at(10), at(10)) == Proven()


@given(
    st.lists(st.sampled_from([None, KEPT, NOT_FOUND, 0x0110, 0x0213]), min_size=1, max_size=6),
    st.floats(min_value=0, max_value=1e5),
)
def test_every_course_ends_or_says_when_to_look_next(answers: list[int | None], seconds: float) -> None:
    transactions = [
        asked(number * 10, None if failure is None else number * 10 + 1, a=failure)
        for number, failure in enumerate(answers)
    ]
    step = judge([A], transactions, T0, at(seconds), NEVER)
    if isinstance(step, NotYet):
        assert step.ask_again_at > at(seconds)
    assert (KEPT in answers) == (step == Proven())
