"""Removing what has had its time, on SQL."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, delete, exists, func, or_, select, update

from hounsfield.storage.events import append_events
from hounsfield.storage.purging import Holding, JobStanding, MayGo, Rows, SeriesStanding
from hounsfield.storage.registration import lock_series
from hounsfield.storage.rows import AnyRow, reason_or_none
from hounsfield.storage.series_changes import change, update_series
from hounsfield.storage.statements import chunks
from hounsfield.storage.states import JobKind, JobState, Proof, SeriesState
from hounsfield.storage.tables import (
    analysis_fact,
    commitment,
    commitment_item,
    delivered_object,
    event,
    feedback,
    instance,
    job,
    result_object,
    result_set,
    series,
)
from hounsfield.storage.transactions import Transactions

_DECIDED = (SeriesState.CLOSED, SeriesState.SKIPPED)
_IMAGES_HERE = and_(instance.c.series_id == series.c.id, instance.c.removed_at.is_(None))


class SqlPurgeStore:
    """See :class:`~hounsfield.storage.purging.PurgeStore`."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    def candidates(self, holding: Holding, before: datetime, *, after_id: int = 0, limit: int = 100) -> list[int]:
        """Return ids of series that are worth a look."""
        query = _CANDIDATES[holding](before).where(series.c.id > after_id, series.c.touched_at < before)
        query = query.where(series.c.state.in_(_DECIDED)).order_by(series.c.id).limit(limit)
        with self._transactions.read() as connection:
            return list(connection.scalars(query))

    def standing(self, series_id: int) -> SeriesStanding | None:
        """Return where a series stands."""
        with self._transactions.read() as connection:
            row = connection.execute(select(series).where(series.c.id == series_id)).one_or_none()
            return None if row is None else _standing(connection, row)

    def remove_images(self, series_id: int, may_go: MayGo, now: datetime) -> tuple[str, ...] | None:
        """Mark images removed and return their digests."""
        with self._transactions.write() as connection:
            row = _locked_if(connection, series_id, may_go)
            if row is None:
                return None
            here = and_(instance.c.series_id == row.id, instance.c.removed_at.is_(None))
            gone = update(instance).where(here).values(removed_at=now).returning(instance.c.digest)
            digests = connection.scalars(gone).all()
            update_series(connection, row, images_removed_at=now)
            _tell(connection, row, now, {"removed": len(digests)}, bool(digests))
            return tuple(sorted(digests))

    def remove_results(self, series_id: int, may_go: MayGo, now: datetime) -> tuple[str, ...] | None:
        """Mark result sets removed and return the SOP Instance UIDs of their objects."""
        with self._transactions.write() as connection:
            row = _locked_if(connection, series_id, may_go)
            if row is None:
                return None
            here = and_(result_set.c.series_id == row.id, result_set.c.removed_at.is_(None))
            ids = connection.scalars(update(result_set).where(here).values(removed_at=now).returning(result_set.c.id))
            query = select(result_object.c.sop_instance_uid).where(result_object.c.result_set_id.in_(ids.all()))
            uids = sorted(connection.scalars(query))
            _tell(connection, row, now, {"removed_results": len(uids)}, bool(uids))
            return tuple(uids)

    def remove_jobs(self, series_id: int, may_go: MayGo) -> Rows | None:
        """Delete the rows of the job log."""
        with self._transactions.write() as connection:
            row = _locked_if(connection, series_id, may_go)
            if row is None or _has_files(connection, row.id):
                return None
            return _delete_rows(connection, row.id)

    def result_uids(self, series_id: int) -> list[str]:
        """Return the SOP Instance UIDs of all result objects of a series."""
        query = (
            select(result_object.c.sop_instance_uid)
            .join(result_set, result_set.c.id == result_object.c.result_set_id)
            .where(result_set.c.series_id == series_id)
        )
        with self._transactions.read() as connection:
            return list(connection.scalars(query))

    def removed_results(self, uids: Sequence[str]) -> set[str]:
        """Return those that are marked removed."""
        uid = result_object.c.sop_instance_uid
        query = (
            select(uid)
            .join(result_set, result_set.c.id == result_object.c.result_set_id)
            .group_by(uid)
            .having(func.count() == func.count(result_set.c.removed_at))  # in every set that holds it
        )
        found: set[str] = set()
        with self._transactions.read() as connection:
            for chunk in chunks(uids):
                found.update(connection.scalars(query.where(uid.in_(chunk))))
        return found


def _with_images(_before: datetime) -> Select[Any]:
    return select(series.c.id).where(series.c.images_removed_at.is_(None), exists().where(_IMAGES_HERE))


