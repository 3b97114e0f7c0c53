"""The commitment store on SQL."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from hounsfield.storage.commitments import KEPT, AnswerTaken, Commitment, CommitmentAnswer
from hounsfield.storage.rows import AnyRow
from hounsfield.storage.states import JobKind, JobState, Reason
from hounsfield.storage.tables import commitment, commitment_item, job
from hounsfield.storage.transactions import Transactions


class SqlCommitmentStore:
    """See :class:`~hounsfield.storage.commitments.CommitmentStore`. Every method may raise DatabaseUnavailable."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    def open(self, transaction_uid: str, job_id: int, sop_instance_uids: Sequence[str], now: datetime) -> None:
        """Keep a transaction that is about to be requested."""
        row = {"transaction_uid": transaction_uid, "job_id": job_id, "requested_at": now}
        items = [
            {"transaction_uid": transaction_uid, "sop_instance_uid": uid} for uid in dict.fromkeys(sop_instance_uids)
        ]
        with self._transactions.write() as connection:
            connection.execute(insert(commitment).values(row))
            connection.execute(insert(commitment_item), items)

    def close(self, transaction_uids: Sequence[str], now: datetime) -> None:
        """No longer wait for these."""
        unclosed = commitment.c.transaction_uid.in_(transaction_uids) & commitment.c.closed_at.is_(None)
        with self._transactions.write() as connection:
            connection.execute(update(commitment).where(unclosed).values(closed_at=now))

    def answer(self, answer: CommitmentAnswer, now: datetime) -> AnswerTaken:
        """Keep what the destination says, and make the job due that waits for it."""
        with self._transactions.write() as connection:
            row = connection.execute(
                select(commitment).where(commitment.c.transaction_uid == answer.transaction_uid).with_for_update()
            ).one_or_none()
            if row is None:
                return AnswerTaken.UNKNOWN
            known = _items(connection, answer.transaction_uid)
            said = dict.fromkeys(answer.kept, KEPT) | dict(answer.failed)
            said = {uid: failure for uid, failure in said.items() if uid in known}
            if not said:
                return AnswerTaken.UNKNOWN
            news = {uid: failure for uid, failure in said.items() if known[uid] != failure}
            if not news:
                return AnswerTaken.REPEATED
            _record(connection, row, news, now)
            return AnswerTaken.RECORDED

    def of_job(self, job_id: int) -> list[Commitment]:
        """Return the transactions of a DELIVER job, oldest first."""
        query = (
            select(commitment)
            .where(commitment.c.job_id == job_id)
            .order_by(commitment.c.requested_at, commitment.c.transaction_uid)
        )
        with self._transactions.read() as connection:
            rows = connection.execute(query).all()
            return [
                Commitment(
                    transaction_uid=row.transaction_uid,
                    job_id=row.job_id,
                    requested_at=row.requested_at,
                    answered_at=row.answered_at,
                    closed_at=row.closed_at,
                    items=_items(connection, row.transaction_uid),
                )
                for row in rows
            ]


def _items(connection: Connection, transaction_uid: str) -> dict[str, int | None]:
    query = (
        select(commitment_item)
        .where(commitment_item.c.transaction_uid == transaction_uid)
        .order_by(commitment_item.c.sop_instance_uid)
    )
    return {row.sop_instance_uid: row.failure for row in connection.execute(query)}


def _record(connection: Connection, row: AnyRow, news: dict[str, int], now: datetime) -> None:
    for uid, failure in news.items():
        item = (commitment_item.c.transaction_uid == row.transaction_uid) & (commitment_item.c.sop_instance_uid == uid)
        connection.execute(update(commitment_item).where(item).values(failure=failure))
    this = commitment.c.transaction_uid == row.transaction_uid
    connection.execute(update(commitment).where(this).values(answered_at=now))
    waiting = (
        (job.c.id == row.job_id)
        & (job.c.kind == JobKind.DELIVER)
        & (job.c.state == JobState.RETRYABLE)
        & (job.c.reason == Reason.AWAITING_PROOF)
        & (job.c.available_at > now)
    )
    connection.execute(update(job).where(waiting).values(available_at=now))
