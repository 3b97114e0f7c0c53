"""The lists of the log book on SQL: jobs, series and events, page by page."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, select

from hounsfield.storage.events import last_event_id
from hounsfield.storage.log_book import EventQuery, JobQuery
from hounsfield.storage.narrowing import hidden, id_range, narrowed
from hounsfield.storage.records import EventRecord, JobRecord, SeriesRecord
from hounsfield.storage.rows import event_record, job_record, series_record
from hounsfield.storage.states import JobKind, Reason, SeriesState
from hounsfield.storage.tables import event, job, series

JOB_WAYS = (
    ("series_id",),
    ("reason",),
    ("destination", "state"),
    ("destination",),
    ("scanner", "state"),
    ("scanner", "outcome"),
    ("scanner", "bundle"),
    ("scanner",),
    ("outcome",),
    ("bundle",),
    ("state",),
    ("kind",),
)
SERIES_WAYS = (("state",), ("reason",))
EVENT_WAYS = (("job_id",), ("series_id",), ("to_state",), ("stage",))
LOOKED_BACK = 100_000
"""So many of the newest events are looked through for a kind, scanner or bundle where no time is named."""
_OF_A_JOB = ("kind", "state", "outcome", "reason", "scanner", "bundle", "destination", "series_id")


def newest_jobs(connection: Connection, query: JobQuery, before_id: int | None, limit: int) -> list[JobRecord]:
    """Return jobs, the newest first."""
    if _contradicts_itself(query):
        return []
    bounds = id_range(connection, job.c.created_at, query.since, query.until)
    if before_id is not None:
        bounds.append(job.c.id < before_id)
    wanted = {name: value for name in _OF_A_JOB if (value := getattr(query, name)) is not None}
    found = (
        select(job, series.c.series_uid)
        .join(series, series.c.id == job.c.series_id)
        .where(*narrowed(connection, job, wanted, JOB_WAYS, bounds), *bounds)
        .order_by(job.c.id.desc())
        .limit(limit)
    )
    return [job_record(row) for row in connection.execute(found)]


def _contradicts_itself(query: JobQuery) -> bool:
    """Whether no job can be all of it: an outcome is that of an analysis, a destination that of a delivery.

    Both are common, so that no index would tell before every job was looked at.
    """
    analyses = query.kind is JobKind.INFER or query.outcome is not None
    delivers = query.kind in (JobKind.DELIVER, JobKind.NOTIFY) or query.destination is not None
    return analyses and delivers


def newest_series(
    connection: Connection, state: SeriesState | None, before_id: int | None, limit: int, reason: Reason | None = None
) -> list[SeriesRecord]:
    """Return series, the newest first."""
    bounds = [] if before_id is None else [series.c.id < before_id]
    wanted = {name: value for name, value in (("state", state), ("reason", reason)) if value is not None}
    fitting = narrowed(connection, series, wanted, SERIES_WAYS, bounds)
    found = select(series).where(*fitting, *bounds).order_by(series.c.id.desc()).limit(limit)
    return [series_record(row) for row in connection.execute(found)]


def series_by_handle(connection: Connection, handle: str) -> SeriesRecord | None:
    """Return the series with a keyed hash of its UID."""
    row = connection.execute(select(series).where(series.c.handle == handle).limit(1)).one_or_none()
    return None if row is None else series_record(row)


def series_by_accession(connection: Connection, accession: str, limit: int) -> list[SeriesRecord]:
    """Return the series with a keyed hash of their accession number, the newest first."""
    found = select(series).where(series.c.accession == accession).order_by(series.c.id.desc()).limit(limit)
    return [series_record(row) for row in connection.execute(found)]


def series_without_handle(connection: Connection, limit: int) -> list[SeriesRecord]:
    """Return series that have no handle yet, the oldest first."""
    found = select(series).where(series.c.handle.is_(None)).order_by(series.c.id).limit(limit)
    return [series_record(row) for row in connection.execute(found)]


def events_after(connection: Connection, query: EventQuery, after_id: int, limit: int) -> list[EventRecord]:
    """Return events in the order of their ids."""
    bounds = [event.c.id > after_id, *id_range(connection, event.c.at, query.since, None)]
    found = _events(connection, query, bounds, newest_first=False)
    if found is None:
        return []
    return [event_record(row) for row in connection.execute(found.order_by(event.c.id).limit(limit))]


def last_events(connection: Connection, query: EventQuery, limit: int) -> list[EventRecord]:
    """Return the newest events, in the order of their ids."""
    bounds = id_range(connection, event.c.at, query.since, None)
    found = _events(connection, query, bounds, newest_first=True)
    if found is None:
        return []
    rows = connection.execute(found.order_by(event.c.id.desc()).limit(limit)).all()
    return [event_record(row) for row in reversed(rows)]


def _events(
    connection: Connection, query: EventQuery, bounds: Sequence[ColumnElement[bool]], *, newest_first: bool
) -> Select[Any] | None:
    """None where nothing can fit."""
    wanted: dict[str, object] = {"job_id": query.job_id, "to_state": query.state, "stage": query.stage}
    if query.series_uid is not None:
        wanted["series_id"] = connection.execute(
            select(series.c.id).where(series.c.series_uid == query.series_uid)
        ).scalar_one_or_none()
        if wanted["series_id"] is None:
            return None
    wanted = {name: value for name, value in wanted.items() if value is not None}
    conditions = [*narrowed(connection, event, wanted, EVENT_WAYS, bounds, newest_first=newest_first), *bounds]
    # Nothing holds these in the order of the log.
    told = (event.c.kind, query.kind), (series.c.scanner, query.scanner), (job.c.bundle, query.bundle)
    beyond = [hidden(column) == value for column, value in told if value is not None]
    of_one = query.since or query.job_id or query.series_uid
    if newest_first and beyond and not of_one:
        conditions.append(event.c.id > last_event_id(connection) - LOOKED_BACK)
    found = select(event, series.c.series_uid).outerjoin(series, series.c.id == event.c.series_id)
    if query.bundle is not None:
        found = found.outerjoin(job, job.c.id == event.c.job_id)
    return found.where(*conditions, *beyond)
