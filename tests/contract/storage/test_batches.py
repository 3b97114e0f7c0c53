"""Batches of received instances: one transaction, all or nothing, beside other receivers."""

import random
import shutil
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event
from support.recording import end_association, open_association, register
from support.single_registration import SingleRegistration
from support.stored import SERIES, association, at, closed, present, receipt, received

from hounsfield.storage.engine import Database, default_url, open_database
from hounsfield.storage.errors import DatabaseUnavailable, StorageError
from hounsfield.storage.records import AssociationEnd, InstanceReceipt, Registration
from hounsfield.storage.series_store import SqlSeriesStore
from hounsfield.storage.states import AssociationEnding, Reason, SeriesState
from hounsfield.storage.transactions import Transactions, make_engine, parse_url

NEW, DUPLICATE, VARIANT = Registration.NEW, Registration.DUPLICATE, Registration.VARIANT
OTHER = "1.2.3.5"
ABORTED = AssociationEnd(id="a1", ending=AssociationEnding.ABORTED, at=at(9))
UNKNOWN = AssociationEnd(id="unknown", ending=AssociationEnding.RELEASED, at=at(9))


def copies(database: Database, series: str = SERIES) -> list[tuple[str, bool, int]]:
    there = database.series.instances(present(database.series.find(series)).id)
    return [(one.sop_instance_uid, one.is_primary, one.copies) for one in there]


def as_another_instance(first: InstanceReceipt) -> InstanceReceipt:
    return replace(first, sop_instance_uid="1.2.77")


def test_a_batch_holds_associations_with_their_instances_and_endings(database: Database) -> None:
    opened = [association("a2"), association("a1"), association("a1", "too late")]
    receipts = [receipt(1), receipt(2, association_id="a2")]
    assert database.series.record(opened, receipts, [ABORTED, UNKNOWN]) == [NEW, NEW]
    series = present(database.series.find(SERIES))
    there = {one.id: one for one in database.series.associations(series.id)}
    ended = replace(association("a1"), ending=AssociationEnding.ABORTED, ended_at=at(9))
    assert there == {"a1": ended, "a2": association("a2")}


def test_an_empty_batch_changes_nothing(database: Database) -> None:
    assert database.series.record([], [], []) == []
    assert (database.series.page(), database.jobs.events()) == ([], [])


def test_series_that_come_mixed_are_counted_each(database: Database) -> None:
    batch = [
        receipt(1, received_at=at(5)),
        receipt(1, series=OTHER),
        receipt(1, received_at=at(7)),
        receipt(1, "other header", received_at=at(3)),
        receipt(2, series=OTHER, received_at=at(4)),
        receipt(1, "other header", received_at=at(2)),
        receipt(2, received_at=at(6)),
    ]
    assert database.series.record([], batch, []) == [NEW, NEW, DUPLICATE, VARIANT, NEW, DUPLICATE, NEW]
    one, other = present(database.series.find(SERIES)), present(database.series.find(OTHER))
    assert (one.instances, one.duplicates, one.variants, one.version) == (2, 2, 1, 6)
    assert (one.first_received_at, one.last_received_at, one.touched_at) == (at(3), at(7), at(7))
    assert (one.receiving_since, other.receiving_since) == (at(5), at(0))
    assert (other.instances, other.duplicates, other.variants, other.version) == (2, 0, 0, 3)
    assert copies(database) == [(f"{SERIES}.1", True, 2), (f"{SERIES}.1", False, 2), (f"{SERIES}.2", True, 1)]
    assert copies(database, OTHER) == [(f"{OTHER}.1", True, 1), (f"{OTHER}.2", True, 1)]
    assert [(e.series_uid, e.to_state, e.at) for e in database.jobs.events()] == [
        (SERIES, "RECEIVING", at(5)),
        (OTHER, "RECEIVING", at(0)),
    ]


