"""The sign of life of a receiver on a shared spool: without an answer to it nothing is acknowledged."""

import threading

import pytest
from support.fake_spool_writers import FakeSpoolWriters
from support.fakes import ManualClock
from support.stored import at
from support.waiting import wait_until

from hounsfield.daemon.reception import spool_lease
from hounsfield.daemon.reception.spool_lease import LOST_EXIT, SpoolLease
from hounsfield.storage.errors import DatabaseUnavailable
from hounsfield.storage.spool_writers import DEAD_AFTER, HOLD_SECONDS, RENEW_SECONDS


class Bench:
    def __init__(self) -> None:
        self.writers = FakeSpoolWriters()
        self.writers.opened("a-1", "a", at(0))
        self.seconds = 50.0
        self.ended: list[int] = []
        self.lease = SpoolLease(
            self.writers, "a-1", ManualClock(), boottime=lambda: self.seconds, end=self.ended.append
        )


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_it_is_not_held_before_it_was_heard(bench: Bench) -> None:
    assert not bench.lease.is_held
    bench.lease.renew()
    assert bench.lease.is_held


def test_it_is_not_held_once_the_last_answer_is_old_and_held_again_after_the_next(bench: Bench) -> None:
    bench.lease.renew()
    bench.seconds += HOLD_SECONDS - 0.1
    assert bench.lease.is_held
    bench.seconds += 0.1
    assert not bench.lease.is_held
    bench.lease.renew()
    assert bench.lease.is_held
    assert bench.ended == []


def test_it_counts_from_when_the_sign_was_sent_not_from_the_answer(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = bench.writers.seen

    def slow(name: str, now: object) -> bool:
        bench.seconds += 15
        return seen(name, now)  # type: ignore[arg-type]

    monkeypatch.setattr(bench.writers, "seen", slow)
    bench.lease.renew()
    bench.seconds += HOLD_SECONDS - 15
    assert not bench.lease.is_held


def test_a_database_that_is_down_does_not_extend_it(bench: Bench) -> None:
    bench.lease.renew()
    bench.writers.is_down = True
    bench.seconds += HOLD_SECONDS
    with pytest.raises(DatabaseUnavailable):
        bench.lease.renew()
    assert not bench.lease.is_held


def test_a_process_that_others_took_for_dead_ends(bench: Bench) -> None:
    bench.lease.renew()
    assert bench.writers.take("a-1", "b-1", at(500), unseen_since=None)
    bench.lease.renew()
    assert bench.ended == [LOST_EXIT]
    assert not bench.lease.is_held


def test_it_judges_others_only_after_it_was_heard_without_a_break(bench: Bench) -> None:
    bench.lease.renew()
    assert not bench.lease.is_judge
    for _ in range(6):
        bench.seconds += RENEW_SECONDS
        bench.lease.renew()
    assert bench.lease.is_judge
    bench.seconds += HOLD_SECONDS
    assert not bench.lease.is_judge
    bench.lease.renew()
    assert not bench.lease.is_judge, "all were silent while the database was down"


def test_others_wait_longer_than_it_acknowledges_by_more_than_a_memory_of_nfs() -> None:
    assert DEAD_AFTER.total_seconds() - HOLD_SECONDS > 60


def test_in_the_background_it_is_renewed_and_what_dead_ones_left_is_looked_for(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool_lease, "RENEW_SECONDS", 0.01)
    monkeypatch.setattr(spool_lease, "ROUND_SECONDS", 0.01)
    looked = threading.Event()
    bench.lease.start(looked.set)
    bench.seconds += HOLD_SECONDS
    assert looked.wait(10)
    wait_until(lambda: bench.lease.is_held)
    bench.writers.is_down = True
    bench.seconds += HOLD_SECONDS
    assert not bench.lease.is_held
    bench.writers.is_down = False
    wait_until(lambda: bench.lease.is_held)
    bench.lease.stop()
