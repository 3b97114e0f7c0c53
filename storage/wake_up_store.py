"""Finds due jobs that no wake-up tells of: lost with a process, or never written."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select, text

from hounsfield.storage import job_claims
from hounsfield.storage.states import JobKind
from hounsfield.storage.tables import job
from hounsfield.storage.transactions import Transactions
from hounsfield.storage.turns import Queue
from hounsfield.storage.wake_ups import defer

MOST = 16
"""How many of the best due jobs of a group are looked at. Whoever is woken works on until nothing is due: more
wake-ups would tell what is known."""

_WITHOUT = text(
    """
    SELECT id FROM unnest(CAST(:ids AS bigint[])) AS id
    WHERE NOT EXISTS (
        SELECT 1 FROM procrastinate_jobs AS wake_up
        WHERE wake_up.status = 'todo' AND wake_up.args ->> 'job_id' = id::text
        AND (wake_up.scheduled_at IS NULL OR wake_up.scheduled_at <= now()))
    """
)


@dataclass(frozen=True, slots=True)
class Group:
    """Jobs that one slot of every host works on."""

    kind: JobKind
    destination: str | None = None
    """Its name, None for jobs that have none."""


class SqlWakeUps:
    """Every method may raise DatabaseUnavailable."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    def add_missing(self, groups: Sequence[Group], now: datetime) -> int:
        """Write the wake-ups that the best due jobs of each group lack; return how many."""
        with self._transactions.write() as connection:
            return sum(_add_missing(connection, group, now) for group in groups)


def _add_missing(connection: Connection, group: Group, now: datetime) -> int:
    queue = Queue(group.kind, group.destination)
    best = (
        select(job.c.id)
        .where(queue.holds, job_claims.due(group.kind, now))
        .order_by(job.c.priority.desc(), job.c.id)
        .limit(MOST)
    )
    without = list(connection.scalars(_WITHOUT, {"ids": list(connection.scalars(best))}))
    if without:
        defer(connection, without, now)
    return len(without)