def test_what_was_registered_before_the_batch_counts(database: Database) -> None:
    received(database, 2)
    batch = [receipt(2), receipt(1, "other header"), receipt(2), receipt(3)]
    assert database.series.record([], batch, []) == [DUPLICATE, VARIANT, DUPLICATE, NEW]
    uids = [f"{SERIES}.{number}" for number in (1, 2, 1, 3)]
    assert copies(database) == list(zip(uids, (True, True, False, True), (1, 3, 1, 1), strict=True))


def test_a_batch_reopens_a_closed_series_once(database: Database) -> None:
    closed(database)
    batch = [receipt(1, received_at=at(30)), receipt(8, received_at=at(31)), receipt(9, received_at=at(32))]
    database.series.record([], batch, [])
    (series,) = database.series.receiving()
    assert (series.receiving_since, series.duplicates, series.instances) == (at(31), 1, 5)
    reopened = database.jobs.events()[3:]
    assert [(e.from_state, e.to_state, e.detail["revision"]) for e in reopened] == [("CLOSED", "RECEIVING", 1)]


def test_a_held_series_stays_held_whatever_a_batch_brings(database: Database) -> None:
    assert database.series.hold(received(database), Reason.CONFLICT, at(20))
    database.series.record([], [receipt(1), receipt(8), receipt(1, "other header")], [])
    series = present(database.series.find(SERIES))
    assert (series.state, series.reason) == (SeriesState.HELD, Reason.CONFLICT)
    assert (series.instances, series.duplicates, series.variants) == (4, 1, 1)


@pytest.mark.parametrize(
    "refused",
    [
        as_another_instance(receipt(1)),
        as_another_instance(receipt(2)),
        receipt(1, digest=receipt(2).digest),
        receipt(7, received_at=datetime(2026, 11, 22)),  # noqa: DTZ001
        receipt(7, size=None),
    ],
    ids=[
        "bytes registered before as another instance",
        "bytes of another instance of the batch",
        "a variant with the bytes of another instance",
        "a time without zone",
        "a value that the table refuses",
    ],
)
def test_a_batch_with_a_refused_receipt_leaves_nothing_and_one_by_one_leaves_the_others(
    database: Database, refused: InstanceReceipt
) -> None:
    received(database, 1)
    before = present(database.series.find(SERIES))
    batch = [receipt(2), receipt(1, series=OTHER), refused, receipt(3)]
    with pytest.raises(StorageError) as caught:
        database.series.record([association()], batch, [ABORTED])
    assert not isinstance(caught.value, DatabaseUnavailable)
    assert "1.2." not in str(caught.value)
    assert database.series.page() == [before]
    assert (len(database.jobs.events()), database.series.associations(before.id)) == (1, [])

    for one in batch:
        if one is refused:
            with pytest.raises(StorageError):
                database.series.record([], [one], [])
        else:
            assert database.series.record([], [one], []) == [NEW]
    assert [one[0] for one in copies(database)] == [f"{SERIES}.{number}" for number in (1, 2, 3)]
    assert [one[0] for one in copies(database, OTHER)] == [f"{OTHER}.1"]


def test_a_batch_may_be_larger_than_a_statement(database: Database) -> None:
    batch = [receipt(n, series=f"1.2.{n % 600}", digest=f"{n:064x}") for n in range(1300)]
    assert database.series.record([], batch, []) == [NEW] * 1300
    assert database.series.record([], batch, []) == [DUPLICATE] * 1300
    series = database.series.page()
    assert {one.series_uid: one.instances + one.duplicates for one in series} == {
        f"1.2.{n}": 6 if n < 100 else 4 for n in range(600)
    }


def test_the_single_methods_are_batches_of_one(database: Database) -> None:
    single = SingleRegistration(database)
    single.open_association(association())
    assert [single.register(receipt(n)) for n in (1, 1)] == [NEW, DUPLICATE]
    open_association(database.series, association("a2"))
    assert [register(database.series, receipt(n, association_id="a2")) for n in (1, 2)] == [DUPLICATE, NEW]
    end_association(database.series, "a2", AssociationEnding.RELEASED, at(9))
    endings = {one.id: one.ending for one in database.series.associations(1)}
    assert endings == {"a1": AssociationEnding.OPEN, "a2": AssociationEnding.RELEASED}


