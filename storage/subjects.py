"""Which analyses follow each other: INFER jobs of one subject and bundle, in the order of their ids.

A report on less must not be made after, and without a word of, the report on more. So a job waits for those before it,
its report names theirs, and none is sent round again that a later one has overtaken.
"""

from collections.abc import Iterable
from hashlib import sha256
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, exists, or_, select

from hounsfield.storage.locks import LockKey, hold_until_commit
from hounsfield.storage.records import InferRequest
from hounsfield.storage.states import JobKind, JobState
from hounsfield.storage.tables import job, result_set


def subject_of(request: InferRequest, series_uid: str) -> str:
    """Return the hex SHA-256 of what the results are about."""
    return request.subject or sha256(series_uid.encode()).hexdigest()


def lock_subjects(connection: Connection, subjects: Iterable[str]) -> None:
    """Let nobody else insert or bring back jobs of these subjects until commit (SQLite: the whole database is locked).

    So ids become visible in their order. Taken after the lock on a series and before those on jobs.
    """
    for half in sorted({int(subject[:8] or "0", 16) - 2**31 for subject in subjects}):
        hold_until_commit(connection, LockKey.SUBJECTS, half)


def orders(earlier: Any, later: Any) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """Return the two conditions, for two INFER jobs given as columns, by which one comes before the other.

    One by their subject, one by their series: revisions of one series follow each other whatever their subjects are,
    for these change with the rules. Ask for each by itself: for the two in one "or" SQLite reads all jobs of a kind.
    """
    both = and_(
        earlier.kind == JobKind.INFER,
        later.kind == JobKind.INFER,
        earlier.bundle == later.bundle,
        earlier.id < later.id,
    )
    same_part = or_(earlier.part == later.part, earlier.part == "", later.part == "")
    return (
        and_(both, earlier.subject == later.subject),
        and_(both, earlier.series_id == later.series_id, same_part),
    )


def waits_for_another() -> ColumnElement[bool]:
    """Return the condition for rows of ``job`` that one before them has not ended."""
    earlier = job.alias()
    unfinished = earlier.c.state.in_((JobState.AVAILABLE, JobState.RETRYABLE, JobState.RUNNING))
    return or_(*(exists().where(order, unfinished) for order in orders(earlier.c, job.c)))


def is_overtaken(connection: Connection, job_id: int) -> bool:
    """Whether a later job is on its way or has left results; one that was cancelled before has overtaken nothing."""
    this, later = job.alias(), job.alias()
    has_result = exists().where(result_set.c.job_id == later.c.id)
    counts = or_(later.c.state != JobState.CANCELLED, has_result)
    is_before = or_(*(exists().where(order, counts) for order in orders(this.c, later.c)))
    return connection.execute(select(this.c.id).where(this.c.id == job_id, is_before)).first() is not None
