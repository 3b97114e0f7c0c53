"""The series store on SQL: each method of the port as one transaction."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, exists, func, select, update
from sqlalchemy.exc import DataError, IntegrityError

from hounsfield.storage import forgetting, passed_over, registration, series_changes, tables
from hounsfield.storage.errors import StorageError
from hounsfield.storage.records import (
    AssociationEnd,
    AssociationRecord,
    Claim,
    InferRequest,
    InstanceReceipt,
    InstanceRecord,
    Registration,
    SeriesRecord,
    Verdict,
)
from hounsfield.storage.rows import association_record, instance_record, series_record, verdict_record
from hounsfield.storage.statements import chunks
from hounsfield.storage.states import AssociationEnding, InstanceRole, Reason, SeriesState
from hounsfield.storage.transactions import Transactions

_AFTER_DIGITS = "g"
"""Sorts behind every hexadecimal digit."""


class SqlSeriesStore:
    """See :class:`~hounsfield.storage.ports.SeriesStore`. Every method may raise DatabaseUnavailable."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    def record(
        self,
        opened: Sequence[AssociationRecord],
        receipts: Sequence[InstanceReceipt],
        ended: Sequence[AssociationEnd],
    ) -> list[Registration]:
        """Add associations, durable instances and endings, all or nothing."""
        with self._transactions.write() as connection:
            try:
                return registration.record(connection, opened, receipts, ended)
            except (IntegrityError, DataError) as error:  # trying again later would not help
                name = type(error).__name__
                raise StorageError(f"a receipt contradicts what is registered, or does not fit ({name})") from None

    def lose_open_associations(self, alive: Collection[str], now: datetime) -> int:
        """Mark associations of dead receivers LOST and touch their series."""
        dead = (tables.association.c.ending == AssociationEnding.OPEN) & tables.association.c.receiver.not_in(
            sorted(alive)
        )
        with self._transactions.write() as connection:
            touched = (
                select(tables.instance.c.series_id)
                .join(tables.association, tables.association.c.id == tables.instance.c.association_id)
                .where(dead)
                .distinct()
            )
            ids = sorted(connection.scalars(touched).all())
            for series_id in ids:  # one by one and in order, so that two who do this at once do not block each other
                moved = {"touched_at": now, "version": tables.series.c.version + 1}
                connection.execute(update(tables.series).where(tables.series.c.id == series_id).values(**moved))
            lost = update(tables.association).where(dead).values(ending=AssociationEnding.LOST, ended_at=now)
            return connection.execute(lost).rowcount

    def registered_digests(self, digests: Sequence[str]) -> set[str]:
        """Return those of ``digests`` that have a row, and whose file was not removed."""
        found: set[str] = set()
        here = select(tables.instance.c.digest).where(tables.instance.c.removed_at.is_(None))
        with self._transactions.read() as connection:
            for chunk in chunks(digests):
                found.update(connection.scalars(here.where(tables.instance.c.digest.in_(chunk))))
        return found

    def digests(self, first: str) -> set[str]:
        """Return the digests with a row and a file that begin with these digits."""
        digest = tables.instance.c.digest
        here = select(digest).where(tables.instance.c.removed_at.is_(None))
        with self._transactions.read() as connection:
            return set(connection.scalars(here.where(digest >= first, digest < first + _AFTER_DIGITS)))

    def receiving(self) -> list[SeriesRecord]:
        """Return the RECEIVING series in the order of their ids."""
        receiving = tables.series.c.state == SeriesState.RECEIVING
        query = select(tables.series).where(receiving).order_by(tables.series.c.id)
        with self._transactions.read() as connection:
            return [series_record(row) for row in connection.execute(query)]

    def get(self, series_id: int) -> SeriesRecord | None:
        """Return a series by its row id."""
        return self._one(select(tables.series).where(tables.series.c.id == series_id))

    def find(self, series_uid: str) -> SeriesRecord | None:
        """Return a series by its Series Instance UID."""
        return self._one(select(tables.series).where(tables.series.c.series_uid == series_uid))

    def _one(self, query: Select[Any]) -> SeriesRecord | None:
        with self._transactions.read() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else series_record(row)

    def page(
        self,
        *,
        after_id: int = 0,
        limit: int = 1000,
        state: SeriesState | None = None,
        reason: Reason | None = None,
        study_uid: str | None = None,
    ) -> list[SeriesRecord]:
        """Return the series that were asked for in the order of their ids, one page."""
        columns = tables.series.c
        wanted = {columns.state: state, columns.reason: reason, columns.study_uid: study_uid}
        conditions = [column == value for column, value in wanted.items() if value is not None]
        query = select(tables.series).where(columns.id > after_id, *conditions).order_by(columns.id).limit(limit)
        with self._transactions.read() as connection:
            return [series_record(row) for row in connection.execute(query)]

    def instances(self, series_id: int, revision: int | None = None) -> list[InstanceRecord]:
        """Return all copies, or the primary instances of one frozen revision's snapshot."""
        query = (
            select(tables.instance, tables.series.c.series_uid)
            .join(tables.series, tables.series.c.id == tables.instance.c.series_id)
            .where(tables.instance.c.series_id == series_id)
            .order_by(tables.instance.c.id)
        )
        if revision is not None:
            query = query.join(tables.snapshot, tables.snapshot.c.instance_id == tables.instance.c.id).where(
                tables.snapshot.c.series_id == series_id,
                tables.snapshot.c.revision == revision,
                tables.instance.c.is_primary,
            )
        with self._transactions.read() as connection:
            return [instance_record(row) for row in connection.execute(query)]

    def verdict(self, series_id: int, revision: int) -> Verdict | None:
        """Return the completeness verdict a revision was closed with."""
        query = select(tables.revision).where(
            tables.revision.c.series_id == series_id, tables.revision.c.revision == revision
        )
        with self._transactions.read() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else verdict_record(row._asdict())

    def associations(self, series_id: int) -> list[AssociationRecord]:
        """Return the associations that brought instances of this series, in the order they opened."""
        brought = select(tables.instance.c.association_id).where(tables.instance.c.series_id == series_id)
        query = (
            select(tables.association)
            .where(tables.association.c.id.in_(brought))
            .order_by(tables.association.c.opened_at)
        )
        with self._transactions.read() as connection:
            return [association_record(row) for row in connection.execute(query)]

    def close(
        self,
        series: SeriesRecord,
        snapshot: Sequence[int],
        verdict: Verdict,
        requests: Sequence[InferRequest],
        now: datetime,
        *,
        variants: Sequence[int] = (),
        rule: str | None = None,
    ) -> bool:
        """Freeze the next revision and insert its INFER jobs."""
        with self._transactions.write() as connection:
            return series_changes.close(
                connection, series, snapshot, verdict, requests, now, variants=variants, rule=rule
            )

    def of_study(self, study_uid: str) -> list[SeriesRecord]:
        """Return the series that were first seen under this Study Instance UID, in the order of their ids."""
        query = select(tables.series).where(tables.series.c.study_uid == study_uid).order_by(tables.series.c.id)
        with self._transactions.read() as connection:
            return [series_record(row) for row in connection.execute(query)]

    def sendings(self, after: datetime, limit: int) -> list[tuple[str, datetime]]:
        """Return calling AE title and time of the associations that opened behind ``after``, the oldest first."""
        opened = tables.association.c.opened_at
        query = select(tables.association.c.calling_ae, opened).where(opened > after).order_by(opened).limit(limit)
        with self._transactions.read() as connection:
            return [(row.calling_ae, row.opened_at) for row in connection.execute(query)]

    def known_elsewhere(self, series_id: int) -> int:
        """Return how many images of this series have a SOP Instance UID that came before in another series."""
        ours, theirs = tables.instance, tables.instance.alias()
        before = exists().where(
            theirs.c.sop_instance_uid == ours.c.sop_instance_uid,
            theirs.c.series_id != ours.c.series_id,
            theirs.c.id < ours.c.id,
            theirs.c.role == InstanceRole.SOURCE,
        )
        query = (
            select(func.count())
            .select_from(ours)
            .where(ours.c.series_id == series_id, ours.c.is_primary, ours.c.role == InstanceRole.SOURCE, before)
        )
        with self._transactions.read() as connection:
            return connection.execute(query).scalar_one()

    def reopen_passed_over(self, now: datetime) -> int:
        """SKIPPED(another-series-analysed) -> RECEIVING where the other one came to nothing."""
        with self._transactions.read() as connection:
            if not passed_over.found(connection):
                return 0
        with self._transactions.write() as connection:
            return passed_over.reopen(connection, now)

    def close_unchanged(self, series: SeriesRecord, variants: Sequence[int], now: datetime) -> bool:
        """Put a reopened series back to CLOSED at the same revision."""
        with self._transactions.write() as connection:
            return series_changes.close_unchanged(connection, series, variants, now)

    def skip(
        self,
        series: SeriesRecord,
        reason: Reason,
        now: datetime,
        *,
        remarks: Sequence[str] = (),
        rule: str | None = None,
    ) -> bool:
        """RECEIVING -> SKIPPED(reason)."""
        with self._transactions.write() as connection:
            return series_changes.skip(connection, series, reason, now, remarks=remarks, rule=rule)

    def hold(
        self,
        series: SeriesRecord,
        reason: Reason,
        now: datetime,
        remarks: Sequence[str] = (),
        *,
        rule: str | None = None,
    ) -> bool:
        """RECEIVING or CLOSED -> HELD(reason)."""
        with self._transactions.write() as connection:
            return series_changes.hold(connection, series, reason, now, remarks, rule=rule)

    def hold_claimed(self, claim: Claim, reason: Reason, now: datetime, remarks: Sequence[str] = ()) -> bool:
        """CLOSED -> HELD(reason), by the worker; its job is CANCELLED."""
        with self._transactions.write() as connection:
            return series_changes.hold_claimed(connection, claim, reason, now, remarks)

    def discard(self, series_id: int, reason: Reason, now: datetime, by: str = "") -> bool:
        """HELD -> SKIPPED(reason), by a person."""
        with self._transactions.write() as connection:
            return series_changes.discard(connection, series_id, reason, now, by)

    def release(self, series_id: int, now: datetime, by: str = "") -> bool:
        """HELD -> RECEIVING, by a person."""
        with self._transactions.write() as connection:
            return series_changes.release(connection, series_id, now, by)

    def replay(self, series_id: int, now: datetime, by: str = "") -> bool:
        """SKIPPED -> RECEIVING, by a person."""
        with self._transactions.write() as connection:
            return series_changes.replay(connection, series_id, now, by)

    def forgettable(self, before: datetime, limit: int = 1000) -> list[SeriesRecord]:
        """Return SKIPPED(no-rule) series whose images may go."""
        query = select(tables.series).where(forgetting.forgettable(before)).order_by(tables.series.c.id).limit(limit)
        with self._transactions.read() as connection:
            return [series_record(row) for row in connection.execute(query)]

    def forget(self, series_id: int, before: datetime, now: datetime) -> tuple[str, ...] | None:
        """Delete the rows of the images of a series that no rule wanted."""
        with self._transactions.write() as connection:
            return forgetting.forget(connection, series_id, before, now)