def _with_results(before: datetime) -> Select[Any]:
    kept = and_(result_set.c.removed_at.is_(None), result_set.c.created_at < before)
    return select(series.c.id).where(series.c.id.in_(select(result_set.c.series_id).where(kept)))


def _with_jobs(before: datetime) -> Select[Any]:
    return select(series.c.id).where(series.c.id.in_(select(event.c.series_id).where(event.c.at < before)))


_CANDIDATES = {Holding.IMAGES: _with_images, Holding.RESULTS: _with_results, Holding.JOBS: _with_jobs}


def _locked_if(connection: Connection, series_id: int, may_go: MayGo) -> AnyRow | None:
    """Return the locked row of a series if the caller says so with its standing before their eyes."""
    row = lock_series(connection, series_id)
    return row if row is not None and may_go(_standing(connection, row)) else None


def _standing(connection: Connection, row: AnyRow) -> SeriesStanding:
    here = and_(instance.c.series_id == row.id, instance.c.removed_at.is_(None))
    images = connection.execute(select(func.count(), func.sum(instance.c.size)).where(here)).one()
    kept = and_(result_set.c.series_id == row.id, result_set.c.removed_at.is_(None))
    objects = (
        select(func.count(), func.sum(result_object.c.size))
        .join(result_set, result_set.c.id == result_object.c.result_set_id)
        .where(kept)
    )
    results = connection.execute(objects).one()
    jobs = connection.execute(select(job).where(job.c.series_id == row.id).order_by(job.c.id)).all()
    return SeriesStanding(
        series_id=row.id,
        state=SeriesState(row.state),
        reason=reason_or_none(row.reason),
        revision=row.revision,
        jobs=tuple(_job(one) for one in jobs),
        last_at=max(_moments(connection, row, jobs)),
        images=images[0],
        image_bytes=int(images[1] or 0),
        results=results[0],
        result_bytes=int(results[1] or 0),
    )


def _job(row: AnyRow) -> JobStanding:
    return JobStanding(
        id=row.id,
        kind=JobKind(row.kind),
        state=JobState(row.state),
        reason=reason_or_none(row.reason),
        proof=Proof(row.proof),
        destination=row.destination,
        revision=row.revision,
    )


def _moments(connection: Connection, row: AnyRow, jobs: Sequence[AnyRow]) -> list[datetime]:
    """Return when something happened to a series; never empty."""
    made = select(func.max(result_set.c.created_at)).where(result_set.c.series_id == row.id)
    said = select(func.max(feedback.c.received_at)).join(job, job.c.id == feedback.c.job_id)
    found = [row.last_received_at, row.touched_at, row.receiving_since, row.closed_at]
    found += [one.updated_at for one in jobs]
    found += [connection.scalar(made), connection.scalar(said.where(job.c.series_id == row.id))]
    return [moment for moment in found if moment is not None]


def _tell(connection: Connection, row: AnyRow, now: datetime, detail: dict[str, object], something: bool) -> None:
    """Write the event; none where there was nothing."""
    if something:
        append_events(connection, [change(row, SeriesState(row.state), now, None, detail)])


def _has_files(connection: Connection, series_id: int) -> bool:
    images = exists().where(instance.c.series_id == series_id, instance.c.removed_at.is_(None))
    results = exists().where(result_set.c.series_id == series_id, result_set.c.removed_at.is_(None))
    return bool(connection.execute(select(or_(images, results))).scalar())


def _delete_rows(connection: Connection, series_id: int) -> Rows:
    """Delete everything that hangs on the jobs of a series, in the order of the foreign keys."""
    jobs = select(job.c.id).where(job.c.series_id == series_id)
    sets = select(result_set.c.id).where(result_set.c.series_id == series_id)
    transactions = select(commitment.c.transaction_uid).where(commitment.c.job_id.in_(jobs))
    connection.execute(delete(commitment_item).where(commitment_item.c.transaction_uid.in_(transactions)))
    for table in (commitment, delivered_object, feedback, analysis_fact):
        connection.execute(delete(table).where(table.c.job_id.in_(jobs)))
    connection.execute(delete(result_object).where(result_object.c.result_set_id.in_(sets)))
    of_series: ColumnElement[bool] = event.c.series_id == series_id
    events = connection.execute(delete(event).where(of_series | event.c.job_id.in_(jobs))).rowcount
    connection.execute(delete(result_set).where(result_set.c.series_id == series_id))
    return Rows(jobs=connection.execute(delete(job).where(job.c.series_id == series_id)).rowcount, events=events)
