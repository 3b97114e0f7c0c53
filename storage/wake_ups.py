"""Wake-ups for jobs, in the tables of Procrastinate beside ours on PostgreSQL.

The job's row is the only truth. A wake-up tells some process that it is worth looking, holds the job's id and nothing
else, and is written in the transaction that makes the job due: after a rollback there is neither. A lost one costs
time only: :mod:`hounsfield.storage.wake_up_store` finds due jobs that have none.

What is called is the function that the queue's own library calls (Procrastinate 3.10, ``sql/queries.sql``). No
``queueing_lock``: a second wake-up for a job would end our transaction, and two do no harm.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, text

from hounsfield.storage.states import JobKind

OPTION = "hounsfield_wake_ups"
"""Execution option of an engine whose transactions write wake-ups."""
TASK = "hounsfield.wake_up"
QUEUES = {JobKind.INFER: "infer", JobKind.DELIVER: "deliver", JobKind.NOTIFY: "notify"}
"""The queue of a job: its kind in small letters."""

# Without a time where the job is due already: the clocks of two machines are never quite the same, and what the
# server takes for the future is told to nobody when it comes.
_DEFER = text(
    """
    SELECT procrastinate_defer_jobs_v1(array_agg(
        ROW(lower(kind), CAST(:task AS varchar), priority, NULL, NULL, jsonb_build_object('job_id', id),
            CASE WHEN available_at > :now THEN available_at END)::procrastinate_job_to_defer_v1
        ORDER BY priority DESC, id))
    FROM job WHERE id = ANY(:ids) HAVING count(*) > 0
    """
)


def write_wake_ups(connection: Connection, job_ids: Sequence[int], now: datetime) -> None:
    """As :func:`defer`, where the engine of this connection is told to."""
    if connection.get_execution_options().get(OPTION, False):
        defer(connection, job_ids, now)


def defer(connection: Connection, job_ids: Sequence[int], now: datetime) -> None:
    """Write a wake-up for each of these jobs, for the time when it may start."""
    connection.execute(_DEFER, {"task": TASK, "ids": list(job_ids), "now": now})
