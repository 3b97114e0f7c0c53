"""A series that comes through two receivers on two hosts at once is one series, whoever is first with what.

PostgreSQL only: SQLite has one writer at a time. One receiver is held just before its commit, where the other can see
nothing of it, until the other one waits for it or is done.
"""

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import event, text
from support.stored import BUNDLE, LEASE, SERIES, WHOLE, at, present, receipt, result, to
from support.waiting import wait_until

from hounsfield.storage.engine import Database, open_database
from hounsfield.storage.records import InstanceReceipt, JobFilter, Registration
from hounsfield.storage.states import JobKind, SeriesState

OTHER = "1.2.9"
NEW, VARIANT, DUPLICATE = Registration.NEW, Registration.VARIANT, Registration.DUPLICATE
WAITS = text("SELECT count(*) FROM pg_locks WHERE NOT granted")

pytestmark = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


@pytest.fixture
def second(database_url: str) -> Iterator[Database]:
    """Return what another host sees."""
    opened = open_database(database_url, Path("unused"))
    yield opened
    opened.close()


@contextmanager
def held_before_commit(database: Database) -> Iterator[tuple[threading.Event, threading.Event]]:
    """Let the next commit of this host wait; give what says that it is there, and what lets it go on."""
    engine = database.transactions._engine
    arrived, go = threading.Event(), threading.Event()

    def hold(_connection: object) -> None:
        arrived.set()
        assert go.wait(30)

    event.listen(engine, "commit", hold)
    try:
        yield arrived, go
    finally:
        go.set()
        event.remove(engine, "commit", hold)


def recorded_at_once(
    first: Database, second: Database, mine: Sequence[InstanceReceipt], theirs: Sequence[InstanceReceipt]
) -> tuple[list[str], list[str]]:
    """Record both; the first one is held before its commit until the other waits for it or has committed."""
    with ThreadPoolExecutor(2) as threads, held_before_commit(first) as (arrived, go):
        ours: Future[list[str]] = threads.submit(first.series.record, [], mine, [])
        assert arrived.wait(30)
        others: Future[list[str]] = threads.submit(second.series.record, [], theirs, [])
        wait_until(lambda: others.done() or _somebody_waits(second))
        go.set()
        return ours.result(30), others.result(30)


def _somebody_waits(database: Database) -> bool:
    with database.transactions.read() as connection:
        return bool(connection.scalar(WAITS))


@pytest.mark.parametrize("is_known", [False, True], ids=["new", "known"])
@pytest.mark.parametrize(
    ("theirs", "found"),
    [
        ([receipt(1), receipt(2)], [DUPLICATE, DUPLICATE]),
        ([receipt(2), receipt(1)], [DUPLICATE, DUPLICATE]),
        ([receipt(3), receipt(4)], [NEW, NEW]),
        ([receipt(2), receipt(3)], [DUPLICATE, NEW]),
        ([receipt(1, "other header"), receipt(2)], [VARIANT, DUPLICATE]),
    ],
)
def test_images_of_one_series_through_two_receivers_are_counted_as_through_one(
    database: Database, second: Database, theirs: list[InstanceReceipt], found: list[str], *, is_known: bool
) -> None:
    if is_known:
        database.series.record([], [receipt(9)], [])
    answers = recorded_at_once(database, second, [receipt(1), receipt(2)], theirs)
    assert answers == ([NEW, NEW], found)
    (series,) = database.series.page()
    counts = (series.instances, series.variants, series.duplicates)
    assert counts == (2 + found.count(NEW) + is_known, found.count(VARIANT), found.count(DUPLICATE))
    instances = database.series.instances(series.id)
    assert len(instances) == series.instances + series.variants
    primary = [one.sop_instance_uid for one in instances if one.is_primary]
    assert len(primary) == len(set(primary)) == series.instances
    assert [one.to_state for one in database.jobs.events()] == [SeriesState.RECEIVING]


def test_batches_over_two_series_in_opposite_orders_both_go_through(database: Database, second: Database) -> None:
    here, there = receipt(1), receipt(1, series=OTHER)
    assert recorded_at_once(database, second, [here, there], [there, here]) == ([NEW, NEW], [DUPLICATE, DUPLICATE])
    assert [(one.instances, one.duplicates) for one in database.series.page()] == [(1, 1)] * 2


def test_an_image_that_comes_while_its_series_is_closed_opens_it_again(database: Database, second: Database) -> None:
    database.series.record([], [receipt(1)], [])
    series = present(database.series.find(SERIES))
    with ThreadPoolExecutor(2) as threads, held_before_commit(database) as (arrived, go):
        closing = threads.submit(database.series.close, series, [1], WHOLE, [BUNDLE], at(20))
        assert arrived.wait(30)
        storing = threads.submit(second.series.record, [], [receipt(2)], [])
        wait_until(lambda: storing.done() or _somebody_waits(second))
        go.set()
        assert closing.result(30)
        assert storing.result(30) == [NEW]
    found = present(database.series.find(SERIES))
    assert (found.state, found.revision, found.instances) == (SeriesState.RECEIVING, 1, 2)


def test_an_assembler_whose_look_is_older_than_an_image_decides_nothing(database: Database, second: Database) -> None:
    database.series.record([], [receipt(1)], [])
    series = present(database.series.find(SERIES))
    with ThreadPoolExecutor(2) as threads, held_before_commit(database) as (arrived, go):
        storing = threads.submit(database.series.record, [], [receipt(2)], [])
        assert arrived.wait(30)
        closing = threads.submit(second.series.close, series, [1], WHOLE, [BUNDLE], at(20))
        wait_until(lambda: closing.done() or _somebody_waits(second))
        go.set()
        assert storing.result(30) == [NEW]
        assert not closing.result(30)
    assert database.jobs.page(JobFilter()) == []


def test_two_assemblers_and_two_workers_at_once_make_one_analysis_and_one_result(
    database: Database, second: Database
) -> None:
    assert recorded_at_once(database, second, [receipt(1), receipt(2)], [receipt(2), receipt(3)])[1] == [DUPLICATE, NEW]
    series = present(database.series.find(SERIES))
    ids = [one.id for one in database.series.instances(series.id)]
    with ThreadPoolExecutor(2) as threads, held_before_commit(database) as (arrived, go):
        first = threads.submit(database.series.close, series, ids, WHOLE, [BUNDLE], at(20))
        assert arrived.wait(30)
        other = threads.submit(second.series.close, series, ids, WHOLE, [BUNDLE], at(20))
        wait_until(lambda: other.done() or _somebody_waits(second))
        go.set()
        assert (first.result(30), other.result(30)) == (True, False)
    claims = [one.jobs.claim([JobKind.INFER], f"worker-{n}", LEASE, at(30)) for n, one in enumerate((database, second))]
    (claim,) = [one for one in claims if one is not None]
    assert database.jobs.complete_infer(claim, result(), to("pacs"), at(40), {})
    assert not second.jobs.complete_infer(claim, result(name="2.25.2"), to("pacs"), at(40), {}), "it is done"
    kinds = sorted(job.kind for job in database.jobs.page(JobFilter()))
    assert kinds == [JobKind.DELIVER, JobKind.INFER]