def test_associations_of_all_receivers_that_live_stay_open(database: Database) -> None:
    opened = [association(f"a{n}", f"receiver-{n}") for n in range(4)]
    database.series.record(opened, [receipt(n, association_id=f"a{n}") for n in range(4)], [])
    assert database.series.lose_open_associations(["receiver-0", "receiver-2"], at(20)) == 2
    endings = {one.id: one.ending for one in database.series.associations(1)}
    lost, still = AssociationEnding.LOST, AssociationEnding.OPEN
    assert endings == {"a0": still, "a1": lost, "a2": still, "a3": lost}
    assert database.series.lose_open_associations(set(), at(30)) == 2


def test_receivers_that_record_the_same_series_in_any_order_do_not_block_each_other(
    database_url: str, database: Database
) -> None:
    images = [(series, number) for series in range(12) for number in range(3)]
    answers: list[str] = []
    start = threading.Barrier(4)

    def as_receiver(name: str, work: Callable[[Database], None]) -> threading.Thread:
        def run() -> None:
            own = open_database(database_url, Path("unused"))
            start.wait()
            work(own)
            own.close()

        return threading.Thread(target=run, name=name)

    def receive(own: Database) -> None:
        name = threading.current_thread().name
        mixed = random.Random(name).sample(images, len(images))
        for first in range(0, len(mixed), 6):
            some = [receipt(n, series=f"1.2.{s}", association_id=name) for s, n in mixed[first : first + 6]]
            answers.extend(own.series.record([association(name, name)], some, []))

    def lose(own: Database) -> None:
        for second in range(10):
            own.series.lose_open_associations({"r0", "r1"}, at(second))

    threads = [as_receiver(f"r{n}", receive) for n in range(3)] + [as_receiver("starting", lose)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(answers) == [DUPLICATE] * 2 * len(images) + [NEW] * len(images)
    assert [(one.instances, one.duplicates) for one in database.series.page()] == [(3, 6)] * 12
    assert len(database.jobs.events()) == 12


def test_a_batch_takes_as_many_statements_as_it_has_series_not_instances(database_url: str) -> None:
    engine = make_engine(parse_url(database_url))
    statements: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *call: statements.append(call[2]))
    transactions = Transactions(engine)
    store = SqlSeriesStore(transactions)
    store.record([], [receipt(1), receipt(1, series=OTHER)], [])
    statements.clear()
    store.record([], [receipt(n, series=series) for n in range(2, 52) for series in (SERIES, OTHER)], [])
    transactions.close()
    assert len([one for one in statements if not one.startswith("BEGIN")]) <= 7


def test_what_a_batch_looks_up_is_found_by_an_index(sqlite_template: Path, tmp_path: Path) -> None:
    shutil.copy(sqlite_template, tmp_path / "hounsfield.db")
    engine = make_engine(parse_url(default_url(tmp_path)))
    queries: list[tuple[str, Any]] = []
    event.listen(engine, "before_cursor_execute", lambda *call: queries.append((call[2], call[3])))
    transactions = Transactions(engine)
    store = SqlSeriesStore(transactions)
    store.record([], [receipt(1)], [])
    store.record([], [receipt(1), receipt(1, "other header"), receipt(2), receipt(1, series=OTHER)], [])
    with transactions.read() as connection:
        plans = [
            row[3]
            for query, values in list(queries)
            if query.startswith("SELECT")
            for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}", values)
        ]
    transactions.close()
    assert [plan for plan in plans if not plan.startswith("SEARCH")] == []
    assert "SEARCH instance USING INDEX uq_instance_primary (series_id=? AND sop_instance_uid=?)" in plans
