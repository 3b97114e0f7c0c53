"""Series that were skipped in favour of a better one which then could not be analysed."""

from datetime import datetime

from sqlalchemy import Connection, and_, exists, or_, select

from hounsfield.storage.events import append_events
from hounsfield.storage.registration import lock_series
from hounsfield.storage.series_changes import change, update_series
from hounsfield.storage.states import FAULTS_OF_THE_MODEL, JobKind, Outcome, Reason, SeriesState
from hounsfield.storage.tables import job, series

_MOST = 100


def reopen(connection: Connection, now: datetime) -> int:
    """SKIPPED(another-series-analysed) -> RECEIVING for each of :func:`found`; return how many."""
    return sum(_reopen_one(connection, series_id, now) for series_id in found(connection))


def found(connection: Connection) -> list[int]:
    """Return the ids of skipped series in whose place nothing was analysed.

    Only where nothing is open: no series of the study and rule is still received, and every analysis has ended.
    """
    better = series.alias()
    same = and_(better.c.study_uid == series.c.study_uid, better.c.rule == series.c.rule)
    closed = and_(same, better.c.state == SeriesState.CLOSED)
    analysis = and_(job.c.series_id == better.c.id, job.c.kind == JobKind.INFER, job.c.revision == better.c.revision)
    failed = exists().where(
        closed,
        analysis,
        job.c.outcome == Outcome.NOT_ANALYSED,
        job.c.reason.not_in(FAULTS_OF_THE_MODEL),
        job.c.updated_at > series.c.receiving_since,  # one failure gives one more chance
    )
    unsettled = exists().where(closed, analysis, or_(job.c.outcome.is_(None), job.c.outcome != Outcome.NOT_ANALYSED))
    still_open = exists().where(same, better.c.state == SeriesState.RECEIVING)
    query = (
        select(series.c.id)
        .where(series.c.state == SeriesState.SKIPPED, series.c.reason == Reason.ANOTHER_SERIES)
        .where(failed, ~unsettled, ~still_open)
        .order_by(series.c.id)
        .limit(_MOST)
    )
    return list(connection.scalars(query))


def _reopen_one(connection: Connection, series_id: int, now: datetime) -> bool:
    row = lock_series(connection, series_id)
    if row is None or row.state != SeriesState.SKIPPED or row.reason != Reason.ANOTHER_SERIES:
        return False
    because: dict[str, object] = {"because": "the better series of the study could not be analysed"}
    event = change(row, SeriesState.RECEIVING, now, None, because)
    update_series(connection, row, state=SeriesState.RECEIVING, reason=None, receiving_since=now)
    append_events(connection, [event])
    return True
