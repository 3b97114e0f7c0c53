"""Held deliveries go on: their objects are written anew for the patient whom the destination has for the study now."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from pydicom import Dataset, dcmread
from pydicom.errors import InvalidDicomError

from hounsfield.daemon.clock import Clock
from hounsfield.daemon.config.destinations import Destination
from hounsfield.daemon.delivery.retry import is_kept
from hounsfield.daemon.errors import ResultError
from hounsfield.daemon.pipeline.rows import row_of
from hounsfield.daemon.results.profile import objects_of, profile_of
from hounsfield.daemon.results.reissue import NewPatient, Original, reissued
from hounsfield.daemon.results.request import BuiltObject, InstanceReference
from hounsfield.daemon.results.source_attributes import raw_bytes, text
from hounsfield.storage.ports import JobStore
from hounsfield.storage.recall import RecallStore
from hounsfield.storage.records import DeliveryRequest, JobRecord, ResultObject, ResultSet, StoredResultSet
from hounsfield.storage.results import ResultFiles
from hounsfield.storage.states import JobState, Reason, ResultKind

PatientOf = Callable[[Destination, JobRecord, str], Dataset]
"""Asks a destination for the patient of a study (UID), raw elements with their character set; may raise DeliveryError.
"""


@dataclass(frozen=True, slots=True)
class PatientChange:
    """Old and new patient of a held delivery. Patient data: for a person's eyes only, never for a log."""

    old: Dataset
    new: Dataset

    @property
    def is_none(self) -> bool:
        """Whether the destination names the patient of the images again."""
        before, after = (self._identity(one) for one in (self.old, self.new))
        return before[0] == after[0] and (before[1] == after[1] or not (before[1] and after[1]))

    @staticmethod
    def _identity(patient: Dataset) -> tuple[bytes, bytes]:
        found = (raw_bytes(patient, keyword) for keyword in ("PatientID", "IssuerOfPatientID"))
        identity, issuer = (value.strip(b" \0") for value in found)
        return identity, issuer


class Reissuer:
    """Writes the results of held deliveries anew, each for its own destination; what others have stays as it is."""

    def __init__(
        self,
        *,
        destinations: Sequence[Destination],
        jobs: JobStore,
        recalls: RecallStore,
        files: ResultFiles,
        patient_of: PatientOf,
        clock: Clock,
    ) -> None:
        self._destinations = {destination.name: destination for destination in destinations}
        self._jobs = jobs
        self._recalls = recalls
        self._files = files
        self._patient_of = patient_of
        self._clock = clock

    def held(self, series_id: int, destination: str | None = None) -> list[JobRecord]:
        """Return the deliveries of a series that wait because the patient has changed."""
        return [
            job
            for job in self._jobs.of_series(series_id)
            if job.state is JobState.HELD
            and job.reason is Reason.PATIENT_CHANGED
            and destination in (None, job.destination)
        ]

    def look(self, job: JobRecord) -> PatientChange:
        """Ask the destination who the patient is.

        Raise :class:`~hounsfield.daemon.errors.DeliveryError` where it does not say, :class:`ResultError` where the
        result cannot be read.
        """
        destination, result = self._where(job), self._result(job)
        old = self._read(self._wanted(result, destination)[0])
        return PatientChange(old, self._patient_of(destination, job, text(old, "StudyInstanceUID")))

    def reissue(self, job: JobRecord, change: PatientChange, by: str) -> int:
        """Write the objects of a held delivery anew and queue them; return the id of the new result set.

        Raise :class:`ResultError` where that cannot be done, or the delivery is not held any more.
        """
        destination, result = self._where(job), self._result(job)
        with self._files.alone():
            objects = self._wanted(result, destination)
            originals = [Original(role=one.role, dataset=self._read(one)) for one in objects]
            built = reissued(originals, NewPatient.of(change.new), self._predecessor(result, objects))
            anew = ResultSet(
                identity=result.identity,
                outcome=result.outcome,
                reason=result.reason,
                score=result.score,
                device=result.device,
                objects=tuple(self._kept(one, old.profile) for one, old in zip(built, objects, strict=True)),
                detail={**result.detail, "by": by},
                kind=ResultKind.REISSUE,
                replaces=result.id,
            )
            now = self._clock.now()
            request = DeliveryRequest(
                destination=destination.name,
                give_up_at=now + timedelta(days=destination.give_up_days),
                priority=job.priority,
            )
            done = self._recalls.reissue([job.id], anew, [request], now, by)
        if done is None:
            raise ResultError(f"delivery {job.id} is not held any more", "`hounsfield jobs show` tells why")
        return done

    def _where(self, job: JobRecord) -> Destination:
        known = self._destinations.get(job.destination or "")
        if known is None:
            raise ResultError(
                f"delivery {job.id} is for a destination that is not configured", "configure it again under its name"
            )
        return known

    def _result(self, job: JobRecord) -> StoredResultSet:
        result = self._jobs.result_set(job.result_set_id or 0)
        if result is None:
            raise ResultError(f"delivery {job.id} has no result", "`hounsfield jobs cancel` takes it out")
        return result

    def _wanted(self, result: StoredResultSet, destination: Destination) -> list[ResultObject]:
        """Return the objects of the destination's profile: those it does not ask for may be named by the others."""
        originals = [one for one in result.objects if one.variant_of is None]
        found = objects_of(originals, profile_of(destination).key)
        if not found:
            raise ResultError(f"result {result.id} has no object for this destination", "retract it, and replay")
        return found

    def _read(self, one: ResultObject) -> Dataset:
        path = self._files.path(one.sop_instance_uid)
        try:
            return dcmread(path)
        except (OSError, InvalidDicomError, EOFError, ValueError) as error:
            raise ResultError(
                "a result file cannot be read", "restore it from a backup of the results folder"
            ) from error

    def _predecessor(self, result: StoredResultSet, wanted: Sequence[ResultObject]) -> InstanceReference | None:
        """Name the old report if anybody has it, in the form in which it was taken."""
        reports = {one.sop_instance_uid for one in wanted if one.role == "sr"}
        kept = {
            sent.sop_instance_uid
            for job in self._jobs.deliveries_of(result.id)
            for sent in self._jobs.delivered_objects(job.id)
            if is_kept(sent.status)
        }
        for one in result.objects:
            if one.sop_instance_uid in kept and (one.variant_of or one.sop_instance_uid) in reports:
                return InstanceReference.read(self._files.path(one.sop_instance_uid))
        return None

    def _kept(self, built: BuiltObject, profile: str) -> ResultObject:
        return row_of(built, self._files.write(built.sop_instance_uid, built.content), profile)
