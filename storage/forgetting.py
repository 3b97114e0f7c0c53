"""Images of series that no rule wanted are kept for a while, for a rule that is corrected; then they go."""

from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, delete, exists, func, select

from hounsfield.storage.events import append_events
from hounsfield.storage.registration import lock_series
from hounsfield.storage.series_changes import change, update_series
from hounsfield.storage.states import Reason, SeriesState
from hounsfield.storage.tables import instance, series, snapshot


def forgettable(before: datetime) -> ColumnElement[bool]:
    """Return the condition for series whose images may go: never analysed, and no news nor replay since."""
    return and_(
        series.c.state == SeriesState.SKIPPED,
        series.c.reason == Reason.NO_RULE,
        series.c.revision == 0,
        series.c.instances > 0,
        series.c.touched_at < before,
        series.c.receiving_since < before,
    )


def forget(connection: Connection, series_id: int, before: datetime, now: datetime) -> tuple[str, ...] | None:
    """Delete the rows of its images and return their digests; None when it may not, or no longer, be forgotten."""
    row = lock_series(connection, series_id)
    may_go = select(series.c.id).where(series.c.id == series_id, forgettable(before))
    if row is None or connection.execute(may_go).first() is None:
        return None
    in_snapshot = exists().where(snapshot.c.series_id == row.id, snapshot.c.instance_id == instance.c.id)
    unused = and_(instance.c.series_id == row.id, instance.c.revision == 0, ~in_snapshot)
    digests = connection.scalars(delete(instance).where(unused).returning(instance.c.digest)).all()
    left = connection.scalar(select(func.count()).select_from(instance).where(instance.c.series_id == row.id))
    update_series(connection, row, instances=left, variants=0, images_removed_at=None if left else now)
    append_events(connection, [change(row, SeriesState.SKIPPED, now, Reason.NO_RULE, {"removed": len(digests)})])
    return tuple(sorted(digests))
