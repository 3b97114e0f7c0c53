"""Registration of one thing at a time, told plainly: what a batch must amount to, and what it is measured against."""

from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, insert, select, update

from hounsfield.storage.engine import Database
from hounsfield.storage.errors import StorageError
from hounsfield.storage.events import NewEvent, append_events
from hounsfield.storage.records import AssociationEnd, AssociationRecord, InstanceReceipt, Registration
from hounsfield.storage.rows import AnyRow
from hounsfield.storage.statements import insert_unless_there
from hounsfield.storage.states import SeriesState, Stage
from hounsfield.storage.tables import association, instance, series


class SingleRegistration:
    """Each call is one transaction."""

    def __init__(self, database: Database) -> None:
        self._transactions = database.transactions

    def open_association(self, opened: AssociationRecord) -> None:
        with self._transactions.write() as connection:
            insert_unless_there(connection, association, asdict(opened))

    def end_association(self, end: AssociationEnd) -> None:
        with self._transactions.write() as connection:
            statement = update(association).where(association.c.id == end.id)
            connection.execute(statement.values(ending=end.ending, ended_at=end.at))
            brought = select(instance.c.series_id).where(instance.c.association_id == end.id)
            for row in connection.execute(select(series).where(series.c.id.in_(brought))).all():
                if row.state == SeriesState.RECEIVING:
                    moved = update(series).where(series.c.id == row.id).values(version=row.version + 1)
                    connection.execute(moved)

    def register(self, receipt: InstanceReceipt) -> Registration:
        """Raise StorageError for bytes that are registered as another instance."""
        with self._transactions.write() as connection:
            return _register(connection, receipt)


def _register(connection: Connection, receipt: InstanceReceipt) -> Registration:
    is_new = insert_unless_there(connection, series, _new_series(receipt))
    row = connection.execute(select(series).where(series.c.series_uid == receipt.series_uid)).one()
    same_bytes = connection.execute(select(instance).where(instance.c.digest == receipt.digest)).one_or_none()
    same_instance = (instance.c.series_id == row.id) & (instance.c.sop_instance_uid == receipt.sop_instance_uid)
    is_known = connection.execute(select(instance.c.id).where(same_instance)).first() is not None
    if same_bytes is None:
        values = {name: value for name, value in asdict(receipt).items() if name != "series_uid"}
        connection.execute(insert(instance).values(**values, series_id=row.id, is_primary=not is_known))
        _update(connection, row, receipt, **_as_news(row, receipt, is_known))
        _append(connection, row, receipt, is_new)
        return Registration.VARIANT if is_known else Registration.NEW
    if (same_bytes.series_id, same_bytes.sop_instance_uid) != (row.id, receipt.sop_instance_uid):
        raise StorageError("the same bytes as another instance")
    copies = update(instance).where(instance.c.id == same_bytes.id).values(copies=instance.c.copies + 1)
    connection.execute(copies)
    _update(connection, row, receipt, duplicates=row.duplicates + 1)
    return Registration.DUPLICATE


def _new_series(receipt: InstanceReceipt) -> dict[str, Any]:
    times = ("first_received_at", "last_received_at", "touched_at", "receiving_since")
    return {
        "series_uid": receipt.series_uid,
        "study_uid": receipt.study_uid,
        "scanner": receipt.calling_ae,
        "state": SeriesState.RECEIVING,
        "remarks": [],
        **dict.fromkeys(times, receipt.received_at),
    }


def _as_news(row: AnyRow, receipt: InstanceReceipt, is_known: bool) -> dict[str, Any]:
    values: dict[str, Any] = {"first_received_at": min(row.first_received_at, receipt.received_at), "waived": []}
    values |= {"variants": row.variants + 1} if is_known else {"instances": row.instances + 1}
    if row.state in (SeriesState.CLOSED, SeriesState.SKIPPED):
        values |= {"state": SeriesState.RECEIVING, "receiving_since": receipt.received_at}
    if row.state == SeriesState.SKIPPED:
        values["reason"] = None
    return values


def _update(connection: Connection, row: AnyRow, receipt: InstanceReceipt, **values: Any) -> None:
    values |= {
        "version": row.version + 1,
        "last_received_at": max(row.last_received_at, receipt.received_at),
        "touched_at": max(row.touched_at, receipt.received_at),
    }
    connection.execute(update(series).where(series.c.id == row.id).values(**values))


def _append(connection: Connection, row: AnyRow, receipt: InstanceReceipt, is_new: bool) -> None:
    if not is_new and row.state not in (SeriesState.CLOSED, SeriesState.SKIPPED):
        return
    seen = NewEvent(
        at=receipt.received_at,
        series_id=row.id,
        stage=Stage.RECEIVE,
        from_state=None if is_new else row.state,
        to_state=SeriesState.RECEIVING,
        detail={"revision": row.revision, "calling_ae": receipt.calling_ae},
    )
    append_events(connection, [seen])
