"""The feedback store on SQL."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, case, func, select

from hounsfield.storage.feedback import Feedback, FeedbackRecord, Mention, Opinion, Tally
from hounsfield.storage.rows import AnyRow
from hounsfield.storage.statements import chunks, insert_unless_there
from hounsfield.storage.states import InstanceRole, JobKind, Outcome, ResultKind
from hounsfield.storage.tables import feedback, instance, job, result_object, result_set, snapshot
from hounsfield.storage.transactions import Transactions


class SqlFeedbackStore:
    """See :class:`~hounsfield.storage.feedback.FeedbackStore`. Every method may raise DatabaseUnavailable."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    def are_ours(self, sop_instance_uids: Sequence[str]) -> set[str]:
        """Return those that we made."""
        uid = result_object.c.sop_instance_uid
        with self._transactions.read() as connection:
            return {
                str(row[0])
                for some in chunks(sorted(set(sop_instance_uids)))
                for row in connection.execute(select(uid).where(uid.in_(some)))
            }

    def mentioned(self, sop_instance_uids: Sequence[str]) -> list[Mention]:
        """Return the results whose objects these are."""
        with self._transactions.read() as connection:
            first: dict[int, AnyRow] = {}
            for some in chunks(sorted(set(sop_instance_uids))):
                for row in connection.execute(_objects().where(result_object.c.sop_instance_uid.in_(some))):
                    known = first.setdefault(row.result_set_id, row)
                    if row.id < known.id:
                        first[row.result_set_id] = row
        return [_mention(row) for _, row in sorted(first.items())]

    def about_images(self, sop_instance_uids: Sequence[str], before: datetime) -> list[Mention]:
        """Return the results on these source images."""
        with self._transactions.read() as connection:
            rows: dict[tuple[int, str, int], dict[int, AnyRow]] = {}
            for some in chunks(sorted(set(sop_instance_uids))):
                for row in connection.execute(_analyses(some, before)):
                    rows.setdefault((row.series_id, row.bundle, row.revision), {})[row.id] = row
            latest = {(series, bundle): found for (series, bundle, _), found in sorted(rows.items())}
            chosen = [max(found) for found in latest.values() if len({row.part for row in found.values()}) == 1]
            mentions = [_first_object(connection, job_id) for job_id in sorted(chosen)]
        return [one for one in mentions if one is not None]

    def add(self, feedback: Sequence[Feedback]) -> int:
        """Keep what is new."""
        if not feedback:
            return 0
        with self._transactions.write() as connection:
            return sum(_add(connection, one) for one in feedback)

    def page(self, *, after_id: int = 0, limit: int = 1000, since: datetime | None = None) -> list[FeedbackRecord]:
        """Return feedback in the order of its ids, one page."""
        query = select(feedback).where(feedback.c.id > after_id).order_by(feedback.c.id).limit(limit)
        if since is not None:
            query = query.where(feedback.c.received_at >= since)
        with self._transactions.read() as connection:
            return [_record(row) for row in connection.execute(query)]

    def of_job(self, job_id: int) -> list[FeedbackRecord]:
        """Return what was said about the results of an INFER job."""
        query = select(feedback).where(feedback.c.job_id == job_id).order_by(feedback.c.id)
        with self._transactions.read() as connection:
            return [_record(row) for row in connection.execute(query)]

    def tally(self, since: datetime | None = None) -> list[Tally]:
        """Count results and opinions by bundle, version and outcome."""
        with self._transactions.read() as connection:
            return [
                Tally(
                    bundle=row.bundle,
                    version=row.bundle_version,
                    outcome=Outcome(row.outcome),
                    results=row.results,
                    agreed=row.agreed,
                    disagreed=row.disagreed,
                )
                for row in connection.execute(_tally(since))
            ]


def _objects() -> Select[Any]:
    columns = (result_object.c.id, result_object.c.result_set_id, result_object.c.sop_instance_uid, result_set.c.job_id)
    return (
        select(*columns)
        .join(result_set, result_set.c.id == result_object.c.result_set_id)
        .where(result_set.c.kind != ResultKind.RETRACTION)
        .order_by(result_object.c.id)
    )


def _mention(row: AnyRow) -> Mention:
    return Mention(about_uid=row.sop_instance_uid, job_id=row.job_id)


def _analyses(uids: Sequence[str], before: datetime) -> Select[Any]:
    return (
        select(job.c.id, job.c.series_id, job.c.bundle, job.c.revision, job.c.part)
        .distinct()
        .select_from(instance)
        .join(snapshot, snapshot.c.instance_id == instance.c.id)
        .join(job, (job.c.series_id == snapshot.c.series_id) & (job.c.revision == snapshot.c.revision))
        .join(result_set, result_set.c.id == job.c.result_set_id)
        .where(
            instance.c.sop_instance_uid.in_(uids),
            instance.c.role == InstanceRole.SOURCE,
            job.c.kind == JobKind.INFER,
            ~job.c.shadow,
            result_set.c.created_at <= before,
        )
    )


def _first_object(connection: Connection, job_id: int) -> Mention | None:
    row = connection.execute(_objects().where(result_set.c.job_id == job_id).limit(1)).one_or_none()
    return None if row is None else _mention(row)


def _add(connection: Connection, one: Feedback) -> bool:
    return insert_unless_there(connection, feedback, asdict(one))


def _tally(since: datetime | None) -> Select[Any]:
    newest_first = func.row_number().over(
        partition_by=feedback.c.job_id, order_by=(feedback.c.received_at.desc(), feedback.c.id.desc())
    )
    ranked = select(feedback.c.job_id, feedback.c.opinion, newest_first.label("place")).subquery()
    said = select(ranked.c.job_id, ranked.c.opinion).where(ranked.c.place == 1).subquery()
    what = (job.c.bundle, job.c.bundle_version, result_set.c.outcome)
    query = (
        select(
            *what,
            func.count().label("results"),
            *(
                func.sum(case((said.c.opinion == opinion, 1), else_=0)).label(name)
                for opinion, name in ((Opinion.AGREE, "agreed"), (Opinion.DISAGREE, "disagreed"))
            ),
        )
        .select_from(job)
        .join(result_set, result_set.c.id == job.c.result_set_id)
        .outerjoin(said, said.c.job_id == job.c.id)
        .where(job.c.kind == JobKind.INFER, ~job.c.shadow)
        .group_by(*what)
        .order_by(*what)
    )
    return query if since is None else query.where(result_set.c.created_at >= since)


def _record(row: AnyRow) -> FeedbackRecord:
    return FeedbackRecord(
        id=row.id,
        sop_instance_uid=row.sop_instance_uid,
        about_uid=row.about_uid,
        job_id=row.job_id,
        opinion=Opinion(row.opinion),
        title=row.title,
        calling_ae=row.calling_ae,
        received_at=row.received_at,
    )
