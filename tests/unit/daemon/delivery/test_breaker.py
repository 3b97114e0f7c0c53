"""When a destination is called, tested, and called again."""

import random
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import cast

import pytest
from support.fakes import ManualClock

from hounsfield.daemon.association.link import Failure
from hounsfield.daemon.delivery.breaker import BROKEN_OFF_IN_A_ROW, NOTE_EVERY, Breaker
from hounsfield.storage.destination_state import DestinationState
from hounsfield.storage.ports import JobStore
from hounsfield.storage.states import Reason

PROBE = 30.0


@dataclass
class States:
    """The store in memory."""

    kept: dict[str, DestinationState] = field(default_factory=dict)
    written: int = 0

    def get(self, name: str) -> DestinationState | None:
        return self.kept.get(name)

    def all(self) -> list[DestinationState]:
        return list(self.kept.values())

    def put(self, state: DestinationState) -> None:
        self.written += 1
        self.kept[state.name] = state

    def take_probe(self, name: str, due: datetime, again_at: datetime) -> bool:
        state = self.kept.get(name)
        if state is None or not state.is_open or state.probe_at != due:
            return False
        self.kept[name] = replace(state, probe_at=again_at)
        return True


@dataclass
class Jobs:
    woken: list[datetime] = field(default_factory=list)

    def wake_deliveries(self, destination: str, now: datetime) -> int:
        assert destination == "pacs"
        self.woken.append(now)
        return 1


class Stand:
    """A breaker with everything around it; ``answer`` is what a test (C-ECHO) brings."""

    def __init__(self) -> None:
        self.clock, self.states, self.jobs = ManualClock(), States(), Jobs()
        self.answer: Failure | None = Failure.UNREACHABLE
        self.probes: list[datetime] = []
        self.breaker = self.another()

    def another(self, seed: int = 1) -> Breaker:
        """Return the breaker of another process for the same destination."""
        return Breaker(
            name="pacs",
            probe=self._probe,
            probe_seconds=PROBE,
            states=self.states,
            jobs=cast(JobStore, self.jobs),
            clock=self.clock,
            random_source=random.Random(seed),
        )

    def _probe(self) -> Failure | None:
        self.probes.append(self.clock.now())
        return self.answer

    @property
    def state(self) -> DestinationState:
        return self.states.kept["pacs"]

    def wait(self, seconds: float) -> bool:
        """Ask each second; return whether it may send at the end."""
        may = False
        for _ in range(int(seconds)):
            self.clock.advance(1)
            may = self.breaker.may_send()
            if may:
                break
        return may


@pytest.fixture
def stand() -> Stand:
    return Stand()


def test_a_destination_nobody_has_spoken_to_may_be_called(stand: Stand) -> None:
    assert stand.breaker.may_send()


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (Failure.UNREACHABLE, Reason.UNREACHABLE),
        (Failure.BUSY, Reason.REJECTED),
        (Failure.REJECTED, Reason.REJECTED),
    ],
)
def test_without_an_association_nothing_more_is_sent(stand: Stand, failure: Failure, reason: Reason) -> None:
    stand.breaker.note(failure)
    assert not stand.breaker.may_send()
    assert (stand.state.is_open, stand.state.reason, stand.state.since) == (True, reason, stand.clock.now())
    assert stand.probes == []


@pytest.mark.parametrize("failure", [None, Failure.NOT_ACCEPTED])
def test_an_association_that_was_accepted_is_a_sign_of_life(stand: Stand, failure: Failure | None) -> None:
    stand.breaker.note(failure)
    assert stand.breaker.may_send()
    assert stand.state.answered_at == stand.clock.now()


def test_while_it_is_away_it_is_tested_once_each_time_more_or_less_a_fifth(stand: Stand) -> None:
    stand.breaker.note(Failure.UNREACHABLE)
    assert not stand.wait(3600)
    waits = [later - earlier for earlier, later in zip(stand.probes, stand.probes[1:], strict=False)]
    assert 95 <= len(stand.probes) <= 155
    assert all(timedelta(seconds=PROBE * 0.8) <= wait <= timedelta(seconds=PROBE * 1.2 + 1) for wait in waits)
    assert len(set(waits)) > 3, "not all daemons in step"
    assert stand.state.failures == len(stand.probes) + 1
    assert stand.jobs.woken == []


@pytest.mark.parametrize("answer", [None, Failure.NOT_ACCEPTED], ids=["answers", "takes associations, no C-ECHO"])
def test_within_one_test_of_its_return_what_waits_is_due(stand: Stand, answer: Failure | None) -> None:
    stand.breaker.note(Failure.UNREACHABLE)
    stand.wait(600)
    stand.answer, back = answer, stand.clock.now()
    assert stand.wait(PROBE * 1.2 + 1)
    assert stand.clock.now() - back <= timedelta(seconds=PROBE * 1.2 + 1)
    assert stand.jobs.woken == [stand.clock.now()]
    assert (stand.state.is_open, stand.state.reason, stand.state.probe_at) == (False, None, None)


def test_of_two_processes_one_tests_it(stand: Stand) -> None:
    stand.breaker.note(Failure.UNREACHABLE)
    other = stand.another(seed=2)
    stand.clock.advance(PROBE * 1.2)
    assert not stand.breaker.may_send()
    assert not other.may_send()
    assert len(stand.probes) == 1


def test_associations_that_break_off_one_after_the_other_count_as_away(stand: Stand) -> None:
    for _ in range(BROKEN_OFF_IN_A_ROW - 1):
        stand.breaker.note(Failure.BROKEN_OFF)
        assert stand.breaker.may_send()
    stand.breaker.note(None)
    for _ in range(BROKEN_OFF_IN_A_ROW):
        assert stand.breaker.may_send()
        stand.breaker.note(Failure.BROKEN_OFF)
    assert not stand.breaker.may_send()


def test_jobs_that_broke_off_keep_their_time_if_the_destination_was_never_away(stand: Stand) -> None:
    for _ in range(BROKEN_OFF_IN_A_ROW):
        stand.breaker.note(Failure.BROKEN_OFF)
    stand.answer = None
    assert stand.wait(PROBE * 1.2 + 1)
    assert stand.jobs.woken == [], "the one that breaks every association would come first each time"


def test_a_black_hole_that_does_not_answer_the_test_either_wakes_what_waits_when_it_is_back(stand: Stand) -> None:
    for _ in range(BROKEN_OFF_IN_A_ROW):
        stand.breaker.note(Failure.BROKEN_OFF)
    stand.answer = Failure.BROKEN_OFF
    stand.wait(120)
    stand.answer = None
    assert stand.wait(PROBE * 1.2 + 1)
    assert len(stand.jobs.woken) == 1


def test_answers_are_written_down_now_and_then(stand: Stand) -> None:
    for _ in range(100):
        stand.breaker.note(None)
        stand.clock.advance(1)
    assert stand.states.written == -(-100 // NOTE_EVERY.seconds)


def test_a_state_left_by_an_earlier_process_is_gone_by(stand: Stand) -> None:
    stand.breaker.note(Failure.UNREACHABLE)
    successor = stand.another(seed=3)
    assert not successor.may_send()
    stand.answer = None
    stand.clock.advance(PROBE * 1.2)
    assert successor.may_send()
