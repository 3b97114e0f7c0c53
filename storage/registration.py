"""Registering received instances: every copy is kept, the first copy of a SOP instance is primary."""

from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from hounsfield.storage.errors import StorageError
from hounsfield.storage.events import NewEvent, append_events
from hounsfield.storage.records import InstanceReceipt, Registration
from hounsfield.storage.rows import AnyRow
from hounsfield.storage.states import SeriesState, Stage
from hounsfield.storage.tables import instance, series


def insert_unless_there(connection: Connection, table: Any, values: dict[str, Any]) -> bool:
    """Insert a row unless a unique key is taken, also by a transaction that runs beside this one; whether it was."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(table).values(values).on_conflict_do_nothing().returning(table.c.id)
    return connection.execute(statement).first() is not None


def lock_series(connection: Connection, series_id: int) -> AnyRow | None:
    """Return a series' row, locked against other changes until commit (SQLite: the whole database is)."""
    query = select(series).where(series.c.id == series_id).with_for_update(key_share=True)
    return connection.execute(query).one_or_none()


def register(connection: Connection, receipt: InstanceReceipt) -> str:
    """Add an instance; return a :class:`Registration` constant."""
    row, is_new = _series_of(connection, receipt)
    known = _copies(connection, row.id, receipt)
    duplicate = next((copy for copy in known if copy.digest == receipt.digest), None)
    if duplicate is not None:
        _count_duplicate(connection, row, duplicate, receipt.received_at)
        return Registration.DUPLICATE
    values = asdict(receipt)
    del values["series_uid"]
    connection.execute(insert(instance).values(**values, series_id=row.id, is_primary=not known))
    _touch(connection, row, receipt, is_variant=bool(known))
    reopened = row.state in (SeriesState.CLOSED, SeriesState.SKIPPED)
    if is_new or reopened:
        first_seen = NewEvent(
            at=receipt.received_at,
            series_id=row.id,
            stage=Stage.RECEIVE,
            from_state=None if is_new else row.state,
            to_state=SeriesState.RECEIVING,
            detail={"revision": row.revision, "calling_ae": receipt.calling_ae},
        )
        append_events(connection, [first_seen])
    return Registration.VARIANT if known else Registration.NEW


def _series_of(connection: Connection, receipt: InstanceReceipt) -> tuple[AnyRow, bool]:
    """Return the locked row of the receipt's series and whether we just made it."""
    query = select(series).where(series.c.series_uid == receipt.series_uid).with_for_update(key_share=True)
    row = connection.execute(query).one_or_none()
    if row is not None:
        return row, False
    values = {
        "series_uid": receipt.series_uid,
        "study_uid": receipt.study_uid,
        "state": SeriesState.RECEIVING,
        "remarks": [],
        "first_received_at": receipt.received_at,
        "last_received_at": receipt.received_at,
        "touched_at": receipt.received_at,
        "receiving_since": receipt.received_at,
    }
    is_new = insert_unless_there(connection, series, values)
    return connection.execute(query).one(), is_new


def _copies(connection: Connection, series_id: int, receipt: InstanceReceipt) -> list[AnyRow]:
    """Return the copies of this SOP instance in this series."""
    same_bytes = instance.c.digest == receipt.digest
    same_instance = (instance.c.series_id == series_id) & (instance.c.sop_instance_uid == receipt.sop_instance_uid)
    columns = (instance.c.id, instance.c.series_id, instance.c.digest)
    copies: list[AnyRow] = list(connection.execute(select(*columns).where(same_instance)))
    if not copies and connection.execute(select(instance.c.id).where(same_bytes)).first() is not None:
        raise StorageError("the same bytes were registered as another instance: the receipt contradicts the file")
    return copies


def _count_duplicate(connection: Connection, row: AnyRow, copy: AnyRow, at: datetime) -> None:
    # The sender is still at it, so the quiet period starts anew; the state stays.
    connection.execute(update(instance).where(instance.c.id == copy.id).values(copies=instance.c.copies + 1))
    connection.execute(
        update(series)
        .where(series.c.id == row.id)
        .values(
            duplicates=series.c.duplicates + 1,
            version=series.c.version + 1,
            last_received_at=max(row.last_received_at, at),
            touched_at=max(row.touched_at, at),
        )
    )


def _touch(connection: Connection, row: AnyRow, receipt: InstanceReceipt, *, is_variant: bool) -> None:
    at = receipt.received_at
    values: dict[str, Any] = {
        "version": series.c.version + 1,
        "first_received_at": min(row.first_received_at, at),
        "last_received_at": max(row.last_received_at, at),
        "touched_at": max(row.touched_at, at),
    }
    if is_variant:
        values["variants"] = series.c.variants + 1
    else:
        values["instances"] = series.c.instances + 1
    if row.state in (SeriesState.CLOSED, SeriesState.SKIPPED):
        values |= {"state": SeriesState.RECEIVING, "receiving_since": at}
    if row.state == SeriesState.SKIPPED:
        values["reason"] = None
    connection.execute(update(series).where(series.c.id == row.id).values(**values))
