"""Lines of open jobs, in which the scanners take turns: start-time fair queueing, counted in jobs.

A line is what one kind, one destination and one priority have in common. A job that comes in gets the number of a turn
in its line: one more than the turn that the line has reached, and than the last one that its scanner already has there.
So a scanner has one job in each turn, and one that sends five hundred series at once delays the single series of
another by those of a turn or two, not by five hundred. Nobody waits for ever, for nothing comes in before the turn that
the line has reached. (Goyal, Vin, Cheng: Start-time Fair Queuing, SIGCOMM 1996; all jobs are of one size here.)

The number is drawn once, so the next job is the first entry of an index, however many jobs there are.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, case, func, select

from hounsfield.storage.claim_order import Head
from hounsfield.storage.rows import AnyRow
from hounsfield.storage.statements import insert_into
from hounsfield.storage.states import JobKind
from hounsfield.storage.tables import is_open, job, turn

_MOST_PRIORITIES = 8
"""Looked at in a claim, from the highest on. We give three; PostgreSQL would plan for a hundred."""


@dataclass(frozen=True, slots=True)
class Queue:
    """What one worker or courier asks for. Without a destination: INFER jobs, or those of all destinations."""

    kind: JobKind
    destination: str | None = None

    @property
    def holds(self) -> ColumnElement[bool]:
        """The condition for its open jobs, as the indexes of open jobs have it."""
        mine = is_open(job.c) & (job.c.kind == self.kind)
        if self.kind is JobKind.INFER:
            return mine & job.c.destination.is_(None)
        return mine if self.destination is None else mine & (job.c.destination == self.destination)

    @property
    def in_order(self) -> list[ColumnElement[Any]]:
        """What its jobs are sorted by."""
        return [*self.leading, job.c.turn, job.c.id]

    @property
    def leading(self) -> list[ColumnElement[Any]]:
        """What an order has to begin with to be read off an index: PostgreSQL takes no IS NULL for one value."""
        return [job.c.destination] if self.kind is JobKind.INFER else []


@dataclass(frozen=True, slots=True, kw_only=True)
class Line(Head):
    """A line that has a due job."""

    kind: JobKind
    destination: str
    """Empty where its jobs have none."""

    @property
    def key(self) -> tuple[str, str, int]:
        """What it is known by."""
        return self.kind, self.destination, self.priority


def next_turn(connection: Connection, kind: JobKind, destination: str | None, priority: int, scanner: str) -> int:
    """Return the turn of a job that comes in now. Two that come in at once may get the same."""
    line = Queue(kind, destination).holds & (job.c.priority == priority) & (job.c.scanner == scanner)
    own = select(func.max(job.c.turn)).where(line).scalar_subquery()
    reached = select(turn.c.reached).where(_is_of(kind, destination or "", priority)).scalar_subquery()
    found = connection.execute(select(own.label("own"), reached.label("reached"))).one()
    return max(found.own or 0, found.reached or 0) + 1


def turn_again(connection: Connection, row: AnyRow) -> int:
    """Return the turn of a job that comes back, for a row that is not open now."""
    return next_turn(connection, JobKind(row.kind), row.destination, row.priority, row.scanner)


def heads(queue: Queue, due: ColumnElement[bool]) -> Select[Any]:
    """Return the query for the lines of a queue that have a due job: rows for :func:`line_of`."""
    level = _priorities(queue)
    first = first_of_line(queue, due, level.c.priority).with_only_columns(job.c.id).correlate(level).scalar_subquery()
    levels = select(first.label("id")).select_from(level).where(level.c.priority.is_not(None))
    found = levels.limit(_MOST_PRIORITIES).subquery()
    return (
        select(job.c.kind, job.c.priority, job.c.available_at, job.c.destination, turn.c.passed)
        .join(found, found.c.id == job.c.id)
        .outerjoin(turn, _is_of(job.c.kind, func.coalesce(job.c.destination, ""), job.c.priority))
    )


def first_of_line(queue: Queue, due: ColumnElement[bool], priority: Any) -> Select[Any]:
    """Return the query for the first due job of a queue that has this priority."""
    return select(job).where(queue.holds, job.c.priority == priority, due).order_by(*queue.in_order).limit(1)


def line_of(row: AnyRow) -> Line:
    """Return the line that a row of :func:`heads` stands for."""
    return Line(
        kind=JobKind(row.kind),
        destination=row.destination or "",
        priority=row.priority,
        since=row.available_at,
        passed=row.passed or 0,
    )


def _priorities(queue: Queue) -> Any:
    """Return the priorities that open jobs of a queue have, found by one look at the index for each, and a NULL."""
    falling = [column.desc() for column in queue.leading]
    highest = select(job.c.priority).where(queue.holds).order_by(*falling, job.c.priority.desc()).limit(1)
    level = select(highest.scalar_subquery().label("priority")).cte("level", recursive=True)
    lower = highest.where(job.c.priority < level.c.priority).correlate(level).scalar_subquery()
    return level.union_all(select(lower).select_from(level).where(level.c.priority.is_not(None)))


def has_moved(connection: Connection, row: AnyRow, passed_over: Sequence[Line]) -> None:
    """Note the turn of a job that was claimed, and the lines that let it go before them."""
    further = case((turn.c.reached < row.turn, row.turn), else_=turn.c.reached)
    own = _Note(
        (row.kind, row.destination or "", row.priority), {"reached": row.turn}, {"reached": further, "passed": 0}
    )
    waited = [_Note(line.key, {"passed": 1}, {"passed": turn.c.passed + 1}) for line in passed_over]
    for note in sorted([own, *waited], key=lambda one: one.key):  # in one order, so that nobody waits in a circle
        _write(connection, note)


@dataclass(frozen=True, slots=True)
class _Note:
    key: tuple[str, str, int]
    first: dict[str, int]
    later: dict[str, Any]


def _write(connection: Connection, note: _Note) -> None:
    kind, destination, priority = note.key
    new = {"kind": kind, "destination": destination, "priority": priority, **note.first}
    statement = insert_into(connection, turn).values(new)
    connection.execute(statement.on_conflict_do_update(index_elements=list(turn.primary_key), set_=note.later))


def _is_of(kind: Any, destination: Any, priority: Any) -> ColumnElement[bool]:
    return and_(turn.c.kind == kind, turn.c.destination == destination, turn.c.priority == priority)
