"""A PACS that is away from Friday evening to Monday morning, and 2,000 results meanwhile."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert, select
from support.bench import Bench
from support.couriers import FakeTransport, courier, reported, success
from support.fakes import ManualClock
from support.memory import memory_folder

from hounsfield.daemon.association.link import Failure
from hounsfield.daemon.delivery.scu import SendReport
from hounsfield.storage.records import JobFilter, JobRecord, ResultObject
from hounsfield.storage.states import JobKind, JobState, Proof
from hounsfield.storage.tables import job, result_object, result_set

RESULTS = 2000
OUTAGE = timedelta(hours=62)
PROBE_SECONDS = 600
STEP_SECONDS = 300
ONE_PROBE = timedelta(seconds=PROBE_SECONDS * 1.2)
FRIDAY = datetime.fromisoformat("2026-03-06T18:00:00+00:00")
PACS = {"name": "pacs", "ae_title": "PACS", "host": "127.0.0.1", "port": 4242, "probe_seconds": PROBE_SECONDS}


@pytest.fixture
def folder() -> Iterator[Path]:
    """Return a folder in memory: 2,000 deliveries are 4,000 synced transactions."""
    with memory_folder() as made:
        yield made


def add_results(bench: Bench, count: int) -> None:
    """Add results like the one there is, due one after the other over the weekend (rows: the stages take minutes)."""
    with bench.app.database.transactions.write() as connection:
        results, objects, jobs = [], [], []
        made = connection.execute(select(result_set)).one()._asdict()
        one = connection.execute(select(result_object).where(result_object.c.role == "sr")).first()
        waiting = connection.execute(select(job).where(job.c.kind == JobKind.DELIVER)).one()._asdict()
        assert one is not None
        for number in range(1, count + 1):
            uid, content = f"2.25.77.{number}", f"report {number}".encode()
            bench.app.files.path(uid).write_bytes(content)
            due = FRIDAY + number * ((OUTAGE - timedelta(hours=2)) / count) + timedelta(hours=1)
            own = {"sop_instance_uid": uid, "sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
            results.append({**made, "id": 1000 + number})
            objects.append({**one._asdict(), **own, "id": 1000 + number, "result_set_id": 1000 + number})
            jobs.append({**waiting, "id": 1000 + number, "result_set_id": 1000 + number, "available_at": due})
        connection.execute(insert(result_set), results)
        connection.execute(insert(result_object), objects)
        connection.execute(insert(job), jobs)


def all_deliveries(bench: Bench) -> list[JobRecord]:
    found: list[JobRecord] = []
    while page := bench.app.database.jobs.page(JobFilter(kind=JobKind.DELIVER), after_id=found[-1].id if found else 0):
        found += page
    return found


@pytest.mark.timeout(600)
def test_after_a_weekend_of_outage_nothing_is_lost_and_nobody_had_to_do_anything(folder: Path) -> None:
    bench = reported(Bench(folder / "home", [PACS], ManualClock(FRIDAY)))
    add_results(bench, RESULTS - 1)
    clock = bench.clock
    pacs = FakeTransport(answer=lambda _: SendReport(failure=Failure.UNREACHABLE), alive=False)
    sender = courier(bench, transport=pacs)
    while clock.now() < FRIDAY + OUTAGE:
        sender.work_one()
        clock.advance(STEP_SECONDS)
    assert len(pacs.sent) == 1, "one try, then tests alone"
    assert pacs.probes >= 62 * 3600 / (PROBE_SECONDS * 1.2 + STEP_SECONDS)

    back, at = clock.now(), []

    def answer(objects: Sequence[ResultObject]) -> SendReport:
        at.append(clock.now())
        return success(objects)

    pacs.answer, pacs.alive = answer, True
    while len(at) < RESULTS and clock.now() < back + timedelta(hours=1):
        if not sender.work_one():
            clock.advance(10)
    assert at[0] - back <= ONE_PROBE, "the first goes out within one test of the return"
    jobs = all_deliveries(bench)
    assert Counter((one.state, one.proof) for one in jobs) == {(JobState.COMPLETED, Proof.SENT): RESULTS}
    assert max(one.attempts for one in jobs) == 2
    assert set(Counter(uid for _, uids in pacs.sent[1:] for uid in uids).values()) == {1}, "each object once"
    bench.app.database.close()
