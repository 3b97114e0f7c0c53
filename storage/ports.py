"""The two large plugs: series and jobs. The smaller ones stand beside their frozen rows, each in a module of its own.

One contract suite (tests/contract) runs over every implementation.

Every method is one transaction and may be called from several processes. ``now`` is always passed in.
"""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from hounsfield.storage.analysis_facts import AnalysisFacts
from hounsfield.storage.records import (
    AssociationEnd,
    AssociationRecord,
    Claim,
    DeliveryRequest,
    EventRecord,
    InferRequest,
    InstanceReceipt,
    InstanceRecord,
    JobFilter,
    JobRecord,
    ObjectDelivery,
    Registration,
    ResultObject,
    ResultSet,
    SeriesRecord,
    StoredResultSet,
    Verdict,
)
from hounsfield.storage.states import JobKind, Proof, Reason, SeriesState

Publish = Callable[[], None]
"""Gives the files of a result the names by which they are found."""


def nothing_to_publish() -> None:
    """Do nothing: the result has no files, or they have their names."""


class SeriesStore(Protocol):
    """Received instances, the associations that brought them, and the series they make."""

    def record(
        self,
        opened: Sequence[AssociationRecord],
        receipts: Sequence[InstanceReceipt],
        ended: Sequence[AssociationEnd],
    ) -> list[Registration]:
        """Add associations, then durable instances in their order, then endings: one transaction, all or nothing.

        Return what each receipt was. Repeating an association is harmless, and so is
        repeating a receipt, but for its being counted; endings of unknown associations are ignored (they stored
        nothing).

        A NEW instance or VARIANT puts a CLOSED or SKIPPED series back to RECEIVING; a HELD one stays held.
        An exact DUPLICATE is counted and changes no state; if its file had been removed it counts as here again.
        An event is written when a series is first seen or reopened (stage receive). An ending moves the version of
        each open series with images of its association, which it is evidence for, and touches none.

        Raise DatabaseUnavailable when the database took nothing: try the same again later. Any other StorageError
        means that a receipt contradicts what is registered (the same bytes as another instance) or cannot be stored:
        nothing of the batch was written, and recording its receipts one by one finds the one that is refused.
        """

    def lose_open_associations(self, alive: Collection[str], now: datetime) -> int:
        """Mark open associations of receivers that are not ``alive`` LOST; return how many.

        Their series count as touched ``now``. ``alive`` holds receivers' identities, the caller's among them.
        """

    def registered_digests(self, digests: Sequence[str]) -> set[str]:
        """Return those of ``digests`` that have a row (for start-up reconciliation), and were not removed since."""

    def digests(self, first: str) -> set[str]:
        """Return the digests with a row that begin with these digits (rows without a file raise an alarm at start).

        Not those whose files were removed after their time: a file that is still there is registered again.
        """

    def receiving(self) -> list[SeriesRecord]:
        """Return the RECEIVING series in the order of their ids. Every news of one gives it another version."""

    def get(self, series_id: int) -> SeriesRecord | None:
        """Return a series by its row id."""

    def find(self, series_uid: str) -> SeriesRecord | None:
        """Return a series by its Series Instance UID."""

    def page(
        self,
        *,
        after_id: int = 0,
        limit: int = 1000,
        state: SeriesState | None = None,
        reason: Reason | None = None,
        study_uid: str | None = None,
    ) -> list[SeriesRecord]:
        """Return series in the order of their ids, one page; None of the conditions: whatever it is."""

    def instances(self, series_id: int, revision: int | None = None) -> list[InstanceRecord]:
        """Return all copies (None), or the primary instances of one frozen revision's snapshot."""

    def verdict(self, series_id: int, revision: int) -> Verdict | None:
        """Return the completeness verdict a revision was closed with."""

    def associations(self, series_id: int) -> list[AssociationRecord]:
        """Return the associations that brought instances of this series."""

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
        """Freeze the next revision over the instance ids of ``snapshot`` and insert its INFER jobs.

        The series goes RECEIVING -> CLOSED with revision + 1; the instance ids in ``variants`` are counted into the
        revision without being in its snapshot. Returns False, and writes nothing, when an instance
        arrived that is newer than ``series`` as it was read (the assembler looks again later).
        """

    def of_study(self, study_uid: str) -> list[SeriesRecord]:
        """Return the series that were first seen under this Study Instance UID, in the order of their ids."""

    def close_unchanged(self, series: SeriesRecord, variants: Sequence[int], now: datetime) -> bool:
        """Put a reopened series back to what it was (CLOSED, same revision): only same-identity variants came.

        The instance ids in ``variants`` are counted into the current revision; none becomes primary. Jobs of this
        revision that a hold had cancelled are AVAILABLE again, but for INFER jobs that were overtaken
        (:meth:`JobStore.requeue`). Returns False as :meth:`close`.
        """

    def skip(
        self,
        series: SeriesRecord,
        reason: Reason,
        now: datetime,
        *,
        remarks: Sequence[str] = (),
        rule: str | None = None,
    ) -> bool:
        """RECEIVING -> SKIPPED(reason); False as for :meth:`close`."""

    def hold(
        self,
        series: SeriesRecord,
        reason: Reason,
        now: datetime,
        remarks: Sequence[str] = (),
        *,
        rule: str | None = None,
    ) -> bool:
        """RECEIVING or CLOSED -> HELD(reason); its jobs that have not started are CANCELLED in the same transaction.

        While it is held none of its jobs can be claimed, and results that end meanwhile get CANCELLED deliveries.
        """

    def hold_claimed(self, claim: Claim, reason: Reason, now: datetime, remarks: Sequence[str] = ()) -> bool:
        """CLOSED -> HELD(reason) because of what the worker saw in the pixels; the claimed job is CANCELLED(reason).

        The same as :meth:`hold` for the other jobs of the series, all in one transaction. False, and nothing is
        written, when the claim is lost or the series is no longer CLOSED at the job's revision.
        """

    def discard(self, series_id: int, reason: Reason, now: datetime, by: str = "") -> bool:
        """HELD -> SKIPPED(reason), by a person; whatever of its jobs has not ended is CANCELLED.

        ``by`` is who did it, and stands in the event's detail.
        """

    def release(self, series_id: int, now: datetime, by: str = "") -> bool:
        """HELD -> RECEIVING, by a person; the assembler looks at it again, and the hold's reason is waived.

        It stays waived (``SeriesRecord.waived``) until another image comes: only what was looked at was released.
        """

    def sendings(self, after: datetime, limit: int) -> list[tuple[str, datetime]]:
        """Return calling AE title and time of the associations that opened behind ``after``, the oldest first."""

    def known_elsewhere(self, series_id: int) -> int:
        """Return how many images of this series have a SOP Instance UID that came before in another series."""

    def reopen_passed_over(self, now: datetime) -> int:
        """SKIPPED(another-series-analysed) -> RECEIVING where that other series was not analysed after all.

        Returns how many. Nothing is reopened while a series of the same study and rule is open or in work.
        """

    def replay(self, series_id: int, now: datetime, by: str = "") -> bool:
        """SKIPPED -> RECEIVING, by a person: the rules are asked again.

        False for a series in another state, or of whose images some have gone (:meth:`forget`, ``PurgeStore``).
        """

    def forgettable(self, before: datetime, limit: int = 1000) -> list[SeriesRecord]:
        """Return SKIPPED(no-rule) series that were never analysed and had no news and no replay since ``before``."""

    def forget(self, series_id: int, before: datetime, now: datetime) -> tuple[str, ...] | None:
        """Delete the rows of the images of such a series; return their digests, whose files may go.

        None, and nothing is written, when the series is not, or no longer, one of them. The series stays
        SKIPPED(no-rule) with no instances. To be called through :meth:`~hounsfield.storage.spool.Spool.remove`.
        """


