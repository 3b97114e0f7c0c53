"""The peer store on SQL: who was seen, added up and bounded."""

import re
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, case, delete, select

from hounsfield.storage.locks import LockKey, hold_until_commit
from hounsfield.storage.peer_records import Sighting, SightingReason, SightingRecord
from hounsfield.storage.rows import AnyRow
from hounsfield.storage.statements import insert_into
from hounsfield.storage.tables import sighting
from hounsfield.storage.transactions import Transactions

MAX_SIGHTINGS = 1000
"""Rows kept: whoever reaches the port can invent senders, and must not fill the disk with them."""

_KEY = ("calling_ae", "called_ae", "address", "reason", "admitted")
_NOT_TEXT = re.compile("[\x00\ud800-\udfff]")


class SqlPeerStore:
    """See :class:`~hounsfield.storage.peer_records.PeerStore`. Every method may raise DatabaseUnavailable."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    def saw(self, sightings: Sequence[Sighting]) -> None:
        """Add sightings to those that are there."""
        if not sightings:
            return
        with self._transactions.write() as connection:
            _one_writer(connection)
            for seen in sightings:
                _add(connection, seen)
            _forget_the_oldest(connection)

    def sightings(self) -> list[SightingRecord]:
        """Return all of them, the most frequent first."""
        query = select(sighting).order_by(sighting.c.count.desc(), sighting.c.last_seen_at.desc(), sighting.c.id)
        with self._transactions.read() as connection:
            return [_record(row) for row in connection.execute(query)]

    def forget(self) -> int:
        """Remove all of them."""
        with self._transactions.write() as connection:
            _one_writer(connection)
            return connection.execute(delete(sighting)).rowcount


def _one_writer(connection: Connection) -> None:
    # Receivers that add the same rows in another order, and remove others', would end in deadlocks.
    hold_until_commit(connection, LockKey.SIGHTINGS)


def _add(connection: Connection, seen: Sighting) -> None:
    statement = insert_into(connection, sighting).values(_values(seen))
    new = statement.excluded
    earlier = new.first_seen_at < sighting.c.first_seen_at
    later = new.last_seen_at > sighting.c.last_seen_at
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=list(_KEY),
            set_={
                "count": sighting.c.count + new.count,
                "first_seen_at": case((earlier, new.first_seen_at), else_=sighting.c.first_seen_at),
                "last_seen_at": case((later, new.last_seen_at), else_=sighting.c.last_seen_at),
            },
        )
    )


def _values(seen: Sighting) -> dict[str, Any]:
    return {
        "calling_ae": _storable(seen.calling_ae, 64),
        "called_ae": _storable(seen.called_ae, 64),
        "address": _storable(seen.address, 255),
        "reason": seen.reason,
        "admitted": seen.admitted,
        "first_seen_at": seen.first_seen_at,
        "last_seen_at": seen.last_seen_at,
        "count": seen.count,
    }


def _storable(value: str, longest: int) -> str:
    """Return a text from the network as both engines take it: one that is refused would be offered for ever."""
    return _NOT_TEXT.sub("\N{REPLACEMENT CHARACTER}", value)[:longest]


def _forget_the_oldest(connection: Connection) -> None:
    newest_first = select(sighting.c.id).order_by(sighting.c.last_seen_at.desc(), sighting.c.id.desc())
    connection.execute(delete(sighting).where(sighting.c.id.in_(newest_first.offset(MAX_SIGHTINGS))))


def _record(row: AnyRow) -> SightingRecord:
    return SightingRecord(
        id=row.id,
        calling_ae=row.calling_ae,
        called_ae=row.called_ae,
        address=row.address,
        reason=SightingReason(row.reason),
        admitted=row.admitted,
        first_seen_at=row.first_seen_at,
        last_seen_at=row.last_seen_at,
        count=row._mapping["count"],  # row.count is the method of tuples
    )
