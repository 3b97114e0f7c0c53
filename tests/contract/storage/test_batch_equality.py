"""However received instances are cut into batches, the tables hold what registering them one by one would leave."""

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta, timezone
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import event, select
from support.single_registration import SingleRegistration
from support.stored import BUNDLE, WHOLE, association, at, receipt

from hounsfield.storage.engine import Database, default_url, stores_over
from hounsfield.storage.errors import DatabaseUnavailable, StorageError
from hounsfield.storage.records import AssociationEnd, AssociationRecord, InstanceReceipt, SeriesRecord
from hounsfield.storage.states import AssociationEnding, Reason
from hounsfield.storage.tables import metadata
from hounsfield.storage.transactions import Transactions, make_engine, parse_url

REFUSED = "refused"
SERIES_UIDS = ("1.2.1", "1.2.3", "1.2.2")
ASSOCIATIONS = ("a1", "a2", "a3")


@dataclass(frozen=True)
class Step:
    """What comes between two decisions on a series."""

    opened: Sequence[AssociationRecord]
    receipts: Sequence[InstanceReceipt]
    ended: Sequence[AssociationEnd]
    sizes: Sequence[int]
    """Of the batches; the last one is used up to the end."""
    series: str
    decision: str

    def batches(self) -> Iterator[tuple[Sequence[AssociationRecord], list[InstanceReceipt], Sequence[AssociationEnd]]]:
        """The associations open with the first batch and end with the last."""
        rest, sizes, opened = list(self.receipts), list(self.sizes), self.opened
        while len(rest) > sizes[0]:
            yield opened, rest[: sizes[0]], []
            rest, sizes, opened = rest[sizes[0] :], sizes[1:] or sizes, []
        yield opened, rest, self.ended


def received(series: str, number: int, content: str, seconds: int, hours: int, association_id: str) -> InstanceReceipt:
    # Instances of different series share their UIDs here: nobody promises that this cannot be.
    sop = f"1.2.9.{number}"
    there = receipt(
        number, content, series, sop_instance_uid=sop, association_id=association_id, calling_ae=f"CT-{association_id}"
    )
    moment = at(seconds).astimezone(timezone(timedelta(hours=hours)))
    digest = "f" * 64 if content == "the same everywhere" else there.digest
    return replace(there, received_at=moment, digest=digest)


RECEIPTS = st.builds(
    received,
    st.sampled_from(SERIES_UIDS),
    st.integers(1, 3),
    st.sampled_from(("", "", "another header", "a third", "the same everywhere")),
    st.integers(0, 50),
    st.sampled_from((0, 9)),
    st.sampled_from(ASSOCIATIONS),
)
STEPS = st.builds(
    Step,
    opened=st.lists(
        st.builds(association, st.sampled_from(ASSOCIATIONS), st.sampled_from(("me", "other"))), max_size=3
    ),
    receipts=st.lists(RECEIPTS, max_size=12),
    ended=st.lists(
        st.builds(
            AssociationEnd,
            id=st.sampled_from((*ASSOCIATIONS, "unknown")),
            ending=st.sampled_from((AssociationEnding.RELEASED, AssociationEnding.ABORTED)),
            at=st.integers(50, 60).map(at),
        ),
        max_size=2,
    ),
    sizes=st.lists(st.integers(1, 12), min_size=1, max_size=3),
    series=st.sampled_from(SERIES_UIDS),
    decision=st.sampled_from(
        ("close", "close", "skip", "skip", "hold", "hold", "discard", "release", "release", "replay", "lose", "nothing")
    ),
)


def decide(database: Database, step: Step) -> None:
    series = database.series.find(step.series)
    if step.decision == "lose":
        database.series.lose_open_associations({"me"}, at(70))
    elif series is not None:
        DECISIONS[step.decision](database, series)


def close(database: Database, series: SeriesRecord) -> None:
    primary = [instance.id for instance in database.series.instances(series.id) if instance.is_primary]
    database.series.close(series, primary, WHOLE, [BUNDLE], at(70))