class JobStore(Protocol):
    """Jobs, their results and the event log."""

    def claim(
        self,
        kinds: Sequence[JobKind],
        worker: str,
        lease: timedelta,
        now: datetime,
        destinations: Sequence[str] | None = None,
    ) -> Claim | None:
        """Take the due job whose turn it is; attempts + 1, fence + 1, event written.

        The highest priority is first, unless a line of lower priority has waited too long
        (:class:`~hounsfield.storage.claim_order.ClaimOrder`); in a line the scanners take turns
        (:mod:`hounsfield.storage.turns`), and of one scanner the oldest is first.
        Due: AVAILABLE or RETRYABLE with ``available_at`` <= now. ``destinations`` limits DELIVER jobs. An INFER job
        waits until earlier ones with the same subject and bundle have ended.
        """

    def claim_overdue(self, destination: str, worker: str, lease: timedelta, now: datetime) -> Claim | None:
        """Take a due DELIVER job of a destination whose ``give_up_at`` is over, as :meth:`claim` does."""

    def heartbeat(self, claim: Claim, until: datetime) -> bool:
        """Extend the lease; False when the claim is lost."""

    def record_progress(self, claim: Claim, stage: str, seconds: float, now: datetime) -> None:
        """Append an event for a stage that ended inside a RUNNING job (for ``jobs tail``); no state change."""

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
        """RUNNING -> COMPLETED with its result set and DELIVER jobs; False when the claim is lost.

        A delivery that is withheld makes no job; an event of this job names destination and reason. ``facts`` are kept
        of what was analysed. ``publish`` is called while the job is locked, and only if the claim is not lost; where it
        raises nothing is written.
        """

    def discard_infer(
        self,
        claim: Claim,
        reason: Reason,
        result: ResultSet,
        deliveries: Sequence[DeliveryRequest],
        now: datetime,
        publish: Publish = nothing_to_publish,
    ) -> bool:
        """RUNNING -> DISCARDED with a not-analysed result set and its DELIVER jobs; False when the claim is lost.

        ``publish`` as in :meth:`complete_infer`.
        """

    def complete_delivery(
        self,
        claim: Claim,
        objects: Sequence[ObjectDelivery],
        now: datetime,
        timings: dict[str, float],
        proof: Proof,
        reason: Reason | None = None,
    ) -> bool:
        """RUNNING -> COMPLETED with its proof, for a DELIVER or NOTIFY job; False when the claim is lost.

        ``reason`` says why the proof is not what was wanted.
        """

    def hold_delivery(
        self, claim: Claim, reason: Reason, now: datetime, objects: Sequence[ObjectDelivery] = ()
    ) -> bool:
        """RUNNING -> HELD for a DELIVER job, until a person requeues or cancels it; False when the claim is lost."""

    def add_variant(self, result_set_id: int, variant: ResultObject) -> None:
        """Keep an object that carries another one's content under another SOP class; harmless if it is there."""

    def wake_deliveries(self, destination: str, now: datetime) -> int:
        """Make the DELIVER jobs due that wait because a destination was out of reach; return how many.

        Those that it refused, or whose proof it owes, keep their time.
        """

    def retry_later(
        self,
        claim: Claim,
        reason: Reason,
        available_at: datetime,
        now: datetime,
        detail: dict[str, object] | None = None,
        objects: Sequence[ObjectDelivery] = (),
    ) -> bool:
        """RUNNING -> RETRYABLE; an INFER job whose series is HELD by now is CANCELLED for the reason of the hold."""

    def discard(
        self,
        claim: Claim,
        reason: Reason,
        now: datetime,
        detail: dict[str, object] | None = None,
        objects: Sequence[ObjectDelivery] = (),
    ) -> bool:
        """RUNNING -> DISCARDED for a DELIVER job."""

    def give_back(self, claim: Claim, now: datetime) -> bool:
        """RUNNING -> AVAILABLE at a clean shutdown, or as :meth:`retry_later`; the attempt is uncounted."""

    def expired(self, now: datetime) -> list[Claim]:
        """Return RUNNING jobs whose lease is over, each as a fresh claim of the caller (fence + 1, short lease)."""

    def cancel(self, job_id: int, now: datetime, by: str = "") -> bool:
        """AVAILABLE, RETRYABLE or RUNNING -> CANCELLED, by a person. False if there is no such job or it has ended.

        ``by`` is who did it, and stands in the event's detail.
        """

    def requeue(self, job_id: int, now: datetime, by: str = "") -> bool:
        """DISCARDED or CANCELLED -> AVAILABLE with attempts 0, by a person; False while its series is HELD.

        False too for an INFER job that a later one with the same subject and bundle has overtaken: its report would
        come after the newer one. A later one that was cancelled before it left a result has overtaken nothing.
        False where the files that the job reads were removed after their time.
        A DELIVER job gets as long until ``give_up_at`` as it had at first. ``by`` is who did it, as in :meth:`cancel`.
        """

    def get(self, job_id: int) -> JobRecord | None:
        """Return a job."""

    def page(self, selection: JobFilter, *, after_id: int = 0, limit: int = 1000) -> list[JobRecord]:
        """Return jobs in the order of their ids, one page."""

    def of_series(self, series_id: int) -> list[JobRecord]:
        """Return all jobs of a series, oldest first."""

    def result_set(self, result_set_id: int) -> StoredResultSet | None:
        """Return a result set with its objects."""

    def result_sets_of_job(self, job_id: int) -> list[StoredResultSet]:
        """Return every result set of an INFER job, oldest first."""

    def deliveries_of(self, result_set_id: int) -> list[JobRecord]:
        """Return the DELIVER and NOTIFY jobs of a result set, oldest first."""

    def predecessors(self, job: JobRecord) -> list[StoredResultSet]:
        """Return the earlier result sets of this INFER job's subject and bundle, newest first (any bundle version).

        Earlier are those of jobs with a smaller id, and of the job itself when it was sent round again. Those of
        earlier revisions of its part of the series count under whatever subject. Those of shadow jobs, which
        nobody was sent, are left out unless the job is one itself.
        """

    def delivered_objects(self, job_id: int) -> list[ObjectDelivery]:
        """Return what a DELIVER job has sent so far."""

    def is_own_result(self, sop_instance_uid: str) -> bool:
        """Whether we made this SOP instance."""

    def events(
        self,
        *,
        after_id: int = 0,
        limit: int = 1000,
        job_id: int | None = None,
        series_uid: str | None = None,
    ) -> list[EventRecord]:
        """Return events in the order of their ids, one page."""

    def last_event_id(self) -> int:
        """Return the newest event's id, 0 if there is none."""
