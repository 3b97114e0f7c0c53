"""Taking results back: nothing of them is sent any more, and whoever may have them gets a rejection note."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Protocol

from hounsfield.daemon.clock import Clock
from hounsfield.daemon.config.destinations import Destination, Notifier
from hounsfield.daemon.config.settings import Settings
from hounsfield.daemon.errors import ResultError
from hounsfield.daemon.pipeline.rows import row_of
from hounsfield.daemon.results.profile import objects_of, profile_of
from hounsfield.daemon.results.retraction import Rejection, rejection_note
from hounsfield.storage.ports import JobStore
from hounsfield.storage.recall import RecallStore, Withdrawal
from hounsfield.storage.records import DeliveryRequest, JobRecord, ResultObject, ResultSet, StoredResultSet
from hounsfield.storage.results import ResultFiles
from hounsfield.storage.states import JobKind, Outcome, Reason, ResultKind

GIVE_UP_DAYS = 7.0
"""How long a note waits for a destination that is not configured any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecallOrder:
    """What a person wants taken back, and how."""

    by: str
    words: str = ""
    """Why; stands in the note. No patient data."""
    corrected: bool = False
    """Whether a report without a finding follows the note."""


class RecallState(StrEnum):
    """What became of an order for one result set."""

    RETRACTED = "retracted"
    ALREADY = "already-retracted"
    NEVER_SENT = "never-to-be-sent"
    """It was made for nobody (shadow operation, no destination): there is nothing to take back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recalled:
    """What was done about one result set, or would be done."""

    state: RecallState
    cancelled: int = 0
    """Deliveries and notifications that had not ended."""
    notified: tuple[str, ...] = ()
    """Destinations that get the note."""
    told: tuple[str, ...] = ()
    """Those who were notified of the result and are told that it was taken back."""
    unconfigured: tuple[str, ...] = ()
    """Those of both that the configuration does not name any more: the note waits."""
    corrected: bool = False


class Corrections(Protocol):
    """Makes the report that follows a rejection note."""

    def report(
        self, job: JobRecord, taken: StoredResultSet, destinations: Sequence[str], words: str
    ) -> tuple[ResultObject, ...]:
        """Write the objects; none where no report can be made."""


class Retractor:
    """Takes result sets back, one at a time. What is done twice does nothing the second time."""

    def __init__(
        self,
        *,
        settings: Settings,
        jobs: JobStore,
        recalls: RecallStore,
        files: ResultFiles,
        corrections: Corrections,
        clock: Clock,
    ) -> None:
        self._destinations = {destination.name: destination for destination in settings.destination}
        self._notifiers = {notifier.name: notifier for notifier in settings.notify}
        self._settings = settings
        self._jobs = jobs
        self._recalls = recalls
        self._files = files
        self._corrections = corrections
        self._clock = clock

    def preview(self, result_set_id: int) -> Recalled:
        """Say what :meth:`retract` would do; nothing is changed."""
        if self._recalls.is_retracted(result_set_id):
            return Recalled(state=RecallState.ALREADY)
        seen = self._recalls.outlook(result_set_id)
        if seen is None or not seen.planned:
            return Recalled(state=RecallState.NEVER_SENT)
        return Recalled(
            state=RecallState.RETRACTED,
            cancelled=seen.cancelled,
            notified=seen.reached,
            told=seen.told,
            unconfigured=self._unconfigured(seen.reached, seen.told),
        )

    def retract(self, result_set_id: int, order: RecallOrder) -> Recalled:
        """Take one result set back.

        Raise StorageError, or :class:`ResultError` if the note cannot be written: nothing of the result is sent any
        more by then, and calling this again goes on.
        """
        with self._files.alone():
            taken = self._jobs.result_set(result_set_id)
            if taken is None or taken.kind is ResultKind.RETRACTION:
                raise ResultError(f"there is no result {result_set_id} to take back", "`hounsfield results list` shows")
            if self._recalls.is_retracted(result_set_id):
                return Recalled(state=RecallState.ALREADY)
            if taken.removed_at is not None:
                raise ResultError(
                    f"the files of result {result_set_id} were removed after their time, so that no note can name them",
                    "take it back at the destination itself",
                )
            withdrawal = self._recalls.withdraw(result_set_id, self._clock.now())
            if withdrawal is None or not withdrawal.planned:
                return Recalled(state=RecallState.NEVER_SENT)
            # read again: a courier may have put an object into another class until now
            return self._take_back(self._jobs.result_set(result_set_id) or taken, withdrawal, order)

    def _take_back(self, taken: StoredResultSet, withdrawal: Withdrawal, order: RecallOrder) -> Recalled:
        notes = self._notes(taken, withdrawal.reached, order.words)
        corrected = self._corrected(taken, withdrawal.reached, order)
        result = ResultSet(
            identity=taken.identity,
            outcome=Outcome.NOT_ANALYSED,
            reason=Reason.RETRACTED,
            score=None,
            device=None,
            objects=(*notes, *corrected),
            detail={"by": order.by, "words": order.words},
            kind=ResultKind.RETRACTION,
            replaces=taken.id,
        )
        requests = [self._request(JobKind.DELIVER, one, self._destinations.get(one)) for one in withdrawal.reached]
        requests += [self._request(JobKind.NOTIFY, one, self._notifiers.get(one)) for one in withdrawal.told]
        done = self._recalls.retract(taken.job_id, result, requests, self._clock.now(), order.by)
        if done is None:
            return Recalled(state=RecallState.ALREADY)
        return Recalled(
            state=RecallState.RETRACTED,
            cancelled=withdrawal.cancelled,
            notified=withdrawal.reached,
            told=withdrawal.told,
            unconfigured=self._unconfigured(withdrawal.reached, withdrawal.told),
            corrected=bool(corrected),
        )

    def _notes(self, taken: StoredResultSet, reached: Sequence[str], words: str) -> list[ResultObject]:
        """Write one note for each profile: it names all that destinations of the profile may have got."""
        named: dict[str, dict[str, ResultObject]] = {}
        delivered = self._delivered(taken)
        for name in reached:
            key = self._profile(name)
            objects = [*objects_of(taken.objects, key), *delivered.get(name, [])]
            named.setdefault(key, {}).update({one.sop_instance_uid: one for one in objects})
        return [self._note(key, list(objects.values()), words) for key, objects in named.items() if objects]

    def _note(self, profile: str, objects: Sequence[ResultObject], words: str) -> ResultObject:
        built = rejection_note(
            Rejection(
                objects=tuple(self._files.path(one.sop_instance_uid) for one in objects),
                profile=profile,
                words=words,
                created=self._clock.now(),
                timezone=self._settings.site.timezone,
            )
        )
        return row_of(built, self._files.write(built.sop_instance_uid, built.content), profile)

    def _delivered(self, taken: StoredResultSet) -> dict[str, list[ResultObject]]:
        """What each destination answered for, in any form: its profile may have been another one then."""
        by_uid = {one.sop_instance_uid: one for one in taken.objects}
        found: dict[str, list[ResultObject]] = {}
        for job in self._jobs.deliveries_of(taken.id):
            sent = [by_uid.get(one.sop_instance_uid) for one in self._jobs.delivered_objects(job.id)]
            found.setdefault(str(job.destination), []).extend(one for one in sent if one is not None)
        return found

    def _corrected(
        self, taken: StoredResultSet, reached: Sequence[str], order: RecallOrder
    ) -> tuple[ResultObject, ...]:
        job = self._jobs.get(taken.job_id)
        if not order.corrected or not reached or job is None:
            return ()
        newest = self._jobs.predecessors(job)[:1]
        if [found.id for found in newest] != [taken.id]:
            return ()  # a later result stands in its place already
        return self._corrections.report(job, taken, reached, order.words)

    def _request(self, kind: JobKind, name: str, known: Destination | Notifier | None) -> DeliveryRequest:
        """Whoever was told of a result is told that it was taken back, whatever outcomes they are told of else."""
        give_up_at = self._clock.now() + timedelta(days=GIVE_UP_DAYS if known is None else known.give_up_days)
        return DeliveryRequest(kind=kind, destination=name, give_up_at=give_up_at, priority=1)

    def _profile(self, name: str) -> str:
        known = self._destinations.get(name)
        return "" if known is None else profile_of(known).key

    def _unconfigured(self, names: Sequence[str], told: Sequence[str]) -> tuple[str, ...]:
        gone = [name for name in names if name not in self._destinations]
        return (*gone, *(name for name in told if name not in self._notifiers))
