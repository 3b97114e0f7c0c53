"""Reading jobs and results."""

from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, literal, or_, select, text, union_all

from hounsfield.storage.records import JobFilter, JobRecord, ObjectDelivery, StoredResultSet
from hounsfield.storage.rows import AnyRow, job_record, result_object_record, result_set_record
from hounsfield.storage.states import ResultKind
from hounsfield.storage.subjects import orders
from hounsfield.storage.tables import delivered_object, job, result_object, result_set, series


def _jobs() -> Select[Any]:
    return select(job, series.c.series_uid).join(series, series.c.id == job.c.series_id).order_by(job.c.id)


def job_by_id(connection: Connection, job_id: int) -> JobRecord | None:
    """Return a job."""
    row = connection.execute(_jobs().where(job.c.id == job_id)).one_or_none()
    return None if row is None else job_record(row)


def page_of_jobs(connection: Connection, selection: JobFilter, *, after_id: int, limit: int) -> list[JobRecord]:
    """Return jobs in the order of their ids, one page."""
    query = _jobs().where(job.c.id > after_id).limit(limit)
    if selection.kind is not None:
        query = query.where(job.c.kind == selection.kind)
    if selection.state is not None:
        query = query.where(job.c.state == selection.state)
    if selection.series_uid is not None:
        query = query.where(series.c.series_uid == selection.series_uid)
    return [job_record(row) for row in connection.execute(query)]


def jobs_of_series(connection: Connection, series_id: int) -> list[JobRecord]:
    """Return all jobs of a series, oldest first."""
    return [job_record(row) for row in connection.execute(_jobs().where(job.c.series_id == series_id))]


def result_set_by_id(connection: Connection, result_set_id: int) -> StoredResultSet | None:
    """Return a result set with its objects."""
    row = connection.execute(select(result_set).where(result_set.c.id == result_set_id)).one_or_none()
    return None if row is None else _with_objects(connection, row)


def predecessors(connection: Connection, job_id: int) -> list[StoredResultSet]:
    """Return the result sets that stand before the one an INFER job makes now, newest first.

    Its own count, of a try before it was sent round again. Those of shadow jobs do not, since nobody was sent them,
    unless it is one itself.
    """
    earlier, this = job.alias(), job.alias()
    told = (order & or_(this.c.shadow, ~earlier.c.shadow) for order in orders(earlier.c, this.c))
    before = (select(earlier.c.id).join(this, condition).where(this.c.id == job_id) for condition in told)
    query = (
        select(result_set)
        .where(
            result_set.c.job_id.in_(union_all(select(literal(job_id)), *before)),
            result_set.c.kind != ResultKind.RETRACTION,
        )
        .order_by(result_set.c.id.desc())
    )
    return [_with_objects(connection, row) for row in connection.execute(query).all()]


def _with_objects(connection: Connection, row: AnyRow) -> StoredResultSet:
    query = select(result_object).where(result_object.c.result_set_id == row.id).order_by(result_object.c.id)
    return result_set_record(row, tuple(result_object_record(one) for one in connection.execute(query)))


def sends(result_set_id: int) -> ColumnElement[bool]:
    """Return the condition for rows of ``job`` that send this result set.

    The kinds as text: their index holds only these rows, and an engine takes it only for the words it was made with.
    """
    return and_(job.c.result_set_id == result_set_id, text("job.kind IN ('DELIVER', 'NOTIFY')"))


def delivered_objects(connection: Connection, job_id: int) -> list[ObjectDelivery]:
    """Return how each object that was sent fared last."""
    query = (
        select(delivered_object)
        .where(delivered_object.c.job_id == job_id)
        .order_by(delivered_object.c.at, delivered_object.c.sop_instance_uid)
    )
    return [
        ObjectDelivery(sop_instance_uid=row.sop_instance_uid, status=row.status, at=row.at, proven_at=row.proven_at)
        for row in connection.execute(query)
    ]


def result_sets_of_job(connection: Connection, job_id: int) -> list[StoredResultSet]:
    """Return every result set of an INFER job, oldest first."""
    query = select(result_set).where(result_set.c.job_id == job_id).order_by(result_set.c.id)
    return [_with_objects(connection, row) for row in connection.execute(query).all()]


def deliveries_of(connection: Connection, result_set_id: int) -> list[JobRecord]:
    """Return the DELIVER and NOTIFY jobs of a result set, oldest first."""
    query = _jobs().where(sends(result_set_id))
    return [job_record(row) for row in connection.execute(query)]


def is_own_result(connection: Connection, sop_instance_uid: str) -> bool:
    """Whether we made this SOP instance."""
    query = select(result_object.c.id).where(result_object.c.sop_instance_uid == sop_instance_uid).limit(1)
    return connection.execute(query).first() is not None
