"""Alarms on SQL."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, insert, or_, select, update

from hounsfield.storage.alarms import Alarm, AlarmKind, Condition, Told
from hounsfield.storage.rows import AnyRow
from hounsfield.storage.tables import alarm as table
from hounsfield.storage.transactions import Transactions

_OPEN: ColumnElement[bool] = table.c.ended_at.is_(None)
_MOST_UNTOLD = 100
_RANK = {Told.NOTHING: 0, Told.BEGINNING: 1, Told.END: 2}


class SqlAlarmStore:
    """See :class:`~hounsfield.storage.alarms.AlarmStore`. Every method may raise DatabaseUnavailable."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    def set(
        self, kinds: Sequence[AlarmKind], conditions: Sequence[Condition], now: datetime
    ) -> tuple[list[Alarm], list[Alarm]]:
        """Say what is wrong just now; nothing is written where nothing has changed."""
        wanted = {(one.kind, one.subject): one for one in conditions if one.kind in kinds}
        with self._transactions.read() as connection:
            there = _open_of(connection, kinds)
        if {key: one.detail for key, one in there.items()} == {key: dict(one.detail) for key, one in wanted.items()}:
            return [], []
        with self._transactions.write() as connection:
            there = _open_of(connection, kinds)
            for key in there.keys() & wanted.keys():
                _change(connection, there[key].id, detail=dict(wanted[key].detail))
            ended = [there[key] for key in there if key not in wanted]
            for one in ended:
                _change(connection, one.id, ended_at=now)
            begun = [_begin(connection, one, now) for key, one in wanted.items() if key not in there]
        return begun, [replace(one, ended_at=now) for one in ended]

    def open(self) -> list[Alarm]:
        """Return what is wrong, the oldest first."""
        return self._read(_OPEN)

    def newest(self, limit: int = 100, before_id: int | None = None) -> list[Alarm]:
        """Return alarms, the newest first."""
        query = select(table).order_by(table.c.id.desc()).limit(limit)
        if before_id is not None:
            query = query.where(table.c.id < before_id)
        with self._transactions.read() as connection:
            return [_record(row) for row in connection.execute(query)]

    def last_ended(self, kind: AlarmKind, subject: str = "") -> Alarm | None:
        """Return the alarm of this kind about this that ended last."""
        mine = table.c.kind == kind, table.c.subject == subject, table.c.ended_at.is_not(None)
        query = select(table).where(*mine).order_by(table.c.ended_at.desc()).limit(1)
        with self._transactions.read() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else _record(row)

    def untold(self) -> list[Alarm]:
        """Return those whose beginning or end nobody was told of."""
        return self._read(
            or_(_OPEN & (table.c.told == Told.NOTHING), table.c.ended_at.is_not(None) & (table.c.told != Told.END)),
            _MOST_UNTOLD,
        )

    def mark_told(self, alarm_id: int, told: Told) -> None:
        """Note what was told."""
        earlier = [one for one in Told if _RANK[one] < _RANK[told]]
        with self._transactions.write() as connection:
            connection.execute(update(table).where(table.c.id == alarm_id, table.c.told.in_(earlier)).values(told=told))

    def _read(self, condition: ColumnElement[bool], limit: int | None = None) -> list[Alarm]:
        with self._transactions.read() as connection:
            rows = connection.execute(select(table).where(condition).order_by(table.c.id).limit(limit)).all()
        return [_record(row) for row in rows]


def _open_of(connection: Connection, kinds: Sequence[AlarmKind]) -> Mapping[tuple[AlarmKind, str], Alarm]:
    query = select(table).where(_OPEN, table.c.kind.in_(kinds)).order_by(table.c.id)
    found = [_record(row) for row in connection.execute(query)]
    return {(one.kind, one.subject): one for one in found}


def _begin(connection: Connection, condition: Condition, now: datetime) -> Alarm:
    values: dict[str, Any] = {
        "kind": condition.kind,
        "subject": condition.subject,
        "detail": dict(condition.detail),
        "began_at": now,
        "told": Told.NOTHING,
    }
    return _record(connection.execute(insert(table).values(values).returning(table)).one())


def _change(connection: Connection, alarm_id: int, **values: Any) -> None:
    connection.execute(update(table).where(table.c.id == alarm_id).values(values))


def _record(row: AnyRow) -> Alarm:
    return Alarm(
        id=row.id,
        kind=AlarmKind(row.kind),
        subject=row.subject,
        detail=dict(row.detail),
        began_at=row.began_at,
        ended_at=row.ended_at,
        told=Told(row.told),
    )