DECISIONS: dict[str, Callable[[Database, SeriesRecord], object]] = {
    "close": close,
    "skip": lambda database, series: database.series.skip(series, Reason.MODALITY, at(70)),
    "hold": lambda database, series: database.series.hold(series, Reason.CONFLICT, at(70)),
    "discard": lambda database, series: database.series.discard(series.id, Reason.OPERATOR, at(70)),
    "release": lambda database, series: database.series.release(series.id, at(70)),
    "replay": lambda database, series: database.series.replay(series.id, at(70)),
    "nothing": lambda database, series: None,
}


def one_by_one(database: Database, step: Step) -> list[str]:
    single = SingleRegistration(database)
    for opened in step.opened:
        single.open_association(opened)
    found = [or_refused(lambda one=one: single.register(one)) for one in step.receipts]  # type: ignore[misc]
    for end in {one.id: one for one in step.ended}.values():  # an association ends once
        single.end_association(end)
    return found


def in_batches(database: Database, step: Step) -> list[str]:
    found: list[str] = []
    for opened, receipts, ended in step.batches():
        before = tables(database)
        try:
            found += database.series.record(opened, receipts, ended)
        except DatabaseUnavailable:
            raise  # that is no answer to a receipt
        except StorageError:
            assert tables(database) == before
            database.series.record(opened, [], [])
            alone = [or_refused(lambda one=one: database.series.record([], [one], [])[0]) for one in receipts]  # type: ignore[misc]
            assert REFUSED in alone
            found += alone
            database.series.record([], [], ended)
    return found


def or_refused(register: Callable[[], str]) -> str:
    try:
        return register()
    except StorageError:
        return REFUSED


def tables(database: Database) -> dict[str, list[dict[str, Any]]]:
    """Return all rows, those of a series under its UID: which of two new series has the lower id may differ."""
    with database.transactions.read() as connection:
        found = {
            name: [dict(row) for row in connection.execute(select(table).order_by(*table.primary_key)).mappings()]
            for name, table in metadata.tables.items()
        }
    uids = {row["id"]: row.pop("series_uid") for row in found["series"]}
    for row in found["series"]:
        row["id"] = uids[row["id"]]
    for row in (row for rows in found.values() for row in rows if "series_id" in row):
        row["series_id"] = uids[row["series_id"]]
    for name in ("series", "snapshot", "revision"):
        found[name].sort(key=lambda row: [row[column] for column in ("id", "series_id", "revision") if column in row])
    return found


@contextmanager
def opened(template: Path, folder: Path) -> Iterator[Database]:
    """Open a copy of an empty database that does not wait for the disk."""
    folder.mkdir()
    shutil.copy(template, folder / "hounsfield.db")
    engine = make_engine(parse_url(default_url(folder)))
    event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous = OFF"))
    transactions = Transactions(engine)
    yield stores_over(transactions, folder / "hounsfield.db")
    transactions.close()


def empty(database: Database) -> None:
    with database.transactions.write() as connection:
        for table in reversed(metadata.sorted_tables):
            connection.execute(table.delete())
        connection.exec_driver_sql("DELETE FROM sqlite_sequence")


def test_batches_leave_the_tables_as_one_by_one_does(sqlite_template: Path, tmp_path: Path) -> None:
    with opened(sqlite_template, tmp_path / "1") as batched, opened(sqlite_template, tmp_path / "2") as single:

        @settings(max_examples=80, deadline=None)
        @given(st.lists(STEPS, min_size=1, max_size=4))
        def holds(steps: list[Step]) -> None:
            empty(batched)
            empty(single)
            for step in steps:
                assert in_batches(batched, step) == one_by_one(single, step)
                assert tables(batched) == tables(single)
                decide(batched, step)
                decide(single, step)
            assert tables(batched) == tables(single)

        holds()
