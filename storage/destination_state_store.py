"""The state of destinations on SQL."""

from dataclasses import asdict
from datetime import datetime

from sqlalchemy import ColumnElement, Select, func, select, update

from hounsfield.storage.destination_state import Backlog, DestinationState
from hounsfield.storage.narrowing import hidden
from hounsfield.storage.rows import AnyRow, reason_or_none
from hounsfield.storage.statements import insert_into
from hounsfield.storage.states import JobKind, JobState
from hounsfield.storage.tables import destination_state, job
from hounsfield.storage.transactions import Transactions

_COUNTED_AS = {
    JobState.AVAILABLE: "waiting",
    JobState.RUNNING: "waiting",
    JobState.RETRYABLE: "waiting",
    JobState.HELD: "held",
    JobState.COMPLETED: "delivered",
    JobState.DISCARDED: "given_up",
    JobState.CANCELLED: "given_up",
}

_FEW = tuple(state for state in JobState if state is not JobState.COMPLETED)


class SqlDestinationStateStore:
    """See :class:`~hounsfield.storage.destination_state.DestinationStateStore`."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    def get(self, name: str) -> DestinationState | None:
        """Return the state of a destination."""
        with self._transactions.read() as connection:
            query = select(destination_state).where(destination_state.c.name == name)
            row = connection.execute(query).one_or_none()
        return None if row is None else _record(row)

    def all(self) -> list[DestinationState]:
        """Return every state there is, by name."""
        with self._transactions.read() as connection:
            return [_record(row) for row in connection.execute(select(destination_state).order_by("name"))]

    def put(self, state: DestinationState) -> None:
        """Write the state of a destination."""
        values = asdict(state)
        with self._transactions.write() as connection:
            statement = insert_into(connection, destination_state).values(values)
            connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_=values))

    def take_probe(self, name: str, due: datetime, again_at: datetime) -> bool:
        """Move the test that is due."""
        mine = (
            (destination_state.c.name == name)
            & destination_state.c.is_open.is_(True)
            & (destination_state.c.probe_at == due)
        )
        with self._transactions.write() as connection:
            return connection.execute(update(destination_state).where(mine).values(probe_at=again_at)).rowcount == 1

    def backlogs(self, delivered_since: datetime | None = None) -> dict[str, Backlog]:
        """Return how many jobs each destination has."""
        counts: dict[str, dict[str, int]] = {}
        with self._transactions.read() as connection:
            rows = [*connection.execute(_by_destination(job.c.state.in_(_FEW)))]
            if delivered_since is not None:
                delivered = (job.c.updated_at >= delivered_since) & (hidden(job.c.state) == JobState.COMPLETED)
                rows += connection.execute(_by_destination(delivered))
        for destination, state, count in rows:
            of_one = counts.setdefault(destination, dict.fromkeys(_COUNTED_AS.values(), 0))
            of_one[_COUNTED_AS[JobState(state)]] += count
        return {destination: Backlog(**of_one) for destination, of_one in counts.items()}


def _by_destination(condition: ColumnElement[bool]) -> Select[tuple[str, str, int]]:
    # Hidden, so that the condition decides which rows are looked at.
    groups = hidden(job.c.destination), hidden(job.c.state)
    return select(*groups, func.count()).where(condition, hidden(job.c.kind) == JobKind.DELIVER).group_by(*groups)


def _record(row: AnyRow) -> DestinationState:
    return DestinationState(
        name=row.name,
        is_open=row.is_open,
        since=row.since,
        reason=reason_or_none(row.reason),
        failures=row.failures,
        probe_at=row.probe_at,
        answered_at=row.answered_at,
    )
