"""What every queue promises, whoever wakes the slots."""

import threading
from contextlib import ExitStack
from datetime import datetime, timedelta

import pytest
from support.queues import (
    CLOCK,
    QUEUES,
    QueueUnderTest,
    add_job,
    complete,
    complete_towards,
    holding_process,
    is_done,
    running,
)
from support.stored import BUNDLE, WHOLE, present, received
from support.waiting import wait_until

from hounsfield.storage import series_changes
from hounsfield.storage.control import Part, Pause
from hounsfield.storage.engine import Database
from hounsfield.storage.records import Claim, JobFilter, SeriesRecord
from hounsfield.storage.states import JobKind, JobState, Reason


def test_every_due_job_is_done_once(queue: QueueUnderTest, database: Database) -> None:
    before = [add_job(database, number) for number in range(5)]
    with running(queue, name="slot-1") as one, running(queue, name="slot-2") as two:
        jobs = before + [add_job(database, number) for number in range(5, 10)]
        wait_until(lambda: is_done(database, jobs))
    assert sorted(one.claims + two.claims) == jobs


def test_a_slot_works_in_one_thread(queue: QueueUnderTest, database: Database) -> None:
    with running(queue) as slot:
        first = add_job(database, 1)
        wait_until(lambda: is_done(database, [first]))
        second = add_job(database, 2)
        wait_until(lambda: is_done(database, [second]))
    assert slot.claims == [first, second]
    assert len(set(slot.threads)) == 1


def test_stat_comes_before_routine(queue: QueueUnderTest, database: Database) -> None:
    routine, stat, late = (
        add_job(database, number, priority=priority) for number, priority in ((1, 0), (2, 100), (3, 0))
    )
    with running(queue) as slot:
        wait_until(lambda: is_done(database, [routine, stat, late]))
    assert slot.claims == [stat, routine, late]


def test_after_a_rollback_there_is_nothing_to_do(queue: QueueUnderTest, database: Database) -> None:
    record = received(database, 1, "1.2.3.1")
    with running(queue) as slot:
        with pytest.raises(RuntimeError, match="not to be"):
            _close_and_fail(database, record)
        last = add_job(database, 2)
        wait_until(lambda: is_done(database, [last]))
    assert slot.claims == [last]
    assert [job.id for job in database.jobs.page(JobFilter())] == [last]


def _close_and_fail(database: Database, record: SeriesRecord) -> None:
    ids = [instance.id for instance in database.series.instances(record.id)]
    with database.transactions.write() as connection:
        assert series_changes.close(connection, record, ids, WHOLE, [BUNDLE], CLOCK.now())
        raise RuntimeError("the transaction is not to be")


def test_a_job_comes_when_its_time_has_come_and_not_before(queue: QueueUnderTest, database: Database) -> None:
    put_off = threading.Event()

    def later(store: Database, claim: Claim) -> None:
        if put_off.is_set():
            return complete(store, claim)
        put_off.set()
        now = CLOCK.now()
        assert store.jobs.retry_later(claim, Reason.MODEL_FAILED, now + timedelta(seconds=1.5), now)
        return None

    with running(queue, work=later) as slot:
        job = add_job(database, 1)
        wait_until(put_off.is_set)
        due = wait_until(lambda: _available_at(database, job))
        wait_until(lambda: is_done(database, [job]))
    assert slot.claims == [job, job]
    assert slot.moments[job] >= due


def _available_at(database: Database, job_id: int) -> datetime | None:
    job = database.jobs.get(job_id)
    return job.available_at if job is not None and job.state is JobState.RETRYABLE else None


def test_what_is_done_wakes_the_next_stage_for_each_destination(queue: QueueUnderTest, database: Database) -> None:
    with ExitStack() as stack:
        one = stack.enter_context(running(queue, QUEUES[1], name="courier-1"))
        other = stack.enter_context(running(queue, QUEUES[2], name="courier-2"))
        stack.enter_context(running(queue, work=complete_towards("pacs", "other")))
        add_job(database, 1)
        wait_until(lambda: len(_ended(database, JobKind.DELIVER)) == 2)
    assert (len(one.claims), len(other.claims)) == (1, 1)


def _ended(database: Database, kind: JobKind) -> list[int]:
    return [job.id for job in database.jobs.page(JobFilter(kind=kind)) if job.state.is_final]


def test_a_part_that_is_paused_takes_up_nothing_and_then_all(queue: QueueUnderTest, database: Database) -> None:
    database.control.pause(Pause(part=Part.INFERENCE, since=CLOCK.now()))
    with running(queue) as slot:
        jobs = [add_job(database, number) for number in range(3)]
        assert not threading.Event().wait(1.5)
        assert slot.claims == []
        database.control.resume(Part.INFERENCE, database.now())
        wait_until(lambda: is_done(database, jobs))
    assert sorted(slot.claims) == jobs


def test_what_a_clean_stop_gives_back_is_taken_up_elsewhere(queue: QueueUnderTest, database: Database) -> None:
    held, let_go = threading.Event(), threading.Event()

    def give_back(store: Database, claim: Claim) -> None:
        held.set()
        assert let_go.wait(10)
        assert store.jobs.give_back(claim, CLOCK.now())

    job = add_job(database, 1)
    with running(queue, work=give_back, name="slot-1") as first:
        wait_until(held.is_set)
        with running(queue, name="slot-2") as second:
            first.stop.set()
            let_go.set()
            wait_until(lambda: is_done(database, [job]))
    assert (first.claims, second.claims) == ([job], [job])


def test_the_job_of_a_process_that_was_killed_comes_back(queue: QueueUnderTest, database: Database) -> None:
    job = add_job(database, 1)
    with holding_process(queue) as process:
        wait_until(lambda: _state(database, job) is JobState.RUNNING, 60)
        process.kill()
        process.join(10)
    with running(queue) as slot:
        wait_until(lambda: _rescue(database), 10)
        wait_until(lambda: is_done(database, [job]))
    assert slot.claims == [job]


def _state(database: Database, job_id: int) -> JobState:
    return present(database.jobs.get(job_id)).state


def _rescue(database: Database) -> bool:
    """What the rescuer does, once the lease is over."""
    now = CLOCK.now()
    expired = database.jobs.expired(now)
    for claim in expired:
        assert database.jobs.retry_later(claim, Reason.LEASE_EXPIRED, now, now)
    return bool(expired)
