"""Finding the newest rows that fit several conditions without reading what does not fit.

Each column that people filter by has an index that ends in the id, so that the newest rows of one value are read off
directly. Of several conditions the engine has to take one, and it does not know which is rare: neither engine keeps
numbers about the rows near the newest. So each is tried on a few entries of its index, and the others are hidden from
the engine.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Table, and_, func, select

TRIED = 1000
"""Entries of an index that tell how rare its condition is."""

_SKEW = timedelta(hours=1)
"""By how much times may disagree with the order of ids: clocks of several hosts, transactions that wait for others."""

_BEYOND = 2**63 - 1
"""No row has this id."""

Ways = Sequence[tuple[str, ...]]
"""Columns of the indexes that end in the id."""


def hidden(column: Column[Any]) -> ColumnElement[Any]:
    """Return a column as something that no index is found for, on either engine."""
    return func.coalesce(column, column)


def id_range(
    connection: Connection, moment: Column[Any], since: datetime | None, until: datetime | None
) -> list[ColumnElement[bool]]:
    """Return conditions for the rows of ``since <= moment < until``, with a range of ids that holds them all.

    ``moment``: an indexed column of a table whose ids grow with it.
    """
    conditions: list[ColumnElement[bool]] = []
    if since is not None:
        conditions += [moment.table.c.id >= _first_id(connection, moment, since), hidden(moment) >= since]
    if until is not None:
        conditions += [moment.table.c.id <= _last_id(connection, moment, until), hidden(moment) < until]
    return conditions


def _first_id(connection: Connection, moment: Column[Any], since: datetime) -> int:
    first = connection.execute(select(func.min(moment)).where(moment >= since)).scalar_one()
    if first is None:
        return _BEYOND
    near = select(func.min(hidden(moment.table.c.id))).where(moment >= since, moment <= first + _SKEW)
    return int(connection.execute(near).scalar_one())


def _last_id(connection: Connection, moment: Column[Any], until: datetime) -> int:
    last = connection.execute(select(func.max(moment)).where(moment < until)).scalar_one()
    if last is None:
        return 0
    near = select(func.max(hidden(moment.table.c.id))).where(moment < until, moment >= last - _SKEW)
    return int(connection.execute(near).scalar_one())


def narrowed(
    connection: Connection,
    table: Table,
    wanted: Mapping[str, object],
    ways: Ways,
    bounds: Sequence[ColumnElement[bool]] = (),
    *,
    newest_first: bool = True,
) -> list[ColumnElement[bool]]:
    """Return conditions for ``column = value`` of all ``wanted``, which an index narrows down as far as one can.

    ``bounds``: conditions on the id, for what is tried. ``newest_first``: from which end the rows are read.
    """
    way = _best(connection, table, wanted, ways, bounds, newest_first)
    return [(table.c[name] if name in way else hidden(table.c[name])) == value for name, value in wanted.items()]


def _best(
    connection: Connection,
    table: Table,
    wanted: Mapping[str, object],
    ways: Ways,
    bounds: Sequence[ColumnElement[bool]],
    newest_first: bool,
) -> tuple[str, ...]:
    fitting = [way for way in ways if wanted.keys() >= set(way)]
    longest = [way for way in fitting if not any(set(way) < set(other) for other in fitting)]
    if len(longest) < 2:
        return longest[0] if longest else ()

    def cost(way: tuple[str, ...]) -> tuple[int, int]:
        fits = and_(*(table.c[name] == wanted[name] for name in way), *bounds)
        key = table.c.id
        tried = select(key).where(fits).order_by(key.desc() if newest_first else key).limit(TRIED).subquery()
        count, first, last = connection.execute(select(func.count(), func.min(tried.c.id), func.max(tried.c.id))).one()
        return int(count), -int((last or 0) - (first or 0))

    return min(longest, key=cost)
