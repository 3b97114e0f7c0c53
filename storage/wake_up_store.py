"""Finds due jobs that no wake-up tells of: lost with a process, or never written."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, select, text

from hounsfield.storage import job_claims
from hounsfield.storage.tables import job
from hounsfield.storage.transactions import Transactions
from hounsfield.storage.turns import Queue
from hounsfield.storage.wake_ups import defer

MOST = 16
"""How many of the best due jobs of a queue are looked at. Whoever is woken works on until nothing is due: more
wake-ups would tell what is known."""

_WITHOUT = text(
    """
    SELECT due.job FROM unnest(CAST(:ids AS bigint[])) AS due (job)
    WHERE NOT EXISTS (
        SELECT 1 FROM procrastinate_jobs AS wake_up
        WHERE wake_up.status = 'todo' AND wake_up.args ->> 'job_id' = due.job::text
        AND (wake_up.scheduled_at IS NULL OR wake_up.scheduled_at <= now()))
    """
)


class SqlWakeUps:
    """Every method may raise DatabaseUnavailable."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    def add_missing(self, queues: Sequence[Queue], now: datetime) -> int:
        """Write the wake-ups that the best due jobs of each queue lack; return how many."""
        with self._transactions.write() as connection:
            return sum(_add_missing(connection, queue, now) for queue in queues)


def _add_missing(connection: Connection, queue: Queue, now: datetime) -> int:
    best = (
        select(job.c.id)
        .where(queue.holds, job_claims.due(queue.kind, now))
        .order_by(job.c.priority.desc(), job.c.id)
        .limit(MOST)
    )
    without = list(connection.scalars(_WITHOUT, {"ids": list(connection.scalars(best))}))
    if without:
        defer(connection, without, now)
    return len(without)
