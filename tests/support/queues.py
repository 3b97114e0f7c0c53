"""The queue as its slots see it, over a real job store: one face for all engines."""

import multiprocessing
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Protocol

from support.stored import closed, result, to

from hounsfield.daemon.bells import Bells, OwnLooks
from hounsfield.daemon.clock import SystemClock
from hounsfield.daemon.gates import Gate
from hounsfield.daemon.queue.bells import QueueBells
from hounsfield.daemon.queue.listener import Pace
from hounsfield.daemon.repeating import repeat
from hounsfield.storage.control import Part
from hounsfield.storage.engine import Database, open_database
from hounsfield.storage.errors import DatabaseUnavailable
from hounsfield.storage.queue_schema import connection_arguments
from hounsfield.storage.records import Claim, InferRequest
from hounsfield.storage.states import JobKind
from hounsfield.storage.turns import Queue
from hounsfield.storage.wake_up_store import SqlWakeUps

LEASE = timedelta(seconds=60)
QUEUES = (Queue(JobKind.INFER), Queue(JobKind.DELIVER, "pacs"), Queue(JobKind.DELIVER, "other"))
QUICK = Pace(heartbeat=0.3, stalled=1.5, sweep=1)
CLOCK = SystemClock()

Work = Callable[[Database, Claim], object]


def complete(database: Database, claim: Claim) -> None:
    """End a job as its stage does; an analysis leaves nothing to deliver."""
    now = CLOCK.now()
    if claim.job.kind is JobKind.INFER:
        assert database.jobs.complete_infer(claim, result(name=f"2.25.{claim.job.id}"), (), now, {})
    else:
        assert database.jobs.complete_delivery(claim, (), now, {}, claim.job.proof)


def complete_towards(*destinations: str) -> Work:
    """Return work that ends an analysis with a delivery to each destination."""

    def work(database: Database, claim: Claim) -> None:
        name = f"2.25.{claim.job.id}"
        assert database.jobs.complete_infer(claim, result(name=name), to(*destinations), CLOCK.now(), {})

    return work


@dataclass(frozen=True)
class Slot:
    """A running slot and what it has seen."""

    claims: list[int] = field(default_factory=list)
    """Jobs in the order they were claimed."""
    moments: dict[int, datetime] = field(default_factory=dict)
    """When each was claimed."""
    threads: list[int] = field(default_factory=list)
    """Identities of the threads its step ran in."""
    stop: threading.Event = field(default_factory=threading.Event)


class QueueUnderTest(Protocol):
    """An engine over a job store, as a role sees it."""

    url: str
    home: Path

    def open(self) -> Database:
        """Open the database as a role does that makes jobs."""

    def bells(self, database: Database, name: str) -> Bells:
        """Return the bells of one process."""


@dataclass(frozen=True)
class Embedded:
    """Every slot looks by itself."""

    url: str
    home: Path

    def open(self) -> Database:
        return open_database(self.url, self.home)

    def bells(self, database: Database, name: str) -> Bells:
        return OwnLooks(database)


@dataclass(frozen=True)
class Procrastinating:
    """Wake-ups in PostgreSQL."""

    url: str
    home: Path
    pace: Pace = QUICK

    def open(self) -> Database:
        return open_database(self.url, self.home, wakes=True)

    def bells(self, database: Database, name: str) -> Bells:
        wake_ups = SqlWakeUps(database.transactions)
        return QueueBells(
            name=name,
            connect=connection_arguments(self.url),
            jobs=database.jobs,
            add_missing=lambda: wake_ups.add_missing(QUEUES, CLOCK.now()),
            pace=self.pace,
        )


@contextmanager
def running(
    queue: QueueUnderTest,
    place: Queue = QUEUES[0],
    work: Work = complete,
    name: str = "slot-1",
    lease: timedelta = LEASE,
) -> Iterator[Slot]:
    """Run one process's loop with one slot, as the roles do, until the block ends."""
    database, slot = queue.open(), Slot()
    bells = queue.bells(database, name)
    destinations = None if place.destination is None else [place.destination]

    def step() -> bool:
        slot.threads.append(threading.get_ident())
        claim = database.jobs.claim([place.kind], name, lease, CLOCK.now(), destinations=destinations)
        if claim is None:
            return False
        slot.moments[claim.job.id] = CLOCK.now()
        slot.claims.append(claim.job.id)
        work(database, claim)
        return True

    guarded = Gate(database.control, Part.INFERENCE, CLOCK).guard(step)
    doorbell = bells.of(place.kind, place.destination)
    thread = threading.Thread(target=repeat, args=(guarded, slot.stop, doorbell), name=name)
    try:
        with bells.ringing():
            thread.start()
            try:
                yield slot
            finally:
                slot.stop.set()
                thread.join(20)
    finally:
        database.close()


@contextmanager
def holding_process(queue: QueueUnderTest) -> Iterator[BaseProcess]:
    """Run a slot in a process of its own that holds its first job, for a lease of a second, and never ends it."""
    process = multiprocessing.get_context("spawn").Process(target=_hold, args=(queue,), daemon=True)
    process.start()
    try:
        yield process
    finally:
        process.kill()
        process.join(10)


def _hold(queue: QueueUnderTest) -> None:
    forever = threading.Event()
    with running(queue, work=lambda _database, _claim: forever.wait(), name="held", lease=timedelta(seconds=1)):
        forever.wait()


def add_job(database: Database, number: int, *, priority: int = 0) -> int:
    """Let one analysis wait for a worker, from now on; return its job."""
    request = InferRequest(bundle="ich-demo", bundle_version="1.0.0", bundle_sha256="b" * 64, priority=priority)
    record = closed(database, 1, f"1.2.3.{number}", now=CLOCK.now(), requests=[request])
    (job,) = database.jobs.of_series(record.id)
    return job.id


def is_done(database: Database, jobs: list[int]) -> bool:
    """Whether all these jobs have ended; not while the database is away."""
    with suppress(DatabaseUnavailable):
        return all(job.state.is_final for one in jobs if (job := database.jobs.get(one)) is not None)
    return False
