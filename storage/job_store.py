"""The job store on SQL: each method of the port as one transaction."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from hounsfield.storage import events, job_changes, job_claims, job_queries, job_results
from hounsfield.storage.analysis_facts import AnalysisFacts
from hounsfield.storage.claim_order import USUAL_ORDER, ClaimOrder
from hounsfield.storage.job_changes import JobChange
from hounsfield.storage.ports import Publish, nothing_to_publish
from hounsfield.storage.records import (
    Claim,
    DeliveryRequest,
    EventRecord,
    JobFilter,
    JobRecord,
    ObjectDelivery,
    ResultObject,
    ResultSet,
    StoredResultSet,
)
from hounsfield.storage.states import JobAction, JobKind, Proof, Reason
from hounsfield.storage.transactions import Transactions
from hounsfield.storage.turns import Queue


class SqlJobStore:
    """See :class:`~hounsfield.storage.ports.JobStore`. Every method may raise DatabaseUnavailable."""

    def __init__(self, transactions: Transactions, order: ClaimOrder = USUAL_ORDER) -> None:
        self._transactions = transactions
        self._order = order

    def claim(
        self,
        kinds: Sequence[JobKind],
        worker: str,
        lease: timedelta,
        now: datetime,
        destinations: Sequence[str] | None = None,
    ) -> Claim | None:
        """Take the due job whose turn it is."""
        return self._claim(job_claims.wanted(kinds, destinations), worker, lease, now)

    def claim_overdue(self, destination: str, worker: str, lease: timedelta, now: datetime) -> Claim | None:
        """Take a due delivery whose time is over."""
        place = job_claims.Wanted(Queue(JobKind.DELIVER, destination), overdue=True)
        return self._claim([place], worker, lease, now)

    def _claim(self, places: Sequence[job_claims.Wanted], worker: str, lease: timedelta, now: datetime) -> Claim | None:
        with self._transactions.read() as connection:
            if not job_claims.is_any_due(connection, places, now):
                return None
        with self._transactions.write() as connection:
            return job_claims.claim(connection, places, self._order, worker, lease, now)

    def heartbeat(self, claim: Claim, until: datetime) -> bool:
        """Extend the lease."""
        with self._transactions.write() as connection:
            return job_claims.heartbeat(connection, claim, until)

    def record_progress(self, claim: Claim, stage: str, seconds: float, now: datetime) -> None:
        """Append an event for a stage that ended inside a RUNNING job."""
        with self._transactions.write() as connection:
            job_changes.record_progress(connection, claim, stage, seconds, now)

    def complete_infer(
        self,
        claim: Claim,
        result: ResultSet,
        deliveries: Sequence[DeliveryRequest],
        now: datetime,
        timings: dict[str, float],
        facts: AnalysisFacts | None = None,
        publish: Publish = nothing_to_publish,
    ) -> bool:
        """RUNNING -> COMPLETED with its result set and DELIVER jobs."""
        change = JobChange(JobAction.COMPLETE, now, result.reason, _summary(result, timings))
        with self._transactions.write() as connection:
            return job_results.end_infer(connection, claim, change, result, deliveries, timings, facts, publish)

    def discard_infer(
        self,
        claim: Claim,
        reason: Reason,
        result: ResultSet,
        deliveries: Sequence[DeliveryRequest],
        now: datetime,
        publish: Publish = nothing_to_publish,
    ) -> bool:
        """RUNNING -> DISCARDED with a not-analysed result set and its DELIVER jobs."""
        change = JobChange(JobAction.DISCARD, now, reason, _summary(result, {}))
        with self._transactions.write() as connection:
            return job_results.end_infer(connection, claim, change, result, deliveries, {}, publish=publish)

    def complete_delivery(
        self,
        claim: Claim,
        objects: Sequence[ObjectDelivery],
        now: datetime,
        timings: dict[str, float],
        proof: Proof,
        reason: Reason | None = None,
    ) -> bool:
        """RUNNING -> COMPLETED with its proof."""
        with self._transactions.write() as connection:
            return job_results.complete_delivery(connection, claim, objects, now, timings, proof, reason)

    def hold_delivery(
        self, claim: Claim, reason: Reason, now: datetime, objects: Sequence[ObjectDelivery] = ()
    ) -> bool:
        """RUNNING -> HELD for a delivery."""
        change = JobChange(JobAction.HOLD, now, reason)
        with self._transactions.write() as connection:
            return job_results.hold_delivery(connection, claim, change, objects)

    def add_variant(self, result_set_id: int, variant: ResultObject) -> None:
        """Keep an object under another SOP class."""
        with self._transactions.write() as connection:
            job_results.add_variant(connection, result_set_id, variant)

    def wake_deliveries(self, destination: str, now: datetime) -> int:
        """Make the waiting deliveries to a destination due."""
        with self._transactions.write() as connection:
            return job_results.wake_deliveries(connection, destination, now)

    def retry_later(
        self,
        claim: Claim,
        reason: Reason,
        available_at: datetime,
        now: datetime,
        detail: dict[str, object] | None = None,
        objects: Sequence[ObjectDelivery] = (),
    ) -> bool:
        """RUNNING -> RETRYABLE."""
        change = JobChange(JobAction.RETRY_LATER, now, reason, detail)
        with self._transactions.write() as connection:
            return job_results.put_off(connection, claim, change, available_at, objects)

    def discard(
        self,
        claim: Claim,
        reason: Reason,
        now: datetime,
        detail: dict[str, object] | None = None,
        objects: Sequence[ObjectDelivery] = (),
    ) -> bool:
        """RUNNING -> DISCARDED for a DELIVER job."""
        change = JobChange(JobAction.DISCARD, now, reason, detail)
        with self._transactions.write() as connection:
            return job_results.discard_job(connection, claim, change, objects)

    def give_back(self, claim: Claim, now: datetime) -> bool:
        """RUNNING -> AVAILABLE at a clean shutdown."""
        with self._transactions.write() as connection:
            return job_changes.give_back(connection, claim, now)

    def expired(self, now: datetime) -> list[Claim]:
        """Take over the RUNNING jobs whose lease is over."""
        with self._transactions.write() as connection:
            return job_claims.expired(connection, now)

    def cancel(self, job_id: int, now: datetime, by: str = "") -> bool:
        """AVAILABLE, RETRYABLE or RUNNING -> CANCELLED, by a person."""
        with self._transactions.write() as connection:
            return job_changes.cancel(connection, job_id, now, by)

    def requeue(self, job_id: int, now: datetime, by: str = "") -> bool:
        """DISCARDED or CANCELLED -> AVAILABLE with attempts 0, by a person."""
        with self._transactions.write() as connection:
            return job_changes.requeue(connection, job_id, now, by)

    def get(self, job_id: int) -> JobRecord | None:
        """Return a job."""
        with self._transactions.read() as connection:
            return job_queries.job_by_id(connection, job_id)

    def page(self, selection: JobFilter, *, after_id: int = 0, limit: int = 1000) -> list[JobRecord]:
        """Return jobs in the order of their ids, one page."""
        with self._transactions.read() as connection:
            return job_queries.page_of_jobs(connection, selection, after_id=after_id, limit=limit)

    def of_series(self, series_id: int) -> list[JobRecord]:
        """Return all jobs of a series, oldest first."""
        with self._transactions.read() as connection:
            return job_queries.jobs_of_series(connection, series_id)

    def result_set(self, result_set_id: int) -> StoredResultSet | None:
        """Return a result set with its objects."""
        with self._transactions.read() as connection:
            return job_queries.result_set_by_id(connection, result_set_id)

    def result_sets_of_job(self, job_id: int) -> list[StoredResultSet]:
        """Return every result set of an INFER job, oldest first."""
        with self._transactions.read() as connection:
            return job_queries.result_sets_of_job(connection, job_id)

    def deliveries_of(self, result_set_id: int) -> list[JobRecord]:
        """Return the DELIVER and NOTIFY jobs of a result set, oldest first."""
        with self._transactions.read() as connection:
            return job_queries.deliveries_of(connection, result_set_id)

    def predecessors(self, job: JobRecord) -> list[StoredResultSet]:
        """Return the earlier result sets of this INFER job's subject and bundle, newest first."""
        with self._transactions.read() as connection:
            return job_queries.predecessors(connection, job.id)

    def delivered_objects(self, job_id: int) -> list[ObjectDelivery]:
        """Return what a DELIVER job has sent so far."""
        with self._transactions.read() as connection:
            return job_queries.delivered_objects(connection, job_id)

    def is_own_result(self, sop_instance_uid: str) -> bool:
        """Whether we made this SOP instance."""
        with self._transactions.read() as connection:
            return job_queries.is_own_result(connection, sop_instance_uid)

    def events(
        self,
        *,
        after_id: int = 0,
        limit: int = 1000,
        job_id: int | None = None,
        series_uid: str | None = None,
    ) -> list[EventRecord]:
        """Return events in the order of their ids, one page."""
        with self._transactions.read() as connection:
            return events.read_events(connection, after_id=after_id, limit=limit, job_id=job_id, series_uid=series_uid)

    def last_event_id(self) -> int:
        """Return the newest event's id, 0 if there is none."""
        with self._transactions.read() as connection:
            return events.last_event_id(connection)


def _summary(result: ResultSet, timings: dict[str, float]) -> dict[str, object]:
    summary: dict[str, object] = {"outcome": str(result.outcome), "score": result.score}
    return summary | {"timings": timings} if timings else summary
